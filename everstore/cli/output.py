"""What the command line prints: answers on stdout, notes and errors on stderr.

Everything leaves through ``write`` or ``write_bytes``, which know what to do when nobody reads on.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Self

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from everstore.errors import EverstoreError
from everstore.wording import counted, shown_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from everstore.models import SessionUsage

__all__ = [
    "AS_JSON",
    "MASK",
    "NOBODY_READS",
    "OutputError",
    "as_shown",
    "note",
    "one_line",
    "print_facts",
    "print_json",
    "print_lines",
    "print_rich",
    "print_table",
    "shown_time",
    "shown_usage",
    "tell",
    "tell_error",
    "write",
    "write_bytes",
    "write_value",
]

MASK = "********"
"""What stands for a secret: it does not even tell the length."""

AS_JSON: ContextVar[bool] = ContextVar("AS_JSON", default=False)
"""Whether ``--json`` was given: then each line of stderr is a JSON document, too."""

NOBODY_READS = 141  # 128 + SIGPIPE, as a shell reports it
_UNBOUNDED = 1_000_000  # columns: what goes to a file or a pipe is never folded
_NARROWEST = 8  # columns of a terminal for what is folded: so an id, a time and two such fit into 80
_BETWEEN = 2  # columns


class OutputError(EverstoreError):
    """Standard output takes no answer: it is closed, or its device is full."""

    code = "output"

    @classmethod
    def because(cls, error: OSError) -> Self:
        """The error that tells what the stream said."""
        return cls(
            f"the answer could not be written to standard output: {error.strerror or 'it is closed'}; look"
            " whether the command was done before doing it again"
        )


def write(text: str) -> None:
    """Write text to stdout; ends the command quietly when the reader is gone."""
    with _answering():
        sys.stdout.write(text)
        sys.stdout.flush()


def write_bytes(data: bytes) -> None:
    """Write bytes to stdout as they are; ends the command quietly when the reader is gone."""
    with _answering():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def write_value(text: str) -> None:
    """Write a value as it is, in UTF-8; a terminal gets a line end that the value does not have."""
    if sys.stdout.isatty():
        write(text if text.endswith("\n") else f"{text}\n")
    else:
        write_bytes(text.encode())


@contextmanager
def _answering() -> Iterator[None]:
    """What is written to stdout: where it cannot be, the command ends."""
    try:
        yield
    except OSError as error:
        # What is still buffered would fail again, loudly, when the interpreter flushes it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise typer.Exit(NOBODY_READS) from None
        raise OutputError.because(error) from error


def tell(text: str) -> None:
    """Write text to stderr. When that is closed or full nobody is told, and the command ends as it would."""
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


def note(text: str) -> None:
    """One line on stderr that is no error."""
    if AS_JSON.get():
        tell(json.dumps({"note": text.removeprefix("note: ")}) + "\n")
    else:
        tell(f"everstore: {one_line(text)}\n")


def tell_error(code: str, message: str, facts: Mapping[str, object] | None = None) -> None:
    """One line on stderr: what went wrong; with ``--json`` a JSON document that has the facts, too."""
    if AS_JSON.get():
        known = msgspec.to_builtins(dict(facts or {}), str_keys=True, enc_hook=str)
        tell(json.dumps({"error": known | {"code": code, "message": message}}, sort_keys=True) + "\n")
    else:
        tell(f"everstore: error: {code}: {one_line(message)}\n")


def one_line(text: str) -> str:
    r"""The text with whatever would move a terminal's cursor written as an escape (``\n``, ``\x1b``)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def as_shown(line: str) -> str:
    """A line of content for stdout: itself for a program, without control characters for a terminal."""
    if not sys.stdout.isatty():
        return line
    return "\t".join(one_line(part) for part in line.split("\t"))


def print_json(document: object) -> None:
    """One JSON document with sorted keys."""
    write(json.dumps(document, indent=2, sort_keys=True) + "\n")


def _console() -> Console:
    columns, lines = shutil.get_terminal_size()  # rich takes no COLUMNS from who has a dumb terminal
    return Console(highlight=False, markup=False, emoji=False, width=columns, height=lines)


def print_lines(lines: Iterable[Sequence[tuple[str, str]]]) -> None:
    """Lines made of texts and their styles; only a terminal pays for the styles."""
    if _console().is_terminal:
        print_rich(Text("\n").join(Text.assemble(*line) for line in lines))
    else:
        write("".join(f"{''.join(text for text, _ in line)}\n" for line in lines))


def print_rich(renderable: RenderableType) -> None:
    """Print with colours on a terminal (``NO_COLOR`` is heeded), and plainly elsewhere."""
    console = _console()
    if not console.is_terminal:
        console.width = _UNBOUNDED
    with _answering(), console.capture() as capture:
        console.print(renderable)
    write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Iterable[str] = (),
    fold: Iterable[str] | None = None,
) -> None:
    """A table without ruling; nothing when it has no rows.

    Columns in ``right`` are aligned to the right. On a terminal that is too narrow those in
    ``fold`` take several lines; the last one when not given. Where that is not enough, each row is a list
    of its cells. Nothing is ever left out.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    folding = columns[-1:] if fold is None else fold
    cells = [[Text(one_line(cell)) for cell in row] for row in rows]
    for column, *texts in zip(columns, *cells, strict=True):
        width = max(len(column), *(text.cell_len for text in texts)) if texts else 0
        table.add_column(
            column.upper(),
            no_wrap=column not in folding,
            overflow="fold",
            min_width=min(width, _NARROWEST) if column in folding else width,
        )
        if column in right:
            table.columns[-1].justify = "right"
    for row in cells:
        table.add_row(*row)
    if not cells:
        return
    least = sum(column.min_width or 0 for column in table.columns) + _BETWEEN * (len(columns) - 1)
    console = _console()
    if console.is_terminal and console.width < least:
        print_rich(Text("\n\n").join(_listed(columns, row) for row in cells))
    else:
        print_rich(table)


def _listed(columns: Sequence[str], row: Sequence[Text]) -> Text:
    """A row as lines, each a column's name and its cell; empty cells have none."""
    pairs = zip(columns, row, strict=True)
    return Text("\n").join(Text.assemble((f"{name}: ", "bold"), cell) for name, cell in pairs if cell)


def print_facts(facts: Mapping[str, str]) -> None:
    """Names and values, one pair a line."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        grid.add_row(name, Text(one_line(value)))
    print_rich(grid)


def shown_usage(usage: SessionUsage) -> str:
    """What a session holds, in words; the last write where there is one."""
    files = counted(usage.files, "file")
    told = [f"{files} ({shown_size(usage.bytes)})" if usage.files else files]
    told += [counted(usage.directories, "directory")] if usage.directories else []
    told += [counted(usage.values, "value"), counted(usage.secrets, "secret")]
    written = usage.last_write_at
    return ", ".join(told) + ("" if written is None else f", last written {shown_time(written)}")


def shown_time(moment: datetime | None) -> str:
    """A moment in UTC to the second; empty when there is none."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"
