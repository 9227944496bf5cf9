"""What the command line prints: answers on stdout, notes and errors on stderr.

Everything leaves through ``write`` or ``write_bytes``, which know what to do when nobody reads on.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from rich.console import RenderableType

__all__ = [
    "JsonOption",
    "note",
    "one_line",
    "print_json",
    "print_rich",
    "print_table",
    "shown_size",
    "shown_time",
    "write",
    "write_bytes",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]

_NOBODY_READS = 141  # 128 + SIGPIPE, as a shell reports it
_UNBOUNDED = 1_000_000  # columns: what goes to a file or a pipe is never folded


def write(text: str) -> None:
    """Write text to stdout; ends the command quietly when the reader is gone."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _stop()


def write_bytes(data: bytes) -> None:
    """Write bytes to stdout as they are; ends the command quietly when the reader is gone."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _stop()


def _stop() -> None:
    # What is still buffered would fail again, loudly, when the interpreter flushes it at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(_NOBODY_READS)


def note(text: str) -> None:
    """One line on stderr that is no error."""
    sys.stderr.write(f"everstore: {one_line(text)}\n")


def one_line(text: str) -> str:
    r"""The text with whatever would move a terminal's cursor written as an escape (``\n``, ``\x1b``)."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def print_json(document: object) -> None:
    """One JSON document with sorted keys."""
    write(json.dumps(document, indent=2, sort_keys=True) + "\n")


def print_rich(renderable: RenderableType) -> None:
    """Print with colours on a terminal (``NO_COLOR`` is heeded), and plainly elsewhere."""
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = _UNBOUNDED
    with console.capture() as capture:
        console.print(renderable)
    write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = ()) -> None:
    """A table without ruling; the columns named in ``right`` are aligned to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        justify = "right" if column in right else "left"
        table.add_column(column.upper(), justify=justify, no_wrap=True, overflow="fold")
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    print_rich(table)


def shown_size(size: int) -> str:
    """A number of bytes as people read it: ``512 B``, ``1.5 KiB``."""
    if size < 1024:
        return f"{size} B"
    amount, unit = size / 1024, 0
    while amount >= 1023.95 and unit < 4:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f} {('KiB', 'MiB', 'GiB', 'TiB', 'PiB')[unit]}"


def shown_time(moment: datetime | None) -> str:
    """A moment in UTC to the second; empty when there is none."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"
