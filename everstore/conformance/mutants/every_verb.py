"""Mistakes that any verb can make, made by all of them, or by one that nobody thinks of."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from typing import Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import BackendUnavailableError

__all__: list[str] = []

_SLOTS = 126


@mutant("lifecycle.cancelled.list_records")
def spoils_what_is_cancelled(broken: Broken) -> None:
    """A call that is cancelled leaves its place, or its connection, unusable."""

    def wrap(call: Any) -> Any:
        spoilt: set[Any] = set()

        async def spoiling(*args: Any, **options: Any) -> Any:
            if args[:2] in spoilt:
                raise BackendUnavailableError("the connection is in use", happened=False)
            try:
                await asyncio.sleep(0)
                return await call(*args, **options)
            except asyncio.CancelledError:
                spoilt.add(args[:2])
                raise

        return spoiling

    broken.around(wrap)


def _keep_locks(broken: Broken, *names: str) -> None:
    """Each verb has a lock for each place, and one that is cancelled keeps it."""

    def wrap(call: Any) -> Any:
        locks: dict[Any, asyncio.Lock] = {}

        async def locked(*args: Any, **options: Any) -> Any:
            lock = locks.setdefault(args[:2], asyncio.Lock())
            await lock.acquire()
            await asyncio.sleep(0)
            try:
                answer = await call(*args, **options)
            except Exception:
                lock.release()
                raise
            lock.release()
            return answer

        return locked

    broken.around(wrap, names=names)


@mutant("lifecycle.cancelled.retitle")
def keeps_every_lock(broken: Broken) -> None:
    """Every verb that is cancelled keeps the lock of its place."""
    _keep_locks(broken)


@mutant("lifecycle.cancelled.append")
def keeps_locks_of_appends(broken: Broken) -> None:
    """An append that is cancelled keeps the lock of its file."""
    _keep_locks(broken, "append_file")


@mutant("lifecycle.cancelled.list_keys")
def keeps_locks_of_looks(broken: Broken) -> None:
    """A verb that only looks keeps its lock when it is cancelled."""
    _keep_locks(broken, "list_keys", "list_directory", "get_value", "stat_file")


@mutant("lifecycle.cancelled.swap", durable=True)
def keeps_locks_of_swaps(broken: Broken) -> None:
    """A swap of a secret that is cancelled keeps its lock."""
    _keep_locks(broken, "swap_secret")


@mutant("lifecycle.cancelled.delete_secret")
def keeps_locks_of_secrets(broken: Broken) -> None:
    """What changes a secret keeps its lock when it is cancelled."""
    _keep_locks(broken, "set_secret", "delete_secret")


async def _in_background(work: Any, working: set[Any]) -> Any:
    """What a task of its own makes of the work, whoever waits for it."""
    task = asyncio.create_task(work)
    working.add(task)

    def over(_: object) -> None:
        working.discard(task)
        if not task.cancelled():
            task.exception()  # perhaps nobody else looks at it

    task.add_done_callback(over)
    return await asyncio.shield(task)


def _put_off(broken: Broken, seconds: tuple[float, ...], *names: str) -> None:
    """These verbs are handed to a worker, which makes them a little later whether or not anybody waits."""
    working: set[Any] = set()
    delays = itertools.cycle(seconds)

    def wrap(call: Any) -> Any:
        async def put_off(*args: Any, **options: Any) -> Any:
            async def later() -> Any:
                await asyncio.sleep(next(delays))
                return await call(*args, **options)

            return await _in_background(later(), working)

        return put_off

    async def close() -> None:
        await asyncio.gather(*working, return_exceptions=True)
        await broken.sound.close()

    broken.around(wrap, names=names)
    broken.close = close


@mutant("lifecycle.cancelled.seed_onto")
def seeds_when_nobody_waits(broken: Broken) -> None:
    """A seed that was cancelled is made all the same, a little later."""
    _put_off(broken, (0.003,), "seed_initial_file")


@mutant("lifecycle.cancelled_among_others")
def makes_cancelled_calls_in_no_order(broken: Broken) -> None:
    """Writes are made by several threads, some of them slow, which a cancelled caller does not stop."""
    _put_off(broken, (0.006, 0, 0.003, 0.0005), "set_value", "set_secret", "write_file", "append_file")


def _leaking(broken: Broken, leak: Any, *names: str) -> None:
    """Each of these verbs opens something, which stays open when it fails or is cancelled."""

    def wrap(call: Any) -> Any:
        async def leaky(*args: Any, **options: Any) -> Any:
            give_back = leak()
            await asyncio.sleep(0)
            answer = await call(*args, **options)
            give_back()
            return answer

        return leaky

    broken.around(wrap, names=names)


def _leak_descriptors(broken: Broken, *names: str) -> None:
    opened: set[int] = set()

    def leak() -> Any:
        descriptor = os.open(os.devnull, os.O_RDONLY)
        opened.add(descriptor)

        def give_back() -> None:
            opened.discard(descriptor)
            os.close(descriptor)

        return give_back

    async def close() -> None:
        for descriptor in opened:
            os.close(descriptor)
        opened.clear()
        await broken.sound.close()

    _leaking(broken, leak, *names)
    broken.close = close


@mutant("lifecycle.left_behind.list_records")
def leaks_descriptors(broken: Broken) -> None:
    """Every verb opens a file, and closes it only when it answers."""
    _leak_descriptors(broken)


@mutant("lifecycle.left_behind.glob")
def leaks_descriptors_of_globs(broken: Broken) -> None:
    """A glob opens a file, and closes it only when it answers."""
    _leak_descriptors(broken, "glob_files")


@mutant("lifecycle.left_behind.delete_secret")
def leaks_tasks(broken: Broken) -> None:
    """What deletes starts a watcher, which ends only with a call that answers."""
    watching: set[Any] = set()

    def leak() -> Any:
        task = asyncio.create_task(asyncio.Event().wait())
        watching.add(task)
        return task.cancel

    async def close() -> None:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await broken.sound.close()

    _leaking(broken, leak, "delete_secret", "delete_value", "delete_session")
    broken.close = close


@mutant("lifecycle.left_behind.edit")
def leaks_threads(broken: Broken) -> None:
    """An edit starts a thread, which ends only when the edit answers."""
    ends: list[threading.Event] = []

    def leak() -> Any:
        end = threading.Event()
        ends.append(end)
        threading.Thread(target=end.wait, name="editor", daemon=True).start()
        return end.set

    async def close() -> None:
        for end in ends:
            end.set()
        await broken.sound.close()

    _leaking(broken, leak, "edit_file")
    broken.close = close


@mutant("lifecycle.many_looks")
def runs_out_of_slots(broken: Broken) -> None:
    """Every hundredth look keeps its reader's slot, of which there are 126."""
    looks = 0

    def wrap(call: Any) -> Any:
        async def look(*args: Any) -> Any:
            nonlocal looks
            looks += 1
            if looks > 100 * _SLOTS:
                raise BackendUnavailableError("no slot for a reader is left", happened=False)
            return await call(*args)

        return look

    broken.around(wrap, names=("stat_file", "get_value", "read_file", "list_directory"))
