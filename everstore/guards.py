"""The guards: arguments are checked, paths normalised and sizes limited here, before any backend.

One explicit method a verb. None is a coroutine itself: each checks, and returns the backend's.
"""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from uuid import UUID

from everstore.arguments import (
    check_flag,
    check_session_id,
    plain_amount,
    plain_condition,
    plain_content,
    plain_context,
    plain_count,
    plain_pattern,
    plain_seed,
    plain_session,
    plain_text,
    plain_title,
    plain_ttl,
    refuse_session_id,
)
from everstore.compat import override
from everstore.content import append_content, content_size, is_envelope, text_size, utf8_size
from everstore.errors import (
    InvalidArgumentError,
    InvalidContentError,
    InvalidKeyError,
    InvalidPathError,
    PathIsDirectoryError,
    QuotaExceededError,
    ReadOnlyFileError,
    RevisionConflictError,
    UnsupportedError,
)
from everstore.interfaces import SessionFileSystem, SessionStorageStore, SessionStore
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
KNOWN_KEYS = 1024  # so many are remembered


def _file_path(session_id: UUID, path: str) -> str:
    check_session_id(session_id)
    path = normalize_path(path)
    if path == "/":
        raise _root_is_directory()
    return path


def _root_is_directory() -> PathIsDirectoryError:
    return PathIsDirectoryError.at("/", "the root is a directory")


class _Room:
    """The bytes that one place may hold: the lower of the configured limit and the backend's own."""

    def __init__(self, what: str, limit: int | None, capability: int | None) -> None:
        self._what = what
        self._limit = sys.maxsize if limit is None else limit
        self._capability = sys.maxsize if capability is None else capability
        self.bytes = min(self._limit, self._capability)

    def refusal(self, size: int, place: str, what: str | None = None) -> QuotaExceededError:
        """What is told to who wants more at a place, of which ``what`` is told when it is not this room's."""
        if size > self._limit:
            return QuotaExceededError.over(f"{self._what}_bytes", size, self._limit, place, what)
        return QuotaExceededError.beyond(f"max_{self._what}_bytes", size, self._capability, place, what)


class FileSystemGuard(SessionFileSystem):
    """What stands before a file system."""

    def __init__(self, backend: SessionFileSystem, limits: Limits | None = None) -> None:
        """Guard a backend, or whatever is wrapped around it; without ``limits`` nothing is limited."""
        self._next = backend
        most = None if limits is None else limits.file_bytes
        self._room = _Room("file", most, backend.capabilities.max_file_bytes)

    # What is too large is refused in any case. But a limit is the last reason to refuse for (§3.11.1), so
    # the earlier ones are looked for, in calls that would otherwise fail at once. No other call pays for it.

    async def _refuse_size(
        self, session_id: UUID, path: str, size: int, *condition: str | None, is_seed: bool = False
    ) -> NoReturn:
        found = await self._next.stat_file(session_id, path)
        await self._require_writable(session_id, path, found, is_seed=is_seed)
        if condition:
            _require_revision(path, condition[0], found)
        raise self._room.refusal(size, path)

    async def _refuse_replacing(
        self, session_id: UUID, path: str, size: int, *expected: str
    ) -> SessionFile | None:
        found = await self._next.read_file(session_id, path)
        if found is None or (found.content, found.encoding) != expected:
            return None
        await self._require_writable(session_id, path, found)
        raise self._room.refusal(size, path)

    async def _refuse_appending(
        self, session_id: UUID, path: str, size: int, content: str, encoding: Encoding
    ) -> NoReturn:
        found = await self._next.read_file(session_id, path)
        await self._require_writable(session_id, path, found)
        if found is not None:
            append_content(found, content, encoding)  # or else it does not fit in another way
            size += found.size_bytes
        raise self._room.refusal(size, path)

    async def _require_writable(
        self, session_id: UUID, path: str, found: SessionFile | FileStat | None, *, is_seed: bool = False
    ) -> None:
        if found is None:
            await self._refuse_below_file(session_id, path)
        elif found.is_directory:
            raise PathIsDirectoryError.at(path)
        elif found.is_readonly and not is_seed:
            raise ReadOnlyFileError.at(path)

    @override
    def read_file(self, session_id: UUID, path: str) -> Answer[SessionFile | None]:
        if type(session_id) is not UUID:
            refuse_session_id(session_id)
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
        if type(session_id) is not UUID:  # here too: a call would cost more
            refuse_session_id(session_id)
        path = normalize_path(path)
        if path == "/":
            raise _root_is_directory()
        if type(content) is not str or type(encoding) is not str:
            content, encoding = plain_content(content, encoding)
        size = len(content) if encoding == "text" and content.isascii() else content_size(content, encoding)
        if if_revision is None and if_absent is False:
            if size > self._room.bytes:
                return self._refuse_size(session_id, path, size)
            return self._next.write_file(session_id, path, content, encoding)
        if_revision = plain_condition(if_revision, if_absent)
        if size > self._room.bytes:
            condition = (if_revision,) if if_absent or if_revision is not None else ()
            return self._refuse_size(session_id, path, size, *condition)
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
        path = normalize_path(path)
        if type(expected_content) is not str or type(expected_encoding) is not str:
            expected_content, expected_encoding = plain_content(expected_content, expected_encoding)
        if type(content) is not str or type(encoding) is not str:
            content, encoding = plain_content(content, encoding)
        content_size(expected_content, expected_encoding)
        size = content_size(content, encoding)
        if size > self._room.bytes:
            return self._refuse_replacing(session_id, path, size, expected_content, expected_encoding)
        return self._next.write_file_if_content_matches(
            session_id, path, expected_content, expected_encoding, content, encoding
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
        if type(session_id) is not UUID:
            refuse_session_id(session_id)
        return self._next.stat_file(session_id, normalize_path(path))

    @override
    def delete_file(self, session_id: UUID, path: str, recursive: bool = False) -> Answer[bool]:  # noqa: FBT001, FBT002 - the ancestor's signature
        check_session_id(session_id)
        check_flag("recursive", recursive)
        return self._next.delete_file(session_id, normalize_path(path), recursive)

    @override
    def seed_initial_file(self, session_id: UUID, file: InitialFile) -> Answer[SessionFile]:
        check_session_id(session_id)
        seed = plain_seed(file)
        path = _file_path(session_id, seed.path)
        size = content_size(seed.content, seed.encoding)
        if size > self._room.bytes:
            return self._refuse_size(session_id, path, size, is_seed=True)
        canonical = InitialFile(path, seed.content, seed.encoding, seed.is_readonly)
        return self._next.seed_initial_file(session_id, canonical)

    @override
    def edit_file(
        self, session_id: UUID, path: str, old: str, new: str, *, replace_all: bool = False
    ) -> Answer[SessionFile]:
        path = _file_path(session_id, path)
        if type(old) is not str or type(new) is not str or not old.isascii() or not new.isascii():
            old, new = plain_text(old, "old"), plain_text(new, "new")
            text_size(old, "old"), text_size(new, "new")
        if not old:
            raise InvalidContentError("old is the text to replace, and cannot be empty")
        if replace_all is not False:
            check_flag("replace_all", replace_all)
        return self._next.edit_file(session_id, path, old, new, replace_all=replace_all)

    @override
    def append_file(
        self, session_id: UUID, path: str, content: str, encoding: Encoding = "text"
    ) -> Answer[SessionFile]:
        path = _file_path(session_id, path)
        if type(content) is not str or type(encoding) is not str:
            content, encoding = plain_content(content, encoding)
        size = len(content) if encoding == "text" and content.isascii() else content_size(content, encoding)
        if size > self._room.bytes:
            return self._refuse_appending(session_id, path, size, content, encoding)
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
        check_flag("overwrite", overwrite)
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
        start = plain_count("start", start, 1)
        if limit is not None:
            limit = plain_count("limit", limit, 0)
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
        pattern = plain_pattern(pattern, "a search pattern", nul=True)
        if path_pattern is not None:
            path_pattern = plain_pattern(path_pattern, "path_pattern")
        if regex is not False:
            check_flag("regex", regex)
        if ignore_case is not False:
            check_flag("ignore_case", ignore_case)
        if type(before) is not int or before:
            before = plain_context("before", before)
        if type(after) is not int or after:
            after = plain_context("after", after)
        if limit is not None:
            limit = plain_count("limit", limit, 0)
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
        return self._next.glob_files(session_id, plain_pattern(pattern, "a glob"))

    @override
    def purge_session(self, session_id: UUID) -> Answer[bool]:
        check_session_id(session_id)
        return self._next.purge_session(session_id)


class StorageGuard(SessionStorageStore):
    """What stands before a store of values and secrets."""

    def __init__(self, backend: SessionStorageStore, limits: Limits | None = None) -> None:
        """Guard a backend, or whatever is wrapped around it; without ``limits`` nothing is limited."""
        self._next = backend
        self._key_bytes = MAX_KEY_BYTES if limits is None else min(limits.key_bytes, MAX_KEY_BYTES)
        # Found in order lately: an agent names the same few again and again.
        self._known_keys: set[str] = set()
        self.capabilities = backend.capabilities
        most = None if limits is None else limits.value_bytes
        self._room = _Room("value", most, backend.capabilities.max_value_bytes)

    def _key(self, session_id: UUID, key: str, what: str = "key") -> str:
        """The key of an entry that is looked for, or removed: a lowered limit takes none out of reach."""
        if type(session_id) is not UUID:
            refuse_session_id(session_id)
        if type(key) is str and key in self._known_keys:
            return key
        if not isinstance(key, str):
            raise InvalidKeyError(f"a {what} is text (str), not {type(key).__name__}")
        key = str.__str__(key)
        if not key or "\0" in key:
            raise InvalidKeyError(f"a {what} is text that is not empty and holds no NUL")
        size = len(key) if key.isascii() else _key_size(key, what)
        if size > MAX_KEY_BYTES:
            raise InvalidKeyError(f"a {what} has at most {MAX_KEY_BYTES} bytes in UTF-8, not {size:,}")
        if size <= self._key_bytes:
            if len(self._known_keys) >= KNOWN_KEYS:
                self._known_keys.clear()
            self._known_keys.add(key)
        return key

    def _too_large(self, key: str, size: int, what: str | None = None) -> QuotaExceededError | None:
        """Why an entry of this key and size in bytes is too large, if it is."""
        if key not in self._known_keys and (key_size := len(key.encode())) > self._key_bytes:
            return QuotaExceededError.over("key_bytes", key_size, self._key_bytes, key)
        return self._room.refusal(size, key, what) if size > self._room.bytes else None

    async def _refuse(
        self, error: QuotaExceededError, session_id: UUID, key: str, *condition: str | None
    ) -> NoReturn:
        """As for a file: a condition that does not hold is the reason to tell, if there is one."""
        if condition:
            _require_revision(key, condition[0], await self._next.stat_value(session_id, key))
        raise error

    def _require_ttl(self) -> None:
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
        is_known = type(session_id) is UUID and type(key) is str and key in self._known_keys
        if not is_known:  # or else a call is saved
            key = self._key(session_id, key)
        if type(value) is not str:
            value = plain_text(value, "value")
        size = len(value) if value.isascii() else text_size(value, "value")
        error = None if is_known and size <= self._room.bytes else self._too_large(key, size)
        if ttl is None and if_revision is None and if_absent is False and error is None:
            return self._next.set_value(session_id, key, value)
        if_revision = plain_condition(if_revision, if_absent)
        if ttl is not None:
            ttl = plain_ttl(ttl)
            self._require_ttl()
        if error is not None:
            condition = (if_revision,) if if_absent or if_revision is not None else ()
            return self._refuse(error, session_id, key, *condition)
        return self._next.set_value(
            session_id, key, value, ttl=ttl, if_revision=if_revision, if_absent=if_absent
        )

    @override
    def get_value(self, session_id: UUID, key: str) -> Answer[str | None]:
        key = self._key(session_id, key)
        return self._next.get_value(session_id, key)

    @override
    def delete_value(self, session_id: UUID, key: str) -> Answer[bool]:
        key = self._key(session_id, key)
        return self._next.delete_value(session_id, key)

    @override
    def list_keys(self, session_id: UUID) -> Answer[list[KeyInfo]]:
        check_session_id(session_id)
        return self._next.list_keys(session_id)

    @override
    def stat_value(self, session_id: UUID, key: str) -> Answer[KeyInfo | None]:
        key = self._key(session_id, key)
        return self._next.stat_value(session_id, key)

    @override
    def increment_value(self, session_id: UUID, key: str, amount: int = 1) -> Answer[int]:
        error = None
        if type(session_id) is not UUID or type(key) is not str or key not in self._known_keys:
            key = self._key(session_id, key)
            error = self._too_large(key, 0)  # of its digits none is too large (§7.4.4)
        if type(amount) is not int or amount.bit_length() > 64:
            amount = plain_amount(amount)
        if error is not None:
            return self._refuse(error, session_id, key)
        return self._next.increment_value(session_id, key, amount)

    @override
    def set_secret(
        self, session_id: UUID, name: str, value: str, *, ttl: float | None = None
    ) -> Answer[None]:
        is_known = type(session_id) is UUID and type(name) is str and name in self._known_keys
        if not is_known:
            name = self._key(session_id, name, "secret's name")
        if type(value) is not str:
            value = plain_text(value, "secret")
        size = len(value) if value.isascii() else text_size(value, "secret")
        error = None if is_known and size <= self._room.bytes else self._too_large(name, size, "secret")
        if ttl is not None:
            ttl = plain_ttl(ttl)
            self._require_ttl()
        if error is not None:
            return self._refuse(error, session_id, name)
        return self._next.set_secret(session_id, name, value, ttl=ttl)

    @override
    def get_secret(self, session_id: UUID, name: str) -> Answer[str | None]:
        name = self._key(session_id, name, "secret's name")
        return self._next.get_secret(session_id, name)

    @override
    def delete_secret(self, session_id: UUID, name: str) -> Answer[bool]:
        name = self._key(session_id, name, "secret's name")
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
        limit = plain_count("limit", limit, 1)
        if after is not None:
            if not isinstance(after, tuple) or len(after) != 2:
                raise InvalidArgumentError(
                    "after is the session id and the name of the last secret of the page before"
                )
            after = after[0], self._key(*after, "secret's name")
        return self._next.scan_secrets(after=after, limit=limit)

    @override
    def swap_secret(self, session_id: UUID, name: str, expected: str, replacement: str) -> Answer[bool]:
        name = self._key(session_id, name, "secret's name")
        expected, replacement = plain_text(expected, "expected"), plain_text(replacement, "replacement")
        text_size(expected, "expected")
        text_size(replacement, "replacement")
        if self.capabilities.durable and not is_envelope(replacement):
            raise InvalidContentError(
                "replacement is no ciphertext of everstore's, and a durable backend keeps a secret as "
                "nothing else; set_secret encrypts"
            )
        return self._next.swap_secret(session_id, name, expected, replacement)


def _require_revision(place: str, wanted: str | None, found: FileStat | KeyInfo | None) -> None:
    """``RevisionConflictError`` unless this revision is there, or with ``None`` nothing."""
    current = None if found is None else found.revision
    if current != wanted:
        raise RevisionConflictError.found(place, wanted, current)


def _key_size(key: str, what: str) -> int:
    size = utf8_size(key)
    if size is None:
        raise InvalidKeyError(f"a {what} holds a lone surrogate, which no encoding can store")
    return size


class SessionStoreGuard(SessionStore):
    """What stands before a store of session records."""

    def __init__(self, backend: SessionStore, limits: Limits | None = None) -> None:
        """Guard a backend, or whatever is wrapped around it."""
        del limits
        self._next = backend

    @override
    def add_session(self, session: Session) -> Answer[None]:
        return self._next.add_session(plain_session(session))

    @override
    def get_session(self, session_id: UUID) -> Answer[Session | None]:
        check_session_id(session_id)
        return self._next.get_session(session_id)

    @override
    def update_session_title(self, session_id: UUID, title: str) -> Answer[Session]:
        check_session_id(session_id)
        return self._next.update_session_title(session_id, plain_title(title))

    @override
    def list_sessions(self, *, limit: int = 100, after: Session | None = None) -> Answer[list[Session]]:
        limit = plain_count("limit", limit, 1)
        if after is not None:
            if not isinstance(after, Session):
                raise InvalidArgumentError("after is the last record (Session) of the page before")
            after = plain_session(after)
        return self._next.list_sessions(limit=limit, after=after)

    @override
    def delete_session(self, session_id: UUID) -> Answer[bool]:
        check_session_id(session_id)
        return self._next.delete_session(session_id)
