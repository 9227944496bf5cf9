"""What a session holds, in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec

from everstore.models.stamps import moment_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from everstore.models.entries import FileInfo
    from everstore.models.values import KeyInfo, SecretInfo

__all__ = [
    "FileUsage",
    "SessionUsage",
    "StorageUsage",
    "latest",
]


class _Written(msgspec.Struct, frozen=True, gc=False):
    @property
    def last_write_at(self) -> datetime | None:
        """The latest ``updated_at`` of what is there, in UTC; ``None`` when nothing is."""
        last_write_ns: int | None = getattr(self, "last_write_ns", None)
        return None if last_write_ns is None else moment_of(last_write_ns)


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
