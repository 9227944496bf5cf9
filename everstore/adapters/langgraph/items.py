"""Items of LangGraph's long-term memory as rows of a session: their keys, and what is asked of them.

An item is at ``item/<label>/<label>//<key>``, the labels being those of its namespace, so everything below a
namespace is one range of keys. What stands there tells all names again, for of a long one the key has a hash.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import msgspec
from langgraph.store.base import Item, SearchItem

from everstore.adapters.langgraph.parts import join, name_of, part

if TYPE_CHECKING:
    from collections.abc import Iterable

    from langgraph.store.base import MatchCondition

    from everstore.models import StoredValue

__all__ = [
    "ITEMS",
    "Content",
    "content_of",
    "fits",
    "item_key",
    "item_of",
    "least_range",
    "matches",
    "namespace_end",
    "namespace_of",
    "range_of",
    "search_item_of",
    "text_of",
]

ITEMS = "item/"

_LAST = "\U0010ffff"


class Content(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An item, as it is stored; its times are those of the row."""

    namespace: tuple[str, ...]
    key: str
    value: dict[str, Any]
    minutes: float | None = None
    """How long it stays after it was written or, if that is asked for, read."""
    vectors: list[bytes] = []
    """The embeddings of its texts, as 32-bit floats."""


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Content)


def text_of(content: Content) -> str:
    """What is stored of an item. ``TypeError`` for a value that JSON does not have."""
    return _ENCODER.encode(content).decode()


def content_of(row: StoredValue) -> Content:
    """The item that is stored so."""
    return _DECODER.decode(row.value)


def item_of(row: StoredValue, content: Content) -> Item:
    """The item, as LangGraph hands it out."""
    return Item(
        value=content.value,
        key=content.key,
        namespace=content.namespace,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def search_item_of(row: StoredValue, content: Content, score: float | None = None) -> SearchItem:
    """The item, as LangGraph hands it out from a search."""
    return SearchItem(
        value=content.value,
        key=content.key,
        namespace=content.namespace,
        created_at=row.created_at,
        updated_at=row.updated_at,
        score=score,
    )


# -- keys -------------------------------------------------------------------------------------------


def range_of(namespace: tuple[str, ...]) -> str:
    """The beginning of the keys of all items in a namespace, and in those below it."""
    return _range_of(tuple(namespace))


@lru_cache(1024)
def _range_of(namespace: tuple[str, ...]) -> str:
    return ITEMS + join(*namespace)


def item_key(namespace: tuple[str, ...], key: str) -> str:
    """Where an item is."""
    return f"{range_of(namespace)}/{part(key)}"


def namespace_end(key: str) -> str:
    """What comes after the keys of all items that are in the namespace of this one."""
    return key.rpartition("//")[0] + "//" + _LAST


def namespace_of(key: str) -> tuple[str, ...] | None:
    """The namespace of the item at a key; ``None`` where the item itself has to tell."""
    beginning = key.rpartition("//")[0] + "/"
    labels = [name_of(label) for label in beginning.removeprefix(ITEMS).split("/")[:-1]]
    known = tuple(label for label in labels if label is not None)
    return known if len(known) == len(labels) else None


def least_range(conditions: Iterable[MatchCondition]) -> str:
    """The beginning of the keys of all items in namespaces that fit."""
    for condition in conditions:
        if condition.match_type == "prefix":
            return range_of(tuple(takewhile(lambda label: label != "*", condition.path)))
    return ITEMS


def fits(condition: MatchCondition, namespace: tuple[str, ...]) -> bool:
    """Whether a namespace begins, or ends, with labels; ``*`` is any one."""
    size = len(condition.path)
    if condition.match_type not in {"prefix", "suffix"}:
        raise ValueError(f"Unsupported match type: {condition.match_type}")
    if size > len(namespace):
        return False
    labels = namespace[:size] if condition.match_type == "prefix" else namespace[len(namespace) - size :]
    return all(wanted in {"*", label} for wanted, label in zip(condition.path, labels, strict=True))


# -- filters ----------------------------------------------------------------------------------------


def matches(value: Any, wanted: Any) -> bool:
    """Whether a value is what a filter wants: equal, as far as it says, or as its operators say."""
    if isinstance(wanted, dict):
        if any(name.startswith("$") for name in wanted):
            return all(_compares(value, name, operand) for name, operand in wanted.items())
        return isinstance(value, dict) and all(
            matches(value.get(name), each) for name, each in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return isinstance(value, list) and len(value) == len(wanted) and all(map(matches, value, wanted))
    return bool(value == wanted)


def _compares(value: Any, operator: str, operand: Any) -> bool:
    if operator == "$eq":
        return bool(value == operand)
    if operator == "$ne":
        return bool(value != operand)
    if operator not in {"$gt", "$gte", "$lt", "$lte"}:
        raise ValueError(f"Unsupported operator: {operator}")
    order = _order(value, operand)
    if order is None:
        return False
    return {"$gt": order > 0, "$gte": order >= 0, "$lt": order < 0, "$lte": order <= 0}[operator]


def _order(value: Any, operand: Any) -> int | None:
    """Whether one is less (-1), the same (0) or more (1): as numbers, or as texts; ``None`` for neither."""
    try:
        one, other = float(value), float(operand)
    except (TypeError, ValueError):
        if not isinstance(value, str) or not isinstance(operand, str):
            return None
        return (value > operand) - (value < operand)
    return (one > other) - (one < other)
