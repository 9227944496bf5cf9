"""What an entry's id gives away, and what a session that could not be made leaves behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from everstore.conformance.case import Mismatch, gather, logged
from everstore.conformance.faults import Fault
from everstore.conformance.registry import check, table
from everstore.errors import EverstoreError, InvalidPathError, ParentNotDirectoryError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from everstore.conformance.case import Case
    from everstore.models import Session, SessionFile

_FREE = (1 << 76) - 1 ^ 3 << 62  # the bits of an id that tell neither time, version nor variant
_NEIGHBOURS = 24
_LEAST_BITS = 28  # of 74; those of ids that have nothing to do with each other differ in 37, give or take 1


def _mask(file: SessionFile) -> int:
    """What is left of an id when the serial is taken out as an onlooker could who guesses it."""
    serial = file.serial
    return (file.id.int & _FREE) ^ (serial >> 62 << 64 | serial & (1 << 62) - 1)


@check(
    "files.ids.tell_nothing", "3.2.7",
    likely="the id is made of the session's id in a way that can be turned round",
    since="1.1",
)  # fmt: skip
async def tell_nothing(case: Case) -> None:
    """In sessions whose ids differ in one bit, ids of entries differ in half of theirs, serials taken out."""
    own = _mask(await case.files.write_file("a", "x"))
    differing = []
    for bit in range(0, 2 * _NEIGHBOURS, 2):
        near = case.new_id(UUID(int=case.id.int ^ 1 << bit))
        differing.append((own ^ _mask(await case.store.file_system.write_file(near, "a", "x"))).bit_count())
    if sum(differing) < _LEAST_BITS * len(differing):
        raise Mismatch(f"at least {_LEAST_BITS} of 74 bits to differ", f"{differing}")


def _refused() -> Iterator[InitialFile]:
    yield InitialFile("a", "x", is_readonly=True)
    yield InitialFile("d/b", "x")
    yield InitialFile("a/c", "x")


def _invalid() -> Iterator[InitialFile]:
    yield InitialFile("a", "x")
    yield InitialFile("../b", "x")


def _cancelled() -> Iterator[InitialFile]:
    yield InitialFile("a", "x")
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    yield InitialFile("b", "x")


def _cancelled_twice() -> Iterator[InitialFile]:
    yield InitialFile("a", "x")
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(task.cancel))
    task.cancel()
    yield InitialFile("b", "x")


def _failing() -> Iterator[InitialFile]:
    yield InitialFile("a", "x")
    raise Fault


@table(
    "sessions.create.{row}",
    "1.5.4",
    rows={
        "refused": (_refused, ParentNotDirectoryError),
        "invalid": (_invalid, InvalidPathError),
        "cancelled": (_cancelled, asyncio.CancelledError),
        "cancelled_twice": (_cancelled_twice, asyncio.CancelledError),
        "failing": (_failing, Fault),
    },
    likely="the files that came before the failure stay, under an id that nobody was told",
    since="1.1",
)
async def creates_nothing(
    case: Case, files: Callable[[], Iterator[InitialFile]], error: type[BaseException]
) -> None:
    """A session that cannot be created leaves neither files nor a record: {row}."""
    made: list[Session] = []

    async def attempt() -> None:
        made.append(await case.store.create_session("title", files=files()))

    with logged() as events:
        [raised] = await gather(asyncio.ensure_future(attempt()))
    assert isinstance(raised, error)
    seeds = [event for event in events if event.get("verb") == "seed_initial_file"]
    assert seeds, "no file was put in place"
    session_id = case.new_id(UUID(str(seeds[0]["session_id"])))
    if made and error is asyncio.CancelledError:  # it waited for nothing, and so was not cancelled
        assert await case.store.sessions.get_session(session_id) == made[0]
        return
    if isinstance(raised, EverstoreError):
        assert getattr(raised, "session_id", None) == session_id
    assert await case.snapshot(session_id) == {}
    assert await case.store.sessions.get_session(session_id) is None
    listed = await case.store.sessions.list_sessions(limit=20)
    assert session_id not in {record.id for record in listed}
