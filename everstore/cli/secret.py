"""Commands on secrets: ``everstore secret``. A secret is never an argument, for others can see those."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from everstore.cli import completing
from everstore.cli.helping import Commands
from everstore.cli.local import read_text
from everstore.cli.options import JsonOption, SessionOption, TtlOption
from everstore.cli.output import MASK, note, print_json, print_table, shown_time, write_value
from everstore.cli.running import VALUES, AbsentError, configured, in_session, refuse_what_is_lost
from everstore.models import to_dict

__all__ = ["app"]

app = Commands(help="Set, get and list secrets: texts by name, stored encrypted.")

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The name of the secret.", autocompletion=completing.secrets)
]


def _absent(name: str) -> AbsentError:
    return AbsentError(f"no secret: {name!r}", name=name)


@app.command("get")
def get(
    name: NameArgument,
    session: SessionOption = None,
    *,
    reveal: Annotated[bool, typer.Option("--reveal", help="Print the secret.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look whether a secret is there and can be decrypted; print it with --reveal.

    The exit status is 1 when there is none.
    """
    secret = in_session(session, lambda work: work.storage.get_secret(name))
    if secret is None:
        raise _absent(name)
    shown = secret if reveal else MASK
    if as_json:
        print_json({"name": name, "revealed": reveal, "value": shown})
        return
    write_value(shown)
    if not reveal:
        note("note: the secret is there, and masked; --reveal prints it")


@app.command("set")
def set_(
    name: NameArgument,
    session: SessionOption = None,
    *,
    ttl: TtlOption = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Keep a line end at the end of the input; else one is removed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Set a secret: it is read from standard input, or asked for on a terminal.

    It is never an argument, for other users of a machine can see those.
    """
    refuse_what_is_lost(configured(), VALUES)  # before anybody types it
    secret = _typed(name) if sys.stdin.isatty() else read_text("-")
    if not exact:
        secret = secret.removesuffix("\n").removesuffix("\r")
    in_session(session, lambda work: work.storage.set_secret(name, secret, ttl=ttl), keeps=VALUES)
    if as_json:
        print_json({"name": name, "set": True})


def _typed(name: str) -> str:
    return str(typer.prompt(f"Secret {name!r}", hide_input=True, confirmation_prompt=True, err=True))


@app.command("rm")
def rm(name: NameArgument, session: SessionOption = None, *, as_json: JsonOption = False) -> None:
    """Remove a secret. The exit status is 1 when there is none."""
    if not in_session(session, lambda work: work.storage.delete_secret(name)):
        raise _absent(name)
    if as_json:
        print_json({"name": name, "removed": True})


@app.command("ls")
def ls(session: SessionOption = None, *, as_json: JsonOption = False) -> None:
    """List the names and times of secrets, never the secrets."""
    infos = in_session(session, lambda work: work.storage.list_secrets())
    if as_json:
        print_json([to_dict(info) for info in infos])
        return
    rows = [(shown_time(info.updated_at), shown_time(info.expires_at), info.name) for info in infos]
    print_table(("updated", "expires", "name"), rows)
