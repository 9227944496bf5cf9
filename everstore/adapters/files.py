"""What adapters share that give an agent files: paths as frameworks guard them, texts told from bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.changes import Write, WriteBytes
from everstore.errors import InvalidPathError
from everstore.paths import normalize_literal_path

if TYPE_CHECKING:
    from everstore.session import BoundFiles

__all__ = ["plain_path", "real_path", "written"]

_ALIAS = "/workspace"


async def real_path(files: BoundFiles, path: str) -> str:
    """The path by which a session lists what is at a path, as any of its spellings; ``InvalidPathError``."""
    literal = normalize_literal_path(path)
    if literal != _ALIAS and not literal.startswith(_ALIAS + "/"):
        return literal
    found = await files.stat_file(_ALIAS)
    if found is None or found.path == _ALIAS:  # a name like any other (contract §2.2.4)
        return literal
    return literal[len(_ALIAS) :] or "/"


async def plain_path(files: BoundFiles, path: str) -> str:
    """The same, where a spelling that begins with the alias is refused: ``InvalidPathError``.

    For a framework that allows and denies by spelling: ``/workspace/secrets`` would be another path to it.
    """
    real = await real_path(files, path)
    if real != normalize_literal_path(path):
        message = f"path {path!r} refused: {_ALIAS!r} is the root itself; write {real!r}"
        raise InvalidPathError(message, path=path, reason="the alias of the root")
    return real


def written(path: str, data: bytes) -> Write | WriteBytes:
    """The change that writes a file of bytes: as text, which is searched and edited, where they are UTF-8."""
    try:
        return Write(path, data.decode())
    except UnicodeDecodeError:
        return WriteBytes(path, data)
