"""Rewinds of one session at once, as processes make them: whichever steps of one come between another's.

Each is stopped before its n-th call to a backend; then they go on to their ends, one after the other.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from everstore.branching.forks import Branches
from everstore.store import Roles

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from everstore import BoundSession, Checkpoint, Store


class Stepping:
    """A rewind that goes on by so many calls to a backend at a time."""

    def __init__(self, store: Store, session_id: UUID, checkpoint: UUID, *, keep: bool) -> None:
        roles = Roles(*[SteppingPart(part, self) for part in store._trusted])
        rewind = Branches(roles, store.backends).rewind(session_id, checkpoint, keep=keep)
        self._reached, self._left = asyncio.Event(), 0
        self._may_go_on = asyncio.Event()
        self.task = asyncio.ensure_future(rewind)
        self.task.add_done_callback(lambda _: self._reached.set())

    async def through(self, call: Callable[[], Awaitable[Any]]) -> Any:
        while not self._left:
            self._may_go_on.clear()
            self._reached.set()
            await self._may_go_on.wait()
        self._left -= 1
        return await call()

    async def on(self, calls: int) -> None:
        """Go on for so many calls, or to the end."""
        self._left = calls
        self._reached.clear()
        self._may_go_on.set()
        if not self.task.done():
            await self._reached.wait()

    async def to_the_end(self) -> Checkpoint | None:
        await self.on(1000)
        return await self.task


class SteppingPart:
    """A part of a store."""

    def __init__(self, part: Any, steps: Stepping) -> None:
        self._part, self._steps = part, steps

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._part, name)
        if not callable(member):
            return member
        return lambda *args, **options: self._steps.through(lambda: member(*args, **options))


async def held(work: BoundSession) -> dict[str, Any]:
    values = {value.key: value.value for value in await work.storage.read_values()}
    files = {info.path: info.size_bytes for info in await work.files.list_tree()}
    return files | values


async def begun(store: Store) -> tuple[BoundSession, list[Checkpoint], list[dict[str, Any]]]:
    """A session, two checkpoints of it, and what they hold."""
    work = store.session(await store.create_session("a task"))
    made: list[Checkpoint] = []
    for number in (1, 2):
        await work.files.write_file("/f", "x" * number)
        await work.files.write_file(f"/{number}/f", "x")
        await work.storage.set_value("k", f"{number}")
        await work.storage.set_value(f"{number}", "x")
        made.append(await store.checkpoint(work.id))
    for path in ("/f", "/1", "/2"):
        await work.files.delete_file(path, recursive=True)
    await work.storage.delete_value("1")
    await work.storage.delete_value("k")
    await work.storage.set_value("now", "x")
    await work.files.write_file("/now", "x")
    return work, made, [await held(store.session(each)) for each in made]


async def swept(store: Store, session_id: UUID, made: list[Checkpoint]) -> list[dict[str, Any]]:
    """What the checkpoints hold that rewinds have kept; they are deleted."""
    kept = [each for each in await store.list_checkpoints(session_id) if each not in made]
    found = [await held(store.session(each)) for each in kept]
    assert all([await store.delete_checkpoint(each) for each in kept])
    return found


@pytest.mark.parametrize("keeps", [(True, True), (True, False), (False, True)], ids=str)
async def test_of_two_rewinds_at_once_the_session_has_one_ones_checkpoint_whole(store, keeps):
    work, made, wanted = await begun(store)
    for stops in itertools.product(range(2, 8), repeat=2):  # from before the record to the last look
        await work.files.write_file("/own", "x")
        await work.storage.set_value("own", "x")
        rewinds = [
            Stepping(store, work.id, checkpoint.id, keep=keep)
            for checkpoint, keep in zip(made, keeps, strict=True)
        ]
        for rewind, calls in zip(rewinds, stops, strict=True):
            await rewind.on(calls)
        for rewind in rewinds:
            await rewind.to_the_end()
        assert await held(work) in wanted, stops
        found = await swept(store, work.id, made)
        if all(keeps):
            assert any("/own" in each for each in found)
            assert any("own" in each for each in found)


async def test_rewinds_of_one_process_wait_for_each_other(store):
    """So each keeps what the one before had made, whole."""
    work, made, wanted = await begun(store)
    now = await held(work)
    await asyncio.gather(*(store.rewind(work.id, checkpoint) for checkpoint in made * 3))
    last = await held(work)
    assert last in wanted
    found = await swept(store, work.id, made)
    assert len(found) == 6
    assert [each for each in found if each not in wanted] == [now]
