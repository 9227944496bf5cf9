"""Labels of sessions: what a record has of them, and how all records of several are found by an order."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any, NoReturn

from everstore.compat import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["NO_LABELS", "Labels", "age_of", "frozen_labels", "shared_ages"]

_ID_BITS = 128
_LAST = 1 << (64 + _ID_BITS)


class Labels(dict[str, str]):
    """A record's labels: a ``dict`` of text by name that cannot be changed, and so can be hashed."""

    __slots__ = ()

    def _refuse(self: Any, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("a record's labels cannot be changed; update_session(labels=...) replaces them")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    @override
    def __hash__(self) -> int:  # type: ignore[override] # what dict has is None
        return hash(frozenset(self.items()))

    @override
    def __reduce__(self) -> tuple[type[Labels], tuple[dict[str, str]]]:
        return Labels, (dict(self),)


NO_LABELS = Labels()


def frozen_labels(given: Mapping[str, str]) -> Mapping[str, str]:
    """Labels in the order of their names by code point; what are none are left as they are, to be refused."""
    if not isinstance(given, Mapping):
        return given
    pairs = [*given.items()]
    if not all(isinstance(name, str) and isinstance(text, str) for name, text in pairs):
        return given
    return Labels(sorted(pairs)) if pairs else NO_LABELS


def age_of(created_ns: int, number: int) -> int:
    """Where a record stands among all: by its time, then its id; the newest has the largest."""
    return created_ns << _ID_BITS | number


def shared_ages(lists: Sequence[Callable[[int], int | None]], below: int | None) -> Iterator[int]:
    """The ages that all of some lists have, below one, largest first.

    A list is asked for its largest age that is not above one, ``None`` when there is none. Each answer lets
    the others leap: there are no more questions than the shortest list has ages, times the number of lists.
    """
    turns = cycle(lists)
    at = (_LAST if below is None else below) - 1
    agreed = 0
    while at >= 0:
        found = next(turns)(at)
        if found is None:
            return
        agreed = agreed + 1 if found == at else 1
        at = found
        if agreed == len(lists):
            yield at
            at -= 1
            agreed = 0
