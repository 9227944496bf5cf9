"""The contract's words on paths, content, lines and patterns, each as plainly as Python can say it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from everstore.errors import (
    InvalidArgumentError,
    InvalidContentError,
    InvalidPathError,
    InvalidPatternError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from uuid import UUID

__all__ = [
    "bytes_of",
    "canonical",
    "glob_selects",
    "lines_of",
    "matching_lines",
    "page_of",
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


def page_of(session_ids: Iterable[UUID], after: UUID | None, limit: int) -> list[UUID]:
    """The first of these behind ``after``, in order (§1.7)."""
    if limit < 1:
        raise InvalidArgumentError("a page of nothing")
    return sorted(each for each in session_ids if after is None or each > after)[:limit]


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

    Regular expressions are Python's here, which mean the same as RE2's as long as they are simple, and have
    no letter but ASCII ones where case is ignored.
    """
    if ignore_case and not regex:
        folded = _folded(pattern)
        return lambda line: folded in _folded(line)
    try:
        expression = re.compile(pattern if regex else re.escape(pattern), re.IGNORECASE * ignore_case)
    except re.error:
        raise InvalidPatternError(pattern) from None
    return lambda line: expression.search(line) is not None


def _folded(text: str) -> str:
    """A text without case (§5.1.6)."""
    return "".join(
        next((form for form in (each.casefold(), each.lower()) if len(form) == 1), each) for each in text
    )


def path_selector(pattern: str | None) -> Callable[[str], bool]:
    """Whether a canonical path is searched (§5.3)."""
    if pattern is None:
        return lambda _path: True
    if any(character in pattern for character in "*?[") or len(expanded(pattern)) > 1:
        return lambda path: glob_selects(pattern, path)
    part = pattern
    if "/" in pattern:
        _require_within(pattern)
        part = "/" * pattern.startswith(("/", "./")) + normal(pattern) + "/" * pattern.endswith(("/", "/."))
        part = "/" if part == "//" else part
    return lambda path: part in path


def glob_selects(pattern: str, path: str) -> bool:
    """Whether a glob selects a canonical path (§5.3)."""
    ways = expanded(pattern)
    _require_within(pattern, r"[/{},]" if len(ways) > 1 else "/")
    spelled = normal(pattern) if "/" in pattern else pattern
    if spelled == (path[1:] if "/" in pattern else path.rpartition("/")[2]):
        return True
    return any(_selects(way, path) for way in ways)


def _selects(pattern: str, path: str) -> bool:
    """Whether a glob without alternatives selects a path."""
    pattern = normal(pattern) if "/" in pattern else f"**/{pattern}"
    expression = "".join(_meaning(token) for token in _TOKENS.findall(pattern))
    return re.fullmatch(expression, path.removeprefix("/"), re.DOTALL) is not None


def expanded(pattern: str) -> list[str]:
    """The globs without alternatives that a glob stands for."""
    tokens = _TOKENS.findall(pattern)
    for start, token in enumerate(tokens):
        stops = _stops(tokens, start) if token == "{" else []  # noqa: S105 - no password
        if len(stops) > 1:
            before, after = "".join(tokens[:start]), "".join(tokens[stops[-1] + 1 :])
            bounds = zip([start, *stops], stops, strict=False)
            inner = ["".join(tokens[low + 1 : high]) for low, high in bounds]
            return [way for each in inner for way in expanded(before + each + after)]
    return [pattern]


def _stops(tokens: list[str], start: int) -> list[int]:
    """Where the commas and the end of the braces are that start here; nothing when they do not end."""
    commas: list[int] = []
    depth = 0
    for at in range(start, len(tokens)):
        depth += (tokens[at] == "{") - (tokens[at] == "}")
        if depth == 0:
            return [*commas, at]
        if depth == 1 and tokens[at] == ",":
            commas.append(at)
    return []


def normal(pattern: str) -> str:
    """A pattern without what no canonical path has (§5.3.7), and without the slash at its beginning."""
    segments = [segment for segment in pattern.split("/") if segment not in {"", "."}]
    if pattern.startswith("/") and segments[:1] == ["workspace"]:
        segments = segments[1:]
    return "/".join(segments)


def _require_within(pattern: str, bounds: str = "/") -> None:
    if ".." in re.split(bounds, pattern):
        raise InvalidPatternError(pattern)


def _meaning(token: str) -> str:
    if len(token) > 1 and token[0] == "[":
        negated = token[1] in "!^"
        members = re.sub(r"([\\\[\]^&~|])", r"\\\1", token[1 + negated : -1])
        return f"(?!/)[{'^' * negated}{members}]"
    return _MEANINGS.get(token) or re.escape(token)
