"""The checkpoints that were put lately, so that of the next ones only what changed is written."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from everstore.adapters.langgraph.records import Record
    from everstore.adapters.langgraph.threads import Thread

__all__ = ["Kept"]

_REMEMBERED = 4096  # checkpoints


class _Whole(NamedTuple):
    """A checkpoint that was put: in which generation of its thread it was whole, with which values apart."""

    generation: int
    apart: Mapping[str, str | int | float]


class Kept:
    """The checkpoints that were put lately, so that of the next ones only what changed is written."""

    def __init__(self) -> None:
        """Remembers none."""
        self._whole: OrderedDict[tuple[UUID, str, str], _Whole] = OrderedDict()
        self._known: OrderedDict[UUID, None] = OrderedDict()

    def parent(self, thread: Thread, record: Record) -> _Whole | None:
        """What is remembered of the checkpoint that one is made from."""
        return (
            None if record.parent is None else self._whole.get((thread.id, record.namespace, record.parent))
        )

    def remember(self, thread: Thread, record: Record, generation: int) -> None:
        """Remember that a checkpoint was whole."""
        self._whole[thread.id, record.namespace, record.id] = _Whole(generation, record.apart)
        self._known[thread.id] = None
        for remembered in (self._whole, self._known):
            if len(remembered) > _REMEMBERED:
                remembered.popitem(last=False)

    def knows(self, thread: Thread) -> bool:
        """Whether the thread was made known to who lists threads."""
        return thread.id in self._known
