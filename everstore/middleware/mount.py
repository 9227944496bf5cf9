"""Another session's files, read-only below a path."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from everstore.compat import override
from everstore.errors import InvalidArgumentError, shown
from everstore.middleware.mounted import MountedFiles
from everstore.middleware.policy import FilePolicy
from everstore.paths import normalize_literal_path, normalize_path

if TYPE_CHECKING:
    from everstore.interfaces import SessionFileSystem
    from everstore.middleware.base import Role
    from everstore.middleware.policy import Sessions

__all__ = ["Mount"]


class Mount(FilePolicy):
    """The files of one session, read-only at and below a path of others.

    All verbs that look have them, merged with what is there: a listing and a page in order, a search by path.
    An entry keeps its id, times and revision, says ``session_id`` of the session that it is in, and a file is
    read-only. ``usage`` counts what is a session's own. What one answer tells of each of the two sessions is
    of one moment.

    The session's own comes first: where it has anything at that path, or a file above it, the mount is not
    there for it, and nothing of it is hidden. While the mount is there, a call that would write at or below
    it, or replace, move, copy or delete a directory that it is in, is ``PolicyError``. A copy out of it is
    made of the contents, all or nothing; it is the session's own then.

    In the session that is mounted there is no mount. Two mounts that are in each other's sessions end: one
    is looked at through the layers that come after it.
    """

    def __init__(self, path: str, session_id: UUID, *, sessions: Sessions | None = None) -> None:
        """``InvalidPathError`` for what is no path; ``InvalidArgumentError`` for the root, and for a loop."""
        super().__init__(sessions)
        if not isinstance(session_id, UUID):
            raise InvalidArgumentError(f"what is mounted is a session's id (UUID), not {shown(session_id)}")
        if "/" in {normalize_path(path), normalize_literal_path(path)}:
            raise InvalidArgumentError("the root is no place for a mount: give it a path of its own")
        is_about = self._is_about
        if sessions is not None and not callable(sessions) and is_about(session_id):
            raise InvalidArgumentError(f"session {session_id} cannot be mounted in itself")
        self._is_about = lambda each: each != session_id and is_about(each)
        self._path, self._session_id = path, session_id

    @override
    def view(self, inner: SessionFileSystem, role: Role) -> object:
        normalize = normalize_path if role.workspace_alias else normalize_literal_path
        return MountedFiles(inner, normalize(self._path), self._session_id)
