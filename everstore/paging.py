"""Pages of keys, as ranges that whatever keeps keys in order can look up."""

from __future__ import annotations

from bisect import bisect_left
from itertools import islice, takewhile
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

__all__ = ["EVERY_KEY", "KeyPage", "shared_beginning"]

T = TypeVar("T")

_LAST = "\U0010ffff"
_BEHIND_ALL = _LAST * 257  # more than the 1024 bytes that a key has at most


class KeyPage(msgspec.Struct, frozen=True):
    """The keys from ``low`` on that come before ``high``, by code point: the first ``limit`` of them.

    With ``reverse`` the last ones, from the last on; a ``limit`` of ``None`` is none. Where ``low`` does not
    come before ``high``, there are no such keys. Byte by byte UTF-8 has the order of code points.
    """

    low: str
    high: str
    limit: int | None
    reverse: bool

    @property
    def is_open(self) -> bool:
        """Whether nothing ends the range: ``high`` is behind every key."""
        return self.high is _BEHIND_ALL

    @classmethod
    def of(cls, prefix: str, after: str | None, limit: int | None, *, reverse: bool) -> KeyPage:
        """The page that ``read_values`` and ``list_keys`` are asked for."""
        if not prefix and after is None and limit is None and not reverse:
            return EVERY_KEY
        low, high = prefix, _behind(prefix)
        if after is not None and reverse:
            high = min(high, after)
        elif after is not None:
            low = max(low, after + "\1")  # no key holds a NUL: none is between these two
        return cls(low, high, limit, reverse)

    def among(self, keys: Sequence[str]) -> Iterator[str]:
        """The keys of the range, of such as are sorted, in the order of the page; not cut at its limit."""
        start, stop = bisect_left(keys, self.low), bisect_left(keys, self.high)
        places = range(stop - 1, start - 1, -1) if self.reverse else range(start, stop)
        return map(keys.__getitem__, places)

    def cut(self, found: Iterable[T]) -> list[T]:
        """The first ``limit`` of what was found; no more is looked at."""
        return [*islice(found, self.limit)]


def _behind(prefix: str) -> str:
    """The first text behind all that begin with a prefix."""
    stem = prefix.rstrip(_LAST)
    if not stem:
        return _BEHIND_ALL
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(0xE000 if following == 0xD800 else following)  # no key holds a surrogate


EVERY_KEY = KeyPage("", _BEHIND_ALL, None, reverse=False)
"""The page of all keys there are."""


def shared_beginning(keys: Collection[str]) -> str:
    """What all of some keys begin with."""
    pairs = zip(min(keys), max(keys), strict=False)
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
