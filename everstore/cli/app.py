"""The command line put together: every command and group of commands is registered here."""

from __future__ import annotations

import io
import sys
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Annotated

import typer
from typer.main import get_command

from everstore.cli import files, keys, searching, secret, sessions, values
from everstore.cli.backup import backup, restore
from everstore.cli.check import check
from everstore.cli.conformance import conformance
from everstore.cli.copying import copy
from everstore.cli.diagnosis import backends, settings
from everstore.cli.directories import commands as directories
from everstore.cli.helping import Commands, wants_json
from everstore.cli.mcp import mcp
from everstore.cli.migrate import migrate
from everstore.cli.new_plugin import new_plugin
from everstore.cli.output import AS_JSON, OutputError, tell_error, write
from everstore.cli.prune import prune
from everstore.cli.running import CONFIG_FILE, WRONG_USE, report
from everstore.cli.shells import InstallOption, ShowOption  # noqa: TC001 - typer reads annotations at run time
from everstore.cli.tour.command import tour
from everstore.cli.transfer import export, import_

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["app", "run"]


def _print_version(ctx: typer.Context, wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted and not ctx.resilient_parsing:
        write(f"everstore {metadata.version('everstore')}\n")
        raise typer.Exit


app = Commands(
    name="everstore",
    add_completion=False,  # typer's own: its scripts evaluate what they are offered
    help=(
        "Files, values, secrets and records of agent sessions, in the backend that you configured.\n\n"
        "New here? Begin with 'everstore tour'."
    ),
    epilog=(
        "Exit status: 0 done; 1 absent, nothing matched, or an answer that the tour found wrong; "
        "2 wrong usage, input or settings; "
        "3 refused (read-only, exists already, changed meanwhile, over a limit); "
        "4 the backend failed or is unavailable, or the answer could not be written; "
        "141 nobody read on (| head); 128 + N ended by signal N (130 by Ctrl-C)."
    ),
)


@app.callback()
def _everstore(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version, and exit."
        ),
    ] = False,
    config: Annotated[
        str | None,
        typer.Option("--config", metavar="FILE", help="The settings file [default: EVERSTORE_CONFIG_FILE]."),
    ] = None,
    install_completion: InstallOption = False,
    show_completion: ShowOption = False,
) -> None:
    del version, install_completion, show_completion
    CONFIG_FILE.set(config)


# A new command is one name here, a new group of commands one line below.
_COMMANDS: dict[str, tuple[Callable[..., object], ...]] = {
    "Files": (
        *(files.ls, files.tree, files.cat, files.stat, files.put, files.mkdir, files.mv, files.cp, files.rm),
        *(directories.get, directories.diff),
        *(searching.grep, searching.glob, searching.edit),
    ),
    "Copies of sessions": (export, import_, copy),
    "Agents": (mcp,),
    "Backends": (tour, check, conformance, new_plugin, backends, settings, migrate, backup, restore, prune),
}
_GROUPS: dict[str, typer.Typer] = {
    "session": sessions.app,
    "kv": values.app,
    "secret": secret.app,
    "keys": keys.app,
}

for _panel, _commands in _COMMANDS.items():
    for _command in _commands:
        app.command(_command.__name__.strip("_").replace("_", "-"), rich_help_panel=_panel)(_command)
for _name, _group in _GROUPS.items():
    app.add_typer(_group, name=_name, rich_help_panel="Sessions, values, secrets, keys")


@cache
def _parser() -> Callable[..., object]:
    return get_command(app)  # what calling the app would make anew each time


def run(args: list[str]) -> int:
    """Run one command; its exit status. Whatever goes wrong is one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal cannot show is no failure.
            stream.reconfigure(errors="backslashreplace")
    nobodys = CONFIG_FILE.set(None)
    as_json = AS_JSON.set(wants_json(args))  # until it is known which command it is
    try:
        status = _parser()(args, prog_name="everstore", standalone_mode=False)
    except typer.Abort:  # Ctrl-C at a prompt
        return 130
    except typer.TyperException as error:
        _tell_usage(error)
        return WRONG_USE
    except io.UnsupportedOperation as error:  # what typer itself could not write
        return report(OutputError.because(error))
    except Exception as error:  # noqa: BLE001 - the last place to tell anybody
        return report(error)
    finally:
        CONFIG_FILE.reset(nobodys)
        AS_JSON.reset(as_json)
    return status if isinstance(status, int) else 0


def _tell_usage(error: typer.TyperException) -> None:
    context = getattr(error, "ctx", None)
    hint = f"; see '{context.command_path} --help'" if context is not None else ""
    tell_error("usage", " ".join(error.format_message().split()).rstrip(".") + hint)
