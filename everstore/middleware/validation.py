"""The guards: arguments are checked, paths normalised and sizes limited here, before any backend.

One explicit method a verb. None is a coroutine itself: each checks, and returns the backend's.
"""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from everstore.compat import override
from everstore.content import content_size, text_size, utf8_size
from everstore.errors import (
    InvalidArgumentError,
    InvalidContentError,
    InvalidKeyError,
    InvalidPathError,
    InvalidSessionIdError,
    PathIsDirectoryError,
    QuotaExceededError,
    UnsupportedError,
)
from everstore.interfaces import SessionFileSystem, SessionStorageStore, SessionStore
from everstore.middleware.encryption import is_envelope
from everstore.models import InitialFile, Session
from everstore.paths import normalize_path

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from everstore.models import (
        Encoding,
        FileInfo,
        FileLines,
        FileStat,
        GrepMatch,
        KeyInfo,
        SecretInfo,
        SessionFile,
        StoredSecret,
    )
    from everstore.settings import Limits

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["FileSystemGuard", "SessionStoreGuard", "StorageGuard"]

MAX_KEY_BYTES = 1024
KNOWN_KEYS = 4096  # so many are remembered
MAX_TTL = 100 * 366 * 86_400  # seconds: the nanosecond it ends at fits into 64 bits


def check_session_id(session_id: UUID) -> None:
    """``InvalidSessionIdError`` unless the id is a ``uuid.UUID``."""
    if not isinstance(session_id, UUID):
        raise _no_session_id(session_id)


def _no_session_id(given: object) -> InvalidSessionIdError:
    hint = "everstore.parse_session_id() makes one of text"
    return InvalidSessionIdError(f"a session id is a uuid.UUID, not {type(given).__name__}; {hint}")


def _check_condition(if_revision: str | None, if_absent: bool) -> None:  # noqa: FBT001 - two options handed on
    if if_revision is not None and if_absent:
        raise InvalidArgumentError("if_revision and if_absent cannot both hold; pass one of them")
    if if_revision is not None and not isinstance(if_revision, str):
        raise InvalidArgumentError(f"if_revision is a revision (str), not {type(if_revision).__name__}")


def _file_path(session_id: UUID, path: str) -> str:
    if not isinstance(session_id, UUID):  # here too: the call would cost more than the check
        raise _no_session_id(session_id)
    path = normalize_path(path)
    if path == "/":
        raise PathIsDirectoryError.at(path, "the root is a directory")
    return path


def _check_flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} is True or False, not {_told(value)}")


def _check_count(name: str, value: int, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidArgumentError(f"{name} is a whole number of at least {least}, not {_told(value)}")


def _told(value: object) -> str:
    """A refused argument in an error: a number itself; of all else, which may be content, the type."""
    return f"{value!r:.50}" if isinstance(value, (int, float)) else f"a value of type {type(value).__name__}"


class _Room:
    """The bytes that one place may hold: the lower of the configured limit and the backend's own."""

    def __init__(self, what: str, limit: int | None, capability: int | None) -> None:
        self._what = what
        self._limit = sys.maxsize if limit is None else limit
        self._capability = sys.maxsize if capability is None else capability
        self.bytes = min(self._limit, self._capability)

    def refusal(self, size: int) -> QuotaExceededError:
        """What is told to who wants more."""
        if size > self._limit:
            return QuotaExceededError.over(f"{self._what}_bytes", size, self._limit)
        return QuotaExceededError.beyond(f"max_{self._what}_bytes", size, self._capability)


class FileSystemGuard(SessionFileSystem):
    """What stands before a file system."""

    def __init__(self, backend: SessionFileSystem, limits: Limits) -> None:
        """Guard a backend, or whatever is wrapped around it."""
        self._next = backend
        self._room = _Room("file", limits.file_bytes, backend.capabilities.max_file_bytes)

    def _check_content(self, content: str, encoding: Encoding) -> None:
        size = content_size(content, encoding)
        if size > self._room.bytes:
            raise self._room.refusal(size)

    @override
    def read_file(self, session_id: UUID, path: str) -> Answer[SessionFile | None]:
        check_session_id(session_id)
        return self._next.read_file(session_id, normalize_path(path))

    @override
    def write_file(
        self,
        session_id: UUID,
        path: str,
        content: str,
        encoding: Encoding = "text",
        *,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> Answer[SessionFile]:
        path = _file_path(session_id, path)
        self._check_content(content, encoding)
        if if_revision is None and if_absent is False:
            return self._next.write_file(session_id, path, content, encoding)
        _check_condition(if_revision, if_absent)
        return self._next.write_file(
            session_id, path, content, encoding, if_revision=if_revision, if_absent=if_absent
        )

    @override
    def write_file_if_content_matches(
        self,
        session_id: UUID,
        path: str,
        expected_content: str,
        expected_encoding: Encoding,
        content: str,
        encoding: Encoding,
    ) -> Answer[SessionFile | None]:
        check_session_id(session_id)
        content_size(expected_content, expected_encoding)
        self._check_content(content, encoding)
        return self._next.write_file_if_content_matches(
            session_id, normalize_path(path), expected_content, expected_encoding, content, encoding
        )

    @override
    def create_directory(self, session_id: UUID, path: str) -> Answer[FileInfo]:
        check_session_id(session_id)
        return self._next.create_directory(session_id, normalize_path(path))

    @override
    def list_directory(self, session_id: UUID, path: str = "/") -> Answer[list[FileInfo]]:
        check_session_id(session_id)
        return self._next.list_directory(session_id, normalize_path(path))

    @override
    def stat_file(self, session_id: UUID, path: str) -> Answer[FileStat | None]:
        check_session_id(session_id)
        return self._next.stat_file(session_id, normalize_path(path))

    @override
    def delete_file(self, session_id: UUID, path: str, recursive: bool = False) -> Answer[bool]:  # noqa: FBT001, FBT002 - the ancestor's signature
        check_session_id(session_id)
        _check_flag("recursive", recursive)
        return self._next.delete_file(session_id, normalize_path(path), recursive)

    @override
    def seed_initial_file(self, session_id: UUID, file: InitialFile) -> Answer[SessionFile]:
        check_session_id(session_id)
        if not isinstance(file, InitialFile):
            raise InvalidContentError(f"a seed is an InitialFile, not {type(file).__name__}")
        path = _file_path(session_id, file.path)
        self._check_content(file.content, file.encoding)
        _check_flag("is_readonly", file.is_readonly)
        canonical = InitialFile(path, file.content, file.encoding, file.is_readonly)
        return self._next.seed_initial_file(session_id, canonical)

    @override
    def edit_file(
        self, session_id: UUID, path: str, old: str, new: str, *, replace_all: bool = False
    ) -> Answer[SessionFile]:
        path = _file_path(session_id, path)
        if not text_size(old, "old"):
            raise InvalidContentError("old is the text to replace, and cannot be empty")
        text_size(new, "new")
        _check_flag("replace_all", replace_all)
        return self._next.edit_file(session_id, path, old, new, replace_all=replace_all)

    @override
    def append_file(
        self, session_id: UUID, path: str, content: str, encoding: Encoding = "text"
    ) -> Answer[SessionFile]:
        path = _file_path(session_id, path)
        self._check_content(content, encoding)
        return self._next.append_file(session_id, path, content, encoding)

    @override
    def copy_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> Answer[FileInfo]:
        check_session_id(session_id)
        source, destination = self._ends("copied", source, destination, overwrite=overwrite)
        return self._next.copy_file(session_id, source, destination, overwrite=overwrite)

    @override
    def move_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> Answer[FileInfo]:
        check_session_id(session_id)
        source, destination = self._ends("moved", source, destination, overwrite=overwrite)
        return self._next.move_file(session_id, source, destination, overwrite=overwrite)

    @staticmethod
    def _ends(done: str, source: str, destination: str, *, overwrite: bool) -> tuple[str, str]:
        source, destination = normalize_path(source), normalize_path(destination)
        _check_flag("overwrite", overwrite)
        if source in {"/", destination} or destination.startswith(source + "/"):
            reason = f"{source!r} cannot be {done} into itself"
            raise InvalidPathError(f"path {destination!r} refused: {reason}", path=destination, reason=reason)
        if destination == "/":
            raise PathIsDirectoryError.at(destination, "the root is a directory")
        return source, destination

    @override
    def read_lines(
        self, session_id: UUID, path: str, start: int = 1, limit: int | None = None
    ) -> Answer[FileLines | None]:
        check_session_id(session_id)
        _check_count("start", start, 1)
        if limit is not None:
            _check_count("limit", limit, 0)
        return self._next.read_lines(session_id, normalize_path(path), start, limit)

    @override
    def grep_files(
        self,
        session_id: UUID,
        pattern: str,
        path_pattern: str | None = None,
        *,
        regex: bool = False,
        ignore_case: bool = False,
        before: int = 0,
        after: int = 0,
        limit: int | None = None,
    ) -> Answer[list[GrepMatch]]:
        check_session_id(session_id)
        _check_count("before", before, 0)
        _check_count("after", after, 0)
        if limit is not None:
            _check_count("limit", limit, 0)
        return self._next.grep_files(
            session_id,
            pattern,
            path_pattern,
            regex=regex,
            ignore_case=ignore_case,
            before=before,
            after=after,
            limit=limit,
        )

    @override
    def glob_files(self, session_id: UUID, pattern: str) -> Answer[list[FileInfo]]:
        check_session_id(session_id)
        return self._next.glob_files(session_id, pattern)

    @override
    def purge_session(self, session_id: UUID) -> Answer[bool]:
        check_session_id(session_id)
        return self._next.purge_session(session_id)


class StorageGuard(SessionStorageStore):
    """What stands before a store of values and secrets."""

    def __init__(self, backend: SessionStorageStore, limits: Limits) -> None:
        """Guard a backend, or whatever is wrapped around it."""
        self._next = backend
        self._key_bytes = min(limits.key_bytes, MAX_KEY_BYTES)
        # Found in order lately: an agent names the same few again and again.
        self._known_keys: set[str] = set()
        self.capabilities = backend.capabilities
        self._room = _Room("value", limits.value_bytes, backend.capabilities.max_value_bytes)

    def _check_key(self, session_id: UUID, key: str, what: str = "key") -> None:
        if not isinstance(session_id, UUID):
            raise _no_session_id(session_id)
        if type(key) is str and key in self._known_keys:
            return
        if not isinstance(key, str) or not key or "\0" in key:
            raise InvalidKeyError(f"a {what} is text that is not empty and holds no NUL")
        size = len(key) if key.isascii() else _key_size(key, what)
        if size > self._key_bytes:
            if size > MAX_KEY_BYTES:
                raise InvalidKeyError(f"a {what} has at most {MAX_KEY_BYTES} bytes in UTF-8, not {size}")
            raise QuotaExceededError.over("key_bytes", size, self._key_bytes)
        if len(self._known_keys) >= KNOWN_KEYS:
            self._known_keys.clear()
        self._known_keys.add(key)

    def _check_value(self, value: str, what: str) -> None:
        size = len(value) if isinstance(value, str) and value.isascii() else text_size(value, what)
        if size > self._room.bytes:
            raise self._room.refusal(size)

    def _check_ttl(self, ttl: float | None) -> None:
        if ttl is None:
            return
        if isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or not 0 < ttl <= MAX_TTL:
            raise InvalidArgumentError(
                f"ttl is a number of seconds above 0, at most {MAX_TTL} (100 years), not {_told(ttl)}"
            )
        if not self.capabilities.time_to_live:
            raise UnsupportedError("this backend does not offer time to live; leave ttl out")

    @override
    def set_value(
        self,
        session_id: UUID,
        key: str,
        value: str,
        *,
        ttl: float | None = None,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> Answer[None]:
        self._check_key(session_id, key)
        self._check_value(value, "value")
        if ttl is None and if_revision is None and if_absent is False:
            return self._next.set_value(session_id, key, value)
        self._check_ttl(ttl)
        _check_condition(if_revision, if_absent)
        return self._next.set_value(
            session_id, key, value, ttl=ttl, if_revision=if_revision, if_absent=if_absent
        )

    @override
    def get_value(self, session_id: UUID, key: str) -> Answer[str | None]:
        self._check_key(session_id, key)
        return self._next.get_value(session_id, key)

    @override
    def delete_value(self, session_id: UUID, key: str) -> Answer[bool]:
        self._check_key(session_id, key)
        return self._next.delete_value(session_id, key)

    @override
    def list_keys(self, session_id: UUID) -> Answer[list[KeyInfo]]:
        check_session_id(session_id)
        return self._next.list_keys(session_id)

    @override
    def stat_value(self, session_id: UUID, key: str) -> Answer[KeyInfo | None]:
        self._check_key(session_id, key)
        return self._next.stat_value(session_id, key)

    @override
    def increment_value(self, session_id: UUID, key: str, amount: int = 1) -> Answer[int]:
        self._check_key(session_id, key)
        if not isinstance(amount, int) or isinstance(amount, bool):
            raise InvalidArgumentError(f"amount is a whole number, not {_told(amount)}")
        return self._next.increment_value(session_id, key, amount)

    @override
    def set_secret(
        self, session_id: UUID, name: str, value: str, *, ttl: float | None = None
    ) -> Answer[None]:
        self._check_key(session_id, name, "secret's name")
        self._check_value(value, "secret")
        self._check_ttl(ttl)
        return self._next.set_secret(session_id, name, value, ttl=ttl)

    @override
    def get_secret(self, session_id: UUID, name: str) -> Answer[str | None]:
        self._check_key(session_id, name, "secret's name")
        return self._next.get_secret(session_id, name)

    @override
    def delete_secret(self, session_id: UUID, name: str) -> Answer[bool]:
        self._check_key(session_id, name, "secret's name")
        return self._next.delete_secret(session_id, name)

    @override
    def list_secrets(self, session_id: UUID) -> Answer[list[SecretInfo]]:
        check_session_id(session_id)
        return self._next.list_secrets(session_id)

    @override
    def purge_session(self, session_id: UUID) -> Answer[bool]:
        check_session_id(session_id)
        return self._next.purge_session(session_id)

    @override
    def scan_secrets(
        self, *, after: tuple[UUID, str] | None = None, limit: int = 100
    ) -> Answer[list[StoredSecret]]:
        _check_count("limit", limit, 1)
        return self._next.scan_secrets(after=after, limit=limit)

    @override
    def swap_secret(self, session_id: UUID, name: str, expected: str, replacement: str) -> Answer[bool]:
        self._check_key(session_id, name, "secret's name")
        text_size(expected, "expected")
        text_size(replacement, "replacement")
        if self.capabilities.durable and not is_envelope(replacement):
            raise InvalidContentError(
                "replacement is no ciphertext of everstore's, and a durable backend keeps a secret as "
                "nothing else; set_secret encrypts"
            )
        return self._next.swap_secret(session_id, name, expected, replacement)


def _key_size(key: str, what: str) -> int:
    size = utf8_size(key)
    if size is None:
        raise InvalidKeyError(f"a {what} holds a lone surrogate, which no encoding can store")
    return size


class SessionStoreGuard(SessionStore):
    """What stands before a store of session records."""

    def __init__(self, backend: SessionStore, limits: Limits) -> None:
        """Guard a backend, or whatever is wrapped around it."""
        del limits
        self._next = backend

    @staticmethod
    def _check_title(title: str | None) -> None:
        if title is not None:
            text_size(title, "title")
            if "\0" in title:
                raise InvalidContentError("a title holds no NUL")

    @override
    def add_session(self, session: Session) -> Answer[None]:
        if not isinstance(session, Session):
            raise InvalidContentError(
                f"a session record is an everstore.Session, not {type(session).__name__}"
            )
        check_session_id(session.id)
        self._check_title(session.title)
        return self._next.add_session(session)

    @override
    def get_session(self, session_id: UUID) -> Answer[Session | None]:
        check_session_id(session_id)
        return self._next.get_session(session_id)

    @override
    def update_session_title(self, session_id: UUID, title: str) -> Answer[Session]:
        check_session_id(session_id)
        if title is None:
            raise InvalidContentError("a title is text")
        self._check_title(title)
        return self._next.update_session_title(session_id, title)

    @override
    def list_sessions(self, *, limit: int = 100, after: Session | None = None) -> Answer[list[Session]]:
        _check_count("limit", limit, 1)
        if after is not None and not isinstance(after, Session):
            raise InvalidArgumentError("after is the last record of the page before")
        return self._next.list_sessions(limit=limit, after=after)

    @override
    def delete_session(self, session_id: UUID) -> Answer[bool]:
        check_session_id(session_id)
        return self._next.delete_session(session_id)
