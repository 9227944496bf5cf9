"""Mistakes of looks at several values, and at a value with its revision."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []

_PAGED = ("list_keys", "read_values")


@mutant("values.read")
def reads_the_empty_value_as_none(broken: Broken) -> None:
    """read_value takes the empty value for an absent one."""

    @broken.verb
    async def read_value(session_id: Any, key: str) -> Any:
        found = await broken.storage.read_value(session_id, key)
        return found if found is not None and found.value else None


@mutant("values.read_of_one_moment")
def reads_the_text_before_the_revision(broken: Broken) -> None:
    """read_value reads the text, and then the revision."""

    @broken.verb
    async def read_value(session_id: Any, key: str) -> Any:
        first = await broken.storage.read_value(session_id, key)
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        found = await broken.storage.read_value(session_id, key)
        return found and replace(found, value=first.value if first is not None else found.value)


@mutant("values.get_several")
def gets_values_in_stored_order(broken: Broken) -> None:
    """get_values answers in the order of the keys."""

    @broken.verb
    async def get_values(session_id: Any, keys: Any) -> Any:
        found = await broken.storage.get_values(session_id, keys)
        return dict(sorted(found.items()))


@mutant("values.get_several.of_one_moment")
def gets_values_one_by_one(broken: Broken) -> None:
    """get_values looks at each key by itself."""

    @broken.verb
    async def get_values(session_id: Any, keys: Any) -> Any:
        wanted = await broken.storage.get_values(session_id, keys)
        found: dict[str, str] = {}
        for key in wanted:
            found |= await broken.storage.get_values(session_id, [key])
            await asyncio.sleep(0.001)
        return found


@mutant("values.page.of_one_moment")
def reads_values_of_listed_keys(broken: Broken) -> None:
    """read_values lists keys, and then reads each."""

    @broken.verb
    async def read_values(session_id: Any, *page: Any, **options: Any) -> Any:
        found = []
        for info in await broken.storage.list_keys(session_id, *page, **options):
            found.append(await broken.storage.read_value(session_id, info.key))
            await asyncio.sleep(0.001)
        return [each for each in found if each is not None]


def _pages(call: Call, change: Any) -> Call:
    async def paged(session_id: Any, prefix: Any = "", **options: Any) -> Any:
        return await call(session_id, prefix, **options)

    async def broken_page(session_id: Any, prefix: Any = "", **options: Any) -> Any:
        return await change(paged, session_id, prefix, **options)

    return broken_page


@mutant("values.page.prefix")
def takes_a_prefix_for_a_pattern(broken: Broken) -> None:
    """An underscore in a prefix stands for any character."""

    async def change(call: Call, session_id: Any, prefix: Any, **options: Any) -> Any:
        if not isinstance(prefix, str) or "_" not in prefix:
            return await call(session_id, prefix, **options)
        found = await call(session_id, prefix[: prefix.index("_")], **options)
        return [each for each in found if len(each.key) >= len(prefix)]

    broken.around(lambda call: _pages(call, change), ["storage"], _PAGED)


@mutant("values.page.after")
def goes_on_from_after_itself(broken: Broken) -> None:
    """A page begins with the key that it comes after."""

    async def change(call: Call, session_id: Any, prefix: Any, after: Any = None, **options: Any) -> Any:
        found = await call(session_id, prefix, after=after, **options)
        if after is None or not isinstance(options.get("limit", 1), (int, type(None))):
            return found
        again = [each for each in await call(session_id, prefix) if each.key == after]
        return (again + found)[: options.get("limit")]

    broken.around(lambda call: _pages(call, change), ["storage"], _PAGED)


@mutant("values.page.limit")
def takes_no_limit_for_all(broken: Broken) -> None:
    """A limit of 0 is no limit."""

    async def change(call: Call, session_id: Any, prefix: Any, limit: Any = None, **options: Any) -> Any:
        limit = None if limit == 0 and type(limit) is int else limit
        return await call(session_id, prefix, limit=limit, **options)

    broken.around(lambda call: _pages(call, change), ["storage"], _PAGED)


@mutant("values.page.expired")
def leaves_out_what_is_over_after_the_cut(broken: Broken) -> None:
    """What is past its time is counted for the limit, and then left out."""
    ends: dict[tuple[Any, str], bool] = {}

    def note(call: Call) -> Call:
        async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
            answer = await call(session_id, key, value, **options)
            ends[session_id, key] = options.get("ttl") is not None
            return answer

        return set_value

    async def change(call: Call, session_id: Any, prefix: Any, limit: Any = None, **options: Any) -> Any:
        found = await call(session_id, prefix, limit=limit, **options)
        keys = {each.key for each in found}
        over = {key for (owner, key), brief in ends.items() if owner == session_id and brief} - keys
        return found[: max(0, limit - 1)] if over and type(limit) is int and limit == len(found) else found

    broken.around(note, ["storage"], ["set_value"])
    broken.around(lambda call: _pages(call, change), ["storage"], _PAGED)


@mutant("values.page.as_they_change")
def forgets_keys_that_came_again(broken: Broken) -> None:
    """A key that was deleted between two pages, and set again, is in no page any more."""
    seen: dict[Any, set[str]] = {}
    lost: set[tuple[Any, str]] = set()

    def note(call: Call) -> Call:
        async def delete_value(session_id: Any, key: str, **options: Any) -> Any:
            if key in seen.get(session_id, ()):
                lost.add((session_id, key))
            return await call(session_id, key, **options)

        return delete_value

    async def change(call: Call, session_id: Any, prefix: Any, **options: Any) -> Any:
        found = await call(session_id, prefix, **options)
        found = [each for each in found if (session_id, each.key) not in lost]
        seen.setdefault(session_id, set()).update(each.key for each in found)
        return found

    broken.around(note, ["storage"], ["delete_value"])
    broken.around(lambda call: _pages(call, change), ["storage"], _PAGED)


@mutant("values.page.after")
def turns_no_long_keys_around(broken: Broken) -> None:
    """Keys that are alike as far as an index goes are in their order also where a page goes backwards."""

    @broken.verb
    async def list_keys(session_id: Any, *prefix: Any, limit: Any = None, **page: Any) -> Any:
        found = await broken.storage.list_keys(session_id, *prefix, **page)
        if page.get("reverse"):
            groups = groupby(found, key=lambda info: info.key[:500])
            found = [info for _, some in groups for info in sorted(some, key=lambda info: info.key)]
        return found[:limit]
