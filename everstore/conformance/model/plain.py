"""The contract's words on paths, content, lines and patterns, each as plainly as Python can say it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from everstore.errors import InvalidContentError, InvalidPathError, InvalidPatternError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "bytes_of",
    "canonical",
    "glob_selects",
    "lines_of",
    "matching_lines",
    "parents_of",
    "path_selector",
]

_TOKENS = re.compile(
    r"""
    (?<![^/])\*\*/                       # whole segments, or none
    | \*\*                               # anything
    | [*?]                               # anything within a segment; one character of it
    | \[ (?: [!^]. | [^!^] ) [^\]]* \]   # one character of these; the first member may be a ']'
    | .                                  # itself
    """,
    re.VERBOSE | re.DOTALL,
)
_MEANINGS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def canonical(path: str) -> str:
    """The canonical form of a spelling (§2.1 to §2.3)."""
    segments = [segment for segment in path.split("/") if segment not in {"", "."}]
    if path.startswith("/") and segments[:1] == ["workspace"]:
        segments = segments[1:]
    try:
        sizes = [len(segment.encode()) for segment in segments]
    except UnicodeEncodeError:
        raise InvalidPathError("a lone surrogate") from None
    if (
        any(character < " " for character in path)
        or ".." in segments
        or segments[:1] == ["workspace"]
        or any(size > 255 for size in sizes)
        or sum(size + 1 for size in sizes) > 4096
    ):
        raise InvalidPathError(path)
    return "/" + "/".join(segments)


def parents_of(path: str) -> list[str]:
    """The directories above a canonical path, the root first; of the root there is none."""
    segments = path.split("/")[1:]
    return [] if path == "/" else ["/" + "/".join(segments[:depth]) for depth in range(len(segments))]


def bytes_of(content: str, encoding: str = "text") -> bytes:
    """The real bytes of a content (§3.3)."""
    try:
        if encoding == "text":
            return content.encode()
        data = base64.b64decode(content, validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise InvalidContentError("no content of this encoding") from None
    if encoding != "base64" or base64.b64encode(data).decode() != content:
        raise InvalidContentError("no content of this encoding")
    return data


def lines_of(text: str) -> list[str]:
    """The lines of a text (§5.2)."""
    *whole, rest = text.split("\n")
    return [line.removesuffix("\r") for line in whole] + ([rest] if rest else [])


def matching_lines(pattern: str, *, regex: bool, ignore_case: bool) -> Callable[[str], bool]:
    """Whether a line matches (§5.1, §5.4).

    Regular expressions are Python's here, which mean the same as RE2's as long as they are simple.
    """
    try:
        expression = re.compile(pattern if regex else re.escape(pattern), re.IGNORECASE * ignore_case)
    except re.error:
        raise InvalidPatternError(pattern) from None
    return lambda line: expression.search(line) is not None


def path_selector(pattern: str | None) -> Callable[[str], bool]:
    """Whether a canonical path is searched (§5.3)."""
    if pattern is None:
        return lambda _path: True
    if any(character in pattern for character in "*?["):
        return lambda path: glob_selects(pattern, path)
    part = _without_workspace(pattern)
    return lambda path: part in path


def glob_selects(pattern: str, path: str) -> bool:
    """Whether a glob selects a canonical path (§5.3)."""
    pattern = _without_workspace(pattern)
    if "/" not in pattern:
        pattern = f"**/{pattern}"
    expression = "".join(_meaning(token) for token in _TOKENS.findall(pattern.removeprefix("/")))
    return re.fullmatch(expression, path.removeprefix("/"), re.DOTALL) is not None


def _meaning(token: str) -> str:
    if len(token) > 1 and token[0] == "[":
        negated = token[1] in "!^"
        members = re.sub(r"([\\\[\]^&~|])", r"\\\1", token[1 + negated : -1])
        return f"(?!/)[{'^' * negated}{members}]"
    return _MEANINGS.get(token) or re.escape(token)


def _without_workspace(pattern: str) -> str:
    return pattern.removeprefix("/workspace") or "/" if f"{pattern}/".startswith("/workspace/") else pattern
