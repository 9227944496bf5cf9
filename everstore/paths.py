"""The one normaliser of paths, and the one parser of session ids (contract §1.1, §2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from everstore.errors import InvalidArgumentError, InvalidPathError, InvalidSessionIdError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "MAX_PATH_BYTES",
    "MAX_SEGMENT_BYTES",
    "aliased",
    "normalize_literal_path",
    "normalize_path",
    "parent_of",
    "parents_of",
    "parse_session_id",
    "require_room",
    "root_stays",
    "session_id_of",
]

MAX_SEGMENT_BYTES = 255
MAX_PATH_BYTES = 4096

_TOO_LONG = f"more than {MAX_PATH_BYTES} bytes"
_CONTROL = re.compile(r"[\x00-\x1f]")
_SESSION_TEXT = re.compile(
    r"(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|session_[0-9a-fA-F]{32})"
)

_NAMESPACE = UUID("8fa84d6d-a390-40c6-9605-c34bc0baf619")
"""What ids made of text are of (RFC 9562, version 5): the same for ever."""

_known: dict[str, str] = {}
"""Spellings seen lately: an agent names the same few files over and over."""

_MOST_KNOWN = 4096
_LONGEST_KNOWN = 256  # characters: what is kept stays below a few MiB whatever callers send


def normalize_path(path: str) -> str:
    """The canonical form of a path as callers spell it.

    Absolute, ``/``-separated, without empty or ``.`` segments or a trailing slash; the root is
    ``/``. A leading ``/workspace`` is an alias of the root. Normalising twice changes nothing.
    ``InvalidPathError`` for what §2.2 and §2.3 refuse.
    """
    try:
        canonical = _known.get(path)
    except Exception:  # noqa: BLE001 - not hashable, whatever it says to that, so no text
        raise _refused(path, "a path is text") from None
    if canonical is None:
        canonical = _normalize(path)
        if len(path) <= _LONGEST_KNOWN:
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[path] = canonical
    return canonical


def aliased(path: str) -> InvalidPathError:
    """The refusal of a path in a directory ``/workspace``, which is another path where that is an alias."""
    return InvalidPathError(
        f"path {path!r} is another one here, because /workspace is an alias of the root;"
        " EVERSTORE_WORKSPACE_ALIAS=false makes it a name like any other",
        path=path,
    )


def normalize_literal_path(path: str) -> str:
    """The same without the alias (§2.2.4): ``workspace`` is a name like any other."""
    return _normalize(path, has_alias=False)


def _normalize(path: object, *, has_alias: bool = True) -> str:
    if type(path) is str and len(path) < MAX_SEGMENT_BYTES and path.isascii() and path.isprintable():
        rooted = path if path[:1] == "/" else "/" + path
        if not ("//" in rooted or "/." in rooted or rooted[-1] == "/" or rooted.startswith("/workspace")):
            return rooted  # nothing to do, as nearly always: a quarter of the time
    if not isinstance(path, str):
        raise _refused(path, "a path is text")
    try:
        size = _size(path)
    except UnicodeEncodeError:
        raise _refused(path, "a lone surrogate") from None
    if _CONTROL.search(path):
        raise _refused(path, "a control character")
    segments = [segment for segment in path.split("/") if segment not in {"", "."}]
    if has_alias and segments[:1] == ["workspace"] and path.startswith("/"):
        del segments[0]
    if has_alias and segments[:1] == ["workspace"]:
        raise _refused(path, "'/workspace' is the root itself, so nothing in it can be called 'workspace'")
    if ".." in segments:
        raise _refused(path, "a '..' segment")
    if size > MAX_SEGMENT_BYTES:
        _check_sizes(path, segments)
    return "/" + "/".join(segments)


def _check_sizes(path: str, segments: list[str]) -> None:
    sizes = [_size(segment) for segment in segments]
    if max(sizes, default=0) > MAX_SEGMENT_BYTES:
        raise _refused(path, f"a segment of more than {MAX_SEGMENT_BYTES} bytes")
    if sum(sizes) + len(sizes) > MAX_PATH_BYTES:
        raise _refused(path, _TOO_LONG)


def _size(path: str) -> int:
    return len(path) if path.isascii() else len(path.encode())


def _refused(path: object, reason: str) -> InvalidPathError:
    if not isinstance(path, str):
        path = shown(path)
    quoted = repr(path)
    quoted = quoted if len(quoted) <= 100 else quoted[:97] + "..."
    return InvalidPathError(f"path {quoted} refused: {reason}", path=path, reason=reason)


def parent_of(path: str) -> str:
    """The parent of a canonical path; the root's parent is the root."""
    return path.rpartition("/")[0] or "/"


def parents_of(path: str) -> list[str]:
    """The proper parents of a canonical path without the root, nearest the root first."""
    parents = []
    end = path.find("/", 1)
    while end != -1:
        parents.append(path[:end])
        end = path.find("/", end + 1)
    return parents


def require_room(source: str, destination: str, paths: Iterable[str]) -> None:
    """Refuse a copy or move that would make a path too long (§4.5.11): ``InvalidPathError``.

    ``paths`` are the canonical paths below ``source``, all or only the longest, of which the first by code
    point is told. They are not asked for unless ``destination`` is the longer of the two: else no path grows.
    """
    growth = _size(destination) - _size(source)
    if growth > 0:
        longest = min(paths, key=lambda path: (-_size(path), path), default="")
        if _size(longest) + growth > MAX_PATH_BYTES:
            raise _refused(destination + longest[len(source) :], _TOO_LONG)


def root_stays() -> InvalidPathError:
    """The refusal of a strict call that would delete the root."""
    return _refused("/", "the root cannot be deleted; delete what is in it, or the session")


def parse_session_id(text: str) -> UUID:
    """The session id that a text from outside (command line, environment) names.

    Canonical UUID text or ``session_<32 hex>``; anything else is ``InvalidSessionIdError``.
    """
    if not isinstance(text, str) or not _SESSION_TEXT.fullmatch(text):
        message = "a session id is written as a UUID (8-4-4-4-12 hex digits) or as session_<32 hex digits>"
        told = f"{text!r:.100}" if isinstance(text, str) else shown(text)
        raise InvalidSessionIdError(f"{message}, not {told}")
    return UUID(text.removeprefix("session_"))


def session_id_of(*parts: str) -> UUID:
    """The session id that a framework's own name of it stands for, or several: tenant and thread, say.

    The same text always makes the same id (UUID version 5), in every process and release, and parts are told
    apart: ``("a", "bc")`` makes another than ``("ab", "c")``. Unicode is taken as it is written. Who knows a
    text knows its id: that is no secret. ``InvalidArgumentError`` without a part, for what is no text, and
    for lone surrogates.
    """
    if not parts:
        raise InvalidArgumentError("session_id_of takes one text or more that name the session")
    encoded: list[str] = []
    for part in parts:
        if not isinstance(part, str):
            raise InvalidArgumentError(f"session_id_of takes text (str), not {shown(part)}")
        text = str.__str__(part)
        try:
            size = len(text.encode())
        except UnicodeEncodeError:  # not chained: it would carry the text
            size = -1
        if size < 0:
            raise InvalidArgumentError("session_id_of takes text without lone surrogates")
        encoded.append(f"{size}:{text},")
    return uuid5(_NAMESPACE, "".join(encoded))
