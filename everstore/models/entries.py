"""Files and directories: with their contents, and as a listing shows them."""

from __future__ import annotations

import uuid
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import msgspec

from everstore.compat import override
from everstore.ids import is_checkpoint, uuid7
from everstore.models.stamps import Stamped

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "BytesFile",
    "EditedFile",
    "Encoding",
    "FileInfo",
    "FileStat",
    "SessionFile",
    "file_of",
    "root_of",
    "span_within",
]

Encoding = Literal["text", "base64"]
"""How ``content`` is written: the text itself, or standard base64 of the bytes."""


class _Entry(Stamped, frozen=True, gc=False):
    """What a file and a directory have in common. ``serial`` is unique within the session."""

    session_id: uuid.UUID
    path: str
    serial: int
    size_bytes: int
    is_readonly: bool

    @property
    def id(self) -> uuid.UUID:
        """The entry's identity (UUID version 7), kept by overwrites and moves, new for a copy.

        It is made of the time of creation, the serial and a hash of the session's id: nothing to store.
        Two entries of a session, whose serials differ, never share one, and it tells nothing of the
        session's id.
        """
        from hashlib import blake2b  # noqa: PLC0415 - a millisecond at import, for who looks at ids

        mask = int.from_bytes(
            blake2b(self.session_id.bytes, digest_size=10, person=b"everstore entry").digest()
        )
        bits = mask ^ self.serial  # one number a serial: hashing that, too, could make two the same
        return uuid7(self.created_ns, bits >> 62, bits)

    @property
    def name(self) -> str:
        """The last segment of the path; ``/`` for the root."""
        return self.path.rpartition("/")[2] or "/"


class SessionFile(_Entry, frozen=True, gc=False):
    """A file with its content, or a directory with ``content=None`` (§3.1)."""

    content: str | None
    encoding: Encoding = "text"
    kept: ClassVar[str | bytes | None]
    """``content`` as it is kept here: bytes where base64 is made of them when it is asked for."""
    at_hand: ClassVar[str | None]
    """``content``, but empty where it would have to be made."""

    @property
    def data(self) -> bytes | None:
        """The real bytes: of a text those of its UTF-8; ``None`` of a directory."""
        kept = self.kept
        if isinstance(kept, str):
            return kept.encode() if self.encoding == "text" else b64decode(kept)
        return kept

    def part(self, start: int, length: int | None) -> bytes | None:
        """Some of the real bytes, as ``read_bytes`` answers them; ``None`` of a directory."""
        kept = self.kept
        if kept is None:
            return None
        low, high = span_within(self.size_bytes, start, length)
        if isinstance(kept, bytes):
            return kept[low:high]
        if self.encoding == "text":
            return kept[low:high].encode() if kept.isascii() else kept.encode()[low:high]
        first = low // 3  # three bytes are four characters
        return b64decode(kept[first * 4 : -(-high // 3) * 4])[low - first * 3 : high - first * 3]

    @property
    def is_directory(self) -> bool:
        """Whether this is a directory."""
        return self.kept is None

    def info(self) -> FileInfo:
        """The same entry as a listing shows it, without its content."""
        return FileInfo(
            self.version, self.created_ns, self.updated_ns, self.session_id, self.path,
            self.serial, self.size_bytes, self.is_readonly, self.kept is None,
        )  # fmt: skip

    def stat(self) -> FileStat:
        """The same entry as ``stat_file`` shows it, without its content."""
        return FileStat(
            self.version, self.created_ns, self.updated_ns, self.session_id, self.path,
            self.serial, self.size_bytes, self.is_readonly, self.kept is None,
        )  # fmt: skip


# Its place in the record, whatever a subclass makes of it; no look costs more than before.
SessionFile.kept = SessionFile.at_hand = SessionFile.content


class BytesFile(SessionFile, frozen=True, gc=False):
    """A ``SessionFile`` in base64 that keeps the bytes, which ``file_of`` makes.

    Most who write and read bytes never look at their base64, which takes longer than all else.
    """

    at_hand = ""

    if not TYPE_CHECKING:  # to type checkers it is the field still

        @property
        def content(self) -> str | None:
            """The base64 of the bytes."""
            kept = self.kept
            return b64encode(kept).decode() if isinstance(kept, bytes) else kept

    @override
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SessionFile):
            return NotImplemented
        is_alike = self.encoding == other.encoding and self.info() == other.info()
        return is_alike and self.data == other.data

    @override
    def __hash__(self) -> int:
        return hash(self._plain())

    @override
    def __repr__(self) -> str:
        return repr(self._plain())

    def _plain(self) -> SessionFile:
        """The same with its base64."""
        fields: Any = (*msgspec.structs.astuple(self)[:-2], self.content, self.encoding)
        return SessionFile(*fields)


def file_of(
    version: int,
    created_ns: int,
    updated_ns: int,
    session_id: uuid.UUID,
    path: str,
    serial: int,
    size_bytes: int,
    is_readonly: bool,  # noqa: FBT001 - as in the record
    content: str | bytes | None,
    encoding: Encoding = "text",
) -> SessionFile:
    """A record of a file, whose content may be the bytes where the encoding is base64."""
    made: Any = BytesFile if isinstance(content, bytes) else SessionFile
    file: SessionFile = made(
        version, created_ns, updated_ns, session_id, path, serial, size_bytes, is_readonly, content, encoding
    )
    return file


def span_within(size: int, start: int, length: int | None) -> tuple[int, int]:
    """From where to where ``length`` of ``size`` bytes are; all that follow without, as in a slice."""
    low = max(size + start, 0) if start < 0 else min(start, size)
    return low, size if length is None else min(low + length, size)


class EditedFile(SessionFile, frozen=True, gc=False, eq=False):
    """What ``edit_file`` answers: the file, which it equals, and on which lines it was edited."""

    replaced: tuple[int, ...] = ()
    """The numbers of the lines where replacements begin, from 1, in the file as it is now; one for each."""

    @classmethod
    def of(cls, file: SessionFile, replaced: tuple[int, ...]) -> Self:
        """A file that was edited on these lines."""
        return cls(
            file.version, file.created_ns, file.updated_ns, file.session_id, file.path, file.serial,
            file.size_bytes, file.is_readonly, file.content, file.encoding, replaced,
        )  # fmt: skip

    @property
    def file(self) -> SessionFile:
        """The file alone, as ``read_file`` shows it."""
        return SessionFile(
            self.version, self.created_ns, self.updated_ns, self.session_id, self.path, self.serial,
            self.size_bytes, self.is_readonly, self.content, self.encoding,
        )  # fmt: skip

    @override
    def __eq__(self, other: object) -> bool:
        return self.file == (other.file if isinstance(other, EditedFile) else other)

    @override
    def __hash__(self) -> int:
        return hash(self.file)


def root_of(session_id: uuid.UUID) -> SessionFile:
    """The root directory of a session: always there, as old as the session's id, never changed."""
    tells = session_id.version == 7 or is_checkpoint(session_id)
    born_ns = (session_id.int >> 80) * 1_000_000 if tells else 0
    return SessionFile(0, born_ns, born_ns, session_id, "/", 0, 0, is_readonly=False, content=None)


class FileInfo(_Entry, frozen=True, gc=False):
    """One line of a directory listing."""

    is_directory: bool


class FileStat(FileInfo, frozen=True, gc=False):
    """What ``stat_file`` answers."""
