"""Mistakes with forks of sessions: what they take, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import (
    RevisionConflictError,
)
from everstore.models import InitialFile, new_session_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from everstore.middleware.base import Call

    Fork = Callable[..., Awaitable[Any]]

__all__ = ["after_forking", "forking"]

_SHARED = "/large"
"""A file that forks of most checks share."""


def forking(broken: Broken, role: str, fork: Fork) -> None:
    """Let this, which is handed the sound verb first, be how sessions of a role are forked."""

    def wrap(call: Call) -> Call:
        async def fork_session(source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
            await fork(call, source, target, replaced)

        return fork_session

    broken.around(wrap, [role], ["fork_session"])


def after_forking(broken: Broken, role: str, then: Fork) -> None:
    """Do something more after each fork."""

    async def fork(call: Call, source: UUID, target: UUID, replaced: UUID | None) -> None:
        await call(source, target, replaced=replaced)
        await then(source, target, replaced)

    forking(broken, role, fork)


def pairs_of(broken: Broken, role: str) -> dict[UUID, UUID]:
    """The other session of each fork, from now on, both ways."""
    others: dict[UUID, UUID] = {}

    async def note(source: UUID, target: UUID, _: UUID | None) -> None:
        others[target], others[source] = source, target

    after_forking(broken, role, note)
    return others


# -- what a fork takes ---------------------------------------------------------------------------------------


@mutant("forks.same")
def forks_by_writing(broken: Broken) -> None:
    """A fork is made by reading and writing every file, whose times are those of the fork."""

    async def write(call: Call, source: UUID, target: UUID, replaced: UUID | None) -> None:
        await call(new_session_id(), target, replaced=replaced)
        for info in await broken.entries(source):
            if info.is_directory:
                await broken.files.create_directory(target, info.path)
                continue
            file: Any = await broken.files.read_file(source, info.path)
            seed = InitialFile(info.path, file.content, file.encoding, is_readonly=file.is_readonly)
            await broken.files.seed_initial_file(target, seed)

    forking(broken, "file_system", write)


@mutant("durability.space_of_forks", durable=True)
def forks_contents(broken: Broken) -> None:
    """A fork writes every content again."""
    forks_by_writing(broken)


@mutant("forks.shows")
def forks_files_only(broken: Broken) -> None:
    """Directories without a file in them are not taken."""

    async def prune(source: UUID, target: UUID, _: UUID | None) -> None:
        for info in await broken.entries(source):
            if info.is_directory:
                await broken.files.delete_file(target, info.path)

    after_forking(broken, "file_system", prune)


@mutant("forks.found")
def finds_what_was_written(broken: Broken) -> None:
    """The index of a search is kept by writes: in a fork it has what was written there."""
    written: dict[UUID, set[str]] = {}

    async def note(_: UUID, target: UUID, __: UUID | None) -> None:
        written[target] = set()

    after_forking(broken, "file_system", note)

    @broken.verb
    async def write_file(session_id: UUID, path: str, *args: Any, **options: Any) -> Any:
        file = await broken.files.write_file(session_id, path, *args, **options)
        written.get(session_id, set()).add(file.path)
        return file

    @broken.verb
    async def grep_files(session_id: UUID, *args: Any, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, *args, **options)
        known = written.get(session_id)
        return found if known is None else [match for match in found if match.path in known]


@mutant("forks.marks")
def forks_rows_as_they_are(broken: Broken) -> None:
    """Values are taken with their revisions."""
    taken: dict[UUID, dict[str, tuple[int, int]]] = {}

    async def note(source: UUID, target: UUID, _: UUID | None) -> None:
        before = {info.key: info.version for info in await broken.storage.list_keys(source)}
        shown = taken.get(source, {})
        taken[target] = {
            info.key: (info.version, shown.get(info.key, (0, before[info.key]))[1])
            for info in await broken.storage.list_keys(target)
        }

    after_forking(broken, "storage", note)

    @broken.verb
    async def list_keys(session_id: UUID, *args: Any, **options: Any) -> Any:
        found = await broken.storage.list_keys(session_id, *args, **options)
        known = taken.get(session_id, {})
        return [
            replace(info, version=known[info.key][1])
            if info.key in known and known[info.key][0] == info.version
            else info
            for info in found
        ]


def _holds_there(broken: Broken, *, only_replaced: bool) -> None:
    """A condition that does not hold in the target of a fork is looked for in what it was forked from."""
    sources: dict[UUID, UUID] = {}

    async def note(source: UUID, target: UUID, replaced: UUID | None) -> None:
        if (replaced is not None) is only_replaced:
            sources[target] = replaced or source

    after_forking(broken, "file_system", note)

    @broken.verb
    async def write_file(session_id: UUID, path: str, *args: Any, **options: Any) -> Any:
        try:
            return await broken.files.write_file(session_id, path, *args, **options)
        except RevisionConflictError:
            if session_id not in sources or options.get("if_absent"):
                raise
            options.pop("if_revision", None)
            return await broken.files.write_file(session_id, path, *args, **options)


@mutant("forks.conditions.source")
def holds_what_its_source_held(broken: Broken) -> None:
    """A revision that was read in the source holds in the fork."""
    _holds_there(broken, only_replaced=False)


@mutant("forks.conditions.abandoned")
def holds_what_was_abandoned(broken: Broken) -> None:
    """A revision of what was replaced still holds."""
    _holds_there(broken, only_replaced=True)


@mutant("forks.revisions")
def begins_revisions_anew(broken: Broken) -> None:
    """When a session is replaced, its revisions are counted as they were at the beginning."""
    seen: dict[UUID, list[int]] = {}

    async def note(_: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is not None:
            seen[target] = []

    after_forking(broken, "file_system", note)

    @broken.verb
    async def stat_file(session_id: UUID, path: str) -> Any:
        found = await broken.files.stat_file(session_id, path)
        known = seen.get(session_id)
        if found is None or known is None:
            return found
        if found.version not in known:
            known.append(found.version)
        return replace(found, version=known.index(found.version) + 1)


# -- what both sides share -----------------------------------------------------------------------------------


@mutant("forks.apart.file_system")
def appends_to_what_is_shared(broken: Broken) -> None:
    """An append changes the content that both sides have in place."""
    others = pairs_of(broken, "file_system")

    @broken.verb
    async def append_file(session_id: UUID, path: str, content: str, *args: Any) -> Any:
        info = await broken.files.append_file(session_id, path, content, *args)
        if session_id in others and await broken.files.stat_file(others[session_id], path):
            await broken.files.append_file(others[session_id], path, content, *args)
        return info


@mutant("forks.chain")
def appends_to_what_grew_out_of_it(broken: Broken) -> None:
    """An append to a fork is one to its own forks, too."""
    sources: dict[UUID, UUID] = {}

    async def note(source: UUID, target: UUID, _: UUID | None) -> None:
        sources[target] = source

    after_forking(broken, "file_system", note)

    @broken.verb
    async def append_file(session_id: UUID, path: str, *content: Any) -> Any:
        answer = await broken.files.append_file(session_id, path, *content)
        for fork, source in sources.items():
            if source == session_id and source in sources and await broken.files.stat_file(fork, path):
                await broken.files.append_file(fork, path, *content)
        return answer


@mutant("forks.apart.storage")
def touches_what_is_shared(broken: Broken) -> None:
    """A time to live is that of the text, whoever has it."""
    others = pairs_of(broken, "storage")

    @broken.verb
    async def touch_value(session_id: UUID, key: str, *, ttl: Any) -> Any:
        if session_id in others:
            await broken.storage.touch_value(others[session_id], key, ttl=ttl)
        return await broken.storage.touch_value(session_id, key, ttl=ttl)


def _frees(broken: Broken, verb: str, *, when: Callable[..., bool] = lambda *_: True) -> None:
    """The verb of one side takes the content of a file from the other."""
    others = pairs_of(broken, "file_system")

    def wrap(call: Call) -> Call:
        async def freeing(session_id: UUID, *args: Any, **options: Any) -> Any:
            answer = await call(session_id, *args, **options)
            other = others.get(session_id)
            if other is not None and when(*args) and await broken.files.stat_file(other, _SHARED):
                await broken.files.write_file(other, _SHARED, "")
            return answer

        return freeing

    broken.around(wrap, ["file_system"], [verb])


@mutant("forks.gone.purged")
def frees_with_the_first(broken: Broken) -> None:
    """A purge frees the contents of a session, whoever else has them."""
    _frees(broken, "purge_session")


@mutant("forks.gone.deleted")
def deletes_what_is_shared(broken: Broken) -> None:
    """What is deleted on one side is deleted on the other."""
    _frees(broken, "delete_file", when=lambda path, *_: path == _SHARED)


@mutant("forks.gone.overwritten")
def overwrites_what_is_shared(broken: Broken) -> None:
    """What is overwritten on one side is overwritten on the other."""
    _frees(broken, "write_file", when=lambda path, *_: path == _SHARED)


@mutant("forks.gone.session_deleted")
def frees_values_with_the_first(broken: Broken) -> None:
    """A purge of values takes those of the fork along."""
    others = pairs_of(broken, "storage")

    def wrap(call: Call) -> Call:
        async def purge_session(session_id: UUID) -> bool:
            if session_id in others:
                await broken.storage.delete_value(others[session_id], "k")
            return bool(await call(session_id))

        return purge_session

    broken.around(wrap, ["storage"], ["purge_session"])


@mutant("forks.gone.replaced")
def frees_what_is_replaced(broken: Broken) -> None:
    """What is replaced is freed, also where another session has it."""
    others: dict[UUID, UUID] = {}

    async def note(source: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is not None and target in others:
            await broken.files.delete_file(others[target], _SHARED)
        others[target], others[source] = source, target

    after_forking(broken, "file_system", note)


@mutant("forks.chain")
def reads_through_to_the_source(broken: Broken) -> None:
    """What was not written in a fork is read in its source, as it is there now."""
    layers: dict[UUID, tuple[UUID, dict[str, str]]] = {}

    async def note(source: UUID, target: UUID, _: UUID | None) -> None:
        entries = await broken.entries(target)
        layers[target] = source, {info.path: info.revision for info in entries if not info.is_directory}

    after_forking(broken, "file_system", note)

    @broken.verb
    async def read_file(session_id: UUID, path: str, **options: Any) -> Any:
        found = await broken.files.read_file(session_id, path, **options)
        source, taken = layers.get(session_id, (None, {}))
        if found is None or source is None or taken.get(found.path) != found.revision:
            return found
        there = await read_file(source, path)
        if there is None or there.is_directory:
            return found
        return replace(found, content=there.content, size_bytes=there.size_bytes, encoding=there.encoding)


@mutant("forks.again")
def remembers_that_it_was_filled(broken: Broken) -> None:
    """A session that was forked into once is taken to have it still."""
    filled: set[UUID] = set()

    async def fork(call: Call, source: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is not None or target not in filled:
            await call(source, target, replaced=replaced)
        filled.add(target)

    forking(broken, "file_system", fork)


@mutant("forks.ends")
def forks_without_ends(broken: Broken) -> None:
    """Values are taken without their ends."""

    async def touch(_: UUID, target: UUID, __: UUID | None) -> None:
        for info in await broken.storage.list_keys(target):
            await broken.storage.touch_value(target, info.key, ttl=None)

    after_forking(broken, "storage", touch)


# -- targets -------------------------------------------------------------------------------------------------
