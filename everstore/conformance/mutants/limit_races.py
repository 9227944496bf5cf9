"""Mistakes with limits that show only when many grow at once, or when another client does."""

from __future__ import annotations

import asyncio
from collections import Counter
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.content import content_size
from everstore.errors import QuotaExceededError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.middleware.base import Call

    Count = Callable[[Any], Awaitable[int]]

__all__: list[str] = []


def _counting(broken: Broken, limit: str, count: Count, more: Callable[..., int], *names: str) -> None:
    """These verbs count what there is, and go on a moment later; the others of the limit are as they were."""
    allowed = broken.lost.get(f"limits__{limit}")

    def wrap(call: Call) -> Call:
        async def counted(session_id: Any, *args: Any, **options: Any) -> Any:
            if allowed is not None:
                wanted = await count(session_id) + more(*args)
                if wanted > allowed:
                    raise QuotaExceededError("too much", limit=limit, allowed=allowed, wanted=wanted)
                await asyncio.sleep(0)
            return await call(session_id, *args, **options)

        return counted

    broken.around(wrap, names=names)


def _one(*_: Any) -> int:
    return 1


def _entries(broken: Broken) -> Count:
    async def count(session_id: Any) -> int:
        return len(await broken.entries(session_id))

    return count


def _keys(broken: Broken) -> Count:
    async def count(session_id: Any) -> int:
        values = await broken.storage.list_keys(session_id)
        return len(values) + len(await broken.storage.list_secrets(session_id))

    return count


def _bytes(broken: Broken) -> Count:
    async def count(session_id: Any) -> int:
        return sum(info.size_bytes for info in await broken.files.glob_files(session_id, "**"))

    return count


def _appended(_: str, content: str, encoding: Any = "text") -> int:
    return content_size(content, encoding)


@mutant("limits.races.entries_copy", without=("limits__session_entries",))
def copies_past_the_limit(broken: Broken) -> None:
    """A copy counts the entries, and copies in another step."""
    _counting(broken, "session_entries", _entries(broken), _one, "copy_file")


@mutant("limits.races.entries_append", without=("limits__session_entries",))
def appends_past_the_limit(broken: Broken) -> None:
    """An append that makes a file counts the entries, and makes it in another step."""
    _counting(broken, "session_entries", _entries(broken), _one, "append_file")


@mutant("limits.races.bytes_append_base64", without=("limits__session_bytes",))
def joins_bytes_past_the_limit(broken: Broken) -> None:
    """An append counts the bytes of the session, and appends in another step."""
    _counting(broken, "session_bytes", _bytes(broken), _appended, "append_file")


@mutant("limits.races.keys_secret", without=("limits__session_keys",))
def keeps_secrets_past_the_limit(broken: Broken) -> None:
    """Setting a secret counts values and secrets, and sets in another step."""
    _counting(broken, "session_keys", _keys(broken), _one, "set_secret")


@mutant("limits.races.keys_increment", without=("limits__session_keys",))
def counts_past_the_limit(broken: Broken) -> None:
    """A counter that begins counts values and secrets, and begins in another step."""
    _counting(broken, "session_keys", _keys(broken), _one, "increment_value")


@mutant("limits.exact.move_onto", without=("limits__session_bytes",))
def counts_what_is_moved_as_more(broken: Broken) -> None:
    """What is moved onto a file is counted as if it came to what there is."""
    allowed = broken.lost.get("limits__session_bytes")

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, **options: Any) -> Any:
        found = await broken.files.stat_file(session_id, source)
        if allowed is not None and found is not None:
            wanted = await _bytes(broken)(session_id) + found.size_bytes
            if wanted > allowed:
                raise QuotaExceededError("too much", limit="session_bytes", allowed=allowed, wanted=wanted)
        return await broken.files.move_file(session_id, source, destination, **options)


@mutant("limits.exact.copy_tree", without=("limits__session_entries",))
def copies_directories_for_nothing(broken: Broken) -> None:
    """Of a tree that is copied only the files are counted."""
    allowed = broken.lost.get("limits__session_entries")

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, **options: Any) -> Any:
        if allowed is not None:
            files = await broken.files.glob_files(session_id, f"{source}/**")
            wanted = await _entries(broken)(session_id) + len(files)
            if wanted > allowed:
                raise QuotaExceededError("too many", limit="session_entries", allowed=allowed, wanted=wanted)
        return await broken.files.copy_file(session_id, source, destination, **options)


@mutant("limits.exact.set_new", without=("limits__session_value_bytes",))
def counts_characters_of_values(broken: Broken) -> None:
    """What values have together is counted in characters."""

    async def characters(session_id: Any) -> int:
        infos = await broken.storage.list_keys(session_id)
        values = [await broken.storage.get_value(session_id, info.key) or "" for info in infos]
        return sum(len(info.key) + len(value) for info, value in zip(infos, values, strict=True))

    _counting(
        broken, "session_value_bytes", characters, lambda key, value: len(key) + len(value), "set_value"
    )


@mutant("limits.session_value_bytes.alike", without=("limits__session_value_bytes",))
def replaces_what_looks_alike(broken: Broken) -> None:
    """The value that another one takes the place of is looked for without case, and with wildcards."""
    allowed = broken.lost.get("limits__session_value_bytes")

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        sizes = {
            info.key: len(info.key) + len(await broken.storage.get_value(session_id, info.key) or "")
            for info in await broken.storage.list_keys(session_id)
        }
        pattern = key.lower().replace("_", "?").replace("%", "*")
        replaced = max((size for each, size in sizes.items() if fnmatch(each.lower(), pattern)), default=0)
        wanted = sum(sizes.values()) - replaced + len(key) + len(value)
        if allowed is not None and wanted > allowed:
            raise QuotaExceededError("too much", limit="session_value_bytes", allowed=allowed, wanted=wanted)
        return await broken.storage.set_value(session_id, key, value, **options)


@mutant("limits.file_bytes.lowered", durable=True, without=("limits__file_bytes",))
def copies_whatever_there_is(broken: Broken) -> None:
    """A limit of a file's size is held against what is written, and not against what is copied."""
    allowed = broken.lost.get("limits__file_bytes")

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        size = content_size(content, encoding)
        if allowed is not None and size > allowed:
            raise QuotaExceededError("too much", limit="file_bytes", allowed=allowed, wanted=size)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("limits.races_of_processes", durable=True, without=("limits__session_entries",))
def counts_once_in_a_process(broken: Broken) -> None:
    """How many entries a session has is counted once, and then kept up to date by what the process does."""
    counts: dict[Any, int] = {}
    allowed = broken.lost.get("limits__session_entries")

    @broken.verb
    async def write_file(session_id: Any, path: str, *args: Any, **options: Any) -> Any:
        if session_id not in counts:
            counts[session_id] = len(await broken.entries(session_id))
        if allowed is not None and counts[session_id] >= allowed:
            wanted = counts[session_id] + 1
            raise QuotaExceededError("too much", limit="session_entries", allowed=allowed, wanted=wanted)
        counts[session_id] += 1
        return await broken.files.write_file(session_id, path, *args, **options)

    @broken.verb
    async def list_directory(session_id: Any, path: str = "/") -> Any:
        if session_id not in counts:
            counts[session_id] = len(await broken.entries(session_id))
        return await broken.files.list_directory(session_id, path)


@mutant("limits.freed_by_a_process", durable=True)
def remembers_what_is_full(broken: Broken) -> None:
    """That a session is full is remembered until this process takes something out of it."""
    full: dict[Any, QuotaExceededError] = {}

    def refuses(call: Call) -> Call:
        async def refused(session_id: Any, *args: Any, **options: Any) -> Any:
            if session_id in full:
                raise full[session_id]
            try:
                return await call(session_id, *args, **options)
            except QuotaExceededError as error:
                full[session_id] = error
                raise

        return refused

    def makes_room(call: Call) -> Call:
        async def freed(session_id: Any, *args: Any, **options: Any) -> Any:
            full.pop(session_id, None)
            return await call(session_id, *args, **options)

        return freed

    broken.around(refuses, names=["append_file", "increment_value"])
    broken.around(makes_room, names=["delete_file", "delete_value", "delete_secret", "purge_session"])


@mutant("limits.counted.copy_onto", without=("limits__session_bytes",))
def keeps_counting_what_a_copy_replaced(broken: Broken) -> None:
    """The usage that is kept of a session does not shrink with a copy onto a larger file."""
    allowed = broken.lost.get("limits__session_bytes")
    count = _bytes(broken)
    too_many: Counter[Any] = Counter()

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        target = await broken.files.stat_file(session_id, destination)
        info = await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)
        if target is not None:
            too_many[session_id] += max(0, target.size_bytes - info.size_bytes)
        return info

    def refusing(call: Call) -> Call:
        async def refuse(session_id: Any, path: str, content: str, *rest: Any, **options: Any) -> Any:
            wanted = await count(session_id) + too_many[session_id] + len(content)
            if allowed is not None and wanted > allowed:
                raise QuotaExceededError("too much", limit="session_bytes", allowed=allowed, wanted=wanted)
            return await call(session_id, path, content, *rest, **options)

        return refuse

    broken.around(refusing, names=("write_file", "append_file"))
