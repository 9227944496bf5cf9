"""What the refusal of an edit tells of the text that it searched: numbers of lines, and nothing of them.

The work is bounded whatever the text, and done in turns. A few words of the text to replace are looked for
at the speed of a search; of the places where they are a few get compared, and only their beginnings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from everstore.turns import in_turns

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from everstore.errors import EditError

__all__ = ["explain"]

_MOST_NEAREST = 3
_MOST_LINES = 10  # of an ambiguous text
_STRETCH = 1 << 18  # characters that are searched at once
_WORD = re.compile(r"\w{2,}")
_RUN = re.compile(r"\S+")  # where a text has no words, as ``x = 1``
_SQUEEZED_AT_ONCE = 1 << 16  # characters
_MOST_WORDS = 8
_MOST_HITS = 64  # of a word
_MOST_COMPARED = 24
_COMPARED = 240  # characters of a place
_COMPARED_LINES = 12
_LONGEST_BARE = 1 << 14  # characters of a text that is compared without its white space
_LEAST_ALIKE = 0.5


async def explain(error: EditError, old: str) -> None:
    """Add to the refusal of an edit on which lines ``old`` is, or which are nearest to it."""
    text = error.take_text()
    if text is None:
        return
    if error.matches:
        await in_turns(_tell_lines(error, text, old))
    else:
        await in_turns(_tell_nearest(error, text, old))


def _tell_lines(error: EditError, text: str, old: str) -> Iterator[int]:
    lines: list[int] = []
    line, counted, at = 1, 0, text.find(old)
    while at != -1 and len(lines) <= _MOST_LINES:
        line, counted = line + text.count("\n", counted, at), at
        lines.append(line)
        end = text.find("\n", at)  # what else begins in this line tells nothing more
        at = text.find(old, end + 1) if end != -1 else -1
        yield 0
    shown = lines[:_MOST_LINES]
    error.tell_lines(tuple(shown), and_others=len(lines) > len(shown))


def _tell_nearest(error: EditError, text: str, old: str) -> Iterator[int]:
    found: list[int] = []
    yield from _apart_from_line_ends(text, old, found)
    if found:
        error.tell_nearest((found[0],), "line ends")
        return
    places: list[int] = []
    yield from _candidates(text, old, places)
    alike: list[tuple[float, int]] = []
    for place in places:
        alike.append((-_likeness(text, place, old), place))
        yield _STRETCH
    nearest = [place for likeness, place in sorted(alike) if -likeness >= _LEAST_ALIKE][:_MOST_NEAREST]
    numbers = {}
    for place in nearest:
        numbers[place] = text.count("\n", 0, place) + 1
        yield 0
    bare = "".join(old.split()) if len(old) <= _LONGEST_BARE else ""
    if bare:
        yield from _apart_from_white_space(text, bare, found)
    if found:
        others = [number for number in numbers.values() if number != found[0]]
        error.tell_nearest((found[0], *others[: _MOST_NEAREST - 1]), "white space")
        return
    error.tell_nearest(tuple(numbers.values()))


def _apart_from_white_space(text: str, bare: str, found: list[int]) -> Iterator[int]:
    """Add the number of the line where a text begins that is ``bare`` but for its white space.

    It is no part of longer words: else whatever is short would be in many of them.
    """
    lines = tries = 0
    for start in range(0, len(text), _SQUEEZED_AT_ONCE):
        piece = text[start : start + _SQUEEZED_AT_ONCE + 2 * len(bare) + _COMPARED]
        squeezed = "".join(piece.split())
        at = squeezed.find(bare)
        while at != -1 and tries < _MOST_HITS:
            tries += 1
            first, last = _unsqueezed(piece, at), _unsqueezed(piece, at + len(bare) - 1)
            if not (_is_in_word(text, start + first) or _is_in_word(text, start + last + 1)):
                found.append(lines + piece.count("\n", 0, first) + 1)
                return
            at = squeezed.find(bare, at + 1)
            yield 0
        lines += text.count("\n", start, start + _SQUEEZED_AT_ONCE)
        yield 0


def _unsqueezed(piece: str, index: int) -> int:
    """Where the character is that has this index where there is no white space."""
    for run in _RUN.finditer(piece):
        if index < len(run[0]):
            return run.start() + index
        index -= len(run[0])
    return len(piece)


def _is_in_word(text: str, at: int) -> bool:
    """Whether a word goes on from one character to the next."""
    return _WORD.fullmatch(text[max(at - 1, 0) : at + 1]) is not None


def _apart_from_line_ends(text: str, old: str, found: list[int]) -> Iterator[int]:
    """Add the number of the line where ``old`` is but for its line ends."""
    if len(old) > _STRETCH or "\n" not in old or ("\r\n" not in old and "\r\n" not in text):
        return
    wanted, lines = old.replace("\r\n", "\n"), 0
    for start in range(0, len(text), _STRETCH):
        piece = text[start : start + _STRETCH + 2 * len(old)].replace("\r\n", "\n")
        at = piece.find(wanted)
        if at != -1:
            found.append(lines + piece.count("\n", 0, at) + 1)
            return
        lines += text.count("\n", start, start + _STRETCH)
        yield 0


def _candidates(text: str, old: str, places: list[int]) -> Iterator[int]:
    """Add where lines begin that have words of ``old``: those with the most, and the rarest, first."""
    weights: dict[int, float] = {}
    for word, above in _words_of(old):
        found: list[int] = []
        start = at = 0  # of the line of the last hit
        while len(found) < _MOST_HITS:
            last, at = at, (yield from _found(text, word, at))
            if at == -1:
                break
            start = text.rfind("\n", last, at) + 1 or start
            found.append(_line_above(text, start, above))
            at += len(word)
            yield 0
        for place in found:
            weights[place] = weights.get(place, 0) + 1 / len(found)
    places += sorted(weights, key=weights.__getitem__, reverse=True)[:_MOST_COMPARED]


def _words_of(old: str) -> list[tuple[str, int]]:
    """The longest words of the first lines of ``old``, in whole and in halves, and in which line each is."""
    words: dict[str, int] = {}
    lines = old[: _COMPARED * 4].split("\n")[:_COMPARED_LINES]
    for kind in (_WORD, _RUN):
        for number, line in enumerate(lines):
            for word in kind.findall(line):
                words.setdefault(word, number)
        if words:
            break
    longest = sorted(words, key=len, reverse=True)[:_MOST_WORDS]
    halves = {
        half: words[word]
        for word in longest[: _MOST_WORDS // 2]
        if len(word) >= 6
        for half in (word[: len(word) // 2], word[len(word) // 2 :])
    }
    return [*((word, words[word]) for word in longest), *halves.items()]


def _found(text: str, word: str, at: int) -> Generator[int, None, int]:
    """Where the word is from ``at`` on, or -1, looked for a stretch at a time."""
    while at < len(text):
        hit = text.find(word, at, at + _STRETCH + len(word))
        if hit != -1:
            return hit
        at += _STRETCH
        yield 0
    return -1


def _line_above(text: str, start: int, count: int) -> int:
    """Where the line begins that is so many above the one that begins at ``start``."""
    for _ in range(count):
        if start == 0:
            break
        start = text.rfind("\n", 0, start - 1) + 1
    return start


def _likeness(text: str, place: int, old: str) -> float:
    """How much of ``old`` is at a place, in order, from 0 to 1; white space around lines does not count."""
    from difflib import SequenceMatcher  # noqa: PLC0415 - loads when needed

    lines = min(old.count("\n") + 1, _COMPARED_LINES)
    wanted, there = _beginning(old, 0, lines), _beginning(text, place, lines)
    matcher = SequenceMatcher(None, there, wanted, autojunk=False)
    same = sum(size for _, _, size in matcher.get_matching_blocks())
    return (2 * same / (len(wanted) or 1) + matcher.ratio()) / 3


def _beginning(text: str, place: int, lines: int) -> str:
    """So many lines of a text, without white space around them, and no more of them than is compared."""
    some = text[place : place + 4 * _COMPARED].split("\n")[:lines]
    return "\n".join(line.strip() for line in some)[:_COMPARED]
