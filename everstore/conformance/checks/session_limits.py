"""Limits of one session: what they may be, that they hold for it and for no other, and how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import InvalidArgumentError, QuotaExceededError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundSession

_LIMITS = {"session_entries": 4, "session_bytes": 40, "session_keys": 3, "session_value_bytes": 2000}


async def _fill(one: BoundSession) -> None:
    """All that ``_LIMITS`` allow of entries, bytes of files, and values and secrets."""
    await one.files.write_file("d/a", "x" * 20)
    await one.files.write_file("d/b", "x" * 20)
    await one.files.create_directory("e")
    await one.storage.set_value("k", "x")
    await one.storage.set_value("n", "9")
    await one.storage.set_secret("s", "x")


_GROWTH: dict[str, Callable[[BoundSession], Awaitable[Any]]] = {
    "session_entries": lambda one: one.files.create_directory("f"),
    "session_bytes": lambda one: one.files.append_file("d/a", "x"),
    "session_keys": lambda one: one.storage.increment_value("m"),
    "session_value_bytes": lambda one: one.storage.set_value("k", "x" * 2000),
}


async def _require_full(one: BoundSession, **allowed: int) -> None:
    for name, grow in _GROWTH.items():
        with refused(QuotaExceededError, about=name) as caught:
            await grow(one)
        assert (caught.error.limit, caught.error.allowed) == (name, {**_LIMITS, **allowed}[name])


async def _require_free(one: BoundSession) -> None:
    for grow in _GROWTH.values():
        await grow(one)


@check("session_limits.apart", "1.8.1", since="1.2", likely="the limits of one session become the store's")
async def apart(case: Case) -> None:
    """A session beside one with limits has none, were it made before or after."""
    before, after = case.session(), case.session()
    await _fill(before)
    await case.store.create_session(session_id=case.id, limits=_LIMITS)
    full = case.store.session(case.id)
    await _fill(full)
    await _fill(after)
    await _require_full(full)
    for other in (before, after):
        await _require_free(other)


@table(
    "session_limits.refused.{row}",
    "1.8.2",
    rows={
        "another": ({"file_bytes": 5},),
        "unknown": ({"session_files": 5},),
        "zero": ({"session_bytes": 0},),
        "negative": ({"session_keys": -1},),
        "text": ({"session_bytes": "5"},),
        "flag": ({"session_bytes": True},),
        "fraction": ({"session_entries": 1.5},),
        "huge": ({"session_value_bytes": 1 << 63},),
        "name": ({5: 5},),
        "no_mapping": (5,),
        "list": (["session_bytes"],),
    },
    since="1.2",
    likely="what is no limit of a session is left out, or kept, and never held against anything",
)
async def refused_limits(case: Case, limits: Any) -> None:
    """What is no limit of a session is refused, and no session is made: {row}."""
    with refused(InvalidArgumentError):
        await case.store.create_session(session_id=case.id, files=[InitialFile("a", "x")], limits=limits)
    assert await case.store.sessions.get_session(case.id) is None
    assert await case.paths() == []


@table(
    "session_limits.looser.{row}",
    "1.8.2",
    rows={name: (name,) for name in _LIMITS},
    since="1.2",
    likely="the session's limit takes the place of the store's",
)
async def looser(case: Case, name: str) -> None:
    """A limit above the store's is refused, and the error names it; one that is the same is not: {row}."""
    await case.store.close()
    case.store = await case.open(**{f"limits__{name}": 50})
    with refused(InvalidArgumentError) as caught:
        await case.store.create_session(session_id=case.id, limits={name: 51})
    assert name in str(caught.error)
    assert await case.store.sessions.get_session(case.id) is None
    await case.store.create_session(session_id=case.id, limits={name: 50})


@check(
    "session_limits.reopened",
    "1.8.3",
    since="1.2",
    needs=("durable",),
    likely="limits are kept in the client that made the session",
)
async def reopened(case: Case) -> None:
    """After the store was closed and opened again, a session's limits hold as before."""
    await case.store.create_session(session_id=case.id, limits=_LIMITS)
    await _fill(case.store.session(case.id))
    await case.reopen()
    await _require_full(case.store.session(case.id))


@check(
    "session_limits.lower_counts",
    "1.8.2",
    since="1.2",
    needs=("durable",),
    likely="a session with limits of its own is not held to the store's any more",
)
async def lower_counts(case: Case) -> None:
    """Under a store that is opened with other limits, the lower one of each counts."""
    await case.store.create_session(session_id=case.id, limits=_LIMITS)
    await _fill(case.store.session(case.id))
    lower = {"session_entries": 3, "session_value_bytes": 500}
    higher = {"session_bytes": 1 << 30, "session_keys": 1 << 30}
    await case.store.close()
    case.store = await case.open(**{f"limits__{name}": most for name, most in {**lower, **higher}.items()})
    await _require_full(case.store.session(case.id), **lower)


@table(
    "session_limits.purged.{row}",
    "1.8.3",
    "1.8.5",
    rows={
        "files": ("file_system", ("session_entries", "session_bytes")),
        "storage": ("storage", ("session_keys", "session_value_bytes")),
    },
    since="1.2",
    likely="a purge leaves the limits, or takes those of the other part",
)
async def purged(case: Case, role: str, gone: tuple[str, ...]) -> None:
    """A purge takes the limits of what it purges along, and those of nothing else: {row}."""
    await case.store.create_session(session_id=case.id, limits=_LIMITS)
    one = case.store.session(case.id)
    await _fill(one)
    assert await getattr(case.store, role).purge_session(case.id) is True
    await _fill(one)
    for name, grow in _GROWTH.items():
        if name in gone:
            await grow(one)
        else:
            with refused(QuotaExceededError):
                await grow(one)


@check(
    "session_limits.deleted",
    "1.8.3",
    "1.5.3",
    since="1.2",
    likely="what is kept of limits outlives a session that held nothing",
)
async def deleted(case: Case) -> None:
    """A session that was deleted has no limits when it is used again, had it held anything or not."""
    filled, empty = case.session(), case.session()
    for one in (filled, empty):
        await case.store.create_session(session_id=one.id, limits=_LIMITS)
    await _fill(filled)
    for one in (filled, empty):
        assert await case.store.delete_session(one.id) is True
        await _fill(one)
        await _require_free(one)


@table(
    "session_limits.replaced.{row}",
    "1.8.4",
    rows={
        "files": (("session_entries", "session_bytes"),),
        "storage": (("session_keys",),),
        "one_of_each": (("session_entries", "session_value_bytes"),),
        "the_other_of_each": (("session_bytes", "session_keys"),),
        "none": ((),),
        "unsaid": (None,),
    },
    since="1.2",
    likely="new limits are added to those that were there",
)
async def replaced(case: Case, kept: tuple[str, ...] | None) -> None:
    """Made again under its id, a session has the limits that it is given, or those it had: {row}."""
    await case.store.create_session(session_id=case.id, limits=_LIMITS)
    one = case.store.session(case.id)
    await _fill(one)
    limits = None if kept is None else {name: _LIMITS[name] for name in kept}
    await case.store.create_session(session_id=case.id, limits=limits)
    for name, grow in _GROWTH.items():
        if name in (_LIMITS if limits is None else limits):
            with refused(QuotaExceededError):
                await grow(one)
        else:
            await grow(one)


@check(
    "session_limits.what_is_there",
    "1.8.4",
    since="1.2",
    likely="who is over a new limit can do nothing, or loses something",
)
async def what_is_there(case: Case) -> None:
    """What is there when a session gets limits stays, and counts; it can be read, shortened and deleted."""
    one = case.store.session(case.id)
    await _fill(one)
    await case.store.create_session(session_id=case.id, limits=dict.fromkeys(_LIMITS, 2))
    await _require_full(one, **dict.fromkeys(_LIMITS, 2))
    assert (await case.read("d/a")).size_bytes == 20
    await one.files.write_file("d/a", "x")
    await one.files.delete_file("d", recursive=True)
    assert await one.storage.delete_value("n") is True
    await one.storage.set_value("k", "")
    assert await one.storage.get_secret("s") == "x"


@check(
    "session_limits.seeds",
    "1.8.1",
    "1.5.4",
    since="1.2",
    likely="limits are set when the files are there already",
)
async def seeds(case: Case) -> None:
    """The files that a session begins with are held to its limits; then nothing of it is left."""
    files = [InitialFile(f"d/{number}", "x" * 10) for number in range(5)]
    with refused(QuotaExceededError) as caught:
        await case.store.create_session(files=files, limits={"session_bytes": 40})
    made = case.new_id(caught.error.session_id)
    assert made not in await case.store.session_ids(after=UUID(int=made.int - 1), limit=1)
    await case.store.file_system.seed_initial_file(made, InitialFile("a", "x" * 100))


@table(
    "session_limits.nothing.{row}",
    "1.8.5",
    rows={"file_system": ("file_system",), "storage": ("storage",)},
    since="1.2",
    likely="a row of limits is taken for something that the session holds",
)
async def nothing(case: Case, role: str) -> None:
    """A session that has limits alone is not listed, and a purge of it finds nothing: {row}."""
    await case.store.create_session(session_id=case.id, limits=_LIMITS)
    part = getattr(case.store, role)
    assert case.id not in await part.session_ids(after=UUID(int=case.id.int - 1), limit=1)
    assert await part.purge_session(case.id) is False
