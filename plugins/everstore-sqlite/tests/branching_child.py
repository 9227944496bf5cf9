"""Processes that fork, rewind and purge sessions until they are killed; as ``writing_child.py`` is used.

A session has ``a.txt`` and ``b.txt``, always the same, and ``log.txt``, a line for each time that they were
written: a fork that is not of one moment can be told, whoever made it.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from contextlib import suppress
from uuid import UUID

from writing_child import acknowledge, nurse

import everstore
from everstore import errors, new_session_id
from everstore.changes import Append, Write

BASE = UUID("01900000-0000-7000-8000-0000000ba5e0")


async def written(files: everstore.SessionFileSystem, session: UUID) -> None:
    """The next step of a session's, in one step."""
    found = await files.read_file(session, "/a.txt")
    step = 0 if found is None else int(found.content.split(":")[0]) + 1
    text = f"{step}:" + "x" * (step * 7919 % 150_000)
    line = f"{step}:" + "y" * 20_000 + "\n"
    seen = {"if_absent": True} if found is None else {"if_revision": found.revision}
    with suppress(errors.RevisionConflictError):  # it was rewound meanwhile
        await files.apply_changes(
            session, [Write("/a.txt", text, **seen), Append("/log.txt", line), Write("/b.txt", text)]
        )
    acknowledge("written", str(session), step)


async def branches(files: everstore.SessionFileSystem, chance: random.Random) -> None:
    """Fork the base, write in the fork, make it the base, and drop what is old."""
    sessions: list[UUID] = []
    while True:
        fork = new_session_id()
        await files.fork_session(BASE, fork)
        await written(files, fork)
        sessions.append(fork)
        if chance.random() < 0.3:
            replaced = new_session_id()
            await files.fork_session(chance.choice(sessions), BASE, replaced=replaced)
            sessions.append(replaced)
            acknowledge("rewound")
        if len(sessions) > 4:
            await files.purge_session(sessions.pop(chance.randrange(len(sessions))))
            acknowledge("purged")


async def writer(files: everstore.SessionFileSystem) -> None:
    while True:
        await written(files, BASE)


async def main(path: str, synchronous: str, turn: str) -> None:
    settings = {"sqlite_path": path, "sqlite_synchronous": synchronous}
    async with everstore.open_store(backend="sqlite", **settings) as store:
        acknowledge("pid", os.getpid())
        await written(store.file_system, BASE)
        chance = random.Random(turn)
        await asyncio.gather(writer(store.file_system), *(branches(store.file_system, chance) for _ in "ab"))


if __name__ == "__main__":
    nurse(*sys.argv[1:], main)
