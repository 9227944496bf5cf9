"""What changes of values and secrets do: each looks, refuses in the order of §3.11.1, and then acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.clock import now_ns
from everstore.content import add_to_counter, stored_size
from everstore.errors import RevisionConflictError
from everstore.models import KeyInfo

if TYPE_CHECKING:
    from everstore.rules.space import S, Space
    from everstore.settings import Limits

__all__ = [
    "delete",
    "delete_value",
    "increment",
    "restore_times",
    "set_secret",
    "set_value",
    "swap_secret",
    "touch",
]

_LATEST_NS = (1 << 63) - 1  # what 64 bits hold: a time to live of centuries ends here


def set_value(
    space: Space[S],
    key: str,
    value: str,
    ttl: float | None = None,
    if_revision: str | None = None,
    if_absent: bool = False,  # noqa: FBT001, FBT002 - as in all rules, the fields of the change
) -> KeyInfo:
    """``set_value``."""
    now = now_ns()
    if if_absent or if_revision is not None:
        old = _alive(space, key, now)
        RevisionConflictError.require(key, if_revision, None if old is None else format(old.version, "x"))
    else:
        old = space.get_to_replace(key)
        if old is not None and old.expires_ns is not None and old.expires_ns <= now:
            old = None
    expires_ns = None if ttl is None else _end_of(ttl, now)
    version, updated_ns = _put(space, key, value, old, now, expires_ns)
    return KeyInfo(version, now if old is None else old.created_ns, updated_ns, key, expires_ns)


def set_secret(space: Space[S], name: str, value: str, ttl: float | None = None) -> None:
    """``set_secret``."""
    set_value(space, name, value, ttl)


def increment(space: Space[S], key: str, amount: int = 1) -> int:
    """``increment_value``."""
    now = now_ns()
    old = _alive(space, key, now)
    total = add_to_counter(None if old is None else space.text(key, old), amount)
    _put(space, key, str(total), old, now, None if old is None else old.expires_ns)
    return total


def delete(space: Space[S], key: str) -> bool:
    """``delete_secret``."""
    return space.remove(key, now_ns())


def delete_value(space: Space[S], key: str, if_revision: str | None = None) -> bool:
    """``delete_value``."""
    if if_revision is not None:
        old = _alive(space, key, now_ns())
        RevisionConflictError.require(key, if_revision, None if old is None else format(old.version, "x"))
    return space.remove(key, now_ns())


def touch(space: Space[S], key: str, ttl: float | None = None) -> bool:
    """``touch_value``."""
    now = now_ns()
    old = _alive(space, key, now)
    if old is None:
        return False
    expires_ns = None if ttl is None else _end_of(ttl, now)
    space.put(key, space.text(key, old), old.version, old.created_ns, old.updated_ns, expires_ns)
    return True


def swap_secret(space: Space[S], name: str, expected: str, replacement: str) -> bool:
    """``swap_secret``."""
    old = _alive(space, name, now_ns())
    if old is None or space.text(name, old) != expected:
        return False
    space.put(name, replacement, old.version, old.created_ns, old.updated_ns, old.expires_ns)
    return True


def restore_times(space: Space[S], key: str, created_ns: int, updated_ns: int) -> bool:
    """``restore_times``, of a value or a secret."""
    old = _alive(space, key, now_ns())
    if old is None:
        return False
    space.put(key, space.text(key, old), old.version, created_ns, updated_ns, old.expires_ns)
    return True


def _alive(space: Space[S], key: str, now: int) -> S | None:
    found = space.get(key)
    return None if found is None or (found.expires_ns is not None and found.expires_ns <= now) else found


def _end_of(ttl: float, now: int) -> int:
    end = now + int(ttl * 1e9)
    return end if end < _LATEST_NS else _LATEST_NS  # noqa: FURB136 - min() costs twice as much


def _put(
    space: Space[S], key: str, text: str, old: S | None, now: int, expires_ns: int | None
) -> tuple[int, int]:
    """Put a text in place of ``old``, unless it is over a limit; its version, and when it was updated."""
    if space.limits is not None:
        _require_room(space, space.limits, key, text, old, now)
    version = space.next_version()
    if old is None:
        space.put(key, text, version, now, now, expires_ns)
        return version, now
    created_ns, least = old.created_ns, old.updated_ns + 1000
    if now < least:  # noqa: PLR1730 - the clock stands still or went back (§3.2.6)
        now = least
    space.put(key, text, version, created_ns, now, expires_ns)
    return version, now


def _require_room(space: Space[S], limits: Limits, key: str, text: str, old: S | None, now: int) -> None:
    more = stored_size(text, "text")
    more += stored_size(key, "text") if old is None else -space.size(key, old)
    if old is not None and (more <= 0 or limits.session_value_bytes is None):
        return  # nothing grows that has a limit, so nothing is counted: that takes as long as there are keys
    keys, size = space.usage(now)
    limits.require(key, session_keys=(keys, int(old is None)), session_value_bytes=(size, more))
