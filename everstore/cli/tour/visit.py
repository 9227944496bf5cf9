"""One tour through one open store."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.cli.output import MASK
from everstore.cli.running import WrongAnswerError
from everstore.cli.tour.guide import lines_of, summary
from everstore.cli.tour.importing import import_file
from everstore.cli.tour.scene import Scene
from everstore.cli.tour.screen import progress_of_import
from everstore.cli.tour.timing import Timings
from everstore.errors import code_of
from everstore.wording import shown_size

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from everstore.cli.tour.guide import Step
    from everstore.cli.tour.importing import LocalTree
    from everstore.cli.tour.screen import Screen
    from everstore.store import Store

__all__ = ["Visit"]


class Visit:
    """Imports a tree, goes through steps, and remembers both for the report."""

    def __init__(self, store: Store, session_id: UUID, tree: LocalTree, screen: Screen) -> None:
        """Nothing is called yet."""
        self._store = store
        self._session_id = session_id
        self._tree = tree
        self._screen = screen
        self._timings = Timings()
        self._steps: list[dict[str, Any]] = []
        self._refusals: list[str] = []

    async def go_through(self, steps: Iterable[Step]) -> None:
        """The import, then every step; ``WrongAnswerError`` at the first answer that is wrong."""
        work = self._timings.session(self._store, self._session_id)
        started = self._begin("Import the tree, sixteen files at a time", lines_of(import_file, {}))
        paths = self._tree.survey()
        with progress_of_import(len(paths)) as progress:
            known = await self._tree.into(work.files, paths, progress)
        answer = f"{len(known):,} files, {shown_size(self._tree.size_bytes)}"
        self._end(answer, perf_counter_ns() - started)
        self._screen.skipped(self._tree.skipped)
        scene = Scene(self._store, work, known)
        for step in steps:
            await self._take(step, scene)

    async def _take(self, step: Step, scene: Scene) -> None:
        self._begin(step.title, lines_of(step.act, {**scene.arguments(step.act), "token": MASK}))
        try:
            outcome = await step.run(scene)
        except WrongAnswerError as error:
            raise WrongAnswerError(str(error).replace(scene.token, MASK)) from None
        if isinstance(outcome.answer, type) and issubclass(outcome.answer, step.tolerate):
            self._refusals.append(f"But {step.title.lower()!r} had to be left out: {outcome.refusal}")
        self._end(
            f"refused: {outcome.refusal}" if outcome.refusal else summary(outcome.answer), outcome.duration_ns
        )

    def _begin(self, title: str, code: list[str]) -> int:
        self._screen.step(title, code)
        self._steps.append({"title": title, "code": code})
        return perf_counter_ns()

    def _end(self, answer: str, duration_ns: int) -> None:
        self._screen.answer(answer, duration_ns)
        self._steps[-1] |= {"answer": answer, "duration_ns": duration_ns}

    def last_words(self, *, kept: bool) -> None:
        """Show the table of calls, and say which backend kept it all."""
        words = [f"Every answer was right. {self._who_kept_it()}.", *self._refusals]
        if kept and self._store.file_system.capabilities.durable:
            words.append(f"The session is still there: EVERSTORE_SESSION={self._session_id}")
        elif kept:
            words.append(
                "The session ends with this process all the same: EVERSTORE_BACKEND names another backend."
            )
        self._screen.end(self._timings.table(), *words)

    def _who_kept_it(self) -> str:
        names = list(dict.fromkeys(self._store.backends.values()))
        if len(names) == 1:
            return f"Backend {names[0]} kept everything"
        roles = (f"{name} kept the {role.replace('_', ' ')}" for role, name in self._store.backends.items())
        return f"Backend {', '.join(roles)}"

    def report(self, *, kept: bool, error: Exception | None) -> dict[str, Any]:
        """The tour as a JSON document."""
        return {
            "backends": self._store.backends,
            "calls": msgspec.to_builtins(self._timings.table()),
            "error": error and {"code": code_of(error), "message": str(error)},
            "imported": {
                "bytes": self._tree.size_bytes,
                "files": self._tree.count,
                "skipped": self._tree.skipped,
            },
            "kept": kept,
            "session_id": str(self._session_id),
            "steps": self._steps,
        }
