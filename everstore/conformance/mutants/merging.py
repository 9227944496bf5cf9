"""Mistakes with merges of sessions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.compat import override
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.conformance.mutants.checkpoints import id_of
from everstore.errors import (
    CheckpointNotFoundError,
    EverstoreError,
    MergeConflictError,
)
from everstore.models import InitialFile, Merged
from everstore.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID


__all__: list[str] = []


def _merging(broken: Broken, merge: Callable[..., Any]) -> None:
    class Merging(Store):
        @override
        async def merge(self, fork: Any, into: Any = None, *, prefer: Any = None) -> Merged:
            async def sound(prefer: Any = prefer) -> Merged:
                return await super(Merging, self).merge(fork, into, prefer=prefer)

            merged: Merged = await merge(self, sound, id_of(fork), into, prefer)
            return merged

    broken.kind = Merging


@mutant("merge.takes")
def merges_what_is_there(broken: Broken) -> None:
    """What a fork has is taken, and what it has not any more stays."""

    async def merge(store: Store, sound: Any, fork: UUID, into: Any, _: Any) -> Merged:
        record = await store.sessions.get_session(fork)
        target: UUID = into or (record and record.parent) or fork
        before = {info.path for info in await broken.entries(target)}
        merged: Merged = await sound()
        for change in merged.files:
            if change.kind == "removed" and change.path in before and not change.before.is_directory:  # type: ignore[union-attr]  # it was there
                await store.file_system.write_file(target, change.path, "stays")
        return merged

    _merging(broken, merge)


@mutant("merge.nothing")
def touches_what_is_merged(broken: Broken) -> None:
    """Whatever was merged, the session is written."""

    async def merge(store: Store, sound: Any, fork: UUID, into: Any, _: Any) -> Merged:
        merged: Merged = await sound()
        record = await store.sessions.get_session(fork)
        target: UUID = into or (record and record.parent) or fork
        for info in await store.storage.list_keys(target):
            text = await store.storage.get_value(target, info.key)
            await store.storage.set_value(target, info.key, text or "")
        return merged

    _merging(broken, merge)


def _prefers(broken: Broken, is_wrong: Callable[[MergeConflictError], bool], prefer: str) -> None:
    async def merge(_: Store, sound: Any, __: UUID, ___: Any, ____: Any) -> Merged:
        try:
            found: Merged = await sound()
        except MergeConflictError as error:
            if not is_wrong(error):
                raise
            found = await sound(prefer)
        return found

    _merging(broken, merge)


@mutant("merge.conflict.both_changed")
def takes_the_forks(broken: Broken) -> None:
    """The later one wins, which is the fork."""
    _prefers(broken, lambda error: bool(error.paths), "fork")


@mutant("merge.conflict.values")
def takes_the_forks_values(broken: Broken) -> None:
    """Of values the fork's are taken."""
    _prefers(broken, lambda error: not error.paths, "fork")


@mutant("merge.all_conflicts")
def tells_the_first_conflict(broken: Broken) -> None:
    """The first conflict ends the search."""

    async def merge(_: Store, sound: Any, __: UUID, ___: Any, ____: Any) -> Merged:
        try:
            found: Merged = await sound()
        except MergeConflictError as error:
            raise MergeConflictError.of(error.paths[:1], error.keys[:1] if not error.paths else ()) from None
        return found

    _merging(broken, merge)


@mutant("merge.into")
def merges_into_the_parent(broken: Broken) -> None:
    """Whatever is named, a fork goes back to where it came from."""

    class Merging(Store):
        @override
        async def merge(self, fork: Any, into: Any = None, *, prefer: Any = None) -> Merged:
            del into
            return await super().merge(fork, prefer=prefer)

    broken.kind = Merging


@mutant("merge.without_base")
def merges_without_a_base(broken: Broken) -> None:
    """Without what a fork began with, all that it has is taken."""

    class Merging(Store):
        @override
        async def merge(self, fork: Any, into: Any = None, *, prefer: Any = None) -> Merged:
            try:
                return await super().merge(fork, into, prefer=prefer)
            except CheckpointNotFoundError:
                return Merged([], [])

    broken.kind = Merging


@mutant("merge.under_writers")
def merges_file_by_file(broken: Broken) -> None:
    """What is merged is written file by file, onto whatever is there by then."""

    @broken.verb
    async def apply_changes(session_id: UUID, changes: Any) -> Any:
        if len(changes) < 2 or not all(hasattr(change, "if_revision") for change in changes):
            return await broken.files.apply_changes(session_id, changes)
        answers = []
        for change in changes:
            await asyncio.sleep(0)
            answers += await broken.files.apply_changes(session_id, [replace(change, if_revision=None)])
        return answers


@mutant("merge.directories")
def deletes_directories_whole(broken: Broken) -> None:
    """A directory that the fork deleted goes with what the session has put into it."""

    async def merge(_: Store, sound: Any, __: UUID, ___: Any, wanted: Any) -> Merged:
        try:
            found: Merged = await sound()
        except EverstoreError:
            if wanted is not None:
                raise
            found = await sound("fork")
        return found

    _merging(broken, merge)


@mutant("merge.marks")
def merges_marks(broken: Broken) -> None:
    """What is read-only in the fork is read-only where it is merged."""

    async def merge(store: Store, sound: Any, fork: UUID, into: Any, _: Any) -> Merged:
        merged: Merged = await sound()
        record = await store.sessions.get_session(fork)
        target: UUID = into or (record and record.parent) or fork
        for change in merged.files:
            file = await store.file_system.read_file(fork, change.path)
            if file is not None and file.is_readonly:
                seed = InitialFile(file.path, file.content or "", file.encoding, is_readonly=True)
                await store.file_system.seed_initial_file(target, seed)
        return merged

    _merging(broken, merge)


@mutant("merge.marks")
def merges_over_marks(broken: Broken) -> None:
    """A file that is in the way is made writable first."""

    async def merge(store: Store, sound: Any, fork: UUID, into: Any, _: Any) -> Merged:
        record = await store.sessions.get_session(fork)
        target: UUID = into or (record and record.parent) or fork
        for info in await broken.entries(target):
            file = await store.file_system.read_file(target, info.path)
            if file is not None and file.is_readonly:
                seed = InitialFile(file.path, file.content or "", file.encoding)
                await store.file_system.seed_initial_file(target, seed)
        merged: Merged = await sound()
        return merged

    _merging(broken, merge)


@mutant("merge.limits")
def merges_files_by_path(broken: Broken) -> None:
    """Files are changed in the order of their paths."""

    @broken.verb
    async def apply_changes(session_id: UUID, changes: Any) -> Any:
        if not isinstance(changes, list) or not all(hasattr(change, "path") for change in changes):
            return await broken.files.apply_changes(session_id, changes)
        order = sorted(range(len(changes)), key=lambda place: str(changes[place].path))
        answers = await broken.files.apply_changes(session_id, [changes[place] for place in order])
        return [answers[order.index(place)] for place in range(len(changes))]


@mutant("merge.limits")
def merges_values_by_key(broken: Broken) -> None:
    """Values are changed in the order of their keys."""

    @broken.verb
    async def change_values(session_id: UUID, changes: Any) -> Any:
        return await broken.storage.change_values(session_id, sorted(changes, key=lambda each: str(each.key)))
