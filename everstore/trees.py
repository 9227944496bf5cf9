"""Pages of a whole tree, in the order of its paths by code point."""

from __future__ import annotations

import heapq
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["TreePage"]


class _Entry(Protocol):
    @property
    def path(self) -> str: ...

    @property
    def is_directory(self) -> bool: ...


E = TypeVar("E", bound=_Entry)
_Open = tuple[
    str, int, E, "Iterator[E]"
]  # what comes next of a directory, how deep that is, and what follows


class TreePage(msgspec.Struct, frozen=True):
    """What ``list_tree`` is asked for: the first ``limit`` entries below ``top`` that follow ``after``.

    Paths are canonical. At most ``depth`` levels are looked at: 1 is what is in the directory itself.
    """

    top: str
    depth: int | None = None
    after: str | None = None
    limit: int | None = None

    @property
    def base(self) -> str:
        """What all paths below ``top`` begin with, but for the slash behind it."""
        return "" if self.top == "/" else self.top

    @property
    def deepest(self) -> int | None:
        """How many segments a path has at most."""
        return None if self.depth is None else self.base.count("/") + self.depth

    def selects(self, path: str) -> bool:
        """Whether a path from ``top`` on, wherever the page ends, is one of those to list."""
        return (
            path != self.top
            and (self.after is None or path > self.after)
            and (self.deepest is None or path.count("/") <= self.deepest)
        )

    def cut(self, found: list[E]) -> list[E]:
        """The page, of all that come from its beginning on, in order."""
        return found if self.limit is None else found[: self.limit]

    def among(self, found: Iterable[E]) -> list[E]:
        """The page, of all that is below ``top``, in any order."""
        return self.cut(sorted((each for each in found if self.selects(each.path)), key=attrgetter("path")))

    def walk(self, children: Callable[[str, str], Iterator[E]]) -> Iterator[E]:
        """The page, looked up directory by directory, which takes longer where it has no limit.

        ``children(directory, after)`` has what is in a directory, in order, from the first name that follows
        ``after`` on; of a file, or where nothing is, that is nothing. No more is taken of it than is listed,
        but for one entry of each directory.
        """
        return islice(self._walked(children), self.limit)

    def _walked(self, children: Callable[[str, str], Iterator[E]]) -> Iterator[E]:
        # A path comes before those below it, but "/a-b" comes between "/a" and "/a/b".
        heads: list[_Open[E]] = []

        def enter(directory: str, level: int) -> None:
            rest = children(directory, self._name_after(directory))
            first = next(rest, None)
            if first is not None:
                heapq.heappush(heads, (first.path, level, first, rest))

        for directory in self._entered():
            enter(directory, 1 + directory.rstrip("/").count("/"))
        while heads:
            _, level, entry, rest = heads[0]
            yield entry
            following = next(rest, None)
            if following is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (following.path, level, following, rest))
            if entry.is_directory and (self.deepest is None or level < self.deepest):
                enter(entry.path, level + 1)

    def _entered(self) -> Iterator[str]:
        """The directories that are not listed themselves, and may have something below them that is."""
        base, after = self.base, self.after
        if after is None or after < f"{base}/":
            yield self.top
        elif after.startswith(f"{base}/"):
            yield self.top
            for end in range(len(base) + 2, len(after) + 1):
                directory = after[:end]
                if after[end : end + 1] > "/" or directory.endswith("/"):
                    continue  # all that is below comes before what is to be listed; or no path
                if self.deepest is None or directory.count("/") < self.deepest:
                    yield directory

    def _name_after(self, directory: str) -> str:
        above = directory if directory == "/" else f"{directory}/"
        return self.after[len(above) :] if self.after is not None and self.after.startswith(above) else ""
