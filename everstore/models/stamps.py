"""What every stored thing carries: a version and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

__all__ = [
    "Stamped",
    "moment_of",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(nanoseconds: int) -> datetime:
    """Nanoseconds since 1970, in UTC."""
    # Integer arithmetic: a float of seconds cannot hold today's date in microseconds exactly.
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


class Stamped(msgspec.Struct, frozen=True, gc=False):
    """What every stored thing carries.

    ``version`` is unique among all versions the thing's place ever had; ``created_ns`` and
    ``updated_ns`` are nanoseconds since 1970 in UTC.
    """

    version: int
    created_ns: int
    updated_ns: int

    @property
    def revision(self) -> str:
        """Opaque text that changes with every write and never repeats for this path or key (§4.1)."""
        return format(self.version, "x")

    @property
    def created_at(self) -> datetime:
        """When it was first written, in UTC; an overwrite keeps it."""
        return moment_of(self.created_ns)

    @property
    def updated_at(self) -> datetime:
        """When it was last written, in UTC."""
        return moment_of(self.updated_ns)
