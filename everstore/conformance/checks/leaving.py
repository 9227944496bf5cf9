"""Searches that are left early, and calls beside searches that are not: what the others notice of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.compat import override
from everstore.conformance.case import gather
from everstore.conformance.registry import check, table
from everstore.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case

    Leave = Callable[[Case, int], Awaitable[Any]]

_SMALL, _LARGE = 260, 5
_TEXT = "needle\n" + "hay and straw\n" * 180_000  # five are more than most storages answer with at once
_ROUNDS = 60  # more than a pool of connections is large
_EVERY = 8  # each so many rounds, the search is one of much text instead of many files


class _Fault(Exception):  # noqa: N818 - it stands for what is no error of everstore's
    """What no backend can have foreseen."""


class _FailingLater(UUID):
    """A session id that lets a backend ask for its number so many times, and then fails."""

    def __init__(self, session_id: UUID, times: int) -> None:
        """The same session, to whoever gets an answer."""
        super().__init__(int=session_id.int)
        object.__setattr__(self, "left", times)

    @override
    def __getattribute__(self, name: str) -> object:
        """Fail when the number was asked for often enough, by whatever part of a UUID."""
        if name == "int":
            left = super().__getattribute__("__dict__").get("left", 1)
            if left <= 0:
                raise _Fault
            object.__setattr__(self, "left", left - 1)
        return super().__getattribute__(name)


async def _fill(case: Case) -> None:
    for start in range(0, _SMALL, 20):
        await asyncio.gather(
            *(case.files.write_file(f"many/{n:03}", f"needle {n}\nhay\n") for n in range(start, start + 20))
        )
    much = case.new_id(_much(case))
    for n in range(_LARGE):
        await case.store.file_system.write_file(much, f"much/{n}", _TEXT)


def _much(case: Case) -> UUID:
    """The session of much text: apart, for storages that keep a session in one piece."""
    return UUID(int=case.id.int ^ 1)


def _searched(case: Case, number: int) -> UUID:
    return _much(case) if number % _EVERY == 0 else case.id


def _search(case: Case, session_id: UUID, **options: Any) -> Awaitable[Any]:
    return case.store.file_system.grep_files(session_id, "needle", **options)


async def _at_its_limit(case: Case, number: int) -> None:
    most = _LARGE - 1 if number % _EVERY == 0 else _SMALL - 1 - number
    assert len(await _search(case, _searched(case, number), limit=most)) == most


async def _by_an_error(case: Case, number: int) -> None:
    with case.trace.paused():  # a trace shows session ids
        [ended] = await gather(_search(case, _FailingLater(_searched(case, number), number % 5)))
    assert isinstance(ended, (list, BackendError)), f"a failing search ended with {type(ended).__name__}"


async def _by_cancellation(case: Case, number: int) -> None:
    call = asyncio.ensure_future(_search(case, _searched(case, number)))
    for _ in range(1 + number // _EVERY % 8):
        await asyncio.sleep(0)
    if number % (2 * _EVERY) == 0:
        await asyncio.sleep(case.random.random() * 0.01)
    call.cancel()
    await gather(call)


@table(
    "search.left_early.{row}",
    "7.3.2",
    rows={"limit": (_at_its_limit,), "error": (_by_an_error,), "cancelled": (_by_cancellation,)},
    level="standard",
    since="1.1",
    tags=("concurrency",),
    likely="a generator that is left early keeps its connection, lock or transaction until it is collected",
)
async def left_early(case: Case, leave: Leave) -> None:
    """After 60 searches that ended early, beside writers, every call works as if there were none: {row}."""
    await _fill(case)
    beside = case.session()
    for number in range(_ROUNDS):
        outcomes = await gather(
            leave(case, number),
            beside.files.append_file("log", f"{number}\n"),
            beside.files.write_file("beside", str(number)),
        )
        outcomes += await gather(
            beside.storage.increment_value("count"), beside.files.write_file("after", "x")
        )
        failed = [type(outcome).__name__ for outcome in outcomes if isinstance(outcome, BaseException)]
        assert failed == [], f"after {number + 1} searches that ended early"
    log = await beside.files.read_file("log")
    assert log is not None
    assert log.content == "".join(f"{number}\n" for number in range(_ROUNDS))
    assert await beside.storage.get_value("count") == str(_ROUNDS)
    assert len(await case.files.grep_files("needle")) == _SMALL


@check(
    "search.holds_nothing_up",
    "7.3.3",
    level="standard",
    since="1.1",
    tags=("concurrency",),
    likely="searches may have every connection, or hold the lock that short calls need",
)
async def holds_nothing_up(case: Case) -> None:
    """Short calls beside 24 searches are answered before half of these are."""
    await _fill(case)
    await case.storage.set_value("key", "value")
    searches = [
        asyncio.ensure_future(case.store.file_system.grep_files(_much(case), "NEEDLE", ignore_case=True))
        for _ in range(24)
    ]
    await asyncio.sleep(0)
    short = await gather(
        case.storage.get_value("key"),
        case.storage.set_value("other", "value"),
        case.files.stat_file("many/000"),
        case.files.write_file("after", "x"),
    )
    ended = sum(search.done() for search in searches)
    found = await gather(*searches)
    assert [one for one in short if isinstance(one, BaseException)] == []
    assert ended <= len(searches) // 2, "short calls waited for searches to end"
    assert {len(one) if isinstance(one, list) else type(one).__name__ for one in found} == {_LARGE}
