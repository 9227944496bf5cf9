"""Limits where two processes make a session grow, or one makes room for the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from everstore.conformance.case import gather, refused
from everstore.conformance.checks.limit_races import (
    CALLS,
    WAYS,
    require_what_fits,
    room_for,
    told_of,
    used,
)
from everstore.conformance.children import Job, Nursery
from everstore.conformance.registry import check
from everstore.conformance.scene import Scene
from everstore.conformance.subject import Subject
from everstore.errors import QuotaExceededError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from everstore.conformance.case import Case
    from everstore.store import Store

    Tell = Callable[[dict[str, str]], object]

_HALVES = (0, 1)
_TEN = "x" * 10

Change = Callable[[Scene], Awaitable[Any]]


@check(
    "limits.races_of_processes",
    "7.4.3",
    level="standard",
    since="1.1",
    tags=("concurrency",),
    needs=("shared",),
    likely="what a session uses is counted once, and kept in the process",
)
async def races_of_processes(case: Case) -> None:
    """Of calls that two processes make at once, exactly those that fit are made, whatever grows."""
    jobs: list[dict[str, Any]] = []
    for name, way in WAYS.items():
        _, room = await room_for(case, way)
        session_id, meeting = case.new_id(), case.new_id()
        if way.prepare is not None:
            await way.prepare(case.store.session(session_id))
        jobs.append({"subject": _with(case, room), "way": name, "ids": [str(session_id), str(meeting)]})
    answers: dict[str, list[str]] = {name: [] for name in WAYS}
    async with Nursery(case.subject) as nursery:
        await nursery.start(*(Job(f"{__name__}:grow_all", {"jobs": jobs, "half": half}) for half in _HALVES))
        async for told in nursery.told():
            answers[told["way"]].append(told["answer"])
    for name, way in WAYS.items():
        require_what_fits(way, answers[name])


def _with(case: Case, room: dict[str, Any]) -> str:
    """What a process opens the storage by, under these limits."""
    return Subject({**case.subject.settings, **room}, case.subject.opener).to_json()


async def grow_all(_: Store, tell: Tell, jobs: list[dict[str, Any]], half: int) -> None:
    """Make half of the calls of each way once both halves have looked, as the job of a process."""
    for job in jobs:
        async with Subject.from_json(job["subject"]).open() as store:
            one, meeting = (store.session(UUID(each)) for each in job["ids"])
            await used(one)
            there = await meeting.storage.increment_value("n")
            while there < len(_HALVES):
                await asyncio.sleep(0.001)
                there = int(await meeting.storage.get_value("n") or 0)
            for number in range(half, CALLS, len(_HALVES)):
                [answer] = await gather(WAYS[job["way"]].grow(one, number))
                tell({"way": job["way"], "answer": told_of(answer)})


class _Full(msgspec.Struct, frozen=True):
    """How a session is filled up to a limit, what does not fit then, and what makes room for it."""

    allowed: int
    fill: Change
    grow: Change
    frees: dict[str, Change]


async def _fill_files(one: Scene) -> None:
    await asyncio.gather(*(one.files.write_file(f"d/{number}", _TEN) for number in range(4)))


async def _fill_values(one: Scene) -> None:
    await asyncio.gather(*(one.storage.set_value(f"k{number}", "x" * 8) for number in range(4)))


async def _fill_keys(one: Scene) -> None:
    await asyncio.gather(
        *(one.storage.set_value(f"k{number}", "x") for number in range(2)),
        *(one.storage.set_secret(f"s{number}", "x") for number in range(2)),
    )


_FILES: dict[str, Change] = {
    "delete": lambda one: one.files.delete_file("d/0"),
    "delete_tree": lambda one: one.files.delete_file("d", recursive=True),
    "move_onto": lambda one: one.files.move_file("d/0", "d/1", overwrite=True),
    "purge_files": lambda one: one.store.file_system.purge_session(one.id),
}
_VALUES: dict[str, Change] = {
    "delete_value": lambda one: one.storage.delete_value("k0"),
    "purge_storage": lambda one: one.store.storage.purge_session(one.id),
}
_FULL: dict[str, _Full] = {
    "session_entries": _Full(5, _fill_files, lambda one: one.files.write_file("d/new", ""), _FILES),
    "session_bytes": _Full(
        40,
        _fill_files,
        lambda one: one.files.append_file("log", "x"),
        {
            **_FILES,
            "write": lambda one: one.files.write_file("d/0", "x"),
            "edit": lambda one: one.files.edit_file("d/0", _TEN, "x"),
            "match": lambda one: one.files.write_file_if_content_matches("d/0", _TEN, "text", "x", "text"),
            "seed": lambda one: one.files.seed_initial_file(InitialFile("d/0", "x")),
        },
    ),
    "session_keys": _Full(
        4,
        _fill_keys,
        lambda one: one.storage.increment_value("new"),
        {**_VALUES, "delete_secret": lambda one: one.storage.delete_secret("s0")},
    ),
    "session_value_bytes": _Full(
        40,
        _fill_values,
        lambda one: one.storage.set_value("n", "x"),
        {**_VALUES, "set": lambda one: one.storage.set_value("k0", "x")},
    ),
}
"""What is full, by limit."""


@check(
    "limits.freed_by_a_process",
    "7.4.1",
    level="standard",
    since="1.1",
    tags=("concurrency",),
    needs=("shared",),
    likely="that a session is full, or what it uses, is kept in the process that found it out",
)
async def freed_by_a_process(case: Case) -> None:
    """What one process makes room for is written by the other one, which was refused before."""
    jobs: list[dict[str, str]] = []
    asked: list[tuple[str, Scene, Change]] = []
    for limit, full in _FULL.items():
        room = {f"limits__{limit}": full.allowed}
        store = await case.open(**room)
        for name in full.frees:
            one = Scene(store, case.new_id())
            await full.fill(one)
            with refused(QuotaExceededError):
                await full.grow(one)
            asked.append((f"{name} under {limit}", one, full.grow))
            jobs.append({"subject": _with(case, room), "limit": limit, "name": name, "id": str(one.id)})
    async with Nursery(case.subject) as nursery:
        await nursery.start(Job(f"{__name__}:free_all", {"jobs": jobs}))
        assert [told async for told in nursery.told()] == []
    ended = {name: told_of((await gather(grow(one)))[0]) for name, one, grow in asked}
    assert ended == dict.fromkeys(ended, "made")


async def free_all(_: Store, _tell: object, jobs: list[dict[str, str]]) -> None:
    """Make room in every session, as the job of a process."""
    for job in jobs:
        async with Subject.from_json(job["subject"]).open() as store:
            await _FULL[job["limit"]].frees[job["name"]](Scene(store, UUID(job["id"])))
