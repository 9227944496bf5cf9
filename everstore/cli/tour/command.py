"""The command ``everstore tour``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from everstore.cli.options import JsonOption
from everstore.cli.output import print_json, shown_size, write
from everstore.cli.running import configured, opened
from everstore.cli.tour import screen
from everstore.cli.tour.guide import WrongAnswerError, lines_of, summary
from everstore.cli.tour.importing import LocalTree, import_file
from everstore.cli.tour.scene import Scene
from everstore.cli.tour.steps import STEPS
from everstore.cli.tour.timing import Timings

if TYPE_CHECKING:
    from everstore.models import Session
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
    asyncio.run(_tour(LocalTree(directory, max_files, max_bytes), keep=keep, as_json=as_json))


async def _tour(tree: LocalTree, *, keep: bool, as_json: bool) -> None:
    async with opened(configured()) as store:
        session = await store.create_session(f"everstore tour of {tree.directory.resolve().name}")
        visit = _Visit(store, session, tree, quiet=as_json)
        try:
            await visit.all_steps()
        finally:
            if not keep:
                await store.delete_session(session.id)
        if not keep:
            await visit.check_removed()
        visit.tell_end(kept=keep)


class _Visit:
    """One tour through one store: its screen, and the report of it for programs."""

    def __init__(self, store: Store, session: Session, tree: LocalTree, *, quiet: bool) -> None:
        self._store = store
        self._session = session
        self._tree = tree
        self._quiet = quiet
        self._timings = Timings()
        self._work = self._timings.session(store, session.id)
        self._steps: list[dict[str, Any]] = []
        self._imported = 0

    async def all_steps(self) -> None:
        """The import and every step after it; the first wrong answer ends the tour."""
        scene = Scene(self._work, await self._import())
        shown = {**vars(scene), "glob": scene.glob, "token": "********"}
        for number, step in enumerate(STEPS, 2):
            lines = lines_of(step.act, shown)
            if not self._quiet:
                screen.print_step(number, step.title, lines)
            try:
                outcome = await step.run(scene)
            except WrongAnswerError as error:
                raise WrongAnswerError(str(error).replace(scene.token, "********")) from None
            answer = summary(outcome.answer) if not outcome.refusal else f"refused: {outcome.refusal}"
            self._told(step.title, lines, answer, outcome.duration_ns)

    async def _import(self) -> dict[str, bytes]:
        title, lines = "Import the tree, sixteen files at a time", lines_of(import_file, {})
        if not self._quiet:
            screen.print_step(1, title, lines)
        started = perf_counter_ns()
        with screen.progress_of_import(self._tree.max_files) as progress:
            known = await self._tree.into(self._work.files, progress)
        self._imported = len(known)
        answer = f"{len(known):,} files, {shown_size(sum(map(len, known.values())))}"
        self._told(title, lines, answer, perf_counter_ns() - started)
        if not self._quiet:
            screen.print_skipped(self._tree.skipped)
        return known

    def _told(self, title: str, lines: list[str], answer: str, duration_ns: int) -> None:
        self._steps.append({"title": title, "code": lines, "answer": answer, "duration_ns": duration_ns})
        if not self._quiet:
            screen.print_answer(answer, duration_ns)

    async def check_removed(self) -> None:
        """``WrongAnswerError`` when something of the removed session is still there."""
        work = self._store.session(self._session.id)
        left = [
            *await work.files.glob_files("**"),
            *await work.storage.list_keys(),
            *await work.storage.list_secrets(),
        ]
        if left or await self._store.sessions.get_session(self._session.id) is not None:
            raise WrongAnswerError("the session was removed, but something of it is still there")

    def tell_end(self, *, kept: bool) -> None:
        """The table of calls, and which backend kept it all."""
        calls = self._timings.table()
        if self._quiet:
            print_json(
                {
                    "backends": self._store.backends,
                    "calls": msgspec.to_builtins(calls),
                    "imported": {
                        "bytes": self._tree.size_bytes,
                        "files": self._imported,
                        "skipped": self._tree.skipped,
                    },
                    "kept": kept,
                    "session_id": str(self._session.id),
                    "steps": self._steps,
                }
            )
            return
        screen.print_calls(calls)
        write(f"\nEvery answer was right. {self._who_kept_it()}.\n")
        if kept:
            write(f"The session is still there: EVERSTORE_SESSION={self._session.id}\n")

    def _who_kept_it(self) -> str:
        names = dict.fromkeys(self._store.backends.values())
        if len(names) == 1:
            return f"Backend {next(iter(names))} kept everything"
        roles = (f"{name} kept the {role.replace('_', ' ')}" for role, name in self._store.backends.items())
        return f"Backends: {', '.join(roles)}"
