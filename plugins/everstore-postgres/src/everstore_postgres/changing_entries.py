"""What a change of values or secrets is to the server's functions, and what their answer means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from everstore.changes import (
    DeleteSecret,
    DeleteValue,
    Increment,
    SetSecret,
    SetValue,
    SwapSecret,
    TouchValue,
)
from everstore.content import no_counter, sum_too_large
from everstore.errors import QuotaExceededError, RevisionConflictError
from everstore.models import KeyInfo
from everstore_postgres.damage import damage_of_value
from everstore_postgres.outcomes import version_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from everstore.changes import ValueMutation

__all__ = ["SECRETS", "VALUES", "EntryOrder", "answer_to", "is_plain", "order_of"]

VALUES, SECRETS = b"v", b"s"
_LARGEST = (1 << 63) - 1
_ANSWERS = {"done", "nothing"}


class EntryOrder(NamedTuple):
    """A change as ``apply_entry_changes`` in changing_entries.sql takes it; the fields are its columns."""

    verb: str
    space: bytes
    key: str
    data: bytes | None = None
    ttl_ns: int | None = None
    condition: int | None = None
    step: str | None = None
    other: bytes | None = None


def order_of(change: ValueMutation[Any]) -> EntryOrder:  # noqa: PLR0911 - one a change
    """What the server is asked for a change."""
    match change:
        case SetValue(key, value, ttl, if_revision, if_absent):
            condition = 0 if if_absent else version_of(if_revision)
            return EntryOrder("set", VALUES, key, value.encode(), _nanoseconds(ttl), condition)
        case SetSecret(name, value, ttl):
            return EntryOrder("set", SECRETS, name, value.encode(), _nanoseconds(ttl))
        case Increment(key, amount):
            return EntryOrder("increment", VALUES, key, step=str(amount))
        case DeleteValue(key, if_revision):
            return EntryOrder("delete", VALUES, key, condition=version_of(if_revision))
        case TouchValue(key, ttl):
            return EntryOrder("touch", VALUES, key, ttl_ns=_nanoseconds(ttl))
        case DeleteSecret(name):
            return EntryOrder("delete", SECRETS, name)
        case SwapSecret(name, expected, replacement):
            return EntryOrder("swap", SECRETS, name, replacement.encode(), other=expected.encode())
        case _:
            raise TypeError(f"{type(change).__name__} is no change of values or secrets")


def is_plain(orders: Sequence[EntryOrder]) -> bool:
    """Whether they only set, in one space, a text each at a key of its own, so that any order is the same."""
    space = orders[0].space
    return len({order.key for order in orders}) == len(orders) and all(
        order.verb == "set" and order.space == space and order.ttl_ns is None and order.condition is None
        for order in orders
    )


def _nanoseconds(ttl: float | None) -> int | None:
    return None if ttl is None else int(min(ttl * 1e9, _LARGEST))


def answer_to(change: ValueMutation[Any], row: Any) -> Any:
    """What the row that the server answered with means; the typed error when it is a refusal."""
    outcome = row["outcome"]
    match change:
        case SetValue(key) if outcome == "done":
            return KeyInfo(row["version"], row["created_ns"], row["updated_ns"], key, row["expires_ns"])
        case DeleteValue() | DeleteSecret() | SwapSecret() | TouchValue() if outcome in _ANSWERS:
            return outcome == "done"
        case Increment() if outcome == "done":
            return int(row["amount"])
        case _ if outcome == "done":
            return None
    (key,) = change.places()
    match outcome:
        case "no integer":
            raise no_counter()
        case "too large":
            raise sum_too_large()
        case "damaged":
            raise damage_of_value(key)
        case "conflict":
            current = row["current"]
            wanted = change.if_revision if isinstance(change, (SetValue, DeleteValue)) else None
            raise RevisionConflictError.found(key, wanted, format(current, "x") if current else None)
        case _:
            raise QuotaExceededError.over(outcome, row["amount"], row["allowed"], key)
