"""More than a page of anything: storages answer, copy and delete by the thousand, and someone must go on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.conformance.registry import check, table

__all__ = ["each"]

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from everstore.conformance.case import Case
    from everstore.session import BoundFiles, BoundSession

_MANY = 1100  # a page is mostly of 1,000
_NAMES = [f"{number:04}" for number in range(_MANY)]
_AT_ONCE = 100
_SHUFFLED = [_NAMES[number * 607 % _MANY] for number in range(_MANY)]  # nothing is written in order
assert sorted(_SHUFFLED) == _NAMES


async def each(put: Callable[[str], Awaitable[Any]], names: Sequence[str] = _SHUFFLED) -> list[Any]:
    """Call for every name, a hundred at a time; the answers in order."""
    answers: list[Any] = []
    for start in range(0, len(names), _AT_ONCE):
        answers += await asyncio.gather(*map(put, names[start : start + _AT_ONCE]))
    return answers


async def _fill(one: BoundSession, directory: str = "d") -> None:
    await each(lambda name: one.files.write_file(f"{directory}/{name}", f"text {name}"))


def _paths(directory: str) -> list[str]:
    return [f"/{directory}/{name}" for name in _NAMES]


@check("search.all_of_many", "5.1.1", "5.5.1", likely="a search looks at, or answers with, one page")
async def search_many(case: Case) -> None:
    """A grep and a glob that select 1,100 files answer with them all."""
    await _fill(case.store.session(case.id))
    assert [info.path for info in await case.files.glob_files("/d/*")] == _paths("d")
    found = [(match.path, match.line) for match in await case.files.grep_files("text")]
    assert found == [(f"/d/{name}", f"text {name}") for name in _NAMES]


@check("tree.delete.all_of_many", "3.8.7", likely="a batch of the storage's is deleted, and the rest stays")
async def delete_many(case: Case) -> None:
    """A recursive delete takes 1,100 files, and a file beside them stays."""
    await case.files.write_file("kept", "x")
    await _fill(case.store.session(case.id), "d/sub")
    assert await case.files.delete_file("d", recursive=True) is True
    assert await case.paths() == ["/kept"]
    assert [info.path for info in await case.files.glob_files("**")] == ["/kept"]


async def _copy(files: BoundFiles, source: str, destination: str) -> list[str]:
    await files.copy_file(source, destination)
    return _paths(source)


async def _move(files: BoundFiles, source: str, destination: str) -> list[str]:
    await files.move_file(source, destination)
    return []


@table(
    "transfers.all_of_many.{row}",
    "4.5.3",
    rows={"copy": (_copy,), "move": (_move,)},
    likely="a batch of the storage's is taken along, and the rest is left or lost",
)
async def transfer_many(case: Case, transfer: Callable[[BoundFiles, str, str], Awaitable[list[str]]]) -> None:
    """A tree of 1,100 files arrives whole: {row}."""
    await _fill(case.store.session(case.id))
    left = await transfer(case.files, "d", "e")
    assert [info.path for info in await case.files.list_directory("e")] == _paths("e")
    assert [info.path for info in await case.files.list_directory("d")] == left
    last = await case.read(_paths("e")[-1])
    assert last.content == f"text {_NAMES[-1]}"


_KINDS: dict[str, tuple[Callable[[BoundSession, str], Awaitable[Any]], Any]] = {
    "tree": (
        lambda one, name: one.files.write_file(f"d/{name}", ""),
        lambda one: one.files.list_directory("d"),
    ),
    "values": (lambda one, name: one.storage.set_value(name, ""), lambda one: one.storage.list_keys()),
    "secrets": (lambda one, name: one.storage.set_secret(name, ""), lambda one: one.storage.list_secrets()),
}


@table(
    "{row}.list.all_of_many",
    "3.6.1",
    "3.6.2",
    "6.1.3",
    "6.2.2",
    rows=_KINDS,
    likely="a listing answers with one page of the storage's, or sorts each page by itself",
)
async def list_many(
    case: Case,
    put: Callable[[BoundSession, str], Awaitable[Any]],
    look: Callable[[BoundSession], Awaitable[list[Any]]],
) -> None:
    """A listing of 1,100, written in any order, has them all, sorted: {row}."""
    one = case.store.session(case.id)
    await each(lambda name: put(one, name))
    assert [getattr(info, "key", None) or info.name for info in await look(one)] == _NAMES


@table(
    "sessions.delete.all_of_many.{row}",
    "1.5.1",
    "1.5.3",
    rows={"files" if kind == "tree" else kind: (put,) for kind, (put, _) in _KINDS.items()},
    likely="a batch of the storage's is deleted, and the rest is there when the session is used again",
)
async def delete_session_of_many(case: Case, put: Callable[[BoundSession, str], Awaitable[Any]]) -> None:
    """Deleting a session that has 1,100 of one kind leaves nothing: {row}."""
    one = case.store.session(case.id)
    await each(lambda name: put(one, name))
    assert await case.store.delete_session(case.id) is True
    assert await case.snapshot() == {}


@check(
    "search.read_lines.all_of_many", "5.6.1", likely="lines, or their number, are cut where none is asked for"
)
async def read_many_lines(case: Case) -> None:
    """Without a limit read_lines answers with every line, however many and however long."""
    lines = [f"line {number}" for number in range(1, 12_001)]
    lines[9_000] = "x" * 100_000
    await case.files.write_file("a", "\n".join(lines))
    found = await case.files.read_lines("a")
    assert found is not None
    assert [line.text for line in found.lines] == lines
    tail = await case.files.read_lines("a", 11_999)
    assert tail is not None
    assert ([line.number for line in tail.lines], tail.has_more) == ([11_999, 12_000], False)
