"""Arguments that no backend could accept."""

from __future__ import annotations

from everstore.errors.root import EverstoreError

__all__ = [
    "InvalidArchiveError",
    "InvalidArgumentError",
    "InvalidContentError",
    "InvalidKeyError",
    "InvalidPathError",
    "InvalidPatternError",
    "InvalidSessionIdError",
]


class InvalidArgumentError(EverstoreError, ValueError):
    """An argument that no backend could accept; nothing was called and nothing was written."""

    code = "invalid_argument"


class InvalidSessionIdError(InvalidArgumentError):
    """A session id that is no ``uuid.UUID`` (or, at the edge, no text form of one)."""

    code = "invalid_session_id"


class InvalidPathError(InvalidArgumentError):
    """A path that the contract refuses (§2.2, §2.3), a move or copy into itself, or to a name too long."""

    code = "invalid_path"
    path: str


class InvalidContentError(InvalidArgumentError):
    """Content, or a value, that cannot be stored or used as asked (§3.3, §4.6, §6.1)."""

    code = "invalid_content"


class InvalidKeyError(InvalidContentError):
    """A key or a secret's name that is empty, too long, or holds NUL or a lone surrogate (§6.1)."""

    code = "invalid_key"


class InvalidPatternError(InvalidArgumentError):
    """A regular expression that is not RE2 syntax, or a pattern with a lone surrogate (§5.4)."""

    code = "invalid_pattern"
    pattern: str


class InvalidArchiveError(InvalidArgumentError):
    """An archive of a session that is damaged, cut off, of another format, or never was one."""

    code = "invalid_archive"
