"""``everstore://session/path``: which session and which of its files a path names."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from everstore.errors import InvalidSessionIdError
from everstore.paths import parse_session_id, session_id_of

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.models import FileInfo

__all__ = ["PROTOCOL", "Place", "canonical", "place_of", "segment_of"]

PROTOCOL = "everstore"

_QUOTED = re.compile(r"(?:%[0-9A-Fa-f]{2})+|%")
_NEVER_PLAIN = re.compile(r"[\x00-\x1f\x7f]|(?<=:):")
"""Control characters, and ``::``, which chains URLs."""
_SPECIAL = re.compile(rf"[%/*?\[]|{_NEVER_PLAIN.pattern}")
"""These, and what ends a session's name, or is a glob where it is not quoted."""

_ALIAS = "/workspace"


class Place(NamedTuple):
    """A path of the file system, taken apart."""

    segment: str
    """The session as the path names it; empty for the root, in which the sessions are."""
    session_id: UUID
    name: str | None
    """The text that names the session; ``None`` where its id does."""
    path: str
    """The path in the session."""

    def name_of(self, path: str) -> str:
        """What an entry of the session is called that was found at this place, or below it."""
        if _is_aliased(self.path) and not _is_aliased(path):  # it was an alias of the root
            path = _ALIAS + path
        return (self.segment + path).rstrip("/")

    def info(self, entry: FileInfo) -> dict[str, object]:
        """What fsspec is told of an entry that was found here."""
        return {
            "name": self.name_of(entry.path),
            "size": entry.size_bytes,
            "type": "directory" if entry.is_directory else "file",
            "created": entry.created_at,
            "mtime": entry.updated_at,
            "revision": entry.revision,
            "is_readonly": entry.is_readonly,
        }


def _is_aliased(path: str) -> bool:
    return path == _ALIAS or path.startswith(_ALIAS + "/")


def canonical(path: str) -> str:
    """The one spelling of a path without its protocol: no empty segments, no more quoted than has to be."""
    segment, _, rest = path.strip("/").partition("/")
    if rest and ("//" in rest or "/." in rest or rest[0] == "."):
        rest = "/".join(part for part in rest.split("/") if part not in {"", "."})
    return f"{_canonical_segment(segment)}/{rest}" if rest else _canonical_segment(segment)


def place_of(path: str) -> Place:
    """Where a canonical path leads. The root has a session that nobody has, and no segment."""
    segment, _, rest = path.partition("/")
    return Place(segment, *_session_of(segment), "/" + rest)


def segment_of(text: str) -> str:
    """The name of a session as it stands in a path."""
    return _no_dots(_SPECIAL.sub(_quoted, text))


@lru_cache(maxsize=1024)
def _canonical_segment(segment: str) -> str:
    """The same session, spelled as ``segment_of`` does; but an unquoted ``*`` stays one: it is a glob."""
    try:
        return str(parse_session_id(segment))
    except InvalidSessionIdError:
        pass
    quoted_once = _QUOTED.sub(lambda found: _SPECIAL.sub(_quoted, _unquoted(found[0])), segment)
    return _no_dots(_NEVER_PLAIN.sub(_quoted, quoted_once))


def _quoted(found: re.Match[str]) -> str:
    return quote(found[0], safe="")


def _no_dots(segment: str) -> str:
    return segment.replace(".", "%2E") if segment in {".", ".."} else segment


@lru_cache(maxsize=1024)
def _session_of(segment: str) -> tuple[UUID, str | None]:
    try:
        return parse_session_id(segment), None
    except InvalidSessionIdError:
        name = _QUOTED.sub(lambda found: _unquoted(found[0]), segment)
        return session_id_of(name), name


def _unquoted(quoted: str) -> str:
    """What ``%`` and digits stand for; themselves, where that is no UTF-8."""
    try:
        return unquote_to_bytes(quoted).decode()
    except UnicodeDecodeError:
        return quoted
