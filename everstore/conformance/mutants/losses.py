"""Mistakes with what is done at the same time under several names: some of it is lost, or seen in halves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.clock import now_ns
from everstore.conformance.mutants.broken import Broken, mutant

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []


@mutant("concurrency.names_survive.secrets")
def keeps_secrets_in_one_record(broken: Broken) -> None:
    """All secrets of a session are one record, which is read, changed and written back."""

    @broken.verb
    async def set_secret(session_id: Any, name: str, value: str, *, ttl: Any = None) -> None:
        read = {info.name for info in await broken.storage.list_secrets(session_id)}
        await asyncio.sleep(0)
        await broken.storage.set_secret(session_id, name, value, ttl=ttl)
        for info in await broken.storage.list_secrets(session_id):
            if info.name not in {*read, name}:
                await broken.storage.delete_secret(session_id, info.name)


@mutant("concurrency.names_survive.values")
def keeps_values_in_one_record(broken: Broken) -> None:
    """All values of a session are one record, which is read, changed and written back."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        read = {info.key for info in await broken.storage.list_keys(session_id)}
        await asyncio.sleep(0)
        answer = await broken.storage.set_value(session_id, key, value, **options)
        for info in await broken.storage.list_keys(session_id):
            if info.key not in {*read, key}:
                await broken.storage.delete_value(session_id, info.key)
        return answer


def _one_for_all_sessions(broken: Broken, verb: str, remove: str, role: str) -> None:
    """What the verb writes, in whatever session, is one record that is read, changed and written back."""
    held: dict[tuple[Any, str], None] = {}

    def wrap(call: Call) -> Call:
        async def written(session_id: Any, name: str, *args: Any, **kwargs: Any) -> Any:
            read = set(held)
            await asyncio.sleep(0)
            answer = await call(session_id, name, *args, **kwargs)
            for other, theirs in [each for each in held if each not in read and each[0] != session_id]:
                del held[other, theirs]
                await getattr(getattr(broken, role), remove)(other, theirs)
            held[session_id, name] = None
            return answer

        return written

    broken.around(wrap, ["file_system" if role == "files" else role], [verb])


@mutant("concurrency.sessions_survive.files")
def keeps_files_in_one_record(broken: Broken) -> None:
    """The files of all sessions are one record, which is read, changed and written back."""
    _one_for_all_sessions(broken, "write_file", "delete_file", "files")


@mutant("concurrency.sessions_survive.values")
def keeps_all_values_in_one_record(broken: Broken) -> None:
    """The values of all sessions are one record, which is read, changed and written back."""
    _one_for_all_sessions(broken, "set_value", "delete_value", "storage")


@mutant("concurrency.sessions_survive.secrets")
def keeps_all_secrets_in_one_record(broken: Broken) -> None:
    """The secrets of all sessions are one record, which is read, changed and written back."""
    _one_for_all_sessions(broken, "set_secret", "delete_secret", "storage")


@mutant("concurrency.names_survive.files")
def keeps_a_directory_in_one_record(broken: Broken) -> None:
    """The files of a directory are one record, which is read, changed and written back."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        parent = ("/" + path.strip("/")).rpartition("/")[0] or "/"
        read = {info.path for info in await broken.files.list_directory(session_id, parent)}
        await asyncio.sleep(0)
        answer = await broken.files.write_file(session_id, path, content, encoding, **options)
        for info in await broken.files.list_directory(session_id, parent):
            if info.path not in {*read, answer.path}:
                await broken.files.delete_file(session_id, info.path)
        return answer


@mutant("concurrency.records_survive")
def keeps_records_in_one_file(broken: Broken) -> None:
    """All session records are one file, which is read, changed and written back."""
    held: dict[Any, None] = {}

    @broken.verb
    async def add_session(session: Any) -> None:
        read = set(held)
        await asyncio.sleep(0)
        await broken.sessions.add_session(session)
        for other in [each for each in held if each not in read and each != session.id]:
            del held[other]
            await broken.sessions.delete_session(other)
        held[session.id] = None


@mutant("concurrency.title_and_delete")
def retitles_what_it_read(broken: Broken) -> None:
    """A title is given to the record that was read, which is then added again."""

    @broken.verb
    async def update_session_title(session_id: Any, title: str) -> Any:
        found = await broken.sessions.get_session(session_id)
        if found is None:
            return await broken.sessions.update_session_title(session_id, title)
        await asyncio.sleep(0)
        record = found.updated(now_ns(), title=title)
        await broken.sessions.add_session(record)
        return record


@mutant("concurrency.empty_directory_and_write")
def looks_then_deletes(broken: Broken) -> None:
    """An empty directory is looked into, and deleted a moment later with all that is in it."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        found = await broken.files.stat_file(session_id, path)
        if recursive or found is None or not found.is_directory:
            return await broken.files.delete_file(session_id, path, recursive)
        if await broken.files.list_directory(session_id, path):
            return False
        await asyncio.sleep(0)
        return await broken.files.delete_file(session_id, path, recursive=True)


@mutant("concurrency.no_half_purged_session.files")
def purges_file_by_file(broken: Broken) -> None:
    """Purging takes one entry after the other, for all to see."""

    def wrap(call: Call) -> Call:
        async def purge_session(session_id: Any) -> bool:
            infos = await broken.files.list_directory(session_id)
            for info in infos:
                await broken.files.delete_file(session_id, info.path, recursive=True)
                await asyncio.sleep(0)
            return bool(await call(session_id)) or bool(infos)

        return purge_session

    broken.around(wrap, ["file_system"], ["purge_session"])


@mutant("concurrency.no_half_purged_session.values")
def purges_key_by_key(broken: Broken) -> None:
    """Purging deletes one value or secret after the other, for all to see."""

    def wrap(call: Call) -> Call:
        async def purge_session(session_id: Any) -> bool:
            found = False
            for key in await broken.storage.list_keys(session_id):
                found = await broken.storage.delete_value(session_id, key.key) or found
                await asyncio.sleep(0)
            for secret in await broken.storage.list_secrets(session_id):
                found = await broken.storage.delete_secret(session_id, secret.name) or found
                await asyncio.sleep(0)
            return bool(await call(session_id)) or found

        return purge_session

    broken.around(wrap, ["storage"], ["purge_session"])


@mutant("concurrency.no_torn_list.values")
def lists_keys_in_steps(broken: Broken) -> None:
    """A list of keys takes the names first, and then looks at each of them."""

    @broken.verb
    async def list_keys(session_id: Any, *page: Any, **options: Any) -> Any:
        found = []
        for info in await broken.storage.list_keys(session_id, *page, **options):
            await asyncio.sleep(0)
            found.append(await broken.storage.stat_value(session_id, info.key))
        return [info for info in found if info is not None]


@mutant("concurrency.no_torn_list.secrets")
def lists_secrets_in_steps(broken: Broken) -> None:
    """A list of secrets takes the names first, and then looks at each of them."""

    @broken.verb
    async def list_secrets(session_id: Any) -> Any:
        found = []
        for info in await broken.storage.list_secrets(session_id):
            await asyncio.sleep(0)
            if await broken.storage.get_secret(session_id, info.name) is not None:
                found.append(info)
        return found


@mutant("concurrency.no_torn_list.files")
def globs_in_steps(broken: Broken) -> None:
    """A glob takes the paths first, and then looks at each of them."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        found = []
        for info in await broken.files.glob_files(session_id, pattern):
            await asyncio.sleep(0)
            if await broken.files.stat_file(session_id, info.path) is not None:
                found.append(info)
        return found


@mutant("concurrency.seed_read_only")
def protects_a_moment_later(broken: Broken) -> None:
    """A seed is written first, and made read-only a moment later."""

    @broken.verb
    async def seed_initial_file(session_id: Any, file: Any) -> Any:
        seeded = await broken.files.seed_initial_file(session_id, replace(file, is_readonly=False))
        if not file.is_readonly:
            return seeded
        await asyncio.sleep(0)
        return await broken.files.seed_initial_file(session_id, file)
