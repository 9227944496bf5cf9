"""The command ``everstore tour``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from everstore.cli.ending import carry_out
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

    from everstore.store import Store

__all__ = ["tour"]


def tour(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="The tree to import.")] = Path(),
    *,
    max_files: Annotated[int, typer.Option(min=0, help="Import at most so many files.")] = 10_000,
    max_bytes: Annotated[int, typer.Option(min=0, help="Import at most so many bytes in all.")] = 64 << 20,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the session there at the end.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Import a real tree into a new session, work in it as an agent would, and check every answer."""
    carry_out(_tour(LocalTree(directory, max_files, max_bytes), keep=keep, as_json=as_json))


async def _tour(tree: LocalTree, *, keep: bool, as_json: bool) -> None:
    failure: EverstoreError | None = None
    async with opened(configured()) as store:
        title = f"everstore tour of {one_line(tree.directory.resolve().name)}"
        session = await store.create_session(title)
        visit = Visit(store, session.id, tree, Screen(quiet=as_json))
        try:
            await visit.go_through(STEPS if keep else (*STEPS, REMOVAL))
            visit.last_words(kept=keep)
        except BaseException as error:
            failure = error if isinstance(error, EverstoreError) else None
            if keep:
                note(f"the session is still there: EVERSTORE_SESSION={session.id}")
            else:
                await _remove(store, session.id)
            raise
        finally:
            if as_json:
                print_json(visit.report(kept=keep, error=failure))


async def _remove(store: Store, session_id: UUID) -> None:
    """Remove what a tour that failed has made, or tell how to; what ended the tour is told after that."""
    try:
        await store.delete_session(session_id)
    except EverstoreError as error:
        remedy = f"everstore session rm {session_id} does it"
        note(f"session {session_id} could not be removed ({error.code}): {remedy}")
