"""A session's files as the rules see them: what a backend gives them, and what they make of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec.structs import replace

from everstore.clock import later_than
from everstore.content import append_content
from everstore.models import FileInfo, SessionFile, file_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from everstore.models import Encoding
    from everstore.settings import Limits

__all__ = ["E", "Tree"]

E = TypeVar("E", bound=SessionFile | FileInfo)


class Tree(ABC, Generic[E]):
    """One session's files within one transaction of a storage.

    ``E`` is what the storage tells of an entry without more ado: a ``FileInfo``, or a ``SessionFile`` where
    it holds contents at hand. Paths are canonical, and never the root, which is there and is kept nowhere.
    Damaged data is ``DataDamagedError`` from whichever method meets it.

    The rules look first, and change nothing before they know that a change is not refused: a refused
    change leaves nothing to undo. One that fails in the midst of it (a damaged file in a tree that is
    copied, a full disk) is undone by whoever began the transaction, and so is a list of changes.
    """

    __slots__ = ()

    session_id: UUID
    limits: Limits | None
    """``None`` where files have no limit: ``context.limits.of_files``."""

    # -- looking ------------------------------------------------------------------------------------

    @abstractmethod
    def get(self, path: str, /) -> E | None:
        """The entry at a path; ``None`` when nothing is there."""

    @abstractmethod
    def read(self, entry: E) -> SessionFile:
        """An entry that ``get`` or ``below`` gave, with its content."""

    @abstractmethod
    def below(self, path: str) -> Iterable[E]:
        """All entries below a directory, at any depth: each directory before what is in it."""

    @abstractmethod
    def usage(self) -> tuple[int, int]:
        """How many files and directories there are, and the bytes of all files; asked for under a limit."""

    def get_to_replace(self, path: str, /) -> E | None:
        """As ``get``, of what is about to be replaced or deleted.

        A storage that tells damage from absence mends a damaged entry here, so that it can be (§7.2.5).
        """
        return self.get(path)

    def encoding(self, file: E) -> Encoding:
        """How a file's content is written; a storage that can tell without the content does."""
        return self.read(file).encoding

    def has_directory(self, path: str, /) -> bool:
        """Whether a directory is there."""
        found = self.get(path)
        return found is not None and found.is_directory

    def has_below(self, path: str) -> bool:
        """Whether anything is in a directory."""
        return next(iter(self.below(path)), None) is not None

    def readonly_below(self, path: str) -> str | None:
        """The first path, by code point, of a read-only file below a directory; ``None`` without one."""
        return min((entry.path for entry in self.below(path) if entry.is_readonly), default=None)

    def paths_below(self, path: str) -> Iterable[str]:
        """The paths below a directory; or the longest in UTF-8, of several the first by code point."""
        return (entry.path for entry in self.below(path))

    # -- changing -----------------------------------------------------------------------------------

    @abstractmethod
    def next_version(self) -> int:
        """A number from 1 to 2**63 - 1 that no place ever had or will have as its version (§4.1)."""

    @abstractmethod
    def new_serial(self, version: int) -> int:
        """A number that no entry of the session has had: ``version``, just given out, will do."""

    @abstractmethod
    def put(self, file: SessionFile, old: E | None) -> None:
        """Put a file, or a directory (``content=None``), in place of ``old``; its parent is there.

        ``old`` is what ``get`` gave for its path: ``None``, or a file. With the same ``serial`` that is the
        same file, else another one, which goes.
        """

    def append(self, file: FileInfo, old: E, content: str | bytes, encoding: Encoding) -> None:
        """Put ``file`` in place of ``old``, the same with ``content`` behind its own, of the same encoding.

        A storage that keeps contents in parts writes what is appended, and not the rest again.
        """
        longer = append_content(self.read(old), content, encoding)
        self.put(_with_content(file, longer, encoding), old)

    def restamp(self, entry: E, old: E) -> None:
        """Put ``entry`` in place of ``old``, a file or a directory: it is the same with other times.

        A storage that keeps times beside contents changes those only. By default it is ``put``, here of a
        directory in place of itself, too.
        """
        same = self.read(old)
        self.put(_with_content(entry, same.kept, same.encoding), old)

    @abstractmethod
    def remove(self, entry: E) -> None:
        """Remove a file or an empty directory."""

    def remove_below(self, path: str) -> None:
        """Remove everything below a directory."""
        for entry in reversed(list(self.below(path))):
            self.remove(entry)

    def put_copy(self, copy: E, source: E, old: E | None) -> None:
        """Put ``copy`` in place of ``old``, as ``put`` does, with the content that ``source`` has."""
        file = self.read(source)
        self.put(_with_content(copy, file.kept, file.encoding), old)

    def move(self, entry: E, destination: str, old: E | None) -> E:
        """Move an entry, and all that is below it, to a path whose parent is there; what is there then.

        ``old`` is a file in whose place a file is put. Each entry that is moved is ``moved_to`` its new path.
        """
        taken = [entry, *self.below(entry.path)] if entry.is_directory else [entry]
        length = len(entry.path)
        moved = [self.moved_to(each, destination + each.path[length:]) for each in taken]
        read = map(self.read, taken)
        files = [_with_content(to, file.kept, file.encoding) for to, file in zip(moved, read, strict=True)]
        for each in reversed(taken):
            self.remove(each)
        for file in files:
            self.put(file, old)
        return moved[0]

    def moved_to(self, entry: E, path: str) -> E:
        """An entry as it is after a move: it keeps its identity, and has a new revision."""
        version, updated_ns = self.next_version(), later_than(entry.updated_ns)
        return replace(entry, version=version, updated_ns=updated_ns, path=path)


def _with_content(
    entry: SessionFile | FileInfo, content: str | bytes | None, encoding: Encoding
) -> SessionFile:
    """The entry with a content."""
    return file_of(
        entry.version, entry.created_ns, entry.updated_ns, entry.session_id, entry.path, entry.serial,
        entry.size_bytes, entry.is_readonly, content, encoding,
    )  # fmt: skip
