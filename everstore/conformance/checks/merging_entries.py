"""Merging directories, what is read-only, and within limits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from everstore.conformance.case import Mismatch, refused
from everstore.conformance.checks.merging import begun, forked_anew
from everstore.conformance.forked import LARGE
from everstore.conformance.registry import check as any_check
from everstore.errors import MergeConflictError, QuotaExceededError, ReadOnlyFileError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from everstore.conformance.case import Case

check = partial(any_check, since="1.3", needs=("forks",))


@check(
    "merge.directories", "1.9.11", "1.9.12",
    likely="a directory is deleted with what the other side put into it, or stands in the way of a file",
)  # fmt: skip
async def directories(case: Case) -> None:
    """Where a fork deleted a directory or put a file in its place, what the session put there is not lost."""
    own = await begun(case)
    fork = await forked_anew(case)
    await fork.files.delete_file("d", recursive=True)
    await own.files.write_file("d/z", "own")
    with refused(MergeConflictError):
        await case.store.merge(fork.id)
    assert (await case.read("d/z")).content == "own"
    again = await forked_anew(case)
    await again.files.delete_file("e", recursive=True)
    await again.files.write_file("e", "a file now")
    await again.files.seed_initial_file(InitialFile("kept", "x", is_readonly=False))
    await case.store.merge(again.id)
    assert (await case.read("e")).content == "a file now"
    assert await own.files.read_file("e/x") is None


@check(
    "merge.marks", "1.9.16",
    likely="what a fork has is seeded, with its mark, or over what is read-only in the target",
)  # fmt: skip
async def marks(case: Case) -> None:
    """A merge makes nothing read-only, nor writable, and neither changes nor removes what is read-only."""
    session = await begun(case)
    await session.files.seed_initial_file(InitialFile("b", "fixed", is_readonly=True))
    fork = await forked_anew(case)
    wanted = {"a": "a\n", "b": "other", "c": "new", "n": "x"}
    for path, content in wanted.items():
        await fork.files.seed_initial_file(InitialFile(path, content, is_readonly=path != "b"))
    async with case.untouched():
        with refused(ReadOnlyFileError) as caught:
            await case.store.merge(fork.id)
        assert caught.error.path == "/b"
    await session.files.seed_initial_file(InitialFile("b", "fixed"))
    merged = await case.store.merge(fork.id, prefer="fork")
    assert [change.path for change in merged.files] == ["/b", "/c", "/n"]
    for path, content in wanted.items():
        file = await session.files.read_file(path)
        assert file is not None
        assert (file.content, file.is_readonly) == (content, False)
    gone = await forked_anew(case)
    await gone.files.delete_file("large")
    await session.files.seed_initial_file(InitialFile("large", LARGE, is_readonly=True))
    async with case.untouched():
        with refused(ReadOnlyFileError):
            await case.store.merge(gone.id, prefer="fork")


@check(
    "merge.limits", "1.9.17", "1.8.1",
    likely="changes are made in the order of their names, and what shrinks or goes comes behind what grows",
)  # fmt: skip
async def limits(case: Case) -> None:
    """What fits when all is merged is merged, whichever part grows and whichever shrinks; more is refused."""
    most = {"session_entries": 3, "session_bytes": 100, "session_keys": 3, "session_value_bytes": 110}
    await case.store.create_session(session_id=case.id, limits=most)
    session = case.store.session(case.id)
    sizes = {"a": 10, "b": 80, "c": 10}
    for name, size in sizes.items():
        await session.files.write_file(name, "x" * size)
        await session.storage.set_value(name, "x" * size)
    turns: list[dict[str, int]] = [
        {"a": 80, "b": 10, "c": 10},
        {"a": 10, "b": 10, "c": 80},
        {"!": 70, "b": 10, "c": 20},
        {"!": 5, "b": 5, "~": 90},
    ]
    for wanted in turns:
        fork = await forked_anew(case)
        for info in await fork.files.list_tree():
            await fork.files.delete_file(info.path)
            await fork.storage.delete_value(info.path[1:])
        for name, size in wanted.items():
            await fork.files.write_file(name, "y" * size)
            await fork.storage.set_value(name, "y" * size)
        try:
            await case.store.merge(fork.id)
        except QuotaExceededError as error:
            raise Mismatch("room for what the limits allow", str(error)) from error
        assert {info.path[1:]: info.size_bytes for info in await session.files.list_tree()} == wanted
        assert {each.key: len(each.value) for each in await session.storage.read_values()} == wanted
    fork = await forked_anew(case)
    for files, grown in ((session.files, {"own": 5}), (fork.files, {"!": 10})):
        await files.delete_file("b")
        for name, size in grown.items():
            await files.write_file(name, "x" * size)
    async with case.untouched():
        with refused(QuotaExceededError):
            await case.store.merge(fork.id)
