"""A call: what it sees of its caller, what its caller sees of it, and who else waits."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import traceback
import weakref
from concurrent import futures
from contextvars import ContextVar

import pytest
import structlog

from everstore import errors, new_session_id, sync

TRACE: ContextVar[str] = ContextVar("trace", default="none")


def test_a_call_waits_for_none_of_another_thread(gate, in_thread, session_id):
    held = gate("write_file")
    with sync.open_store(middleware=[held]) as store:
        writing = in_thread(store.file_system.write_file, session_id, "a", "x")
        assert held.is_reached.wait(60)
        assert store.storage.increment_value(session_id, "n") == 1
        assert store.file_system.read_file(session_id, "a") is None
        assert not writing.done()
        held.let_go(store)
        assert writing.result(60).path == "/a"


def test_who_watches_calls_sees_the_callers_context(in_thread, session_id):
    seen = []

    def call(name):
        TRACE.set(name)
        for _ in range(20):
            store.storage.increment_value(session_id, name)

    with sync.open_store(on_call=lambda _: seen.append(TRACE.get())) as store:
        for each in [in_thread(call, "one"), in_thread(call, "other")]:
            each.result(60)
    assert sorted(seen) == ["one"] * 20 + ["other"] * 20


def test_logs_have_what_the_caller_has_bound(capfd, session_id):
    with sync.open_store(log_level="debug", log_format="json") as store:
        with structlog.contextvars.bound_contextvars(request="r1"):
            store.storage.increment_value(session_id, "n")
        store.storage.increment_value(session_id, "n")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line.get("request") for line in lines if line["event"] == "everstore.call"] == ["r1", None]


def test_what_a_coroutine_sets_stays_its_own(store):
    async def name_it():
        TRACE.set("inside")
        return TRACE.get()

    assert store.run(name_it()) == "inside"
    assert TRACE.get() == "none"


def test_a_traceback_leads_from_the_caller_to_the_verb(store, session_id):
    work = store.session(session_id)
    work.files.write_file("a", "x")
    with pytest.raises(errors.EditError) as refused:
        work.files.edit_file("a", "y", "z")
    names = [frame.name for frame in traceback.extract_tb(refused.tb)]
    own = sys._getframe().f_code.co_name
    assert names[0] == own
    assert names.index(own) < names.index("replace_text")
    assert refused.value.path == "/a"


def test_each_caller_has_an_error_of_its_own(store, in_thread, session_id):
    def refused():
        with pytest.raises(errors.PathNotFoundError) as caught:
            store.file_system.edit_file(session_id, "a", "x", "y")
        return caught.value

    raised = [each.result(60) for each in [in_thread(refused) for _ in range(20)]]
    assert len(set(map(id, raised))) == 20


def test_an_error_that_is_dropped_leaves_nothing_behind(store, session_id):
    def refused():
        try:
            store.file_system.edit_file(session_id, "a", "x", "y")
        except errors.PathNotFoundError as error:
            return weakref.ref(error)

    gc.collect()
    gc.disable()
    try:
        assert refused()() is None
    finally:
        gc.enable()


def test_wrong_arguments_are_a_type_error_as_of_any_function(store, session_id):
    with pytest.raises(TypeError, match="no_such_option"):
        store.file_system.read_file(session_id, "a", no_such_option=1)


def test_a_call_on_the_stores_own_loop_is_refused_and_not_waited_for(store, session_id):
    async def call():
        store.storage.increment_value(session_id, "n")

    with pytest.raises(errors.StoreContextError, match=r"increment_value: .*own event loop.*asynchronous"):
        store.run(call())
    assert store.storage.get_value(session_id, "n") is None


def test_a_thread_that_the_loop_waits_for_may_call(store, session_id):
    async def call():
        return await asyncio.to_thread(store.storage.increment_value, session_id, "n")

    assert store.run(call()) == 1


async def test_a_caller_in_an_event_loop_of_its_own_is_answered(store, session_id):
    assert store.storage.increment_value(session_id, "n") == 1
    assert await asyncio.to_thread(store.storage.increment_value, session_id, "n") == 2


def test_what_is_no_coroutine_is_refused(store):
    for take in (store.run, store.submit):
        with pytest.raises(errors.InvalidArgumentError, match="take a coroutine, not a value"):
            take(asyncio.sleep)


def test_a_coroutine_may_have_a_time_limit(store):
    with pytest.raises(TimeoutError):
        store.run(asyncio.wait_for(asyncio.Event().wait(), 0.01))


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, asyncio.CancelledError, ValueError])
def test_whatever_a_coroutine_raises_is_its_callers_and_the_store_goes_on(store, error, session_id):
    async def fail():
        raise error

    with pytest.raises(error):
        store.run(fail())
    future = store.submit(fail())
    assert futures.wait([future], 60).done
    with pytest.raises(futures.CancelledError if error is asyncio.CancelledError else error):
        future.result()
    assert store.storage.increment_value(session_id, "n") == 1


def test_a_future_that_is_cancelled_cancels_its_coroutine(gate, session_id):
    held = gate("write_file")
    with sync.open_store(middleware=[held]) as store:
        writing = store.submit(store.asynchronous.file_system.write_file(session_id, "a", "x"))
        assert held.is_reached.wait(60)
        assert writing.cancel()
        while not held.ends:
            store.ping()
        assert held.ends == ["cancelled"]
        assert store.file_system.read_file(session_id, "a") is None


async def test_a_task_elsewhere_that_is_cancelled_cancels_what_it_waits_for(gate, session_id):
    held = gate("write_file")
    with sync.open_store(middleware=[held]) as store:
        writing = store.submit(store.asynchronous.file_system.write_file(session_id, "a", "x"))
        task = asyncio.ensure_future(asyncio.wrap_future(writing))
        assert await asyncio.to_thread(held.is_reached.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while not held.ends:
            await asyncio.to_thread(store.ping)
        assert held.ends == ["cancelled"]


def test_a_future_that_is_cancelled_at_once_never_begins_its_coroutine(store, session_id):
    async def hold():
        is_held.set()
        go_on.wait(60)  # the loop itself, so that nothing begins

    is_held, go_on = threading.Event(), threading.Event()
    store.submit(hold())
    assert is_held.wait(60)
    future = store.submit(store.asynchronous.storage.increment_value(session_id, "n"))
    assert future.cancel()
    go_on.set()
    assert store.storage.get_value(session_id, "n") is None


def test_parts_say_what_they_are(store):
    work = store.session(new_session_id())
    for part in (store.file_system, store.storage, store.sessions, work, work.files, work.storage):
        assert repr(part).startswith("<sync of ")
    assert repr(store) == "<everstore.sync.Store: file_system=memory, storage=memory, sessions=memory>"
    assert store.file_system.capabilities == store.asynchronous.file_system.capabilities
    with pytest.raises(errors.UnsupportedError):
        store.rotation  # noqa: B018 - looking is what is refused
