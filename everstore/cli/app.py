"""The command line put together: every command and group of commands is registered here."""

from __future__ import annotations

import io
import sys

import typer

from everstore.cli.running import WRONG_USE, report
from everstore.cli.output import one_line
from everstore.cli.tour.command import tour

__all__ = ["app", "run"]

app = typer.Typer(
    name="everstore",
    help="What an agent's sessions keep: files, values, secrets and records, in the backend you configured.",
    epilog=(
        "Exit status: 0 done; 1 absent, or nothing matched; 2 wrong usage, input or settings; "
        "3 refused (read-only, exists already, changed meanwhile, over a limit); "
        "4 the backend failed or is unavailable."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)



@app.callback()
def _with_subcommands() -> None:
    """Have ``everstore tour`` be a sub-command, however few there are."""


app.command()(tour)


def run(args: list[str]) -> int:
    """Run one command; its exit status. Whatever goes wrong is one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no failure
    try:
        status = app(args, prog_name="everstore", standalone_mode=False)
    except typer.Abort:
        return 130
    except typer.TyperException as error:
        sys.stderr.write(f"everstore: error: usage: {one_line(error.format_message())}\n")
        return WRONG_USE
    except Exception as error:  # noqa: BLE001 - the last place to tell anybody
        return report(error)
    return status if isinstance(status, int) else 0
