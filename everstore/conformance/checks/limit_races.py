"""Every verb that makes something grow, called by many at once where only some of it fits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.changes import Increment, SetValue
from everstore.conformance.case import Mismatch, gather, refused
from everstore.conformance.checks.limits import base64_of
from everstore.conformance.registry import table
from everstore.errors import QuotaExceededError
from everstore.models import InitialFile
from everstore.session import BoundSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from everstore.conformance.case import Case
    from everstore.store import Store

    Tell = Callable[[dict[str, str]], object]

CALLS = 9
_FIT = 4
_TEN = "x" * 10

Grow = Callable[[BoundSession, int], Awaitable[Any]]


class Way(msgspec.Struct, frozen=True):
    """A verb that adds ``more`` to what ``limit`` counts, wherever it is called, and what it needs there.

    0 is what its refusal tells, and looking does not.
    """

    limit: str
    more: int
    grow: Grow
    prepare: Callable[[BoundSession], Awaitable[Any]] | None = None


async def _each(call: Grow, one: BoundSession) -> None:
    for number in range(CALLS):
        await call(one, number)


async def _files(one: BoundSession) -> None:
    await _each(lambda at, number: at.files.write_file(f"d/{number}", _TEN), one)
    await one.files.write_file("twice", _TEN * 2)


async def _bytes(one: BoundSession) -> None:
    await _each(lambda at, number: at.files.write_file(f"d/{number}", base64_of(10), "base64"), one)


async def _values(one: BoundSession) -> None:
    await _each(lambda at, number: at.storage.set_value(f"k{number}", "9"), one)


async def _text(one: BoundSession) -> None:
    await one.files.write_file("a", "".join(f"{number};" for number in range(CALLS)))


WAYS: dict[str, Way] = {
    # -- files and directories
    "entries.write": Way("session_entries", 1, lambda at, n: at.files.write_file(f"n{n}", "x")),
    "entries.seed": Way(
        "session_entries", 2, lambda at, n: at.files.seed_initial_file(InitialFile(f"n{n}/f", "x"))
    ),
    "entries.append": Way("session_entries", 1, lambda at, n: at.files.append_file(f"n{n}", "x")),
    "entries.directory": Way("session_entries", 2, lambda at, n: at.files.create_directory(f"n{n}/d")),
    "entries.copy": Way("session_entries", 1, lambda at, n: at.files.copy_file(f"d/{n}", f"n{n}"), _files),
    "entries.copy_tree": Way("session_entries", 10, lambda at, n: at.files.copy_file("d", f"n{n}"), _files),
    "entries.move": Way("session_entries", 1, lambda at, n: at.files.move_file(f"d/{n}", f"n{n}/f"), _files),
    # -- bytes of a session
    "bytes.write": Way("session_bytes", 10, lambda at, n: at.files.write_file(f"n{n}", _TEN)),
    "bytes.write_onto": Way(
        "session_bytes", 10, lambda at, n: at.files.write_file(f"d/{n}", _TEN * 2), _files
    ),
    "bytes.write_base64": Way(
        "session_bytes", 10, lambda at, n: at.files.write_file(f"n{n}", base64_of(10), "base64")
    ),
    "bytes.match": Way(
        "session_bytes",
        10,
        lambda at, n: at.files.write_file_if_content_matches(f"d/{n}", _TEN, "text", _TEN * 2, "text"),
        _files,
    ),
    "bytes.edit": Way(
        "session_bytes", 10, lambda at, n: at.files.edit_file(f"d/{n}", _TEN, _TEN * 2), _files
    ),
    "bytes.append": Way("session_bytes", 10, lambda at, n: at.files.append_file(f"d/{n}", _TEN), _files),
    "bytes.append_base64": Way(
        "session_bytes", 10, lambda at, n: at.files.append_file(f"d/{n}", base64_of(10), "base64"), _bytes
    ),
    "bytes.seed": Way(
        "session_bytes", 10, lambda at, n: at.files.seed_initial_file(InitialFile(f"n{n}", _TEN))
    ),
    "bytes.seed_onto": Way(
        "session_bytes", 10, lambda at, n: at.files.seed_initial_file(InitialFile(f"d/{n}", _TEN * 2)), _files
    ),
    "bytes.copy": Way("session_bytes", 10, lambda at, n: at.files.copy_file(f"d/{n}", f"n{n}"), _files),
    "bytes.copy_onto": Way(
        "session_bytes", 10, lambda at, n: at.files.copy_file("twice", f"d/{n}", overwrite=True), _files
    ),
    "bytes.copy_tree": Way("session_bytes", 90, lambda at, n: at.files.copy_file("d", f"n{n}"), _files),
    # -- bytes of one file
    "file.append": Way("file_bytes", 10, lambda at, _: at.files.append_file("a", _TEN), _text),
    "file.append_base64": Way(
        "file_bytes", 10, lambda at, _: at.files.append_file("a", base64_of(10), "base64")
    ),
    "file.edit": Way("file_bytes", 10, lambda at, n: at.files.edit_file("a", f"{n};", f"{n};{_TEN}"), _text),
    # -- values and secrets
    "keys.set": Way("session_keys", 1, lambda at, n: at.storage.set_value(f"n{n}", "x")),
    "keys.set_if_absent": Way(
        "session_keys", 1, lambda at, n: at.storage.set_value(f"n{n}", "x", if_absent=True)
    ),
    "keys.set_many": Way(
        "session_keys", 2, lambda at, n: at.storage.set_values({f"n{n}": "x", f"m{n}": "x"})
    ),
    "keys.change": Way(
        "session_keys",
        2,
        lambda at, n: at.storage.change_values([SetValue(f"n{n}", "x"), Increment(f"m{n}")]),
    ),
    "keys.increment": Way("session_keys", 1, lambda at, n: at.storage.increment_value(f"n{n}")),
    "keys.secret": Way("session_keys", 1, lambda at, n: at.storage.set_secret(f"n{n}", "x")),
    "value_bytes.set": Way("session_value_bytes", 10, lambda at, n: at.storage.set_value(f"n{n}", "x" * 8)),
    "value_bytes.set_onto": Way(
        "session_value_bytes", 10, lambda at, n: at.storage.set_value(f"k{n}", "x" * 11), _values
    ),
    "value_bytes.set_many": Way(
        "session_value_bytes", 10, lambda at, n: at.storage.set_values({f"n{n}": "xxx", f"m{n}": "xxx"})
    ),
    "value_bytes.increment": Way(
        "session_value_bytes", 1, lambda at, n: at.storage.increment_value(f"k{n}"), _values
    ),
    "value_bytes.increment_new": Way(
        "session_value_bytes", 3, lambda at, n: at.storage.increment_value(f"n{n}")
    ),
    "value_bytes.secret": Way(
        "session_value_bytes", 0, lambda at, n: at.storage.set_secret(f"n{n}", "x" * 8)
    ),
}
"""Every verb that makes something grow, by limit."""


async def used(one: BoundSession) -> dict[str, int]:
    """What the limits count, by looking."""
    files: list[int] = []
    entries, directories = 0, ["/"]
    for directory in directories:
        infos = await one.files.list_directory(directory)
        entries += len(infos)
        directories += [info.path for info in infos if info.is_directory]
        files += [info.size_bytes for info in infos if not info.is_directory]
    values = {info.key: await one.storage.get_value(info.key) for info in await one.storage.list_keys()}
    return {
        "session_entries": entries,
        "session_bytes": sum(files),
        "file_bytes": max(files, default=0),
        "session_keys": len(values) + len(await one.storage.list_secrets()),
        "session_value_bytes": sum(len(key) + len(value or "") for key, value in values.items()),
    }


def require_what_fits(way: Way, answers: Sequence[str]) -> None:
    """``Mismatch`` unless as many calls were made as fit, and the others refused for the limit."""
    wanted = {"made": _FIT, QuotaExceededError.__name__: CALLS - _FIT}
    if Counter(answers) != wanted:
        raise Mismatch(f"of calls that grow {way.limit} {wanted}", repr(dict(Counter(answers))))


def told_of(answer: object) -> str:
    """The name of the error that a call ended with, or ``made``."""
    return type(answer).__name__ if isinstance(answer, BaseException) else "made"


async def _opened(case: Case, settings: dict[str, Any]) -> Store:
    """A client with these settings: the only one, where a storage may have no two at a time."""
    if case.capabilities.shared:
        return await case.open(**settings)
    await case.store.close()
    case.store = await case.open(**settings)
    return case.store


async def room_for(case: Case, way: Way) -> tuple[int, dict[str, Any]]:
    """What looking finds used before, and settings under which as many calls fit as shall."""
    one = case.store.session(case.new_id())
    if way.prepare is not None:
        await way.prepare(one)
    before = (await used(one))[way.limit]
    more = way.more
    if more == 0:
        narrow = (await _opened(case, {f"limits__{way.limit}": 1})).session(case.new_id())
        with refused(QuotaExceededError) as caught:
            await way.grow(narrow, 0)
        more = caught.error.wanted
    return before, {f"limits__{way.limit}": before + _FIT * more}


@table(
    "limits.races.{row}",
    "7.4.1", "7.4.2", "7.4.3",
    rows={name.replace(".", "_"): (way,) for name, way in WAYS.items()},
    level="standard",
    since="1.1",
    tags=("concurrency",),
    likely="what is there is counted in one step, and written in another, or counted in each client",
)  # fmt: skip
async def races(case: Case, way: Way) -> None:
    """Of nine calls at once, by two clients where there may be two, exactly what fits is made: {row}."""
    before, room = await room_for(case, way)
    stores = [await _opened(case, room) for _ in range(1 + case.capabilities.shared)]
    session_id = case.new_id()
    clients = [store.session(session_id) for store in stores]
    if way.prepare is not None:
        await way.prepare(clients[0])
    for client in clients:
        await used(client)  # what a client keeps of this must not count
    answers = await gather(*(way.grow(clients[n % len(clients)], n) for n in range(CALLS)))
    require_what_fits(way, [told_of(answer) for answer in answers])
    after = (await used(clients[0]))[way.limit]
    assert after == before + _FIT * way.more
