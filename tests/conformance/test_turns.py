"""Whose turn on the loop was too long: the call's that computes or waits on its thread, and nobody else's."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from everstore.conformance import by_id, run
from everstore.conformance.case import Mismatch
from everstore.conformance.turns import require_short_turns

LONG = 0.4


def compute() -> None:
    until = time.thread_time() + LONG
    while time.thread_time() < until:
        pass


async def test_an_answer_comes_through_and_waiting_beside_the_loop_is_no_matter():
    async def wait() -> str:
        await asyncio.to_thread(time.sleep, LONG)
        await asyncio.sleep(LONG)
        return "waited"

    assert await require_short_turns("a call", wait) == "waited"


@pytest.mark.parametrize("hold", [compute, lambda: time.sleep(LONG)], ids=["computes", "waits"])
async def test_who_keeps_the_thread_each_time_is_told_where(hold):
    times = []

    async def call() -> None:
        hold()

    async def again() -> None:
        times.append(1)

    with pytest.raises(Mismatch, match=r"test_turns\.py") as caught:
        await require_short_turns("a call", call, again)
    assert "a call" in caught.value.expected
    assert len(times) == 2


async def test_who_keeps_it_once_is_not_told():
    """Perhaps it was somebody else: a machine that stood still."""
    pauses = [LONG]

    async def call() -> None:
        time.sleep(pauses.pop() if pauses else 0)  # noqa: ASYNC251 - what is tested

    await require_short_turns("a call", call)
    assert not [each for each in threading.enumerate() if each.name == "conformance-turns"]


@pytest.mark.parametrize("check", ["turns.file_system", "turns.storage", "turns.sessions", "turns_of_forks"])
def test_whatever_is_asked_can_be_asked_again(memory, monkeypatch, check):
    """As it is on a machine that stood still in the midst of it."""

    async def twice(what, call, again=None):
        await call()
        if again is not None:
            await again()
        return await call()

    asked = by_id(f"contexts.{check}")  # and all checks are imported, in their order
    monkeypatch.setattr("everstore.conformance.checks.long_turns.require_short_turns", twice)
    [result] = run(memory, [asked])
    assert result.failure is None
