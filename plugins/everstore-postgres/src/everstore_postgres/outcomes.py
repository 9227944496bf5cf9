"""What the database's functions answer when they refuse, and the typed error that it becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.errors import (
    EditError,
    EverstoreError,
    InvalidContentError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    QuotaExceededError,
    ReadOnlyFileError,
    RevisionConflictError,
)

if TYPE_CHECKING:
    from everstore.settings import Limits

__all__ = ["refusal", "version_of"]

NEVER = -1  # a version that nothing has

_PLAIN: dict[str, tuple[type[EverstoreError], str]] = {
    "directory": (PathIsDirectoryError, "a directory is there"),
    "read-only": (ReadOnlyFileError, "file is read-only"),
    "exists": (PathExistsError, "something is already there"),
    "missing": (PathNotFoundError, "no such file or directory"),
}


def version_of(revision: str | None) -> int | None:
    """The version that a revision stands for; ``NEVER`` for a text that is no revision of ours."""
    if revision is None:
        return None
    try:
        version = int(revision, 16)
    except ValueError:
        return NEVER
    return version if 0 < version < 1 << 63 and format(version, "x") == revision else NEVER


def refusal(row: Any, path: str, limits: Limits, if_revision: str | None = None) -> EverstoreError:
    """The error that a function's outcome stands for; ``path`` is the one that was to change."""
    outcome, fact = row["outcome"], row["fact"]
    at = _PLAIN.get(outcome)
    if at is not None:
        kind, message = at
        return kind.at(fact or path, message)
    match outcome:
        case "through file":
            reason = f"{fact!r} is a file, so nothing can be below it"
            return ParentNotDirectoryError.at(path, reason)
        case "conflict":
            found = row["version"]
            return RevisionConflictError.found(path, if_revision, format(found, "x") if found else None)
        case "over":
            return QuotaExceededError.over(fact, row["amount"], getattr(limits, fact), path)
        case "encoding":
            return InvalidContentError(f"{path!r} is stored as {fact}, which does not fit this call")
        case _:
            return _edit_refusal(path, row["amount"])


def _edit_refusal(path: str, matches: int) -> EditError:
    if not matches:
        return EditError(f"the text to replace is not in {path!r}", path=path, matches=0)
    hint = "give more of the text around it, or pass replace_all=True"
    message = f"the text to replace is in {path!r} more than once; {hint}"
    return EditError(message, path=path, matches=matches)
