"""What changes of values and secrets do: each looks, refuses in the order of §3.11.1, and then acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.clock import now_ns
from everstore.content import add_to_counter, stored_size
from everstore.errors import RevisionConflictError
from everstore.rules.space import Stamps

if TYPE_CHECKING:
    from everstore.changes import DeleteSecret, DeleteValue, Increment, SetSecret, SetValue, SwapSecret
    from everstore.rules.space import S, Space

__all__ = ["delete_secret", "delete_value", "increment", "set_secret", "set_value", "swap_secret"]

_LATEST_NS = (1 << 63) - 1  # what 64 bits hold: a time to live of centuries ends here


def set_value(space: Space[S], change: SetValue) -> None:
    """``set_value``."""
    now = now_ns()
    if change.if_absent or change.if_revision is not None:
        old = space.get(change.key, now)
        current = None if old is None else format(old.version, "x")
        if current != change.if_revision:
            raise RevisionConflictError.found(change.key, change.if_revision, current)
    else:
        old = space.get_to_replace(change.key, now)
    _put(space, change.key, change.value, old, now, _expiry(now, change.ttl))


def increment(space: Space[S], change: Increment) -> int:
    """``increment_value``."""
    now = now_ns()
    old = space.get(change.key, now)
    total = add_to_counter(None if old is None else space.text(change.key, old), change.amount)
    _put(space, change.key, str(total), old, now, None if old is None else old.expires_ns)
    return total


def delete_value(space: Space[S], change: DeleteValue) -> bool:
    """``delete_value``."""
    return space.remove(change.key, now_ns())


def set_secret(space: Space[S], change: SetSecret) -> None:
    """``set_secret``."""
    now = now_ns()
    old = space.get_to_replace(change.name, now)
    _put(space, change.name, change.value, old, now, _expiry(now, change.ttl))


def swap_secret(space: Space[S], change: SwapSecret) -> bool:
    """``swap_secret``."""
    now = now_ns()
    old = space.get(change.name, now)
    if old is None or space.text(change.name, old) != change.expected:
        return False
    kept = Stamps(old.version, old.created_ns, old.updated_ns, old.expires_ns)
    space.put(change.name, change.replacement, kept, now)
    return True


def delete_secret(space: Space[S], change: DeleteSecret) -> bool:
    """``delete_secret``."""
    return space.remove(change.name, now_ns())


def _expiry(now: int, ttl: float | None) -> int | None:
    return None if ttl is None else min(now + int(ttl * 1e9), _LATEST_NS)


def _put(space: Space[S], key: str, text: str, old: S | None, now: int, expires_ns: int | None) -> None:
    """Put a text in place of ``old``, unless it is over a limit."""
    limits = space.limits
    if limits is not None:
        keys, size = space.usage(now)
        more = stored_size(text, "text")
        more += stored_size(key, "text") if old is None else -space.size(key, old)
        limits.require(key, session_keys=(keys, int(old is None)), session_value_bytes=(size, more))
    created_ns = updated_ns = now
    if old is not None:
        created_ns = old.created_ns
        if now < old.updated_ns + 1000:
            updated_ns = old.updated_ns + 1000
    space.put(key, text, Stamps(space.next_version(), created_ns, updated_ns, expires_ns), now)
