"""Where a path is in the index: the Python side of ``place_of`` and ``span_of`` in places.sql."""

from __future__ import annotations

from hashlib import sha256

__all__ = ["depth_of", "head_of", "place_of", "span_of"]

LONGEST = 600  # characters, of 4 bytes at most: an index entry holds 2704 bytes


def depth_of(path: str) -> int:
    """The number of segments."""
    return 0 if path == "/" else path.count("/")


def place_of(path: str) -> str:
    """The path; when it is too long for the index, its beginning, a character no path has, and its hash."""
    if len(path) <= LONGEST:
        return path
    return f"{path[:LONGEST]}\x01{sha256(path.encode()).hexdigest()}"


def head_of(path: str) -> str:
    """What no place of this path, or of one behind it by code point, comes before."""
    return path[:LONGEST]


def span_of(directory: str) -> tuple[str, str, str]:
    """What every path below a directory begins with, and the places between which they are."""
    prefix = directory.rstrip("/") + "/"
    if len(prefix) <= LONGEST:
        return prefix, prefix, prefix[:-1] + "0"  # the character after '/'
    return prefix, prefix[:LONGEST] + "\x01", prefix[:LONGEST] + "\x02"
