"""What stands before the verbs that change what is at a path."""

# What ``async def`` answers is a Coroutine to mypy and a CoroutineType to pyright, so no annotation of
# a plain function pleases both; mypy checks these signatures.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from everstore.arguments import (
    check_flag,
    check_session_id,
    plain_condition,
    plain_content,
    plain_data,
    plain_seed,
    plain_text,
    refuse_session_id,
)
from everstore.compat import override
from everstore.content import content_size, text_size
from everstore.errors import EditError, InvalidContentError, InvalidPathError, PathIsDirectoryError
from everstore.guards.files.refusals import RefusingGuard
from everstore.models import InitialFile
from everstore.nearest import explain

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from everstore.models import EditedFile, Encoding, FileInfo, SessionFile

    T = TypeVar("T")
    Answer = Coroutine[Any, Any, T]

__all__ = ["ChangingGuard"]


class ChangingGuard(RefusingGuard):
    """What stands before the verbs that change what is at a path."""

    def _file_path(self, session_id: UUID, path: str) -> str:
        check_session_id(session_id)
        path = self._normalize(path)
        if path == "/":
            raise _root_is_directory()
        return path

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

    def _ends(self, done: str, source: str, destination: str, *, overwrite: bool) -> tuple[str, str]:
        source, destination = self._normalize(source), self._normalize(destination)
        check_flag("overwrite", overwrite)
        if source in {"/", destination} or destination.startswith(source + "/"):
            reason = f"{source!r} cannot be {done} into itself"
            raise InvalidPathError(f"path {destination!r} refused: {reason}", path=destination, reason=reason)
        if destination == "/":
            raise PathIsDirectoryError.at(destination, "the root is a directory")
        return source, destination


def _root_is_directory() -> PathIsDirectoryError:
    return PathIsDirectoryError.at("/", "the root is a directory")
