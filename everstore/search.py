"""The one matching engine: lines, literals, RE2 and globs (contract §5).

Every backend's answers come from here, so they agree to the last line number. A whole stretch of
text is searched first, and taken apart into lines only where there is a hit.
"""

from __future__ import annotations

import re
from itertools import chain, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from everstore.errors import InvalidArgumentError
from everstore.expressions import checked, compile_re2
from everstore.globs import Selection, compile_glob, compile_path_pattern
from everstore.lines import lines_after, lines_before
from everstore.literals import literal_of_regex, literal_of_text
from everstore.models import GrepMatch
from everstore.turns import MOST_AT_ONCE, in_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from threading import Event
    from typing import TypeVar

    from everstore.models import SessionFile

    T = TypeVar("T")

__all__ = ["MAX_CONTEXT", "Query", "Text", "compile_glob", "compile_path_pattern", "selected"]

MAX_CONTEXT = 100
"""Lines before a match, and after it, that a search gives at most."""

_WITH_CONTEXT = 1 << 16  # the same, where a stretch is taken apart
_LEAST_STRETCH = 1 << 12  # what is less is not worth a call
_LONGEST_STEP = 1 << 26  # what a step in a thread costs, so that it soon sees that it is not wanted
_ENTRY = 1 << 10  # what a file's own cost stands for
_HIT = 1 << 11  # and that of a match
_LOOKS_AT_ONCE = 16
# What would mean something else in a stretch of several lines than in each line by itself.
_ONE_LINE_ONLY = re.compile(r"\\[AzCQ]|\(\?[a-zA-Z]*-[a-zA-Z]*m")

_Hit = tuple[int, str]  # how many lines of the stretch come before it, and the line
_path = attrgetter("path")


class Text(msgspec.Struct, frozen=True, gc=False):
    """A text to search, for a backend that has not made a ``SessionFile`` of it."""

    path: str
    content: str
    encoding: str = "text"
    at_hand: ClassVar[str]
    """``content``, as a ``SessionFile`` has it."""


Text.at_hand = Text.content


async def selected(selection: Selection, items: Iterable[T], path_of: Callable[[T], str] = _path) -> list[T]:
    """Those of the items whose path is selected, in their order, found without holding the event loop."""
    if selection.is_all:
        return list(items)
    found: list[T] = []
    await in_turns(_select(selection, items, path_of, found))
    return found


def _select(
    selection: Selection, items: Iterable[T], path_of: Callable[[T], str], found: list[T]
) -> Iterator[int]:
    pending = 0
    weight = selection.weight
    for item in items:
        path = path_of(item)
        cost = weight * len(path) + _ENTRY
        pending += cost
        if pending > MOST_AT_ONCE:
            pending = 0
            yield cost
        if selection(path):
            found.append(item)


def _stretch_for(weight: int, *, apart: bool) -> int:
    """How much to search at once: a step on the event loop, or one in a thread when that would be little."""
    most = MOST_AT_ONCE // weight
    if most < _LEAST_STRETCH:
        most = min(MOST_AT_ONCE, max(_LEAST_STRETCH, _LONGEST_STEP // weight))
    return min(most, _WITH_CONTEXT) if apart else most


def _stretch_end(text: str, start: int, most: int) -> int:
    """Where the stretch that starts here ends: behind as many whole lines as fit, or behind one."""
    if len(text) - start <= most:
        return len(text)
    cut = text.rfind("\n", start, start + most)
    if cut == -1:
        cut = text.find("\n", start + most)
    return len(text) if cut == -1 else cut + 1


class _Neighbours:
    """The lines around those of a stretch, taken apart once, so that matches share them."""

    __slots__ = ("_above", "_after", "_before", "_lines", "_of", "_stretch")

    def __init__(self, before: int, after: int, of: tuple[str, int, int], stretch: str) -> None:
        """``of`` is the text, and where in it the stretch begins and ends."""
        self._before, self._after = before, after
        self._of = of
        self._stretch = stretch
        self._lines: list[str] = []
        self._above = 0

    def of_line(self, index: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The lines before line ``index`` of the stretch, and those after it."""
        if not self._lines:
            text, start, end = self._of
            above = lines_before(text, start, self._before)
            lines = self._stretch.split("\n")
            if not lines[-1]:
                del lines[-1]  # a final line end opens no further line
            self._lines = [*above, *lines, *lines_after(text, end, self._after)]
            self._above = len(above)
        at = index + self._above
        before = self._lines[max(0, at - self._before) : at]
        return tuple(before), tuple(self._lines[at + 1 : at + 1 + self._after])


def _check_context(before: int, after: int) -> None:
    for name, value in (("before", before), ("after", after)):
        if not isinstance(value, int) or not 0 <= value <= MAX_CONTEXT:
            raise InvalidArgumentError(f"{name} is a number of lines, 0 to {MAX_CONTEXT}, not {value!r:.50}")


class Query:
    """One search under way: which files it selects, and the matches found so far.

    Feed it the selected files in order of their paths, until ``add`` or ``run`` says that the limit
    is reached. For a backend that can filter before it reads: ``required`` is what every matching text
    contains, ``folded`` what it contains in one case or another where case is ignored (each ``None`` when
    nothing is known), and with ``literal`` containing it is also enough; ``selects`` knows of paths.
    """

    def __init__(
        self,
        pattern: str,
        path_pattern: str | None = None,
        *,
        regex: bool = False,
        ignore_case: bool = False,
        before: int = 0,
        after: int = 0,
        limit: int | None = None,
    ) -> None:
        """Compile the patterns; ``InvalidPatternError`` when one is wrong."""
        if limit is not None and (not isinstance(limit, int) or limit < 0):
            raise InvalidArgumentError(f"limit is a number of matches, 0 or more, not {limit!r:.50}")
        if before or after:
            _check_context(before, after)
        checked(pattern)
        self.matches: list[GrepMatch] = []
        self._starts: list[int] = []  # where in them each file's begin
        self.selects = compile_path_pattern(path_pattern)
        self.literal = None if regex or ignore_case else pattern
        self._before, self._after = before, after
        self.limit = limit
        self._line: Any = None
        self._stretch: Any = None
        if self.literal is None:
            options: Any = {"literal": not regex, "ignore_case": ignore_case}
            self._line = compile_re2(pattern, pattern=pattern, **options)
            if not regex:
                self._stretch = compile_re2(
                    pattern, pattern=pattern, never_newline="\n" not in pattern, **options
                )
            elif not _ONE_LINE_ONLY.search(pattern):
                self._stretch = compile_re2(f"(?m){pattern}", pattern=pattern, never_newline=True, **options)
        find = literal_of_regex if regex else literal_of_text
        self.required = find(pattern, ignore_case=ignore_case)
        self.folded = find(pattern, ignore_case=False) if ignore_case else None
        self._weight = 1
        if self._line is not None:
            self._weight = max(
                self._line.programsize, 1 if self._stretch is None else self._stretch.programsize
            )
        self._most = _stretch_for(self._weight, apart=before > 0 or after > 0)
        self._pending = 0  # what was done since the event loop could have its turn

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached."""
        return self.limit is not None and len(self.matches) >= self.limit

    async def run(self, files: Iterable[SessionFile | Text], *, in_thread: bool = False) -> list[GrepMatch]:
        """Search the files without holding the event loop; the matches, those of one file together.

        ``in_thread`` has a thread do all of it, for what is known to be much.
        """
        await in_turns(self._search(files), in_thread=in_thread)
        return self.matches

    async def add(self, file: SessionFile | Text) -> bool:
        """Search one file without holding the event loop; whether the limit is reached."""
        await in_turns(self._search((file,)))
        return self.is_full

    def add_now(self, path: str, text: str, unwanted: Event | None = None) -> bool:
        """Search one text at a stretch, for a backend's own thread; whether the limit is reached.

        It ends early, with an answer that nobody waits for, once ``unwanted`` is set.
        """
        if not self.is_full:
            for _ in self._scan(path, text):
                if unwanted is not None and unwanted.is_set():
                    break
        return self.is_full

    def sorted_matches(self) -> list[GrepMatch]:
        """The matches sorted by path, then line, whatever order the files were searched in."""
        if len(self._starts) < 2:
            return self.matches
        bounds = pairwise([*self._starts, len(self.matches)])
        spans = sorted((self.matches[start].path, start, end) for start, end in bounds)
        return [*chain.from_iterable(self.matches[start:end] for _, start, end in spans)]

    def clear(self) -> None:
        """Begin anew."""
        self.matches.clear()
        self._starts.clear()

    def _search(self, files: Iterable[SessionFile | Text]) -> Iterator[int]:
        """Search files; the steps that ``turns`` wants."""
        required, selects = self.required, None if self.selects.is_all else self.selects
        for file in files:
            if self.is_full:
                return
            self._pending += _ENTRY
            text = file.at_hand  # no base64 is made for a search
            if text is None:
                continue
            if selects is not None:
                cost = selects.weight * len(file.path)
                self._pending += cost
                if cost > MOST_AT_ONCE:
                    yield cost
                if not selects(file.path):
                    continue
            if required is None or len(text) > MOST_AT_ONCE or required in text:
                if file.encoding == "text":
                    yield from self._scan(file.path, text)
            else:
                self._pending += len(text)
            if self._pending > MOST_AT_ONCE:
                self._pending = 0
                yield 0

    def _scan(self, path: str, text: str) -> Iterator[int]:
        """Add a text's matches; the steps that ``turns`` wants."""
        start, number, found = 0, 1, len(self.matches)
        while start < len(text):
            end = _stretch_end(text, start, self._most)
            cost = (end - start) * self._weight
            self._pending += cost
            if self._pending > MOST_AT_ONCE:
                self._pending = cost
                # A literal is looked for in steps of its own, however long a line.
                yield 0 if self.literal is not None else cost
            # A '\r' that a cut would part from its '\n' cannot be: stretches end behind '\n'.
            stretch = text[start:end].replace("\r\n", "\n")
            neighbours = _Neighbours(self._before, self._after, (text, start, end), stretch).of_line
            for hit in self._hits(stretch):
                self._pending += MOST_AT_ONCE if hit is None else _HIT
                if self._pending > MOST_AT_ONCE:
                    self._pending = 0
                    yield 0
                if hit is None:
                    continue
                if len(self.matches) == found:
                    self._starts.append(found)
                index, line = hit
                around = neighbours(index) if self._before or self._after else ((), ())
                self.matches.append(GrepMatch(path, number + index, line, *around))
                if self.is_full:
                    return
            number += stretch.count("\n")
            start = end

    def _hits(self, stretch: str) -> Iterator[_Hit | None]:
        """The matching lines of a stretch, and ``None`` where much was looked at in vain."""
        if self.literal is not None:
            return _literal_hits(stretch, self.literal)
        return self._regex_hits(stretch.encode())

    def _regex_hits(self, stretch: bytes) -> Iterator[_Hit | None]:
        at = before = counted = misses = 0
        while at < len(stretch):
            hit = at
            if self._stretch is not None:
                found = self._stretch.search(stretch, at)
                if found is None:
                    break
                hit = found.start()
            start = stretch.rfind(b"\n", 0, hit) + 1
            end = stretch.find(b"\n", hit)
            end = len(stretch) if end == -1 else end
            if start >= len(stretch):  # behind the last line's end, where '$' matches too
                break
            before += stretch.count(b"\n", counted, start)
            counted = start
            line = stretch[start:end]
            if self._line.search(line) is not None:
                yield before, line.decode()
            else:
                misses += 1
                if not misses % _LOOKS_AT_ONCE:
                    yield None
            at = end + 1


def _literal_hits(stretch: str, literal: str) -> Iterator[_Hit | None]:
    at = before = counted = 0
    while at < len(stretch):
        hit = stretch.find(literal, at, at + MOST_AT_ONCE + len(literal))
        if hit == -1:
            at += MOST_AT_ONCE + 1  # only a line longer than a stretch gets here twice
            yield None
            continue
        start = stretch.rfind("\n", 0, hit) + 1
        end = stretch.find("\n", hit)
        end = len(stretch) if end == -1 else end
        before += stretch.count("\n", counted, start)
        counted = start
        line = stretch[start:end]
        if literal in line:  # not when the literal itself holds a line end
            yield before, line
        at = end + 1
