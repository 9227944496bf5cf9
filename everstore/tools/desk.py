"""What the tools of a toolbox work on, and what the model has seen of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.paths import normalize_literal_path, normalize_path

if TYPE_CHECKING:
    from everstore.session import BoundFiles, BoundSession, BoundStorage

__all__ = ["Desk"]

_MOST_SEEN = 4096  # files


class Desk:
    """A session, and the most characters that an answer about it may have.

    It keeps which revision of a file the model has seen, so that a file that was changed since is not
    replaced by what the model made of the older one.
    """

    def __init__(self, work: BoundSession, most: int, memory: str) -> None:
        self.work = work
        self.most = most
        self.memory = memory
        """What the keys of remembered values begin with."""
        self._paths: dict[str, str] = {}
        self._seen: dict[str, str] = {}

    @property
    def files(self) -> BoundFiles:
        """The session's files."""
        return self.work.files

    @property
    def storage(self) -> BoundStorage:
        """The session's values."""
        return self.work.storage

    def saw(self, spelling: str, path: str, revision: str) -> None:
        """Keep what the model was shown, or has written itself, at a path that it spelled so."""
        if len(self._paths) >= _MOST_SEEN:
            self._paths.clear()
            self._seen.clear()
        self._paths[spelling] = path
        self._seen[path] = revision

    async def seen(self, spelling: str) -> str | None:
        """The revision that the model knows of a file, however it spells its path now."""
        path = normalize_literal_path(spelling)
        if normalize_path(spelling) != path and spelling not in self._paths:
            found = await self.files.stat_file(spelling)  # only the store knows whether that is an alias
            path = path if found is None else found.path
        return self._seen.get(self._paths.get(spelling, path))
