"""Forks of values in memory: what lock-free readers see of them, and when what was forked is over."""

from __future__ import annotations

import sys
import threading

from everstore import Session, new_session_id
from everstore.backends.memory.sessions import MemorySessions
from everstore.backends.memory.storage import MemoryStorage
from everstore.models import new_checkpoint_id


def over(awaitable):
    """What a call answers that never waits."""
    try:
        awaitable.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waited")


def deadlines_of(storage):
    """How many deadlines count, and those that lead to an entry."""
    kept = storage._values.deadlines
    return kept._current, sum(kept._space(*each) is not None for each in kept.heap)


def test_deadlines_follow_what_they_are_of():
    storage = MemoryStorage()
    source, target, replaced = (new_session_id() for _ in range(3))
    for number in range(200):
        over(storage.set_value(source, f"key {number}", "x", ttl=1000))
        over(storage.set_value(target, f"other {number}", "x", ttl=None if number % 2 else 1000))
    over(storage.fork_session(source, target, replaced=replaced))
    assert deadlines_of(storage) == (500, 500)
    over(storage.purge_session(target))
    assert deadlines_of(storage) == (300, 300)
    over(storage.purge_session(source))
    over(storage.purge_session(replaced))
    assert deadlines_of(storage) == (0, 0)


def test_who_reads_without_the_lock_sees_a_fork_as_one_step():
    """Another thread finds the value under the session, or, once it is there, under what replaced it."""
    storage = MemoryStorage()
    source, session = new_session_id(), new_session_id()
    for number in range(1000):  # so that there is something to do between the two
        over(storage.set_value(source, f"other {number}", "x", ttl=1000))
    over(storage.fork_session(source, session))
    over(storage.set_value(session, "key", "old"))
    places = [new_session_id() for _ in range(30)]
    lost = []

    def read():
        for place in places:
            while over(storage.get_value(place, "key")) is None:
                pass
            if over(storage.get_value(session, "key")) == "old":
                lost.append(place)
            turn.release()

    turn = threading.Semaphore(0)
    reader = threading.Thread(target=read)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        reader.start()
        for place in places:
            over(storage.fork_session(source, session, replaced=place))
            turn.acquire()
            over(storage.set_value(session, "key", "old"))
        reader.join()
    finally:
        sys.setswitchinterval(before)
    assert lost == []


def test_checkpoints_are_in_no_order_of_sessions():
    sessions = MemorySessions()
    session = Session(labels={"a": "1"})
    checkpoints = [
        Session(new_checkpoint_id(), created_ns=7, labels={"a": "1", "n": str(n % 2)}, parent=session.id)
        for n in range(4)
    ]
    for record in (session, *checkpoints):
        over(sessions.add_session(record))
    assert over(sessions.list_sessions()) == over(sessions.list_sessions(labels={"a": "1"})) == [session]
    for checkpoint in checkpoints:
        assert over(sessions.delete_session(checkpoint.id))
    assert set(sessions._ages) == {None}
    assert set(sessions._labelled) == {(None, "a", "1")}
