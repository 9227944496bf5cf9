"""Tools that keep values for later: notes of an agent, which are no files."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

from msgspec import Meta

from everstore.tools.answers import Page, RefusedError, call_of, shown
from everstore.tools.declaring import tool
from everstore.tools.desk import Desk
from everstore.wording import counted

__all__ = ["forget", "memories", "recall", "remember"]

_AROUND = 200  # characters above and below a value, but for its key
_SHORTEST_LINE = 2
_COMPARED = 1000  # keys

Key = Annotated[str, Meta(description="What the value is called, e.g. plan or user/name")]


@tool()
async def remember(
    desk: Desk, key: Key, value: Annotated[str, Meta(description="Text to keep, in place of an older one")]
) -> str:
    """Keep a text under a key, for later turns of this session."""
    await desk.storage.set_value(desk.memory + key, value)
    return f"Remembered {shown(key)}, {counted(len(value), 'character')}."


@tool(reads_only=True)
async def recall(
    desk: Desk,
    key: Key,
    start: Annotated[int, Meta(description="First character to show, from 1", ge=1)] = 1,
) -> str:
    """Show the text that is kept under a key."""
    value = await desk.storage.get_value(desk.memory + key)
    if value is None:
        raise RefusedError(await _nothing_at(desk, key))
    name, size = shown(key), counted(len(value), "character")
    page = Page(desk.most, _AROUND + 2 * len(call_of("recall", key=key)))
    end = start - 1 + page.room - 1
    part = value[start - 1 : end]
    if start == 1 and len(part) == len(value):
        return f"{name}, {size}:\n{part}" if value else f"{name} is an empty text."
    if not part:
        return f"{name} has no more than {size}."
    page.add(part)
    more = "" if end >= len(value) else f"more: {call_of('recall', key=key, start=end + 1)}"
    return page.text(f"{name}, characters {start:,} to {start - 1 + len(part):,} of {len(value):,}:", more)


@tool(reads_only=True)
async def memories(
    desk: Desk,
    prefix: Annotated[str, Meta(description="Only keys that begin with this")] = "",
    after: Annotated[str, Meta(description="To see more: the key after which to go on")] | None = None,
) -> str:
    """List the keys under which something is kept, sorted."""
    most = desk.most // _SHORTEST_LINE
    start = None if after is None else desk.memory + after
    found = await desk.storage.list_keys(desk.memory + prefix, after=start, limit=most)
    keys = [info.key.removeprefix(desk.memory) for info in found]
    if not keys:
        which = f" whose key begins with {shown(prefix)}" if prefix else ""
        return f"Nothing{' more' if after is not None else ''} is remembered{which}."
    longest = max(len(call_of("memories", prefix=prefix, after=key)) for key in keys[:100])
    page = Page(desk.most, _AROUND + 2 * longest)
    count = next((index for index, key in enumerate(keys) if not page.add(shown(key))), len(keys))
    if count == len(keys) < most:
        return page.text(f"{counted(count, 'key')}:")
    more = call_of("memories", prefix=prefix or None, after=keys[count - 1] if count else after)
    return page.text(f"{counted(count, 'key')}, and there are more:", f"more: {more}")


@tool()
async def forget(desk: Desk, key: Key) -> str:
    """Remove what is kept under a key."""
    if not await desk.storage.delete_value(desk.memory + key):
        raise RefusedError(await _nothing_at(desk, key))
    return f"Forgot {shown(key)}."


async def _nothing_at(desk: Desk, key: str) -> str:
    found = await desk.storage.list_keys(desk.memory, limit=_COMPARED)
    alike = get_close_matches(key, [info.key.removeprefix(desk.memory) for info in found], 3)
    meant = f"Did you mean {' or '.join(map(shown, alike))}?" if alike else "memories lists what is."
    return f"Nothing is remembered as {shown(key[:200])}. {meant}"
