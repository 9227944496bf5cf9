"""Which sessions hold anything."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.conformance.case import Mismatch
from everstore.conformance.checks.usage import expire
from everstore.conformance.registry import check, table
from everstore.models import Session, new_session_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from everstore.conformance.case import Case
    from everstore.interfaces import SessionStorageStore
    from everstore.store import Store

_TURNS = 60


def _after(session_id: UUID) -> UUID:
    return UUID(int=session_id.int - 1)


_KINDS: dict[str, tuple[Callable[[Store, UUID], Awaitable[Any]], Callable[[Store, UUID], Awaitable[Any]]]] = {
    "file": (
        lambda store, one: store.file_system.write_file(one, "a", "x"),
        lambda store, one: store.file_system.delete_file(one, "a"),
    ),
    "directory": (
        lambda store, one: store.file_system.create_directory(one, "d"),
        lambda store, one: store.file_system.delete_file(one, "d"),
    ),
    "value": (
        lambda store, one: store.storage.set_value(one, "k", ""),
        lambda store, one: store.storage.delete_value(one, "k"),
    ),
    "secret": (
        lambda store, one: store.storage.set_secret(one, "s", "x"),
        lambda store, one: store.storage.delete_secret(one, "s"),
    ),
    "record": (
        lambda store, one: store.sessions.add_session(Session(one)),
        lambda store, one: store.sessions.delete_session(one),
    ),
}


@table(
    "ids.holds.{row}",
    "1.7.1",
    "1.7.3",
    rows=_KINDS,
    since="1.2",
    likely="only what has a record, or only what has files, is listed",
)
async def holds(
    case: Case, put: Callable[[Store, UUID], Awaitable[Any]], take: Callable[[Store, UUID], Awaitable[Any]]
) -> None:
    """A session that holds one thing is listed, and one that held it is not: {row}."""
    await put(case.store, case.id)
    listed = await case.store.session_ids(after=_after(case.id), limit=1)
    if listed != [case.id]:
        raise Mismatch("the session", repr(listed))
    await take(case.store, case.id)
    if case.id in await case.store.session_ids(after=_after(case.id), limit=1):
        raise Mismatch("no session that holds nothing any more", "its id")


@check(
    "ids.over",
    "1.7.3",
    since="1.2",
    needs=("time_to_live",),
    likely="what is past its time holds a session until it is swept",
)
async def ids_over(case: Case) -> None:
    """A session all of which is past its time to live is not listed."""
    await expire(case.storage)
    assert case.id not in await case.store.session_ids(after=_after(case.id), limit=1)


async def _fill_several(case: Case, count: int, only: Collection[str] = ()) -> list[UUID]:
    """Sessions one behind the other that hold something each, in ascending order of their ids.

    With ``only`` each holds one thing, of these kinds by turns.
    """
    first = new_session_id().int >> 16 << 16
    ids = [case.new_id(UUID(int=first + 291 * number)) for number in range(count)]
    kinds = [put for kind, (put, _) in _KINDS.items() if not only or kind in only]
    shuffled = list(enumerate(ids))
    case.random.shuffle(shuffled)
    for number, session_id in shuffled:
        await kinds[number % len(kinds)](case.store, session_id)
        if number % 2 and not only:
            await kinds[(number + 2) % len(kinds)](case.store, session_id)
            await case.store.file_system.write_file(session_id, f"d/{number}", "x")
    return ids


@table(
    "ids.pages_of_{row}",
    "1.7.1",
    "1.7.2",
    rows={"1": (1,), "2": (2,), "7": (7,), "12": (12,), "13": (13,)},
    since="1.2",
    likely="a page starts one too early or too late, or has what several parts hold twice",
)
async def pages(case: Case, size: int) -> None:
    """Pages have every session that holds something once, ascending, as many as asked for: {row}."""
    await _require_pages(case.store, await _fill_several(case, 12), size)
    secrets_and_values = await _fill_several(case, 12, ("secret", "value"))
    await _require_pages(case.store.storage, secrets_and_values, size)


async def _require_pages(part: Store | SessionStorageStore, ids: list[UUID], size: int) -> None:
    """Page by page all of these are listed, which come one behind the other."""
    found: list[UUID] = []
    after = _after(ids[0])
    while len(found) < len(ids):
        page = await part.session_ids(after=after, limit=size)
        if page != ids[len(found) : len(found) + size] and page[: len(ids) - len(found)] != ids[len(found) :]:
            raise Mismatch.of(ids[len(found) : len(found) + size], page)
        found += page
        after = page[-1]


@check("ids.from_the_first", "1.7.1", "1.7.2", since="1.2", likely="the first page skips the least id")
async def from_the_first(case: Case) -> None:
    """Without after a page begins with the first of all, and there is no other before it."""
    await case.files.write_file("a", "x")
    page = await case.store.session_ids(limit=2)
    assert page, "no session is listed"
    assert page[0] <= case.id
    assert page == sorted(set(page))
    before = min(UUID(int=max(page[0].int - 1, 0)), page[0])
    assert before == page[0] or await case.store.session_ids(before, 1) == page[:1]


@table(
    "ids.one_moment.{row}",
    "1.7.4",
    rows={"file_system": ("file",), "storage": ("value",), "sessions": ("record",)},
    level="standard",
    since="1.2",
    tags=("concurrency",),
    likely="sessions are looked up first, and then what each of them holds",
)
async def ids_of_one_moment(case: Case, kind: str) -> None:
    """Of two sessions of which one at least holds something at any time, one at least is listed: {row}."""
    role = {"file": "file_system", "value": "storage", "record": "sessions"}[kind]
    put, take = _KINDS[kind]
    first, second = case.new_id(), case.new_id()
    first, second = min(first, second), max(first, second)
    await put(case.store, first)
    is_over = False

    async def hand_on() -> None:
        for turn in range(_TURNS):
            one, other = (first, second) if turn % 2 else (second, first)
            await put(case.store, one)
            await asyncio.sleep(0)
            await take(case.store, other)
            await asyncio.sleep(0)

    async def look() -> None:
        while not is_over:
            await asyncio.sleep(0)
            page = await getattr(case.store, role).session_ids(after=_after(first), limit=100)
            if not {first, second} & {*page}:
                raise Mismatch("one of two sessions, which take turns in holding something", "neither")

    looking = [asyncio.ensure_future(look()) for _ in range(2)]
    try:
        await hand_on()
    finally:
        is_over = True
        await asyncio.gather(*looking)
