"""Who works in a session may read and write some paths only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.compat import override
from everstore.errors import InvalidArgumentError, shown
from everstore.middleware.areas import EVERYTHING, GlobArea, NamelessArea, plain_globs
from everstore.middleware.gated import GatedFiles
from everstore.middleware.policy import FilePolicy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from everstore.interfaces import SessionFileSystem
    from everstore.middleware.base import Role
    from everstore.middleware.policy import Sessions

__all__ = ["BLOCKED_NAMES", "PathPolicy", "WriteBlocklist"]

BLOCKED_NAMES = (
    ".git", ".hg", ".svn", ".jj", "node_modules", ".venv", "venv", "__pycache__", ".tox",
    ".ssh", ".gnupg", ".aws",
)  # fmt: skip
"""What tools keep for themselves, and where a write would run code or change what somebody trusts."""


class PathPolicy(FilePolicy):
    """What may be read, and what may be written, by globs (§5.3) of the store.

    ``read`` and ``write`` select what may be, all where they are not given; an entry is selected by its own
    path (``/src/**`` is all below ``/src``), and directories that lead to one are there. ``deny_read`` and
    ``deny_write`` take out what they select, and all below it. What may not be read may not be written.

    What may not be read is not there: it reads as absent, and no listing, page, search or count has it. A
    verb that would change what may not be written, or take a tree that holds such a thing, is
    ``PolicyError``, and nothing happens. The host's own verbs (``HOST_VERBS``) pass.
    """

    def __init__(
        self,
        read: Iterable[str] | None = None,
        write: Iterable[str] | None = None,
        *,
        deny_read: Iterable[str] = (),
        deny_write: Iterable[str] = (),
        sessions: Sessions | None = None,
    ) -> None:
        """``InvalidPatternError`` for what is no glob; without ``sessions`` it is about all of them."""
        super().__init__(sessions)
        self._reading = _allowed("read", read), plain_globs("deny_read", deny_read)
        self._writing = _allowed("write", write), plain_globs("deny_write", deny_write)

    @override
    def view(self, inner: SessionFileSystem, role: Role) -> object:
        alias = role.workspace_alias
        return GatedFiles(
            inner,
            GlobArea(*self._reading, workspace_alias=alias),
            GlobArea(*self._writing, workspace_alias=alias),
        )


class WriteBlocklist(FilePolicy):
    """Nothing is written at or below an entry of these names, at any depth and in any case; all is read.

    Nor at one that is the same to a file system of macOS or Windows, where the files may be put one day:
    ``.git.``, ``.git::$DATA``, ``git~1``, or with a mark in it that nobody sees.

    Nor is a tree that holds such an entry moved, copied or deleted: that would write, or take away, what is
    in it. ``PolicyError`` names the entry. The host's own verbs (``HOST_VERBS``) pass.
    """

    def __init__(self, names: Iterable[str] = BLOCKED_NAMES, *, sessions: Sessions | None = None) -> None:
        """``InvalidArgumentError`` for what is no name of an entry."""
        super().__init__(sessions)
        if isinstance(names, str):
            raise InvalidArgumentError(f"names is a list of names, not {shown(names)}")
        names = tuple(names)
        for name in names:
            if not isinstance(name, str) or not name or "/" in name:
                raise InvalidArgumentError("names are those of files and directories, without a slash")
        self._area = NamelessArea(names)

    @override
    def view(self, inner: SessionFileSystem, role: Role) -> object:
        del role
        return GatedFiles(inner, EVERYTHING, self._area)


def _allowed(name: str, globs: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if globs is None else plain_globs(name, globs)
