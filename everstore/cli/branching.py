"""Commands on the branches of a session: forks, checkpoints, rewinding, differences, merging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from everstore.cli import completing
from everstore.cli.options import CurrentSessionArgument, JsonOption, LabelsOption, SessionArgument, labels_of
from everstore.cli.output import (
    as_shown,
    note,
    one_line,
    print_json,
    print_lines,
    print_table,
    shown_time,
    write,
)
from everstore.cli.running import EVERYTHING, in_store, session_of
from everstore.models import to_dict
from everstore.paths import parse_session_id
from everstore.wording import counted

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.models import FileChange, ValueChange
    from everstore.store import Store

__all__ = ["add_to", "print_file_change", "shown_change"]

_PAGE = 100
_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_SIGNS = {"added": ("A", "green"), "removed": ("D", "red"), "changed": ("M", "yellow")}

CheckpointArgument = Annotated[
    str,
    typer.Argument(
        metavar="CHECKPOINT", help="The id of the checkpoint.", autocompletion=completing.checkpoints
    ),
]


def add_to(app: typer.Typer) -> None:
    """Make them commands of ``everstore session``."""
    app.command("fork")(_fork)
    app.command("checkpoint")(_checkpoint)
    app.command("checkpoints")(_checkpoints)
    app.command("rewind")(_rewind)
    app.command("diff")(_diff)
    app.command("merge")(_merge)


def _fork(
    session: SessionArgument,
    title: Annotated[
        str | None,
        typer.Argument(metavar="TITLE", help="A title, for people [default: that of the session]."),
    ] = None,
    *,
    label: LabelsOption = None,
    secrets: Annotated[bool, typer.Option("--secrets", help="Take the secrets along.")] = False,
    base: Annotated[
        bool,
        typer.Option(
            "--base/--no-base", help="Keep what it began with as a checkpoint; 'session merge' needs that."
        ),
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Make a session that has what this one has now, and print its id.

    From then on, a change in one of them does not change the other.
    """
    session_id, labels = parse_session_id(session), labels_of(label) or None
    fork = in_store(
        lambda store: store.fork_session(session_id, title=title, labels=labels, secrets=secrets, base=base),
        keeps=EVERYTHING,
    )
    if as_json:
        print_json(to_dict(fork))
    else:
        write(f"{fork.id}\n")


def _checkpoint(
    session: SessionArgument,
    label: Annotated[str, typer.Argument(metavar="LABEL", help="A label, for people.")] = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Keep what a session has now as a checkpoint, and print its id.

    A checkpoint is read like a session, by its id; 'session rewind' goes back to it.
    """
    session_id = parse_session_id(session)
    checkpoint = in_store(lambda store: store.checkpoint(session_id, label), keeps=EVERYTHING)
    if as_json:
        print_json(to_dict(checkpoint))
    else:
        write(f"{checkpoint.id}\n")


def _checkpoints(
    session: CurrentSessionArgument = None,
    *,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="List at most N.")] = _PAGE,
    as_json: JsonOption = False,
) -> None:
    """List the checkpoints of a session, newest first."""
    session_id = session_of(session)
    found = in_store(lambda store: store.list_checkpoints(session_id, limit=limit + 1))
    shown, is_cut = found[:limit], len(found) > limit
    if as_json:
        print_json({"checkpoints": [*map(to_dict, shown)], "more": is_cut})
        return
    rows = [(str(each.id), shown_time(each.created_at), each.label) for each in shown]
    print_table(("id", "taken", "label"), rows)
    if is_cut:
        note("note: there are more; --limit lists more at once")


def _rewind(
    session: SessionArgument,
    checkpoint: CheckpointArgument,
    *,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Keep what the session has now as a checkpoint.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Take a session back to a checkpoint.

    Prints the id of the checkpoint that keeps what the session had before.
    """
    session_id, checkpoint_id = parse_session_id(session), parse_session_id(checkpoint)
    kept = in_store(lambda store: store.rewind(session_id, checkpoint_id, keep=keep))
    if as_json:
        print_json({"id": str(session_id), "kept": None if kept is None else to_dict(kept)})
    elif kept is not None:
        write(f"{kept.id}\n")


def _diff(
    one: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="The id of a session or checkpoint.", autocompletion=completing.sessions
        ),
    ],
    other: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="The id of the one to compare with it.", autocompletion=completing.sessions
        ),
    ],
    *,
    names: Annotated[bool, typer.Option("--names", help="Show only the paths and keys that differ.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what differs between two sessions: files, line by line, and values."""
    first, second = parse_session_id(one), parse_session_id(other)
    files, values = in_store(lambda store: _differences(store, first, second, text=not names))
    if as_json:
        print_json({"files": [*map(shown_change, files)], "values": [*map(shown_change, values)]})
        return
    for change in files:
        print_file_change(change)
    print_lines([_line(change.kind, f"value {change.key}") for change in values])


async def _differences(
    store: Store, one: UUID, other: UUID, *, text: bool
) -> tuple[list[FileChange], list[ValueChange]]:
    files: list[FileChange] = []
    while page := await store.diff(
        one, other, after=files[-1].path if files else None, limit=_PAGE, text=text
    ):
        files += page
    return files, await store.diff_values(one, other)


def print_file_change(change: FileChange) -> None:
    """Print what became of a path, and below it what is different there, where it has a text."""
    print_lines([_line(change.kind, change.path), *_text_lines(change)])


def _line(kind: str, place: str) -> list[tuple[str, str]]:
    sign, style = _SIGNS[kind]
    return [(f"{sign} {one_line(place)}", style)]


def _text_lines(change: FileChange) -> list[list[tuple[str, str]]]:
    lines = (change.text or "").split("\n")[:-1]  # only this ends one, and the last, too
    return [[(as_shown(line), _STYLES.get(line[:1], ""))] for line in lines]


def shown_change(change: FileChange | ValueChange) -> dict[str, object]:
    """A difference for JSON, its two sides as everywhere else."""
    sides = {"before": change.before, "after": change.after}
    return to_dict(change) | {name: None if side is None else to_dict(side) for name, side in sides.items()}


def _merge(
    fork: Annotated[
        str, typer.Argument(metavar="FORK", help="The id of the fork.", autocompletion=completing.sessions)
    ],
    *,
    into: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="The session to change [default: the one that was forked].",
            autocompletion=completing.sessions,
        ),
    ] = None,
    prefer: Annotated[
        Literal["fork", "target"] | None,
        typer.Option(metavar="fork|target", help="Which side wins where both changed the same thing."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take what a fork changed into the session that it came from.

    Where both changed the same thing differently, nothing is changed, and the conflicts are told.
    """
    fork_id, target = parse_session_id(fork), None if into is None else parse_session_id(into)
    merged = in_store(lambda store: store.merge(fork_id, target, prefer=prefer))
    if as_json:
        print_json(
            {"files": [*map(shown_change, merged.files)], "values": [*map(shown_change, merged.values)]}
        )
        return
    print_lines([_line(change.kind, change.path) for change in merged.files])
    print_lines([_line(change.kind, f"value {change.key}") for change in merged.values])
    files, values = counted(len(merged.files), "path"), counted(len(merged.values), "value")
    note(f"{files} and {values} changed" if merged.files or merged.values else "nothing to merge")
