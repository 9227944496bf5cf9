"""A record as its users see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "to_dict",
]

_RAW = {"version", "serial", "created_ns", "updated_ns", "expires_ns", "last_write_ns"}
_DERIVED = (
    "id",
    "name",
    "is_directory",
    "revision",
    "created_at",
    "updated_at",
    "expires_at",
    "last_write_at",
)


def to_dict(record: msgspec.Struct) -> dict[str, object]:
    """A record as its users see it, ready for JSON: ids as text, times in ISO 8601.

    ``msgspec.json.encode(record)`` writes what the record keeps instead, whole nanoseconds and numbers, of
    which ``msgspec.json.decode(text, type=type(record))`` makes an equal record.
    """
    public = {name: getattr(record, name) for name in record.__struct_fields__ if name not in _RAW}
    public |= {name: getattr(record, name) for name in _DERIVED if hasattr(record, name)}
    builtins: dict[str, object] = msgspec.to_builtins({name: _shown(part) for name, part in public.items()})
    return builtins


def _shown(part: object) -> object:
    """A part of a record, which may be a record itself, or a list of them."""
    if isinstance(part, (list, tuple)):
        return [_shown(each) for each in cast("Sequence[object]", part)]
    return to_dict(part) if isinstance(part, msgspec.Struct) else part
