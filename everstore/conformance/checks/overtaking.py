"""Calls that are cancelled while the storage is held, and what is written after them."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.conformance.acts import LOOKING, Act, asked_of
from everstore.conformance.case import Mismatch, gather
from everstore.conformance.checks.cancelling import answered, require_answer, seen_of
from everstore.conformance.children import Job, Nursery
from everstore.conformance.orders import filled
from everstore.conformance.registry import product
from everstore.conformance.scene import Scene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from everstore.conformance.case import Case
    from everstore.session import BoundSession
    from everstore.store import Store

    Call = Callable[[], Awaitable[object]]
    Held = Callable[[], AbstractAsyncContextManager[None]]

_CALLS = 4
"""Cancelled at once: whichever is made last comes after what is written then, if nobody sees to it."""

_ACTS = 12
"""Of fewer acts each is asked more often: which call overtakes which is chance."""

_TURNS = 6
_BRIEF = 0.002  # seconds
_SETTLED = 0.01
_BUSY = "busy"
_WRITES = 4
_TEXT = "x" * (1 << 18)


@product(
    "lifecycle.overtaken.{role}",
    "3.10.2",
    level="standard",
    since="1.1",
    tags=("concurrency",),
    empty=dict.fromkeys(LOOKING, "it changes nothing that could come late"),
    likely="a thread goes on after its call was cancelled once, or twice, and waits for a lock until later "
    "calls have had it",
)
async def overtaken(case: Case, acts: dict[str, Act]) -> None:
    """Cancelled while others hold the storage, even twice, none comes after a later write: {role}."""
    asked = asked_of(case.capabilities, acts)
    role = next(iter(asked.values())).role
    scene = Scene(case.store, case.id)
    purge: dict[str, Call] = {
        "file_system": lambda: case.store.file_system.purge_session(case.id),
        "storage": lambda: case.store.storage.purge_session(case.id),
        "sessions": lambda: case.store.sessions.delete_session(case.id),
    }
    fill = partial(filled, scene, role)
    await fill()
    whole = await _seen(case)
    async with _holder(case) as held:
        waits = (0, _BRIEF) * max(1, _ACTS // len(asked))
        for seconds, (name, act) in itertools.product(waits, asked.items()):
            call = partial(act.call, scene)
            await fill()
            left = await _cancelled_before(purge[role], call, case, held, seconds)
            if left:
                raise Mismatch(f"nothing once all was purged, after {name} was cancelled", f"{list(left)}")
            await fill()
            left = await _cancelled_before(fill, call, case, held, seconds)
            wrong = [place for place in whole if left.get(place) != whole[place]]
            if wrong:
                raise Mismatch(f"what was written after {name} was cancelled", f"another state of {wrong}")
            await purge[role]()


async def _cancelled_before(
    later: Call, call: Call, case: Case, held: Held, seconds: float
) -> dict[str, object]:
    """What is there when the call was cancelled while the storage is held, and the later one was answered."""
    async with held():
        tasks = [asyncio.ensure_future(call()) for _ in range(_CALLS)]
        for _ in range(2):  # who settles what was cancelled is cancelled, too
            await _pause(seconds)
            for task in tasks:
                task.cancel()
        _, settling = await asyncio.wait(tasks, timeout=_BRIEF)
        # Later is what is called when the cancelled ones have ended, for which some wait for the storage.
        waiting = None if settling else asyncio.ensure_future(later())
        await _pause(seconds)
    async with answered("calls beside cancelled ones"):
        for answer in await gather(*tasks):
            if not isinstance(answer, asyncio.CancelledError):
                require_answer(answer)
        await (waiting or later())
    await asyncio.sleep(_SETTLED)
    return await _seen(case)


async def _pause(seconds: float) -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    if seconds:
        await asyncio.sleep(seconds)


async def _seen(case: Case) -> dict[str, object]:
    """What the session holds, without what is there to hold the storage, and a record that is none."""
    seen = await seen_of(case, case.id)
    return {place: kept for place, kept in seen.items() if kept is not None and _BUSY not in place}


@asynccontextmanager
async def _holder(case: Case) -> AsyncIterator[Held]:
    """What holds the storage for a block: a process that is stopped while it writes, or many writes."""
    if not case.capabilities.shared:
        yield partial(_writing, case.store.session(case.id))
        return
    async with Nursery(case.subject) as nursery:
        [pid] = await nursery.start(Job(f"{__name__}:write_when_asked", {"session": str(case.id)}))
        told = nursery.told()
        await anext(told)
        yield partial(_stopped, pid, told)


def _writes(session: BoundSession) -> list[asyncio.Future[Any]]:
    return [asyncio.ensure_future(session.files.write_file(_BUSY, _TEXT)) for _ in range(_WRITES)]


@asynccontextmanager
async def _writing(session: BoundSession) -> AsyncIterator[None]:
    writes = _writes(session)
    yield
    await asyncio.gather(*writes)


@asynccontextmanager
async def _stopped(pid: int, told: AsyncIterator[Any]) -> AsyncIterator[None]:
    os.kill(pid, signal.SIGUSR1)
    await anext(told)
    try:
        yield
    finally:
        over = asyncio.ensure_future(anext(told))
        while not over.done():  # it tells a moment before it stops
            os.kill(pid, signal.SIGCONT)
            await asyncio.wait([over], timeout=_SETTLED)
    await over


async def write_when_asked(store: Store, tell: Callable[[str], object], session: str) -> None:
    """Write at each signal, stop in the middle of it, and tell when it is over, as the job of a process."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, asked.set)
    tell("ready")
    while True:
        await asked.wait()
        asked.clear()
        writes = _writes(store.session(UUID(session)))
        await asyncio.sleep(_BRIEF / 4)
        tell("about to stop")
        os.kill(os.getpid(), signal.SIGSTOP)
        await asyncio.gather(*writes)
        tell("over")
