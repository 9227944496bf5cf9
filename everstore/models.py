"""The records that verbs take and answer with.

All are immutable, so a backend may hand out the very object it keeps. Times, ids and revisions are
kept as integers, which every storage can hold, and become ``datetime``, ``UUID`` and text when they
are looked at: building a record costs a tenth of building those.
"""

from __future__ import annotations

import uuid
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal, Self, cast

import msgspec
from msgspec import UNSET, UnsetType

from everstore.clock import now_ns
from everstore.compat import override
from everstore.ids import is_checkpoint, new_checkpoint_id, new_session_id, uuid7
from everstore.labels import NO_LABELS, Labels, frozen_labels

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

__all__ = [
    "BytesFile",
    "ChangeKind",
    "Checkpoint",
    "EditedFile",
    "Encoding",
    "FileChange",
    "FileInfo",
    "FileLines",
    "FileStat",
    "FileUsage",
    "GrepMatch",
    "InitialFile",
    "KeyInfo",
    "Merged",
    "NumberedLine",
    "Prefer",
    "SecretInfo",
    "Session",
    "SessionFile",
    "SessionUsage",
    "StorageUsage",
    "StoredSecret",
    "StoredValue",
    "ValueChange",
    "file_of",
    "is_checkpoint",
    "latest",
    "new_checkpoint_id",
    "new_session_id",
    "root_of",
    "span_within",
    "to_dict",
]

Encoding = Literal["text", "base64"]
"""How ``content`` is written: the text itself, or standard base64 of the bytes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _datetime(nanoseconds: int) -> datetime:
    # Integer arithmetic: a float of seconds cannot hold today's date in microseconds exactly.
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


class _Stamped(msgspec.Struct, frozen=True, gc=False):
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
        return _datetime(self.created_ns)

    @property
    def updated_at(self) -> datetime:
        """When it was last written, in UTC."""
        return _datetime(self.updated_ns)


class _Entry(_Stamped, frozen=True, gc=False):
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


class InitialFile(msgspec.Struct, frozen=True, gc=False):
    """A file that trusted host code puts into a session, perhaps read-only (§3.9)."""

    path: str
    content: str
    encoding: Encoding = "text"
    is_readonly: bool = False


class GrepMatch(msgspec.Struct, frozen=True, gc=False):
    """One matching line: its number from 1, its text without the line end, and its neighbours."""

    path: str
    line_number: int
    line: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class NumberedLine(msgspec.Struct, frozen=True, gc=False):
    """A line and its number, from 1."""

    number: int
    text: str


class FileLines(msgspec.Struct, frozen=True, gc=False):
    """Some lines of a file, whether more follow, the revision they were read from, and how many it has."""

    path: str
    lines: tuple[NumberedLine, ...]
    has_more: bool
    revision: str
    total_lines: int


class _Expiring(_Stamped, frozen=True, gc=False):
    @property
    def expires_at(self) -> datetime | None:
        """When it will be absent, in UTC; ``None`` when it stays."""
        expires_ns: int | None = getattr(self, "expires_ns", None)
        return None if expires_ns is None else _datetime(expires_ns)


class KeyInfo(_Expiring, frozen=True, gc=False):
    """A key of the session, without its value."""

    key: str
    expires_ns: int | None = None


class StoredValue(KeyInfo, frozen=True, gc=False, kw_only=True):
    """A value with its key, revision and times, all of one moment."""

    value: str

    @property
    def text(self) -> str:
        """The same as ``value``."""
        return self.value

    def info(self) -> KeyInfo:
        """The same key as a listing shows it, without its value."""
        return KeyInfo(self.version, self.created_ns, self.updated_ns, self.key, self.expires_ns)


class SecretInfo(_Expiring, frozen=True, gc=False):
    """A secret's name and times; never its value (§6.2)."""

    name: str
    expires_ns: int | None = None


class StoredSecret(msgspec.Struct, frozen=True, gc=False):
    """A secret as a durable backend keeps it: its place and its ciphertext. For key rotation."""

    session_id: uuid.UUID
    name: str
    ciphertext: str


class Session(msgspec.Struct, frozen=True, gc=False):
    """A session's record. The id and the times are made when they are not given.

    ``labels`` is a ``dict`` of text by name, in the order of the names, that cannot be changed. ``parent`` is
    the session that this one was forked from, of a checkpoint the one that it is of; that may be gone.
    """

    id: uuid.UUID = msgspec.field(default_factory=new_session_id)
    title: str | None = None
    created_ns: int = msgspec.field(default_factory=now_ns)
    updated_ns: int = 0
    labels: Mapping[str, str] = NO_LABELS
    parent: uuid.UUID | None = None

    def __post_init__(self) -> None:
        if type(self.labels) is not Labels:
            msgspec.structs.force_setattr(self, "labels", frozen_labels(self.labels))
        if not self.updated_ns:
            msgspec.structs.force_setattr(self, "updated_ns", self.created_ns)

    @property
    def created_at(self) -> datetime:
        """When the session was created, in UTC."""
        return _datetime(self.created_ns)

    @property
    def updated_at(self) -> datetime:
        """When the record last changed, in UTC."""
        return _datetime(self.updated_ns)

    def has_labels(self, labels: Mapping[str, str]) -> bool:
        """Whether it has all of these."""
        return labels.items() <= self.labels.items()

    def updated(
        self,
        now_ns: int,
        *,
        title: str | UnsetType | None = UNSET,
        labels: Mapping[str, str] | UnsetType = UNSET,
    ) -> Session:
        """The record with another title, or labels, or both; ``updated_at`` moves, and never backwards."""
        return Session(
            self.id,
            self.title if title is UNSET else title,
            self.created_ns,
            max(now_ns, self.updated_ns + 1000),
            self.labels if labels is UNSET else labels,
            self.parent,
        )


class Checkpoint(msgspec.Struct, frozen=True, gc=False):
    """What a session was at one moment: a session of its own, which every verb reads and none changes."""

    id: uuid.UUID
    session_id: uuid.UUID
    label: str
    created_ns: int

    @property
    def created_at(self) -> datetime:
        """When it was taken, in UTC."""
        return _datetime(self.created_ns)


ChangeKind = Literal["added", "removed", "changed"]
"""Whether something is in the second of two sessions only, in the first only, or in both and not the same."""


class FileChange(msgspec.Struct, frozen=True, gc=False):
    """How a path differs between two sessions: what is there in the first, and in the second.

    ``text`` is a unified difference of the two where that was asked for and both are text.
    """

    path: str
    kind: ChangeKind
    before: FileInfo | None
    after: FileInfo | None
    text: str | None = None

    @classmethod
    def between(cls, path: str, before: FileInfo | None, after: FileInfo | None) -> Self:
        """The difference at a path, of what the first session has there and the second; not both ``None``."""
        return cls(path, _kind_of(before, after), before, after)


class ValueChange(msgspec.Struct, frozen=True, gc=False):
    """How a value differs between two sessions: what is at the key in the first, and in the second."""

    key: str
    kind: ChangeKind
    before: KeyInfo | None
    after: KeyInfo | None

    @classmethod
    def between(cls, key: str, before: KeyInfo | None, after: KeyInfo | None) -> Self:
        """The difference at a key, of what the first session has there and the second; not both ``None``."""
        return cls(key, _kind_of(before, after), before, after)


def _kind_of(before: object, after: object) -> ChangeKind:
    return "added" if before is None else "removed" if after is None else "changed"


Prefer = Literal["fork", "target"]
"""Whose side a merge takes where both changed the same."""


class Merged(msgspec.Struct, frozen=True, gc=False):
    """What a merge changed in its target, in the order of paths and of keys."""

    files: list[FileChange]
    values: list[ValueChange]


class _Written(msgspec.Struct, frozen=True, gc=False):
    @property
    def last_write_at(self) -> datetime | None:
        """The latest ``updated_at`` of what is there, in UTC; ``None`` when nothing is."""
        last_write_ns: int | None = getattr(self, "last_write_ns", None)
        return None if last_write_ns is None else _datetime(last_write_ns)


class FileUsage(_Written, frozen=True, gc=False):
    """What a session's files are: how many, their directories (but for the root), the files' real bytes."""

    files: int = 0
    directories: int = 0
    bytes: int = 0
    last_write_ns: int | None = None

    @classmethod
    def of(cls, entries: Collection[FileInfo]) -> Self:
        """What some entries are, none of which is the root."""
        return cls(
            sum(not entry.is_directory for entry in entries),
            sum(entry.is_directory for entry in entries),
            sum(entry.size_bytes for entry in entries),
            max((entry.updated_ns for entry in entries), default=None),
        )


class StorageUsage(_Written, frozen=True, gc=False):
    """How many values and secrets a session has that are not past their time."""

    values: int = 0
    secrets: int = 0
    last_write_ns: int | None = None

    @classmethod
    def of(cls, keys: Collection[KeyInfo], secrets: Collection[SecretInfo]) -> Self:
        """How many these are."""
        written = [info.updated_ns for infos in (keys, secrets) for info in infos]
        return cls(len(keys), len(secrets), max(written, default=None))


class SessionUsage(_Written, frozen=True, gc=False):
    """What a session holds, as ``FileUsage`` and ``StorageUsage`` say it of each part."""

    files: int = 0
    directories: int = 0
    bytes: int = 0
    values: int = 0
    secrets: int = 0
    last_write_ns: int | None = None

    @classmethod
    def of(cls, files: FileUsage, storage: StorageUsage) -> Self:
        """Both parts together."""
        return cls(
            files.files, files.directories, files.bytes, storage.values, storage.secrets,
            latest(files.last_write_ns, storage.last_write_ns),
        )  # fmt: skip


def latest(*moments: int | None) -> int | None:
    """The latest of some moments, of which there may be none."""
    return max((moment for moment in moments if moment is not None), default=None)


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
