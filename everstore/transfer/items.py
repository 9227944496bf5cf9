"""What a session is made of on its way from one place to another: small parts, in one order.

Directories and files come first, by path, then values, by key, then secrets, by name, all by code point. The
bytes of a file follow it in pieces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from everstore.arguments import LATEST_NS
from everstore.compat import override
from everstore.models import Encoding

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.models import FileInfo, KeyInfo, SecretInfo, StoredValue

    Progress = Callable[[int], object]

__all__ = ["MARK", "PIECE", "Counts", "Directory", "File", "Item", "Progress", "Secret", "Value", "times_of"]

PIECE = 1 << 20  # bytes of a file that travel at once

MARK = "everstore.transfer"
"""The value that a session has while it is made by a transfer: without a record it is left of one."""


class Directory(msgspec.Struct, frozen=True, gc=False):
    """A directory, but for the root."""

    path: str
    created_ns: int
    updated_ns: int


class File(msgspec.Struct, frozen=True, gc=False):
    """A file, whose bytes follow."""

    path: str
    size_bytes: int
    encoding: Encoding
    is_readonly: bool
    created_ns: int
    updated_ns: int


class Value(msgspec.Struct, frozen=True, gc=False):
    """A value; ``expires_ns`` is the first moment at which it is absent."""

    key: str
    value: str
    expires_ns: int | None
    created_ns: int
    updated_ns: int


class Secret(msgspec.Struct, frozen=True, gc=False):
    """A secret in clear: it is never written anywhere."""

    name: str
    value: str
    expires_ns: int | None
    created_ns: int
    updated_ns: int

    @override
    def __repr__(self) -> str:
        return f"Secret({self.name!r})"


Item = Directory | File | bytes | Value | Secret


class Counts(msgspec.Struct, kw_only=True):
    """How many things a session has, or a transfer has moved."""

    files: int = 0
    directories: int = 0
    bytes: int = 0
    values: int = 0
    secrets: int = 0

    def add(self, item: Item) -> None:
        """Count one more."""
        if isinstance(item, File):
            self.files += 1
            self.bytes += item.size_bytes
        elif isinstance(item, Directory):
            self.directories += 1
        elif isinstance(item, Value):
            self.values += 1
        elif isinstance(item, Secret):
            self.secrets += 1


def times_of(each: FileInfo | KeyInfo | StoredValue | SecretInfo | Value | Secret) -> tuple[int, int]:
    """When something was created and last changed, as it may be given to another session.

    What was written to after the latest time that can be given to it has that one.
    """
    return min(each.created_ns, LATEST_NS), min(each.updated_ns, LATEST_NS)
