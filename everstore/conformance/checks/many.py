"""More than a page of anything: storages answer, copy and delete by the thousand, and someone must go on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from everstore.changes import FileTimes, SetValue, ValueTimes, Write
from everstore.conformance.acts import TIMES
from everstore.conformance.case import Mismatch, each
from everstore.conformance.registry import check, table

if TYPE_CHECKING:
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


async def _put_files(one: BoundSession) -> None:
    await one.files.apply_changes([Write(f"d/{name}", name) for name in _SHUFFLED])


async def _put_values(one: BoundSession) -> None:
    half = len(_SHUFFLED) // 2  # each of the two lists is of more than many a storage takes at once
    await one.storage.set_values({name: name for name in _SHUFFLED[:half]})
    await one.storage.change_values([SetValue(name, name) for name in _SHUFFLED[half:]])


async def _put_secrets(one: BoundSession) -> None:
    await each(lambda name: one.storage.set_secret(name, name), _SHUFFLED)


def _named(infos: list[Any]) -> list[str]:
    return [getattr(info, "key", None) or info.name for info in infos]


async def _values_by_name(one: BoundSession) -> list[str]:
    return [*(await one.storage.get_values(_NAMES)).values()]


_Look = Callable[["BoundSession"], "Awaitable[list[str]]"]


def _listed(call: Callable[[BoundSession], Awaitable[list[Any]]]) -> _Look:
    async def look(one: BoundSession) -> list[str]:
        return _named(await call(one))

    return look


_KINDS: dict[str, tuple[Callable[[BoundSession], Awaitable[None]], dict[str, _Look]]] = {
    "tree": (
        _put_files,
        {
            "list_directory": _listed(lambda one: one.files.list_directory("d")),
            "list_tree": _listed(lambda one: one.files.list_tree("d")),
        },
    ),
    "values": (
        _put_values,
        {
            "list_keys": _listed(lambda one: one.storage.list_keys()),
            "list_keys of a prefix, backwards": _listed(lambda one: one.storage.list_keys("0", reverse=True)),
            "read_values": _listed(lambda one: one.storage.read_values()),
            "get_values": _values_by_name,
        },
    ),
    "secrets": (_put_secrets, {"list_secrets": _listed(lambda one: one.storage.list_secrets())}),
}


def _all_of(how: str) -> list[str]:
    return [name for name in reversed(_NAMES) if name.startswith("0")] if "backwards" in how else _NAMES


@table(
    "{row}.all_of_many",
    "1.5.1",
    "1.5.3",
    "3.6.1",
    "3.6.2",
    "3.6.5",
    "4.6.6",
    "4.7.2",
    "4.8.2",
    "6.1.3",
    "6.1.11",
    "6.1.12",
    "6.2.2",
    rows=_KINDS,
    likely="one page of the storage's is made or listed, sorted by itself, or deleted with its session",
)
async def list_many(
    case: Case, put: Callable[[BoundSession], Awaitable[None]], looks: dict[str, _Look]
) -> None:
    """All of 1,010, written in any order, are in each listing, sorted, and no session leaves any: {row}."""
    one = case.store.session(case.id)
    await put(one)
    for how, look in looks.items():
        if (found := await look(one)) != _all_of(how):
            raise Mismatch.of(len(_all_of(how)), len(found), f"{how}: names, in their order")
    assert await case.store.delete_session(case.id) is True
    assert await case.snapshot() == {}


_ROLES: dict[str, tuple[Any, ...]] = {
    "files": (
        "file_system",
        _put_files,
        lambda one: one.files.list_directory("d"),
        [FileTimes(f"d/{name}", *TIMES) for name in _NAMES],
        ["/d", *(f"/d/{name}" for name in _NAMES)],
    ),
    "values": (
        "storage",
        _put_values,
        lambda one: one.storage.list_keys(),
        [ValueTimes(name, *TIMES) for name in _NAMES],
        _NAMES,
    ),
}


@table(
    "times.all_of_many.{row}",
    "3.16.1",
    "6.7.1",
    rows=_ROLES,
    likely="a batch of the storage's gets its times, and the rest does not",
    since="1.3",
)
async def restore_many(
    case: Case, role: str, put: Callable[[BoundSession], Awaitable[None]], look: Any, times: list[Any], _: Any
) -> None:
    """All of 1,010 that get their times back in one call have them: {row}."""
    one = case.store.session(case.id)
    await put(one)
    assert await getattr(case.store, role).restore_times(case.id, times) == [True] * _MANY
    assert {(info.created_ns, info.updated_ns) for info in await look(one)} == {TIMES}


@table(
    "forks.all_of_many.{row}",
    "3.14.1",
    "3.15.1",
    "6.6.1",
    "6.6.4",
    rows=_ROLES,
    needs=("forks",),
    likely="a batch of the storage's is taken, or told of, and the rest is not",
    since="1.3",
)
async def fork_many(
    case: Case, role: str, put: Callable[[BoundSession], Awaitable[None]], look: Any, _: Any, names: list[str]
) -> None:
    """A fork takes all of 1,010, and all are told that an empty session has not: {row}."""
    part, fork, empty = getattr(case.store, role), case.new_id(), case.new_id()
    await put(case.store.session(case.id))
    await part.fork_session(case.id, fork)
    assert _named(await look(case.store.session(fork))) == _NAMES
    assert await part.diff_sessions(case.id, fork) == []
    told = await part.diff_sessions(empty, fork)
    assert [getattr(change, "key", None) or change.path for change in told] == names


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
