"""Mistakes of a verb that others are called beside: it looks in one step, and acts on it in another."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.content import add_to_counter
from everstore.errors import PathExistsError
from everstore.search import Query

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []


@mutant("races.increment")
def counts_over_a_set(broken: Broken) -> None:
    """An increment is kept apart from other increments, and not from a set."""
    lock = asyncio.Lock()

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        async with lock:
            found = await broken.storage.stat_value(session_id, key)
            if found is None or found.expires_at is not None:
                return await broken.storage.increment_value(session_id, key, amount)
            total = add_to_counter(await broken.storage.get_value(session_id, key), amount)
            await asyncio.sleep(0)
            await broken.storage.set_value(session_id, key, str(total))
            return total


@mutant("races.increment_new")
def counts_from_nothing(broken: Broken) -> None:
    """An increment of what is absent sets the amount, whatever is there by then."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        if await broken.storage.stat_value(session_id, key) is not None:
            return await broken.storage.increment_value(session_id, key, amount)
        await asyncio.sleep(0)
        await broken.storage.set_value(session_id, key, str(amount))
        return amount


@mutant("races.set_if_revision")
def sets_what_it_compared(broken: Broken) -> None:
    """A conditional set compares the revision, and sets in another step."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        if options.get("if_revision") is not None:
            info = await broken.storage.stat_value(session_id, key)
            await asyncio.sleep(0)
            if info is not None and info.revision == options["if_revision"]:
                options.pop("if_revision")
        return await broken.storage.set_value(session_id, key, value, **options)


@mutant("races.set_secret_onto")
def makes_room_for_a_secret(broken: Broken) -> None:
    """A secret that is set again is deleted first, in a step of its own."""

    @broken.verb
    async def set_secret(session_id: Any, name: str, value: str, *, ttl: Any = None) -> None:
        if await broken.storage.delete_secret(session_id, name):
            await asyncio.sleep(0)
        await broken.storage.set_secret(session_id, name, value, ttl=ttl)


@mutant("races.delete_secret")
def answers_for_the_past(broken: Broken) -> None:
    """A deletion answers whether there was a secret a moment before."""

    @broken.verb
    async def delete_secret(session_id: Any, name: str) -> bool:
        found = await broken.storage.get_secret(session_id, name)
        await asyncio.sleep(0)
        await broken.storage.delete_secret(session_id, name)
        return found is not None


@mutant("races.copy_tree")
def copies_file_by_file(broken: Broken) -> None:
    """A copy of a tree reads one file after the other."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        copied = await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)
        for info in await broken.files.list_directory(session_id, source):
            if not info.is_directory and await broken.files.stat_file(session_id, info.path):
                to = f"{copied.path}/{info.name}"
                await broken.files.copy_file(session_id, info.path, to, overwrite=True)
            await asyncio.sleep(0)
        return copied


@mutant("races.copy_onto")
def copies_what_it_read(broken: Broken) -> None:
    """A copy onto a file reads the source, and writes it in another step."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        found = await broken.files.read_file(session_id, source)
        if not overwrite or found is None or found.content is None:
            return await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)
        await asyncio.sleep(0)
        copied = await broken.files.write_file(session_id, destination, found.content, found.encoding)
        return await broken.files.stat_file(session_id, copied.path)


@mutant("races.directory")
def makes_a_directory_of_a_file(broken: Broken) -> None:
    """create_directory looks whether a file is in the way, and replaces one that came meanwhile."""

    @broken.verb
    async def create_directory(session_id: Any, path: str, *, exist_ok: bool = True) -> Any:
        if not exist_ok or await broken.files.stat_file(session_id, path) is not None:
            return await broken.files.create_directory(session_id, path, exist_ok=exist_ok)
        await asyncio.sleep(0)
        try:
            return await broken.files.create_directory(session_id, path)
        except PathExistsError:
            await broken.files.delete_file(session_id, path)
            return await broken.files.create_directory(session_id, path)


@mutant("races.append_base64")
def joins_old_bytes(broken: Broken) -> None:
    """Appending bytes reads, joins and writes."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        found = await broken.files.read_file(session_id, path)
        if encoding == "text" or found is None or found.encoding == "text":
            return await broken.files.append_file(session_id, path, content, encoding)
        joined = b64encode(b64decode(found.content or "") + b64decode(content)).decode()
        await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, joined, encoding)


@mutant("races.append_new")
def appends_to_nothing(broken: Broken) -> None:
    """An append that finds nothing writes, whatever is there by then."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        if await broken.files.stat_file(session_id, path) is not None:
            return await broken.files.append_file(session_id, path, content, encoding)
        await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, content, encoding)


@mutant("races.seed_new")
def seeds_what_is_absent(broken: Broken) -> None:
    """A seed of what is not there is an insert, which fails where something came meanwhile."""

    @broken.verb
    async def seed_initial_file(session_id: Any, file: Any) -> Any:
        if not file.is_readonly and await broken.files.stat_file(session_id, file.path) is None:
            await asyncio.sleep(0)
            content, encoding = file.content, file.encoding
            return await broken.files.write_file(session_id, file.path, content, encoding, if_absent=True)
        return await broken.files.seed_initial_file(session_id, file)


@mutant("races.match")
def matches_what_was(broken: Broken) -> None:
    """write_file_if_content_matches compares, and writes in another step."""

    @broken.verb
    async def write_file_if_content_matches(session_id: Any, path: str, *args: Any) -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is None or found.is_readonly or (found.content, found.encoding) != args[:2]:
            return await broken.files.write_file_if_content_matches(session_id, path, *args)
        await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, *args[2:])


@mutant("races.edit_all")
def edits_all_it_read(broken: Broken) -> None:
    """Replacing every occurrence reads and writes in two steps."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        found = await broken.files.read_file(session_id, path)
        if not replace_all or found is None or old not in (found.content or ""):
            return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)
        await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, (found.content or "").replace(old, new))


@mutant("races.move_onto")
def clears_the_way(broken: Broken) -> None:
    """A move onto a file deletes that first, and then finds whether there is anything to move."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        there = await broken.files.stat_file(session_id, source)
        if overwrite and there is not None and not there.is_directory:
            await broken.files.delete_file(session_id, destination)
            await asyncio.sleep(0)
        return await broken.files.move_file(session_id, source, destination, overwrite=overwrite)


@mutant("races.grep")
def greps_in_steps(broken: Broken) -> None:
    """A grep takes the paths first, and then reads file by file."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        query = Query(pattern, path_pattern, **options)
        for info in await broken.files.glob_files(session_id, "**"):
            await asyncio.sleep(0)
            found = await broken.files.read_file(session_id, info.path)
            if found is not None and await query.add(found):
                break
        return query.matches


@mutant("races.read_lines")
def reads_lines_in_steps(broken: Broken) -> None:
    """The lines of a file are read in one step, and its revision in another."""

    @broken.verb
    async def read_lines(session_id: Any, path: str, *args: Any, **options: Any) -> Any:
        before = await broken.files.stat_file(session_id, path)
        await asyncio.sleep(0)
        if before is not None and await broken.files.stat_file(session_id, path) is None:
            return []
        return await broken.files.read_lines(session_id, path, *args, **options)


@mutant("races.retitle")
def adds_what_was_deleted(broken: Broken) -> None:
    """A title is given by reading the record and adding it again, whoever deleted it meanwhile."""

    @broken.verb
    async def update_session_title(session_id: Any, title: str) -> Any:
        found = await broken.sessions.get_session(session_id)
        if found is None:
            return await broken.sessions.update_session_title(session_id, title)
        await asyncio.sleep(0)
        await broken.sessions.add_session(found)
        return await broken.sessions.update_session_title(session_id, title)


@mutant("races.purge_storage")
def purges_what_it_listed(broken: Broken) -> None:
    """Purging lists, and deletes what it has listed; what was set meanwhile stays, and is answered for."""

    def wrap(_: Call) -> Call:
        async def purge_session(session_id: Any) -> bool:
            keys = await broken.storage.list_keys(session_id)
            secrets = await broken.storage.list_secrets(session_id)
            await asyncio.sleep(0)
            for key in keys:
                await broken.storage.delete_value(session_id, key.key)
                await asyncio.sleep(0)
            for secret in secrets:
                await broken.storage.delete_secret(session_id, secret.name)
            return bool(keys or secrets)

        return purge_session

    broken.around(wrap, ["storage"], ["purge_session"])


@mutant("histories.tasks.secret")
def keeps_a_secret_in_mind(broken: Broken) -> None:
    """A secret that was read is answered from memory for a moment, whoever deleted or set it."""
    held: dict[Any, Any] = {}

    @broken.verb
    async def get_secret(session_id: Any, name: str) -> Any:
        if (session_id, name) not in held:
            held[session_id, name] = await broken.storage.get_secret(session_id, name)
            asyncio.get_running_loop().call_later(0.005, held.pop, (session_id, name), None)
        return held[session_id, name]


@mutant("histories.tasks.bytes")
def replaces_by_deleting(broken: Broken) -> None:
    """A file is moved onto another by deleting that first, in a step of its own."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        if overwrite and await broken.files.stat_file(session_id, source) is not None:
            await broken.files.delete_file(session_id, destination)
            await asyncio.sleep(0)
        return await broken.files.move_file(session_id, source, destination, overwrite=overwrite)
