"""A thread that is interrupted while it waits: Ctrl-C, or a time limit that a signal handler raises."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
import time
from asyncio import base_events
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from everstore import errors, sync
from everstore.sync import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from _typeshed import TraceFunction


class TimeLimitError(Exception):
    """What a task queue raises in a task that takes too long."""


@pytest.fixture(params=[KeyboardInterrupt, TimeLimitError])
def interrupt(request, monkeypatch) -> Iterator[type[BaseException]]:
    """What the signal SIGUSR1 raises in the main thread."""

    def handle(*_: object) -> None:
        raise request.param

    before = signal.signal(signal.SIGUSR1, handle)
    yield request.param
    signal.signal(signal.SIGUSR1, before)


def interrupt_when(*events: threading.Event) -> threading.Thread:
    """Interrupt this thread when the first thing has happened, once more at the second, and so on."""
    main = threading.get_ident()

    def watch() -> None:
        for event in events:
            assert event.wait(60)
            time.sleep(0.05)  # so that the main thread waits again
            signal.pthread_kill(main, signal.SIGUSR1)

    watching = threading.Thread(target=watch)
    watching.start()
    return watching


@pytest.mark.parametrize("after", [False, True])
def test_a_call_that_is_interrupted_is_over_when_the_interrupt_is_raised(gate, interrupt, after, session_id):
    held = gate("write_file", after=after)
    with sync.open_store(middleware=[held]) as store:
        watching = interrupt_when(held.is_reached)
        with pytest.raises(interrupt):
            store.file_system.write_file(session_id, "a", "x")
        assert held.ends == ["cancelled"]
        watching.join()
        assert (store.file_system.read_file(session_id, "a") is not None) is after


def test_other_threads_are_not_interrupted(gate, interrupt, in_thread, session_id):
    held = gate("increment_value")
    with sync.open_store(middleware=[held]) as store:
        others = [in_thread(store.storage.increment_value, session_id, "n") for _ in range(4)]
        watching = interrupt_when(held.is_reached)
        with pytest.raises(interrupt):
            store.storage.increment_value(session_id, "n")
        held.let_go(store)
        assert sorted(each.result(60) for each in others) == [1, 2, 3, 4]
        watching.join()


def test_a_second_interrupt_does_not_wait_for_what_hangs(interrupt, store):
    begun, hangs, free = threading.Event(), threading.Event(), threading.Event()

    async def hang():
        begun.set()
        while not free.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                hangs.set()

    watching = interrupt_when(begun, hangs)
    with pytest.raises(interrupt) as interrupted:
        store.run(hang())
    assert interrupted.value.__notes__ == ["hang: interrupted twice, so that it may still happen"]
    watching.join()
    free.set()


def test_an_interrupt_while_opening_leaves_no_thread(interrupt, install_plugin):
    opening = threading.Event()

    async def hang():
        opening.set()
        await asyncio.Event().wait()

    install_plugin("slow", everstore_session_store=hang)
    before = threading.active_count()
    watching = interrupt_when(opening)
    with pytest.raises(interrupt):
        sync.open_store(sessions="slow")
    watching.join()
    assert threading.active_count() == before


def test_an_interrupt_while_closing_does_not_keep_the_store_open(interrupt, install_plugin, session_id):
    closing, free, closed = threading.Event(), threading.Event(), threading.Event()

    async def resource(context):
        class Slow:
            async def __aenter__(self):
                return self

            async def __aexit__(self, *_):
                closing.set()
                await asyncio.to_thread(free.wait, 60)
                closed.set()

        await context.shared(Slow, Slow)
        return ()

    install_plugin("slow", everstore_middleware=resource)
    store = sync.open_store(middleware="slow")
    watching = interrupt_when(closing)
    with pytest.raises(interrupt):
        store.close()
    watching.join()
    with pytest.raises(errors.StoreClosedError):
        store.storage.increment_value(session_id, "n")
    free.set()
    store.close()
    assert closed.is_set()


@contextmanager
def interrupted_at(step: int, interrupt: type[BaseException]) -> Iterator[Callable[[], bool]]:
    """Raise at a step of what this thread does to wake the loop; whether it came so far."""
    places = {serving.__file__, base_events.__file__}
    left = step

    def trace(frame: FrameType, event: str, _: object) -> TraceFunction | None:
        nonlocal left
        if frame.f_code.co_filename not in places or frame.f_code.co_name == "is_here":
            return None
        frame.f_trace_opcodes = True
        left -= event in {"line", "opcode"}  # Python 3.12 may tell of lines only
        if left == 0:
            raise interrupt
        return trace

    before = sys.gettrace()
    gc.disable()  # or a step may be one of an older loop's __del__
    sys.settrace(trace)
    try:
        yield lambda: left <= 0
    finally:
        sys.settrace(before)
        gc.enable()


def test_an_interrupt_at_any_step_leaves_the_store_to_others(store, in_thread, session_id):
    came_so_far, step, counts = True, 0, 0
    while came_so_far:
        step += 1
        with interrupted_at(step, TimeLimitError) as is_reached, suppress(TimeLimitError):
            store.storage.increment_value(session_id, "n")
            counts += 1
        came_so_far = is_reached()
        assert in_thread(store.storage.increment_value, session_id, "m").result(60) == step
    assert step > 10
    assert counts <= int(store.storage.get_value(session_id, "n")) < step


def test_an_interrupt_at_any_step_of_closing_leaves_that_to_others(in_thread, session_id):
    came_so_far, step = True, 0
    while came_so_far:
        step += 1
        store = sync.open_store()
        with interrupted_at(step, TimeLimitError) as is_reached, suppress(TimeLimitError):
            store.close()
        came_so_far = is_reached()
        in_thread(store.close).result(60)
        with pytest.raises(errors.StoreClosedError):
            store.storage.increment_value(session_id, "n")
    assert step > 10
