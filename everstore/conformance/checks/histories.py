"""Linearizability: whatever many clients see at the same time, some order explains all of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from everstore.conformance.children import Job, Nursery
from everstore.conformance.histories import Plan, Seen, require_explained
from everstore.conformance.parties import OBJECTS, take_part
from everstore.conformance.registry import check

if TYPE_CHECKING:
    from everstore.conformance.case import Case
    from everstore.store import Store

_ALL = ("3.10.1", "4.1.1", "4.2.4", "4.3.3", "4.5.9", "4.6.1", "4.6.3")
_PASSES = 3


def _plans(
    case: Case, kinds: tuple[str, ...], *, clients: int, rounds: int, patience: float | None = None
) -> list[Plan]:
    """Plans for so many clients at one place of each kind, in a fresh session."""
    session = case.new_id()
    return [
        Plan(f"{client}", kind, f"/{kind}", session, case.random.getrandbits(32), rounds, patience)
        for client in range(clients)
        for kind in kinds
    ]


async def _together(plans: list[Plan], stores: list[Store]) -> list[Seen]:
    """What is seen when all plans are carried out at the same time, by these clients in turn."""
    history: list[Seen] = []
    await asyncio.gather(
        *(take_part(stores[i % len(stores)], plan, history.append) for i, plan in enumerate(plans))
    )
    return history


async def _in_tasks(case: Case, kind: str) -> None:
    for _ in range(_PASSES):
        plans = _plans(case, (kind,), clients=6, rounds=30)
        require_explained(await _together(plans, [case.store]), OBJECTS, case.trace)


@check(
    "histories.tasks.file",
    "3.10.1", "4.1.1", "4.2.1", "4.2.4", "4.3.3", "4.4.3", "4.5.1", "4.5.9",
    level="standard",
    tags=("chance", "concurrency"),
    likely="something is awaited between reading what is there and replacing it",
)  # fmt: skip
async def file_in_tasks(case: Case) -> None:
    """An order explains what six tasks see who do to one file whatever can be done to it."""
    await _in_tasks(case, "file")


@check(
    "histories.tasks.bytes",
    "3.10.1", "4.2.1", "4.2.4", "4.3.3", "4.5.1",
    level="standard",
    since="1.1",
    tags=("chance", "concurrency"),
    likely="bytes are joined in another step than they were read in",
)  # fmt: skip
async def bytes_in_tasks(case: Case) -> None:
    """An order explains what six tasks see who do to one file of bytes whatever can be done to it."""
    await _in_tasks(case, "bytes")


@check(
    "histories.tasks.secret",
    "6.2.1", "6.5.1",
    level="standard",
    since="1.1",
    tags=("chance", "concurrency"),
    likely="a secret is looked for in one step, and kept or removed in another",
)  # fmt: skip
async def secret_in_tasks(case: Case) -> None:
    """An order explains what six tasks see that set, get and delete one secret, for good or for a moment."""
    await _in_tasks(case, "secret")


@check(
    "histories.tasks.value",
    "4.1.1", "4.6.1", "4.6.3", "6.1.2", "6.5.1",
    level="standard",
    tags=("chance", "concurrency"),
    likely="the condition is checked in one step, and the value set in another",
)  # fmt: skip
async def value_in_tasks(case: Case) -> None:
    """An order explains what six tasks see that get, set, count and delete one value."""
    await _in_tasks(case, "value")


@check(
    "histories.tasks.counter",
    "4.6.2", "4.6.3",
    level="standard",
    tags=("chance", "concurrency"),
    likely="an increment reads the number in one step, and sets the sum in another",
)  # fmt: skip
async def counter_in_tasks(case: Case) -> None:
    """An order explains the sums that six tasks get who increment one value."""
    await _in_tasks(case, "counter")


@check(
    "histories.tasks.directory",
    "3.6.1", "3.8.1", "3.10.1", "4.2.2", "4.5.6", "4.5.9",
    level="standard",
    tags=("chance", "concurrency"),
    likely="a move is a copy and a deletion, or a listing is put together while names change",
)  # fmt: skip
async def directory_in_tasks(case: Case) -> None:
    """An order explains what six tasks see that create, move, delete and list files of one directory."""
    await _in_tasks(case, "directory")


@check(
    "histories.cancelled",
    *_ALL, "3.10.2", "7.3.1",
    level="standard",
    tags=("chance", "concurrency"),
    likely="a cancelled call is half done, or is done twice",
)  # fmt: skip
async def cancelled(case: Case) -> None:
    """When calls are given up, each has happened wholly or not at all, and an order explains the rest."""
    for _ in range(_PASSES):
        plans = _plans(case, tuple(OBJECTS), clients=4, rounds=20, patience=0.004)
        require_explained(await _together(plans, [case.store]), OBJECTS, case.trace)


@check(
    "histories.clients",
    *_ALL,
    level="standard",
    tags=("chance", "concurrency"),
    needs=("shared",),
    likely="a client keeps something it has read, and does not notice that another one has changed it",
)  # fmt: skip
async def clients(case: Case) -> None:
    """An order explains what the tasks of three clients of one storage see."""
    stores = [case.store, await case.open(), await case.open()]
    for _ in range(_PASSES):
        plans = _plans(case, tuple(OBJECTS), clients=6, rounds=25)
        require_explained(await _together(plans, stores), OBJECTS, case.trace)


@check(
    "histories.threads",
    *_ALL,
    level="standard",
    tags=("chance", "concurrency"),
    needs=("shared",),
    likely="clients in threads of their own share state of the module or the driver without a lock",
)  # fmt: skip
async def threads(case: Case) -> None:
    """An order explains what four threads see, each with an event loop and a client of its own."""

    async def work(plans: list[Plan]) -> list[Seen]:
        async with case.subject.open() as store:
            return await _together(plans, [store])

    plans = _plans(case, tuple(OBJECTS), clients=4, rounds=20)
    seen = await asyncio.gather(
        *(asyncio.to_thread(asyncio.run, work([p for p in plans if p.client == f"{i}"])) for i in range(4))
    )
    require_explained([one for each in seen for one in each], OBJECTS, case.trace)


@check(
    "histories.processes",
    *_ALL,
    level="standard",
    tags=("chance", "concurrency"),
    needs=("shared",),
    likely="what keeps two tasks apart (a lock, a cache) is not known to another process",
)  # fmt: skip
async def processes(case: Case) -> None:
    """An order explains what three processes see, each with two tasks at every place."""
    history: list[Seen] = []
    async with Nursery(case.subject) as nursery:
        for _ in range(_PASSES):
            plans = [msgspec.to_builtins(p) for p in _plans(case, tuple(OBJECTS), clients=6, rounds=15)]
            groups = [[plan for plan in plans if int(plan["client"]) % 3 == i] for i in range(3)]
            await nursery.start(
                *(Job("everstore.conformance.parties:in_process", {"plans": group}) for group in groups)
            )
            history = [msgspec.convert(told, Seen) async for told in nursery.told()]
            require_explained(history, OBJECTS, case.trace)
