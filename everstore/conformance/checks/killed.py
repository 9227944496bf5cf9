"""Every verb that changes anything, in the middle of a kill -9."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.conformance.acts import ACTS, LOOKING, Act, asked_of
from everstore.conformance.case import Mismatch, gather
from everstore.conformance.children import Job, Nursery
from everstore.conformance.orders import filled, left, left_by
from everstore.conformance.registry import product
from everstore.conformance.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.conformance.case import Case
    from everstore.store import Store

    Tell = Callable[[str], object]

_PARTS = (0.2, 0.4, 0.6, 0.8)
"""Of the time that all calls take together: whatever the storage's latency, some are half done then."""

_COUNTS = (1, 4)
"""So many acknowledgements, after which no time is left for what was put off."""


@product(
    "durability.killed.{role}",
    "3.10.3", "3.10.4", "6.5.4",
    likely="a change is acknowledged before it is kept, or is made in several steps",
    empty=dict.fromkeys(LOOKING, "it changes nothing"),
    level="durable",
    since="1.1",
    tags=("durability",),
    needs=("durable",),
)  # fmt: skip
async def killed(case: Case, acts: dict[str, Act]) -> None:
    """After a kill -9 in the middle of every verb, each has happened wholly or not at all: {role}."""
    asked = asked_of(case.capabilities, acts)
    role = next(iter(asked.values())).role
    before = await left_by(role)
    after = {name: await left_by(role, [act]) for name, act in asked.items()}
    await case.store.close()  # a storage that is not shared has one user at a time
    moments = [{"part": part} for part in _PARTS] + [{"count": count} for count in _COUNTS]
    async with Nursery(case.subject) as nursery:
        for moment in moments:
            places = {name: [str(case.new_id()), str(case.new_id())] for name in asked}
            for name, both in places.items():
                if "forks" in asked[name].needs:
                    case.note_asides(map(UUID, both))
            await nursery.start(Job(f"{__name__}:act_until_killed", {"places": places, **moment}))
            acknowledged = {told async for told in nursery.told()}
            async with case.subject.open() as store:
                for name, (place, _) in places.items():
                    possible = [after[name]] if name in acknowledged else [before, after[name]]
                    _require_one_of(name, possible, await left(Scene(store, UUID(place)), role))


def _require_one_of(name: str, possible: list[list[object]], got: list[object]) -> None:
    if got in possible:
        return
    more = [each for each in got if all(each not in one for one in possible)]
    missing = [each for each in possible[-1] if each not in got]
    when = "acknowledged, to have happened" if len(possible) == 1 else "to have happened wholly or not at all"
    raise Mismatch(f"{name}, {when}", f"{more!r}, and without {missing!r}")


async def act_until_killed(
    store: Store, tell: Tell, places: dict[str, list[str]], part: float | None = None, count: int = -1
) -> None:
    """Make every act at its place, telling of each, and be killed, as the job of a process.

    After a ``part`` of the time that the same takes elsewhere, or after a ``count`` of acknowledgements.
    """
    scenes = {name: [Scene(store, UUID(place)) for place in both] for name, both in places.items()}
    roles = {name: ACTS[name].role for name in places}
    await asyncio.gather(*(filled(scene, roles[name]) for name, both in scenes.items() for scene in both))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await gather(*(ACTS[name].call(twin) for name, (_, twin) in scenes.items()))
    took = loop.time() - began
    acknowledged: list[str] = []

    async def act(name: str, scene: Scene) -> None:
        await ACTS[name].call(scene)
        tell(name)
        acknowledged.append(name)
        if len(acknowledged) == count:
            _die()

    if part is not None:
        threading.Timer(took * part, _die).start()  # also while the loop is held
    await gather(*(act(name, scene) for name, (scene, _) in scenes.items()))
    _die()


def _die() -> Any:
    os.kill(os.getpid(), signal.SIGKILL)
