"""An archive that is written, item by item."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from everstore.errors import InvalidContentError
from everstore.transfer.format import (
    DIRECTORY,
    FILES,
    LAST,
    MANIFEST,
    MOST_LINE,
    SECRETS,
    VALUES,
    About,
    Ending,
    SecretLine,
    ValueLine,
)
from everstore.transfer.items import PIECE, Counts, Directory, File, Secret, Value
from everstore.transfer.tar import END, Member, header, padding

if TYPE_CHECKING:
    from typing import BinaryIO

    from everstore.transfer.format import Manifest
    from everstore.transfer.items import Item
    from everstore.transfer.sealing import Seals

__all__ = ["ArchiveWriter"]

_RECORD = 10_240  # bytes of which a tar is a multiple
_PAGE = 256 << 10  # bytes of a member of values, unless one alone has more

_encode = msgspec.json.Encoder(order="deterministic").encode


class ArchiveWriter:
    """Writes an archive to a binary file, on a thread: manifest, items in their order, the end."""

    def __init__(self, file: BinaryIO, seals: Seals | None) -> None:
        """``seals`` are for secrets, which do not come where there are none."""
        self.counts = Counts()
        self._file = file
        self._seals = seals
        self._hash = sha256()
        self._written = 0
        self._buffer = bytearray()
        self._lines = bytearray()
        self._folder = VALUES
        self._number = 0
        self._left = 0

    async def begin(self, manifest: Manifest) -> None:
        """Write what comes first."""
        self._add_member(MANIFEST, _encode(manifest) + b"\n")
        await self._drain(1)

    async def add(self, item: Item) -> None:
        """Write the next item."""
        self.counts.add(item)
        if isinstance(item, bytes):
            self._buffer += item
            self._left -= len(item)
            if not self._left:
                self._buffer += bytes(self._pad)
        elif isinstance(item, File):
            self._add_file(item)
        elif isinstance(item, Directory):
            about = _encode(About(created_ns=item.created_ns)).decode()
            place = Member(_place(item.path), 0, "directory", DIRECTORY, item.updated_ns, about)
            self._buffer += header(place)
        else:
            await self._add_line(item)
        await self._drain(PIECE)

    async def end(self) -> None:
        """Write what comes last: nothing is whole without it."""
        self._end_page()
        await self._drain(1)
        ending = Ending(self._written, self._hash.hexdigest(), self.counts)
        self._add_member(LAST, _encode(ending) + b"\n")
        self._buffer += END
        self._buffer += bytes(-(self._written + len(self._buffer)) % _RECORD)
        await self._drain(1)

    def _add_file(self, file: File) -> None:
        about = _encode(About(file.encoding, file.created_ns)).decode()
        mode = 0o444 if file.is_readonly else 0o644
        self._buffer += header(
            Member(_place(file.path), file.size_bytes, "file", mode, file.updated_ns, about)
        )
        self._left, self._pad = file.size_bytes, padding(file.size_bytes)

    async def _add_line(self, item: Value | Secret) -> None:
        times = item.expires_ns, item.created_ns, item.updated_ns
        if isinstance(item, Value):
            line = _encode(ValueLine(item.key, item.value, *times))
        else:
            if self._folder == VALUES:
                self._end_page()
                self._folder, self._number = SECRETS, 0
            assert self._seals is not None  # noqa: S101 - whoever asks for secrets has keys
            line = _encode(SecretLine(item.name, await self._seals.seal(item.name, item.value), *times))
        if len(line) >= MOST_LINE:
            place = item.key if isinstance(item, Value) else item.name
            raise InvalidContentError(
                f"{place!r} has more than an archive holds in one value: {MOST_LINE >> 20} MiB as JSON"
            )
        if len(self._lines) + len(line) > _PAGE:
            self._end_page()
        self._lines += line + b"\n"

    def _end_page(self) -> None:
        if self._lines:
            self._number += 1
            self._add_member(f"{self._folder}{self._number:06d}.jsonl", bytes(self._lines))
            self._lines.clear()

    def _add_member(self, name: str, content: bytes) -> None:
        self._buffer += header(Member(name, len(content)))
        self._buffer += content
        self._buffer += bytes(padding(len(content)))

    async def _drain(self, least: int) -> None:
        """Write what has been collected, when it is so much."""
        if len(self._buffer) >= least:
            data = bytes(self._buffer)
            self._buffer.clear()
            self._written += len(data)
            await asyncio.to_thread(self._write, data)

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)


def _place(path: str) -> str:
    return FILES + path[1:]
