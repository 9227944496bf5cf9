"""What a command on a whole directory tells: progress, what it left out, what it did."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn

from everstore.cli.directories.local_directory import LINK, SPECIAL
from everstore.cli.output import note, one_line, print_json, write
from everstore.errors import EverstoreError
from everstore.wording import counted, shown_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

__all__ = ["LeftOut", "LeftOutError", "Told", "progress_of"]


class LeftOutError(EverstoreError):
    """A command on a directory did all but what it named and left out."""

    code = "left_out"


class LeftOut:
    """What was left out and why, each told on stderr at once, or ``quiet``: in the answer alone."""

    def __init__(self, *, quiet: bool) -> None:
        """Nothing yet."""
        self._quiet = quiet
        self.names: list[tuple[str, str]] = []
        self._failures = 0

    def add(self, name: str, reason: str, *, is_failure: bool = True) -> None:
        """Tell a name that was left out; a failure unless it is what is documented to be left out."""
        if not self._quiet:
            note(f"left out: {name!r}: {reason}")
        self.names.append((name, reason))
        self._failures += is_failure

    def from_walk(self, name: str, reason: str) -> None:
        """The same of what a walk passed over: links and special files have no place in a session."""
        self.add(name, reason, is_failure=reason not in {LINK, SPECIAL})

    def raise_failures(self) -> None:
        """``LeftOutError`` where something is missing that should be there."""
        if self._failures:
            others = len(self.names) - self._failures
            besides = f", besides links and special files ({others:,})" if others else ""
            raise LeftOutError(f"{counted(self._failures, 'name')} left out{besides}; all else is done")


class Told:
    """What was done to how many files, and the sum, however it ends."""

    def __init__(self, verb: str, *, as_json: bool) -> None:
        """``verb`` is what was done to the files that had to be: ``put``."""
        self.files = self.directories = self.size = self.same = 0
        self.left_out = LeftOut(quiet=as_json)
        self._verb = verb
        self._as_json = as_json

    def add(self, size: int) -> None:
        """One file more."""
        self.files += 1
        self.size += size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        del traceback
        if error is not None and not (self.files or self.same or self.directories or self.left_out.names):
            return  # it never came to a file
        done = f"{counted(self.files, 'file')} {self._verb} ({shown_size(self.size)}), {self.same:,} the same"
        if self._as_json:
            self._print_document(is_finished=error is None)
        if isinstance(error, EverstoreError):
            error.add_note(f"until then {done}; run it again to go on")
        elif error is not None:
            note(f"interrupted: {done}; run it again to go on")
        elif not self._as_json:
            write(f"{done}\n")
        if error is None:
            self.left_out.raise_failures()

    def _print_document(self, *, is_finished: bool) -> None:
        print_json(
            {
                "bytes": self.size,
                "directories": self.directories,
                "files": self.files,
                "finished": is_finished,
                "left_out": [{"name": name, "reason": reason} for name, reason in self.left_out.names],
                "same": self.same,
            }
        )


@contextmanager
def progress_of(what: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A count of files on stderr when that is a terminal; what it gives is told each file's name."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn(what), TextColumn("{task.completed:,} {task.fields[name]}"))
    is_shown = console.is_terminal and not quiet
    with Progress(
        *columns, console=console, transient=True, disable=not is_shown, redirect_stdout=False
    ) as bar:
        task = bar.add_task("", total=None, name="")
        yield lambda name: bar.update(task, advance=1, name=escape(one_line(name)[-40:]))
