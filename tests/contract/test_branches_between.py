"""What others do between any two steps of a fork, a checkpoint, a rewind or a merge: nothing of it is lost.

Each is tried with the same in between before its first call to a backend, before its second, and so on.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from everstore import Merged, errors
from everstore.branching.forks import Branches
from everstore.store import Roles

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore import BoundSession, Store

    Work = Callable[[], Awaitable[Any]]


class Between:
    """Does something before the n-th call."""

    def __init__(self, at: int, work: Work) -> None:
        self.left, self.work = at, work

    async def through(self, call: Work) -> Any:
        self.left -= 1
        if not self.left:
            await self.work()
        return await call()


class Watched:
    """A part of a store."""

    def __init__(self, part: Any, between: Between) -> None:
        self._part, self._between = part, between

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._part, name)
        if not callable(member):
            return member
        return lambda *args, **options: self._between.through(lambda: member(*args, **options))


async def tried(store: Store, at: int, verb: Work, work: Work) -> tuple[Any, bool]:
    """What a verb answers with ``work`` before its n-th call, or its error; whether it has as many."""
    between, kept = Between(at, work), store._branches
    store._branches = Branches(Roles(*[Watched(part, between) for part in store._trusted]), store.backends)
    try:
        answer = await verb()
    except errors.EverstoreError as error:
        answer = error
    finally:
        store._branches = kept
    if between.left > 0:
        await work()
    return answer, between.left <= 0


async def contents(work: BoundSession) -> dict[str, Any]:
    seen: dict[str, Any] = {value.key: value.value for value in await work.storage.read_values()}
    for info in await work.files.list_tree():
        file = await work.files.read_file(info.path)
        seen[info.path] = file and file.content
    return seen


async def begun(store: Store) -> BoundSession:
    work = store.session(await store.create_session("a task"))
    for path in ("/a", "/d/x", "/d/y", "/e"):
        await work.files.write_file(path, "then")
    await work.storage.set_values({"k": "then", "l": "then"})
    return work


async def changed(store: Store, work: BoundSession) -> BoundSession:
    """A fork that changed something of every kind."""
    fork = store.session(await store.fork_session(work.id))
    await fork.files.write_file("/a", "fork")
    await fork.files.delete_file("/d", recursive=True)
    await fork.files.delete_file("/e")
    await fork.files.write_file("/e/below", "fork")
    await fork.files.write_file("/new", "fork")
    await fork.storage.set_value("k", "fork")
    await fork.storage.delete_value("l")
    await fork.storage.set_value("n", "fork")
    return fork


MERGED = {"/a": "fork", "/e": None, "/e/below": "fork", "/new": "fork", "k": "fork", "n": "fork"}


def write(path: str) -> Callable[[BoundSession], Awaitable[Any]]:
    async def written(work: BoundSession) -> dict[str, Any]:
        await work.files.write_file(path, "meanwhile")
        return {path: "meanwhile"}

    return written


async def _set(work: BoundSession, key: str) -> dict[str, Any]:
    await work.storage.set_value(key, "meanwhile")
    return {key: "meanwhile"}


MEANWHILE: dict[str, Callable[[BoundSession], Awaitable[dict[str, Any]]]] = {
    "to what the fork changed": write("/a"),
    "to what it removed": write("/d/x"),
    "into a directory that it removed": write("/d/z"),
    "where it puts a file": write("/new"),
    "beside it": write("/beside"),
    "a value that it changed": lambda work: _set(work, "k"),
    "a value that it removed": lambda work: _set(work, "l"),
    "a value that it added": lambda work: _set(work, "n"),
}


@pytest.mark.parametrize("what", MEANWHILE)
async def test_what_is_written_while_a_fork_is_merged_is_there_afterwards(store, what):
    for at in itertools.count(1):
        work = await begun(store)
        fork = await changed(store, work)
        wrote: dict[str, Any] = {}

        async def meanwhile(work: BoundSession = work, wrote: dict[str, Any] = wrote) -> None:
            wrote.update(await MEANWHILE[what](work))

        answer, is_between = await tried(store, at, lambda fork=fork: store.merge(fork.id), meanwhile)
        got = await contents(work)
        assert wrote.items() <= got.items(), (at, answer)
        if isinstance(answer, errors.MergeConflictError):
            assert {*answer.paths, *answer.keys} >= {*wrote}
            is_half = bool(getattr(answer, "__notes__", None))
            assert (got.get("/new") == "fork") == is_half
        else:
            assert isinstance(answer, Merged), answer
            above = {"/d": None} if "/d" in got else {}
            assert got == MERGED | above | wrote
        if not is_between:
            return


async def test_what_the_fork_does_meanwhile_is_merged_whole_or_later(store):
    for at in itertools.count(1):
        work = await begun(store)
        fork = await changed(store, work)

        async def meanwhile(fork: BoundSession = fork) -> None:
            await fork.files.write_file("/a", "later")
            await fork.files.delete_file("/new")
            await fork.storage.set_value("k", "later")

        answer, is_between = await tried(store, at, lambda fork=fork: store.merge(fork.id), meanwhile)
        assert isinstance(answer, Merged)
        later = {**MERGED, "/a": "later", "k": "later"}
        del later["/new"]
        got = await contents(work)
        files = {path: content for path, content in got.items() if path[0] == "/"}
        assert files in [{p: s[p] for p in s if p[0] == "/"} for s in (MERGED, later)], at
        assert got["k"] in {"fork", "later"}
        if not is_between:
            return


@pytest.mark.parametrize("keep", [True, False])
async def test_what_is_written_while_a_session_is_rewound_is_in_it_or_in_what_was_kept(store, keep):
    for at in itertools.count(1):
        work = await begun(store)
        start = await store.checkpoint(work.id)
        then = await contents(work)

        async def meanwhile(work: BoundSession = work) -> None:
            await work.files.write_file("/a", "meanwhile")
            await work.storage.set_value("k", "meanwhile")

        answer, is_between = await tried(
            store, at, lambda work=work, start=start: store.rewind(work.id, start, keep=keep), meanwhile
        )
        sides = [await contents(work)]
        if keep:
            sides.append(await contents(store.session(answer)))
            for side in sides[0].keys() | sides[1].keys():
                assert any(side in each for each in sides)
        for key in ("/a", "k"):
            told = [side.get(key) for side in sides]
            assert "meanwhile" in told if keep else told[0] in {"then", "meanwhile"}
        assert {k: v for k, v in sides[0].items() if v != "meanwhile"}.items() <= then.items()
        if not is_between:
            return


@pytest.mark.parametrize("kept_meanwhile", [False, True])
async def test_what_is_deleted_meanwhile_is_gone_back_to_whole_or_not_at_all(store, kept_meanwhile):
    """Rewinding to a checkpoint, and forking it, while it goes; no write of anybody goes with it."""
    for at in itertools.count(1):
        work = await begun(store)
        start = await store.checkpoint(work.id)
        then = await contents(work)
        await work.files.write_file("/a", "now")
        await work.files.delete_file("/e")
        await work.storage.set_value("k", "now")
        now = await contents(work)

        async def meanwhile(work: BoundSession = work, start: Any = start) -> None:
            await store.delete_checkpoint(start)
            if kept_meanwhile:
                await work.files.write_file("/written", "meanwhile")

        answer, is_between = await tried(
            store, at, lambda work=work, start=start: store.rewind(work.id, start), meanwhile
        )
        got = await contents(work)
        everywhere = [got] + [
            await contents(store.session(each)) for each in await store.list_checkpoints(work.id)
        ]
        if kept_meanwhile:
            assert any(side.pop("/written", None) for side in everywhere), at
        if isinstance(answer, errors.CheckpointNotFoundError):
            assert got == now, at
        else:
            assert got == then, at
            assert now in everywhere
        if not is_between:
            return


@pytest.mark.parametrize("base", [True, False])
async def test_a_fork_of_a_checkpoint_that_goes_meanwhile_is_whole_or_refused(store, base):
    for at in itertools.count(1):
        work = await begun(store)
        start = await store.checkpoint(work.id)
        before = {*await store.session_ids(limit=1000)} - {start.id}
        answer, is_between = await tried(
            store,
            at,
            lambda start=start: store.fork_session(start, base=base),
            lambda start=start: store.delete_checkpoint(start),
        )
        if isinstance(answer, errors.CheckpointNotFoundError):
            assert {*await store.session_ids(limit=1000)} == before
        else:
            assert await contents(store.session(answer)) == await contents(work)
        if not is_between:
            return


async def test_a_fork_and_its_starting_point_are_one_whatever_is_written_meanwhile(store):
    for at in itertools.count(1):
        work = await begun(store)

        async def meanwhile(work: BoundSession = work) -> None:
            await work.files.write_file("/a", "meanwhile")
            await work.storage.set_value("k", "meanwhile")

        fork, is_between = await tried(store, at, lambda work=work: store.fork_session(work.id), meanwhile)
        [base] = await store.list_checkpoints(fork)
        assert await store.diff(base, fork) == []
        assert await store.diff_values(base, fork) == []
        assert await store.merge(fork) == Merged([], [])
        if not is_between:
            return
