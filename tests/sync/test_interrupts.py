"""A thread that is interrupted while it waits: Ctrl-C, or a time limit that a signal handler raises."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from everstore import errors, sync

if TYPE_CHECKING:
    from collections.abc import Iterator


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
