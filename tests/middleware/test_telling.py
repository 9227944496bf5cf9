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
