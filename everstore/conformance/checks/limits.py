"""Limits of the configuration, and those that the backend declares: n - 1, n and n + 1."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import (
    QuotaExceededError,
)
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundSession

    Put = Callable[[BoundSession, int], Awaitable[Any]]


async def limited(case: Case, **limits: int) -> BoundSession:
    """The check's own session, in a client that has these limits."""
    await case.store.close()
    case.store = await case.open(**{f"limits__{name}": value for name, value in limits.items()})
    return case.store.session(case.id)


def base64_of(size: int) -> str:
    """So many bytes as base64."""
    return base64.b64encode(b"x" * size).decode()


async def _edit_to(session: BoundSession, size: int, at: str = "b") -> None:
    await session.files.write_file("a", f"a{at}")
    await session.files.edit_file("a", at, "x" * (size - 1))


async def _edit_nul_to(session: BoundSession, size: int) -> None:
    await _edit_to(session, size, "\0")


async def _append_to(session: BoundSession, size: int) -> None:
    await session.files.write_file("a", "x" * (size - 5))
    await session.files.append_file("a", "xxxxx")


async def _append_base64_to(session: BoundSession, size: int) -> None:
    await session.files.write_file("a", base64_of(size - 5), "base64")
    await session.files.append_file("a", base64_of(5), "base64")


async def _replace_to(session: BoundSession, size: int) -> None:
    await session.files.write_file("a", "old")
    await session.files.write_file_if_content_matches("a", "old", "text", "x" * size, "text")


_WAYS: dict[str, tuple[Put]] = {
    "write": (lambda one, size: one.files.write_file("a", "x" * size),),
    "write_multibyte": (lambda one, size: one.files.write_file("a", "é" * (size // 2) + "x" * (size % 2)),),
    "write_base64": (lambda one, size: one.files.write_file("a", base64_of(size), "base64"),),
    "seed": (lambda one, size: one.files.seed_initial_file(InitialFile("a", "x" * size)),),
    "content_matches": (_replace_to,),
    "edit": (_edit_to,),
    "edit_nul": (_edit_nul_to,),
    "append": (_append_to,),
    "append_base64": (_append_base64_to,),
}


@table(
    "limits.file_bytes.{row}",
    "7.4.1",
    "7.4.2",
    rows=_WAYS,
    likely="the limit counts characters, or the argument in place of the result",
)
async def file_bytes(case: Case, put: Put) -> None:
    """A file of the limit and of one byte less is kept whole, one byte more is refused: {row}."""
    session = await limited(case, file_bytes=100)
    for size in (99, 100):
        await put(session, size)
        assert (await case.read("a")).size_bytes == size
        await session.files.delete_file("a")
    with refused(QuotaExceededError) as caught:
        await put(session, 101)
    assert (caught.error.limit, caught.error.allowed) == ("file_bytes", 100)
    kept = await session.files.read_file("a")
    assert kept is None or kept.size_bytes < 100


@check(
    "limits.file_bytes.lowered",
    "7.4.1",
    "7.4.2",
    likely="a copy is made of what is there, whose size nobody looks at",
    needs=("durable",),
    since="1.1",
)
async def lowered(case: Case) -> None:
    """What is larger than a lowered limit is not copied; it is read, moved, shortened and deleted."""
    for path in ("b", "d/a"):
        await case.files.write_file(path, "x" * 101)
    files = (await limited(case, file_bytes=100)).files
    await files.write_file("small", "x")
    async with case.untouched():
        for source, destination in (("b", "new"), ("b", "small"), ("d", "new/d")):
            with refused(QuotaExceededError) as caught:
                await files.copy_file(source, destination, overwrite=destination == "small")
            assert (caught.error.limit, caught.error.wanted) == ("file_bytes", 101)
    await files.move_file("d", "new/d")
    await files.move_file("b", "small", overwrite=True)
    assert (await case.read("new/d/a")).size_bytes == (await case.read("small")).size_bytes == 101
    await files.edit_file("small", "x" * 101, "short")
    assert await files.delete_file("new", recursive=True) is True


async def _fill(session: BoundSession, count: int) -> None:
    for number in range(count):
        await session.files.write_file(f"d/{number}", "x")


@check(
    "limits.session_entries.what_counts",
    "7.4.5",
    since="1.1",
    likely="the root, overwrites or moves are counted, or what was taken away still is",
)
async def what_counts(case: Case) -> None:
    """At the limit everything that adds no entry still works: overwrites, moves, deletes, what is there."""
    session = await limited(case, session_entries=4)
    await _fill(session, 3)
    await session.files.create_directory("d")
    await session.files.create_directory("/")
    await session.files.write_file("d/0", "again")
    await session.files.append_file("d/0", "!")
    await session.files.edit_file("d/0", "again", "once more")
    await session.files.seed_initial_file(InitialFile("d/0", "x"))
    await session.files.move_file("d", "e")
    await session.files.copy_file("e/1", "e/0", overwrite=True)
    await session.files.move_file("e/1", "e/2", overwrite=True)
    await session.files.create_directory("f")
    await session.files.delete_file("f")
    await session.files.write_file("f", "x")
    with refused(QuotaExceededError):
        await session.files.write_file("g", "x")
    await session.files.delete_file("e", recursive=True)
    await session.files.create_directory("a/b/c")


@check(
    "limits.session_entries.deep",
    "7.4.5",
    since="1.1",
    likely="directories that are made on the way to another count for nothing",
)
async def deep_directories(case: Case) -> None:
    """One deep path cannot make more directories than the limit allows, nor any of them."""
    session = await limited(case, session_entries=50)
    for verb in (session.files.create_directory, lambda path: session.files.write_file(path, "x")):
        with refused(QuotaExceededError) as caught:
            await verb("/".join("d" * 51))
        assert caught.error.wanted == 51
        assert await session.files.list_directory() == []
        await verb("/".join("d" * 50))
        await session.files.delete_file("d", recursive=True)


@check(
    "limits.session_entries.tree",
    "7.4.1",
    "7.4.2",
    likely="a copied tree counts as one, or is copied in part",
)
async def copied_tree_counts(case: Case) -> None:
    """Copying a tree counts each of its files, and is refused as a whole."""
    session = await limited(case, session_entries=7)
    await _fill(session, 3)
    async with case.untouched():
        with refused(QuotaExceededError):
            await session.files.copy_file("d", "e")
    await session.files.delete_file("d/0")
    await session.files.copy_file("d", "e")
    assert len(await session.files.glob_files("**")) == 4


@check("limits.session_bytes.freed", "7.4.1", likely="what was deleted, shortened or moved still counts")
async def freed(case: Case) -> None:
    """What a delete, a shorter overwrite or a purge frees can be used again."""
    session = await limited(case, session_bytes=100)
    for _ in range(3):
        await session.files.write_file("d/a", "x" * 100)
        await session.files.write_file("d/a", "x" * 10)
        await session.files.write_file("d/b", "x" * 90)
        await session.files.move_file("d", "e")
        await session.files.delete_file("e/b")
        await session.files.write_file("f", "x" * 90)
        await session.files.delete_file("e", recursive=True)
        await session.files.write_file("f", "x" * 100)
        await case.store.file_system.purge_session(case.id)


@check("limits.session.apart", "1.3.2", "7.4.1", likely="the limit is one for all sessions")
async def sessions_apart(case: Case) -> None:
    """A limit of a session counts that session only."""
    session = await limited(case, session_entries=2, session_bytes=10)
    other = case.session()
    for one in (session, other):
        await one.files.write_file("a", "x" * 5)
        await one.files.write_file("b", "x" * 5)
