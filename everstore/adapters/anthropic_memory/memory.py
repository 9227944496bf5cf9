"""What the commands of the memory tool do."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from anthropic.lib.tools import ToolError

from everstore.adapters.anthropic_memory.words import (
    ROOT,
    listing,
    missing,
    numbered,
    path_of,
    place_of,
    snippet,
    text_of,
)
from everstore.errors import (
    EditError,
    EverstoreError,
    InvalidContentError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    RevisionConflictError,
)
from everstore.tools.desk import Desk
from everstore.tools.refusals import refusal_of

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from anthropic.types.beta import (
        BetaMemoryTool20250818CreateCommand,
        BetaMemoryTool20250818DeleteCommand,
        BetaMemoryTool20250818InsertCommand,
        BetaMemoryTool20250818RenameCommand,
        BetaMemoryTool20250818StrReplaceCommand,
        BetaMemoryTool20250818ViewCommand,
    )

    from everstore.models import SessionFile
    from everstore.session import BoundSession

__all__ = ["Memory"]

_GONE = (PathNotFoundError, ParentNotDirectoryError)


class Memory:
    """What the commands do, in the SDK's words."""

    def __init__(self, work: BoundSession) -> None:
        """The memory that a session has."""
        self._files = work.files
        self._desk = Desk(work, most=1000, memory="")

    async def told(self, doing: Coroutine[Any, Any, str]) -> str:
        """What a command answers; an error that the model can do something about is a ``ToolError``."""
        try:
            return await doing
        except EverstoreError as error:
            refusal = ToolError(await refusal_of(self._desk, error))
        raise refusal

    async def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        path = path_of(command.path)
        found = await self._files.read_file(path)
        if found is not None and not found.is_directory:
            return numbered(command, text_of(found, command.path).split("\n"))
        entries = await self._files.list_tree(path) if found is not None else []
        if not entries and path != ROOT and await self._files.stat_file(path) is None:
            raise missing(command.path)
        return listing(command.path, path, entries)

    async def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        path = path_of(command.path)
        try:
            if path != ROOT:
                await self._files.write_file(path, command.file_text, if_absent=True)
                return f"File created successfully at: {command.path}"
        except (RevisionConflictError, PathIsDirectoryError):
            pass
        raise ToolError(f"File {command.path} already exists")

    async def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        path = path_of(command.path)
        while True:
            try:
                edited = await self._files.edit_file(path, command.old_str, command.new_str)
                return snippet(edited.content or "", edited.replaced[0] - 1)
            except (EditError, InvalidContentError, PathIsDirectoryError, *_GONE):
                # Empty, or there more than once as the store counts, which takes those that overlap as two.
                file = await self._file(path, command.path)
            text = text_of(file, command.path)
            at = place_of(text, command)
            replaced = text[:at] + command.new_str + text[at + len(command.old_str) :]
            if await self._replaced(file, replaced):
                return snippet(replaced, text.count("\n", 0, at))

    async def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        path, number = path_of(command.path), command.insert_line
        while True:
            file = await self._file(path, command.path)
            lines = text_of(file, command.path).split("\n")
            if not lines[-1]:
                del lines[-1]
            if not 0 <= number <= len(lines):
                raise ToolError(
                    f"Invalid `insert_line` parameter: {number}."
                    f" It should be within the range [0, {len(lines)}]."
                )
            lines.insert(number, command.insert_text.rstrip("\n"))
            text = "\n".join(lines)
            if await self._replaced(file, text if text.endswith("\n") else f"{text}\n"):
                return f"The file {command.path} has been edited."

    async def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        path = path_of(command.path)
        if path == ROOT:
            raise ToolError("Cannot delete the /memories directory itself")
        try:
            await self._files.delete_file(path, recursive=True, strict=True)
        except _GONE:
            raise ToolError(f"The path {command.path} does not exist") from None
        return f"Successfully deleted {command.path}"

    async def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        source, destination = path_of(command.old_path), path_of(command.new_path)
        if source == ROOT:
            raise ToolError("Cannot rename the /memories directory itself")
        is_there = destination == ROOT
        try:
            if source != destination and not is_there:
                await self._files.move_file(source, destination)
                return f"Successfully renamed {command.old_path} to {command.new_path}"
        except (PathExistsError, PathIsDirectoryError):
            is_there = True
        except PathNotFoundError:
            pass
        if is_there or await self._files.stat_file(destination) is not None:
            raise ToolError(f"The destination {command.new_path} already exists")
        raise ToolError(f"The path {command.old_path} does not exist")

    async def clear_all_memory(self) -> str:
        with suppress(PathNotFoundError):
            await self._files.delete_file(ROOT, recursive=True, strict=True)
        return "All memory cleared"

    async def _file(self, path: str, shown: str) -> SessionFile:
        found = await self._files.read_file(path)
        if found is None and path != ROOT:
            raise missing(shown)
        if found is None or found.is_directory:
            raise ToolError(f"The path {shown} is not a file.")
        return found

    async def _replaced(self, file: SessionFile, text: str) -> bool:
        """Whether a file was still as it was read, and is replaced."""
        try:
            await self._files.write_file(file.path, text, if_revision=file.revision)
        except (RevisionConflictError, PathIsDirectoryError, ParentNotDirectoryError):
            return False
        return True
