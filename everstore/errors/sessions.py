"""What a session, or a checkpoint, does not allow, and what others did to it meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from everstore.errors.root import EverstoreError

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

__all__ = [
    "CheckpointNotFoundError",
    "MergeConflictError",
    "ReadOnlySessionError",
    "RevisionConflictError",
    "SessionNotEmptyError",
    "SessionNotFoundError",
]


class ReadOnlySessionError(EverstoreError, PermissionError):
    """The call would have changed a checkpoint; nothing happened."""

    code = "read_only_session"
    session_id: UUID

    @classmethod
    def of(cls, session_id: UUID) -> Self:
        """The refusal to change a checkpoint."""
        return cls(
            f"session {session_id} is a checkpoint, which is read-only; fork_session() makes one to change,"
            " delete_checkpoint() removes it",
            session_id=session_id,
        )


class SessionNotFoundError(EverstoreError, LookupError):
    """The session has no record (only verbs that change a record raise this)."""

    code = "session_not_found"
    session_id: UUID

    @classmethod
    def of(cls, session_id: UUID) -> Self:
        """The refusal to change the record of a session that has none."""
        return cls(f"session {session_id} has no record", session_id=session_id)


class CheckpointNotFoundError(EverstoreError, LookupError):
    """There is no such checkpoint, or it is another session's."""

    code = "checkpoint_not_found"
    checkpoint_id: UUID

    @classmethod
    def of(cls, checkpoint_id: UUID, session_id: UUID | None = None) -> Self:
        """The refusal of an id that no checkpoint has: none at all, or none of this session."""
        owner = "" if session_id is None else f"session {session_id} has "
        return cls(f"{owner or 'there is '}no checkpoint {checkpoint_id}", checkpoint_id=checkpoint_id)


class SessionNotEmptyError(EverstoreError):
    """A fork, an import or a copy was to go where something else is already; nothing happened."""

    code = "session_not_empty"
    session_id: UUID

    @classmethod
    def of(cls, session_id: UUID) -> Self:
        """The refusal to fork into a session that holds something."""
        message = f"session {session_id} is not empty, and a fork replaces nothing; fork into a new session"
        return cls(message, session_id=session_id)


class RevisionConflictError(EverstoreError):
    """``if_revision`` or ``if_absent`` did not hold; nothing was written (§4.2).

    ``current_revision`` is the revision found, ``None`` when nothing is there.
    """

    code = "revision_conflict"
    current_revision: str | None

    @classmethod
    def found(cls, place: str, wanted: str | None, current: str | None) -> Self:
        """The conflict at a path or key where ``current`` was found; ``None`` stands for nothing there."""
        expected = f"revision {wanted!r}" if wanted is not None else "nothing"
        actual = f"revision {current!r}" if current is not None else "nothing"
        return cls(
            f"{place!r} changed meanwhile: expected {expected} there, found {actual}",
            place=place, expected_revision=wanted, current_revision=current,
        )  # fmt: skip

    @classmethod
    def require(cls, place: str, wanted: str | None, current: str | None) -> None:
        """Raise the conflict unless what is there is wanted; ``None`` stands for nothing."""
        if current != wanted:
            raise cls.found(place, wanted, current)


class MergeConflictError(EverstoreError):
    """Both sides changed the same places, each in another way; nothing was merged.

    ``paths`` and ``keys`` are all of these places, in order.
    """

    code = "merge_conflict"
    paths: tuple[str, ...]
    keys: tuple[str, ...]

    @classmethod
    def of(cls, paths: Collection[str], keys: Collection[str]) -> Self:
        """The refusal to merge what both sides changed at these paths and keys."""
        places = [*map(repr, paths), *(f"key {key!r}" for key in keys)]
        told = ", ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
        message = f"both sides changed {told}; prefer= takes one side's, or change one side and merge again"
        return cls(message, paths=tuple(paths), keys=tuple(keys))
