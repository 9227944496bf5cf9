"""Forks of sessions in memory: what two have in common is shared, and made their own as it is looked at."""

from __future__ import annotations

from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from weakref import ref

from everstore.backends.memory.layers import Base, Layer
from everstore.backends.memory.tree import MemoryTree
from everstore.compat import override
from everstore.models import root_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from everstore.models import FileInfo, SessionFile
    from everstore.settings import Limits

__all__ = ["Fork", "ForkedTree", "Shown", "layer_of"]

_MADE_AT_ONCE = 64  # entries


class Fork(MemoryTree):
    """What a session was when it was forked, in the place of the fork until somebody looks at that.

    Whoever finds it where a tree should be, and it is false, makes the tree, under the store's lock; and
    whoever reads without the lock finds nothing, and that it is changing. To ``look`` at single entries, as
    one does of a checkpoint, no tree is made.
    """

    __slots__ = ("looked_at", "shared")

    def __init__(self, session_id: UUID, shared: Layer) -> None:
        """What the session begins with."""
        self.session_id = session_id
        self.shared = shared
        self.looked_at: dict[str, SessionFile] = {}
        self.changing = True
        self.nodes = {}

    def __bool__(self) -> bool:
        """Not to be used as a tree."""
        return False

    def look(self, path: str, version: Callable[[], int]) -> SessionFile | None:
        """The entry at a path."""
        file = self.looked_at.get(path) or self.shared.get(path)
        if path == "/":
            return root_of(self.session_id)
        if file is not None and path not in self.looked_at:
            file = self.looked_at[path] = _made_own(file, self.session_id, version())
        return file

    @property
    @override
    def is_empty(self) -> bool:
        return self.shared.count == 1

    @override
    def frozen(self) -> Layer:
        return self.shared


class ForkedTree(MemoryTree):
    """A fork that somebody has looked at: entries are made its own one by one, as they are asked for.

    Until then they are those of the session that was forked. Every look goes through ``_tree`` of the store,
    under its lock, for this is false, and always changing; and each makes some more. When all are made,
    ``settled`` is an ordinary tree.
    """

    __slots__ = ("_left", "shared")

    def __init__(self, fork: Fork, version: Callable[[], int], limits: Limits | None) -> None:
        """What ``fork`` stands for."""
        super().__init__(fork.session_id, version, limits)
        shared = self.shared = fork.shared
        root = self.nodes["/"]
        nodes = self.nodes = shared.entries()
        nodes.update(fork.looked_at)
        nodes["/"] = root
        self.children = {path: {} for path, file in nodes.items() if file.kept is None}
        for path in islice(nodes, 1, None):
            self.children[path.rpartition("/")[0] or "/"][path] = None
        # Not bound to the tree: a cycle would keep contents that nobody has any more.
        self.at = partial(_own, nodes, shared, self.session_id, version)
        self.get = self.get_to_replace = partial(_own_if_any, nodes, self.at)
        self.has_directory = self.children.__contains__
        self.size, self.readonly = shared.size, shared.readonly
        self.base, self.touched = ref(shared.base), set(shared.over)
        self._left = chain(shared.over, shared.base.nodes)

    def __bool__(self) -> bool:
        """Not to be used without making some entries."""
        return False

    def make_some(self) -> bool:
        """Make some entries its own; whether all are."""
        some = [*islice(self._left, _MADE_AT_ONCE)]
        for path in some:
            self.get(path)
        return not some

    @override
    def all(self) -> list[SessionFile]:
        while not self.make_some():
            pass
        return super().all()

    @override
    def settled(self) -> MemoryTree:
        """Itself, which stays changing, until all entries are its own."""
        if not self.make_some():
            self.undo = None
            return self
        tree = MemoryTree(self.session_id, self.next_version, self.limits)
        tree.nodes, tree.children = self.nodes, self.children
        tree.at = tree.nodes.__getitem__
        tree.get = tree.get_to_replace = tree.nodes.get
        tree.has_directory = tree.children.__contains__
        tree.size, tree.readonly, tree.listed = self.size, self.readonly, self.listed
        tree.base, tree.touched, tree.spent = self.base, self.touched, self.spent
        tree.changing = False
        return tree


def _own_if_any(
    nodes: dict[str, SessionFile], at: Callable[[str], SessionFile], path: str
) -> SessionFile | None:
    return at(path) if path in nodes else None


def _own(
    nodes: dict[str, SessionFile], shared: Layer, session_id: UUID, version: Callable[[], int], path: str
) -> SessionFile:
    file = nodes[path]
    if file is shared.get(path):
        file = nodes[path] = _made_own(file, session_id, version())
    return file


def _made_own(file: SessionFile, session_id: UUID, version: int) -> SessionFile:
    """An entry of a fork: its id and its revision are of its own, all else is shared."""
    kind: Any = type(file)
    made: SessionFile = kind(
        version, file.created_ns, file.updated_ns, session_id, file.path, file.serial,
        file.size_bytes, file.is_readonly, file.kept, file.encoding,
    )  # fmt: skip
    return made


def layer_of(tree: MemoryTree | None, root: SessionFile) -> Layer:
    """What a session is now, of which there may be nothing but its root."""
    return Layer(Base({"/": root}), {}, 1, 0, 0) if tree is None else tree.frozen()


class Shown:
    """A session at a moment, for whoever tells of its entries later. The user holds the lock."""

    __slots__ = ("_look", "_session_id", "_version", "layer")

    def __init__(
        self,
        session_id: UUID,
        layer: Layer,
        look: Callable[[str], SessionFile | None],
        version: Callable[[], int],
    ) -> None:
        """``look`` looks at what is there later."""
        self.layer = layer
        self._session_id = session_id
        self._look = look
        self._version = version

    def info(self, path: str) -> FileInfo | None:
        """The entry that was at a path, with the id and the revision that the session has it with."""
        file = self.layer.get(path)
        if file is None:
            return None
        found = self._look(path)
        if found is not None and (found.updated_ns, found.serial) == (file.updated_ns, file.serial):
            return found.info()
        if file.session_id != self._session_id:  # gone meanwhile, so that nobody will ever look at it
            file = _made_own(file, self._session_id, self._version())
        return file.info()
