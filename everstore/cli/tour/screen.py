"""What a person sees of the tour, as it goes on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.syntax import Syntax
from rich.text import Text

from everstore.cli.output import one_line, print_rich, print_table, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from everstore.cli.tour.timing import CallTimes

__all__ = ["print_answer", "print_calls", "print_skipped", "print_step", "progress_of_import"]


@contextmanager
def progress_of_import(most: int) -> Iterator[Callable[[str], None]]:
    """A progress bar on stderr when that is a terminal; what it gives is told each file's name."""
    console = Console(stderr=True)
    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[name]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=most, name="")
        yield lambda name: progress.update(task, advance=1, name=escape(one_line(name)[-40:]))


def print_step(number: int, title: str, lines: Sequence[str]) -> None:
    """A step's title and the Python that does it."""
    print_rich(Text(f"\n{number:2}  {title}", style="bold"))
    for line in lines:
        code = Syntax("", "python", background_color="default").highlight(one_line(line))
        code.rstrip()
        print_rich(Text("    ") + code)


def print_answer(answer: str, duration_ns: int) -> None:
    """What a step answered."""
    print_rich(Text.assemble("    = ", one_line(answer), (f"  ({_duration(duration_ns)})", "dim")))


def print_skipped(skipped: Mapping[str, int]) -> None:
    """What the import left out, by reason."""
    for reason, count in sorted(skipped.items()):
        write(f"    left out: {count:,} ({one_line(reason)})\n")


def print_calls(calls: Sequence[CallTimes]) -> None:
    """The calls of the tour and how long they took."""
    write("\n")
    rows = [(row.verb, f"{row.count:,}", _duration(row.p50_ns), _duration(row.p99_ns)) for row in calls]
    print_table(("call", "count", "p50", "p99"), rows, right=("count", "p50", "p99"))


def _duration(nanoseconds: int) -> str:
    for unit, size in (("s", 1e9), ("ms", 1e6)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.1f} {unit}"
    return f"{nanoseconds / 1e3:.1f} us"
