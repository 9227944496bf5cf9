"""How much a session holds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.changes import FileTimes, SecretTimes, ValueTimes
from everstore.conformance.acts import TIMES
from everstore.conformance.case import Mismatch
from everstore.conformance.checks.expiry import require_an_end
from everstore.conformance.registry import check, table
from everstore.models import InitialFile, SessionUsage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from everstore.conformance.case import Case
    from everstore.session import BoundStorage

_TURNS = 60
_SHORT = 0.02  # seconds; waited for three times over, so that a coarse clock has passed it too
_YEAR = 365 * 86_400


async def _require(case: Case, session_id: UUID, expected: SessionUsage) -> None:
    for got in (await case.store.usage(session_id), await case.store.session(session_id).usage()):
        if got != expected:
            raise Mismatch.of(expected, got)


async def expire(storage: BoundStorage) -> None:
    """A value and a secret whose time is over."""
    await storage.set_value("k", "x", ttl=_SHORT)
    await storage.set_secret("s", "x", ttl=_SHORT)
    await require_an_end(storage, "k", "s")
    await asyncio.sleep(3 * _SHORT)


@check("usage.counts", "1.6.1", since="1.2", likely="directories, read-only files or secrets are left out")
async def counts(case: Case) -> None:
    """Usage counts files, their real bytes, directories without the root, values and secrets."""
    await case.files.write_file("a", "h\u00e9\u00e9")
    await case.files.write_file("d/sub/b", "AAEC", "base64")
    await case.files.write_file("d/c", "longer than what comes")
    await case.files.write_file("d/c", "shorter")
    await case.files.seed_initial_file(InitialFile("d/kept", "12345", is_readonly=True))
    await case.files.create_directory("empty")
    await case.storage.set_value("k", "a value")
    await case.storage.set_value("k", "another")
    await case.storage.increment_value("n")
    await case.storage.set_secret("k", "a secret")
    got = await case.store.usage(case.id)
    numbers = got.files, got.directories, got.bytes, got.values, got.secrets
    if numbers != (4, 3, 5 + 3 + 7 + 5, 2, 1):
        raise Mismatch("4 files of 20 bytes, 3 directories, 2 values, 1 secret", repr(got))


@check(
    "usage.changes",
    "1.6.1",
    since="1.2",
    likely="what is kept of a session is not counted down, or a move or copy is not counted",
)
async def changes(case: Case) -> None:
    """Usage follows copies, moves, overwrites and deletions, of whole trees too."""
    await case.files.write_file("d/a", "12345")
    await case.files.write_file("d/sub/b", "123")
    await case.files.copy_file("d", "copy")
    await case.files.move_file("d", "moved/to")
    await case.files.copy_file("copy/a", "copy/sub/b", overwrite=True)
    await case.files.append_file("moved/to/a", "67")
    await case.files.edit_file("moved/to/a", "12", "")
    await case.files.delete_file("moved/to/sub", recursive=True)
    await case.storage.set_value("k", "x")
    await case.storage.set_secret("s", "x")
    await case.storage.set_secret("t", "x")
    await case.storage.delete_value("k")
    await case.storage.delete_secret("t")
    got = await case.store.usage(case.id)
    numbers = got.files, got.directories, got.bytes, got.values, got.secrets
    if numbers != (3, 4, 5 + 5 + 5, 0, 1):
        raise Mismatch("3 files of 15 bytes, 4 directories, no value, 1 secret", repr(got))


async def _write_and_delete(case: Case) -> None:
    await case.files.write_file("gone/f", "new")
    await case.storage.set_value("gone", "new")
    await case.storage.set_secret("gone", "new")
    await case.files.delete_file("gone", recursive=True)
    await case.storage.delete_value("gone")
    await case.storage.delete_secret("gone")


async def _restore_times(case: Case) -> None:
    await case.store.file_system.restore_times(case.id, [FileTimes(path, *TIMES) for path in ("a", "old")])
    values, secret = [ValueTimes(key, *TIMES) for key in "kn"], SecretTimes("s", *TIMES)
    await case.store.storage.restore_times(case.id, [*values, secret])


_WRITES: dict[str, Callable[[Case], Awaitable[Any]]] = {
    "file": lambda case: case.files.write_file("a", "new"),
    "directory": lambda case: case.files.create_directory("d"),
    "moved": lambda case: case.files.move_file("old", "new"),
    "value": lambda case: case.storage.set_value("k", "new"),
    "counter": lambda case: case.storage.increment_value("n"),
    "secret": lambda case: case.storage.set_secret("s", "new"),
    "gone": _write_and_delete,
    "restored": _restore_times,
}


@table(
    "usage.last_write.{row}",
    "1.6.2",
    rows={name: (write,) for name, write in _WRITES.items()},
    since="1.2",
    likely="the latest write is looked for in one place, or is that of the record",
)
async def last_write(case: Case, write: Callable[[Case], Awaitable[Any]]) -> None:
    """The last write is the latest updated_at of anything that is there: {row}."""
    await case.files.write_file("a", "old")
    await case.files.write_file("old", "old")
    await case.storage.set_value("k", "old")
    await case.storage.set_value("n", "1")
    await case.storage.set_secret("s", "old")
    await write(case)
    await case.store.create_session("a record counts for nothing", session_id=case.id)
    infos: list[Any] = [
        *await case.files.list_directory(),
        *await case.storage.list_keys(),
        *await case.storage.list_secrets(),
    ]
    newest = max(infos, key=lambda info: info.updated_ns)
    got = await case.store.usage(case.id)
    if got.last_write_at != newest.updated_at:
        raise Mismatch(f"last_write_at={newest.updated_at}", f"{got.last_write_at}")


@check("usage.empty", "1.6.2", "1.2.1", since="1.2", likely="an empty session was last written in 1970")
async def empty(case: Case) -> None:
    """An unknown session, one with a record only, and one that was emptied hold nothing, never written."""
    await case.store.create_session("a record", session_id=case.id)
    await case.files.write_file("d/a", "x")
    await case.storage.set_value("k", "x")
    await case.storage.set_secret("s", "x")
    await case.files.delete_file("d", recursive=True)
    await case.storage.delete_value("k")
    await case.storage.delete_secret("s")
    await _require(case, case.id, SessionUsage())
    await _require(case, case.new_id(), SessionUsage())


@check(
    "usage.over",
    "1.6.3",
    since="1.2",
    needs=("time_to_live",),
    likely="what is past its time counts until it is swept",
)
async def over(case: Case) -> None:
    """What is past its time to live counts neither as a value or secret nor as a write."""
    kept = case.session()
    await kept.storage.set_value("stays", "x", ttl=_YEAR)
    for one in (case.storage, kept.storage):
        await expire(one)
    await _require(case, case.id, SessionUsage())
    [info] = await kept.storage.list_keys()
    await _require(case, kept.id, SessionUsage(values=1, last_write_ns=info.updated_ns))


@check(
    "usage.one_moment",
    "1.6.4",
    level="standard",
    since="1.2",
    tags=("concurrency",),
    likely="the numbers are looked up one after the other",
)
async def one_moment(case: Case) -> None:
    """Beside writers that keep a sum, usage shows that sum: what it tells of files is of one moment."""
    await case.files.write_file("d/0", "1234")
    await case.storage.set_value("0", "x")
    is_over = False

    async def move() -> None:
        for turn in range(_TURNS):
            await case.files.move_file(f"d/{turn}", f"d/{turn + 1}")
            await asyncio.sleep(0)

    async def look() -> None:
        while not is_over:
            await asyncio.sleep(0)
            got = await case.files.usage()
            if (got.files, got.directories, got.bytes) != (1, 1, 4):
                raise Mismatch("1 file of 4 bytes in 1 directory, whoever moves it", repr(got))

    looking = [asyncio.ensure_future(look()) for _ in range(2)]
    try:
        await move()
    finally:
        is_over = True
        await asyncio.gather(*looking)


# -- ids
