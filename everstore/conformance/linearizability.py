"""Whether some order explains a history of concurrent calls: the search of Wing and Gong, with memory.

A history is linearizable when every operation can be given one moment between its call and its answer
so that, done at these moments one after the other, all answers are right (Herlihy and Wing, 1990). The
search (Wing and Gong, 1993) takes one operation after the other from those that may come first: those
called before the earliest answer among the operations left. What Lowe (2017) added makes it fast: what
remains to be explained depends only on which operations are done and on the state that they left, so
no such pair is tried twice.

An operation whose outcome is unknown (its call was cancelled, failed, or died with its process) may
have happened at any time after its call, or never.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import msgspec

from everstore.compat import override

__all__ = ["Apply", "Operation", "Verdict", "explain_history"]


class Operation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call as its caller saw it; times are of a clock that all callers share.

    ``answered`` is ``None``, and ``answer`` means nothing, when the outcome is unknown.
    """

    client: str
    action: str
    argument: Any = None
    answer: Any = None
    invoked: int = 0
    answered: int | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows what became of it."""
        return self.answered is None

    @override
    def __str__(self) -> str:
        argument = "" if self.argument is None else repr(self.argument)
        return f"{self.client}: {self.action}({argument}) -> {'?' if self.is_unknown else repr(self.answer)}"


State = Hashable
Apply = Callable[[Any, Operation], Iterable[State]]
"""The states that an operation with its answer can lead to from a state; none when it cannot be there."""


class Verdict(msgspec.Struct, frozen=True):
    """``order`` explains the history if ``is_linearizable``; else it is the longest beginning that was found.

    ``state`` is what that order leaves, and ``stuck`` are the operations none of which can come next.
    """

    is_linearizable: bool
    order: list[Operation]
    state: State
    stuck: list[Operation]


def explain_history(operations: Iterable[Operation], apply: Apply, initial: State = None) -> Verdict:
    """Look for an order that explains all answers."""
    search = _Search(sorted(operations, key=lambda operation: operation.invoked), apply, initial)
    return search.run()


class _Search:
    """A depth-first search. A node is which operations are done (bits of an integer), and the state."""

    def __init__(self, operations: list[Operation], apply: Apply, initial: State) -> None:
        self._operations = operations
        self._apply = apply
        self._required = sum(1 << i for i, operation in enumerate(operations) if not operation.is_unknown)
        self._start: tuple[int, State] = (0, initial)
        # How each node was reached: the node before it, and the operation taken there.
        self._reached: dict[tuple[int, State], tuple[tuple[int, State], int] | None] = {self._start: None}

    def run(self) -> Verdict:
        stack = [self._start]
        best = self._start
        while stack:
            node = stack.pop()
            done, state = node
            if done & self._required == self._required:
                return Verdict(True, self._order(node), state, [])  # noqa: FBT003 - the verdict
            if done.bit_count() > best[0].bit_count():
                best = node
            # The one called first is tried first.
            for i in reversed(self._next(done)):
                for after in self._apply(state, self._operations[i]):
                    following = (done | 1 << i, after)
                    if following not in self._reached:
                        self._reached[following] = (node, i)
                        stack.append(following)
        stuck = [self._operations[i] for i in self._next(best[0])]
        return Verdict(False, self._order(best), best[1], stuck)  # noqa: FBT003 - the verdict

    def _next(self, done: int) -> list[int]:
        """The operations left that were called before any of those left was answered."""
        found = []
        earliest: float = float("inf")
        # The lowest bit that is not set: all operations before it are done.
        first = (~done & (done + 1)).bit_length() - 1
        for i in range(first, len(self._operations)):
            operation = self._operations[i]
            if operation.invoked > earliest:
                break
            if done >> i & 1:
                continue
            found.append(i)
            if operation.answered is not None:
                earliest = min(earliest, operation.answered)
        return found

    def _order(self, node: tuple[int, State]) -> list[Operation]:
        order = []
        step = self._reached[node]
        while step is not None:
            node, i = step
            order.append(self._operations[i])
            step = self._reached[node]
        return order[::-1]
