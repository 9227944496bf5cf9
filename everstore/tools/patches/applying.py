"""Hunks applied to a text."""

from __future__ import annotations

from itertools import count as counting
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from everstore.tools.patches.model import Hunk

__all__ = ["MisfitError", "apply_hunks"]

_MOST_PLACES = 5  # that are told


class MisfitError(Exception):
    """A hunk that fits nowhere, or in several places; ``old`` are the lines that it wants there."""

    def __init__(self, hunk: Hunk, why: str, *, is_missing: bool = False) -> None:
        super().__init__(f"{hunk.name}: {why}")
        self.old = hunk.old
        self.is_missing = is_missing


def apply_hunks(text: str, hunks: Sequence[Hunk]) -> str:
    """The text with hunks applied, each behind the one before it; ``MisfitError`` where one does not fit.

    A hunk belongs where the patch says, moved by what those before it were, or else in the one other place
    where its lines are. Ends of lines and white space there count only where some place has them exactly.
    """
    document = _Document(text)
    for hunk in hunks:
        document.apply(hunk)
    return document.text()


class _Document:
    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._is_open = self._lines[-1] != ""
        if not self._is_open:
            self._lines.pop()
        self._has_cr = bool(self._lines) and self._lines[0].endswith("\r")
        self._done = 0  # lines that are behind the last hunk
        self._shift = 0  # by how much lines moved so far

    def text(self) -> str:
        return "\n".join(self._lines) + ("" if self._is_open or not self._lines else "\n")

    def apply(self, hunk: Hunk) -> None:
        at, is_exact = self._place(hunk)
        end = at + len(hunk.old)
        kept = iter(self._lines[at:end])
        new = [
            self._adapted(line[1:], hunk, is_exact=is_exact) if line[0] == "+" else old
            for line, old in self._with_old(hunk, kept)
        ]
        if end == len(self._lines):
            self._is_open = self._is_open if hunk.open_after is None else hunk.open_after
            if self._is_open and new and hunk.lines[-1][0] == "+":  # which has no line end, so no half of one
                new[-1] = hunk.lines[-1][1:] if is_exact else hunk.lines[-1][1:].removesuffix("\r")
        self._lines[at:end] = new
        if hunk.line is not None:
            self._shift = at - hunk.line + len(new) - (end - at)
        self._done = at + len(new)

    @staticmethod
    def _with_old(hunk: Hunk, kept: Iterator[str]) -> Iterator[tuple[str, str]]:
        """The lines of a hunk that are there then, each with the one of the file, whose spelling stays."""
        for line in hunk.lines:
            old = "" if line[0] == "+" else next(kept)
            if line[0] != "-":
                yield line, old

    def _adapted(self, line: str, hunk: Hunk, *, is_exact: bool) -> str:
        """A new line, whose end is the file's unless the patch shows that it knows it."""
        if is_exact and (hunk.old or any(one.endswith("\r") for one in hunk.lines)):
            return line
        return line.removesuffix("\r") + ("\r" if self._has_cr else "")

    def _place(self, hunk: Hunk) -> tuple[int, bool]:
        """At which line a hunk begins, and whether its lines are there exactly."""
        start = self._behind_anchors(hunk)
        old = hunk.old
        if not old:
            return self._of_addition(hunk, start), True
        expected = None if hunk.line is None else hunk.line + self._shift
        for alike in (_exactly, _but_for_cr, _but_for_end):
            wanted = [alike(line) for line in old]
            if expected is not None and expected >= start and self._fits(wanted, expected, alike):
                return expected, alike is _exactly
            fits = list(self._fitting(old, start, alike, at_end=hunk.at_end or hunk.open_before is True))
            if len(fits) == 1 or (fits and hunk.anchors):
                return fits[0], alike is _exactly
            if fits:
                raise MisfitError(hunk, _ambiguous(fits))
        done = self._done_at(hunk)
        if done is not None:
            why = f"its old lines are not there, but at line {done} its new ones are: it may be done already"
            raise MisfitError(hunk, why)
        raise MisfitError(hunk, self._why_not(hunk, start), is_missing=True)

    def _of_addition(self, hunk: Hunk, start: int) -> int:
        """Where lines go that have none around them."""
        if hunk.line is not None:
            return min(max(hunk.line + self._shift, start), len(self._lines))
        return start + 1 if hunk.anchors else len(self._lines)

    def _behind_anchors(self, hunk: Hunk) -> int:
        """The line of the last anchor, which may also be the first line of the hunk."""
        start = self._done
        for count, anchor in enumerate(hunk.anchors):
            found = self._anchor(anchor, start + 1 if count else start)
            if found is None:
                raise MisfitError(hunk, f"no line behind line {start} is {anchor!r}")
            start = found
        return start

    def _anchor(self, anchor: str, start: int) -> int | None:
        rest = range(start, len(self._lines))
        same = next((at for at in rest if self._lines[at].strip() == anchor), None)
        return next((at for at in rest if anchor in self._lines[at]), None) if same is None else same

    def _fitting(
        self, old: list[str], start: int, alike: Callable[[str], str], *, at_end: bool
    ) -> Iterator[int]:
        """The places, from a line on, where all of these lines are."""
        wanted = [alike(line) for line in old]
        last = len(self._lines) - len(old)
        for at in range(max(start, last) if at_end else start, last + 1):
            if alike(self._lines[at]) == wanted[0] and self._fits(wanted, at, alike):
                yield at

    def _fits(self, wanted: list[str], at: int, alike: Callable[[str], str]) -> bool:
        """Whether all of these lines are at a place."""
        return [alike(line) for line in self._lines[at : at + len(wanted)]] == wanted

    def _done_at(self, hunk: Hunk) -> int | None:
        """The number of the line where the new lines of a hunk are; ``None`` where it adds none."""
        if not any(line[0] == "+" for line in hunk.lines):
            return None
        return next((at + 1 for at in self._fitting(hunk.new, 0, _but_for_end, at_end=False)), None)

    def _why_not(self, hunk: Hunk, start: int) -> str:
        if start and next(self._fitting(hunk.old, 0, _but_for_end, at_end=False), None) is not None:
            return f"its old lines are not behind line {start}, but before: hunks go in the order of the file"
        if hunk.at_end and next(self._fitting(hunk.old, start, _but_for_end, at_end=False), None) is not None:
            return "its old lines are there, but not at the end of the file"
        return "its old lines are not there"


def _exactly(line: str) -> str:
    return line


def _but_for_cr(line: str) -> str:
    return line.removesuffix("\r")


def _but_for_end(line: str) -> str:
    return line.rstrip()


def _ambiguous(fits: list[int]) -> str:
    told = ", ".join(str(at + 1) for _, at in zip(counting(), fits[:_MOST_PLACES], strict=False))
    more = " and others" if len(fits) > _MOST_PLACES else ""
    return f"its old lines are at lines {told}{more}; give more of the lines around them"
