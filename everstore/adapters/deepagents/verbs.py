"""What deepagents asks of a backend, of the files of one session, in its words: one verb a call of everstore.

What everstore refuses is an answer with ``error``, for the model to read. What no model can mend (a server
that is gone, a closed store) is raised, as deepagents' own backends let their drivers' errors pass.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from functools import lru_cache
from posixpath import splitext
from typing import TYPE_CHECKING

from deepagents.backends.protocol import (
    FILE_NOT_FOUND,
    INVALID_PATH,
    IS_DIRECTORY,
    PERMISSION_DENIED,
    DeleteResult,
    EditResult,
    FileData,
    FileDownloadResponse,
    FileInfo,
    FileUploadResponse,
    LsResult,
    ReadResult,
    WriteResult,
)
from deepagents.backends.utils import (
    _get_backend_read_file_type,  # private, but the middleware's own word for what is a text
    perform_string_replacement,
    slice_read_response,
)

from everstore.adapters.files import plain_path, written
from everstore.errors import (
    EditError,
    InvalidArgumentError,
    ParentNotDirectoryError,
    PathNotDirectoryError,
    QuotaExceededError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from everstore.models import FileInfo as Entry
    from everstore.models import SessionFile
    from everstore.session import BoundFiles

__all__ = ["REFUSALS", "delete", "download", "edit", "info_of", "ls", "read", "upload", "write"]

REFUSALS = (InvalidArgumentError, OSError, QuotaExceededError, EditError, UnsupportedError)
"""What is answered, and not raised."""

_NOWHERE = (FileNotFoundError, ParentNotDirectoryError)

_SLICED_AT_ONCE = 1 << 18
"""Characters of a text that are taken apart on the event loop; more are in a thread."""


def info_of(entry: Entry) -> FileInfo:
    """An entry as deepagents lists it: the path of a directory ends with a slash."""
    is_dir = entry.is_directory
    path = entry.path + "/" if is_dir else entry.path
    modified_at = entry.updated_at.isoformat()
    return FileInfo(path=path, is_dir=is_dir, size=entry.size_bytes, modified_at=modified_at)


async def ls(files: BoundFiles, path: str) -> LsResult:
    """The entries of a directory, sorted by path."""
    try:
        entries = await files.list_directory(await plain_path(files, path), strict=True)
    except _NOWHERE:
        return LsResult(error=f"Path '{path}': path_not_found")
    except PathNotDirectoryError:
        return LsResult(error=f"Path '{path}': not_a_directory")
    except REFUSALS as error:
        return LsResult(error=f"Cannot list '{path}': {error}")
    return LsResult(entries=sorted(map(info_of, entries), key=lambda info: info["path"]))


async def read(files: BoundFiles, file_path: str, offset: int, limit: int) -> ReadResult:
    """Some lines of a text; bytes as a whole, in base64."""
    try:
        file = await files.read_file(await plain_path(files, file_path))
    except REFUSALS as error:
        return ReadResult(error=f"Error reading file '{file_path}': {error}")
    if file is None or file.content is None:
        return ReadResult(error=f"File '{file_path}' not found")
    if file.encoding != "text" or not _is_text(splitext(file_path)[1]):
        return ReadResult(file_data=_data_of(file, b64encode(file.data or b"").decode(), "base64"))
    data = _data_of(file, file.content, "utf-8")
    if len(file.content) <= _SLICED_AT_ONCE:
        return slice_read_response(data, offset, limit)
    return await asyncio.to_thread(slice_read_response, data, offset, limit)


@lru_cache(maxsize=256)
def _is_text(suffix: str) -> bool:
    """Whether files with such a name are texts to deepagents: looked up once, it takes longer than a read."""
    return _get_backend_read_file_type(f"file{suffix}") == "text"


def _data_of(file: SessionFile, content: str, encoding: str) -> FileData:
    created_at, modified_at = file.created_at.isoformat(), file.updated_at.isoformat()
    return FileData(content=content, encoding=encoding, created_at=created_at, modified_at=modified_at)


async def write(files: BoundFiles, file_path: str, content: str) -> WriteResult:
    """Create or replace a text."""
    try:
        await files.write_file(await plain_path(files, file_path), content)
    except REFUSALS as error:
        return WriteResult(error=f"Error writing file '{file_path}': {error}")
    return WriteResult(path=file_path)


async def edit(files: BoundFiles, file_path: str, old: str, new: str, *, replace_all: bool) -> EditResult:
    """Replace what is there once, or all of it."""
    try:
        path = await plain_path(files, file_path)
        if not old:
            await files.read_file(path, strict=True)
            return EditResult(error=str(perform_string_replacement("", old, new)))
        edited = await files.edit_file(path, old, new, replace_all=replace_all)
    except (*_NOWHERE, IsADirectoryError):
        return EditResult(error=f"Error: File '{file_path}' not found")
    except EditError as error:
        return EditResult(error=await _why_not(files, error, old, new))
    except REFUSALS as error:
        return EditResult(error=f"Error editing file '{file_path}': {error}")
    return EditResult(path=file_path, occurrences=len(edited.replaced))


async def _why_not(files: BoundFiles, error: EditError, old: str, new: str) -> str:
    """Why nothing was replaced, in deepagents' words, and where the model finds what it meant."""
    if error.matches:
        where = f"{error.matches} times in file (lines {_numbers(error.lines)})"
        do = "Use replace_all=True to replace all instances, or give more of the text around one."
        return f"Error: String '{old}' appears {where}. {do}"
    if old.endswith("\n"):  # perhaps the file ends without: deepagents has a hint for that
        file = await files.read_file(error.path)
        if file is not None and file.encoding == "text" and (file.content or "").endswith(old[:-1]):
            hint = perform_string_replacement(file.content or "", old, new)
            if isinstance(hint, str):
                return hint
    told = f"Error: String not found in file: '{old}'"
    if error.differs:
        return f"{told} (only its {error.differs} differ at line {error.nearest[0]})"
    return f"{told} (nearest to it: lines {_numbers(error.nearest)})" if error.nearest else told


def _numbers(lines: tuple[int, ...]) -> str:
    return ", ".join(map(str, lines))


async def delete(files: BoundFiles, file_path: str) -> DeleteResult:
    """Remove a file, or a directory with all that is in it, in one step."""
    try:
        await files.delete_file(await plain_path(files, file_path), recursive=True, strict=True)
    except _NOWHERE:
        return DeleteResult(error=f"Error: File '{file_path}' not found")
    except REFUSALS as error:
        return DeleteResult(error=f"Error deleting '{file_path}': {error}")
    return DeleteResult(path=file_path)


async def upload(files: BoundFiles, uploads: list[tuple[str, bytes]]) -> list[FileUploadResponse]:
    """Write several files: all that are not refused, in one step."""
    answers = [FileUploadResponse(path=path) for path, _ in uploads]
    changes = {}
    for at, (path, content) in enumerate(uploads):
        try:
            changes[at] = written(await plain_path(files, path), content)
        except REFUSALS as error:
            answers[at].error = _word_of(error)
    while changes:
        places = list(changes)
        try:
            await files.apply_changes([*changes.values()])
        except REFUSALS as error:
            index = getattr(error, "index", None)  # None: none of them can be made
            for refused in places if index is None else [places[index]]:
                answers[refused].error = _word_of(error)
                del changes[refused]
        else:
            break
    return answers


async def download(files: BoundFiles, paths: list[str]) -> list[FileDownloadResponse]:
    """The bytes of several files."""
    return await asyncio.gather(*(_download(files, path) for path in paths))


async def _download(files: BoundFiles, path: str) -> FileDownloadResponse:
    try:
        file = await files.read_file(await plain_path(files, path), strict=True)
    except REFUSALS as error:
        return FileDownloadResponse(path=path, error=_word_of(error))
    return FileDownloadResponse(path=path, content=file.data)


def _word_of(error: Exception) -> str:
    """The word of deepagents for a refusal, where it has one."""
    words = {
        FileNotFoundError: FILE_NOT_FOUND,
        PermissionError: PERMISSION_DENIED,
        IsADirectoryError: IS_DIRECTORY,
        NotADirectoryError: INVALID_PATH,
        ValueError: INVALID_PATH,
    }
    return next((word for kind, word in words.items() if isinstance(error, kind)), str(error))
