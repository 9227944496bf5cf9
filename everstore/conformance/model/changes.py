"""Changes of the reference model: what is looked at before any of a list is tried (§4.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.changes import (
    AnyFileChange,
    Append,
    AppendBytes,
    Copy,
    Delete,
    Edit,
    MakeDirectory,
    Move,
    Write,
    WriteBytes,
)
from everstore.conformance.model.plain import bytes_of, canonical
from everstore.errors import (
    InvalidArgumentError,
    InvalidContentError,
    InvalidPathError,
    PathIsDirectoryError,
    QuotaExceededError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "below_root",
    "require_arguments",
    "require_ends",
    "require_one_condition",
    "require_text_to_replace",
]


def require_arguments(changes: Sequence[AnyFileChange], most_bytes: int | None) -> None:
    """Refuse the first change that no state of the files would allow; ``index`` of its error is its place."""
    for index, change in enumerate(changes):
        try:
            _require(change, most_bytes)
        except (InvalidArgumentError, PathIsDirectoryError, QuotaExceededError) as error:
            error.tell(index=index)
            raise


def _require(change: AnyFileChange, most_bytes: int | None) -> None:
    match change:
        case Write(path, content, encoding, if_revision, if_absent):
            below_root(path)
            size = len(bytes_of(content, encoding))
            require_one_condition(if_revision, if_absent=if_absent)
            _require_room(size, most_bytes)
        case WriteBytes(path, data, if_revision, if_absent):
            below_root(path)
            require_one_condition(if_revision, if_absent=if_absent)
            _require_room(len(data), most_bytes)
        case AppendBytes(path, data):
            below_root(path)
            _require_room(len(data), most_bytes)
        case Append(path, content, encoding):
            below_root(path)
            _require_room(len(bytes_of(content, encoding)), most_bytes)
        case Edit(path, old, new):
            below_root(path)
            require_text_to_replace(old, new)
        case Copy(source, destination) | Move(source, destination):
            require_ends(source, destination)
        case Delete(path) | MakeDirectory(path):
            canonical(path)


def _require_room(size: int, most: int | None) -> None:
    if most is not None and size > most:
        raise QuotaExceededError(str(size))


def below_root(path: str) -> str:
    """The canonical form of a file's path."""
    path = canonical(path)
    if path == "/":
        raise PathIsDirectoryError(path)
    return path


def require_one_condition(if_revision: str | None, *, if_absent: bool) -> None:
    """Refuse two conditions that cannot both hold."""
    if if_revision is not None and if_absent:
        raise InvalidArgumentError("one condition at a time")


def require_text_to_replace(old: str, new: str) -> None:
    """Refuse an edit of nothing, and what is no text."""
    if not bytes_of(old):
        raise InvalidContentError("nothing to replace")
    bytes_of(new)


def require_ends(source: str, destination: str) -> tuple[str, str]:
    """The canonical forms of both ends of a copy or a move."""
    source, destination = canonical(source), canonical(destination)
    if source in {"/", destination} or destination.startswith(source + "/"):
        raise InvalidPathError(destination)
    if destination == "/":
        raise PathIsDirectoryError(destination)
    return source, destination
