"""Taking what a fork changed into another session."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from everstore.branching.merge_plan import by_room, plan_of_files, plan_of_values
from everstore.branching.spelling import require_reachable
from everstore.branching.undoing import seconds_left
from everstore.changes import Delete, DeleteValue, MakeDirectory, SetValue, Write, WriteBytes
from everstore.content import stored_size
from everstore.errors import (
    BackendUnavailableError,
    DirectoryNotEmptyError,
    EverstoreError,
    MergeConflictError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
    RevisionConflictError,
)
from everstore.models import FileChange, FileInfo, Merged, ValueChange
from everstore.turns import Pace
from everstore.wording import counted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from everstore.branching.merge_plan import Plan
    from everstore.changes import AnyFileChange
    from everstore.models import KeyInfo, Prefer
    from everstore.store import Roles

__all__ = ["Merge"]

C = TypeVar("C")
T = TypeVar("T")

_MOST_LOOKS = 100  # at sessions that change meanwhile
_CHANGED_MEANWHILE = (
    DirectoryNotEmptyError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
    RevisionConflictError,
)
_SAME_MOMENT_NS = 1_000_000_000  # ends of a value that are so near are one: times to live are set from now on


class _ChangedError(Exception):
    """What was looked at is not there any more as it was seen."""


class Merge:
    """One merge: looked at, planned and applied, and all over again where somebody else was faster.

    Files are applied in one step, then values in another, each under the condition that what is replaced or
    removed is what was seen. So no write of anybody is lost.
    """

    def __init__(
        self,
        roles: Roles,
        base: UUID,
        fork: UUID,
        target: UUID,
        prefer: Prefer | None,
        require_base: Callable[[], Awaitable[object]],
    ) -> None:
        """``base`` is where the fork began; ``require_base`` raises when it was deleted meanwhile."""
        self._files, self._storage = roles.file_system, roles.storage
        self._base, self._fork, self._target = base, fork, target
        self._prefer: Prefer | None = prefer
        self._require_base = require_base
        self._pace = Pace()

    async def run(self) -> Merged:
        """What was changed in the target; ``MergeConflictError``, and nothing is, where both sides clash."""
        files, values = await self._settled(self._merge_files, happened=False)
        try:
            return Merged(files, await self._settled(partial(self._merge_values, values), happened=None))
        except EverstoreError as error:
            if files:
                error.add_note(f"{counted(len(files), 'path')} had been merged by then, and no value")
            raise

    async def _settled(self, step: Callable[[], Awaitable[T]], *, happened: bool | None) -> T:
        """Do a step, again and again while somebody else is faster."""
        for _ in range(_MOST_LOOKS):
            with suppress(_ChangedError, *_CHANGED_MEANWHILE):
                return await step()
        raise BackendUnavailableError(
            "one of the sessions changed whenever they were compared: merge again when less is written",
            happened=happened,
        )

    async def _merge_files(self) -> tuple[list[FileChange], Plan[ValueChange]]:
        """Merge the files if nothing clashes, and have a plan for the values."""
        files, values = await self._plan_files(), await self._plan_values()
        self._require_peace(files.conflicts, values.conflicts)
        return await self._apply_files(files.taken), values

    async def _merge_values(self, plan: Plan[ValueChange]) -> list[ValueChange]:
        """Merge the values by a plan and, where it does not hold any more, by a new one."""
        try:
            return await self._apply_values(plan.taken)
        except (_ChangedError, *_CHANGED_MEANWHILE):
            plan = await self._plan_values()
        self._require_peace([], plan.conflicts)
        return await self._apply_values(plan.taken)

    def _require_peace(self, paths: list[str], keys: list[str]) -> None:
        if paths or keys:
            raise MergeConflictError.of(paths, keys)

    async def _compared(
        self, compare: Callable[[UUID, UUID], Awaitable[list[C]]]
    ) -> tuple[list[C], list[C], list[C]]:
        """What the fork changed, what the target did, and what is different from the target to the fork.

        The fork's side is of one moment, or is looked at again. What the target did is told later than what
        is different there: so what it does in between is a change of its own, or a condition does not hold.
        """
        ours = await compare(self._base, self._fork)
        if not ours:
            return [], [], []
        apart = await compare(self._target, self._fork)
        theirs = await compare(self._base, self._target)
        await self._pace()
        if await compare(self._base, self._fork) != ours:
            raise _ChangedError
        await self._pace()
        await self._require_base()  # or all that the fork has would seem to be new
        return ours, theirs, apart

    async def _plan_files(self) -> Plan[FileChange]:
        ours, theirs, apart = await self._compared(self._files.diff_sessions)
        await require_reachable(self._files, self._target, [change.path for change in ours])
        apart = [change for change in apart if not await self._is_of_a_mark(change)]
        await self._pace()
        return plan_of_files(ours, theirs, apart, self._prefer)

    async def _is_of_a_mark(self, change: FileChange) -> bool:
        """Whether a file is the same on both sides, but for being read-only, which is not merged."""
        await self._pace()
        before, after = change.before, change.after
        if before is None or after is None or before.is_readonly == after.is_readonly:
            return False
        if before.is_directory or after.is_directory or before.size_bytes != after.size_bytes:
            return False
        sides = [await self._files.read_file(session, change.path) for session in (self._target, self._fork)]
        one, other = [None if side is None else (side.encoding, side.content) for side in sides]
        return one == other

    async def _plan_values(self) -> Plan[ValueChange]:
        ours, theirs, apart = await self._compared(self._storage.diff_sessions)
        apart = [change for change in apart if not await self._is_of_a_moment(change)]
        await self._pace()
        return plan_of_values(ours, theirs, apart, self._prefer)

    async def _is_of_a_moment(self, change: ValueChange) -> bool:
        """Whether a value is the same on both sides, but for when its time to live was set."""
        await self._pace()
        before = None if change.before is None else change.before.expires_ns
        after = None if change.after is None else change.after.expires_ns
        if before is None or after is None or abs(before - after) > _SAME_MOMENT_NS:
            return False
        one, other = [
            await self._storage.get_value(session_id, change.key) for session_id in (self._target, self._fork)
        ]
        return one == other

    # -- files --------------------------------------------------------------------------------------

    async def _apply_files(self, taken: list[FileChange]) -> list[FileChange]:
        if not taken:
            return []
        steps: list[tuple[str, AnyFileChange]] = []
        for change in reversed(taken):  # what is in a directory goes before it
            steps += _removal(change)
        for change in by_room(taken, _sizes):  # and a directory comes before what is in it
            await self._pace()
            if change.after is not None:
                steps.append((change.path, await self._making(change, change.after)))
        await self._pace()
        answers = await self._files.apply_changes(self._target, [step for _, step in steps])
        await self._pace()
        there: dict[str, FileInfo | None] = {}
        for (path, _), answer in zip(steps, answers, strict=True):
            there[path] = answer
        return [FileChange.between(each.path, each.before, there.get(each.path)) for each in taken]

    async def _making(self, change: FileChange, wanted: FileInfo) -> AnyFileChange:
        """What puts an entry of the fork in its place, where nothing is, or what was seen."""
        path, before = change.path, change.before
        if wanted.is_directory:
            return MakeDirectory(path)
        file = await self._files.read_file(self._fork, path)
        if file is None or file.revision != wanted.revision:
            raise _ChangedError
        replaces = before is not None and not before.is_directory
        revision = before.revision if replaces and before is not None else None
        if file.encoding == "text":
            return Write(path, file.content or "", if_revision=revision, if_absent=not replaces)
        return WriteBytes(path, file.data or b"", if_revision=revision, if_absent=not replaces)

    # -- values -------------------------------------------------------------------------------------

    async def _apply_values(self, taken: list[ValueChange]) -> list[ValueChange]:
        if not taken:
            return []
        gone = [DeleteValue(each.key, if_revision=_revision_of(each)) for each in taken if each.after is None]
        sets = [await self._setting(each, each.after) for each in taken if each.after is not None]
        replaced = [each.key for each in taken if each.before is not None and each.after is not None]
        texts = await self._storage.get_values(self._target, replaced)
        sizes: dict[str, tuple[int | None, int]] = {}
        for each in sets:
            await self._pace()
            old = texts.get(each.key)
            before = None if old is None else stored_size(old, "text")
            sizes[each.key] = before, stored_size(each.value, "text")
        steps = by_room(sets, lambda step: sizes[step.key])
        await self._storage.change_values(self._target, [*gone, *steps])
        there = [await self._there(change) for change in taken]
        return [
            ValueChange.between(change.key, change.before, info)
            for change, info in zip(taken, there, strict=True)
            if change.before is not None or info is not None
        ]

    async def _there(self, change: ValueChange) -> KeyInfo | None:
        await self._pace()
        return await self._storage.stat_value(self._target, change.key)

    async def _setting(self, change: ValueChange, wanted: KeyInfo) -> SetValue:
        await self._pace()
        value = await self._storage.read_value(self._fork, change.key)
        if value is None or value.revision != wanted.revision:
            raise _ChangedError
        left = seconds_left(value.expires_ns)
        if left is not None and left <= 0:
            raise _ChangedError
        seen = _revision_of(change)
        return SetValue(change.key, value.value, ttl=left, if_revision=seen, if_absent=seen is None)


def _revision_of(change: ValueChange) -> str | None:
    return None if change.before is None else change.before.revision


def _sizes(change: FileChange) -> tuple[int | None, int]:
    """How large the file of the target is that a file of the fork replaces, and how large that is."""
    before, after = change.before, change.after
    old = None if before is None or before.is_directory else before.size_bytes
    return old, 0 if after is None else after.size_bytes


def _removal(change: FileChange) -> list[tuple[str, AnyFileChange]]:
    """What takes away the entry of the target that nothing replaces, or something of another kind.

    A deletion has no condition, and a write has: so a file is emptied first, if it is the one that was seen.
    All of it is one step, so nobody sees it empty.
    """
    path, before, after = change.path, change.before, change.after
    if before is None or (after is not None and after.is_directory == before.is_directory):
        return []
    deletion = (path, Delete(path))
    if before.is_directory:
        return [deletion]
    return [(path, WriteBytes(path, b"", if_revision=before.revision)), deletion]
