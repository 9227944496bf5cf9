"""The format of an archive, as docs/transfer.md has it: what its members are called, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar
from uuid import UUID

import msgspec

from everstore.arguments import LATEST_NS
from everstore.errors import InvalidArchiveError
from everstore.labels import NO_LABELS
from everstore.models import Encoding, Session
from everstore.transfer.items import Counts

if TYPE_CHECKING:
    from everstore.models import FileUsage

__all__ = [
    "DIRECTORY",
    "FILES",
    "LAST",
    "MANIFEST",
    "MOST_LINE",
    "SECRETS",
    "VALUES",
    "About",
    "Ending",
    "Entries",
    "Manifest",
    "SecretLine",
    "ValueLine",
    "decoded",
    "manifest_of",
]

MANIFEST = "manifest.json"
FILES = "files/"
VALUES = "values/"
SECRETS = "secrets/"
LAST = "end.json"
DIRECTORY = 0o755

MOST_LINE = 64 << 20
"""Bytes of a line of JSON at most, and of a member of it: what is longer is no value."""

_FORMAT = "everstore session"
_VERSION = 1

T = TypeVar("T")

_Time = Annotated[int, msgspec.Meta(ge=0, le=LATEST_NS)]


class _Record(msgspec.Struct, frozen=True):
    title: str | None
    labels: Mapping[str, str]
    parent: UUID | None
    created_ns: int
    updated_ns: int


class _Kind(msgspec.Struct, frozen=True):
    """What a manifest of any version says."""

    format: str
    version: int


class Entries(msgspec.Struct, frozen=True):
    """How many files and directories there are, and how many bytes the files have together."""

    files: int
    directories: int
    bytes: int

    @classmethod
    def of(cls, counted: FileUsage | Counts) -> Entries:
        """What was counted of these."""
        return cls(counted.files, counted.directories, counted.bytes)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The first member: whose archive it is. ``holds`` is what the files are."""

    format: Literal["everstore session"] = "everstore session"
    version: Literal[1] = 1
    everstore: str
    session: UUID
    record: _Record | None
    holds: Entries
    secrets: bool

    def record_for(self, session_id: UUID) -> Session | None:
        """The record, under an id; ``None`` where the session has none."""
        own = self.record
        if own is None:
            return None
        return Session(
            session_id, own.title, own.created_ns, own.updated_ns, own.labels or NO_LABELS, own.parent
        )


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """The comment of an entry: what a tar has no field for."""

    encoding: Encoding = "base64"
    created_ns: _Time | None = None
    """When nothing is told, the time of the last change."""


class ValueLine(msgspec.Struct, frozen=True):
    """A line of values."""

    key: str
    value: str
    expires_ns: _Time | None
    created_ns: _Time
    updated_ns: _Time


class SecretLine(msgspec.Struct, frozen=True):
    """A line of secrets."""

    name: str
    sealed: str
    expires_ns: _Time | None
    created_ns: _Time
    updated_ns: _Time


class Ending(msgspec.Struct, frozen=True):
    """The last member: the SHA-256 of all that is before it, how many bytes that are, and what is held."""

    bytes: int
    sha256: str
    holds: Counts


def manifest_of(
    everstore: str, session_id: UUID, record: Session | None, files: FileUsage, *, secrets: bool
) -> Manifest:
    """The manifest of a session with this record, and these files."""
    own = None
    if record is not None:
        own = _Record(record.title, dict(record.labels), record.parent, record.created_ns, record.updated_ns)
    return Manifest(
        everstore=everstore, session=session_id, record=own, holds=Entries.of(files), secrets=secrets
    )


def decoded(data: bytes | str, kind: type[T], what: str) -> T:
    """What a piece of JSON says; ``InvalidArchiveError``, which shows nothing of it, when it is no such."""
    if kind is Manifest:
        _require_known(decoded(data, _Kind, what))
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass  # chained to nothing: it may carry what it could not read
    raise InvalidArchiveError(f"the archive's {what} is not written as docs/transfer.md says")


def _require_known(kind: _Kind) -> None:
    if kind.format != _FORMAT:
        raise InvalidArchiveError("the archive is of something else than a session of everstore")
    if kind.version != _VERSION:
        raise InvalidArchiveError(
            f"the archive is of format {kind.version}, and this everstore reads format {_VERSION} only;"
            " upgrade it"
        )
