"""One session's files in memory: one flat index of paths, and the names in each directory."""

# To pyright no attribute that is called takes a method's place; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from copy import copy
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from weakref import ref

from msgspec.structs import replace

from everstore.backends.memory.layers import Base, Layer
from everstore.backends.memory.pieces import LARGE, PiecedFile, with_more
from everstore.clock import later_than, now_ns
from everstore.compat import override
from everstore.content import content_bytes, stored_size
from everstore.models import BytesFile, FileUsage, SessionFile, root_of
from everstore.rules import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from uuid import UUID

    from everstore.models import Encoding, FileInfo
    from everstore.settings import Limits

__all__ = ["MemoryTree"]


class MemoryTree(Tree[SessionFile]):
    """``nodes`` has every path, ``children`` every directory's paths.

    Beside its path a directory keeps each child's line of a listing, once there was one, until the
    child changes: a listing makes only the lines that are not there yet.

    Whoever changes it holds the store's lock. Whoever reads one entry of ``nodes`` needs it only
    while ``changing`` is set: a change of several entries is under way, of which no one may be
    seen before the others. (No entry is ever gone between its old and its new state.)
    """

    __slots__ = (
        "at",
        "base",
        "changing",
        "children",
        "get",
        "get_to_replace",
        "has_directory",
        "limits",
        "listed",
        "next_version",
        "nodes",
        "readonly",
        "session_id",
        "size",
        "spent",
        "touched",
        "undo",
    )
    # The dictionaries' own methods: what is asked at every call costs a third of a call.
    at: Callable[[str], SessionFile]
    """The entry at a path where there is one."""
    get: Callable[[str], SessionFile | None]
    get_to_replace: Callable[[str], SessionFile | None]
    has_directory: Callable[[str], bool]
    next_version: Callable[[], int]

    def __init__(self, session_id: UUID, version: Callable[[], int], limits: Limits | None) -> None:
        """An empty one; versions come from ``version``."""
        self.session_id = session_id
        self.limits = limits
        self.next_version = version
        self.changing = True  # until it is kept
        self.nodes: dict[str, SessionFile] = {"/": root_of(session_id)}
        self.children: dict[str, dict[str, FileInfo | None]] = {"/": {}}
        self.at = self.nodes.__getitem__
        self.get = self.get_to_replace = self.nodes.get
        self.has_directory = self.children.__contains__
        self.listed = False
        self.size = 0
        self.readonly = 0
        self.undo: list[SessionFile | str] | None = None
        """Of a list of changes: the entries that were there before, and the paths where none was."""
        self.base: ref[Base] | None = None
        """What was there at the last fork that took all, while something grows out of that."""
        self.touched: set[str] | None = None
        """Where something may be different since then."""
        self.spent = 0
        """How many such paths forks have taken since then; after as many as all, the next one takes all."""

    @override
    def read(self, entry: SessionFile) -> SessionFile:
        return entry.plain() if type(entry) is PiecedFile else entry

    @override
    def encoding(self, entry: SessionFile) -> Encoding:
        return entry.encoding

    @override
    def below(self, path: str) -> list[SessionFile]:
        return [*map(self.at, self._paths_below(path))]

    def all(self) -> list[SessionFile]:
        """All entries, the root among them."""
        return [*self.nodes.values()]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it."""
        return len(self.nodes) == 1

    def frozen(self) -> Layer:
        """All entries as they are now, at the cost of those that were touched since the last time."""
        base, touched = None if self.base is None else self.base(), self.touched
        if base is None or touched is None or self.spent > len(self.nodes):
            base, touched = Base(self.nodes.copy()), set[str]()
            self.base, self.touched, self.spent = ref(base), touched, 0
        self.spent += len(touched)
        over = {path: self.nodes.get(path) for path in touched}
        return Layer(base, over, len(self.nodes), self.size, self.readonly)

    def _note_removed(self, touched: set[str], paths: Iterable[str]) -> None:
        """Note that nothing is at these paths any more, of which there may be more and more."""
        touched.update(paths)
        if len(touched) > len(self.nodes):
            self.base = self.touched = None  # taking all is no more work

    def _paths_below(self, path: str) -> list[str]:
        found: list[str] = []
        directories = [path]
        for directory in directories:
            found += self.children[directory]
            directories += filter(self.children.__contains__, self.children[directory])
        return found

    @override
    def has_below(self, path: str) -> bool:
        return bool(self.children[path])

    @override
    def readonly_below(self, path: str) -> str | None:
        return super().readonly_below(path) if self.readonly else None

    @override
    def usage(self) -> tuple[int, int]:
        return len(self.nodes) - 1, self.size  # the root counts for nothing

    def counted(self) -> FileUsage:
        """All that is in it, and when it was last written."""
        directories = len(self.children) - 1
        entries = islice(self.nodes.values(), 1, None)  # the root comes first
        last_write_ns = max(map(attrgetter("updated_ns"), entries), default=None)
        return FileUsage(len(self.nodes) - 1 - directories, directories, self.size, last_write_ns)

    @override
    def new_serial(self, version: int) -> int:
        return (
            version  # two integers for all four of a new file: 32 bytes each would be a tenth of a small one
        )

    @override
    def put(self, file: SessionFile, old: SessionFile | None) -> None:
        path = file.path
        if self.touched is not None:
            self.touched.add(path)
        if self.undo is not None:
            self.undo.append(old or path)
        if old is None:
            self.children[path.rpartition("/")[0] or "/"][path] = None
            self.size += file.size_bytes
            self.readonly += file.is_readonly
            if file.kept is None:
                self.changing = True  # it is never the only one that a change is about
                self.children[path] = {}
        else:
            self.size += file.size_bytes - old.size_bytes
            if file.is_readonly is not old.is_readonly:
                self.readonly += file.is_readonly - old.is_readonly
            if self.listed:
                self.children[path.rpartition("/")[0] or "/"][path] = None
        self.nodes[path] = file

    @override
    def append(self, file: FileInfo, old: SessionFile, content: str | bytes, encoding: Encoding) -> None:
        kept: Any = old.kept
        if old.size_bytes >= LARGE:
            more = content if encoding == "text" else content_bytes(content, encoding)
            self.put(with_more(file, old, more), old)
        elif encoding == "text":  # as the default, a tenth of the call faster
            longer = SessionFile(
                file.version, file.created_ns, file.updated_ns, self.session_id, file.path, file.serial,
                file.size_bytes, is_readonly=False, content=kept + content, encoding=encoding,
            )  # fmt: skip
            self.put(longer, old)
        else:
            super().append(file, old, content, encoding)

    def write_plainly(self, path: str, content: str | bytes, encoding: Encoding) -> SessionFile | None:
        """What the rule of a write comes to where nothing can refuse it, a third faster; else ``None``."""
        old = self.get(path)
        if self.limits is not None:
            return None
        version = serial = self.next_version()
        if old is None:
            if (path.rpartition("/")[0] or "/") not in self.children:
                return None
            created_ns = updated_ns = now_ns()
        elif old.kept is None or old.is_readonly:
            return None
        else:
            created_ns, updated_ns, serial = old.created_ns, later_than(old.updated_ns), old.serial
        ascii_text = encoding == "text" and content.isascii()
        size = len(content) if ascii_text else stored_size(content, encoding)
        made: Any = SessionFile if ascii_text or type(content) is str else BytesFile
        file: SessionFile = made(
            version, created_ns, updated_ns, self.session_id, path, serial, size,
            is_readonly=False, content=content, encoding=encoding,
        )  # fmt: skip
        self.put(file, old)
        return file

    @override
    def restamp(self, entry: SessionFile, old: SessionFile) -> None:
        self.put(entry, old)

    @override
    def put_copy(self, copy: SessionFile, source: SessionFile, old: SessionFile | None) -> None:
        del source  # whose content it has already
        self.put(copy, old)

    @override
    def remove(self, entry: SessionFile) -> None:
        path = entry.path
        if self.touched is not None:
            self._note_removed(self.touched, (path,))
        del self.children[path.rpartition("/")[0] or "/"][path], self.nodes[path]
        if entry.kept is None:
            del self.children[path]
        self.size -= entry.size_bytes
        self.readonly -= entry.is_readonly
        if self.undo is not None:
            self.undo.append(entry)

    @override
    def remove_below(self, path: str) -> None:
        self._take(self._paths_below(path))
        self.children[path].clear()

    @override
    def move(self, entry: SessionFile, destination: str, old: SessionFile | None) -> SessionFile:
        path = entry.path
        taken = [path] if entry.kept is not None else [path, *self._paths_below(path)]
        now, version = now_ns(), self.next_version
        # What ``moved_to`` makes of each, at one time: a call less for each of many.
        moved = [
            replace(
                file, version=version(), updated_ns=max(now, file.updated_ns + 1000),
                path=destination + file.path[len(path) :],
            )
            for file in map(self.at, taken)
        ]  # fmt: skip
        del self.children[path.rpartition("/")[0] or "/"][path]
        self._take(taken)
        for file in moved:
            self.put(file, old)
        return moved[0]

    def _take(self, paths: list[str]) -> None:
        """Take out what no directory lists any more, each directory before what is in it."""
        self.changing = True
        if self.touched is not None:
            self._note_removed(self.touched, paths)
        for path in filter(self.children.__contains__, paths):
            del self.children[path]
        # One file at a time is what deleting a tree costs: the loops are left to C.
        taken = [*map(self.nodes.pop, paths)]
        self.size -= sum(map(attrgetter("size_bytes"), taken))
        if self.readonly:
            self.readonly -= sum(map(attrgetter("is_readonly"), taken))
        if self.undo is not None:
            self.undo += reversed(taken)

    def roll_back(self) -> None:
        """Bring back what was there when ``undo`` was begun."""
        undo, self.undo = self.undo or [], None
        for was in reversed(undo):
            if isinstance(was, str):
                self.remove(self.nodes[was])
            else:
                self.put(was, self.nodes.get(was.path))

    def settled(self) -> MemoryTree:
        """The same tree after a list of changes. This object stays marked as changing.

        Entries may have been gone for a moment in the midst of the list: whoever looked through this object
        sees the mark, however late, and looks again.
        """
        tree = copy(self)
        tree.changing = False
        tree.undo = None
        return tree

    def listing(self, path: str) -> list[FileInfo]:
        """What is in a directory, sorted by path; ``[]`` when it is none."""
        siblings = self.children.get(path, {})
        self.listed = True
        return [siblings[child] or self._line(siblings, child) for child in sorted(siblings)]

    def _line(self, siblings: dict[str, FileInfo | None], path: str) -> FileInfo:
        line = siblings[path] = self.at(path).info()
        return line
