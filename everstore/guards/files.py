"""What stands before a file system."""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from uuid import UUID

from everstore.arguments import (
    check_distinct,
    check_flag,
    check_session_id,
    plain_condition,
    plain_content,
    plain_context,
    plain_count,
    plain_data,
    plain_offset,
    plain_pattern,
    plain_seed,
    plain_start,
    plain_text,
    refuse_session_id,
)
from everstore.changes import Edit, FileTimes
from everstore.compat import override
from everstore.content import append_content, content_size, text_size
from everstore.errors import (
    EditError,
    InvalidContentError,
    InvalidPathError,
    ParentNotDirectoryError,
    PathIsDirectoryError,
    ReadOnlyFileError,
    RevisionConflictError,
)
from everstore.globs import LiteralPattern
from everstore.guards.changes import FILE_CHANGES
from everstore.guards.checkpoints import require_forks
from everstore.guards.room import Room
from everstore.guards.strict import list_strictly, read_strictly
from everstore.guards.times import plain_times
from everstore.interfaces import OpenFileSystem
from everstore.models import InitialFile
from everstore.nearest import explain
from everstore.paths import normalize_literal_path, normalize_path, parents_of
from everstore.session_limits import plain_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from everstore.changes import AnyFileChange, FileMutation
    from everstore.interfaces import SessionFileSystem
    from everstore.models import (
        EditedFile,
        Encoding,
        FileChange,
        FileInfo,
        FileLines,
        FileStat,
        FileUsage,
        GrepMatch,
        SessionFile,
    )
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["FileSystemGuard"]

_MANY = 1000  # changes


class FileSystemGuard(OpenFileSystem):
    """What stands before a file system."""

    def __init__(
        self, backend: SessionFileSystem, limits: Limits | None = None, *, workspace_alias: bool = True
    ) -> None:
        """Guard a backend, or whatever is wrapped around it; without ``limits`` nothing is limited."""
        self._next = backend
        self._normalize: Callable[[str], str] = normalize_path if workspace_alias else normalize_literal_path
        self._store_limits = limits
        most = None if limits is None else limits.file_bytes
        self._room = Room("file", most, backend.capabilities.max_file_bytes)

    @override
    async def apply(self, session_id: UUID, changes: Sequence[FileMutation[T]]) -> list[T]:
        """No verb: what comes here from the verbs of the same object is checked already."""
        return await self._next.apply(session_id, changes)

    def _file_path(self, session_id: UUID, path: str) -> str:
        check_session_id(session_id)
        path = self._normalize(path)
        if path == "/":
            raise _root_is_directory()
        return path

    def _glob(self, pattern: str, what: str) -> str:
        plain = plain_pattern(pattern, what)
        return plain if self._normalize is normalize_path else LiteralPattern(plain)

    # What is too large is refused in any case. But a limit is the last reason to refuse for (§3.11.1), so
    # the earlier ones are looked for, in calls that would otherwise fail at once. No other call pays for it.

    async def _refuse_size(
        self, session_id: UUID, path: str, size: int, *condition: str | None, is_seed: bool = False
    ) -> NoReturn:
        found = await self._next.stat_file(session_id, path)
        await self._require_writable(session_id, path, found, is_seed=is_seed)
        if condition:
            RevisionConflictError.require(path, condition[0], None if found is None else found.revision)
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
        self, session_id: UUID, path: str, size: int, content: str | bytes, encoding: Encoding
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
            for parent in parents_of(path):
                above = await self._next.stat_file(session_id, parent)
                if above is not None and not above.is_directory:
                    raise ParentNotDirectoryError.through(path, parent)
        elif found.is_directory:
            raise PathIsDirectoryError.at(path)
        elif found.is_readonly and not is_seed:
            raise ReadOnlyFileError.at(path)

    @override
    def read_file(self, session_id: UUID, path: str, strict: bool = False) -> Answer[Any]:  # noqa: FBT001, FBT002 - a keyword only takes a twentieth of a read
        if type(session_id) is not UUID:
            refuse_session_id(session_id)
        if strict is False:
            return self._next.read_file(session_id, self._normalize(path))
        check_flag("strict", strict)
        return read_strictly(self._next, session_id, self._normalize(path))

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
        path = self._normalize(path)
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
    def read_bytes(
        self, session_id: UUID, path: str, start: int = 0, length: int | None = None
    ) -> Answer[bytes | None]:
        check_session_id(session_id)
        start = plain_offset("start", start)
        if length is not None:
            length = plain_count("length", length, 0)
        return self._next.read_bytes(session_id, self._normalize(path), start, length)

    @override
    def write_bytes(
        self,
        session_id: UUID,
        path: str,
        data: bytes | bytearray | memoryview,
        *,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> Answer[FileInfo]:
        if type(session_id) is not UUID:  # here too: a call would cost more
            refuse_session_id(session_id)
        path = self._normalize(path)
        if path == "/":
            raise _root_is_directory()
        if type(data) is not bytes:
            data = plain_data(data)
        if if_revision is None and if_absent is False:
            if len(data) > self._room.bytes:
                return self._refuse_size(session_id, path, len(data))
            return self._next.write_bytes(session_id, path, data)
        if_revision = plain_condition(if_revision, if_absent)
        if len(data) > self._room.bytes:
            condition = (if_revision,) if if_absent or if_revision is not None else ()
            return self._refuse_size(session_id, path, len(data), *condition)
        return self._next.write_bytes(session_id, path, data, if_revision=if_revision, if_absent=if_absent)

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
        path = self._normalize(path)
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
    def create_directory(self, session_id: UUID, path: str, *, exist_ok: bool = True) -> Answer[FileInfo]:
        check_session_id(session_id)
        if exist_ok is True:
            return self._next.create_directory(session_id, self._normalize(path))
        check_flag("exist_ok", exist_ok)
        return self._next.create_directory(session_id, self._normalize(path), exist_ok=exist_ok)

    @override
    def list_directory(
        self, session_id: UUID, path: str = "/", *, strict: bool = False
    ) -> Answer[list[FileInfo]]:
        check_session_id(session_id)
        if strict is False:
            return self._next.list_directory(session_id, self._normalize(path))
        check_flag("strict", strict)
        return list_strictly(self._next, session_id, self._normalize(path))

    @override
    def stat_file(self, session_id: UUID, path: str) -> Answer[FileStat | None]:
        if type(session_id) is not UUID:
            refuse_session_id(session_id)
        return self._next.stat_file(session_id, self._normalize(path))

    @override
    def delete_file(
        self,
        session_id: UUID,
        path: str,
        recursive: bool = False,  # noqa: FBT001, FBT002 - the ancestor's signature
        *,
        strict: bool = False,
    ) -> Answer[bool]:
        check_session_id(session_id)
        check_flag("recursive", recursive)
        if strict is False:
            return self._next.delete_file(session_id, self._normalize(path), recursive)
        check_flag("strict", strict)
        return self._next.delete_file(session_id, self._normalize(path), recursive, strict=strict)

    @override
    def seed_initial_file(self, session_id: UUID, file: InitialFile) -> Answer[SessionFile]:
        check_session_id(session_id)
        seed = plain_seed(file)
        path = self._file_path(session_id, seed.path)
        size = content_size(seed.content, seed.encoding)
        if size > self._room.bytes:
            return self._refuse_size(session_id, path, size, is_seed=True)
        canonical = InitialFile(path, seed.content, seed.encoding, seed.is_readonly)
        return self._next.seed_initial_file(session_id, canonical)

    @override
    def edit_file(
        self, session_id: UUID, path: str, old: str, new: str, *, replace_all: bool = False
    ) -> Answer[EditedFile]:
        if type(session_id) is not UUID:
            refuse_session_id(session_id)
        path = self._normalize(path)
        if path == "/":
            raise _root_is_directory()
        if type(old) is not str or type(new) is not str or not old.isascii() or not new.isascii():
            old, new = plain_text(old, "old"), plain_text(new, "new")
            text_size(old, "old")
            text_size(new, "new")
        if not old:
            raise InvalidContentError("old is the text to replace, and cannot be empty")
        if replace_all is False:
            return self._explained(self._next.edit_file(session_id, path, old, new), old)
        check_flag("replace_all", replace_all)
        return self._explained(self._next.edit_file(session_id, path, old, new, replace_all=replace_all), old)

    @staticmethod
    async def _explained(editing: Coroutine[Any, Any, EditedFile], old: str) -> EditedFile:
        try:
            return await editing
        except EditError as error:
            await explain(error, old)
            raise

    @override
    def append_file(
        self, session_id: UUID, path: str, content: str, encoding: Encoding = "text"
    ) -> Answer[FileInfo]:
        path = self._file_path(session_id, path)
        if type(content) is not str or type(encoding) is not str:
            content, encoding = plain_content(content, encoding)
        size = len(content) if encoding == "text" and content.isascii() else content_size(content, encoding)
        if size > self._room.bytes:
            return self._refuse_appending(session_id, path, size, content, encoding)
        return self._next.append_file(session_id, path, content, encoding)

    @override
    def append_bytes(
        self, session_id: UUID, path: str, data: bytes | bytearray | memoryview
    ) -> Answer[FileInfo]:
        path = self._file_path(session_id, path)
        data = plain_data(data)
        if len(data) > self._room.bytes:
            return self._refuse_appending(session_id, path, len(data), data, "base64")
        return self._next.append_bytes(session_id, path, data)

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

    @override
    def apply_changes(
        self, session_id: UUID, changes: Sequence[AnyFileChange]
    ) -> Answer[list[FileInfo | None]]:
        check_session_id(session_id)
        guard = _ChangeGuard(self._room, self._normalize)
        checked = FILE_CHANGES.checked(guard, session_id, changes)
        return _patched(self._next.apply_changes(session_id, checked), checked)

    @override
    def restore_times(self, session_id: UUID, times: Sequence[FileTimes]) -> Answer[list[bool]]:
        check_session_id(session_id)
        return self._next.restore_times(session_id, plain_times(times, {FileTimes: self._normalize}))

    def _ends(self, done: str, source: str, destination: str, *, overwrite: bool) -> tuple[str, str]:
        source, destination = self._normalize(source), self._normalize(destination)
        check_flag("overwrite", overwrite)
        if source in {"/", destination} or destination.startswith(source + "/"):
            reason = f"{source!r} cannot be {done} into itself"
            raise InvalidPathError(f"path {destination!r} refused: {reason}", path=destination, reason=reason)
        if destination == "/":
            raise PathIsDirectoryError.at(destination, "the root is a directory")
        return source, destination

    @override
    def list_tree(
        self,
        session_id: UUID,
        path: str = "/",
        *,
        depth: int | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> Answer[list[FileInfo]]:
        check_session_id(session_id)
        path = self._normalize(path)
        if depth is not None:
            depth = plain_count("depth", depth, 1)
        if after is not None:
            after = self._normalize(after)
        if limit is not None:
            limit = plain_count("limit", limit, 0)
        return self._next.list_tree(session_id, path, depth=depth, after=after, limit=limit)

    @override
    def read_lines(
        self, session_id: UUID, path: str, start: int = 1, limit: int | None = None
    ) -> Answer[FileLines | None]:
        check_session_id(session_id)
        start = plain_start(start)
        if limit is not None:
            limit = plain_count("limit", limit, 0)
        return self._next.read_lines(session_id, self._normalize(path), start, limit)

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
            path_pattern = self._glob(path_pattern, "path_pattern")
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
        return self._next.glob_files(session_id, self._glob(pattern, "a glob"))

    @override
    def usage(self, session_id: UUID) -> Answer[FileUsage]:
        check_session_id(session_id)
        return self._next.usage(session_id)

    @override
    def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> Answer[list[UUID]]:
        limit = plain_count("limit", limit, 1)
        if after is not None:
            check_session_id(after)
        return self._next.session_ids(after=after, limit=limit)

    @override
    def limit_session(self, session_id: UUID, limits: SessionLimits) -> Answer[None]:
        check_session_id(session_id)
        return self._next.limit_session(session_id, plain_limits(limits, self._store_limits))

    @override
    def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> Answer[None]:
        check_distinct(source, target, replaced)
        require_forks(self._next.capabilities)
        return self._next.fork_session(source, target, replaced=replaced)

    @override
    def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> Answer[list[FileChange]]:
        check_session_id(a)
        check_session_id(b)
        if after is not None:
            after = self._normalize(after)
        if limit is not None:
            limit = plain_count("limit", limit, 0)
        require_forks(self._next.capabilities)
        return self._next.diff_sessions(a, b, after=after, limit=limit)

    @override
    def purge_session(self, session_id: UUID) -> Answer[bool]:
        check_session_id(session_id)
        return self._next.purge_session(session_id)


class _ChangeGuard(FileSystemGuard):
    """What a change has to pass: the guard of its verb, behind which no backend is called.

    What is too large by itself is refused at once: the reasons to refuse it for that come before the limit
    could only be found one change after the other.
    """

    def __init__(self, room: Room, normalize: Callable[[str], str]) -> None:
        self._next = FILE_CHANGES.made
        self._room = room
        self._normalize = normalize

    def _refuse_at_once(
        self, session_id: UUID, path: str, size: int, *reasons: object, **options: object
    ) -> NoReturn:
        del session_id, reasons, options
        raise self._room.refusal(size, path)

    _refuse_size = _refuse_appending = _refuse_at_once

    @override
    @staticmethod
    def _explained(editing: Any, old: str) -> Any:
        del old
        return editing  # the change itself


async def _patched(
    changing: Coroutine[Any, Any, list[FileInfo | None]], changes: Sequence[AnyFileChange]
) -> list[FileInfo | None]:
    try:
        if len(changes) > _MANY:
            await asyncio.sleep(0)  # looking at so many took its time already
        return await changing
    except EditError as error:
        edit = changes[getattr(error, "index", 0)]
        await explain(error, edit.old if isinstance(edit, Edit) else "")
        raise
    finally:
        changing.close()


def _root_is_directory() -> PathIsDirectoryError:
    return PathIsDirectoryError.at("/", "the root is a directory")
