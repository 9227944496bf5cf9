"""Calls that were cancelled, once the storage is opened again."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from everstore.conformance.acts import LOOKING, Act, asked_of
from everstore.conformance.case import Mismatch, gather
from everstore.conformance.orders import filled, left, left_by
from everstore.conformance.registry import product
from everstore.conformance.scene import Scene

if TYPE_CHECKING:
    from everstore.conformance.case import Case

_TURNS = (1, 2, 3, 5)
"""Of the event loop, after each of which a call is cancelled."""


@product(
    "durability.cancelled.{role}",
    "3.10.2",
    "3.10.3",
    likely="a change is made in memory, then in the storage, and a call is cancelled in between",
    empty=dict.fromkeys(LOOKING, "it changes nothing"),
    level="durable",
    since="1.1",
    tags=("durability",),
    needs=("durable",),
)
async def cancelled_and_reopened(case: Case, acts: dict[str, Act]) -> None:
    """What is seen of a cancelled call is there when the storage is opened again: {role}."""
    asked = asked_of(case.capabilities, acts)
    for name, act in asked.items():
        after = await left_by(act.role, [act])
        scenes = [Scene(case.store, case.new_id()) for _ in _TURNS]
        with case.trace.paused():
            seen = await asyncio.gather(*map(partial(_left_when_cancelled, act), scenes, _TURNS))
            await case.reopen()
            # Anything else may still have been about to happen, or not.
            happened = [scene for scene, there in zip(scenes, seen, strict=True) if there == after]
            for scene in happened:
                again = await left(scene.through(case.store), act.role)
                if again != after:
                    raise Mismatch.of(after, again, f"{name}, cancelled and seen to have happened, to last")


async def _left_when_cancelled(act: Act, scene: Scene, turns: int) -> list[object]:
    """What is there once the act was called and cancelled that many turns later."""
    await filled(scene, act.role)
    task = asyncio.ensure_future(act.call(scene))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await gather(task)
    return await left(scene, act.role)
