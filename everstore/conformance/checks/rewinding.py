"""Rewinding a session to a checkpoint, also while others write; and stores that cannot."""

from __future__ import annotations

import asyncio
import itertools
from functools import partial
from typing import TYPE_CHECKING

from everstore.conformance.case import Mismatch, refused
from everstore.conformance.checks.checkpoints import checkpoint_of
from everstore.conformance.forked import held, require_held, several_of_everything
from everstore.conformance.registry import check as any_check
from everstore.conformance.scene import Scene
from everstore.errors import CheckpointNotFoundError, RevisionConflictError, UnsupportedError
from everstore.models import new_checkpoint_id

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.conformance.case import Case
    from everstore.conformance.forked import Held
    from everstore.models import Checkpoint

check = partial(any_check, since="1.3", needs=("forks",))


@check(
    "checkpoints.rewind", "1.9.8", "4.1.2", "3.14.5",
    likely="a rewind writes the old contents anew where they differ, and leaves what came later",
)  # fmt: skip
async def rewind(case: Case) -> None:
    """A session is again what a checkpoint has, and the checkpoint of before the rewind undoes it."""
    scene = Scene(case.store, case.id)
    await several_of_everything(scene)
    record = await case.store.sessions.get_session(case.id)
    before = await held(case, case.id)
    made = await checkpoint_of(case)
    await scene.files.delete_file("d", recursive=True)
    abandoned = await scene.files.write_file("a", "abandoned")
    await scene.files.write_file("new/f", "x")
    lost = await scene.storage.set_value("k", "abandoned")
    await scene.storage.set_secret("s", "stays")
    later = await held(case, case.id)
    undo = await case.store.rewind(case.id, made)
    assert undo is not None
    case.new_id(undo.id)
    assert undo.session_id == case.id
    require_held(before, await held(case, case.id), "rewound")
    require_held(later, await held(case, undo.id), "what was there before the rewind")
    assert await scene.storage.get_secret("s") == "stays"
    assert await case.store.sessions.get_session(case.id) == record
    async with case.untouched():
        with refused(RevisionConflictError):
            await scene.files.write_file("a", "x", if_revision=abandoned.revision)
        with refused(RevisionConflictError):
            await scene.storage.set_value("k", "x", if_revision=lost.revision)
    assert await case.store.list_checkpoints(case.id) == [undo, made]
    assert await case.store.rewind(case.id, undo.id, keep=False) is None
    require_held(later, await held(case, case.id), "a rewind undone")
    assert await case.store.list_checkpoints(case.id) == [undo, made]


@check(
    "checkpoints.missing", "1.9.9",
    likely="what is not there is empty, and a session is rewound to that",
)  # fmt: skip
async def missing(case: Case) -> None:
    """A rewind to a checkpoint that is not there, or to no checkpoint, is refused, and nothing happens."""
    await Scene(case.store, case.id).fill()
    other = case.new_id()
    await case.store.create_session(session_id=other)
    theirs = await checkpoint_of(case, other)
    async with case.untouched():
        for no_checkpoint in (new_checkpoint_id(), other, case.id, theirs.id):
            with refused(CheckpointNotFoundError):
                await case.store.rewind(case.id, no_checkpoint)
    assert await case.store.list_checkpoints(case.id) == []


@any_check(
    "checkpoints.under_writers", "1.9.2", "1.9.8", "3.10.1",
    level="standard",
    since="1.3",
    tags=("concurrency",),
    needs=("forks",),
    likely="what was there before a rewind is kept in a step of its own, and what comes between is lost",
)  # fmt: skip
async def under_writers(case: Case) -> None:
    """Whatever was acknowledged while a session was rewound is in it, or in one of the checkpoints before."""
    await case.files.write_file("begun", "x")
    made = await checkpoint_of(case)
    acknowledged: set[str] = set()
    undone: list[UUID] = []
    done = False

    async def write(who: int) -> None:
        turn = 0
        while not done:
            await case.files.write_file(f"{who}/{turn}", "x")
            acknowledged.add(f"file /{who}/{turn}")
            await case.storage.set_value(f"{who} {turn}", "x")
            acknowledged.add(f"value {who} {turn}")
            turn += 1
            await asyncio.sleep(0)

    async def rewind() -> None:
        nonlocal done
        try:
            for _ in range(8):
                before = await case.store.rewind(case.id, made)
                assert before is not None
                undone.append(case.new_id(before.id))
                await asyncio.sleep(0.002)
        finally:
            done = True

    await asyncio.gather(rewind(), *map(write, range(3)))
    found: list[str] = []
    for session_id in (case.id, *undone):
        found += (await held(case, session_id)).keys() & acknowledged
    if sorted(found) != sorted(acknowledged):
        raise Mismatch("all that was acknowledged, once", f"{sorted(acknowledged ^ {*found})}, or twice")


@any_check(
    "checkpoints.rewinds_at_once", "1.9.14",
    level="standard",
    since="1.3",
    tags=("concurrency",),
    needs=("forks",),
    likely="files are rewound, then values, and another rewind does both in between",
)  # fmt: skip
async def rewinds_at_once(case: Case) -> None:
    """However many rewinds meet, a session has all of one checkpoint, and no write is lost."""
    stores = [case.store, await case.open() if case.capabilities.shared else case.store]
    made: list[Checkpoint] = []
    wanted: list[Held] = []
    for number in range(3):
        await case.files.write_file("f", f"{number}")
        await case.files.write_file(f"{number}/f", "x")
        await case.storage.set_values({"k": f"{number}", f"k{number}": "x"})
        made.append(await checkpoint_of(case))
        wanted.append(await held(case, case.id))
    for order in itertools.permutations(range(3)):
        await case.files.write_file("own", f"{order}")
        await case.storage.set_value("own", f"{order}")
        await asyncio.gather(
            *(stores[number % 2].rewind(case.id, made[number]) for number in order),
        )
        if await held(case, case.id) not in wanted:
            raise Mismatch("files and values of one checkpoint", f"those of several after {order}")
        kept: list[str] = []
        for each in await case.store.list_checkpoints(case.id):
            if each not in made:
                kept += await held(case, each.id)
                await case.store.delete_checkpoint(each)
        assert {"file /own", "value own"} <= {*kept}, f"what was there before was not kept, in {order}"


@any_check(
    "checkpoints.undeclared", "7.5.6", "7.5.2",
    since="1.3",
    likely="a record is made before the storage is asked whether it can fork",
)  # fmt: skip
async def undeclared(case: Case) -> None:
    """Where a role cannot fork, a fork, a checkpoint and a rewind are refused, and leave no record."""
    await Scene(case.store, case.id).fill()
    parts = (case.store.file_system, case.store.storage, case.store.sessions)
    if all(part.capabilities.forks for part in parts):
        made = await checkpoint_of(case)
        assert await case.store.list_checkpoints(case.id) == [made]
        return
    given = case.new_id()
    async with case.untouched():
        with refused(UnsupportedError):
            await case.store.fork_session(case.id, session_id=given)
        with refused(UnsupportedError):
            await case.store.checkpoint(case.id)
        with refused(UnsupportedError, CheckpointNotFoundError):
            await case.store.rewind(case.id, new_checkpoint_id())
    assert await case.store.sessions.get_session(given) is None
    assert await held(case, given) == {}
