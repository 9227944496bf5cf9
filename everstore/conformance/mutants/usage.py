"""Mistakes with what a session holds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.models import FileUsage, StorageUsage, root_of

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
