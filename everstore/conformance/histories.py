"""Recorded histories: what clients saw that worked on the same places at the same time.

A client makes random calls and records each of them: when it was made, what was answered and when.
Clients may be tasks, threads or processes: the clock is the machine's monotonic one, which all of them
share. Afterwards the history of each place must be explained by an order.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec

from everstore.conformance.case import Mismatch
from everstore.conformance.linearizability import Operation, explain_history
from everstore.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from everstore.conformance.linearizability import Apply
    from everstore.conformance.trace import Trace

__all__ = ["Plan", "Recorder", "Seen", "require_explained"]

T = TypeVar("T")

_SHOWN = 5
_GIVEN_UP = 0.1  # of the calls of a client whose patience is limited


class Plan(msgspec.Struct, frozen=True):
    """What a client does: which kind of calls, at which place, how many, by which seed.

    With ``patience`` it gives up some of its calls, after so many seconds at most.
    """

    client: str
    kind: str
    place: str
    session: UUID
    seed: int
    rounds: int
    patience: float | None = None


class Seen(msgspec.Struct, frozen=True):
    """An operation, and where it was made."""

    kind: str
    place: str
    operation: Operation


class Recorder:
    """What one client does, told call by call."""

    def __init__(self, plan: Plan, tell: Callable[[Seen], object]) -> None:
        """Chance comes from the plan's seed only."""
        self.plan = plan
        self.random = random.Random(plan.seed)  # noqa: S311 - reproducible, not secret
        self._tell = tell

    async def record(self, action: str, argument: Any, call: Coroutine[Any, Any, T]) -> T | None:
        """What the call answers, which JSON can carry; ``None`` when it did not come to an end."""
        patience = None
        if self.plan.patience is not None and self.random.random() < _GIVEN_UP:
            patience = self.random.random() * self.plan.patience
        invoked = time.monotonic_ns()
        try:
            async with asyncio.timeout(patience):
                answer = await call
        except (TimeoutError, BackendError):
            self._done(Operation(self.plan.client, action, argument, None, invoked))
            return None
        self._done(Operation(self.plan.client, action, argument, answer, invoked, time.monotonic_ns()))
        return answer

    def may_happen(self, action: str, argument: Any) -> None:
        """From now on this may happen once, by itself."""
        self._done(Operation(self.plan.client, action, argument, None, time.monotonic_ns()))

    def _done(self, operation: Operation) -> None:
        self._tell(Seen(self.plan.kind, self.plan.place, operation))


def require_explained(history: Iterable[Seen], objects: dict[str, Apply], trace: Trace) -> None:
    """``Mismatch`` unless an order explains what was answered at each place.

    The history is then kept in a file, and the trace tells where it stops making sense. ``objects`` are
    what the kinds of places should be.
    """
    places: dict[tuple[str, str], list[Operation]] = {}
    for seen in history:
        places.setdefault((seen.kind, seen.place), []).append(seen.operation)
    for (kind, place), operations in sorted(places.items()):
        verdict = explain_history(operations, objects[kind])
        if not verdict.is_linearizable:
            trace.tell(
                [*map(str, verdict.order[-_SHOWN:]), f"and then one of {list(map(str, verdict.stuck))}"]
            )
            raise Mismatch(
                f"an order of the {len(operations)} calls at the {kind} {place!r} that explains all answers",
                f"none: the best one leaves {verdict.state!r}, where none of the next calls can be answered "
                f"as it was. The history is in {_kept(operations)}",
            )


def _kept(operations: list[Operation]) -> Path:
    """A file that holds the operations as JSON, in the order of their calls."""
    lines = [msgspec.json.encode(each) for each in sorted(operations, key=lambda each: each.invoked)]
    with tempfile.NamedTemporaryFile(prefix="everstore-history-", suffix=".json", delete=False) as file:
        file.write(b"[\n" + b",\n".join(lines) + b"\n]\n")
    return Path(file.name)
