"""The one matching engine: lines, literals, RE2 and globs (contract §5).

Every backend's answers come from here, so they agree to the last line number. A whole stretch of
text is searched first, and taken apart into lines only where there is a hit.
"""

from __future__ import annotations

import asyncio
import re
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from everstore.errors import InvalidArgumentError
from everstore.expressions import checked, compile_re2
from everstore.globs import compile_glob, compile_path_pattern
from everstore.literals import literal_of_regex, literal_of_text
from everstore.models import FileLines, GrepMatch, NumberedLine

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from everstore.models import SessionFile

__all__ = ["Query", "compile_glob", "compile_path_pattern", "lines_of"]

_SLICE_SECONDS = 0.002  # how long a search may hold the event loop
_STRETCH = 1 << 18  # characters searched at once: well under a slice for every kind of pattern
_ENTRY = 1 << 10  # characters that a file's own cost stands for
_HITS_A_TURN = 16  # what is looked at one by one between two looks at the clock
# What would mean something else in a stretch of several lines than in each line by itself.
_ONE_LINE_ONLY = re.compile(r"\\[AzCQ]|\(\?[a-zA-Z]*-[a-zA-Z]*m")

_Hit = tuple[int, str]  # how many lines of the stretch come before it, and the line


def _stretch_end(text: str, start: int) -> int:
    """Where the stretch that starts here ends: behind as many whole lines as fit, or behind one."""
    if len(text) - start <= _STRETCH:
        return len(text)
    cut = text.rfind("\n", start, start + _STRETCH)
    if cut == -1:
        cut = text.find("\n", start + _STRETCH)
    return len(text) if cut == -1 else cut + 1


def lines_of(path: str, text: str, start: int, limit: int | None, revision: str) -> FileLines:
    """Lines ``start`` and following of a text, at most ``limit``."""
    at = 0
    for _ in range(start - 1):
        end = text.find("\n", at)
        if end == -1:
            at = len(text)
            break
        at = end + 1
    lines: list[NumberedLine] = []
    while at < len(text) and (limit is None or len(lines) < limit):
        line, at = _line_at(text, at)
        lines.append(NumberedLine(start + len(lines), line))
    return FileLines(path, tuple(lines), has_more=at < len(text), revision=revision)


def _line_at(text: str, start: int) -> tuple[str, int]:
    """The line that starts here, and where the next one does."""
    end = text.find("\n", start)
    if end == -1:
        return text[start:], len(text)
    return text[start : end - 1 if text.startswith("\r", end - 1, end) and end > start else end], end + 1


def _lines_after(text: str, offset: int, count: int) -> list[str]:
    lines: list[str] = []
    while len(lines) < count and offset < len(text):
        line, offset = _line_at(text, offset)
        lines.append(line)
    return lines


def _lines_before(text: str, offset: int, count: int) -> list[str]:
    lines: list[str] = []
    while len(lines) < count and offset > 0:
        start = text.rfind("\n", 0, offset - 1) + 1
        lines.append(_line_at(text, start)[0])
        offset = start
    return lines[::-1]


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
        for name, value in (("before", before), ("after", after), ("limit", limit or 0)):
            if not isinstance(value, int) or value < 0:
                raise InvalidArgumentError(f"{name} is a number of lines, 0 or more, not {value!r:.50}")
        checked(pattern)
        self.matches: list[GrepMatch] = []
        self.selects = compile_path_pattern(path_pattern)
        self._everything = path_pattern is None
        self.literal = None if regex or ignore_case else pattern
        find = literal_of_regex if regex else literal_of_text
        self.required = find(pattern, ignore_case=ignore_case)
        self.folded = find(pattern, ignore_case=False) if ignore_case else None
        self._before, self._after = before, after
        self._limit = limit
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

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached."""
        return self._limit is not None and len(self.matches) >= self._limit

    async def run(self, files: Iterable[SessionFile]) -> list[GrepMatch]:
        """Search the files, leaving the event loop free at least every few milliseconds."""
        required = self.required
        everything = self._everything
        until = time.perf_counter() + _SLICE_SECONDS
        unclocked = 0  # characters: looking at the clock costs as much as searching a small file
        for file in files:
            unclocked += _ENTRY
            text = file.content
            if text is not None and (everything or self.selects(file.path)):
                size = len(text)
                unclocked += size
                if required is None or size > _STRETCH or required in text:
                    if await self.add(file):
                        break
                    unclocked = _STRETCH
            if unclocked >= _STRETCH:
                unclocked = 0
                if time.perf_counter() > until:
                    await asyncio.sleep(0)
                    until = time.perf_counter() + _SLICE_SECONDS
        return self.matches

    async def add(self, file: SessionFile) -> bool:
        """Search one file without holding the event loop; whether the limit is reached."""
        if file.content is None or file.encoding != "text" or self.is_full:
            return self.is_full
        scan = self._scan(file.path, file.content)
        until = time.perf_counter() + _SLICE_SECONDS
        answer: object = None
        while True:
            try:
                work = scan.send(answer)
            except StopIteration:
                return self.is_full
            answer = await asyncio.to_thread(work) if work else None
            if time.perf_counter() > until:
                await asyncio.sleep(0)
                until = time.perf_counter() + _SLICE_SECONDS

    def add_now(self, path: str, text: str) -> bool:
        """Search one text at a stretch, for a backend's own thread; whether the limit is reached."""
        if not self.is_full:
            scan = self._scan(path, text)
            answer: object = None
            while True:
                try:
                    work = scan.send(answer)
                except StopIteration:
                    break
                answer = work() if work else None
        return self.is_full

    def _scan(self, path: str, text: str) -> Generator[Callable[[], object] | None, object, None]:
        """Add a text's matches; yields wherever the event loop may have a turn.

        What it yields is ``None``, or work whose answer it wants: a line of many megabytes, that
        RE2 searches without holding the interpreter's lock.
        """
        start, number = 0, 1
        while start < len(text):
            end = _stretch_end(text, start)
            # A '\r' that a cut would part from its '\n' cannot be: stretches end behind '\n'.
            stretch = text[start:end].replace("\r\n", "\n")
            hits: Iterable[_Hit | None] = self._hits(stretch)
            if self.literal is None and len(stretch) > _STRETCH:
                hits = cast("Iterable[_Hit | None]", (yield partial(list, hits)))
            lines: list[str] = []
            for turn, hit in enumerate(hits, 1):
                if hit is not None:
                    index, line = hit
                    before: tuple[str, ...] = ()
                    after: tuple[str, ...] = ()
                    if self._before or self._after:
                        lines = lines or stretch.split("\n")
                        before, after = self._context(text, start, end, lines, index)
                    self.matches.append(GrepMatch(path, number + index, line, before, after))
                    if self.is_full:
                        return
                if hit is None or not turn % _HITS_A_TURN:
                    yield None
            number += stretch.count("\n")
            start = end
            yield None

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
                if not misses % _HITS_A_TURN:
                    yield None
            at = end + 1

    def _context(
        self, text: str, start: int, end: int, lines: list[str], index: int
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The neighbours of line ``index`` of the stretch that is ``text[start:end]``."""
        count = len(lines) - (not lines[-1])  # a final line end opens no further line
        before = lines[max(0, index - self._before) : index]
        after = lines[index + 1 : min(index + 1 + self._after, count)]
        before = _lines_before(text, start, self._before - len(before)) + before
        after += _lines_after(text, end, self._after - len(after))
        return tuple(before), tuple(after)


def _literal_hits(stretch: str, literal: str) -> Iterator[_Hit | None]:
    at = before = counted = 0
    while at < len(stretch):
        hit = stretch.find(literal, at, at + _STRETCH + len(literal))
        if hit == -1:
            at += _STRETCH + 1  # only a line longer than a stretch gets here twice
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
