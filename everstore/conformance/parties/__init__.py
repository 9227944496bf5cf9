"""Those who work at one place at the same time: a file, a value, a counter or a directory.

Each makes calls as its seed will have it, and knows no more of the others than what it has read.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.conformance.histories import Plan, Recorder, Seen
from everstore.conformance.objects import counter, names, register
from everstore.conformance.parties.keys import AtCounter, AtSecret, AtValue
from everstore.conformance.parties.paths import AtBytes, AtDirectory, AtFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.conformance.linearizability import Apply
    from everstore.conformance.parties.base import Party
    from everstore.store import Store

__all__ = ["OBJECTS", "in_process", "take_part"]

_PARTIES: dict[str, type[Party]] = {
    "file": AtFile,
    "bytes": AtBytes,
    "value": AtValue,
    "secret": AtSecret,
    "counter": AtCounter,
    "directory": AtDirectory,
}


OBJECTS: dict[str, Apply] = {
    **dict.fromkeys(("file", "bytes", "value", "secret"), register),
    "counter": counter,
    "directory": names,
}
"""What a place of each kind should be to those who share it."""


async def take_part(store: Store, plan: Plan, tell: Callable[[Seen], object]) -> None:
    """Make the calls of a plan, and tell of each."""
    can_end = store.storage.capabilities.time_to_live
    party = _PARTIES[plan.kind](Recorder(plan, tell), store.session(plan.session), can_end=can_end)
    for _ in range(plan.rounds):
        await asyncio.sleep(0)  # a store that never waits would let nobody else have a turn
        await party.act()


async def in_process(store: Store, tell: Callable[[Any], None], plans: list[dict[str, Any]]) -> None:
    """Make the calls of several plans at the same time, as the job of a child process."""

    def tell_parent(seen: Seen) -> None:
        tell(msgspec.to_builtins(seen))

    await asyncio.gather(*(take_part(store, msgspec.convert(plan, Plan), tell_parent) for plan in plans))
