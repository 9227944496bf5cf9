"""Mistakes with forks that take others at the same time, a cancelled call or a killed process to be seen."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.conformance.mutants.forks import forking
from everstore.conformance.mutants.processes import A_WHILE
from everstore.errors import SessionNotEmptyError
from everstore.models import InitialFile, new_session_id

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.middleware.base import Call

__all__: list[str] = []

_PAUSE = 0.2  # seconds


@mutant("forks.one_moment")
def forks_entry_by_entry(broken: Broken) -> None:
    """A fork looks at the tree, and then takes one file after the other."""

    async def fork(call: Call, source: UUID, target: UUID, replaced: UUID | None) -> None:
        await call(new_session_id(), target, replaced=replaced)
        for info in await broken.entries(source):
            await asyncio.sleep(0)
            file: Any = await broken.files.read_file(source, info.path)
            if file is None or file.is_directory:
                continue
            seed = InitialFile(info.path, file.content, file.encoding, is_readonly=file.is_readonly)
            await broken.files.seed_initial_file(target, seed)

    forking(broken, "file_system", fork)


def _empties_first(broken: Broken, role: str, seconds: float = 0) -> None:
    part: Any = getattr(broken, "files" if role == "file_system" else role)

    async def fork(call: Call, source: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is not None:
            await part.fork_session(new_session_id(), target, replaced=replaced)
            await asyncio.sleep(seconds)
            replaced = new_session_id()
        await call(source, target, replaced=replaced)

    forking(broken, role, fork)


@mutant("lifecycle.cancelled_forks")
def empties_values_first(broken: Broken) -> None:
    """Values are put aside in one step, and others are there after another."""
    _empties_first(broken, "storage")


@mutant("forks.one_step")
def empties_files_first(broken: Broken) -> None:
    """Files are put aside in one step, and others are there after another."""
    _empties_first(broken, "file_system")


@mutant("durability.killed.forks", durable=True)
def empties_files_a_while_before(broken: Broken) -> None:
    """Files are put aside in one step, and others are there a while later."""
    _empties_first(broken, "file_system", A_WHILE)


@mutant("forks.nothing_lost")
def puts_aside_what_was_there(broken: Broken) -> None:
    """What is there is copied aside, and a moment later all of it is taken away."""

    async def fork(call: Call, source: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is not None:
            await call(target, replaced)
            await asyncio.sleep(0.001)
            replaced = new_session_id()
        await call(source, target, replaced=replaced)

    forking(broken, "file_system", fork)


@mutant("forks.one_winner")
def looks_then_forks(broken: Broken) -> None:
    """Whether the target is empty is looked at before, and not in the step that fills it."""

    async def fork(call: Call, source: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is None:
            if await broken.files.list_directory(target):
                raise SessionNotEmptyError.of(target)
            await asyncio.sleep(0)
            replaced = new_session_id()
        await call(source, target, replaced=replaced)

    forking(broken, "file_system", fork)


@mutant("forks.beside_writes")
def counts_who_has_it_too_late(broken: Broken) -> None:
    """A purge looks who else has a content, and frees it a moment later."""
    forks: list[UUID] = []

    async def fork(call: Call, source: UUID, target: UUID, replaced: UUID | None) -> None:
        await call(source, target, replaced=replaced)
        forks.append(target)

    forking(broken, "file_system", fork)

    def wrap(call: Call) -> Call:
        async def purge_session(session_id: UUID) -> bool:
            others = len(forks)
            await asyncio.sleep(0)
            for session_id_since in forks[others:]:
                await broken.files.delete_file(session_id_since, "d/1")
            return bool(await call(session_id))

        return purge_session

    broken.around(wrap, ["file_system"], ["purge_session"])


@mutant("contexts.turns_of_forks")
def pauses_while_it_forks(broken: Broken) -> None:
    """A fork takes a lock of the process, and waits for it on the loop's thread."""

    async def fork(call: Call, source: UUID, target: UUID, replaced: UUID | None) -> None:
        time.sleep(_PAUSE)  # noqa: ASYNC251 - the mistake
        await call(source, target, replaced=replaced)

    forking(broken, "file_system", fork)
