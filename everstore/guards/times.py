"""Times that are to be restored: each is one that something can have, of a place that something can be at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from everstore.arguments import plain_time
from everstore.errors import EverstoreError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from everstore.changes import FileTimes, SecretTimes, ValueTimes

__all__ = ["plain_times"]

K = TypeVar("K", bound="FileTimes | ValueTimes | SecretTimes")


def plain_times(times: object, places: Mapping[type[K], Callable[[str], str]]) -> list[K]:
    """Times in plain form; ``places`` are the classes that may be among them, and what checks their places.

    ``InvalidArgumentError`` for what is no list of these; the error about one of them has its place as
    ``index``.
    """
    if not isinstance(times, (list, tuple)):
        raise InvalidArgumentError(f"times is a list of {_named(places)}, not {type(times).__name__}")
    plain: list[K] = []
    for index, each in enumerate(times):
        try:
            plain.append(_plain(each, places))
        except EverstoreError as error:
            error.tell(index=index)
            raise
    return plain


def _plain(each: Any, places: Mapping[type[K], Callable[[str], str]]) -> K:
    kind: Any = next((kind for kind in places if isinstance(each, kind)), None)
    if kind is None:
        raise InvalidArgumentError(
            f"times are {_named(places)} of everstore.changes, not {type(each).__name__}"
        )
    [place] = each.places()
    made: K = kind(
        places[kind](place),
        plain_time("created_ns", each.created_ns),
        plain_time("updated_ns", each.updated_ns),
    )
    return made


def _named(places: Mapping[type[K], Any]) -> str:
    return " and ".join(kind.__name__ for kind in places)
