"""Names of any text as parts of a key: without the separator, never empty, never long."""

from __future__ import annotations

from hashlib import sha256

__all__ = ["join", "name_of", "part"]

LONGEST = 96  # bytes: so that a key with several parts fits into 1024
HASHED = "~#"

_ESCAPES = {"~": "~0", "/": "~1", "\0": "~2"}
_SPECIAL = frozenset(_ESCAPES)
_ESCAPED = str.maketrans(_ESCAPES)
_EMPTY = "~3"


def part(name: str) -> str:
    """The name, escaped where it has to be; a long one's hash. Two names never have the same part.

    Parts of names without ``~``, ``/`` and NUL are in the order of the names.
    """
    if name.isascii() and 0 < len(name) <= LONGEST and not _SPECIAL.intersection(name):
        return name  # as nearly all are
    escaped = name.translate(_ESCAPED) or _EMPTY
    if len(escaped.encode("utf-8", "surrogatepass")) <= LONGEST:
        return escaped
    return HASHED + sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def name_of(escaped: str) -> str | None:
    """The name of which this is the part; ``None`` where that is a hash."""
    if escaped.startswith(HASHED):
        return None
    if escaped == _EMPTY:
        return ""
    name = escaped
    for character, escape in reversed(_ESCAPES.items()):
        name = name.replace(escape, character)
    return name


def join(*names: str) -> str:
    """The parts of several names, each with a separator behind it."""
    return "".join(f"{part(name)}/" for name in names)
