"""Whether two sessions hold the same: a digest of each, over all that stays."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from everstore.transfer.items import Directory, File, Value

if TYPE_CHECKING:
    from everstore.transfer.items import Item

__all__ = ["Digest"]


class Digest:
    """SHA-256 over the items of a session in their order.

    Over paths, bytes, encodings and read-only marks of files, over directories, and over values, with the
    times of all of them. Left out are what ends by itself, which may be there on one side and over on the
    other, and secrets: who moves these compares them one by one.
    """

    def __init__(self) -> None:
        """Of nothing yet."""
        self._hash = sha256()

    def add(self, item: Item) -> None:
        """Take in the next item."""
        if isinstance(item, bytes):
            self._hash.update(item)
        elif isinstance(item, File):
            self._tell("file", item.path, item.size_bytes, item.encoding, item.is_readonly, *_times(item))
        elif isinstance(item, Directory):
            self._tell("directory", item.path, *_times(item))
        elif isinstance(item, Value) and item.expires_ns is None:
            self._tell("value", item.key, item.value, *_times(item))

    def _tell(self, *facts: str | int) -> None:
        self._hash.update(msgspec.json.encode(facts) + b"\n")

    def value(self) -> str:
        """The digest of what was added, in hex."""
        return self._hash.hexdigest()


def _times(item: File | Directory | Value) -> tuple[int, int]:
    return item.created_ns, item.updated_ns
