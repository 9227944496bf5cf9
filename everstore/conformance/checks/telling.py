"""What is told of calls: events, and records for who watches."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING, Any

import structlog

from everstore.conformance.acts import NO_SESSION, Act, asked_of
from everstore.conformance.case import gather, logged, refused
from everstore.conformance.faults import Unreadable
from everstore.conformance.registry import check, product
from everstore.conformance.scene import Scene
from everstore.errors import BackendError, EditError, EverstoreError, StoreClosedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from everstore.conformance.case import Case
    from everstore.store import Store
    from everstore.telling.observing import CallRecord

_MARK = "c0ntent-Marker-5d20"
_PATIENCE = 20.0  # seconds that an observer keeps its thread; whoever waits for it waits as long


@check("lifecycle.logging", "8.1.1", "8.1.3", "8.2.1", "8.3.1", likely="a verb bypasses the layer that logs")
async def log(case: Case) -> None:
    """Every call is one event, with verb, backend, session, place, duration and outcome."""
    with logged() as events:
        await case.files.write_file("a", "x")
        await case.storage.get_value("k")
        with refused(EditError):
            await case.files.edit_file("a", "y", "z")
        with refused(BackendError), case.trace.paused():
            await case.store.storage.get_value(Unreadable(), "k")
    calls = [event for event in events if event["event"] == "everstore.call"]
    told = [
        (event["verb"], event.get("path"), event.get("key"), event["outcome"], event["log_level"])
        for event in calls
    ]
    assert told == [
        ("write_file", "a", None, "ok", "debug"),
        ("get_value", None, "k", "ok", "debug"),
        ("edit_file", "a", None, "refused", "info"),
        ("get_value", None, "k", "failed", "error"),
    ]
    assert {event["session_id"] for event in calls[:3]} == {str(case.id)}
    assert all("duration_ms" in event and event["backend"] for event in calls)
    assert (calls[0]["bytes"], calls[2]["error_code"]) == (1, "edit_failed")
    assert [("error" in event, "cause" in event) for event in calls] == [*[(False, False)] * 3, (True, True)]


class _Kept(logging.Handler):
    """Keeps what the standard library's logger is handed."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.emit = self.records.append  # type: ignore[method-assign, assignment]  # nothing more to it


@contextmanager
def _standard_log() -> Iterator[list[logging.LogRecord]]:
    """What goes to the logger ``everstore`` in the block, in which nobody has configured structlog."""
    was_configured, before = structlog.is_configured(), structlog.get_config()
    structlog.reset_defaults()
    logger, kept = logging.getLogger("everstore"), _Kept()
    level, goes_up = logger.level, logger.propagate
    logger.addHandler(kept)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    try:
        yield kept.records
    finally:
        logger.removeHandler(kept)
        logger.setLevel(level)
        logger.propagate = goes_up
        if was_configured:
            structlog.configure(**before)


@check(
    "telling.standard_log",
    "8.2.3",
    "8.3.1",
    since="1.2",
    likely="a library of its own prints where it has not been asked to",
)
async def standard_log(case: Case) -> None:
    """Where structlog is not configured, each call is one record of the standard library's logger."""
    await case.store.close()
    store = case.store = await case.open(log_level=None)
    with _standard_log() as records:
        await store.storage.set_value(case.id, "k", _MARK)
        with refused(EditError):
            await store.file_system.append_file(case.id, "a", "x")
            await store.file_system.edit_file(case.id, "a", "y", "z")
        await store.close()
    told = [(record.levelname, record.getMessage().split()[:2]) for record in records]
    assert told == [
        ("DEBUG", ["event=everstore.call", "verb=set_value"]),
        ("DEBUG", ["event=everstore.call", "verb=append_file"]),
        ("INFO", ["event=everstore.call", "verb=edit_file"]),
        ("INFO", ["event=everstore.close", "file_system=" + store.backends["file_system"]]),
    ]
    assert [record for record in records if _MARK in record.getMessage()] == []


def _outcome(answer: object) -> tuple[str, str | None]:
    """Outcome and code that a record of a call has to have, by what its caller got."""
    if isinstance(answer, asyncio.CancelledError):
        return "cancelled", None
    if isinstance(answer, BackendError):
        return "failed", answer.code
    return ("refused", answer.code) if isinstance(answer, EverstoreError) else ("ok", None)


def _words(record: CallRecord) -> str:
    """All that a record holds, but for the session's id, which may fail whoever asks it."""
    return " ".join(repr(getattr(record, name)) for name in _FIELDS)


async def _watched(case: Case, on_call: Any) -> Store:
    """The store of the case, opened anew with somebody who watches."""
    await case.store.close()
    case.store = await case.open(on_call=on_call)
    return case.store


_FIELDS = ("verb", "role", "backend", "started_ns", "duration_ns", "outcome", "error_code", "bytes")
_NO_FAILURE = ("add_record", *NO_SESSION)  # the first one's guard reads the id, the others take none


@product(
    "telling.observed.{role}", "8.4.1", "8.4.2", since="1.2", likely="a verb bypasses the layer that tells"
)
async def observed(case: Case, acts: dict[str, Act]) -> None:
    """Who watches sees one record of every call, answered, refused, failed or not begun: {role}."""
    seen: list[CallRecord] = []
    store = await _watched(case, seen.append)
    scene, failing = Scene(store, case.new_id(), _MARK), Scene(store, Unreadable())
    await scene.fill()
    expected: list[tuple[object, ...]] = []
    with case.trace.paused():  # a trace shows session ids
        for name, act in asked_of(case.capabilities, acts).items():
            [answer] = await gather(act.call(scene))
            expected.append((act.role, act.verb, *_outcome(answer)))
            if name not in _NO_FAILURE:
                [answer] = await gather(act.call(failing))
                expected.append((act.role, act.verb, *_outcome(answer)))
            task = asyncio.ensure_future(act.call(scene))
            await asyncio.sleep(0)
            task.cancel()
            [answer] = await gather(task)
            expected.append((act.role, act.verb, *_outcome(answer)))
    await store.close()
    with refused(StoreClosedError):
        await store.storage.get_value(case.id, "k")
    told = [(record.role, record.verb, record.outcome, record.error_code) for record in seen]
    assert told[len(told) - len(expected) :] == expected
    assert [record for record in seen if _MARK in _words(record)] == []


@check(
    "telling.observed.guarded", "8.4.1", since="1.2", likely="what a guard refuses never comes to who tells"
)
async def guarded(case: Case) -> None:
    """A call that a guard refuses is seen as any other, with its session and its error's code."""
    seen: list[CallRecord] = []
    store = await _watched(case, [seen.append])
    await gather(
        store.file_system.write_file(case.id, "..", "x"),
        store.storage.set_value(case.id, "", "x"),
        store.sessions.update_session_title(case.new_id(), "t"),
    )
    await store.close()
    told = sorted((record.verb, record.session_id == case.id, record.error_code or "") for record in seen)
    assert told == [
        ("set_value", True, "invalid_key"),
        ("update_session_title", False, "session_not_found"),
        ("write_file", True, "invalid_path"),
    ]


@check("telling.beside", "8.4.3", since="1.2", likely="who watches is called before the answer is given")
async def beside(case: Case) -> None:
    """An observer that blocks and then raises delays no answer and changes none, and sees all in the end."""
    free = threading.Event()
    answered: list[Any] = []
    seen: list[tuple[str, int]] = []

    def watch(record: CallRecord) -> None:
        free.wait(_PATIENCE)
        seen.append((record.verb, len(answered)))
        raise RuntimeError("an observer that fails")

    store = await _watched(case, watch)
    with redirect_stderr(io.StringIO()):  # where it is said once that an observer failed
        for number in range(3):
            answered += await gather(store.storage.increment_value(case.id, "n", number + 1))
        free.set()
        await store.close()
    assert answered == [1, 3, 6]
    assert seen == [("increment_value", 3)] * 3, "answers waited for who watches"
