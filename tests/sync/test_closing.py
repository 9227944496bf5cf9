"""Closing: by whom, while what is under way, and when nobody does it."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading

import pytest

from everstore import errors, new_session_id, sync
from everstore.sync import serving


def threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "everstore-sync"]


def test_a_closed_store_refuses_every_verb_and_has_no_thread(calls, session_id):
    with sync.open_store() as store:
        work = store.session(session_id)
    for call in calls:
        with pytest.raises(errors.StoreClosedError, match=call.verb):
            call.on(store, session_id)
    for own in (store.create_session, store.ping, store.session_ids, work.usage):
        with pytest.raises(errors.StoreClosedError, match=own.__name__):
            own()
    for take in (store.run, store.submit):
        with pytest.raises(errors.StoreClosedError, match="ping"):
            take(store.asynchronous.ping())
    assert threads() == []


def test_closing_again_does_nothing_and_whoever_closes_waits_for_the_end(in_thread):
    store = sync.open_store()
    closing = [in_thread(store.close) for _ in range(8)]
    for each in closing:
        each.result(60)
        assert threads() == []
    store.close()


def test_a_call_under_way_has_its_answer_when_it_ends_in_time(gate, in_thread, session_id):
    held = gate("increment_value", after=True)

    async def let_go_later():
        await asyncio.sleep(0.05)
        held.free.set()

    store = sync.open_store(middleware=[held])
    counting = in_thread(store.storage.increment_value, session_id, "n")
    assert held.is_reached.wait(60)
    store.submit(let_go_later())
    store.close()
    assert counting.result(60) == 1


@pytest.mark.parametrize("how", ["run", "submit"])
def test_a_call_that_does_not_end_is_cancelled_and_its_caller_told_why(how, in_thread, monkeypatch):
    monkeypatch.setattr(serving, "_GRACE", 0.01)
    begun = threading.Event()

    async def for_ever():
        begun.set()
        await asyncio.Event().wait()

    store = sync.open_store()
    waiting = in_thread(store.run, for_ever()) if how == "run" else store.submit(for_ever())
    assert begun.wait(60)
    store.close()
    with pytest.raises(errors.StoreClosedError, match="for_ever: the store is closed"):
        waiting.result(60)


def test_what_goes_wrong_while_closing_is_told_and_the_thread_ends(install_plugin):
    async def fail_at_the_end(context):
        class Broken:
            async def __aenter__(self):
                return self

            async def __aexit__(self, *_):
                raise OSError("no")

        await context.shared(Broken, Broken)
        return ()

    install_plugin("broken", everstore_middleware=fail_at_the_end)
    store = sync.open_store(middleware="broken")
    with pytest.raises(errors.BackendError, match="could not be closed cleanly"):
        store.close()
    assert threads() == []
    store.close()


def test_a_store_that_cannot_be_opened_leaves_no_thread():
    with pytest.raises(errors.UnknownBackendError):
        sync.open_store(backend="no such")
    assert threads() == []


def test_closing_on_the_stores_own_loop_is_refused(store):
    async def close():
        store.close()

    with pytest.raises(errors.StoreContextError, match=r"close: .*own event loop.*another thread"):
        store.run(close())
    store.ping()


def test_a_session_keeps_its_store_and_one_that_nobody_has_is_closed():
    kept = [sync.open_store().session(new_session_id())]
    gc.collect()
    assert kept[0].storage.increment_value("n") == 1
    [thread] = threads()
    with pytest.warns(ResourceWarning, match="a store of everstore.sync was never closed"):
        kept.clear()
    thread.join(60)
    assert not thread.is_alive()


FORGOTTEN = """
import threading, time
from everstore import new_session_id, sync

seen = []
store = sync.open_store(log_level="info", on_call=lambda _: (time.sleep(0.001), print("seen", flush=True)))
work = store.session(new_session_id())
for _ in range(9):
    work.storage.increment_value("n")

def go_on():
    threading.main_thread().join()
    work.storage.increment_value("n")

threading.Thread(target=go_on).start()
threading.Thread(target=lambda: store.run(__import__("asyncio").Event().wait()), daemon=True).start()
"""


def ends(program: str) -> tuple[str, str]:
    """What a process prints that runs the program and ends well."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_a_forgotten_store_is_closed_when_the_process_ends_after_its_threads():
    printed, told = ends(FORGOTTEN)
    assert printed == "seen\n" * 10
    assert told.count("everstore.close") == 1


HANGING = """
import time
from everstore import sync
from everstore.sync import loop

loop._PATIENCE = 0.1
store = sync.open_store(log_level="warning")

async def hang():
    time.sleep(3600)

store.submit(hang())
print("end", flush=True)
"""


def test_a_process_ends_though_its_store_hangs():
    assert ends(HANGING) == ("end\n", "")
