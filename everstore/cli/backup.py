"""The commands ``everstore backup`` and ``everstore restore``."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from everstore.cli.ending import carry_out
from everstore.cli.local import file_named
from everstore.cli.options import JsonOption, OverwriteOption
from everstore.cli.output import print_json, write
from everstore.cli.running import configured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["backup", "restore"]

FileArgument = Annotated[Path, typer.Argument(parser=file_named, metavar="FILE", help="A local file.")]


def backup(file: FileArgument, *, overwrite: OverwriteOption = False, as_json: JsonOption = False) -> None:
    """Copy everything in the configured backends to a file, while others go on writing.

    The copy is of one moment, and is checked. The file is there whole or not at all, and only its owner may
    read it. Where several backends are configured, each has a file of its own: FILE.<backend>.
    """
    from everstore.operating import back_up  # noqa: PLC0415 - loads pydantic and structlog

    configuration = configured()
    with _shown("backup") as progress:
        done = carry_out(back_up(configuration, file, progress, overwrite=overwrite))
    _tell(done, "has nothing to back up", as_json=as_json)


def restore(file: FileArgument, *, as_json: JsonOption = False) -> None:
    """Replace everything in the configured backends by what 'everstore backup FILE' wrote.

    It is refused while any process has a store open. The file is checked before, and the result after. A
    crash on the way leaves the old or the new.
    """
    from everstore.operating import restore as put_back  # noqa: PLC0415 - loads pydantic and structlog

    configuration = configured()
    with _shown("restore") as progress:
        done = carry_out(put_back(configuration, file, progress))
    _tell(done, "has nothing to restore", as_json=as_json)


@contextmanager
def _shown(what: str) -> Iterator[Callable[[int, int], None]]:
    console = Console(stderr=True)
    columns = TextColumn(what), BarColumn(), DownloadColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _tell(done: dict[str, Sequence[str] | None], nothing: str, *, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    for plugin, lines in done.items():
        for line in [nothing] if lines is None else lines:
            write(f"{plugin}: {line}\n")
