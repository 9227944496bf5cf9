"""What a person sees of the tour, as it goes on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.syntax import Syntax
from rich.text import Text

from everstore.cli.local import own_name
from everstore.cli.output import one_line, print_rich, print_table, write
from everstore.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from everstore.cli.tour.timing import CallTimes

__all__ = ["Screen", "progress_of_import"]


@contextmanager
def progress_of_import(total: int) -> Iterator[Callable[[str], None]]:
    """A progress bar on stderr when that is a terminal; what it gives is told each file's name."""
    console = Console(stderr=True)
    columns = (TextColumn("importing"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[name]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, name="")
        yield lambda name: progress.update(task, advance=1, name=escape(one_line(name)[-40:]))


class Screen:
    """Prints on stdout: every step, or those that are in the short tour; nothing at all when ``quiet``."""

    def __init__(self, *, quiet: bool, is_short: bool = False) -> None:
        """``quiet`` when a program reads stdout."""
        self._quiet = quiet
        self._is_short = is_short
        self._steps = 0
        self._unseen = 0
        self._pending: list[RenderableType] = []

    def step(self, title: str, code: Sequence[str], *, in_short: bool) -> None:
        """A step's title and the Python that does it."""
        self._steps += 1
        self._pending = [Text(f"\n{self._steps:2}  {title}", style="bold")]
        for line in code:
            highlighted = Syntax("", "python", background_color="default").highlight(one_line(line))
            highlighted.rstrip()
            self._pending.append(Text("    ") + highlighted)
        if in_short or not self._is_short:
            self.reveal()

    def reveal(self) -> None:
        """Show the step that goes on, if it is not yet."""
        pending, self._pending = self._pending, []
        for line in () if self._quiet else pending:
            print_rich(line)

    def answer(self, answer: str, duration_ns: int) -> None:
        """What a step answered, and after how long."""
        if self._pending:
            self._unseen += 1
        elif not self._quiet:
            print_rich(Text.assemble("    = ", one_line(answer), (f"  ({_duration(duration_ns)})", "dim")))

    def skipped(self, skipped: Mapping[str, int]) -> None:
        """What the import left out, by reason."""
        if not self._quiet:
            for reason, count in sorted(skipped.items()):
                write(f"    left out: {count:,} ({one_line(reason)})\n")

    def end(self, calls: Sequence[CallTimes], verdict: str, *words: str) -> None:
        """The verdict, and the last words; in the whole tour the calls, too, and how long they took."""
        if self._quiet:
            return
        write("\n")
        if self._is_short:
            more = counted(self._unseen, "more step")
            write(f"{more} went the same way: '{own_name()} tour --all' shows them.\n\n")
        else:
            rows = [
                (row.verb, f"{row.count:,}", _duration(row.p50_ns), _duration(row.p99_ns)) for row in calls
            ]
            print_table(("call", "count", "p50", "p99"), rows, right=("count", "p50", "p99"))
            write("\n")
        print_rich(Text(f"==> {verdict}", style="bold green"))
        write("".join(f"{line}\n" for line in words))


def _duration(nanoseconds: int) -> str:
    for unit, size in (("s", 1e9), ("ms", 1e6)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.1f} {unit}"
    return f"{nanoseconds / 1e3:.1f} us"
