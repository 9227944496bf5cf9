"""What the pieces of a glob mean to RE2: within a segment, and from the root on."""

from __future__ import annotations

import re

from everstore.expressions import LONGEST, too_large
from everstore.glob_pieces import MEANINGS, Braces, Class, Mark, Pieces, is_mark

__all__ = ["WORKSPACE", "Reading", "expression_of"]

WORKSPACE = "workspace"
"""The alias of the root (§2.2.4)."""


def expression_of(pieces: Pieces) -> str:
    """What the pieces mean to RE2 within a segment."""
    return "".join(
        "(?:" + "|".join(map(expression_of, piece)) + ")" if isinstance(piece, Braces) else _meaning(piece)
        for piece in pieces
    )


# Where a reader of a pattern with slashes is: at its beginning, behind a slash there, at the beginning of
# another segment, within one, or behind what may come to nothing there, which is not written yet.
_START, _ROOT, _BEGIN, _WITHIN = "start", "root", "begin", "within"
_Place = tuple[
    str, str
]  # one of these, and what is not written yet: '.', '**', '**/' or the alias's beginning
_INSIDE: _Place = (_WITHIN, "")


class Reading:
    """What a pattern with slashes means, from the root on.

    Empty and ``.`` segments and the alias of the root, if there is one, mean nothing, and ``**/`` may,
    whichever braces their characters are in. So what braces mean depends on where a segment begins: they
    are read once for each place that they may be met at, and the ways of a pattern are told apart only
    until they come to the same place.
    """

    def __init__(self, pattern: str, *, has_alias: bool) -> None:
        self._pattern = pattern
        self._has_alias = has_alias
        self._read: dict[tuple[int, _Place], dict[_Place, str]] = {}

    def of(self, pieces: Pieces) -> str:
        """The expression of all of it."""
        ways = self._walk(pieces, (_START, ""))
        return self._either([way + self._last(kept) for (_, kept), way in ways.items()])

    def _walk(self, pieces: Pieces, start: _Place) -> dict[_Place, str]:
        """Where the pieces may lead, and by which expression each."""
        common, ways = "", {start: ""}
        for piece in pieces:
            # From several places on, a piece often means the same: then they are one from here on.
            alike: dict[tuple[tuple[_Place, str], ...], list[str]] = {}
            for place, way in ways.items():
                met = self._steps(piece, place)
                slash = "/" if all(more.startswith("/") for more in met.values()) else ""
                key = tuple((reached, more.removeprefix(slash)) for reached, more in met.items())
                alike.setdefault(key, []).append(way + slash)
            found: dict[_Place, list[str]] = {}
            for steps, each in alike.items():
                way = self._either(each)
                if len(alike) == 1:
                    common, way = common + way, ""
                for reached, more in steps:
                    found.setdefault(reached, []).append(way + more)
            ways = {place: self._either(each) for place, each in found.items()}
        return {place: common + way for place, way in ways.items()}

    def _steps(self, piece: str | Braces, place: _Place) -> dict[_Place, str]:
        if not isinstance(piece, Braces):
            reached, written = self._step(piece, place)
            return {reached: written}
        if (id(piece), place) not in self._read:
            found: dict[_Place, list[str]] = {}
            for alternative in piece:
                for reached, way in self._walk(alternative, place).items():
                    found.setdefault(reached, []).append(way)
            self._read[id(piece), place] = {reached: self._either(each) for reached, each in found.items()}
        return self._read[id(piece), place]

    def _step(self, piece: str, place: _Place) -> tuple[_Place, str]:
        written = ""
        if type(piece) is str:
            while piece and place[0] != _WITHIN:
                place, more = self._one(piece[0], place)
                written, piece = written + more, piece[1:]
            return place, written + re.escape(piece)
        return self._one(piece, place)

    def _one(self, one: str, place: _Place) -> tuple[_Place, str]:
        """Read a mark, a class or one character."""
        where, kept = place
        if is_mark(one, "/"):
            return self._slash(place)
        if where == _WITHIN:
            return place, _meaning(one)
        if is_mark(one, "**") and kept in {"", "**/"}:
            return (where, "**"), ""
        longer = kept + one
        is_alias = self._has_alias and where == _ROOT and WORKSPACE.startswith(longer)
        if type(one) is str and (is_alias or longer in {".", "**/."}):
            return (where, longer), ""
        return _INSIDE, self._written(kept) + ("/" if kept in {"", "**/"} else "") + _meaning(one)

    def _slash(self, place: _Place) -> tuple[_Place, str]:
        where, kept = place
        if kept.startswith("**"):
            return (_BEGIN, "**/"), ""
        if kept in {"", "."} and where != _WITHIN:
            return (_ROOT if where == _ROOT or place == (_START, "") else _BEGIN, ""), ""
        return (_BEGIN, ""), "" if kept == WORKSPACE else self._written(kept)

    @staticmethod
    def _written(kept: str) -> str:
        """What was not written yet, where more of the pattern follows it."""
        segments = {"": "", "**": "/.*", "**/": "(?:/.*)?", "**/.": "(?:/.*)?/\\."}
        return segments[kept] if kept in segments else f"/{re.escape(kept)}"

    def _last(self, kept: str) -> str:
        """The same, where nothing follows it."""
        return "/.*" if kept.startswith("**") else "" if kept in {".", WORKSPACE} else self._written(kept)

    def _either(self, ways: list[str]) -> str:
        if sum(map(len, ways)) > LONGEST:
            raise too_large(self._pattern)
        ways = list(dict.fromkeys(ways))
        if len(ways) == 1:
            return ways[0]
        slash = "/" if all(way.startswith("/") for way in ways) else ""
        return slash + "(?:" + "|".join(way.removeprefix(slash) for way in ways) + ")"


def _meaning(piece: str) -> str:
    if isinstance(piece, Class):
        return _class_expression(piece)
    return MEANINGS[piece] if isinstance(piece, Mark) else re.escape(piece)


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
