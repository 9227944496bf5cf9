"""The table that people read, as text and as Markdown, and the figures as JSON."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crowd import Crowd
    from holding import Hold
    from rounds import Figures
    from weight import ImportTime

__all__ = ["Report"]

PEERS = ("fsspec", "py-key-value", "langgraph")
SPEED_HEAD = ("calls", "us a call", "of the floor", "wanted", "x ancestor", *(f"x {peer}" for peer in PEERS))
OTHER_HEAD = ("also", "measured", "wanted")
TIMES_THE_ANCESTOR = 2.0


@dataclass
class Row:
    """One line: what was measured, what was wanted, what came out, and what was missed of it."""

    cells: list[str]
    missed: list[str]


def _speed(figures: Figures) -> Row:
    shares = {name: figures.faster_than(name) for name in ("floor", "ancestor", *PEERS)}
    nanoseconds = figures.nanoseconds("everstore")
    missed = []
    if (shares["floor"] or 0) < figures.target:
        missed.append(f"{figures.target:g} of the floor")
    if shares["ancestor"] is not None and shares["ancestor"] < TIMES_THE_ANCESTOR:
        missed.append("twice the ancestor")
    missed += [f"faster than {peer}" for peer in PEERS if (shares[peer] or 2) <= 1]
    times = [_times(shares[name]) for name in ("ancestor", *PEERS)]
    share = f"{shares['floor'] or 0:.2f}"
    cells = [figures.name, _microseconds(nanoseconds), share, f"{figures.target:g}", *times]
    return Row(cells, missed)


def _microseconds(nanoseconds: float | None) -> str:
    if nanoseconds is None:
        return "-"
    microseconds = nanoseconds / 1e3
    return f"{microseconds:,.0f}" if microseconds >= 100 else f"{microseconds:.2f}"


def _times(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{share:,.0f}x" if share >= 10 else f"{share:.1f}x"


@dataclass
class Report:
    """Everything that was measured in one run; what was left out is empty."""

    speeds: list[Figures]
    holds: list[Hold]
    crowds: list[Crowd]
    weights: dict[str, dict[str, float]]
    imports: ImportTime | None

    def tables(self) -> list[tuple[Sequence[str], list[Row]]]:
        """Head and rows of each table."""
        others = [*self._holds(), *self._crowds(), *self._costs()]
        tables = [(SPEED_HEAD, [_speed(one) for one in self.speeds]), (OTHER_HEAD, others)]
        return [(head, rows) for head, rows in tables if rows]

    def _holds(self) -> Iterable[Row]:
        for hold in self.holds:
            what = f"loop held by a search of {hold.files:,} files of 8 KiB"
            shown = (
                f"{hold.processor:.1f} ms (worst {hold.processor_worst:.1f}; by the clock {hold.wall:.1f})"
            )
            yield Row([what, shown, "below 5 ms"], [] if hold.processor_worst < 5 else ["5 ms"])

    def _crowds(self) -> Iterable[Row]:
        for crowd in self.crowds:
            what = f"{crowd.contender}: list 100 among {crowd.files:,} files of others"
            times = f"{crowd.ratio:.2f} of the time alone"
            shown = f"{_microseconds(crowd.crowded)} us, {times} ({_microseconds(crowd.alone)} us)"
            if crowd.contender == "everstore":
                yield Row([what, shown, "at most 1.10"], ["1.10"] if crowd.ratio > 1.1 else [])
            else:
                yield Row([what, shown, ""], [])

    def _costs(self) -> Iterable[Row]:
        for name, weight in self.weights.items():
            shown = f"{weight['traced']:,.0f} traced, {weight['resident']:,.0f} resident"
            ours = name == "everstore"
            missed = ["1,450"] if ours and max(weight.values()) > 1450 else []
            yield Row([f"{name}: bytes a file of 1 KiB", shown, "at most 1,450" if ours else ""], missed)
        if self.imports is not None:
            shown = f"{self.imports.added:.1f} ms ({self.imports.added_wall:.1f} by the clock)"
            what = f"import everstore beyond asyncio's {self.imports.asyncio:.0f} ms"
            yield Row([what, shown, "at most 50 ms"], ["50 ms"] if self.imports.added > 50 else [])

    @property
    def missed(self) -> list[str]:
        """What was wanted and did not come out."""
        rows = [row for _, rows in self.tables() for row in rows]
        return [f"{row.cells[0]}: {', '.join(row.missed)}" for row in rows if row.missed]

    def text(self) -> str:
        """For a terminal."""
        lines = [self._machine(), ""]
        for head, rows in self.tables():
            table = [(*head, "missed"), *((*row.cells, ", ".join(row.missed)) for row in rows)]
            widths = [max(len(line[at]) for line in table) for at in range(len(table[0]))]
            padded = ([cell.ljust(widths[at]) for at, cell in enumerate(line)] for line in table)
            lines += ["  ".join(line).rstrip() for line in padded]
            lines.append("")
        return "\n".join(lines)

    def markdown(self) -> str:
        """For a page."""
        lines = [self._machine(), ""]
        for head, rows in self.tables():
            lines += [_line((*head, "missed")), _line(["---"] * (len(head) + 1))]
            lines += [_line((*row.cells, ", ".join(row.missed))) for row in rows]
            lines.append("")
        return "\n".join(lines)

    def json(self) -> str:
        """For programs: with every round."""
        figures: dict[str, Any] = asdict(self)
        return json.dumps({"machine": self._machine(), **figures, "missed": self.missed}, indent=1) + "\n"

    @staticmethod
    def _machine() -> str:
        python = f"{platform.python_implementation()} {platform.python_version()}"
        return f"{python}, {platform.system()} {platform.machine()}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
