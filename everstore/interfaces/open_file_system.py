"""The files of an open store: a backend's verbs, with what core adds to them."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Literal, overload

from everstore.compat import override
from everstore.interfaces.file_system import SessionFileSystem

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.models import FileInfo, SessionFile

__all__ = ["OpenFileSystem"]


class OpenFileSystem(SessionFileSystem):
    """A private tree of files for every session, as ``store.file_system`` has it.

    Every verb of ``SessionFileSystem``, which is what a backend implements; two of them are asked for their
    reasons here.
    """

    @overload
    async def read_file(self, session_id: UUID, path: str, *, strict: Literal[True]) -> SessionFile: ...

    @overload
    async def read_file(self, session_id: UUID, path: str, *, strict: bool = ...) -> SessionFile | None: ...

    @override
    @abstractmethod
    async def read_file(self, session_id: UUID, path: str, *, strict: bool = False) -> SessionFile | None:
        """The file with its content; a directory with ``content=None``; ``None`` when missing.

        The root always exists.

        With ``strict`` it is a file, or an error: ``PathNotFoundError``, ``ParentNotDirectoryError`` below a
        file, ``PathIsDirectoryError``. What is told was so at a moment of the call; to find that out takes
        further looks.
        """

    @override
    @abstractmethod
    async def list_directory(
        self, session_id: UUID, path: str = "/", *, strict: bool = False
    ) -> list[FileInfo]:
        """The direct children, sorted by path by code point; ``[]`` for a missing path and for a file.

        With ``strict`` it is ``[]`` for an empty directory only, else an error: ``PathNotFoundError``,
        ``ParentNotDirectoryError`` below a file, ``PathNotDirectoryError`` for a file. What is told was so at
        a moment of the call; to find that out takes further looks.
        """
