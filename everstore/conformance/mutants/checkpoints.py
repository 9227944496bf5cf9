"""Mistakes with checkpoints, and forks and rewinds of whole sessions."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.compat import override
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import (
    CheckpointNotFoundError,
    ReadOnlySessionError,
    UnsupportedError,
)
from everstore.models import Checkpoint, Session, is_checkpoint, new_session_id
from everstore.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from everstore.middleware.base import Call

__all__ = ["id_of"]


def id_of(given: Any) -> UUID:
    """The id of a session, or the id itself."""
    found: UUID = getattr(given, "id", given)
    return found


@mutant("checkpoints.keep")
def points_to_the_session(broken: Broken) -> None:
    """A checkpoint of a session that goes on is looked for in the session."""
    of: dict[UUID, UUID] = {}

    class Pointing(Store):
        @override
        async def checkpoint(self, session_id: Any, label: str = "") -> Checkpoint:
            made = await super().checkpoint(session_id, label)
            of[made.id] = id_of(session_id)
            return made

    def wrap(call: Call) -> Call:
        async def looked(session_id: UUID, *args: Any, **options: Any) -> Any:
            return await call(of.get(session_id, session_id), *args, **options)

        return looked

    broken.kind = Pointing
    broken.around(wrap, ["file_system"], ["read_file", "list_directory"])


def _listing(broken: Broken, change: Callable[[list[Checkpoint], Any], list[Checkpoint]]) -> None:
    class Listing(Store):
        @override
        async def list_checkpoints(self, session_id: Any, **options: Any) -> list[Checkpoint]:
            return change(await super().list_checkpoints(session_id, **options), session_id)

    broken.kind = Listing


@mutant("checkpoints.listed")
def lists_the_oldest_first(broken: Broken) -> None:
    """Checkpoints are listed in the order in which they were made."""
    _listing(broken, lambda found, _: found[::-1])


@mutant("checkpoints.pages")
def leaves_checkpoints_out_of_a_page(broken: Broken) -> None:
    """A page is read with checkpoints, which are left out of it then."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, checkpoints_of: Any = None, **options: Any) -> Any:
        found = await broken.sessions.list_sessions(limit=limit, checkpoints_of=checkpoints_of, **options)
        return found if checkpoints_of or len(found) < limit else found[:-1]


def _lets_change(broken: Broken, role: str, *names: str) -> None:
    """These verbs do not refuse a checkpoint."""

    def wrap(call: Call) -> Call:
        async def lenient(*args: Any, **options: Any) -> Any:
            try:
                return await call(*args, **options)
            except ReadOnlySessionError:
                return None

        return lenient

    broken.around(wrap, [role], names)


@mutant("checkpoints.read_only.file_system")
def deletes_files_of_checkpoints(broken: Broken) -> None:
    """A deletion in a checkpoint is passed over."""
    _lets_change(broken, "file_system", "delete_file")


@mutant("checkpoints.read_only.storage")
def counts_in_checkpoints(broken: Broken) -> None:
    """A counter in a checkpoint is taken for counted."""
    _lets_change(broken, "storage", "increment_value")


@mutant("checkpoints.read_only.sessions")
def labels_checkpoints(broken: Broken) -> None:
    """The record of a checkpoint takes other labels."""
    _lets_change(broken, "sessions", "update_session")


@mutant("checkpoints.looked_at")
def looks_at_no_checkpoint(broken: Broken) -> None:
    """What may not be changed is not searched either."""

    @broken.verb
    async def grep_files(session_id: UUID, *args: Any, **options: Any) -> Any:
        return (
            [] if is_checkpoint(session_id) else await broken.files.grep_files(session_id, *args, **options)
        )

    @broken.verb
    async def glob_files(session_id: UUID, pattern: str) -> Any:
        return [] if is_checkpoint(session_id) else await broken.files.glob_files(session_id, pattern)


@mutant("checkpoints.deleted")
def keeps_checkpoints_always(broken: Broken) -> None:
    """A session is deleted, and its checkpoints are not."""

    class Keeping(Store):
        @override
        async def delete_session(self, session_id: Any, **_: Any) -> bool:
            if is_checkpoint(session_id):
                return await self.delete_checkpoint(session_id)
            return await super().delete_session(session_id, keep_checkpoints=True)

    broken.kind = Keeping


@mutant("checkpoints.fork")
def forks_as_a_new_session(broken: Broken) -> None:
    """A fork has the title of a new session, which is none."""

    class Untitled(Store):
        @override
        async def fork_session(self, source: Any, **options: Any) -> Session:
            made = await super().fork_session(source, **options)
            if options.get("title") is None:
                made = replace(made, title=None)
                await self.sessions.add_session(made)
            return made

    broken.kind = Untitled


@mutant("checkpoints.fork")
def forgets_the_parent(broken: Broken) -> None:
    """A record with another title is that of a session that was not forked."""

    @broken.verb
    async def update_session(session_id: UUID, **changes: Any) -> Session:
        record = await broken.sessions.update_session(session_id, **changes)
        if record.parent is not None and not is_checkpoint(session_id):
            record = replace(record, parent=None)
            await broken.sessions.add_session(record)
        return record


@mutant("checkpoints.fork_of_checkpoint")
def forks_what_the_session_has(broken: Broken) -> None:
    """A fork of a checkpoint is one of its session."""

    class Forking(Store):
        @override
        async def fork_session(self, source: Any, **options: Any) -> Session:
            record = await self.sessions.get_session(id_of(source))
            if record is not None and record.parent is not None and is_checkpoint(record.id):
                source = record.parent
            return await super().fork_session(source, **options)

    broken.kind = Forking


class _RewindingFiles(Store):
    """A rewind keeps the values that there are."""

    @override
    async def rewind(self, session_id: Any, checkpoint: Any, *, keep: bool = True) -> Checkpoint | None:
        values = {each.key: each.value for each in await self.storage.read_values(session_id)}
        made = await super().rewind(session_id, checkpoint, keep=keep)
        await self.storage.set_values(session_id, values)
        return made


@mutant("checkpoints.rewind")
def rewinds_files_only(broken: Broken) -> None:
    """Values are not rewound."""
    broken.kind = _RewindingFiles


@mutant("checkpoints.missing")
def rewinds_to_nothing(broken: Broken) -> None:
    """A checkpoint that is not there is an empty one."""

    class Lenient(Store):
        @override
        async def rewind(self, session_id: Any, checkpoint: Any, *, keep: bool = True) -> Checkpoint | None:
            try:
                return await super().rewind(session_id, checkpoint, keep=keep)
            except CheckpointNotFoundError:
                return None

    broken.kind = Lenient


@mutant("checkpoints.under_writers")
def keeps_what_was_there_first(broken: Broken) -> None:
    """What is there is kept as a checkpoint, and a moment later the session is rewound."""

    class Late(Store):
        @override
        async def rewind(self, session_id: Any, checkpoint: Any, *, keep: bool = True) -> Checkpoint | None:
            before = await self.checkpoint(session_id) if keep else None
            await asyncio.sleep(0.001)
            await super().rewind(session_id, checkpoint, keep=False)
            return before

    broken.kind = Late


@mutant("checkpoints.rewinds_at_once")
def rewinds_in_two_steps(broken: Broken) -> None:
    """A rewind is two steps, and whoever is there first is not always first with the second."""
    turns = itertools.count()

    class Stepping(Store):
        @override
        async def rewind(self, session_id: Any, checkpoint: Any, *, keep: bool = True) -> Checkpoint | None:
            target, before = id_of(session_id), await self.checkpoint(session_id)
            aside, roles = new_session_id(), self._trusted
            for role in (roles.file_system, roles.storage):
                await role.fork_session(id_of(checkpoint), target, replaced=aside)
                await asyncio.sleep(0.01 if next(turns) % 2 else 0)
                await role.purge_session(aside)
            if keep:
                return before
            await self.delete_checkpoint(before)
            return None

    broken.kind = Stepping


@mutant("checkpoints.undeclared")
def records_forks_first(broken: Broken) -> None:
    """The record of a fork is made before the storage is asked, which cannot fork."""
    broken.capabilities = replace(broken.sound.file_system.capabilities, forks=False)

    class Recording(Store):
        @override
        async def fork_session(self, *_: Any, session_id: Any = None, **__: Any) -> Session:
            await self.sessions.add_session(Session(session_id or new_session_id()))
            raise UnsupportedError("no forks")

        @override
        async def checkpoint(self, *_: Any, **__: Any) -> Checkpoint:
            raise UnsupportedError("no forks")

        @override
        async def rewind(self, *_: Any, **__: Any) -> Checkpoint | None:
            raise UnsupportedError("no forks")

    broken.kind = Recording


# -- merging -------------------------------------------------------------------------------------------------


@mutant("forks.given")
def forks_over_secrets(broken: Broken) -> None:
    """Secrets that are there go when others come."""

    class Forking(Store):
        @override
        async def fork_session(self, source: Any, **options: Any) -> Session:
            target = options.get("session_id")
            if target is not None and options.get("secrets"):
                for each in await self.storage.list_secrets(target):
                    await self.storage.delete_secret(target, each.name)
            return await super().fork_session(source, **options)

    broken.kind = Forking


@mutant("forks.given")
def begins_where_another_began(broken: Broken) -> None:
    """A checkpoint that is called base is where a fork began."""

    class Forking(Store):
        @override
        async def fork_session(self, source: Any, **options: Any) -> Session:
            made = await super().fork_session(source, **options)
            for each in await self.list_checkpoints(made):
                await self._trusted.sessions.update_session(each.id, labels={"base": "1"})
            return made

    broken.kind = Forking
