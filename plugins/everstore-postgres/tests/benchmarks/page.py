"""What is told: Markdown, line by line while it is measured, and every figure for programs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from rounds import Figures

__all__ = ["Page", "note", "times", "verdict", "with_unit"]


class Page:
    """The tables of one run, as docs/benchmarks-postgres.md has them."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._figures: dict[str, dict[str, Any]] = {}
        self._part = ""

    def say(self, line: str = "") -> None:
        """Add a line, and show it to whoever waits."""
        self._lines.append(line)
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def begin(self, part: str, title: str) -> None:
        """What comes now."""
        self._part = part
        self.say(f"## {title}\n")

    def head(self, *cells: str) -> None:
        """The head of a table: words in the first column, figures in the others."""
        self.row(*cells)
        self.say(f"|---|{'--:|' * (len(cells) - 1)}")

    def row(self, *cells: str) -> None:
        """A line of a table."""
        self.say(f"| {' | '.join(cells)} |")

    def keep(self, name: str, figures: Figures | dict[str, Any]) -> None:
        """Remember what a line was made of."""
        raw = figures if isinstance(figures, dict) else asdict(figures)["rounds"]
        self._figures.setdefault(self._part, {})[name] = raw

    def write(self, markdown: Path | None, figures: Path | None) -> None:
        """Write the page, and the figures as JSON: seconds a call, round by round."""
        if markdown is not None:
            markdown.write_text("\n".join(self._lines) + "\n")
        if figures is not None:
            figures.write_text(json.dumps(self._figures, indent=1) + "\n")


def note(what: str) -> None:
    """What is being done, where it takes a while."""
    sys.stderr.write(f"({what})\n")


def with_unit(seconds: float) -> str:
    """A time as people read it."""
    if seconds >= 10:
        return f"{seconds:,.0f} s"
    return f"{seconds * 1e3:,.0f} ms" if seconds >= 0.01 else f"{seconds * 1e6:,.0f} us"


def times(ratio: float) -> str:
    """A ratio as people read it."""
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.2f}x"


def verdict(ratio: float, at_most: float) -> str:
    """Whether a target is met."""
    return f"{at_most:g}x: {'met' if ratio <= at_most else 'missed'}"
