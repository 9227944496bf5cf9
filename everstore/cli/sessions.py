"""Commands on session records: ``everstore session``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from everstore.cli import branching, completing
from everstore.cli.helping import Commands
from everstore.cli.options import CurrentSessionArgument, JsonOption, LabelsOption, SessionArgument, labels_of
from everstore.cli.output import (
    note,
    print_facts,
    print_json,
    print_table,
    shown_time,
    shown_usage,
    write,
)
from everstore.cli.running import RECORDS, in_store, session_of
from everstore.errors import InvalidArgumentError, SessionNotFoundError
from everstore.models import is_checkpoint, to_dict
from everstore.paths import parse_session_id
from everstore.wording import shown_size

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.models import Session, SessionUsage
    from everstore.store import Store

__all__ = ["app"]

app = Commands(help="Make, list, fork, merge and remove sessions.")

_PAGE = 100


def _shown_labels(session: Session) -> str:
    return " ".join(f"{name}={text}" for name, text in session.labels.items())


def _absent(session_id: UUID) -> SessionNotFoundError:
    return SessionNotFoundError(f"no session {session_id}", session_id=session_id)


@app.command("new")
def new(
    title: Annotated[str | None, typer.Argument(metavar="TITLE", help="A title, for people.")] = None,
    *,
    label: LabelsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a session and print its id.

    To work in it: export EVERSTORE_SESSION=$(everstore session new)
    """
    labels = labels_of(label)
    session = in_store(lambda store: store.create_session(title, labels=labels), keeps=RECORDS)
    if as_json:
        print_json(to_dict(session))
    else:
        write(f"{session.id}\n")


@app.command("ls")
def ls(
    *,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="List at most N.")] = _PAGE,
    after: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="List those that follow this session; for the next page.",
            autocompletion=completing.sessions,
        ),
    ] = None,
    label: LabelsOption = None,
    orphans: Annotated[
        bool, typer.Option("--orphans", help="List sessions that hold something but have no record.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List sessions, newest first, with the option for the next page."""
    labels = labels_of(label)
    if orphans and labels:
        raise InvalidArgumentError("--orphans have no record, and so no labels; leave out one of both")
    start = None if after is None else parse_session_id(after)
    if orphans:
        page = in_store(lambda store: _orphans(store, start, limit + 1))
        _print_orphans(page[:limit], as_json=as_json, is_cut=len(page) > limit)
        return
    sessions = in_store(lambda store: _newest(store, start, labels, limit + 1))
    _print_records(sessions[:limit], as_json=as_json, is_cut=len(sessions) > limit)


def _print_records(sessions: list[Session], *, as_json: bool, is_cut: bool) -> None:
    following = str(sessions[-1].id) if is_cut else None
    if as_json:
        print_json({"sessions": [to_dict(session) for session in sessions], "next": following})
        return
    labels = [_shown_labels(session) for session in sessions]
    columns = ("id", "created", "labels", "title") if any(labels) else ("id", "created", "title")
    rows = [
        (
            str(session.id),
            shown_time(session.created_at),
            *([told] if any(labels) else ()),
            session.title or "",
        )
        for session, told in zip(sessions, labels, strict=True)
    ]
    print_table(columns, rows, fold=columns[2:])
    _tell_more(following)


def _print_orphans(orphans: list[tuple[UUID, SessionUsage]], *, as_json: bool, is_cut: bool) -> None:
    following = str(orphans[-1][0]) if is_cut else None
    if as_json:
        found = [{"id": str(session_id), **to_dict(usage)} for session_id, usage in orphans]
        print_json({"sessions": found, "next": following})
        return
    print_table(("id", "holds"), [(str(session_id), shown_usage(usage)) for session_id, usage in orphans])
    _tell_more(following)


def _tell_more(following: str | None) -> None:
    if following is not None:
        note(f"note: there are more; --after {following} goes on, and --limit lists more at once")


async def _newest(store: Store, start: UUID | None, labels: dict[str, str], limit: int) -> list[Session]:
    sessions: list[Session] = []
    last = None
    if start is not None:
        last = await store.sessions.get_session(start)
        if last is None:
            raise SessionNotFoundError(
                f"--after: session {start} has no record any more; name the one before it", session_id=start
            )
    while len(sessions) < limit:
        some = min(_PAGE, limit - len(sessions))
        page = await store.sessions.list_sessions(limit=some, after=last, labels=labels or None)
        if not page:
            break
        sessions += page
        last = page[-1]
    return sessions


async def _orphans(store: Store, start: UUID | None, limit: int) -> list[tuple[UUID, SessionUsage]]:
    from everstore.pruning import orphans  # noqa: PLC0415 - loads when needed

    found: list[tuple[UUID, SessionUsage]] = []
    async for orphan in orphans(store, start):
        found.append(orphan)
        if len(found) == limit:
            break
    return found


@app.command("show")
def show(session: CurrentSessionArgument = None, *, as_json: JsonOption = False) -> None:
    """Show the record of a session, and how much it holds."""
    session_id = session_of(session)
    record, usage = in_store(lambda store: _kept(store, session_id))
    if as_json:
        print_json({**to_dict(record), **to_dict(usage)})
        return
    print_facts(
        {
            "id": str(record.id),
            "title": record.title or "",
            "parent": str(record.parent or ""),
            "labels": _shown_labels(record),
            "created": shown_time(record.created_at),
            "updated": shown_time(record.updated_at),
            "last write": shown_time(usage.last_write_at),
            "files": f"{usage.files:,} ({shown_size(usage.bytes)})",
            "directories": f"{usage.directories:,}",
            "values": f"{usage.values:,}",
            "secrets": f"{usage.secrets:,}",
        }
    )


async def _kept(store: Store, session_id: UUID) -> tuple[Session, SessionUsage]:
    record = await store.sessions.get_session(session_id)
    if record is None:
        raise _absent(session_id)
    return record, await store.usage(session_id)


@app.command("rename")
def rename(
    session: SessionArgument,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="The new title.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Change the title of a session."""
    session_id = parse_session_id(session)
    record = in_store(lambda store: store.sessions.update_session_title(session_id, title))
    if as_json:
        print_json(to_dict(record))


@app.command("label")
def label(
    session: SessionArgument,
    labels: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=TEXT", help="The labels that it will have; without any, it has none."),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Replace the labels of a session."""
    session_id = parse_session_id(session)
    wanted = labels_of(labels)
    record = in_store(lambda store: store.sessions.update_session(session_id, labels=wanted))
    if as_json:
        print_json(to_dict(record))


@app.command("rm")
def rm(
    session: SessionArgument,
    *,
    keep_checkpoints: Annotated[
        bool, typer.Option("--keep-checkpoints", help="Do not remove its checkpoints.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a session with its checkpoints, or one checkpoint, and all that it holds.

    The exit status is 1 when there was nothing.
    """
    session_id = parse_session_id(session)

    async def remove(store: Store) -> bool:
        if is_checkpoint(session_id):
            return await store.delete_checkpoint(session_id)
        return await store.delete_session(session_id, keep_checkpoints=keep_checkpoints)

    if not in_store(remove):
        raise _absent(session_id)
    if as_json:
        print_json({"id": str(session_id), "removed": True})


branching.add_to(app)
