"""Mistakes with which sessions hold anything."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.compat import override
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.store import Store

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []


def _ids(broken: Broken, role: str, change: Any) -> None:
    def wrap(call: Call) -> Call:
        async def session_ids(*, after: Any = None, limit: int = 100) -> Any:
            return await change(call, after, limit)

        return session_ids

    broken.around(wrap, [role], ["session_ids"])


async def _none(_: Call, after: Any, limit: int) -> list[UUID]:
    del after, limit
    return []


@mutant("ids.holds.file")
def lists_no_files(broken: Broken) -> None:
    """Sessions that have files and nothing else are not listed."""
    _ids(broken, "file_system", _none)


@mutant("ids.holds.record")
def lists_no_records(broken: Broken) -> None:
    """Sessions that have a record and nothing else are not listed."""
    _ids(broken, "sessions", _none)


async def _holds(broken: Broken, session_id: UUID, what: str) -> bool:
    if what == "directory":
        return any(not info.is_directory for info in await broken.entries(session_id))
    found = await broken.storage.usage(session_id)
    return bool(found.secrets if what == "value" else found.values)


def _overlooks(broken: Broken, role: str, what: str) -> None:
    async def some(call: Call, after: Any, limit: int) -> list[UUID]:
        page = await call(after=after, limit=limit)
        return [each for each in page if await _holds(broken, each, what)]

    _ids(broken, role, some)


@mutant("ids.holds.directory")
def overlooks_directories(broken: Broken) -> None:
    """A directory alone is nothing."""
    _overlooks(broken, "file_system", "directory")


@mutant("ids.holds.value")
def overlooks_values(broken: Broken) -> None:
    """Only secrets make a session be listed."""
    _overlooks(broken, "storage", "value")


@mutant("ids.holds.secret")
def overlooks_secrets(broken: Broken) -> None:
    """Only values make a session be listed."""
    _overlooks(broken, "storage", "secret")


@mutant("ids.over")
def lists_till_the_sweep(broken: Broken) -> None:
    """A session is listed until what is past its time is swept."""
    seen: set[UUID] = set()

    def wrap(call: Call) -> Call:
        async def noted(session_id: Any, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get("ttl") is not None:
                seen.add(session_id)
            return await call(session_id, *args, **kwargs)

        return noted

    broken.around(wrap, ["storage"], ["set_value", "set_secret"])

    async def also(call: Call, after: Any, limit: int) -> list[UUID]:
        page = {
            *await call(after=after, limit=limit),
            *(each for each in seen if after is None or each > after),
        }
        return sorted(page)[:limit]

    _ids(broken, "storage", also)


async def _from_after_on(call: Call, after: Any, limit: int) -> Any:
    start = None if after is None else UUID(int=max(after.int - 1, 0))
    return await call(after=start, limit=limit)


@mutant("ids.pages_of_1")
def begins_with_the_last_one(broken: Broken) -> None:
    """A page begins with the id that the one before ended with."""
    for role in ("file_system", "storage", "sessions"):
        _ids(broken, role, _from_after_on)


def _whole(broken: Broken, change: Any) -> None:
    """Change the pages of the whole store."""

    class Wrong(Store):
        @override
        async def session_ids(self, after: Any = None, limit: int = 100) -> Any:
            return await change(super().session_ids, after, limit)

    broken.kind = Wrong


@mutant("ids.pages_of_7")
def lists_by_backwards_bytes(broken: Broken) -> None:
    """Ids are compared from their last byte on."""

    async def turned(call: Any, after: Any, limit: int) -> Any:
        return sorted(await call(after, limit), key=lambda each: each.bytes[::-1])

    _whole(broken, turned)


@mutant("ids.pages_of_2")
def skips_the_next_id(broken: Broken) -> None:
    """A page ends one too early, and the next begins behind it."""

    async def skipping(call: Any, after: Any, limit: int) -> Any:
        page = await call(after, limit + 1)
        return [*page[: limit - 1], *page[limit:]] if limit > 1 else page[:limit]

    _whole(broken, skipping)


@mutant("ids.pages_of_12")
def lists_each_part_by_itself(broken: Broken) -> None:
    """What several parts of a store hold is listed several times."""

    async def repeated(call: Any, after: Any, limit: int) -> Any:
        page = await call(after, limit)
        both = {*await broken.storage.session_ids(after=after, limit=limit)}
        both &= {*await broken.files.session_ids(after=after, limit=limit)}
        return sorted([*page, *both])[:limit]

    _whole(broken, repeated)


@mutant("ids.pages_of_13")
def has_no_more_than_a_dozen(broken: Broken) -> None:
    """A page has fewer ids than were asked for though more follow."""

    async def cut(call: Any, after: Any, limit: int) -> Any:
        return (await call(after, limit))[:11]

    _whole(broken, cut)


@mutant("ids.from_the_first")
def begins_behind_the_first(broken: Broken) -> None:
    """Without after, the first page begins behind the first id."""

    async def behind(call: Call, after: Any, limit: int) -> Any:
        page = await call(after=after, limit=limit + (after is None))
        return page[after is None :][:limit]

    for role in ("file_system", "storage", "sessions"):
        _ids(broken, role, behind)


def _looks_again(broken: Broken, role: str) -> None:
    async def looked_up(call: Call, after: Any, limit: int) -> list[UUID]:
        found = []
        for each in await call(after=after, limit=limit):
            for _ in range(3):
                await asyncio.sleep(0)
            if each in await call(after=UUID(int=each.int - 1), limit=1):
                found.append(each)
        return found

    _ids(broken, role, looked_up)


@mutant("ids.one_moment.file_system")
def looks_for_files_once_more(broken: Broken) -> None:
    """Sessions are listed, and left out when their files are gone by then."""
    _looks_again(broken, "file_system")


@mutant("ids.one_moment.storage")
def looks_for_values_once_more(broken: Broken) -> None:
    """Sessions are listed, and left out when their values are gone by then."""
    _looks_again(broken, "storage")


@mutant("ids.one_moment.sessions")
def looks_for_records_once_more(broken: Broken) -> None:
    """Sessions are listed, and left out when their records are gone by then."""
    _looks_again(broken, "sessions")


@mutant("ids.pages_of_7")
def fills_pages_up_with_secrets(broken: Broken) -> None:
    """A page has the sessions with values first, and is filled up with those that have secrets."""

    def wrap(call: Call) -> Call:
        async def session_ids(*, after: Any = None, limit: int = 100) -> Any:
            found = await call(after=after, limit=1000)
            values = [each for each in found if (await broken.storage.usage(each)).values]
            return sorted([*values, *(each for each in found if each not in values)][:limit])

        return session_ids

    broken.around(wrap, ["storage"], ["session_ids"])
