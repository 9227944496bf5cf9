"""Contract §8: every call is logged, once, with nothing in it that is not on the list."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
import traceback
import uuid

import pytest
import structlog
from structlog.testing import capture_logs

import everstore
from everstore import InitialFile, SessionFileSystem, SessionStorageStore, SessionStore, errors

ALLOWED = {
    *("event", "log_level", "verb", "backend", "duration_ms", "outcome", "error_code", "bytes"),
    *("error", "cause"),
    *("session_id", "path", "source", "destination", "key", "name", "pattern", "path_pattern"),
    *("replaced", "a", "b", "checkpoints_of"),
}
ROLES = {"file_system": SessionFileSystem, "storage": SessionStorageStore, "sessions": SessionStore}


@pytest.fixture
async def store():
    async with everstore.open_store() as opened:
        yield opened


@pytest.fixture
def make_session(store):
    """Make a session with all that ``CALLS`` want of it."""

    async def make():
        session = await store.create_session("kept", files=[InitialFile("kept.txt", "kept")])
        await store.storage.set_value(session.id, "kept", "kept")
        await store.storage.set_secret(session.id, "kept", "kept")
        return session.id

    return make


def only_call(events: list[dict]) -> dict:
    """The one event of the one call that was made."""
    [event] = events
    assert event["event"] == "everstore.call"
    assert set(event) <= ALLOWED
    assert event["duration_ms"] >= 0
    return event


def what_became_of(event: dict) -> tuple[str, ...]:
    """Verb, level, outcome and error code of an event, as far as it has them."""
    return tuple(event[name] for name in ("verb", "log_level", "outcome", "error_code") if name in event)


def test_every_verb_of_the_interfaces_is_among_those_tried_here(calls):
    """A new verb is tried in every test of this module that takes ``calls``, or this one fails."""
    tried = sorted((call.role, call.verb) for call in calls)
    there = sorted(
        (role, name)
        for role, interface in ROLES.items()
        for name in vars(interface)
        if not name.startswith("_") and name not in {"apply", "capabilities", "close", "search"}
    )
    assert tried == there


# §8.1, §8.3
async def test_an_answered_call_is_one_debug_event(store, make_session, calls):
    for call in calls:
        session_id = await make_session()
        with capture_logs() as events:
            await call.on(store, session_id)
        event = only_call(events)
        assert what_became_of(event) == (call.verb, "debug", "ok")
        assert event["backend"] == "memory"
        if not call.is_of_all_sessions:
            assert event["session_id"] == str(session_id)


async def test_a_refused_call_is_one_info_event(store, calls):
    wrong = {
        "list_sessions": lambda role: role.list_sessions(limit=0),
        "session_ids": lambda role: role.session_ids(limit=0),
    }
    for call in calls:
        wrongly = wrong.get(call.verb, lambda _, call=call: call.on(store, "no session id"))
        with capture_logs() as events, pytest.raises(errors.InvalidArgumentError) as caught:
            await wrongly(getattr(store, call.role))
        assert what_became_of(only_call(events)) == (call.verb, "info", "refused", caught.value.code)


async def test_a_call_that_failed_is_one_error(open_odd_store, session_id, calls):
    async def fail():
        raise OSError("driver: marker")

    async with open_odd_store(fail) as store:
        for call in calls:
            with capture_logs() as events, pytest.raises(errors.BackendError):
                await call.on(store, session_id)
            event = only_call(events)
            assert what_became_of(event) == (call.verb, "error", "failed", "backend_error")
            assert event["backend"] == "odd"
            assert event["error"] == f"odd: {call.verb} failed with OSError"
            assert event["cause"] == "OSError"
            assert "marker" not in repr(event)


async def test_a_cancelled_call_is_one_debug_event(open_odd_store, session_id, calls):
    async with open_odd_store(asyncio.Event().wait) as store:
        for call in calls:
            with capture_logs() as events:
                task = asyncio.ensure_future(call.on(store, session_id))
                await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            assert what_became_of(only_call(events)) == (call.verb, "debug", "cancelled")


async def test_a_call_on_a_closed_store_is_one_info_event(store, session_id, calls):
    await store.close()
    for call in calls:
        with capture_logs() as events, pytest.raises(errors.StoreClosedError):
            await call.on(store, session_id)
        assert what_became_of(only_call(events)) == (call.verb, "info", "refused", "store_closed")


async def test_a_call_with_wrong_arguments_is_no_call(store, session_id, calls):
    with capture_logs() as events:
        for call in calls:
            with pytest.raises(TypeError, match=call.verb):
                await getattr(getattr(store, call.role), call.verb)(session_id, nonsense="marker")
    assert events == []


async def test_a_bound_session_logs_as_the_store_does(store, make_session):
    kept = await make_session()
    work = store.session(kept)
    with capture_logs() as events:
        await work.files.read_file("kept.txt")
        await work.storage.get_value("kept")
    assert [(event["verb"], event["session_id"]) for event in events] == [
        *(("read_file", str(kept)), ("get_value", str(kept))),
    ]


async def test_an_event_says_what_the_call_was_about(store, session_id):
    files, storage = store.file_system, store.storage
    with capture_logs() as events:
        await files.write_file(session_id, "a", "é")
        await files.move_file(session_id, "a", "b")
        await files.grep_files(session_id, "x", "*.py")
        await files.seed_initial_file(session_id, InitialFile("c", "AAEC", "base64"))
        await files.read_file(session_id, "c")
        await storage.set_value(session_id, "k", "éé")
        await storage.set_values(session_id, {"a": "éé", "b": "x"})
        await storage.touch_value(session_id, "a", ttl=60)
        await storage.get_value(session_id, "k")
        await storage.get_value(session_id, "missing")
        await storage.set_secret(session_id, "n", "sss")
        await storage.get_secret(session_id, "n")
        await store.sessions.add_session(everstore.Session(id=session_id, title="t"))
    about = [
        {
            name: value
            for name, value in event.items()
            if name in ALLOWED - {"event", "log_level", "duration_ms"}
        }
        for event in events
    ]
    common = {"backend": "memory", "session_id": str(session_id), "outcome": "ok"}
    assert about == [
        {**common, "verb": "write_file", "path": "a", "bytes": 2},
        {**common, "verb": "move_file", "source": "a", "destination": "b", "bytes": 2},
        {**common, "verb": "grep_files", "pattern": "x", "path_pattern": "*.py"},
        {**common, "verb": "seed_initial_file", "path": "c", "bytes": 3},
        {**common, "verb": "read_file", "path": "c", "bytes": 3},
        {**common, "verb": "set_value", "key": "k", "bytes": 4},
        {**common, "verb": "set_values", "bytes": 5},
        {**common, "verb": "touch_value", "key": "a"},
        {**common, "verb": "get_value", "key": "k", "bytes": 4},
        {**common, "verb": "get_value", "key": "missing"},
        {**common, "verb": "set_secret", "name": "n"},
        {**common, "verb": "get_secret", "name": "n"},
        {**common, "verb": "add_session"},
    ]


async def say_everything_with(marker, store, session_id):
    """All that takes or gives content, values or secrets, answered and refused, with a marker in them."""
    files, storage = store.file_system, store.storage
    binary = "bWFya2Vy" * 3

    async def refused(call):
        with pytest.raises(errors.EverstoreError):
            await call

    await files.write_file(session_id, "a", f"{marker} 1 {marker}")
    await files.read_file(session_id, "a")
    await files.read_lines(session_id, "a")
    await files.edit_file(session_id, "a", f"1 {marker}", f"{marker} 2")
    await files.append_file(session_id, "a", marker)
    await files.grep_files(session_id, "2", before=1)
    await files.write_file_if_content_matches(session_id, "a", marker, "text", marker, "text")
    await files.seed_initial_file(session_id, InitialFile("seed", marker, is_readonly=True))
    await refused(files.edit_file(session_id, "a", marker, marker))
    await refused(files.edit_file(session_id, "a", f"{marker}missing", marker))
    await refused(files.edit_file(session_id, "seed", marker, ""))
    await refused(files.write_file(session_id, "seed", marker))
    await refused(files.write_file(session_id, "..", marker))
    await refused(files.write_file(session_id, "a", marker + "\ud800"))
    await refused(files.write_file(session_id, "a", f"{marker}!", "base64"))
    await refused(files.write_file(session_id, "a", marker, "marker"))
    await refused(files.append_file(session_id, "a", binary, "base64"))
    await refused(files.write_file(session_id, "a", marker, if_revision="x"))
    await refused(files.write_file(session_id, "a", [marker]))
    await storage.set_value(session_id, "k", marker)
    await storage.get_value(session_id, "k")
    await refused(storage.increment_value(session_id, "k"))
    await refused(storage.set_value(session_id, "k", marker, if_absent=True))
    await refused(storage.set_value(session_id, "", marker))
    await refused(storage.set_value(session_id, "k", marker + "\ud800"))
    await refused(storage.set_value(session_id, "k", [marker], ttl=1))
    await storage.set_secret(session_id, "n", marker)
    assert await storage.get_secret(session_id, "n") == marker
    await storage.list_secrets(session_id)
    await refused(storage.set_secret(session_id, "", marker))
    await refused(storage.set_secret(session_id, "n", marker, ttl=-1))
    await refused(storage.set_secret(session_id, "n", [marker]))
    await refused(storage.set_secret("no session id", "n", marker))
    await store.sessions.add_session(everstore.Session(id=session_id, title=marker))
    await store.sessions.update_session_title(session_id, marker)


MARKER = "an-unmistakable-marker"


async def test_no_event_has_content_values_or_secrets(store, session_id):
    with capture_logs() as events:
        await say_everything_with(MARKER, store, session_id)
    assert len(events) == 35
    for event in events:
        assert set(event) <= ALLOWED
        assert MARKER not in repr(event)
        assert "bWFya2Vy" not in repr(event)


@pytest.mark.parametrize("log_format", ["console", "json"])
async def test_no_content_values_or_secrets_go_to_stderr(session_id, capsys, log_format):
    async with everstore.open_store(log_level="debug", log_format=log_format) as store:
        await say_everything_with(MARKER, store, session_id)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("everstore.call") == 35
    assert MARKER not in err
    assert "bWFya2Vy" not in err


async def test_a_failing_driver_says_nothing_of_them_either(open_odd_store, session_id, capsys):
    async def fail():
        raise ValueError(MARKER)

    async with open_odd_store(fail, log_level="debug") as store:
        for call in (
            store.storage.set_secret(session_id, "n", MARKER),
            store.file_system.write_file(session_id, "a", MARKER),
        ):
            with pytest.raises(errors.BackendError) as caught:
                await call
            assert MARKER not in str(caught.value) + repr(caught.value) + repr(caught.value.facts)
    out, err = capsys.readouterr()
    assert err.count("outcome=failed") == 2
    assert MARKER not in out + err


# §8.2
async def calls_of_every_outcome(store, session_id):
    await store.file_system.write_file(session_id, "a", "x")
    with pytest.raises(errors.InvalidPathError):
        await store.file_system.write_file(session_id, "..", "x")


async def test_events_go_to_the_standard_library_when_nobody_says_otherwise(session_id, capsys, caplog):
    caplog.set_level(logging.DEBUG, logger="everstore")
    async with everstore.open_store() as store:
        with structlog.contextvars.bound_contextvars(request="r-1"):
            await calls_of_every_outcome(store, session_id)
    assert capsys.readouterr() == ("", "")
    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("everstore", level) for level in ("INFO", "DEBUG", "INFO", "INFO")
    ]
    refused = caplog.records[2]
    for part in (
        "event=everstore.call",
        "error_code=invalid_path",
        "verb=write_file",
        "request=r-1",
    ):
        assert part in refused.getMessage()
    assert refused.everstore["error_code"] == "invalid_path"


def test_a_host_that_configures_nothing_sees_nothing_of_what_is_refused(in_empty_folder):
    program = """
import asyncio, everstore
async def main():
    async with everstore.open_store() as store:
        try:
            await store.file_system.write_file(everstore.new_session_id(), "..", "x")
        except everstore.errors.InvalidPathError:
            pass
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


LEVELS = {
    "debug": ["open", "ok", "refused", "close"],
    "info": ["open", "refused", "close"],
    "warning": [],
    "error": [],
    "off": [],
}


@pytest.mark.parametrize(("level", "told"), LEVELS.items(), ids=LEVELS)
async def test_the_level_decides_what_goes_to_stderr(session_id, capsys, level, told):
    async with everstore.open_store(log_level=level, log_format="json") as store:
        await calls_of_every_outcome(store, session_id)
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [event.get("outcome", event["event"].removeprefix("everstore.")) for event in events] == told
    for event in events:
        assert event["timestamp"].endswith("Z")
        assert event["level"] in {"debug", "info"}


async def test_opening_and_closing_are_told_once_with_the_roles(capsys):
    with capture_logs() as events:
        async with everstore.open_store(storage="memory") as store:
            pass
        await store.close()
    roles = {"file_system": "memory", "storage": "memory", "sessions": "memory"}
    assert events == [
        {"event": "everstore.open", "log_level": "info", **roles},
        {"event": "everstore.close", "log_level": "info", **roles},
    ]


@pytest.mark.parametrize("log_format", ["console", "json"])
async def test_one_call_is_one_line_whatever_it_was_called_with(session_id, capsys, log_format):
    async with everstore.open_store(log_level="debug", log_format=log_format) as store:
        capsys.readouterr()
        await store.file_system.grep_files(session_id, "a\nforged\r\nlines\x1b[31m\u2028\x85")
        with pytest.raises(errors.InvalidPathError):
            await store.file_system.read_file(session_id, "a\nforged\x1b[2J" + "x" * 5000)
        with pytest.raises(errors.InvalidPathError):
            await store.file_system.read_file(session_id, "\ud800")
        err = capsys.readouterr().err
    lines = err.split("\n")
    assert len(lines) == 4
    assert "\x1b" not in err
    assert "\r" not in err
    assert all(len(line) < 3000 for line in lines)


async def test_a_host_s_configuration_is_used_and_its_context_kept(session_id, capsys):
    events = io.StringIO()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(events),
    )
    async with everstore.open_store(log_level="debug") as store:
        with structlog.contextvars.bound_contextvars(request="r-1"):
            await calls_of_every_outcome(store, session_id)
    _, line, _ = events.getvalue().splitlines()
    event = json.loads(line)
    assert (event["event"], event["outcome"], event["request"]) == ("everstore.call", "refused", "r-1")
    assert capsys.readouterr().err == ""


async def test_a_host_that_logs_through_the_standard_library(session_id, caplog):
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    with caplog.at_level(logging.INFO, logger="everstore"):
        async with everstore.open_store() as store:
            await calls_of_every_outcome(store, session_id)
    assert [(record.name, record.levelname, record.message) for record in caplog.records] == [
        ("everstore", "INFO", f"everstore.{what}") for what in ("open", "call", "close")
    ]
    caplog.clear()
    with caplog.at_level(logging.DEBUG, logger="everstore"):
        async with everstore.open_store() as store:
            await calls_of_every_outcome(store, session_id)
    assert [record.levelname for record in caplog.records] == ["INFO", "DEBUG", "INFO", "INFO"]


async def test_a_host_whose_logger_knows_no_levels(session_id):
    seen = []

    class Logger(structlog.BoundLoggerBase):
        def debug(self, event, **fields):
            seen.append(event)

        info = warning = error = debug

    structlog.configure(wrapper_class=Logger)
    async with everstore.open_store() as store:
        await calls_of_every_outcome(store, session_id)
    assert seen == ["everstore.open", "everstore.call", "everstore.call", "everstore.close"]


async def test_a_host_that_cannot_print_a_surrogate_gets_the_error_it_should(session_id):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(stream))
    async with everstore.open_store() as store:
        with pytest.raises(errors.InvalidPathError):
            await store.file_system.read_file(session_id, "a\ud800")


async def test_an_argument_that_cannot_be_shown_hides_no_outcome(capsys):
    class Unreadable(uuid.UUID):
        def __str__(self):
            raise RuntimeError("not to be shown")

    session_id = Unreadable(int=7)
    async with everstore.open_store(log_level="debug", log_format="json") as store:
        await store.sessions.add_session(everstore.Session(id=session_id))
        await store.file_system.write_file(session_id, "a", "x")
        with pytest.raises(errors.EditError):
            await store.file_system.edit_file(session_id, "a", "y", "z")
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    calls = [event for event in told if event["event"] == "everstore.call"]
    assert [event["session_id"] for event in calls] == ["<Unreadable>"] * 3


async def test_a_configuration_that_comes_later_is_taken_too(session_id, capsys):
    async with everstore.open_store(log_level="debug") as store:
        with capture_logs() as events:
            await store.file_system.read_file(session_id, "a")
        assert len(events) == 1
    assert capsys.readouterr().err.count("everstore.open") == 1


async def test_context_variables_go_to_stderr_too(session_id, capsys):
    async with everstore.open_store(log_format="json", log_level="info") as store:
        with structlog.contextvars.bound_contextvars(request="r-1"):
            await calls_of_every_outcome(store, session_id)
    assert json.loads(capsys.readouterr().err.splitlines()[1])["request"] == "r-1"


async def test_nothing_is_configured_for_the_whole_process(session_id):
    handlers = list(logging.root.handlers)
    async with everstore.open_store(log_level="debug") as store:
        await calls_of_every_outcome(store, session_id)
    assert not structlog.is_configured()
    assert logging.root.handlers == handlers


async def test_a_traceback_shows_the_lines_that_the_call_went_through(store, session_id):
    await store.checkpoint(session_id)  # by verbs of core's own, which have other lines
    with pytest.raises(errors.PathNotFoundError) as caught:
        await store.file_system.edit_file(session_id, "/missing", "a", "b")
    shown = "".join(traceback.format_exception(caught.value))
    assert "_guarded(session_id, path, old, new)" in shown
