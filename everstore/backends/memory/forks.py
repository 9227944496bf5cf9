"""Forks of sessions in memory: made when somebody looks at them, and what is different in two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.backends.memory.tree import MemoryTree
from everstore.compat import override
from everstore.turns import in_turns, sorted_in_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from uuid import UUID

    from everstore.models import SessionFile
    from everstore.settings import Limits

__all__ = ["Fork", "differences"]

_COMPARED_AT_ONCE = 256  # entries
_BYTES_AT_ONCE = 1 << 22  # of contents that are not the same object


class Fork(MemoryTree):
    """What a session was when it was forked, in the place of the fork until somebody looks at that.

    ``shared`` has the entries of the other session at that moment, and is never changed: so a fork costs the
    copy of one dictionary, and the fork of a fork that nobody has looked at costs nothing. Whoever finds it
    where a tree should be, and it is false, makes the tree, under the store's lock; and whoever reads without
    the lock finds nothing, and that it is changing.
    """

    __slots__ = ("shared",)

    def __init__(self, session_id: UUID, shared: dict[str, SessionFile]) -> None:
        """``shared`` belongs to it from now on, and perhaps to others like it."""
        self.session_id = session_id
        self.shared = shared
        self.changing = True
        self.nodes = {}

    def __bool__(self) -> bool:
        """Not to be used as a tree."""
        return False

    @property
    @override
    def is_empty(self) -> bool:
        return len(self.shared) == 1

    @override
    def frozen(self) -> dict[str, SessionFile]:
        return self.shared

    def made(self, version: Callable[[], int], limits: Limits | None) -> MemoryTree:
        """The tree, of entries of its own: ids and revisions are the fork's, all else is shared."""
        tree = MemoryTree(self.session_id, version, limits)
        nodes, children, session_id = tree.nodes, tree.children, self.session_id
        kinds: Any = type
        for path, file in self.shared.items():
            if path == "/":
                continue
            nodes[path] = kinds(file)(
                version(), file.created_ns, file.updated_ns, session_id, path, file.serial, file.size_bytes,
                file.is_readonly, file.kept, file.encoding,
            )  # fmt: skip
            if file.kept is None:
                children[path] = {}
        for path in nodes:
            if path != "/":
                children[path.rpartition("/")[0] or "/"][path] = None
        tree.size = sum(file.size_bytes for file in self.shared.values())
        tree.readonly = sum(file.is_readonly for file in self.shared.values())
        tree.changing = False
        return tree


async def differences(one: Mapping[str, SessionFile], other: Mapping[str, SessionFile]) -> list[str]:
    """The paths at which two sessions, as they were at one moment, are different; in order."""
    found: list[str] = []
    await in_turns(_compare(one, other, found))
    return await sorted_in_turns(found, str)


def _compare(
    one: Mapping[str, SessionFile], other: Mapping[str, SessionFile], found: list[str]
) -> Iterator[int]:
    size = 0
    for number, (path, was) in enumerate(one.items()):
        now = other.get(path)
        if now is None or not _is_alike(was, now):
            found.append(path)
        size += was.size_bytes if now is not None and now.kept is not was.kept else 0
        if not number % _COMPARED_AT_ONCE or size > _BYTES_AT_ONCE:
            yield 0
            size = 0
    yield 0
    found += other.keys() - one.keys()


def _is_alike(one: SessionFile, other: SessionFile) -> bool:
    """Whether two entries are the same but for times, ids and revisions."""
    if (
        one.size_bytes != other.size_bytes
        or one.encoding != other.encoding
        or one.is_readonly != other.is_readonly
        or (one.kept is None) != (other.kept is None)
    ):
        return False
    if one.kept is other.kept:
        return True
    if isinstance(one.kept, str) and isinstance(other.kept, str):
        return one.kept == other.kept
    return one.data == other.data
