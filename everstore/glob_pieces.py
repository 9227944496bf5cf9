"""A glob in pieces: text, the characters that stand for more than themselves, classes, and braces."""

from __future__ import annotations

from typing import Union

from everstore.errors import InvalidPatternError

__all__ = ["MEANINGS", "Braces", "Class", "Mark", "Parser", "Pieces", "is_mark", "is_plain", "without_slash"]

_DEEPEST = 32  # braces within braces


class Mark(str):
    """A character that stands for more than itself: ``/``, ``*``, ``**`` or ``?``."""

    __slots__ = ()


class Class(str):
    """The members of a class in brackets."""

    __slots__ = ()


class Braces(list["Pieces"]):
    """Alternatives."""


Pieces = list[Union[str, Braces]]  # noqa: UP007 - a string's own operator is not there at run time
"""A pattern in pieces; a plain ``str`` is itself."""

_STARS = Mark("**")
MEANINGS = {"/": "/", "*": "[^/]*", "**": ".*", "?": "[^/]"}
"""What each of them is to RE2."""


class Parser:
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

    def cuts(self) -> tuple[list[int], int | None]:
        """Where slashes end whole segments, up to what crosses segments, and where that begins."""
        pattern, at = self._pattern, 0
        cuts: list[int] = []
        while at < len(pattern):
            end = self._groups[at][-1] if at in self._groups else self._class_ends.get(at, at)
            if pattern.startswith("**", at) or "/" in pattern[at + 1 : end] or "**" in pattern[at:end]:
                return cuts, at
            if pattern[at] == "/":
                cuts.append(at)
            at = end + 1
        return cuts, None

    def _parse(self, at: int, end: int, depth: int) -> Pieces:
        if depth > _DEEPEST:
            raise InvalidPatternError(
                f"the pattern has braces more than {_DEEPEST} deep", pattern=self._pattern
            )
        pieces: Pieces = []
        while at < end:
            piece, at = self._piece(at, depth)
            if type(piece) is str and pieces and type(pieces[-1]) is str:
                pieces[-1] += piece
            else:
                pieces.append(piece)
        return pieces

    def _piece(self, at: int, depth: int) -> tuple[str | Braces, int]:
        """The piece that starts here, and where the next one does."""
        pattern = self._pattern
        if at in self._groups:
            braces = Braces()
            for stop in self._groups[at]:
                pieces = self._parse(at + 1, stop, depth + 1)
                inner = pieces[0] if len(pieces) == 1 else None
                braces += inner if isinstance(inner, Braces) else [pieces]
                at = stop
            return braces, at + 1
        if at in self._class_ends:
            end = self._class_ends[at]
            return Class(pattern[at + 1 : end]), end + 1
        if pattern.startswith("**", at):
            return _STARS, at + 2
        one = pattern[at]
        return (Mark(one) if one in MEANINGS else one), at + 1


def _class_end(pattern: str, start: int) -> int:
    # A ']' that comes first is a member of the class.
    first = start + 2 if pattern[start + 1 : start + 2] in {"!", "^"} else start + 1
    return pattern.find("]", first + 1)


def without_slash(pieces: Pieces) -> Pieces | None:
    """The pieces with those alternatives only that have no slash; ``None`` when there are none."""
    kept: Pieces = []
    for piece in pieces:
        if isinstance(piece, Braces):
            plain = [alternative for each in piece if (alternative := without_slash(each)) is not None]
            if not plain:
                return None
            kept.append(Braces(plain))
        elif is_mark(piece, "/"):
            return None
        else:
            kept.append(piece)
    return kept


def is_plain(piece: str | Braces) -> bool:
    """Whether a piece is text, or a slash."""
    return type(piece) is str or is_mark(piece, "/")


def is_mark(piece: str | Braces, mark: str) -> bool:
    """Whether a piece is this character, standing for more than itself."""
    return isinstance(piece, Mark) and piece == mark
