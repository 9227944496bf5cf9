"""Globs and path patterns: which canonical paths they select (contract §5.3).

A glob is read twice: with its special characters, as one RE2 expression however many alternatives its
braces make; and as the plain spelling of a path, so that ``app/[id]/page.tsx`` finds that very file.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import takewhile
from typing import TYPE_CHECKING, Union

from everstore.errors import InvalidPathError, InvalidPatternError
from everstore.expressions import checked, compile_re2
from everstore.paths import normalize_path

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Selection", "compile_glob", "compile_path_pattern"]

_DEEPEST = 32  # braces within braces
_LONGEST_KNOWN = 256  # characters
_SPECIAL = re.compile(r"[*?\[]")
_BOUNDS = re.compile(r"[/{},]")  # of what may become a segment
_WORKSPACE = "workspace"


class _Mark(str):
    """A character that stands for more than itself: ``/``, ``*``, ``**`` or ``?``."""

    __slots__ = ()


class _Class(str):
    """The members of a class in brackets."""

    __slots__ = ()


class _Braces(list["_Pieces"]):
    """Alternatives; ``has_slash`` when each of them ends with the slash behind them, or is nothing."""

    has_slash = False


_Pieces = list[Union[str, _Braces]]  # noqa: UP007 - a string's own operator is not there at run time
"""A pattern in pieces; a plain ``str`` is itself."""

_SLASH, _STAR, _STARS, _ANY = _Mark("/"), _Mark("*"), _Mark("**"), _Mark("?")
_MEANINGS = {"/": "/", "*": "[^/]*", "**": ".*", "?": "[^/]"}


class Selection:
    """Which canonical paths a pattern selects: call it with one.

    For a backend that can look at fewer: every selected path is ``top`` or below it (``"/"`` when it may
    be anywhere), and contains ``part`` (``None`` when nothing is known). ``weight`` is what a character
    of a path may cost, in instructions.
    """

    __slots__ = ("_matches", "part", "top", "weight")

    def __init__(
        self, matches: Callable[[str], bool], *, top: str = "/", part: str | None = None, weight: int = 1
    ) -> None:
        """Made by ``compile_glob`` and ``compile_path_pattern``."""
        self._matches = matches
        self.top = top
        self.part = part
        self.weight = weight

    def __call__(self, path: str) -> bool:
        """Whether the path is selected."""
        return self._matches(path)


_EVERYTHING = Selection(lambda _path: True)


def compile_path_pattern(pattern: str | None) -> Selection:
    """What a grep's ``path_pattern`` selects (§5.3): a substring, or a glob; all paths when there is none.

    ``InvalidPatternError`` for what ``compile_glob`` refuses.
    """
    if pattern is None:
        return _EVERYTHING
    if _SPECIAL.search(checked(pattern)) or ("{" in pattern and _Parser(pattern).has_braces):
        return compile_glob(pattern)
    part = _tidy_part(pattern)
    return Selection(lambda path: part in path, part=part or None)


def compile_glob(pattern: str) -> Selection:
    """What a glob selects (§5.3).

    ``*`` and ``?`` stay within a segment, ``**`` crosses them, ``[a-z]`` and ``[!a-z]`` are one
    character of a segment, ``{a,b}`` is either; what nothing closes is itself. A pattern without ``/``
    matches the last segment at any depth. A file whose path is spelled exactly so is selected, too.
    Linear in time, whatever the pattern. ``InvalidPatternError`` when it leads out (``..``), or is too large.
    """
    return _compile_known(pattern) if len(checked(pattern)) <= _LONGEST_KNOWN else _compile(pattern)


@lru_cache(maxsize=128)  # an agent asks for the same few again and again
def _compile_known(pattern: str) -> Selection:
    return _compile(pattern)


def _compile(pattern: str) -> Selection:
    parser = _Parser(pattern)
    if ".." in (_BOUNDS.split(pattern) if parser.has_braces else pattern.split("/")):
        raise _leads_out(pattern)
    spelled = [segment for segment in pattern.split("/") if segment not in {"", "."}]
    pieces = parser.pieces
    anywhere = _without_slash(pieces)  # its alternatives that are the name of a file, at any depth
    readings = []
    tidied = _tidy(pieces, begins=True)
    if anywhere is not None:
        readings.append("/(?:.*/)?" + _expression(anywhere))
    if "/" in pattern:
        readings.append("/" + _expression(tidied))
    if parser.is_ambiguous:
        if pattern.startswith("/") and spelled[:1] == [_WORKSPACE]:
            del spelled[0]
        readings.append(("/" if "/" in pattern else "/(?:.*/)?") + re.escape("/".join(spelled)))
    program = compile_re2("|".join(readings), pattern=pattern, dot_matches_newline=True)
    fullmatch = program.fullmatch
    return Selection(
        lambda path: fullmatch(path.encode()) is not None,
        top="/" if anywhere is not None else _top(tidied),
        part=_part(tidied),
        weight=program.programsize,
    )


class _Parser:
    """A pattern's pieces; ``is_ambiguous`` when these may not match their own text."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._class_ends: dict[int, int] = {}
        self._groups: dict[int, list[int]] = {}  # where braces open: their commas, and their end
        self._find_groups()
        self.has_braces = bool(self._groups)
        self.is_ambiguous = self.has_braces or bool(self._class_ends)
        self.pieces = self._parse(0, len(pattern), 0)

    def _find_groups(self) -> None:
        pattern, at = self._pattern, 0
        opened: list[tuple[int, list[int]]] = []
        while at < len(pattern):
            character = pattern[at]
            if character == "[" and (end := _class_end(pattern, at)) != -1:
                self._class_ends[at] = at = end
            elif character == "{":
                opened.append((at, []))
            elif character == "," and opened:
                opened[-1][1].append(at)
            elif character == "}" and opened:
                start, commas = opened.pop()
                if commas:
                    self._groups[start] = [*commas, at]
            at += 1

    def _parse(self, at: int, end: int, depth: int) -> _Pieces:
        if depth > _DEEPEST:
            raise InvalidPatternError(
                f"the pattern has braces more than {_DEEPEST} deep", pattern=self._pattern
            )
        pieces: _Pieces = []
        while at < end:
            piece, at = self._piece(at, depth)
            if type(piece) is str and pieces and type(pieces[-1]) is str:
                pieces[-1] += piece
            else:
                pieces.append(piece)
        return pieces

    def _piece(self, at: int, depth: int) -> tuple[str | _Braces, int]:
        """The piece that starts here, and where the next one does."""
        pattern = self._pattern
        if at in self._groups:
            braces = _Braces()
            for stop in self._groups[at]:
                pieces = self._parse(at + 1, stop, depth + 1)
                inner = pieces[0] if len(pieces) == 1 else None
                braces += inner if isinstance(inner, _Braces) else [pieces]
                at = stop
            return braces, at + 1
        if at in self._class_ends:
            end = self._class_ends[at]
            return _Class(pattern[at + 1 : end]), end + 1
        if pattern.startswith("**", at):
            return _STARS, at + 2
        one = pattern[at]
        return (_Mark(one) if one in _MEANINGS else one), at + 1


def _class_end(pattern: str, start: int) -> int:
    # A ']' that comes first is a member of the class.
    first = start + 2 if pattern[start + 1 : start + 2] in {"!", "^"} else start + 1
    return pattern.find("]", first + 1)


def _without_slash(pieces: _Pieces) -> _Pieces | None:
    """The pieces with those alternatives only that have no slash; ``None`` when there are none."""
    kept: _Pieces = []
    for piece in pieces:
        if isinstance(piece, _Braces):
            plain = [alternative for each in piece if (alternative := _without_slash(each)) is not None]
            if not plain:
                return None
            kept.append(_Braces(plain))
        elif _is_mark(piece, "/"):
            return None
        else:
            kept.append(piece)
    return kept


def _tidy(pieces: _Pieces, *, opens: bool = True, closes: bool = True, begins: bool = False) -> _Pieces:
    """The pieces without empty and ``.`` segments, and without what is an alias of the root.

    ``opens`` and ``closes`` say whether a segment starts before them and ends behind them, ``begins`` whether
    the pattern starts with them.
    """
    segments = _split(pieces)
    kept: list[tuple[_Pieces, bool]] = []
    for number, segment in enumerate(segments):
        left, right = number > 0 or opens, number < len(segments) - 1 or closes
        tidied = [
            piece if not isinstance(piece, _Braces)
            else _Braces(
                _tidy(
                    each,
                    opens=left and at == 0,
                    closes=right and at == len(segment) - 1,
                    begins=begins and number == at == 0,
                )
                for each in piece
            )
            for at, piece in enumerate(segment)
        ]  # fmt: skip
        whole = left and right
        if not whole or (tidied and not _is_text(tidied, ".")):
            kept.append((tidied, whole))
    if begins and len(segments) > 1 and not segments[0] and kept and _is_text(kept[0][0], _WORKSPACE):
        del kept[0]
    return _joined(kept)


def _split(pieces: _Pieces) -> list[_Pieces]:
    segments: list[_Pieces] = [[]]
    for piece in pieces:
        if _is_mark(piece, "/"):
            segments.append([])
        else:
            segments[-1].append(piece)
    return segments


def _joined(segments: list[tuple[_Pieces, bool]]) -> _Pieces:
    """Segments with slashes between them: within the braces of one that may be nothing, or any number."""
    joined: _Pieces = []
    for number, (segment, whole) in enumerate(segments):
        only = segment[0] if len(segment) == 1 and whole else None
        is_last = number == len(segments) - 1
        if isinstance(only, _Braces) and any(not each or _ends_with_stars(each) for each in only):
            if not is_last:
                joined.append(_with_slash(only))
                continue
            if joined and _is_mark(joined[-1], "/") and not all(only):
                joined.pop()
                joined.append(_Braces([_SLASH, *each] if each else [] for each in only))
                continue
        joined += segment if is_last else [*segment, _SLASH]
    return joined


def _with_slash(braces: _Braces) -> _Braces:
    closed = _Braces([*each, _SLASH] if each else [] for each in braces)
    closed.has_slash = True
    return closed


def _ends_with_stars(pieces: _Pieces) -> bool:
    return _is_mark(pieces[-1], "**") and (len(pieces) == 1 or _is_mark(pieces[-2], "/"))


def _is_mark(piece: str | _Braces, mark: str) -> bool:
    return isinstance(piece, _Mark) and piece == mark


def _is_text(pieces: _Pieces, text: str | None = None) -> bool:
    """Whether a segment is plain text, or this text."""
    return len(pieces) == 1 and type(pieces[0]) is str and text in {None, pieces[0]}


def _expression(pieces: _Pieces, *, opens: bool = True) -> str:
    """What the pieces mean to RE2; ``opens`` when a segment starts with them."""
    out: list[str] = []
    at = 0
    while at < len(pieces):
        piece = pieces[at]
        at += 1
        if isinstance(piece, _Braces):
            out.append("(?:" + "|".join(_expression(each, opens=opens) for each in piece) + ")")
            opens = opens and piece.has_slash
            continue
        if opens and _is_mark(piece, "**") and at < len(pieces) and _is_mark(pieces[at], "/"):
            out.append("(?:.*/)?")
            at += 1
            continue
        out.append(_meaning(piece))
        opens = _is_mark(piece, "/")
    return "".join(out)


def _meaning(piece: str) -> str:
    if isinstance(piece, _Class):
        return _class_expression(piece)
    return _MEANINGS[piece] if isinstance(piece, _Mark) else re.escape(piece)


def _class_expression(members: str) -> str:
    negated = members[0] in "!^"
    codes = [ord(character) for character in (members[1:] if negated else members)]
    ranges: list[tuple[int, int]] = []
    at = 0
    while at < len(codes):
        width = 3 if len(codes) - at > 2 and codes[at + 1] == ord("-") else 1
        ranges.append((codes[at], codes[at + width - 1]))
        at += width
    slash = ord("/")  # no class crosses a segment
    if negated:
        ranges.append((slash, slash))
    else:
        ranges = [
            part
            for low, high in ranges
            for part in ((low, min(high, slash - 1)), (max(low, slash + 1), high))
        ]
    inside = "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in ranges if low <= high)
    if negated:
        return f"[^{inside}]"
    return f"[{inside}]" if inside else "[^\\x00-\\x{10ffff}]"


def _top(pieces: _Pieces) -> str:
    """The literal beginning of what anchored pieces select: whole segments, the last one too if all are."""
    segments = _split(pieces)
    texts = [segment[0] for segment in takewhile(_is_text, segments)]
    top = "/" + "/".join(str(text) for text in texts)
    try:
        return top if normalize_path(top) == top else "/"
    except InvalidPathError:  # so nothing is there, and no backend is asked
        return "/"


def _part(pieces: _Pieces) -> str | None:
    """The longest text that every path contains."""
    runs = [""]
    opens = True
    for at, piece in enumerate(pieces):
        optional = opens and at > 0 and _is_mark(pieces[at - 1], "**") and _is_mark(piece, "/")
        if type(piece) is str or (_is_mark(piece, "/") and not optional):
            runs[-1] += str(piece)
        else:
            runs.append("")
        opens = opens if _is_mark(piece, "**") else _is_mark(piece, "/")
    return max(runs, key=len) or None


def _tidy_part(pattern: str) -> str:
    """A part of a path with what no canonical path has taken out."""
    segments = pattern.split("/")
    if len(segments) > 1 and ".." in segments:
        raise _leads_out(pattern)
    if len(segments) == 1:
        return pattern
    inner = [segment for segment in segments[1:-1] if segment not in {"", "."}]
    first, last = segments[0], segments[-1]
    tidied = "/".join(["" if first == "." else first, *inner, "" if last == "." else last])
    if tidied == f"/{_WORKSPACE}":
        return "/"
    return tidied.removeprefix(f"/{_WORKSPACE}") if tidied.startswith(f"/{_WORKSPACE}/") else tidied


def _leads_out(pattern: str) -> InvalidPatternError:
    return InvalidPatternError("a '..' segment in a pattern leads nowhere; leave it out", pattern=pattern)
