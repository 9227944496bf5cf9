"""Contract §7.2: whatever a driver throws is one of ours, with its cause and without its words."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from everstore import errors

MARKER = "what the driver says: secret content"
THROWN = [
    *(ValueError(MARKER), TypeError(MARKER), OSError(5, MARKER), KeyError(MARKER), RuntimeError(MARKER)),
    *(TimeoutError(MARKER), ConnectionResetError(MARKER), UnicodeDecodeError("utf-8", b"x", 0, 1, MARKER)),
    *(
        PermissionError(13, MARKER),
        FileNotFoundError(2, MARKER),
        AssertionError(MARKER),
        ArithmeticError(MARKER),
    ),
]


@pytest.mark.parametrize("thrown", THROWN, ids=lambda thrown: type(thrown).__name__)
async def test_what_a_driver_throws_becomes_a_backend_error(open_odd_store, session_id, calls, thrown):
    async def fail():
        raise thrown

    async with open_odd_store(fail) as store:
        for call in calls:
            with pytest.raises(errors.BackendError) as caught:
                await call.on(store, session_id)
            error = caught.value
            assert type(error) is errors.BackendError
            assert error.__cause__ is thrown
            assert MARKER not in str(error) + repr(error) + repr(error.facts)
            assert (error.code, error.backend, error.verb) == ("backend_error", "odd", call.verb)
            assert type(thrown).__name__ in str(error)
            assert pickle.loads(pickle.dumps(error)).facts == error.facts


@pytest.mark.parametrize(
    "thrown",
    [
        errors.BackendUnavailableError("try again", retry_after=1),
        errors.BackendError("broken"),
        errors.ReadOnlyFileError.at("/a", "file is read-only"),
        errors.QuotaExceededError.over("file_bytes", 2, 1),
        errors.UnsupportedError("not here"),
    ],
    ids=lambda thrown: type(thrown).__name__,
)
async def test_an_error_of_ours_passes_as_it_is(open_odd_store, session_id, calls, thrown):
    async def fail():
        raise thrown

    async with open_odd_store(fail) as store:
        for call in calls:
            with pytest.raises(type(thrown)) as caught:
                await call.on(store, session_id)
            assert caught.value is thrown


@pytest.mark.parametrize(
    "thrown", [KeyboardInterrupt, SystemExit, GeneratorExit], ids=lambda kind: kind.__name__
)
async def test_what_ends_a_program_is_no_error_of_a_backend(open_odd_store, session_id, thrown):
    async def fail():
        raise thrown

    async with open_odd_store(fail) as store:
        call = store.storage.get_value(session_id, "a")
        # Sent by hand: the event loop would take a KeyboardInterrupt for the user's own.
        with pytest.raises(thrown):
            call.send(None)


async def test_a_cancelled_call_is_cancelled(open_odd_store, session_id, calls):
    async with open_odd_store(asyncio.Event().wait) as store:
        for call in calls:
            task = asyncio.ensure_future(call.on(store, session_id))
            await asyncio.sleep(0)
            task.cancel("by the host")
            with pytest.raises(asyncio.CancelledError, match="by the host"):
                await task
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.storage.get_value(session_id, "a"), timeout=0.01)


async def test_a_type_error_inside_a_backend_is_not_the_caller_s(open_odd_store, session_id):
    async def wrong():
        return len(5)

    async with open_odd_store(wrong) as store:
        with pytest.raises(errors.BackendError) as caught:
            await store.file_system.read_file(session_id, "a")
        assert isinstance(caught.value.__cause__, TypeError)
        with pytest.raises(TypeError) as caught:
            await store.file_system.read_file(session_id)
        assert not isinstance(caught.value, errors.EverstoreError)


async def test_a_refused_call_never_reaches_the_backend(open_odd_store, session_id, calls):
    reached = []

    async def note():
        reached.append(True)

    async with open_odd_store(note) as store:
        for call in calls:
            if not call.is_of_all_sessions:
                with pytest.raises(errors.InvalidSessionIdError):
                    await call.on(store, str(session_id))
        assert reached == []
        for call in calls:
            await call.on(store, session_id)
        assert len(reached) == len(calls)
