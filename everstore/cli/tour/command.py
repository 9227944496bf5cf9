"""The command ``everstore tour``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from everstore.cli.ending import carry_out
from everstore.cli.local import own_name
from everstore.cli.options import JsonOption
from everstore.cli.output import note, one_line, print_json
from everstore.cli.running import configured, opened
from everstore.cli.tour.importing import LocalTree
from everstore.cli.tour.screen import Screen
from everstore.cli.tour.steps import REMOVAL, STEPS
from everstore.cli.tour.visit import Visit
from everstore.errors import EverstoreError

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.models import Session
    from everstore.store import Store

__all__ = ["tour"]


def tour(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The directory to import.")] = Path(),
    *,
    max_files: Annotated[int, typer.Option(metavar="N", min=0, help="Import at most N files.")] = 10_000,
    max_bytes: Annotated[int, typer.Option(metavar="N", min=0, help="Import at most N bytes in all.")] = 64
    << 20,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the session there at the end.")] = False,
    show_all: Annotated[
        bool, typer.Option("--all", help="Show every step, and how long each kind of call took.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Import a directory into a new session, work in it as an agent would, and check every answer.

    A session that is not to be kept is removed, also when the tour is interrupted.
    """
    screen = Screen(quiet=as_json, is_short=not show_all)
    carry_out(_tour(LocalTree(directory, max_files, max_bytes), screen, keep=keep, as_json=as_json))


async def _tour(tree: LocalTree, screen: Screen, *, keep: bool, as_json: bool) -> None:
    failure: EverstoreError | None = None
    async with opened(configured()) as store:
        title = f"everstore tour of {one_line(tree.directory.resolve().name)}"
        session = await store.create_session(title)
        visit = Visit(store, session.id, tree, screen)
        try:
            await visit.go_through(STEPS if keep else (*STEPS, REMOVAL))
            visit.last_words(kept=keep)
        except BaseException as error:
            failure = error if isinstance(error, EverstoreError) else None
            if keep:
                note(f"the session is still there: EVERSTORE_SESSION={session.id}")
            else:
                await _remove(store, session)
            raise
        finally:
            if as_json:
                print_json(visit.report(kept=keep, error=failure))


async def _remove(store: Store, session: Session) -> None:
    """Remove what a tour that failed has made, or tell how to; what ended the tour is told after that."""
    try:
        for each in [*await _forks(store, session), session.id]:
            await store.delete_session(each)
    except EverstoreError as error:
        remedy = f"{own_name()} session rm {session.id} does it"
        note(f"session {session.id} could not be removed ({error.code}): {remedy}")


async def _forks(store: Store, session: Session) -> list[UUID]:
    """The forks that a step has made and not come to delete."""
    forks: list[UUID] = []
    last = None
    while page := await store.sessions.list_sessions(limit=100, after=last):
        forks += [each.id for each in page if each.parent == session.id]
        last = page[-1]
        if last.created_at < session.created_at:
            break
    return forks
