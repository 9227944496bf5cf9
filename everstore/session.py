"""The same verbs, bound to one session: for code that works in one session only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from everstore.compat import override
from everstore.interfaces import OpenFileSystem, SessionStorageStore
from everstore.models import SessionUsage

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
    from uuid import UUID

    from everstore.changes import AnyFileChange, AnyValueChange
    from everstore.models import (
        EditedFile,
        Encoding,
        FileInfo,
        FileLines,
        FileStat,
        FileUsage,
        GrepMatch,
        InitialFile,
        KeyInfo,
        SecretInfo,
        SessionFile,
        StorageUsage,
        StoredValue,
    )

    Answer = Coroutine[Any, Any, "T"]

T = TypeVar("T")

__all__ = ["BoundFiles", "BoundSession", "BoundStorage"]


def _as_documented_by(interface: type) -> Callable[[type[T]], type[T]]:
    """Give each verb of a class the docstring that it has in the interface, for ``help()``."""

    def document(bound: type[T]) -> type[T]:
        for name, verb in vars(bound).items():
            if not name.startswith("_"):
                verb.__doc__ = getattr(interface, name).__doc__
        return bound

    return document


class BoundSession:
    """One session of an open store: ``files`` and ``storage`` without the session id.

    Making one touches no backend: a session needs no record (§1.2).
    """

    def __init__(self, session_id: UUID, file_system: OpenFileSystem, storage: SessionStorageStore) -> None:
        """Made by ``Store.session``."""
        self.id = session_id
        self.files = BoundFiles(session_id, file_system)
        self.storage = BoundStorage(session_id, storage)

    @override
    def __repr__(self) -> str:
        return f"BoundSession({str(self.id)!r})"

    async def usage(self) -> SessionUsage:
        """What the session holds: files, directories, bytes, values, secrets, and when it was last written.

        What the files are is of one moment, and so is what the values and secrets are. Of an empty session
        all are 0, and ``last_write_at`` is ``None``. The record counts for nothing.
        """
        return SessionUsage.of(await self.files.usage(), await self.storage.usage())


@_as_documented_by(OpenFileSystem)
class BoundFiles:
    """The verbs of ``OpenFileSystem``, which documents them, for one session."""

    def __init__(self, session_id: UUID, file_system: OpenFileSystem) -> None:
        """Made by ``BoundSession``."""
        self._id = session_id
        self._files = file_system

    @override
    def __repr__(self) -> str:
        return f"<everstore: files of session {self._id}>"

    # Of an option that few calls give, the others are not to pay for: it is handed on where it is given.

    @overload
    def read_file(self, path: str, *, strict: Literal[True]) -> Answer[SessionFile]: ...

    @overload
    def read_file(self, path: str, *, strict: bool = ...) -> Answer[SessionFile | None]: ...

    def read_file(self, path: str, *, strict: bool = False) -> Answer[SessionFile | None]:
        """See ``OpenFileSystem.read_file``."""
        if strict is False:
            return self._files.read_file(self._id, path)
        return self._files.read_file(self._id, path, strict=strict)

    def write_file(
        self,
        path: str,
        content: str,
        encoding: Encoding = "text",
        *,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> Answer[SessionFile]:
        """See ``OpenFileSystem.write_file``."""
        return self._files.write_file(
            self._id, path, content, encoding, if_revision=if_revision, if_absent=if_absent
        )

    def read_bytes(self, path: str, start: int = 0, length: int | None = None) -> Answer[bytes | None]:
        """See ``SessionFileSystem.read_bytes``."""
        return self._files.read_bytes(self._id, path, start, length)

    def write_bytes(
        self,
        path: str,
        data: bytes | bytearray | memoryview,
        *,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> Answer[FileInfo]:
        """See ``SessionFileSystem.write_bytes``."""
        return self._files.write_bytes(self._id, path, data, if_revision=if_revision, if_absent=if_absent)

    def write_file_if_content_matches(
        self, path: str, expected_content: str, expected_encoding: Encoding, content: str, encoding: Encoding
    ) -> Answer[SessionFile | None]:
        """See ``OpenFileSystem.write_file_if_content_matches``."""
        return self._files.write_file_if_content_matches(
            self._id, path, expected_content, expected_encoding, content, encoding
        )

    def create_directory(self, path: str, *, exist_ok: bool = True) -> Answer[FileInfo]:
        """See ``OpenFileSystem.create_directory``."""
        if exist_ok is True:
            return self._files.create_directory(self._id, path)
        return self._files.create_directory(self._id, path, exist_ok=exist_ok)

    def list_directory(self, path: str = "/", *, strict: bool = False) -> Answer[list[FileInfo]]:
        """See ``OpenFileSystem.list_directory``."""
        if strict is False:
            return self._files.list_directory(self._id, path)
        return self._files.list_directory(self._id, path, strict=strict)

    def stat_file(self, path: str) -> Answer[FileStat | None]:
        """See ``OpenFileSystem.stat_file``."""
        return self._files.stat_file(self._id, path)

    def delete_file(self, path: str, recursive: bool = False, *, strict: bool = False) -> Answer[bool]:  # noqa: FBT001, FBT002 - the ancestor's signature
        """See ``OpenFileSystem.delete_file``."""
        if strict is False:
            return self._files.delete_file(self._id, path, recursive)
        return self._files.delete_file(self._id, path, recursive, strict=strict)

    def seed_initial_file(self, file: InitialFile) -> Answer[SessionFile]:
        """See ``OpenFileSystem.seed_initial_file``."""
        return self._files.seed_initial_file(self._id, file)

    def edit_file(self, path: str, old: str, new: str, *, replace_all: bool = False) -> Answer[EditedFile]:
        """See ``OpenFileSystem.edit_file``."""
        if replace_all is False:
            return self._files.edit_file(self._id, path, old, new)
        return self._files.edit_file(self._id, path, old, new, replace_all=replace_all)

    def append_file(self, path: str, content: str, encoding: Encoding = "text") -> Answer[FileInfo]:
        """See ``OpenFileSystem.append_file``."""
        return self._files.append_file(self._id, path, content, encoding)

    def append_bytes(self, path: str, data: bytes | bytearray | memoryview) -> Answer[FileInfo]:
        """See ``SessionFileSystem.append_bytes``."""
        return self._files.append_bytes(self._id, path, data)

    def copy_file(self, source: str, destination: str, *, overwrite: bool = False) -> Answer[FileInfo]:
        """See ``OpenFileSystem.copy_file``."""
        return self._files.copy_file(self._id, source, destination, overwrite=overwrite)

    def move_file(self, source: str, destination: str, *, overwrite: bool = False) -> Answer[FileInfo]:
        """See ``OpenFileSystem.move_file``."""
        return self._files.move_file(self._id, source, destination, overwrite=overwrite)

    def apply_changes(self, changes: Sequence[AnyFileChange]) -> Answer[list[FileInfo | None]]:
        """See ``OpenFileSystem.apply_changes``."""
        return self._files.apply_changes(self._id, changes)

    def list_tree(
        self, path: str = "/", *, depth: int | None = None, after: str | None = None, limit: int | None = None
    ) -> Answer[list[FileInfo]]:
        """See ``OpenFileSystem.list_tree``."""
        return self._files.list_tree(self._id, path, depth=depth, after=after, limit=limit)

    def read_lines(self, path: str, start: int = 1, limit: int | None = None) -> Answer[FileLines | None]:
        """See ``OpenFileSystem.read_lines``."""
        return self._files.read_lines(self._id, path, start, limit)

    def grep_files(
        self,
        pattern: str,
        path_pattern: str | None = None,
        *,
        regex: bool = False,
        ignore_case: bool = False,
        before: int = 0,
        after: int = 0,
        limit: int | None = None,
    ) -> Answer[list[GrepMatch]]:
        """See ``OpenFileSystem.grep_files``."""
        return self._files.grep_files(
            self._id,
            pattern,
            path_pattern,
            regex=regex,
            ignore_case=ignore_case,
            before=before,
            after=after,
            limit=limit,
        )

    def glob_files(self, pattern: str) -> Answer[list[FileInfo]]:
        """See ``OpenFileSystem.glob_files``."""
        return self._files.glob_files(self._id, pattern)

    def usage(self) -> Answer[FileUsage]:
        """See ``SessionFileSystem.usage``."""
        return self._files.usage(self._id)


@_as_documented_by(SessionStorageStore)
class BoundStorage:
    """The verbs of ``SessionStorageStore``, which documents them, for one session."""

    def __init__(self, session_id: UUID, storage: SessionStorageStore) -> None:
        """Made by ``BoundSession``."""
        self._id = session_id
        self._storage = storage

    @override
    def __repr__(self) -> str:
        return f"<everstore: values and secrets of session {self._id}>"

    def set_value(
        self,
        key: str,
        value: str,
        *,
        ttl: float | None = None,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> Answer[KeyInfo]:
        """See ``SessionStorageStore.set_value``."""
        return self._storage.set_value(
            self._id, key, value, ttl=ttl, if_revision=if_revision, if_absent=if_absent
        )

    def set_values(
        self, values: Mapping[str, str], *, ttl: float | None = None, if_absent: bool = False
    ) -> Answer[list[KeyInfo]]:
        """See ``SessionStorageStore.set_values``."""
        return self._storage.set_values(self._id, values, ttl=ttl, if_absent=if_absent)

    def change_values(self, changes: Sequence[AnyValueChange]) -> Answer[list[KeyInfo | bool | int]]:
        """See ``SessionStorageStore.change_values``."""
        return self._storage.change_values(self._id, changes)

    def get_value(self, key: str) -> Answer[str | None]:
        """See ``SessionStorageStore.get_value``."""
        return self._storage.get_value(self._id, key)

    def delete_value(self, key: str, *, if_revision: str | None = None) -> Answer[bool]:
        """See ``SessionStorageStore.delete_value``."""
        return self._storage.delete_value(self._id, key, if_revision=if_revision)

    def touch_value(self, key: str, *, ttl: float | None) -> Answer[bool]:
        """See ``SessionStorageStore.touch_value``."""
        return self._storage.touch_value(self._id, key, ttl=ttl)

    def read_value(self, key: str) -> Answer[StoredValue | None]:
        """See ``SessionStorageStore.read_value``."""
        return self._storage.read_value(self._id, key)

    def get_values(self, keys: Collection[str]) -> Answer[dict[str, str]]:
        """See ``SessionStorageStore.get_values``."""
        return self._storage.get_values(self._id, keys)

    def read_values(
        self, prefix: str = "", *, after: str | None = None, limit: int | None = None, reverse: bool = False
    ) -> Answer[list[StoredValue]]:
        """See ``SessionStorageStore.read_values``."""
        return self._storage.read_values(self._id, prefix, after=after, limit=limit, reverse=reverse)

    def list_keys(
        self, prefix: str = "", *, after: str | None = None, limit: int | None = None, reverse: bool = False
    ) -> Answer[list[KeyInfo]]:
        """See ``SessionStorageStore.list_keys``."""
        return self._storage.list_keys(self._id, prefix, after=after, limit=limit, reverse=reverse)

    def stat_value(self, key: str) -> Answer[KeyInfo | None]:
        """See ``SessionStorageStore.stat_value``."""
        return self._storage.stat_value(self._id, key)

    def increment_value(self, key: str, amount: int = 1) -> Answer[int]:
        """See ``SessionStorageStore.increment_value``."""
        return self._storage.increment_value(self._id, key, amount)

    def set_secret(self, name: str, value: str, *, ttl: float | None = None) -> Answer[None]:
        """See ``SessionStorageStore.set_secret``."""
        return self._storage.set_secret(self._id, name, value, ttl=ttl)

    def get_secret(self, name: str) -> Answer[str | None]:
        """See ``SessionStorageStore.get_secret``."""
        return self._storage.get_secret(self._id, name)

    def delete_secret(self, name: str) -> Answer[bool]:
        """See ``SessionStorageStore.delete_secret``."""
        return self._storage.delete_secret(self._id, name)

    def list_secrets(self) -> Answer[list[SecretInfo]]:
        """See ``SessionStorageStore.list_secrets``."""
        return self._storage.list_secrets(self._id)

    def usage(self) -> Answer[StorageUsage]:
        """See ``SessionStorageStore.usage``."""
        return self._storage.usage(self._id)
