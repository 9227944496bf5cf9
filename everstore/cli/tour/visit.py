"""One tour through one open store."""

from __future__ import annotations

from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.cli.local import own_name
from everstore.cli.output import MASK, one_line
from everstore.cli.running import WrongAnswerError, fleeting, line_to_keep
from everstore.cli.tour.guide import lines_of
from everstore.cli.tour.importing import import_file
from everstore.cli.tour.scene import Scene
from everstore.cli.tour.screen import progress_of_import
from everstore.cli.tour.timing import Timings
from everstore.errors import EverstoreError, InvalidArgumentError, code_of
from everstore.wording import counted, shown_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
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
        title = "Import the tree, sixteen files at a time"
        started = self._begin(title, lines_of(import_file, {}), in_short=True)
        paths = self._tree.survey()
        with progress_of_import(len(paths)) as progress:
            known = await self._tree.into(work.files, paths, progress)
        answer = f"{counted(len(known), 'file')}, {shown_size(self._tree.size_bytes)}"
        self._end(answer, perf_counter_ns() - started)
        self._screen.skipped(self._tree.skipped)
        self._require_some(known)
        scene = Scene(self._store, work, known)
        for step in steps:
            await self._take(step, scene)

    def _require_some(self, known: Mapping[str, bytes]) -> None:
        """Refuse to find everything right where nothing could be imported."""
        reasons = [each for each in sorted(self._tree.skipped) if each.startswith(("refused", "unreadable"))]
        if reasons and not known:
            raise InvalidArgumentError(
                f"nothing in {str(self._tree.directory)!r} could be imported: {', '.join(reasons)}"
            )

    async def _take(self, step: Step, scene: Scene) -> None:
        code = lines_of(step.act, {**scene.arguments(step.act), "token": MASK})
        self._begin(step.title, code, in_short=step.in_short)
        try:
            outcome = await step.run(scene)
        except WrongAnswerError as error:
            self._screen.reveal()
            raise WrongAnswerError(str(error).replace(scene.token, MASK)) from None
        except EverstoreError:
            self._screen.reveal()
            raise
        if isinstance(outcome.answer, type) and issubclass(outcome.answer, step.tolerate):
            self._refusals.append(f"But {step.title.lower()!r} had to be left out: {outcome.refusal}")
        self._end(step.words(outcome), outcome.duration_ns)

    def _begin(self, title: str, code: list[str], *, in_short: bool) -> int:
        self._screen.step(title, code, in_short=in_short)
        self._steps.append({"title": title, "code": code})
        return perf_counter_ns()

    def _end(self, answer: str, duration_ns: int) -> None:
        self._screen.answer(answer, duration_ns)
        self._steps[-1] |= {"answer": answer, "duration_ns": duration_ns}

    def last_words(self, *, kept: bool) -> None:
        """Say that all was right and which backend kept it, and what to type next."""
        of_what = "" if self._tree.count else ", of the tour's own files alone: none was imported"
        verdict = f"Every answer was right{of_what}. {self._who_kept_it()}."
        words = [*self._refusals, *self._left_out(), "", *self._what_next(kept=kept)]
        self._screen.end(self._timings.table(), verdict, *words)

    def _left_out(self) -> Iterator[str]:
        count = self._tree.skipped.total()
        if count:
            reasons = ", ".join(sorted(self._tree.skipped))
            yield f"But {counted(count, 'entry')} of the directory had to be left out: {one_line(reasons)}."

    def _what_next(self, *, kept: bool) -> Iterator[str]:
        """Two lines to type; what they begin outlives the command."""
        everstore = own_name()
        if lost := fleeting(self._store):
            yield f"Backend {' and '.join(lost)} has forgotten it by now. To keep a session, type:"
            yield f"    {line_to_keep()}"
            yield f"    export EVERSTORE_SESSION=$({everstore} session new)"
        elif kept:
            yield "The session is still there. To look into it, type:"
            yield f"    export EVERSTORE_SESSION={self._session_id}"
            yield f"    {everstore} tree"
        else:
            yield "To begin a session of your own, type:"
            yield f"    export EVERSTORE_SESSION=$({everstore} session new)"
            yield f"    echo hello | {everstore} put - hello.txt"

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
