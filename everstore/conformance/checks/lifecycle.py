"""Opening, closing, cancelling, and what is left behind."""

from __future__ import annotations

import asyncio
import pickle
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from everstore.conformance.acts import Act, asked_of
from everstore.conformance.case import gather, refused
from everstore.conformance.registry import check, product, table
from everstore.conformance.residue import left_behind
from everstore.conformance.scene import Scene
from everstore.errors import (
    EditError,
    EverstoreError,
    InvalidContentError,
    QuotaExceededError,
    ReadOnlyFileError,
    RevisionConflictError,
    SettingsError,
    StoreClosedError,
    UnknownBackendError,
)
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from everstore.conformance.case import Case

_MARK = "c0ntent-Marker-91ab"


@check("lifecycle.close_twice", "7.1.2", likely="closing releases a pool twice")
async def close_twice(case: Case) -> None:
    """Closing again, also at the same time, does nothing."""
    await case.files.write_file("a", "x")
    await asyncio.gather(case.store.close(), case.store.close())
    await case.store.close()


@product("lifecycle.after_close.{role}", "7.1.3", likely="a verb goes on working, or hangs on a closed pool")
async def after_close(case: Case, acts: dict[str, Act]) -> None:
    """Every verb of a closed store is StoreClosedError, and nothing happens: {role}."""
    scene = Scene(case.store, case.id)
    await scene.fill()
    before = await case.snapshot()
    await case.store.close()
    asked = asked_of(case.capabilities, acts)
    ended = {name: _told_of((await gather(act.call(scene)))[0]) for name, act in asked.items()}
    assert ended == dict.fromkeys(asked, "StoreClosedError")
    for compound in (scene.store.create_session("t"), scene.store.delete_session(case.id)):
        with refused(StoreClosedError):
            await compound
    await case.reopen()
    if case.capabilities.durable:
        assert await case.snapshot() == before


def _told_of(outcome: object) -> str:
    return type(outcome).__name__ if isinstance(outcome, BaseException) else "an answer"


@check(
    "lifecycle.two_stores", "7.1.2", "7.1.4", likely="stores share a pool, a thread or a client by accident"
)
async def two_stores(case: Case) -> None:
    """Closing one store leaves another one of the same process working."""
    try:
        second = await case.open()
    except EverstoreError:
        assert not case.capabilities.shared, "shared is declared, and a second client cannot be opened"
        return
    other = second.session(case.new_id())
    await other.files.write_file("a", "x")
    await case.files.write_file("a", "y")
    await case.store.close()
    assert (await other.files.append_file("a", "z")).size_bytes == 2
    await second.close()
    with refused(StoreClosedError):
        await other.files.read_file("a")


@check("lifecycle.nothing_left", "7.1.4", likely="a pool, a watcher or a temporary file outlives its store")
async def nothing_left(case: Case) -> None:
    """Opening, using and closing a store leaves no task, thread or file descriptor."""
    await case.store.close()

    async def use() -> None:
        async with case.subject.open() as store:
            session = store.session(case.id)
            await asyncio.gather(*(session.files.write_file(f"d/{n}", "x" * 1000) for n in range(20)))
            await session.files.grep_files("x")
            await session.storage.increment_value("n")
            await store.delete_session(case.id)

    await use()  # what is made once, at first use, may stay
    before = left_behind()
    for _ in range(3):
        await use()
    await asyncio.sleep(0)
    after = left_behind()
    assert after == before


@check(
    "lifecycle.cancelled_again",
    "7.3.4",
    likely="closing stops where it is cancelled, or is shielded from the first cancellation only",
)
async def cancelled_again(case: Case) -> None:
    """Cancelled three times while it opens or closes, a store is closed and leaves nothing."""
    await case.store.close()

    async def use() -> None:
        async with case.subject.open() as store:
            await store.session(case.id).files.write_file("a", "x")

    await use()  # what is made once, at first use, may stay
    before = left_behind()
    for turns in range(6):
        await _cancelled_thrice(use(), turns)
        store = await case.open()
        await store.session(case.id).files.write_file("a", "x")
        await _cancelled_thrice(store.close(), turns + 1)
        with refused(StoreClosedError):
            await store.session(case.id).files.read_file("a")
    for _ in range(100):  # a socket that was cut is let go of a little later
        if left_behind() == before:
            break
        await asyncio.sleep(0.01)
    after = left_behind()
    assert after == before


async def _cancelled_thrice(work: Coroutine[Any, Any, object], turns: int) -> None:
    """Cancel what is under way three times, with so many turns of the event loop before each."""
    task = asyncio.ensure_future(work)
    for _ in range(3):
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@table(
    "lifecycle.refused_setting.{row}",
    "7.1.1",
    rows={
        "unknown_backend": ({"backend": "no-such-backend"}, UnknownBackendError, "no-such-backend"),
        "unknown_setting": ({"no_such_setting": 1}, SettingsError, "no_such_setting"),
        "wrong_value": ({"limits__file_bytes": "many"}, SettingsError, "EVERSTORE_LIMITS__FILE_BYTES"),
    },
    likely="settings are read when they are first needed",
)
async def refused_setting(case: Case, settings: dict[str, Any], error: type[Exception], named: str) -> None:
    """A mistake in the settings fails at opening, with a message that names it: {row}."""
    with refused(error) as caught:
        await case.open(**settings)
    assert named in str(caught.error)


@check("lifecycle.errors.typed", "7.2.1", likely="errors are raised as bare exceptions")
async def errors_typed(case: Case) -> None:
    """Refusals are EverstoreErrors with a code and their facts, and cross a pickle with both."""
    await case.files.seed_initial_file(InitialFile("kept", "x", is_readonly=True))
    current = await case.files.write_file("a", "x")
    caught = []
    with refused(ReadOnlyFileError) as one:
        await case.files.write_file("kept", "y")
    caught.append(one.error)
    with refused(RevisionConflictError) as one:
        await case.files.write_file("a", "y", if_absent=True)
    caught.append(one.error)
    with refused(EditError) as one:
        await case.files.edit_file("a", "none", "y")
    caught.append(one.error)
    assert [error.code for error in caught] == ["read_only_file", "revision_conflict", "edit_failed"]
    assert (caught[0].path, caught[1].current_revision, caught[2].matches) == ("/kept", current.revision, 0)
    assert all(isinstance(error, EverstoreError) for error in caught)
    copies = [pickle.loads(pickle.dumps(error)) for error in caught]  # noqa: S301 - made on the same line
    assert [(type(error), str(error), error.facts) for error in copies] == [
        (type(error), str(error), error.facts) for error in caught
    ]


@check("lifecycle.errors.no_content", "7.2.3", likely="an error quotes what it could not keep")
async def errors_without_content(case: Case) -> None:
    """No error of a refused call shows content or a value, and neither do its facts and its cause."""
    await case.files.seed_initial_file(InitialFile("kept", _MARK, is_readonly=True))
    await case.files.write_file("a", _MARK)
    await case.storage.set_value("k", _MARK)
    calls: list[tuple[type[EverstoreError], Callable[[], Awaitable[Any]]]] = [
        (ReadOnlyFileError, lambda: case.files.write_file("kept", _MARK + "!")),
        (RevisionConflictError, lambda: case.files.write_file("a", _MARK, if_absent=True)),
        (EditError, lambda: case.files.edit_file("a", _MARK + _MARK, _MARK)),
        (InvalidContentError, lambda: case.files.write_file("a", _MARK + "%", "base64")),
        (InvalidContentError, lambda: case.files.append_file("a", _MARK + "\ud800")),
        (InvalidContentError, lambda: case.storage.increment_value("k")),
        (RevisionConflictError, lambda: case.storage.set_value("k", _MARK, if_absent=True)),
    ]
    shown = [await _told(error, call) for error, call in calls]
    await case.store.close()
    case.store = await case.open(limits__file_bytes=10, limits__value_bytes=10)
    shown.append(await _told(QuotaExceededError, lambda: case.files.write_file("b", _MARK)))
    shown.append(await _told(QuotaExceededError, lambda: case.storage.set_value("b", _MARK)))
    assert [text for text in shown if _MARK in text] == []


async def _told(error: type[EverstoreError], call: Callable[[], Awaitable[Any]]) -> str:
    """Everything that the error of a refused call shows."""
    with refused(error) as caught:
        await call()
    return f"{caught.error} {caught.error!r} {caught.error.facts} {caught.error.__cause__!r}"
