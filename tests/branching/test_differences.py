"""Differences of contents: what is not compared line by line, and what changes meanwhile."""

from __future__ import annotations

import pytest

import everstore
from everstore import errors
from everstore.branching.differences import differences
from everstore.pruning import prune_checkpoints


@pytest.fixture
async def store():
    async with everstore.open_store() as opened:
        yield opened


@pytest.fixture
async def pair(store):
    """A session with a file, and a fork of it in which that is another."""
    session = await store.create_session(files=[everstore.InitialFile("a", "one\n")])
    fork = await store.fork_session(session)
    await store.session(fork).files.write_file("a", "two\n")
    return session.id, fork.id


async def test_too_many_lines_are_not_compared(store, pair):
    await store.session(pair[1]).files.write_file("a", "line\n" * 20_000)
    [change] = await store.diff(*pair, text=True)
    assert change.text == "Files a/a and b/a differ in too many lines to compare\n"


class Restless:
    """Files that somebody else writes right after each comparison, so many times."""

    def __init__(self, store, session_id, times):
        self._files = store.file_system
        self._session_id = session_id
        self.left = times

    async def diff_sessions(self, *sessions, **page):
        changes = await self._files.diff_sessions(*sessions, **page)
        if self.left:
            self.left -= 1
            await self._files.write_file(self._session_id, "a", f"write {self.left}\n")
        return changes

    async def read_file(self, session_id, path):
        return await self._files.read_file(session_id, path)


async def test_a_text_is_of_the_moment_of_its_change(store, pair):
    restless = Restless(store, pair[1], 3)
    [change] = await differences(restless, *pair, None, None, text=True)
    assert restless.left == 0
    assert "+write 0\n" in change.text


async def test_what_never_stands_still_is_told(store, pair):
    with pytest.raises(errors.BackendUnavailableError, match="compare again") as refused:
        await differences(Restless(store, pair[1], -1), *pair, None, None, text=True)
    assert refused.value.happened is False


async def test_what_is_gone_meanwhile_is_told_as_it_was(store, pair):
    """Of a fork that nobody has looked at, and of what is deleted while it is compared."""
    one, other = [await store.fork_session(session_id, base=False) for session_id in pair]
    comparing = store.file_system.diff_sessions(one.id, other.id)
    [change] = await comparing
    assert (change.kind, change.before.session_id, change.after.session_id) == ("changed", one.id, other.id)
    assert change.before == (await store.session(one).files.read_file("a")).info()


@pytest.mark.parametrize("choice", [{}, {"idle": -1}, {"keep": -1}])
async def test_a_choice_of_checkpoints_that_is_none_is_refused(store, choice):
    with pytest.raises(errors.InvalidArgumentError):
        _ = [one async for one in prune_checkpoints(store, **choice)]
