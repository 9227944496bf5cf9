"""Mistakes with what two sessions differ in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.compat import override
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.models import FileChange
from everstore.store import Store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from everstore.middleware.base import Call

__all__: list[str] = []


def _telling(broken: Broken, role: str, tell: Callable[..., Awaitable[list[Any]]]) -> None:
    """Let this tell, of all differences, those that the mutant knows; pages are made of them."""

    def wrap(call: Call) -> Call:
        async def diff_sessions(
            a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
        ) -> list[Any]:
            changes = await tell(a, b, await call(a, b, after=after))
            return changes if limit is None else changes[:limit]

        return diff_sessions

    broken.around(wrap, [role], ["diff_sessions"])


def _passes_over(broken: Broken, role: str, is_passed_over: Callable[[Any], bool]) -> None:
    async def tell(_: UUID, __: UUID, changes: list[Any]) -> list[Any]:
        return [change for change in changes if not is_passed_over(change)]

    _telling(broken, role, tell)


def _is_change(change: Any) -> bool:
    return change.before is not None and change.after is not None


def _has_same_size(change: Any) -> bool:
    return _is_change(change) and change.before.size_bytes == change.after.size_bytes


@mutant("diff.brute_force")
def compares_sizes(broken: Broken) -> None:
    """Files of the same size are the same."""
    _passes_over(broken, "file_system", _has_same_size)


def _compares(broken: Broken, what: Callable[[Any], object]) -> None:
    """Two files are the same where this is the same of both."""

    async def tell(a: UUID, b: UUID, changes: list[Any]) -> list[Any]:
        told = []
        for change in changes:
            if _is_change(change):
                sides = [await broken.files.read_file(each, change.path) for each in (a, b)]
                if what(sides[0]) == what(sides[1]):
                    continue
            told.append(change)
        return told

    _telling(broken, "file_system", tell)


@mutant("diff.of.content")
def compares_stats(broken: Broken) -> None:
    """A file differs that has another size, mark or encoding."""
    _compares(broken, lambda file: (file.size_bytes, file.is_readonly, file.encoding, file.is_directory))


@mutant("diff.of.encoding")
def compares_bytes_only(broken: Broken) -> None:
    """Text and base64 of the same bytes are the same."""
    _compares(broken, lambda file: (file.data, file.is_readonly, file.is_directory))


@mutant("diff.of.mark")
def compares_contents_only(broken: Broken) -> None:
    """Whether a file is read-only makes no difference."""
    _compares(broken, lambda file: (file.content, file.encoding, file.is_directory))


@mutant("diff.of.last_byte")
def compares_beginnings(broken: Broken) -> None:
    """The first piece of a content, and its size, tell it from others."""
    _compares(broken, lambda file: ((file.content or "")[:200_000], file.encoding, file.is_readonly))


@mutant("diff.of.first_byte")
def compares_ends(broken: Broken) -> None:
    """The last piece of a content, and its size, tell it from others."""
    _compares(broken, lambda file: ((file.content or "")[-3:], file.encoding, file.is_readonly))


@mutant("diff.of.empty_directory")
def compares_files_only(broken: Broken) -> None:
    """Directories are no difference."""
    _passes_over(broken, "file_system", lambda each: (each.before or each.after).is_directory)


@mutant("diff.of.moved")
def knows_what_is_there_only(broken: Broken) -> None:
    """What is gone is not told of."""
    _passes_over(broken, "file_system", lambda each: each.kind == "removed")


@mutant("diff.file_and_directory")
def takes_directories_for_empty_files(broken: Broken) -> None:
    """An empty file and a directory have the same bytes."""
    _compares(broken, lambda file: (file.data or b"", file.encoding, file.is_readonly))


@mutant("diff.none")
def compares_times(broken: Broken) -> None:
    """What was written later is another, whatever is in it."""

    async def tell(a: UUID, b: UUID, changes: list[Any]) -> list[Any]:
        sides = [{info.path: info for info in await broken.entries(each)} for each in (a, b)]
        known = {change.path for change in changes}
        later = [
            FileChange(path, "changed", info, sides[1][path])
            for path, info in sides[0].items()
            if path in sides[1] and path not in known and info.updated_ns != sides[1][path].updated_ns
        ]
        return sorted([*changes, *later], key=lambda change: change.path)

    _telling(broken, "file_system", tell)


@mutant("diff.after")
def begins_where_it_ended(broken: Broken) -> None:
    """A page begins behind the difference that the last one ended with, and without that at the first."""

    def wrap(call: Call) -> Call:
        async def diff_sessions(a: UUID, b: UUID, *, after: Any = None, limit: Any = None) -> list[Any]:
            whole = await call(a, b)
            is_there = any(change.key == after for change in whole)
            found: list[Any] = await call(a, b, after=after if is_there else None, limit=limit)
            return found

        return diff_sessions

    broken.around(wrap, ["storage"], ["diff_sessions"])


@mutant("diff.values")
def compares_texts_only(broken: Broken) -> None:
    """When a value ends makes no difference."""

    async def tell(a: UUID, b: UUID, changes: list[Any]) -> list[Any]:
        texts = [{each.key: each.value for each in await broken.storage.read_values(one)} for one in (a, b)]
        return [change for change in changes if texts[0].get(change.key) != texts[1].get(change.key)]

    _telling(broken, "storage", tell)


@mutant("diff.one_moment")
def reads_one_side_after_the_other(broken: Broken) -> None:
    """The names of one side are read, and then those of the other."""

    def wrap(call: Call) -> Call:
        async def diff_sessions(a: UUID, b: UUID, **options: Any) -> list[Any]:
            first = await call(a, b, **options)
            await asyncio.sleep(0)
            second = await call(a, b, **options)
            half = len(first) // 2
            return [*first[:half], *second[half:]]

        return diff_sessions

    broken.around(wrap, ["file_system"], ["diff_sessions"])


@mutant("diff.text")
def shows_bytes_as_text(broken: Broken) -> None:
    """Base64 is text, too."""

    class Showing(Store):
        @override
        async def diff(self, *args: Any, **options: Any) -> list[FileChange]:
            changes = await super().diff(*args, **options)
            return [
                FileChange(each.path, each.kind, each.before, each.after, each.text and "@@" + each.text)
                for each in changes
            ]

    broken.kind = Showing
