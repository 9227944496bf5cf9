"""What verbs of the model refuse, in the order in which they ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.conformance.model.plain import parents_of
from everstore.errors import (
    DirectoryNotEmptyError,
    EverstoreError,
    InvalidArgumentError,
    InvalidContentError,
    InvalidPathError,
    ParentNotDirectoryError,
    PathIsDirectoryError,
    PathNotFoundError,
    QuotaExceededError,
    ReadOnlyFileError,
    ReadOnlySessionError,
    RevisionConflictError,
    SessionNotEmptyError,
)
from everstore.models import is_checkpoint

if TYPE_CHECKING:
    from collections.abc import Sized
    from uuid import UUID

    from everstore.conformance.model.entries import Entry

__all__ = [
    "require_condition",
    "require_counts",
    "require_empty",
    "require_file_place",
    "require_fork",
    "require_limit",
    "require_no_file_above",
    "require_text",
    "why_absent",
    "why_it_stays",
    "writable",
]


def require_fork(source: UUID, target: UUID) -> None:
    """Refuse what no state of the sessions would allow."""
    if source == target:
        raise InvalidArgumentError("a session into itself")
    if is_checkpoint(target):
        raise ReadOnlySessionError(str(target))


def require_empty(session_id: UUID, held: Sized) -> None:
    """Refuse a session that holds something."""
    if len(held):
        raise SessionNotEmptyError(str(session_id))


def why_absent(tree: dict[str, Entry], path: str) -> EverstoreError:
    """What a strict call tells of a path where nothing is."""
    is_below_file = any(parent in tree and not tree[parent].is_directory for parent in parents_of(path))
    return (ParentNotDirectoryError if is_below_file else PathNotFoundError).at(path)


def why_it_stays(
    tree: dict[str, Entry], path: str, doomed: list[Entry], *, recursive: bool
) -> EverstoreError | None:
    """What keeps a delete from removing these entries."""
    readonly = [entry.path for entry in doomed if entry.is_readonly]
    if path == "/":
        return InvalidPathError(path)
    if not doomed:
        return why_absent(tree, path)
    if len(doomed) > 1 and not recursive:
        return DirectoryNotEmptyError.at(path)
    return ReadOnlyFileError.at(readonly[0]) if readonly else None


def require_no_file_above(tree: dict[str, Entry], path: str) -> None:
    """Refuse a path that leads through a file."""
    if any(parent in tree and not tree[parent].is_directory for parent in parents_of(path)):
        raise ParentNotDirectoryError(path)


def require_file_place(tree: dict[str, Entry], path: str) -> None:
    """Refuse a path where no file can be."""
    require_no_file_above(tree, path)
    if path in tree and tree[path].is_directory:
        raise PathIsDirectoryError(path)


def writable(tree: dict[str, Entry], path: str) -> Entry | None:
    """The file that a write would replace, if any."""
    require_file_place(tree, path)
    old = tree.get(path)
    if old and old.is_readonly:
        raise ReadOnlyFileError(path)
    return old


def require_condition(current: str | None, if_revision: str | None, *, if_absent: bool) -> None:
    """Refuse unless the current revision (``None``: nothing there) is as the caller demands."""
    if (if_absent and current is not None) or (if_revision is not None and current != if_revision):
        raise RevisionConflictError("not as expected", current_revision=current)


def require_limit(allowed: int | None, was: int, will_be: int) -> None:
    """Refuse what grows over a limit."""
    if allowed is not None and will_be > max(was, allowed):
        raise QuotaExceededError(str(will_be))


def require_counts(*counts: int | None, least: int = 0) -> None:
    """Refuse numbers below the least."""
    if any(count is not None and count < least for count in counts):
        raise InvalidArgumentError("a number below the least")


def require_text(text: str, error: type[InvalidContentError]) -> int:
    """Refuse what is not UTF-8; its bytes in that."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise error("a lone surrogate") from None
