"""What forks, checkpoints, rewinding and merging leave where a call within them fails, or their process ends.

Each is tried with trouble at its first call to a backend, at its second, and so on until none is left: before
the call happened or after it. In a ``crash`` every later call fails, too, so nothing is taken back.
"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from everstore import errors, new_session_id
from everstore.branching.forks import Branches
from everstore.pruning import prune
from everstore.store import Roles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from uuid import UUID

    from everstore import Store


class Trouble:
    """Comes at the n-th call, before it happens or after."""

    def __init__(self, at: int, *, is_after: bool, is_crash: bool) -> None:
        self.left, self.is_after, self.is_crash = at, is_after, is_crash
        self.came = False

    async def through(self, call: Callable[[], Awaitable[Any]]) -> Any:
        self.left -= 1
        if self.left > 0 or (self.left < 0 and not self.is_crash):
            return await call()
        is_first, self.came = not self.came, True
        if is_first and self.is_after:
            await call()
        raise errors.BackendUnavailableError("trouble", happened=None)


class Meanwhile(Trouble):
    """Somebody else's write, before the n-th call."""

    def __init__(self, at: int, write: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(at, is_after=False, is_crash=False)
        self._write = write

    async def through(self, call: Callable[[], Awaitable[Any]]) -> Any:
        self.left -= 1
        if self.left == 0:
            self.came = True
            await self._write()
        return await call()


class Troubled:
    """A part of a store in trouble."""

    def __init__(self, part: Any, trouble: Trouble) -> None:
        self._part, self._trouble = part, trouble

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._part, name)
        if not callable(member):
            return member
        return lambda *args, **options: self._trouble.through(lambda: member(*args, **options))


@contextmanager
def troubled(store: Store, trouble: Trouble) -> Iterator[None]:
    """The verbs of the store itself, on parts that are in trouble."""
    kept = Roles(store.file_system, store.storage, store.sessions)
    branches = store._branches
    store._branches = Branches(Roles(*[Troubled(part, trouble) for part in store._trusted]), store.backends)
    store.file_system, store.storage, store.sessions = [Troubled(part, trouble) for part in kept]
    try:
        yield
    finally:
        store._branches = branches
        store.file_system, store.storage, store.sessions = kept


class Task(NamedTuple):
    """A session with a checkpoint, and what both have."""

    id: UUID
    checkpoint: UUID
    then: dict[str, str]
    now: dict[str, str]


async def contents(store: Store, session_id: UUID) -> dict[str, str]:
    work = store.session(session_id)
    files = [await work.files.read_file(info.path) for info in await work.files.list_tree()]
    seen = {file.path: file.content for file in files if file is not None}
    return seen | {value.key: value.value for value in await work.storage.read_values()}


async def begun(store: Store) -> Task:
    session = await store.create_session("a task")
    work = store.session(session)
    await work.files.write_file("/d/a", "then")
    await work.storage.set_values({"k": "then", "gone": "then"})
    await work.storage.set_secret("token", "hidden")
    then = await contents(store, session.id)
    checkpoint = await store.checkpoint(session, "then")
    await work.files.write_file("/d/a", "now")
    await work.files.write_file("/new", "now")
    await work.storage.set_value("k", "now")
    await work.storage.delete_value("gone")
    return Task(session.id, checkpoint.id, then, await contents(store, session.id))


async def everybody(store: Store) -> set[UUID]:
    return {*await store.session_ids(limit=1000)}


async def swept(store: Store) -> None:
    """What a crash left goes with those that have no record."""
    async for each in prune(store, idle=1e-9, without_record=True):  # at once: nobody is at work here
        assert each.outcome == "deleted"


async def tries(store: Store, work: Callable[[], Awaitable[Any]], *, is_crash: bool) -> AsyncIterator[bool]:
    """Try the same with trouble at each of its calls; whether it failed."""
    for at in itertools.count(1):
        came = False
        for is_after in (False, True):
            trouble = Trouble(at, is_after=is_after, is_crash=is_crash)
            with troubled(store, trouble):
                try:
                    await work()
                    failed = False
                except errors.BackendUnavailableError:
                    failed = True
            came = came or trouble.came
            yield failed
        if not came:
            assert at > 2
            return


CRASH = pytest.mark.parametrize("is_crash", [False, True], ids=["failure", "crash"])


@CRASH
@pytest.mark.parametrize("base", [True, False])
async def test_a_fork_that_fails_leaves_nothing(store, base, is_crash):
    task = await begun(store)
    forks: list[UUID] = []

    async def fork() -> None:
        forks.append((await store.fork_session(task.id, secrets=True, base=base)).id)

    before = await everybody(store)
    async for failed in tries(store, fork, is_crash=is_crash):
        if is_crash and failed:
            await swept(store)
        for made in forks:
            assert await contents(store, made) == task.now
            assert await store.session(made).storage.get_secret("token") == "hidden"
            assert await store.delete_session(made)
        for record in await store.sessions.list_sessions():  # told as failed, and there, whole
            if record.id not in before:
                assert is_crash
                assert await contents(store, record.id) == task.now
                await store.delete_session(record.id)
        assert failed or forks
        forks.clear()
        assert await everybody(store) == before
    assert await contents(store, task.id) == task.now


@CRASH
async def test_a_checkpoint_that_fails_leaves_nothing(store, is_crash):
    task = await begun(store)
    before = await everybody(store)
    async for failed in tries(store, lambda: store.checkpoint(task.id, "another"), is_crash=is_crash):
        for checkpoint in (await store.list_checkpoints(task.id))[:-1]:
            assert is_crash or not failed
            assert await contents(store, checkpoint.id) == task.now
            assert await store.delete_checkpoint(checkpoint)
        if is_crash and failed:
            await swept(store)
        assert await everybody(store) == before
    assert await contents(store, task.id) == task.now


@CRASH
@pytest.mark.parametrize("keep", [True, False])
async def test_a_rewind_that_fails_is_undone_or_done_again(store, keep, is_crash):
    """Whatever it came to: one goes back to all that was there, or on to all that was wanted."""
    task = await begun(store)

    async def rewind() -> None:
        await store.rewind(task.id, task.checkpoint, keep=keep)

    undo = True
    async for failed in tries(store, rewind, is_crash=is_crash):
        got = await contents(store, task.id)
        assert failed or got == task.then
        assert await store.session(task.id).storage.get_secret("token") == "hidden"
        if got != task.now and undo and (keep or got != task.then):
            await store.rewind(task.id, (await store.list_checkpoints(task.id))[0])
            assert await contents(store, task.id) == task.now
        else:
            await store.rewind(task.id, task.checkpoint)
            assert await contents(store, task.id) == task.then
            await store.session(task.id).files.write_file("/d/a", "now")
            await store.session(task.id).files.write_file("/new", "now")
            await store.session(task.id).storage.set_value("k", "now")
            await store.session(task.id).storage.delete_value("gone")
        undo = not undo
        for checkpoint in (await store.list_checkpoints(task.id))[:-1]:
            assert await store.delete_checkpoint(checkpoint)
    assert await contents(store, task.checkpoint) == task.then


@CRASH
async def test_a_rewind_that_failed_is_undone_behind_another_one(store, is_crash):
    """What it kept is all that was there, also where the values went only with the next rewind."""
    task = await begun(store)

    async def rewind() -> None:
        await store.rewind(task.id, task.checkpoint)

    async for failed in tries(store, rewind, is_crash=is_crash):
        kept = (await store.list_checkpoints(task.id))[:-1]
        assert kept or failed
        kept = kept or [await store.checkpoint(task.id)]
        for _ in range(2):
            await store.rewind(task.id, task.checkpoint)
            assert await contents(store, task.id) == task.then
            await store.rewind(task.id, kept[0])
            assert await contents(store, task.id) == await contents(store, kept[0].id) == task.now
        for checkpoint in (await store.list_checkpoints(task.id))[:-1]:
            assert await store.delete_checkpoint(checkpoint)


@CRASH
@pytest.mark.parametrize("role", ["files", "values"])
async def test_what_a_rewind_found_empty_is_empty_again_when_it_is_undone(store, role, is_crash):
    """How far a rewind came is not told from what it kept, where there was nothing to keep."""
    task = await begun(store)
    work = store.session(task.id)
    if role == "files":
        for info in await work.files.list_directory():
            await work.files.delete_file(info.path, recursive=True)
    else:
        for info in await work.storage.list_keys():
            await work.storage.delete_value(info.key)
    now = await contents(store, task.id)

    async def rewind() -> None:
        await store.rewind(task.id, task.checkpoint)

    async for failed in tries(store, rewind, is_crash=is_crash):
        undo = [each for each in await store.list_checkpoints(task.id) if each.id != task.checkpoint]
        assert undo or failed
        for checkpoint in undo:
            await store.rewind(task.id, checkpoint, keep=False)
            assert await store.delete_checkpoint(checkpoint)
        if not undo:
            assert {**now, **await contents(store, task.id)} == await contents(store, task.id)
        for path in ("/d", "/new") if role == "files" else ():
            await work.files.delete_file(path, recursive=True)
        assert await contents(store, task.id) == now


@CRASH
async def test_a_deletion_that_fails_is_finished_by_the_next(store, is_crash):
    nobody = await everybody(store)
    for at in itertools.count(1):
        for is_after in (False, True):
            task = await begun(store)
            fork = await store.fork_session(task.id)
            trouble = Trouble(at, is_after=is_after, is_crash=is_crash)
            with troubled(store, trouble):
                try:
                    await store.delete_session(task.id)
                except errors.BackendUnavailableError:
                    assert trouble.came
            for checkpoint in await store.list_checkpoints(task.id):  # whole, as long as it is listed
                assert await contents(store, checkpoint.id) == task.then
            await store.delete_session(task.id)
            assert not await store.delete_session(task.id)
            assert await contents(store, fork.id) == task.now
            assert await store.delete_session(fork.id)
            assert await everybody(store) == nobody
        if not trouble.came:
            return


@CRASH
async def test_a_checkpoint_is_whole_or_nobody_goes_back_to_it(store, is_crash):
    task = await begun(store)
    for at in itertools.count(1):
        for is_after in (False, True):
            checkpoint = await store.checkpoint(task.id)
            trouble = Trouble(at, is_after=is_after, is_crash=is_crash)
            with troubled(store, trouble):
                try:
                    await store.delete_checkpoint(checkpoint)
                except errors.BackendUnavailableError:
                    assert trouble.came
            if checkpoint in await store.list_checkpoints(task.id):
                assert await contents(store, checkpoint.id) == task.now
            else:
                for call in (store.rewind(task.id, checkpoint), store.fork_session(checkpoint)):
                    with pytest.raises(errors.CheckpointNotFoundError):
                        await call
            assert await contents(store, task.id) == task.now
            await store.delete_checkpoint(checkpoint)
            assert not await store.delete_checkpoint(checkpoint)
            assert await everybody(store) == {task.id, task.checkpoint}
        if not trouble.came:
            return


@CRASH
async def test_a_merge_that_fails_is_finished_by_the_next(store, is_crash):
    task = await begun(store)
    for at in itertools.count(1):
        for is_after in (False, True):
            fork = await store.fork_session(task.id)
            work = store.session(fork)
            await work.files.write_file("/d/a", f"{at}")
            await work.files.write_file("/also", f"{at}")
            await work.storage.set_values({"k": f"{at}", "also": f"{at}"})
            before, wanted = await contents(store, task.id), await contents(store, fork.id)
            trouble = Trouble(at, is_after=is_after, is_crash=is_crash)
            with troubled(store, trouble):
                try:
                    await store.merge(fork)
                except errors.BackendUnavailableError:
                    assert trouble.came
            got = await contents(store, task.id)
            assert got in (before, wanted, {**before, **{p: wanted[p] for p in wanted if p[0] == "/"}})
            await store.merge(fork)
            assert await contents(store, task.id) == wanted
            await store.delete_session(fork.id)
            await store.session(task.id).files.write_file("/d/a", "now")
            await store.session(task.id).files.delete_file("/also")
            await store.session(task.id).storage.delete_value("also")
        if not trouble.came:
            return


# -- what is in the way -----------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["files", "values"])
async def test_no_fork_goes_where_something_is_and_nothing_of_it_does(store, snapshot, role):
    task, other = await begun(store), new_session_id()
    if role == "files":
        await store.session(other).files.create_directory("d")
    else:
        await store.session(other).storage.set_value("k", "x")
    everyone, before = await everybody(store), await snapshot(other)
    with pytest.raises(errors.SessionNotEmptyError) as refused:
        await store.fork_session(task.id, session_id=other)
    assert refused.value.session_id == other
    assert not getattr(refused.value, "__notes__", None)
    assert (await everybody(store), await snapshot(other)) == (everyone, before)


async def test_what_a_checkpoint_refuses_says_how_one_is_removed(store):
    task = await begun(store)
    for call in (
        store.delete_session(task.checkpoint),
        store.create_session(session_id=task.checkpoint),
        store.fork_session(task.id, session_id=task.checkpoint),
        store.rewind(task.checkpoint, task.checkpoint),
        store.checkpoint(task.checkpoint),
        store.merge(task.id, task.checkpoint),
    ):
        with pytest.raises(errors.ReadOnlySessionError, match="delete_checkpoint") as refused:
            await call
        assert not getattr(refused.value, "__notes__", None)
    assert await contents(store, task.checkpoint) == task.then


async def test_what_others_write_within_a_merge_is_not_lost(store):
    own = store.session(new_session_id())
    for at in itertools.count(1):
        await own.files.write_file("a", "both\n")
        fork = await store.fork_session(own.id)
        await store.session(fork).files.write_file("a", "fork\n")
        trouble = Meanwhile(at, lambda: own.files.append_file("a", "own\n"))
        with troubled(store, trouble), suppress(errors.MergeConflictError):
            await store.merge(fork.id)
        found = await own.files.read_file("a")
        assert found.content in ({"both\nown\n", "fork\nown\n"} if trouble.came else {"fork\n"})
        if not trouble.came:
            break
    assert at > 6


@pytest.mark.parametrize("given", [0, "x", "", (), object()], ids=lambda given: repr(given)[:7])
async def test_a_fork_takes_no_id_that_is_none(store, given):
    task = await begun(store)
    everyone = await everybody(store)
    with pytest.raises(errors.InvalidSessionIdError):
        await store.fork_session(task.id, session_id=given)
    with pytest.raises(errors.InvalidContentError, match="label"):
        await store.checkpoint(task.id, given if not isinstance(given, str) else f"{given}\0")
    assert await everybody(store) == everyone


async def test_a_fork_takes_the_id_of_a_record(store):
    task = await begun(store)
    record = await store.create_session("another")
    fork = await store.fork_session(task.id, session_id=record)
    assert fork.id == record.id
    assert await contents(store, record.id) == task.now


async def test_without_an_event_loop_a_branch_is_made_or_refused_and_nothing_else(store):
    task = await begun(store)
    fork = await store.fork_session(task.id)
    await store.session(fork).storage.set_value("k", "fork")
    calls = [
        store.fork_session(task.id),
        store.fork_session(task.id, session_id=fork.id),
        store.checkpoint(task.id),
        store.rewind(task.id, task.checkpoint),
        store.diff(task.id, fork, text=True),
        store.merge(fork),
        store.delete_checkpoint(task.checkpoint),
    ]

    def driven() -> list[type]:
        ends: list[type] = []
        for call in calls:
            try:
                call.send(None)
            except BaseException as end:  # noqa: BLE001 - it is told of
                ends.append(type(end))
            call.close()
        return ends

    ends = await asyncio.to_thread(driven)
    assert {*ends} <= {StopIteration, errors.StoreContextError, errors.SessionNotEmptyError}
    assert await contents(store, task.id) in (task.now, {**task.now, "k": "fork"})
    assert await contents(store, task.checkpoint) == task.then
