"""More than a page of anything: storages answer, copy and delete by the thousand, and someone must go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.case import each
from everstore.conformance.registry import check, table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundFiles, BoundSession

_MANY = 1010  # a page is mostly of 1,000
_NAMES = [f"{number:04}" for number in range(_MANY)]
_SHUFFLED = [_NAMES[number * 607 % _MANY] for number in range(_MANY)]  # nothing is written in order
assert sorted(_SHUFFLED) == _NAMES

_SIDE = 32
_INSIDE = [f"{number:02}" for number in range(_SIDE)]
assert _SIDE * _SIDE > 1000


async def _grow(files: BoundFiles, directory: str = "d") -> None:
    """Make a tree of more files than a page in few calls: 32 of them, and 31 copies of their directory."""
    await each(lambda name: files.write_file(f"{directory}/00/{name}", f"text {name}"), _INSIDE[::-1])
    await each(lambda name: files.copy_file(f"{directory}/00", f"{directory}/{name}"), _INSIDE[:0:-1])


def _paths(directory: str) -> list[str]:
    return [f"/{directory}/{outer}/{inner}" for outer in _INSIDE for inner in _INSIDE]


async def _found(files: BoundFiles, directory: str) -> list[str]:
    """Every file of a tree that the listings of its directories lead to."""
    outer = await files.list_directory(directory)
    inner = await each(files.list_directory, [info.path for info in outer])
    return [info.path for infos in inner for info in infos]


@check("search.all_of_many", "5.1.1", "5.5.1", likely="a search looks at, or answers with, one page")
async def search_many(case: Case) -> None:
    """A grep and a glob that select 1,024 files answer with them all."""
    await _grow(case.files)
    assert [info.path for info in await case.files.glob_files("/d/**")] == _paths("d")
    found = [(match.path, match.line) for match in await case.files.grep_files("text")]
    assert found == [(path, f"text {path[-2:]}") for path in _paths("d")]


@check("tree.delete.all_of_many", "3.8.7", likely="a batch of the storage's is deleted, and the rest stays")
async def delete_many(case: Case) -> None:
    """A recursive delete takes 1,024 files, and a file beside them stays."""
    await case.files.write_file("kept", "x")
    await _grow(case.files)
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
    """A tree of 1,024 files arrives whole: {row}."""
    await _grow(case.files)
    left = await transfer(case.files, "d", "e")
    assert await _found(case.files, "e") == _paths("e")
    assert await _found(case.files, "d") == left
    last = await case.read(_paths("e")[-1])
    assert last.content == f"text {_INSIDE[-1]}"


_KINDS: dict[str, tuple[Callable[[BoundSession, str], Awaitable[Any]], Any]] = {
    "tree": (
        lambda one, name: one.files.write_file(f"d/{name}", ""),
        lambda one: one.files.list_directory("d"),
    ),
    "values": (lambda one, name: one.storage.set_value(name, ""), lambda one: one.storage.list_keys()),
    "secrets": (lambda one, name: one.storage.set_secret(name, ""), lambda one: one.storage.list_secrets()),
}


@table(
    "{row}.all_of_many",
    "1.5.1",
    "1.5.3",
    "3.6.1",
    "3.6.2",
    "6.1.3",
    "6.2.2",
    rows=_KINDS,
    likely="one page of the storage's is listed, sorted by itself, or deleted with its session",
)
async def list_many(
    case: Case,
    put: Callable[[BoundSession, str], Awaitable[Any]],
    look: Callable[[BoundSession], Awaitable[list[Any]]],
) -> None:
    """A listing of 1,010, written in any order, has them all, sorted, and no session leaves any: {row}."""
    one = case.store.session(case.id)
    await each(lambda name: put(one, name), _SHUFFLED)
    assert [getattr(info, "key", None) or info.name for info in await look(one)] == _NAMES
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
