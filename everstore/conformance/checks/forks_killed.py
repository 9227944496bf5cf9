"""Forks, and what deletes them, in the midst of a kill -9."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.changes import Append, Write
from everstore.conformance.case import Mismatch, gather
from everstore.conformance.children import Job, Nursery
from everstore.conformance.forked import fork_both, held
from everstore.conformance.registry import check as any_check

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.conformance.forked import Held
    from everstore.store import Store


_VERBS = ("fork", "replace", "purge_fork", "purge_source", "delete_shared", "merge", "rewind")
_PARTS = (0.15, 0.4, 0.65, 0.9)
_COUNT = 12


async def _prepare(store: Store, name: str, place: list[UUID]) -> None:
    """A source, a fork of it that has gone on, and nothing at the third place and the fourth.

    Where that is rewound, the source has gone on, too, since its checkpoint.
    """
    source = store.session(place[0])
    await source.files.apply_changes(
        [
            *(Write(f"d/{n}", f"{n}" * 3000) for n in range(_COUNT)),
            *(Write(f"e/{n}", f"{n}") for n in range(_COUNT)),
        ]
    )
    await source.storage.set_values({f"k{n}": "x" * 500 for n in range(_COUNT)})
    await store.fork_session(place[0], session_id=place[1])
    await store.file_system.append_file(place[1], "d/0", "more")
    await store.storage.set_value(place[1], "only here", "x")
    if name == "rewind":
        await store.checkpoint(place[0])
        await source.files.apply_changes([Append("d/1", "more"), Write("new", "x")])
        await source.storage.set_value("new", "x")


async def _rewind(store: Store, session_id: UUID) -> None:
    [checkpoint] = await store.list_checkpoints(session_id)
    await store.rewind(session_id, checkpoint)


async def _seen(case: Case, name: str, place: list[UUID]) -> list[list[object]]:
    """What is at the places; what a rewind has put aside is at the fourth."""
    checkpoints = await case.store.list_checkpoints(place[0])
    if name == "rewind" and len(checkpoints) > 1:
        place = [*place[:3], checkpoints[0].id]
    return _kinds([await held(case, each) for each in place])


async def _act(store: Store, name: str, place: list[UUID]) -> None:
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "fork": lambda: fork_both(store, place[1], place[2]),
        "replace": lambda: fork_both(store, place[0], place[1], replaced=place[3]),
        "merge": lambda: store.merge(place[1], place[0]),
        "rewind": lambda: _rewind(store, place[0]),
        "purge_fork": lambda: gather(
            store.file_system.purge_session(place[1]), store.storage.purge_session(place[1])
        ),
        "purge_source": lambda: gather(
            store.file_system.purge_session(place[0]), store.storage.purge_session(place[0])
        ),
        "delete_shared": lambda: store.file_system.delete_file(place[0], "d", recursive=True),
    }
    await calls[name]()


def _kinds(states: list[Held]) -> list[list[object]]:
    """Contents of files, and of values, at each place, without times."""
    return [
        [{where: kept[0] for where, kept in state.items() if where.startswith(kind)} for state in states]
        for kind in ("file ", "value ")
    ]


@any_check(
    "durability.killed.forks",
    "3.10.3", "3.10.4", "3.14.3", "1.9.8", "1.9.13", "1.9.15",
    level="durable",
    since="1.3",
    tags=("durability",),
    needs=("durable", "forks"),
    likely="a fork, or what frees what forks share, is made in several steps, or is acknowledged too early",
)  # fmt: skip
async def killed(case: Case) -> None:
    """After a kill -9 amid forks, rewinds, merges and purges, each was made wholly or not at all."""
    models: dict[str, list[list[list[object]]]] = {}
    with case.trace.paused():
        for name in _VERBS:
            place = [case.new_id() for _ in range(4)]
            await _prepare(case.store, name, place)
            before = await _seen(case, name, place)
            await _act(case.store, name, place)
            models[name] = [before, await _seen(case, name, place)]
            assert models[name][0] != models[name][1]
    await case.store.close()  # a storage that is not shared has one user at a time
    async with Nursery(case.subject) as nursery:
        for part in (*_PARTS, None):
            places = {name: [str(case.new_id()) for _ in range(4)] for name in _VERBS}
            job = Job(f"{__name__}:fork_until_killed", {"places": places, "part": part})
            await nursery.start(job)
            told = {each async for each in nursery.told()}
            case.store = await case.open()
            for name, texts in places.items():
                if f"ready {name}" in told:
                    got = await _seen(case, name, [UUID(text) for text in texts])
                    _require_one_of(name, models[name], got, acknowledged=name in told)
                    if name == "rewind":
                        await _go_back(case, UUID(texts[0]), models[name][0])
            await case.store.close()
    case.store = await case.open()


async def _go_back(case: Case, session_id: UUID, before: list[list[object]]) -> None:
    """However far a rewind came, one goes back by what it kept to all that was there."""
    kept = await case.store.list_checkpoints(session_id)
    if len(kept) > 1:
        await case.store.rewind(session_id, kept[0])
    assert _kinds([await held(case, session_id)]) == [kind[:1] for kind in before]


def _require_one_of(
    name: str, possible: list[list[list[object]]], got: list[list[object]], *, acknowledged: bool
) -> None:
    """Files and values each as before, or as after; both as after where that was told."""
    for number, kind in enumerate(("files", "values")):
        allowed = [each[number] for each in (possible[1:] if acknowledged else possible)]
        if got[number] not in allowed:
            sizes = [[len(state) for state in each] for each in (*allowed, got[number])]  # type: ignore[arg-type]  # dictionaries
            raise Mismatch(
                f"{kind} after {name}, {'acknowledged' if acknowledged else 'wholly or not at all'}, of as"
                f" many places as one of {sizes[:-1]}",
                f"{sizes[-1]}, or other contents",
            )


async def fork_until_killed(
    store: Store, tell: Callable[[str], object], places: dict[str, list[str]], part: float | None
) -> None:
    """Make each at its places, and be killed after a part of the time that all take, or once all are told."""
    ids = {name: [UUID(text) for text in texts] for name, texts in places.items()}
    twins = {name: [UUID(int=one.int ^ 1) for one in each] for name, each in ids.items()}
    await asyncio.gather(
        *(_prepare(store, name, place) for both in (ids, twins) for name, place in both.items())
    )
    for name in places:
        tell(f"ready {name}")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(_act(store, name, place) for name, place in twins.items()))
    took = loop.time() - began
    for each in twins.values():
        await asyncio.gather(*map(store.delete_session, each))

    async def act(name: str, place: list[UUID]) -> None:
        await _act(store, name, place)
        tell(name)

    if part is not None:
        threading.Timer(took * part, os.kill, (os.getpid(), signal.SIGKILL)).start()
    await gather(*(act(name, place) for name, place in ids.items()))
    os.kill(os.getpid(), signal.SIGKILL)
