"""What the database's functions answer when they refuse, and the typed error that it becomes."""

from __future__ import annotations

from typing import Any

from everstore.content import no_text, other_encoding
from everstore.errors import (
    DirectoryNotEmptyError,
    EditError,
    EverstoreError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    QuotaExceededError,
    ReadOnlyFileError,
    RevisionConflictError,
)
from everstore_postgres.damage import ENCODINGS, damage_of_content

__all__ = ["DIRECTORY", "refusal", "version_of"]

DIRECTORY = b"d"
"""The kind of a directory."""

NEVER = -1  # a version that nothing has

_PLAIN: dict[str, type[EverstoreError]] = {
    "directory": PathIsDirectoryError,
    "read-only": ReadOnlyFileError,
    "exists": PathExistsError,
    "missing": PathNotFoundError,
    "not empty": DirectoryNotEmptyError,
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


def refusal(
    row: Any, path: str, if_revision: str | None = None, appended: str | None = None
) -> EverstoreError:
    """The error that a function's outcome stands for; ``path`` is the one that was to change.

    ``appended`` is the encoding of what was to be appended there.
    """
    outcome, fact = row["outcome"], row["fact"]
    kind = _PLAIN.get(outcome)
    if kind is not None:
        return kind.at(fact or path)
    error: EverstoreError
    match outcome:
        case "through file":
            error = ParentNotDirectoryError.through(path, fact)
        case "conflict":
            found = row["version"]
            error = RevisionConflictError.found(path, if_revision, format(found, "x") if found else None)
        case "over":
            error = QuotaExceededError.over(fact, row["amount"], row["allowed"], path)
        case "encoding":
            error = no_text(path, fact) if appended is None else other_encoding(path, fact, appended)
        case "damaged":
            error = damage_of_content(path, row["size"], row["content"], ENCODINGS.get(fact.encode()))
        case _:
            error = EditError.unless_once(path, row["amount"], row["content"].decode())
    return error
