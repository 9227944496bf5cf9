"""Commands on session records: ``everstore session``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from everstore.cli.options import JsonOption, SessionArgument
from everstore.cli.output import print_facts, print_json, print_table, shown_size, shown_time, write
from everstore.cli.running import in_store
from everstore.errors import SessionNotFoundError
from everstore.models import to_dict
from everstore.paths import parse_session_id

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.models import Session
    from everstore.store import Store

__all__ = ["app"]

app = typer.Typer(help="Sessions: their records, and all that they keep.", no_args_is_help=True)

_PAGE = 100


def _absent(session_id: UUID) -> SessionNotFoundError:
    return SessionNotFoundError(f"no session {session_id}", session_id=session_id)


@app.command("new")
def new(
    title: Annotated[str | None, typer.Argument(help="What people will know it by.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Make a session and print its id: export EVERSTORE_SESSION=$(everstore session new)."""
    session = in_store(lambda store: store.create_session(title))
    if as_json:
        print_json(to_dict(session))
    else:
        write(f"{session.id}\n")


@app.command("ls")
def ls(
    *,
    limit: Annotated[int, typer.Option(min=1, help="List at most so many.")] = _PAGE,
    as_json: JsonOption = False,
) -> None:
    """List sessions, newest first."""
    sessions = in_store(lambda store: _newest(store, limit))
    if as_json:
        print_json([to_dict(session) for session in sessions])
        return
    rows = [(str(session.id), shown_time(session.created_at), session.title or "") for session in sessions]
    print_table(("id", "created", "title"), rows)


async def _newest(store: Store, limit: int) -> list[Session]:
    sessions: list[Session] = []
    while len(sessions) < limit:
        last = sessions[-1] if sessions else None
        page = await store.sessions.list_sessions(limit=min(_PAGE, limit - len(sessions)), after=last)
        if not page:
            break
        sessions += page
    return sessions


@app.command("show")
def show(session: SessionArgument, *, as_json: JsonOption = False) -> None:
    """Show a session's record and how much it keeps."""
    session_id = parse_session_id(session)
    record, kept = in_store(lambda store: _kept(store, session_id))
    if as_json:
        print_json({**to_dict(record), **kept})
        return
    print_facts(
        {
            "id": str(record.id),
            "title": record.title or "",
            "created": shown_time(record.created_at),
            "updated": shown_time(record.updated_at),
            "files": f"{kept['files']:,} ({shown_size(kept['bytes'])})",
            "values": f"{kept['values']:,}",
            "secrets": f"{kept['secrets']:,}",
        }
    )


async def _kept(store: Store, session_id: UUID) -> tuple[Session, dict[str, int]]:
    record = await store.sessions.get_session(session_id)
    if record is None:
        raise _absent(session_id)
    work = store.session(session_id)
    files = await work.files.glob_files("**")
    return record, {
        "files": len(files),
        "bytes": sum(info.size_bytes for info in files),
        "values": len(await work.storage.list_keys()),
        "secrets": len(await work.storage.list_secrets()),
    }


@app.command("rename")
def rename(
    session: SessionArgument,
    title: Annotated[str, typer.Argument(help="What people will know it by.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Give a session another title."""
    session_id = parse_session_id(session)
    record = in_store(lambda store: store.sessions.update_session_title(session_id, title))
    if as_json:
        print_json(to_dict(record))


@app.command("rm")
def rm(session: SessionArgument, *, as_json: JsonOption = False) -> None:
    """Remove a session: its record, files, values and secrets; status 1 when there was nothing."""
    session_id = parse_session_id(session)
    if not in_store(lambda store: store.delete_session(session_id)):
        raise _absent(session_id)
    if as_json:
        print_json({"id": str(session_id), "removed": True})
