"""``on_call``: one record a call, whatever becomes of it, and no answer that depends on who watches."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from contextlib import suppress

import pytest

import everstore
from everstore import CallRecord, errors, new_session_id
from everstore.backends.memory import InMemorySessionStore
from everstore.waiting import note_wait

TRACE = contextvars.ContextVar("trace", default="none")


async def test_every_verb_is_one_record(session_id, calls):
    seen: list[CallRecord] = []
    async with everstore.open_store(on_call=seen.append) as store:
        for call in calls:
            with suppress(errors.PathNotFoundError):
                await call.on(store, session_id)
    assert [(record.role, record.verb) for record in seen] == [(call.role, call.verb) for call in calls]
    for call, record in zip(calls, seen, strict=True):
        assert record.backend == "memory"
        assert record.session_id == (None if call.is_of_all_sessions else session_id)
        assert record.waited_ns == 0
        assert record.duration_ns > 0
        assert abs(record.started_ns - time.time_ns()) < 600e9


async def test_outcomes_codes_and_sizes(session_id):
    seen: list[CallRecord] = []
    async with everstore.open_store(on_call=[seen.append]) as store:
        await store.file_system.write_file(session_id, "a", "h\u00e9")
        with pytest.raises(errors.InvalidPathError):
            await store.file_system.write_file(session_id, "..", "x")
        await store.storage.set_secret(session_id, "s", "secret")
        await store.file_system.write_file(session_id, "a", "one\nh\u00e9\n")
        await store.file_system.read_lines(session_id, "a", start=-1)
        await store.close()
        with pytest.raises(errors.StoreClosedError):
            await store.storage.get_value(session_id, "k")
    assert [(each.outcome, each.error_code, each.bytes) for each in seen] == [
        ("ok", None, 3), ("refused", "invalid_path", None), ("ok", None, None),
        ("ok", None, 8), ("ok", None, 3),
    ]  # fmt: skip


async def test_a_failure_and_a_cancellation(session_id, open_odd_store):
    seen: list[CallRecord] = []

    async def act():
        if not seen:
            raise OSError("driver")
        await asyncio.Event().wait()

    async with open_odd_store(act, on_call=seen.append) as store:
        with pytest.raises(errors.BackendError):
            await store.storage.get_value(session_id, "k")
        while not seen:  # noqa: ASYNC110 - a thread fills it
            await asyncio.sleep(0.001)
        task = asyncio.ensure_future(store.storage.get_value(session_id, "k"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [(each.outcome, each.error_code) for each in seen] == [
        ("failed", "backend_error"), ("cancelled", None)
    ]  # fmt: skip


async def test_an_observer_that_fails_or_blocks_changes_no_answer(session_id, capsys):
    free, seen = threading.Event(), []

    def slow(record):
        free.wait(60)
        seen.append(record.verb)
        raise RuntimeError("hunter2")

    async with everstore.open_store(on_call=slow) as store:
        for number in range(50):
            await store.storage.set_value(session_id, str(number), "x")
        assert seen == []
        assert len(await store.storage.list_keys(session_id)) == 50
        free.set()
    assert seen == [*["set_value"] * 50, "list_keys"]
    told = capsys.readouterr().err
    assert told.count("RuntimeError") == 1
    assert "hunter2" not in told


async def test_a_record_comes_in_the_context_of_its_call(session_id):
    seen = []

    async def one(store, name):
        TRACE.set(name)
        await store.storage.set_value(session_id, name, "x")

    async with everstore.open_store(on_call=lambda _: seen.append(TRACE.get())) as store:
        await asyncio.gather(*(one(store, name) for name in "abc"))
    assert sorted(seen) == ["a", "b", "c"]


async def test_waits_that_a_backend_notes_are_in_the_record(session_id, open_odd_store):
    seen = []

    async def wait():
        note_wait(2_000)
        await asyncio.sleep(0)
        note_wait(3_000)

    async with open_odd_store(wait, on_call=seen.append) as store:
        await asyncio.gather(*(store.storage.get_value(session_id, "k") for _ in range(3)))
    assert [record.waited_ns for record in seen] == [5_000] * 3
    note_wait(1)  # where nobody measures it is nothing


@pytest.mark.parametrize("wrong", [5, "print", [print, None], CallRecord])
async def test_what_cannot_watch_is_refused(wrong):
    with pytest.raises(errors.InvalidArgumentError, match="on_call"):
        await everstore.open_store(on_call=wrong)


async def test_a_coroutine_function_is_refused():
    async def watch(record):
        """Nobody would await it."""

    with pytest.raises(errors.InvalidArgumentError, match="plain function"):
        await everstore.open_store(on_call=watch)


async def test_a_store_that_nobody_called_starts_no_thread():
    before = threading.active_count()
    async with everstore.open_store(on_call=print):
        assert threading.active_count() == before
    store = await everstore.open_store(on_call=lambda _: None)
    await store.storage.set_value(new_session_id(), "k", "x")
    await store.close()
    assert threading.active_count() == before


async def test_plugins_watch_too_those_that_are_named_and_the_backends(install_plugin, session_id):
    seen: dict[str, list[str]] = {"named": [], "brought": [], "host": []}

    def watch(who):
        return lambda record: seen[who].append(record.verb)

    install_plugin("tally", everstore_observers=lambda: [watch("named"), None])
    install_plugin(
        "shelf",
        everstore_session_store=lambda: InMemorySessionStore(),  # noqa: PLW0108 - a hook is a function
        everstore_observers=lambda context: watch("brought"),
    )
    async with everstore.open_store(observers="tally", sessions="shelf", on_call=watch("host")) as store:
        await store.storage.get_value(session_id, "k")
        await store.sessions.get_session(session_id)
    assert set(map(tuple, seen.values())) == {("get_value", "get_session")}


async def test_a_plugin_that_is_named_and_cannot_watch_is_told(install_plugin):
    install_plugin("mute", everstore_observers=lambda: 5)
    with pytest.raises(errors.PluginError, match=r"'mute'.*is broken: an observer is a callable"):
        await everstore.open_store(observers="mute")
    with pytest.raises(errors.PluginError, match=r"'memory' has no observers; .*EVERSTORE_OBSERVERS"):
        await everstore.open_store(observers="memory")


async def test_a_call_that_is_thrown_away_is_told_without_a_word(session_id, open_odd_store, capsys):
    seen = []
    async with open_odd_store(asyncio.Event().wait, on_call=seen.append) as store:
        call = store.storage.get_value(session_id, "k")
        contextvars.copy_context().run(call.send, None)
        call.close()
    assert [record.outcome for record in seen] == ["failed"]
    assert capsys.readouterr().err == ""
