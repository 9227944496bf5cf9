"""What calls leave behind in the process, however they end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.conformance.acts import LOOKING, Act
from everstore.conformance.case import Mismatch, gather
from everstore.conformance.faults import Unreadable
from everstore.conformance.registry import check, product
from everstore.conformance.residue import left_behind
from everstore.conformance.scene import Scene

__all__ = ["require_no_growth"]

if TYPE_CHECKING:
    from everstore.conformance.case import Case

_ROUNDS = 20  # of six calls each
_SOME = 8  # what a pool may have more of after the first calls
_PAUSES = (0, 0.01, 0.03, 0.1, 0.3, 1)  # seconds, for what is on its way out
_CHEAP = ("stat_file", "get_value", "read_file", "list_directory")
_LOOKS = 5000  # of each that is cheap: a slot for a hundred of these is more than most storages have
_FEW_LOOKS = 2000  # of each other: twenty descriptors, where every hundredth look keeps one
_AT_ONCE = 200


async def _round(act: Act, scene: Scene, failing: Scene) -> None:
    """Six calls at once: answered or refused, failing in the backend, and cancelled sooner or later."""
    calls = [asyncio.ensure_future(act.call(scene)) for _ in range(4)]
    calls += [asyncio.ensure_future(act.call(failing)) for _ in range(2)]
    await asyncio.sleep(0)
    calls[2].cancel()
    await asyncio.sleep(0)
    calls[3].cancel()
    await gather(*calls)


async def require_no_growth(before: dict[str, list[str]]) -> None:
    """``Mismatch`` where more is left than before.

    What is left may need a moment to end, and a pool may have grown a little; a leak grew by far more.
    """
    grown: dict[str, Any] = {}
    for seconds in _PAUSES:
        await asyncio.sleep(seconds)
        after = left_behind()
        grown = {
            kind: after[kind]
            for kind, names in before.items()
            if len(after[kind]) > len(names) + (0 if kind == "tasks" else _SOME)
        }
        if not grown:
            return
    told = {kind: f"{len(before[kind])} before, {len(names)} after" for kind, names in grown.items()}
    raise Mismatch("no more tasks, threads and descriptors than before", f"{told}")


@product(
    "lifecycle.left_behind.{act}",
    "7.3.1",
    likely="what a call opens is closed only where it is answered",
    level="standard",
    tags=("hostile",),
)
async def nothing_grows(case: Case, act: Act) -> None:
    """A hundred calls, also refused, failed and cancelled ones, leave nothing behind: {act}."""
    scene, failing = Scene(case.store, case.new_id()), Scene(case.store, Unreadable())
    await scene.fill()
    with case.trace.paused():  # a trace shows session ids
        for _ in range(2):
            await _round(act, scene, failing)
        before = left_behind()
        for _ in range(_ROUNDS):
            await _round(act, scene, failing)
    await require_no_growth(before)
    # Whatever can be used up without being seen, a reader's slot or a lease, is needed here.
    after = Scene(case.store, case.new_id())
    await after.fill()


@check(
    "lifecycle.many_looks",
    "7.3.1",
    likely="now and then a reader's slot, a cursor or a snapshot is not given back, until none is left",
    level="standard",
    tags=("hostile",),
)
async def many_looks(case: Case) -> None:
    """Twenty thousand looks use nothing up."""
    scene = Scene(case.store, case.id)
    await scene.fill()

    async def look(act: Act, times: int) -> None:
        for _ in range(times // _AT_ONCE):
            await asyncio.gather(*(act.call(scene) for _ in range(_AT_ONCE)))

    with case.trace.paused():
        for act in LOOKING.values():
            await look(act, _AT_ONCE)  # what is opened once, at first use, may stay
        before = left_behind()
        for act in LOOKING.values():
            await look(act, _LOOKS if act.verb in _CHEAP else _FEW_LOOKS)
    await require_no_growth(before)
    await case.files.append_file("a", "y")
    assert (await case.read("a")).content == "one\ntwo\ny"
