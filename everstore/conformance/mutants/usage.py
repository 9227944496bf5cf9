"""Mistakes with what a session holds, and with which sessions hold anything."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec.structs import replace

from everstore.compat import override
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.models import FileUsage, StorageUsage, root_of
from everstore.store import Store

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []


def _of_storage(broken: Broken, call: Call) -> None:
    broken.around(lambda _: call, ["storage"], ["usage"])


@mutant("usage.counts")
def counts_code_points(broken: Broken) -> None:
    """The size of a file is that of its content as it is handed over."""

    @broken.verb
    async def usage(session_id: Any) -> Any:
        found = await broken.files.usage(session_id)
        entries = [info.path for info in await broken.entries(session_id) if not info.is_directory]
        contents = [await broken.files.read_file(session_id, path) for path in entries]
        return replace(found, bytes=sum(len(each.content) for each in contents if each and each.content))


@mutant("usage.counts")
def counts_the_root(broken: Broken) -> None:
    """The root is a directory, too."""

    @broken.verb
    async def usage(session_id: Any) -> Any:
        found = await broken.files.usage(session_id)
        return replace(found, directories=found.directories + 1)


@mutant("usage.changes")
def never_counts_down(broken: Broken) -> None:
    """Bytes are counted up at each write, and down at no deletion."""
    most: dict[Any, int] = {}

    @broken.verb
    async def usage(session_id: Any) -> Any:
        found = await broken.files.usage(session_id)
        return replace(found, bytes=max(found.bytes, most.get(session_id, 0)))

    def wrap(call: Call) -> Call:
        async def counted(session_id: Any, *args: Any, **kwargs: Any) -> Any:
            answer = await call(session_id, *args, **kwargs)
            most[session_id] = max(most.get(session_id, 0), (await broken.files.usage(session_id)).bytes)
            return answer

        return counted

    broken.around(wrap, ["file_system"], ["copy_file", "append_file"])


def _forgets(broken: Broken, what: str) -> None:
    """The latest write is looked for everywhere but among these."""

    @broken.verb
    async def usage(session_id: Any) -> Any:
        entries = [
            info
            for info in await broken.entries(session_id)
            if what not in {"file", "directory"} or info.is_directory is (what == "file")
        ]
        last = max((info.updated_ns for info in entries), default=None)
        return replace(await broken.files.usage(session_id), last_write_ns=last)

    async def of_storage(session_id: Any) -> Any:
        keys = [] if what == "value" else await broken.storage.list_keys(session_id)
        secrets = [] if what == "secret" else await broken.storage.list_secrets(session_id)
        last = StorageUsage.of(keys, secrets).last_write_ns
        return replace(await broken.storage.usage(session_id), last_write_ns=last)

    _of_storage(broken, of_storage)


@mutant("usage.last_write.file")
def forgets_writes_of_files(broken: Broken) -> None:
    """The latest write is that of a directory, a value or a secret."""
    _forgets(broken, "file")


@mutant("usage.last_write.directory")
def forgets_writes_of_directories(broken: Broken) -> None:
    """A directory that is made is no write."""
    _forgets(broken, "directory")


@mutant("usage.last_write.value")
def forgets_writes_of_values(broken: Broken) -> None:
    """A value that is set is no write."""
    _forgets(broken, "value")


@mutant("usage.last_write.secret")
def forgets_writes_of_secrets(broken: Broken) -> None:
    """A secret that is set is no write."""
    _forgets(broken, "secret")


@mutant("usage.last_write.moved")
def takes_creation_for_the_write(broken: Broken) -> None:
    """The latest write of a file is when it was made, unless its content changed."""
    seen: dict[Any, set[Any]] = {}

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        answer = await broken.files.move_file(session_id, source, destination, overwrite=overwrite)
        seen.setdefault(session_id, set()).add(answer.path)
        return answer

    @broken.verb
    async def usage(session_id: Any) -> Any:
        moved = seen.get(session_id, set())
        entries = await broken.entries(session_id)
        stamps = [info.created_ns if info.path in moved else info.updated_ns for info in entries]
        found = await broken.files.usage(session_id)
        return replace(found, last_write_ns=max(stamps, default=None))


@mutant("usage.last_write.counter")
def counts_without_a_write(broken: Broken) -> None:
    """A counter that moves on is no write."""
    before: dict[Any, Any] = {}

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> Any:
        before[session_id] = (await broken.storage.usage(session_id)).last_write_ns
        return await broken.storage.increment_value(session_id, key, amount)

    async def usage(session_id: Any) -> Any:
        found = await broken.storage.usage(session_id)
        return replace(found, last_write_ns=before.get(session_id, found.last_write_ns))

    _of_storage(broken, usage)


@mutant("usage.empty")
def takes_the_root_for_a_write(broken: Broken) -> None:
    """An empty session was last written when its root was."""

    @broken.verb
    async def usage(session_id: Any) -> Any:
        found = await broken.files.usage(session_id)
        if found == FileUsage():
            found = replace(found, last_write_ns=root_of(session_id).updated_ns)
        return found


@mutant("usage.over")
def counts_till_the_sweep(broken: Broken) -> None:
    """What is past its time counts until the next sweep."""
    set_at: dict[Any, Any] = {}

    def wrap(call: Call) -> Call:
        async def noted(session_id: Any, *args: Any, ttl: Any = None, **kwargs: Any) -> Any:
            answer = await call(session_id, *args, ttl=ttl, **kwargs)
            if ttl is not None:
                set_at[session_id] = await broken.storage.usage(session_id)
            return answer

        return noted

    broken.around(wrap, ["storage"], ["set_value", "set_secret"])

    async def usage(session_id: Any) -> Any:
        return set_at.get(session_id) or await broken.storage.usage(session_id)

    _of_storage(broken, usage)


@mutant("usage.one_moment")
def counts_one_by_one(broken: Broken) -> None:
    """Files are listed, and then each is looked at."""

    @broken.verb
    async def usage(session_id: Any) -> Any:
        found = []
        for info in await broken.entries(session_id):
            await asyncio.sleep(0)
            found.append(await broken.files.stat_file(session_id, info.path))
        return FileUsage.of([info for info in found if info is not None])


# -- ids


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


@mutant("usage.last_write.gone")
def remembers_the_last_write(broken: Broken) -> None:
    """The latest write of a session's files is noted, and stays when what was written is gone."""
    latest: dict[Any, int] = {}

    def noted(call: Call) -> Call:
        async def written(session_id: Any, path: str, content: str, *args: Any, **options: Any) -> Any:
            file = await call(session_id, path, content, *args, **options)
            latest[session_id] = file.updated_ns
            return file

        return written

    broken.around(noted, ["file_system"], ["write_file"])

    def told(call: Call) -> Call:
        async def usage(session_id: Any) -> Any:
            found = await call(session_id)
            last = max(found.last_write_ns or 0, latest.get(session_id, 0))
            return replace(found, last_write_ns=last or None)

        return usage

    broken.around(told, ["file_system"], ["usage"])


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
