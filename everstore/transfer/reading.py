"""An archive that is read, from whoever wrote it: nothing in it is trusted, and nothing is kept of it."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from everstore.errors import InvalidArchiveError
from everstore.paths import normalize_literal_path
from everstore.transfer.format import (
    FILES,
    LAST,
    MANIFEST,
    MOST_LINE,
    SECRETS,
    VALUES,
    About,
    Ending,
    Entries,
    Manifest,
    SecretLine,
    ValueLine,
    decoded,
)
from everstore.transfer.items import MARK, PIECE, Counts, Directory, File, Secret, Value
from everstore.transfer.tar import BLOCK, END, Member, next_member, padding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import BinaryIO

    from everstore.transfer.items import Item
    from everstore.transfer.sealing import Seals

__all__ = ["ArchiveReader"]

_MOST_MANIFEST = 1 << 20
_MOST_ZEROS = 1 << 20  # bytes behind the end: others who write tars fill up a block of theirs
_FOLDERS = FILES, VALUES, SECRETS, LAST  # in their order


class ArchiveReader:
    """Reads an archive from a binary file, on a thread, once and from the beginning.

    What is wrong with it is ``InvalidArchiveError``, and is told as soon as it is met; what is damaged or cut
    off, at the latest at the end, so nothing that came counts before.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Nothing is read yet."""
        self.counts = Counts()
        self._incoming = _Incoming(file)
        self._order = _Order()

    async def begin(self) -> Manifest:
        """What comes first: whose archive it is."""
        member = await self._member()
        if member is None or member.name != MANIFEST:
            raise InvalidArchiveError(f"the archive does not begin with {MANIFEST}: it is no session's")
        self.manifest = decoded(await self._content(member, _MOST_MANIFEST), Manifest, MANIFEST)
        return self.manifest

    async def items(self, seals: Seals | None) -> AsyncIterator[Item]:
        """All that the session holds, in order; without ``seals`` its secrets are passed over."""
        folder = 0
        while True:
            before = self._incoming.position, self._incoming.digest()
            member = await self._member()
            if member is None:
                raise InvalidArchiveError(f"the archive has no {LAST}, so it is not whole")
            place = next((i for i, each in enumerate(_FOLDERS) if member.name.startswith(each)), -1)
            if place < folder or (member.kind == "directory" and place):
                raise InvalidArchiveError(
                    f"the archive has a member {member.name[:100]!r}, which has no place there"
                )
            folder = place
            if member.name == LAST:
                await self._end(member, *before)
                return
            if folder == 0:
                parts = self._file(member)
            else:
                parts = self._values(member) if folder == 1 else self._secrets(member, seals)
            async for item in parts:
                yield item

    async def _file(self, member: Member) -> AsyncIterator[Item]:
        path = self._order.path_of(member)
        about = decoded(member.comment or "{}", About, f"comment of {path[:100]!r}")
        updated_ns = member.updated_ns
        created_ns = updated_ns if about.created_ns is None else about.created_ns
        if member.kind == "directory":
            item: Item = Directory(path, created_ns, updated_ns)
        else:
            is_readonly = not member.mode & 0o200
            item = File(path, member.size, about.encoding, is_readonly, created_ns, updated_ns)
        self.counts.add(item)
        yield item
        for start in range(0, member.size, PIECE):
            yield await self._incoming.read(min(PIECE, member.size - start))
        await self._incoming.skip_padding(member.size)

    async def _values(self, member: Member) -> AsyncIterator[Item]:
        for line in await self._lines(member):
            told = decoded(line, ValueLine, f"line in {member.name}")
            self._order.require_later("value", told.key)
            if told.key == MARK:
                raise InvalidArchiveError(f"the archive has a value {MARK!r}, which no whole session has")
            item = Value(told.key, told.value, told.expires_ns, told.created_ns, told.updated_ns)
            self.counts.add(item)
            yield item

    async def _secrets(self, member: Member, seals: Seals | None) -> AsyncIterator[Item]:
        for line in await self._lines(member):
            told = decoded(line, SecretLine, f"line in {member.name}")
            self._order.require_later("secret", told.name)
            self.counts.secrets += 1
            if seals is not None:
                text = await seals.open(told.name, told.sealed)
                yield Secret(told.name, text, told.expires_ns, told.created_ns, told.updated_ns)

    async def _end(self, member: Member, position: int, digest: str) -> None:
        """Compare what the archive says of itself with what came."""
        ending = decoded(await self._content(member, _MOST_MANIFEST), Ending, LAST)
        if (ending.bytes, ending.sha256) != (position, digest):
            raise InvalidArchiveError("the archive is damaged: its bytes are not those that were written")
        if (
            ending.holds != self.counts
            or self.manifest.holds != Entries.of(self.counts)
            or (self.counts.secrets and not self.manifest.secrets)
        ):
            raise InvalidArchiveError("the archive does not hold what it says; whoever wrote it is wrong")
        if await self._member() is not None:
            raise InvalidArchiveError(f"the archive goes on behind {LAST}")
        rest = await self._incoming.rest(_MOST_ZEROS + 1)
        if len(rest) > _MOST_ZEROS or rest.strip(b"\0"):
            raise InvalidArchiveError("the archive is followed by something else, of which nothing is known")

    async def _member(self) -> Member | None:
        member = await next_member(self._incoming.read)
        if member is None:
            await self._incoming.read(len(END) - BLOCK)
        elif member.kind == "directory" and member.size:
            raise InvalidArchiveError(f"the archive has a directory {member.name[:100]!r} with bytes in it")
        return member

    async def _lines(self, member: Member) -> list[bytes]:
        lines = (await self._content(member, MOST_LINE)).split(b"\n")
        if lines.pop():
            raise InvalidArchiveError(f"the archive's {member.name} does not end with a line end")
        return lines

    async def _content(self, member: Member, most: int) -> bytes:
        if member.size > most or member.kind == "directory":
            raise InvalidArchiveError(
                f"the archive's {member.name[:100]} has {member.size:,} bytes; {most:,} are the most"
            )
        content = await self._incoming.read(member.size)
        await self._incoming.skip_padding(member.size)
        return content


class _Order:
    """The order of what comes: nothing comes twice, and nothing below what is no directory."""

    def __init__(self) -> None:
        self._last = ""
        self._kind: Literal["file", "value", "secret"] = "file"
        self._directories = ["/"]

    def path_of(self, member: Member) -> str:
        """The path of an entry, which follows all others and is in a directory that has been told."""
        path = "/" + member.name.removeprefix(FILES)
        if normalize_literal_path(path) != path or path == "/":
            raise InvalidArchiveError(f"the archive has a path {path[:100]!r} that no session has")
        self.require_later("file", path)
        # What begins with the path of a directory comes in one run behind it, so these are few.
        while not path.startswith(self._directories[-1]):
            self._directories.pop()
        parent = path.rpartition("/")[0] or "/"
        if parent not in self._directories:
            raise InvalidArchiveError(f"the archive has {path[:100]!r}, and no directory for it before")
        if member.kind == "directory":
            self._directories.append(path)
        return path

    def require_later(self, kind: Literal["file", "value", "secret"], place: str) -> None:
        """Refuse what does not come behind the last one of its kind."""
        if kind == self._kind and place <= self._last:
            raise InvalidArchiveError(
                f"the archive has {kind} {place[:100]!r} twice, or not in order (by code point)"
            )
        self._kind, self._last = kind, place


class _Incoming:
    """What is read of a file, with a digest of all that was taken from it."""

    def __init__(self, file: BinaryIO) -> None:
        self.position = 0
        self._file = file
        self._buffer = b""
        self._at = 0
        self._hash = sha256()

    def digest(self) -> str:
        """The SHA-256 of what was taken, in hex."""
        return self._hash.copy().hexdigest()

    async def read(self, size: int) -> bytes:
        """The next so many bytes; ``InvalidArchiveError`` when there are fewer."""
        data = await self.rest(size)
        if len(data) < size:
            raise InvalidArchiveError("the archive is cut off: it ends before its end; get it anew")
        self.position += size
        self._hash.update(data)
        return data

    async def rest(self, most: int) -> bytes:
        """What follows, so many bytes or all there are."""
        if len(self._buffer) - self._at < most:
            left = self._buffer[self._at :]
            try:
                self._buffer = await asyncio.to_thread(self._read, left, max(most, PIECE))
            except OSError as error:
                reason = error.strerror or error
                raise InvalidArchiveError(f"the archive cannot be read: {reason}") from error
            self._at = 0
        data = self._buffer[self._at : self._at + most]
        self._at += len(data)
        return data

    async def skip_padding(self, size: int) -> None:
        """Read the zeros behind a content of so many bytes."""
        await self.read(padding(size))

    def _read(self, rest: bytes, size: int) -> bytes:
        """More of the file, behind what is left, so that there is so much; less at the end."""
        parts = [rest]
        missing = size - len(rest)
        while missing > 0 and (part := self._file.read(missing)):
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)
