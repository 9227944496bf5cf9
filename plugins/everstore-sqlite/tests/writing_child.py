"""Processes that write until they are killed, and tell what was acknowledged.

``python writing_child.py PATH SYNCHRONOUS`` reads numbers of rounds from stdin, a line each. For every
one it forks a child (whose imports are done already) in which eight tasks work at the same time; after
each call that returned, one line of JSON goes to stdout, the first line being the child's process id and
the last one, by the parent, ``null``. Every file's content says how it must look, so that a reader can
tell a torn one.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING
from uuid import UUID

import everstore
import everstore.building
import everstore.configuration  # what every child would load anew
import everstore_sqlite.plugin  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

SESSION_ID = UUID("01900000-0000-7000-8000-00000000c0de")


def body(name: str, step: int) -> str:
    """Content that tells its own length, of about 0 to 40 KiB."""
    size = step * 2357 % 40_000
    return f"{name}:{step}:{size}:" + "x" * size


def acknowledge(*what: object) -> None:
    """Tell the parent, in one write."""
    os.write(sys.stdout.fileno(), (json.dumps(what) + "\n").encode())


async def files(work: everstore.BoundSession, name: str) -> None:
    for step in range(1_000_000):
        await work.files.write_file(f"{name}/deep/file.txt", body(name, step))
        acknowledge("file", name, step)


async def trees(work: everstore.BoundSession, name: str) -> None:
    """Two files that are always together: made in one move, gone in one delete."""
    for step in range(1_000_000):
        await work.files.write_file(f"{name}-new/a.txt", body(name, step))
        await work.files.copy_file(f"{name}-new/a.txt", f"{name}-new/b.txt")
        await work.files.move_file(f"{name}-new", name)
        acknowledge("tree", name, step)
        await work.files.delete_file(name, recursive=True)
        acknowledge("no tree", name, step)


async def counter(work: everstore.BoundSession, name: str) -> None:
    while True:
        acknowledge("counter", name, await work.storage.increment_value(name))


async def edits(work: everstore.BoundSession, name: str) -> None:
    """Lines that are appended: whoever was acknowledged is there, in order."""
    for step in range(1_000_000):
        await work.files.append_file(f"{name}.log", f"{step}\n")
        acknowledge("line", name, step)


async def main(path: str, synchronous: str, turn: str) -> None:
    settings = {"sqlite_path": path, "sqlite_synchronous": synchronous}
    async with everstore.open_store(backend="sqlite", **settings) as store:
        work = store.session(SESSION_ID)
        acknowledge("pid", os.getpid())
        writers = (files, files, files, trees, trees, counter, counter, edits)
        names = (f"{writer.__name__}-{position}-{turn}" for position, writer in enumerate(writers))
        await asyncio.gather(*(writer(work, name) for writer, name in zip(writers, names, strict=True)))


def nurse(path: str, synchronous: str, main: Callable[[str, str, str], Coroutine[None, None, None]]) -> None:
    """Fork a child for every line of stdin, one at a time, and tell when it is dead."""
    for turn in sys.stdin:
        child = os.fork()
        if not child:
            asyncio.run(main(path, synchronous, turn.strip()))
        os.waitpid(child, 0)
        os.write(sys.stdout.fileno(), b"null\n")


if __name__ == "__main__":
    nurse(*sys.argv[1:], main)
