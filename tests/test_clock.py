"""The clock that everything reads: turned, and standing still."""

from __future__ import annotations

import time

import pytest

from everstore import Session, new_session_id
from everstore.clock import now_ns, shift_ns, stopped, turned

DAY = 86_400
DAY_NS = DAY * 10**9


def test_it_is_the_machine_s_clock():
    assert time.time_ns() <= now_ns() <= time.time_ns()
    assert shift_ns() == 0


@pytest.mark.parametrize("seconds", [DAY, -DAY, 0.5, 0])
def test_it_can_be_turned_either_way_and_again(seconds):
    with turned(seconds):
        assert shift_ns() == seconds * 10**9
        assert time.time_ns() <= now_ns() - shift_ns() <= time.time_ns()
        with turned(DAY):
            assert shift_ns() == seconds * 10**9 + DAY_NS
        assert shift_ns() == seconds * 10**9
    assert shift_ns() == 0


def test_it_can_be_stopped_and_turned_while_it_stands():
    with turned(DAY):
        with stopped():
            stands = now_ns()
            assert now_ns() == stands
            with turned(-DAY):
                assert now_ns() == stands - DAY_NS
            with stopped():
                assert now_ns() == stands
        assert now_ns() > stands
    assert now_ns() < stands


def test_it_goes_on_after_an_error():
    with pytest.raises(ValueError, match="x"), stopped(), turned(DAY):
        raise ValueError("x")
    assert time.time_ns() <= now_ns() <= time.time_ns()


def test_records_and_session_ids_are_of_its_time():
    with turned(-DAY):
        assert abs(Session().created_ns - (time.time_ns() - DAY_NS)) < 3600 * 10**9
        assert abs((new_session_id().int >> 80) - (time.time_ns() - DAY_NS) // 10**6) < 3600 * 10**3
