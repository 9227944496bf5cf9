"""Commands on values: ``everstore kv``."""

from __future__ import annotations

from typing import Annotated

import typer

from everstore.cli import completing
from everstore.cli.helping import Commands
from everstore.cli.local import read_text
from everstore.cli.options import JsonOption, SessionOption, TtlOption
from everstore.cli.output import print_json, print_table, shown_time, write, write_value
from everstore.cli.running import VALUES, AbsentError, in_session
from everstore.models import to_dict

__all__ = ["app"]

app = Commands(help="Set, get and list values: texts by key.")

KeyArgument = Annotated[
    str, typer.Argument(metavar="KEY", help="The key of the value.", autocompletion=completing.keys)
]


def _absent(key: str) -> AbsentError:
    return AbsentError(f"no value: {key!r}", key=key)


@app.command("get")
def get(key: KeyArgument, session: SessionOption = None, *, as_json: JsonOption = False) -> None:
    """Print a value, exactly as it was set. The exit status is 1 when there is none."""
    found = in_session(session, lambda work: work.storage.read_value(key))
    if found is None:
        raise _absent(key)
    if as_json:
        print_json(to_dict(found))
    else:
        write_value(found.value)


@app.command("set")
def set_(
    key: KeyArgument,
    value: Annotated[str, typer.Argument(metavar="TEXT", help="The text to keep; - reads standard input.")],
    session: SessionOption = None,
    *,
    ttl: TtlOption = None,
    if_revision: Annotated[
        str | None, typer.Option(metavar="REVISION", help="Set it only if it has this revision.")
    ] = None,
    if_absent: Annotated[bool, typer.Option("--if-absent", help="Set it only if there is none.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Set a value. Without --ttl it stays until it is removed."""
    text = read_text("-") if value == "-" else value
    info = in_session(
        session,
        lambda work: work.storage.set_value(key, text, ttl=ttl, if_revision=if_revision, if_absent=if_absent),
        keeps=VALUES,
    )
    if as_json:
        print_json(to_dict(info))


@app.command("incr")
def incr(
    key: KeyArgument,
    session: SessionOption = None,
    *,
    by: Annotated[int, typer.Option(metavar="N", help="How much to add; may be negative.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Add to a whole number, and print the sum. A value that is not there counts as 0."""
    total = in_session(session, lambda work: work.storage.increment_value(key, by), keeps=VALUES)
    if as_json:
        print_json({"key": key, "value": total})
    else:
        write(f"{total}\n")


@app.command("rm")
def rm(key: KeyArgument, session: SessionOption = None, *, as_json: JsonOption = False) -> None:
    """Remove a value. The exit status is 1 when there is none."""
    if not in_session(session, lambda work: work.storage.delete_value(key)):
        raise _absent(key)
    if as_json:
        print_json({"key": key, "removed": True})


@app.command("ls")
def ls(
    session: SessionOption = None,
    *,
    prefix: Annotated[str, typer.Option(metavar="TEXT", help="List only keys that begin with this.")] = "",
    after: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="List only keys that follow this one.", autocompletion=completing.keys
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="List at most N.")] = None,
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="Begin with the last key.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the keys, without the values."""
    infos = in_session(
        session,
        lambda work: work.storage.list_keys(prefix, after=after, limit=limit, reverse=reverse),
    )
    if as_json:
        print_json([to_dict(info) for info in infos])
        return
    rows = [
        (info.revision, shown_time(info.updated_at), shown_time(info.expires_at), info.key) for info in infos
    ]
    print_table(("revision", "updated", "expires", "key"), rows)
