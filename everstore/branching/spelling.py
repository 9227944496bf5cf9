"""Paths that are told of, and that no path of this store leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.paths import aliased

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from everstore.interfaces import OpenFileSystem

__all__ = ["require_reachable"]

_ALIAS = "/workspace"


async def require_reachable(files: OpenFileSystem, session_id: UUID, paths: Iterable[str]) -> None:
    """``InvalidPathError`` where one of these is another path to this store, as ``/workspace`` is the root.

    Who opens the store without that alias makes such paths, and a listing or a difference tells of them.
    """
    for path in paths:
        if path == _ALIAS or path.startswith(f"{_ALIAS}/"):
            found = await files.stat_file(session_id, _ALIAS)
            if found is not None and found.path != _ALIAS:
                raise aliased(path)
            return
