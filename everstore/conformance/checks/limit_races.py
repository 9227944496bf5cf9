"""Every verb that makes something grow, called by many at once where only some of it fits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from everstore.conformance.case import Mismatch, gather, refused
from everstore.conformance.checks.limits import base64_of
from everstore.conformance.children import Job, Nursery
from everstore.conformance.registry import check, table
from everstore.conformance.subject import Subject
from everstore.errors import QuotaExceededError
from everstore.models import InitialFile
from everstore.session import BoundSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from everstore.conformance.case import Case
    from everstore.store import Store

    Tell = Callable[[dict[str, str]], object]

_CALLS = 9
_FIT = 4
_HALVES = (0, 1)
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
    for number in range(_CALLS):
        await call(one, number)


async def _files(one: BoundSession) -> None:
    await _each(lambda at, number: at.files.write_file(f"d/{number}", _TEN), one)
    await one.files.write_file("twice", _TEN * 2)


async def _bytes(one: BoundSession) -> None:
    await _each(lambda at, number: at.files.write_file(f"d/{number}", base64_of(10), "base64"), one)


async def _values(one: BoundSession) -> None:
    await _each(lambda at, number: at.storage.set_value(f"k{number}", "9"), one)


async def _text(one: BoundSession) -> None:
    await one.files.write_file("a", "".join(f"{number};" for number in range(_CALLS)))


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
    "keys.increment": Way("session_keys", 1, lambda at, n: at.storage.increment_value(f"n{n}")),
    "keys.secret": Way("session_keys", 1, lambda at, n: at.storage.set_secret(f"n{n}", "x")),
    "value_bytes.set": Way("session_value_bytes", 10, lambda at, n: at.storage.set_value(f"n{n}", "x" * 8)),
    "value_bytes.set_onto": Way(
        "session_value_bytes", 10, lambda at, n: at.storage.set_value(f"k{n}", "x" * 11), _values
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


_IN_PROCESSES = ("entries.write", "bytes.append", "file.append", "keys.secret", "value_bytes.increment")
"""One way for each limit."""


async def _used(one: BoundSession) -> dict[str, int]:
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


def _require_what_fits(way: Way, answers: Sequence[str]) -> None:
    """``Mismatch`` unless as many calls were made as fit, and the others refused for the limit."""
    wanted = {"made": _FIT, QuotaExceededError.__name__: _CALLS - _FIT}
    if Counter(answers) != wanted:
        raise Mismatch(f"of calls that grow {way.limit} {wanted}", repr(dict(Counter(answers))))


def _told(answer: object) -> str:
    return type(answer).__name__ if isinstance(answer, BaseException) else "made"


async def _opened(case: Case, settings: dict[str, Any]) -> Store:
    """A client with these settings: the only one, where a storage may have no two at a time."""
    if case.capabilities.shared:
        return await case.open(**settings)
    await case.store.close()
    case.store = await case.open(**settings)
    return case.store


async def _room(case: Case, way: Way) -> tuple[int, dict[str, Any]]:
    """What looking finds used before, and settings under which as many calls fit as shall."""
    one = case.store.session(case.new_id())
    if way.prepare is not None:
        await way.prepare(one)
    before = (await _used(one))[way.limit]
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
    before, room = await _room(case, way)
    stores = [await _opened(case, room) for _ in range(1 + case.capabilities.shared)]
    session_id = case.new_id()
    clients = [store.session(session_id) for store in stores]
    if way.prepare is not None:
        await way.prepare(clients[0])
    for client in clients:
        await _used(client)  # what a client keeps of this must not count
    answers = await gather(*(way.grow(clients[n % len(clients)], n) for n in range(_CALLS)))
    _require_what_fits(way, [_told(answer) for answer in answers])
    after = (await _used(clients[0]))[way.limit]
    assert after == before + _FIT * way.more


@check(
    "limits.races_of_processes",
    "7.4.3",
    level="standard",
    since="1.1",
    tags=("concurrency",),
    needs=("shared",),
    likely="what a session uses is counted once, and kept in the process",
)
async def races_of_processes(case: Case) -> None:
    """Of calls that two processes make at once, exactly those that fit are made, whatever grows."""
    jobs: list[dict[str, Any]] = []
    for name in _IN_PROCESSES:
        _, room = await _room(case, WAYS[name])
        session_id, meeting = case.new_id(), case.new_id()
        if prepare := WAYS[name].prepare:
            await prepare(case.store.session(session_id))
        subject = Subject({**case.subject.settings, **room}, case.subject.opener)
        jobs.append({"subject": subject.to_json(), "way": name, "ids": [str(session_id), str(meeting)]})
    answers: dict[str, list[str]] = {name: [] for name in _IN_PROCESSES}
    async with Nursery(case.subject) as nursery:
        await nursery.start(*(Job(f"{__name__}:grow_all", {"jobs": jobs, "half": half}) for half in _HALVES))
        async for told in nursery.told():
            answers[told["way"]].append(told["answer"])
    for name in _IN_PROCESSES:
        _require_what_fits(WAYS[name], answers[name])


async def grow_all(_: Store, tell: Tell, jobs: list[dict[str, Any]], half: int) -> None:
    """Make half of the calls of each way once both halves have looked, as the job of a process."""
    for job in jobs:
        async with Subject.from_json(job["subject"]).open() as store:
            one, meeting = (store.session(UUID(each)) for each in job["ids"])
            await _used(one)
            there = await meeting.storage.increment_value("n")
            while there < len(_HALVES):
                await asyncio.sleep(0.001)
                there = int(await meeting.storage.get_value("n") or 0)
            for number in range(half, _CALLS, len(_HALVES)):
                [answer] = await gather(WAYS[job["way"]].grow(one, number))
                tell({"way": job["way"], "answer": _told(answer)})
