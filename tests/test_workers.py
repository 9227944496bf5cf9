"""Threads that serve calls: whoever waits is answered, whatever becomes of the thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from everstore.errors import BackendUnavailableError, StoreClosedError
from everstore.workers import LazyWorker, Worker, deliver


class Echo(LazyWorker):
    """Does each call, and may fail as a whole."""

    def __init__(self):
        super().__init__("test", "echo")
        self.failure: BaseException | None = None
        self.is_released = False

    def _serve(self, batch):
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        deliver([(call, call.run("resource"), None) for call in batch if call.begin()])

    def _release(self):
        self.is_released = True


class Dies(Worker):
    def _serve(self, batch):
        raise SystemExit

    def _release(self):
        pass


@pytest.fixture
def echo():
    worker = Echo()
    yield worker
    worker.close()


async def test_calls_are_answered_and_counted(echo):
    may_go_on = threading.Event()
    held = echo.submit(lambda _: may_go_on.wait())
    calls = [echo.submit(lambda resource, number: (resource, number), number) for number in range(3)]
    assert echo.pending == 4
    may_go_on.set()
    assert await held.answer()
    assert [await call.answer() for call in calls] == [("resource", number) for number in range(3)]
    await asyncio.to_thread(echo.close)
    assert (echo.pending, echo.is_released) == (0, True)


async def test_what_fails_is_told_and_the_thread_goes_on(echo):
    echo.failure = OSError("of the driver")
    with pytest.raises(BackendUnavailableError, match="a thread of the store failed with OSError") as caught:
        await echo.submit(len).answer()
    assert caught.value.happened is None
    assert await echo.submit(len).answer() == len("resource")


async def test_a_thread_that_ends_answers_whoever_waits_and_whoever_comes():
    worker = Dies("test", "dies")
    waiting = [worker.submit(len) for _ in range(3)]
    worker.start()
    for call in waiting:
        with pytest.raises(BackendUnavailableError):
            await call.answer()
    while worker._dead is None:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.001)
    with pytest.raises(BackendUnavailableError, match="open the store again") as caught:
        worker.submit(len)
    assert caught.value.happened is False
    worker.close()


async def test_nothing_is_taken_once_it_is_closed():
    worker = Echo()
    worker.close()
    with pytest.raises(StoreClosedError):
        worker.submit(len)
    assert not worker.is_released  # there was no thread


async def test_who_is_cancelled_first_has_not_called_and_who_is_late_waits_for_the_end(echo):
    may_go_on, done = threading.Event(), []
    first = asyncio.ensure_future(echo.submit(lambda _: (may_go_on.wait(), done.append(1))).answer())
    second = asyncio.ensure_future(echo.submit(lambda _: done.append(2)).answer())
    while echo._queue.qsize():  # noqa: ASYNC110 - until the thread has taken what waits
        await asyncio.sleep(0.001)
    for call in (first, second, first):
        call.cancel()
        await asyncio.sleep(0)
    may_go_on.set()
    for call in (first, second):
        with pytest.raises(asyncio.CancelledError):
            await call
    await echo.submit(len).answer()
    assert done[0] == 1


def test_an_answer_for_a_loop_that_is_closed_is_dropped(echo):
    may_go_on = threading.Event()

    async def leave():
        echo.submit(lambda _: may_go_on.wait())

    asyncio.run(leave())
    may_go_on.set()

    async def come():
        return await echo.submit(len).answer()

    assert asyncio.run(come()) == len("resource")
