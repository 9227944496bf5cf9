"""Globs and path patterns: which canonical paths they select (contract §5.3).

A glob is read twice: with its special characters, as one RE2 expression however many alternatives its
braces make; and as the plain spelling of a path, so that ``app/[id]/page.tsx`` finds that very file.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Self

import msgspec

from everstore.errors import InvalidPathError, InvalidPatternError
from everstore.expressions import checked, compile_re2
from everstore.glob_expressions import WORKSPACE, Reading, expression_of
from everstore.glob_pieces import Braces, Parser, Pieces, is_mark, is_plain, without_slash
from everstore.paths import normalize_literal_path, normalize_path

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ChosenPattern",
    "LiteralPattern",
    "Reach",
    "Selection",
    "compile_glob",
    "compile_path_pattern",
    "reach_of",
]

_LONGEST_KNOWN = 256  # characters
_SPECIAL = re.compile(r"[*?\[]")
_BOUNDS = re.compile(r"[/{},]")  # of what may become a segment


class LiteralPattern(str):
    """A pattern in which ``/workspace`` is a name like any other (§2.2.4).

    To a backend it is a pattern: ``compile_glob`` and ``Query`` take it for what it is, given as it came.
    """

    __slots__ = ()


class Selection:
    """Which canonical paths a pattern selects: call it with one.

    For a backend that can look at fewer: every selected path is ``top`` or below it (``"/"`` when it may
    be anywhere), and contains ``part`` (``None`` when nothing is known). With ``is_all`` none need be
    asked. ``weight`` is what a character of a path may cost, in instructions.
    """

    __slots__ = ("_matches", "is_all", "part", "top", "weight")

    def __init__(
        self,
        matches: Callable[[str], bool],
        *,
        top: str = "/",
        part: str | None = None,
        weight: int = 1,
        is_all: bool = False,
    ) -> None:
        """Made by ``compile_glob`` and ``compile_path_pattern``."""
        self._matches = matches
        self.is_all = is_all
        self.top = top
        self.part = part
        self.weight = weight

    def __call__(self, path: str) -> bool:
        """Whether the path is selected."""
        return self._matches(path)


class ChosenPattern(str):
    """A pattern that selects what a function says, for who stands between a guard and a backend.

    To a backend it is a pattern: ``compile_glob`` and ``Query`` take it for what it is, given as it came.
    """

    __slots__ = ("selection",)
    selection: Selection

    def __new__(cls, selection: Selection) -> Self:
        """The pattern of a selection; as a text it selects everything."""
        pattern = super().__new__(cls, "**")
        pattern.selection = selection
        return pattern


_EVERYTHING = Selection(lambda _path: True, is_all=True)


def compile_path_pattern(pattern: str | None) -> Selection:
    """What a grep's ``path_pattern`` selects (§5.3): a substring, or a glob; all paths when there is none.

    ``InvalidPatternError`` for what ``compile_glob`` refuses.
    """
    if pattern is None:
        return _EVERYTHING
    if isinstance(pattern, ChosenPattern):
        return pattern.selection
    if _SPECIAL.search(checked(pattern)) or ("{" in pattern and Parser(pattern).has_braces):
        return compile_glob(pattern)
    part = _tidy_part(pattern, has_alias=not isinstance(pattern, LiteralPattern))
    return Selection(lambda path: part in path, part=part or None)


def compile_glob(pattern: str) -> Selection:
    """What a glob selects (§5.3).

    ``*`` and ``?`` stay within a segment, ``**`` crosses them, ``[a-z]`` and ``[!a-z]`` are one
    character of a segment, ``{a,b}`` is either; what nothing closes is itself. A pattern without ``/``
    matches the last segment at any depth. A file whose path is spelled exactly so is selected, too.
    Linear in time, whatever the pattern. ``InvalidPatternError`` when it leads out (``..``), or is too large.
    """
    if isinstance(pattern, ChosenPattern):
        return pattern.selection
    has_alias = not isinstance(pattern, LiteralPattern)
    if len(checked(pattern)) <= _LONGEST_KNOWN:
        return _compile_known(str(pattern), has_alias)
    return _compile(pattern, has_alias=has_alias)


@lru_cache(maxsize=128)  # an agent asks for the same few again and again
def _compile_known(pattern: str, has_alias: bool) -> Selection:  # noqa: FBT001 - a keyword makes the key larger
    return _compile(pattern, has_alias=has_alias)


def _compile(pattern: str, *, has_alias: bool) -> Selection:
    parser = Parser(pattern)
    if ".." in (_BOUNDS.split(pattern) if parser.has_braces else pattern.split("/")):
        raise _leads_out(pattern)
    spelled = [segment for segment in pattern.split("/") if segment not in {"", "."}]
    pieces = parser.pieces
    anywhere = without_slash(pieces)  # its alternatives that are the name of a file, at any depth
    readings = []
    if anywhere is not None:
        readings.append("/(?:.*/)?" + expression_of(anywhere))
    if "/" in pattern:
        readings.append(Reading(pattern, has_alias=has_alias).of(pieces))
    if parser.is_ambiguous:
        if has_alias and pattern.startswith("/") and spelled[:1] == [WORKSPACE]:
            del spelled[0]
        readings.append(("/" if "/" in pattern else "/(?:.*/)?") + re.escape("/".join(spelled)))
    program = compile_re2("|".join(readings), pattern=pattern, dot_matches_newline=True)
    fullmatch = program.fullmatch
    return Selection(
        lambda path: fullmatch(path.encode()) is not None,
        top="/" if anywhere is not None else _top(pieces, has_alias=has_alias),
        part=_part(pieces, has_alias=has_alias),
        weight=program.programsize,
    )


class Reach(msgspec.Struct, frozen=True):
    """Where the paths are that a glob selects, which is known without a path."""

    leading: tuple[str, ...] | None
    """Globs of the directories in which something selected may be; ``None`` when any may.

    Braces that hold a slash or ``**`` make them select more directories than these.
    """
    whole: str | None
    """The directory everything below which is selected; ``None`` without one."""


def reach_of(pattern: str) -> Reach:
    """Where the paths are that a glob selects; ``compile_glob`` has taken it already."""
    parser = Parser(pattern)
    if without_slash(parser.pieces) is not None:
        return Reach(None, "/" if pattern == "**" else None)
    kind = type(pattern)
    cuts, crossing = parser.cuts()
    found = [pattern[:cut] for cut in cuts if pattern[:cut].strip("./")]
    if crossing is not None:
        found.append(f"{pattern[:crossing]}**")
    # What is not rooted is spelled from the root on: without a slash it would be a name at any depth.
    leading = tuple(kind(each if each.startswith("/") else f"./{each}") for each in found)
    *plain, last = parser.pieces
    is_whole = is_mark(last, "**") and is_mark(plain[-1], "/") and all(map(is_plain, plain))
    has_alias = kind is not LiteralPattern
    return Reach(leading, _top(plain, has_alias=has_alias) if is_whole else None)


def _top(pieces: Pieces, *, has_alias: bool) -> str:
    """The literal beginning of what anchored pieces select: whole segments, the last one too if all are."""
    plain = [*takewhile(is_plain, pieces)]
    text = "".join(map(str, plain))
    if len(plain) < len(pieces):
        text = text[: text.rfind("/") + 1]
    try:
        return normalize_path(text) if has_alias else normalize_literal_path(text)
    except InvalidPathError:  # so nothing is there, and no backend is asked
        return "/"


def _part(pieces: Pieces, *, has_alias: bool) -> str | None:
    """The longest text that every path contains."""
    runs, run = [], ""
    may_be_alias = has_alias and (not pieces or type(pieces[0]) is not str)  # which is behind a slash only
    for piece in [*pieces, Braces()]:
        if is_plain(piece):
            run += str(piece)
            continue
        slash = "/" if run.endswith("/") and not isinstance(piece, Braces) else ""
        runs.append(_certain(run, may_be_alias=may_be_alias) + slash)
        may_be_alias = may_be_alias and isinstance(piece, Braces)
        run = ""
    return max(runs, key=len) or None


def _certain(run: str, *, may_be_alias: bool) -> str:
    """What every path contains of a plain text in a pattern, whatever is before it and behind it."""
    first, *others = run.split("/")
    segments = [first if first != "." else "", *(each for each in others if each not in {"", "."})]
    named = next((at for at, segment in enumerate(segments) if segment), None)
    if may_be_alias and named is not None and segments[named] in WORKSPACE:
        segments = ["", *segments[named + 1 :]]
    return "/".join(segments)


def _tidy_part(pattern: str, *, has_alias: bool) -> str:
    """A part of a path with what no canonical path has taken out."""
    segments = pattern.split("/")
    if len(segments) > 1 and ".." in segments:
        raise _leads_out(pattern)
    if len(segments) == 1:
        return pattern
    inner = [segment for segment in segments[1:-1] if segment not in {"", "."}]
    first, last = segments[0], segments[-1]
    tidied = "/".join(["" if first == "." else first, *inner, "" if last == "." else last])
    if not has_alias:
        return tidied
    if tidied == f"/{WORKSPACE}":
        return "/"
    return tidied.removeprefix(f"/{WORKSPACE}") if tidied.startswith(f"/{WORKSPACE}/") else tidied


def _leads_out(pattern: str) -> InvalidPatternError:
    return InvalidPatternError("a '..' segment in a pattern leads nowhere; leave it out", pattern=pattern)
