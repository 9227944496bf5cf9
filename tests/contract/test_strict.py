"""Strict looks beside somebody who changes what they look at: whatever they tell was true meanwhile."""

from __future__ import annotations

import random

import pytest

from everstore import errors, new_session_id
from everstore.backends.memory.files import MemoryFiles
from everstore.errors import EverstoreError
from everstore.guards import FileSystemGuard

PATHS = ["/a", "/a/b", "/a/b/c"]


class Watched(MemoryFiles):
    """Files in which somebody changes something before each look, and all that a look can show is kept."""

    def __init__(self, chance: random.Random, verb: str, path: str) -> None:
        super().__init__()
        self._chance = chance
        self._verb, self._path = verb, path
        self.truths: set[object] = set()

    async def meddle(self, session_id) -> None:
        for _ in range(self._chance.choice([0, 0, 1, 2])):
            await self.change(session_id)

    async def change(self, session_id) -> None:
        """Put another tree in the place of the one that is there, or an empty directory, or nothing."""
        await super().delete_file(session_id, "/a", recursive=True)
        match self._chance.randrange(8):
            case 0:
                pass
            case 1:
                await super().create_directory(session_id, self._chance.choice(PATHS))
            case _:
                await super().write_file(session_id, self._chance.choice(PATHS), "x")
        self.truths.add(await self._truth(session_id))  # of the whole change: nobody saw a part of it

    async def _truth(self, session_id) -> object:
        look = Unmeddled(self)
        call = getattr(FileSystemGuard(look), self._verb)
        return told(await answered(call(session_id, self._path, strict=True)))

    async def read_file(self, session_id, path):
        await self.meddle(session_id)
        return await super().read_file(session_id, path)

    async def stat_file(self, session_id, path):
        await self.meddle(session_id)
        return await super().stat_file(session_id, path)

    async def list_directory(self, session_id, path="/"):
        await self.meddle(session_id)
        return await super().list_directory(session_id, path)


class Unmeddled:
    """The same files, as they are."""

    def __init__(self, files: MemoryFiles) -> None:
        self.capabilities = files.capabilities
        for verb in ("read_file", "stat_file", "list_directory"):
            setattr(self, verb, getattr(super(Watched, files), verb))


async def answered(call):
    try:
        return await call
    except EverstoreError as error:
        return error


def told(answer) -> object:
    if isinstance(answer, EverstoreError):
        return type(answer).__name__, str(answer)
    if isinstance(answer, list):
        return "found", *(info.revision for info in answer)
    return "found", answer.revision


@pytest.mark.parametrize("verb", ["read_file", "list_directory"])
@pytest.mark.parametrize("path", PATHS)
async def test_what_a_strict_look_tells_was_true_at_a_moment_of_the_call(verb, path):
    seen = set()
    for seed in range(100):
        files = Watched(random.Random(seed), verb, path)
        session_id = new_session_id()
        await files.change(session_id)
        answer = told(await answered(getattr(FileSystemGuard(files), verb)(session_id, path, strict=True)))
        assert answer in files.truths, seed
        seen.add(answer[0])
    assert {"PathNotFoundError", "found"} <= seen


async def test_what_never_settles_is_told_as_that():
    class Restless(MemoryFiles):
        async def list_directory(self, session_id, path="/"):
            await self.delete_file(session_id, "/a", True)
            found = await super().list_directory(session_id, path)
            await self.write_file(session_id, "/a/b", "x")
            return found

        async def read_file(self, session_id, path):
            await self.delete_file(session_id, "/a", True)
            found = await super().read_file(session_id, path)
            await self.write_file(session_id, "/a/b", "x")
            return found

    files = FileSystemGuard(Restless())
    for call in (files.list_directory, files.read_file):
        with pytest.raises(errors.BackendUnavailableError, match="look again") as caught:
            await call(new_session_id(), "/a" if call == files.list_directory else "/a/b", strict=True)
        assert caught.value.happened is False
