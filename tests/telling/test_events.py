"""Telling never decides an answer (contract §8.2), whatever becomes of an event."""

from __future__ import annotations

import asyncio
import gc
import io
import sys
import time
import warnings

import pytest
import structlog

import everstore
from everstore import new_session_id
from everstore.errors import InvalidPathError, PathNotFoundError, StoreClosedError
from everstore.telling.events import HOST, _Asked


class _FailsToPrint:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


@pytest.fixture(autouse=True)
def _unconfigured():
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def _raising(kind):
    def processor(*_):
        raise kind("a processor that fails")

    return processor


def _configured(processor):
    structlog.configure(processors=[processor], logger_factory=structlog.ReturnLoggerFactory())


def _closed():
    stream = io.StringIO()
    stream.close()
    return stream


async def _all_kinds_of_calls():
    async with everstore.open_store(log_level="debug", environment={}) as store:
        session_id = new_session_id()
        for expected in (1, 2, 3):
            assert await store.storage.increment_value(session_id, "n") == expected
        with pytest.raises(InvalidPathError):
            await store.file_system.write_file(session_id, "..", "x")
        with pytest.raises(PathNotFoundError):
            await store.file_system.move_file(session_id, "a", "b")
    with pytest.raises(StoreClosedError):
        await store.file_system.read_file(session_id, "a")


@pytest.mark.parametrize("kind", [RuntimeError, MemoryError, asyncio.CancelledError, GeneratorExit])
async def test_a_processor_that_fails_changes_no_answer(kind, capsys):
    _configured(_raising(kind))
    await _all_kinds_of_calls()
    assert capsys.readouterr().err.count("events cannot be logged") == 1


@pytest.mark.parametrize("stream", [None, _closed(), open("/dev/full", "w")])  # noqa: SIM115, PTH123 - for the process
async def test_a_stderr_that_takes_nothing_changes_no_answer(stream, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", stream)
    await _all_kinds_of_calls()
    assert capsys.readouterr().out == ""


async def test_a_context_value_that_cannot_be_printed_changes_no_answer():
    structlog.contextvars.bind_contextvars(request=_FailsToPrint())
    await _all_kinds_of_calls()


async def test_a_wrapper_class_that_fails_changes_no_answer():
    def wrapper(*_, **__):
        raise RuntimeError("a wrapper class that fails")

    structlog.configure(wrapper_class=wrapper)
    await _all_kinds_of_calls()


async def test_an_interrupt_goes_on():
    _configured(_raising(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        async with everstore.open_store(environment={}):
            pass


class _OnlyMsg(structlog.BoundLoggerBase):
    def msg(self, event, **fields):
        return self._proxy_to_logger("msg", event, **fields)


@pytest.mark.parametrize(
    "wrapper", [_OnlyMsg, structlog.BoundLogger, structlog.make_filtering_bound_logger(0)]
)
async def test_every_event_arrives_whatever_wraps_the_logger(wrapper):
    seen = []

    def keep(_logger, _method, event):
        seen.append(event["event"])
        raise structlog.DropEvent

    structlog.configure(
        processors=[keep], wrapper_class=wrapper, logger_factory=structlog.PrintLoggerFactory()
    )
    async with everstore.open_store(environment={}) as store:
        await store.storage.set_value(new_session_id(), "k", "v")
    assert seen == ["everstore.open", "everstore.call", "everstore.close"]


async def test_an_asynchronous_logger_gets_every_event_in_order_and_in_its_context():
    seen = []

    def keep(_logger, _method, event):
        time.sleep(0.001)
        seen.append((event["event"], event.get("key"), event.get("request")))
        raise structlog.DropEvent

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, keep],
        wrapper_class=structlog.stdlib.AsyncBoundLogger,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with everstore.open_store(environment={}) as store:
            session_id = new_session_id()
            for number in range(50):
                structlog.contextvars.bind_contextvars(request=number)
                await store.storage.set_value(session_id, str(number), "v")
            assert len(seen) < 51  # the answers did not wait for the events
        gc.collect()
    assert [event for event, _, _ in seen] == ["everstore.open", *["everstore.call"] * 50, "everstore.close"]
    assert [pair[1:] for pair in seen[1:-1]] == [(str(number), number) for number in range(50)]


async def test_an_asynchronous_logger_that_fails_changes_no_answer(capsys):
    structlog.configure(processors=[_raising(RuntimeError)], wrapper_class=structlog.stdlib.AsyncBoundLogger)
    await _all_kinds_of_calls()
    assert capsys.readouterr().err.count("events cannot be logged") == 1


async def test_an_asynchronous_logger_that_is_far_behind_loses_what_is_too_much_and_that_is_told(capsys):
    """The calls on memory never let the loop write."""
    seen = []

    def keep(_logger, _method, event):
        seen.append(event.get("key"))
        raise structlog.DropEvent

    class Later(structlog.BoundLoggerBase):
        def debug(self, event, **fields):
            return self.written(event, fields)

        info = warning = error = debug

        async def written(self, event, fields):
            self._proxy_to_logger("debug", event, **fields)

    structlog.configure(processors=[keep], wrapper_class=Later)
    async with everstore.open_store(environment={}) as store:
        session_id = new_session_id()
        for number in range(20_100):
            await store.storage.set_value(session_id, str(number % 10), "v")
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert "20000 events behind" in told
        await asyncio.sleep(0)
    lost = 20_100 + 2 - len(seen)
    assert seen[-1] is None, "the event of closing was lost"
    assert 0 < lost <= 102
    assert capsys.readouterr().err == (
        f"everstore: {lost} events were dropped while the host's asynchronous logger was too far behind\n"
    )


class _OnlyLog(structlog.BoundLoggerBase):
    def log(self, level, event, **fields):
        self._context["seen"].append((level, event))


async def test_a_logger_that_knows_levels_by_number_gets_every_event():
    seen = []
    structlog.configure(
        wrapper_class=_OnlyLog,
        context_class=lambda *_: {"seen": seen},
        logger_factory=structlog.ReturnLoggerFactory(),
    )
    async with everstore.open_store(environment={}) as store:
        with pytest.raises(InvalidPathError):
            await store.file_system.write_file(new_session_id(), "..", "x")
    assert (20, "everstore.call") in seen
    assert seen[-1][1] == "everstore.close"


@pytest.mark.parametrize("answer", [True, False])
async def test_an_asynchronous_question_for_the_level_keeps_no_event_back(answer):
    seen = []

    class Asks(structlog.BoundLoggerBase):
        async def is_enabled_for(self, _level):
            return answer

        def msg(self, event, **_fields):
            seen.append(event)

    structlog.configure(wrapper_class=Asks, logger_factory=structlog.ReturnLoggerFactory())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with everstore.open_store(environment={}) as store:
            await store.storage.set_value(new_session_id(), "k", "v")
        gc.collect()
    assert seen == ["everstore.open", "everstore.call", "everstore.close"]


def _asynchronous(write):
    """Configure a logger whose every event is awaited: ``await write(event)``."""

    class Logger(structlog.BoundLoggerBase):
        async def msg(self, event, **_fields):
            await write(event)

    structlog.configure(wrapper_class=Logger, logger_factory=structlog.ReturnLoggerFactory())


def test_an_event_where_no_loop_runs_is_written_at_once():
    seen = []

    async def write(event):
        await asyncio.sleep(0)
        seen.append(event)

    _asynchronous(write)

    async def opened():
        async with everstore.open_store(environment={}) as store:
            await store.storage.set_value(new_session_id(), "k", "v")
            return store

    store = asyncio.run(opened())
    seen.clear()
    with pytest.raises(StoreClosedError):
        store.storage.get_value(new_session_id(), "k").send(None)
    assert seen == ["everstore.call"]


def test_events_that_wait_when_the_loop_ends_are_written_all_the_same():
    seen = []

    async def write(event):
        seen.append(event)

    _asynchronous(write)

    async def abandoned():
        store = await everstore.open_store(environment={}).__aenter__()
        for number in range(3):
            await store.storage.set_value(new_session_id(), str(number), "v")

    asyncio.run(abandoned())
    assert seen == ["everstore.open", *["everstore.call"] * 3]


async def test_an_asynchronous_logger_that_cancels_itself_loses_one_event_only(capsys):
    seen = []

    async def write(event):
        seen.append(event)
        if len(seen) == 2:
            raise asyncio.CancelledError

    _asynchronous(write)
    async with everstore.open_store(environment={}) as store:
        assert await store.storage.increment_value(new_session_id(), "n") == 1
    assert seen == ["everstore.open", "everstore.call", "everstore.close"]
    assert capsys.readouterr().err == ""


def test_events_that_wait_are_written_when_all_tasks_are_cancelled():
    seen = []
    begun = asyncio.Event()

    async def write(event):
        seen.append(event)
        begun.set()
        await asyncio.sleep(0 if event == "everstore.call" else 3600)

    _asynchronous(write)

    async def cancelled():
        store = await everstore.open_store(environment={}).__aenter__()
        await begun.wait()  # the first event is being written, which takes an hour
        await store.storage.set_value(new_session_id(), "k", "v")

    asyncio.run(cancelled())
    assert seen == ["everstore.open", "everstore.call"]


@pytest.mark.parametrize("host", [HOST, _Asked()])
def test_whether_the_host_has_configured_structlog_is_known_at_any_time(host):
    assert host.is_configured is structlog.is_configured() is False
    structlog.configure()
    assert host.is_configured is structlog.is_configured() is True
    structlog.reset_defaults()
    assert host.is_configured is structlog.is_configured() is False
