"""What sessions in memory were at a moment: what they had in common before, and what is different."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.turns import in_turns, sorted_in_turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from everstore.models import SessionFile

__all__ = ["Base", "Layer", "differences"]

_COMPARED_AT_ONCE = 256  # entries
_BYTES_AT_ONCE = 1 << 22  # of contents that are not the same object


class Base:
    """All entries of a session at a moment, by path; never changed, and shared by what grew out of it.

    A tree knows it weakly: it is for whoever has forked it.
    """

    __slots__ = ("__weakref__", "nodes")

    def __init__(self, nodes: dict[str, SessionFile]) -> None:
        """``nodes`` belongs to it from now on."""
        self.nodes = nodes


class Layer:
    """A base, and the entries that are others (``None``: none) over it. It never changes."""

    __slots__ = ("base", "count", "over", "readonly", "size")

    def __init__(
        self, base: Base, over: dict[str, SessionFile | None], count: int, size: int, readonly: int
    ) -> None:
        """With how many entries there are, the bytes of all files, and how many are read-only."""
        self.base = base
        self.over = over
        self.count = count
        self.size = size
        self.readonly = readonly

    def get(self, path: str) -> SessionFile | None:
        """The entry at a path."""
        return self.over[path] if path in self.over else self.base.nodes.get(path)

    def entries(self) -> dict[str, SessionFile]:
        """All entries by path, the root first, in a dictionary of the caller's."""
        nodes = self.base.nodes.copy()
        for path, file in self.over.items():
            if file is None:
                nodes.pop(path, None)
            else:
                nodes[path] = file
        return nodes


async def differences(one: Layer, other: Layer, after: str | None) -> list[str]:
    """The paths at which two sessions, as they were at one moment, are different; in order.

    What both have from the same base is not looked at.
    """
    found: list[str] = []
    paths = one.over.keys() | other.over.keys()
    if one.base is not other.base:
        paths |= one.base.nodes.keys() | other.base.nodes.keys()
    await in_turns(_compare(one, other, paths, after, found))
    return await sorted_in_turns(found, str)


def _compare(
    one: Layer, other: Layer, paths: Iterable[str], after: str | None, found: list[str]
) -> Iterator[int]:
    size = 0
    for number, path in enumerate(paths):
        if path == "/" or (after is not None and path <= after):
            continue
        was, now = one.get(path), other.get(path)
        if was is not now and (was is None or now is None or not _is_alike(was, now)):
            found.append(path)
        size += was.size_bytes if was is not None and now is not None and was.kept is not now.kept else 0
        if not number % _COMPARED_AT_ONCE or size > _BYTES_AT_ONCE:
            yield 0
            size = 0


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
