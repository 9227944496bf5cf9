"""What the model keeps of files: entries, and what counts of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from everstore.conformance.model.plain import bytes_of, parents_of
from everstore.errors import InvalidContentError
from everstore.models import Encoding

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "EditedEntry",
    "Entry",
    "ModelLimits",
    "kind_of",
    "shown",
    "size_of",
    "subtree",
    "text_of",
]


class Entry(msgspec.Struct, frozen=True):
    """A file, or a directory (``content=None``)."""

    path: str
    identity: str
    revision: str
    content: str | None = None
    encoding: Encoding = "text"
    is_readonly: bool = False

    @property
    def is_directory(self) -> bool:
        """Whether this is a directory."""
        return self.content is None

    @property
    def size_bytes(self) -> int:
        """The number of real bytes."""
        return 0 if self.content is None else len(bytes_of(self.content, self.encoding))


class EditedEntry(Entry, frozen=True):
    """What an edit answers: the entry, and the numbers of the lines where it was edited."""

    replaced: tuple[int, ...] = ()


class ModelLimits(msgspec.Struct, frozen=True):
    """The limits in force (§7.4.1); ``None`` is none."""

    file_bytes: int | None = None
    session_entries: int | None = None
    session_bytes: int | None = None
    session_keys: int | None = None
    session_value_bytes: int | None = None


def kind_of(before: object, now: object) -> Literal["added", "removed", "changed"]:
    """What happened to what is different."""
    if before is None:
        return "added"
    return "removed" if now is None else "changed"


def shown(entry: Entry | None) -> object:
    """What of an entry counts as a difference."""
    return entry and (
        entry.is_directory,
        None if entry.content is None else bytes_of(entry.content, entry.encoding),
        entry.encoding,
        entry.is_readonly,
    )


def subtree(tree: dict[str, Entry], path: str) -> list[Entry]:
    """The entry at the path and all below it, parents first; empty when nothing is there."""
    return [entry for at, entry in sorted(tree.items()) if at == path or path in parents_of(at)]


def text_of(entry: Entry) -> str:
    """The content of a file of text."""
    if entry.content is None or entry.encoding != "text":
        raise InvalidContentError(entry.path)
    return entry.content


def size_of(entries: Iterable[Entry]) -> int:
    """The bytes of all of them."""
    return sum(entry.size_bytes for entry in entries)
