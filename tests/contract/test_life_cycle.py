"""Contract §7: life cycle, errors and limits."""

from __future__ import annotations

import asyncio
import gc

import pytest

import everstore
from everstore import InitialFile, errors


@pytest.fixture
def limits():
    """The limits of the store under test; a test that wants some is parametrised with them."""
    return {}


@pytest.fixture
def backend(backend, limits):
    """The backend under test, with these limits."""
    return {**backend, **{f"limits__{name}": value for name, value in limits.items()}}


# §7.1
async def test_an_open_store_tells_who_plays_which_role(store, backend):
    name = backend["backend"]
    assert store.backends == {"file_system": name, "storage": name, "sessions": name}


async def test_closing_is_idempotent_and_concurrent_closing_too(backend):
    async with everstore.open_store(**backend) as store:
        await store.close()
        await store.close()
    await asyncio.gather(store.close(), store.close())


async def test_a_closed_store_refuses_every_verb(backend, calls, session_id):
    async with everstore.open_store(**backend) as store:
        await store.file_system.write_file(session_id, "kept.txt", "kept")
    for call in calls:
        for one in (session_id, "no session id"):
            with pytest.raises(errors.StoreClosedError, match=call.verb) as caught:
                await call.on(store, one)
            assert caught.value.code == "store_closed"


async def test_a_closed_store_refuses_its_own_verbs_and_its_sessions(backend, session_id):
    async with everstore.open_store(**backend) as store:
        work = store.session(session_id)
    for coroutine in (
        store.create_session(),
        store.delete_session(session_id),
        work.files.read_file("a"),
        work.storage.get_value("a"),
    ):
        with pytest.raises(errors.StoreClosedError):
            await coroutine


async def test_an_error_inside_the_block_is_the_one_that_leaves_it(backend):
    with pytest.raises(ZeroDivisionError):
        async with everstore.open_store(**backend) as store:
            raise ZeroDivisionError
    with pytest.raises(errors.StoreClosedError):
        await store.sessions.list_sessions()


async def test_stores_open_one_after_another_and_side_by_side(backend, session_id):
    for _ in range(3):
        async with everstore.open_store(**backend) as store:
            await store.file_system.write_file(session_id, "a", "x")
    async with everstore.open_store() as first, everstore.open_store() as second:
        await first.file_system.write_file(session_id, "a", "x")
        assert await second.file_system.read_file(session_id, "a") is None  # memory is private to a store


# §7.2
async def test_a_call_with_wrong_arguments_is_a_type_error_as_of_any_function(store, calls, session_id):
    for call in calls:
        verb = getattr(getattr(store, call.role), call.verb)
        for args, kwargs in [((session_id,) * 12, {}), ((session_id,), {"no_such_option": 1})]:
            with pytest.raises(TypeError, match=call.verb) as caught:
                await verb(*args, **kwargs)
            assert not isinstance(caught.value, errors.EverstoreError)


# §7.3
async def test_a_cancelled_call_leaves_no_task_behind(store, calls, furnish, session_id):
    before = asyncio.all_tasks()
    for call in calls:
        await furnish(session_id)
        for turns in range(3):
            task = asyncio.ensure_future(call.on(store, session_id))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await store.delete_session(session_id)
    left = asyncio.all_tasks() - before
    if left:  # a backend's own short work may still be on its way out
        await asyncio.wait(left, timeout=60)
    assert {task for task in left if not task.done()} == set()
    assert await store.file_system.stat_file(session_id, "/") is not None


async def test_a_closed_store_leaves_no_task_behind(backend, session_id):
    before = asyncio.all_tasks()
    async with everstore.open_store(**backend) as store:
        await asyncio.gather(*(store.storage.increment_value(session_id, "n") for _ in range(10)))
    gc.collect()
    assert asyncio.all_tasks() == before


# §7.4
BASE64 = {10: "AAAAAAAAAAAAAA==", 11: "AAAAAAAAAAAAAAA="}
FILE_BYTES = {
    "write": lambda files, text: files.write_file("kept.txt", text),
    "write new": lambda files, text: files.write_file("new", text),
    "write base64": lambda files, text: files.write_file("new", BASE64[len(text)], "base64"),
    "write characters of two bytes": lambda files, text: files.write_file("new", "é" * 5 + text[10:]),
    "seed": lambda files, text: files.seed_initial_file(InitialFile("new", text)),
    "replace": lambda files, text: files.write_file_if_content_matches(
        "kept.txt", "kept", "text", text, "text"
    ),
    "append": lambda files, text: files.append_file("kept.txt", text[4:]),
    "append new": lambda files, text: files.append_file("new", text),
    "edit": lambda files, text: files.edit_file("kept.txt", "ept", text[1:]),
}


@pytest.mark.parametrize("limits", [{"file_bytes": 10}], ids=str)
@pytest.mark.parametrize("verb", FILE_BYTES)
async def test_a_file_is_as_large_as_the_limit_and_no_larger(limits, verb, work, refused):
    await work.files.write_file("kept.txt", "kept")
    error = await refused(errors.QuotaExceededError, FILE_BYTES[verb](work.files, "x" * 11))
    assert (error.code, error.limit, error.allowed) == ("quota_exceeded", "file_bytes", 10)
    assert "EVERSTORE_LIMITS__FILE_BYTES" in str(error)
    await FILE_BYTES[verb](work.files, "x" * 10)


SESSION_ENTRIES = {
    "write": lambda files, name: files.write_file(name, ""),
    "append": lambda files, name: files.append_file(name, ""),
    "seed": lambda files, name: files.seed_initial_file(InitialFile(name, "")),
    "copy": lambda files, name: files.copy_file("1", name),
}


@pytest.mark.parametrize("limits", [{"session_entries": 5}], ids=str)
@pytest.mark.parametrize("verb", SESSION_ENTRIES)
async def test_a_session_has_as_many_files_as_the_limit_and_no_more(limits, verb, store, work, refused):
    await work.files.write_file("1", "x")
    await work.files.create_directory("no/file")
    await work.files.write_file("no/2", "x")
    await SESSION_ENTRIES[verb](work.files, "3")
    error = await refused(errors.QuotaExceededError, SESSION_ENTRIES[verb](work.files, "4"))
    assert (error.limit, error.allowed) == ("session_entries", 5)
    await work.files.write_file("1", "over")  # neither of these is one more
    await work.files.move_file("1", "5")
    await work.files.copy_file("5", "3", overwrite=True)
    await refused(errors.QuotaExceededError, work.files.create_directory("and/a/directory"))
    await store.session(everstore.new_session_id()).files.write_file("1", "x")
    await work.files.delete_file("no/2")
    await work.files.write_file("4", "x")


@pytest.mark.parametrize("limits", [{"session_entries": 7}], ids=str)
async def test_a_copied_tree_counts_with_all_its_files(limits, work, refused):
    for number in range(3):
        await work.files.write_file(f"tree/{number}", "x")
    error = await refused(errors.QuotaExceededError, work.files.copy_file("tree", "copy"))
    assert error.limit == "session_entries"
    await work.files.delete_file("tree/0")
    await work.files.copy_file("tree", "copy")
    await work.files.move_file("copy", "moved")
    assert len(await work.files.glob_files("*")) == 4


SESSION_BYTES = {
    "write": lambda files, more: files.write_file("a", "aaaaa" + more),
    "write new": lambda files, more: files.write_file("new", "aaaa" + more),
    "append": lambda files, more: files.append_file("a", "aaaa" + more),
    "edit": lambda files, more: files.edit_file("a", "a", "aaaaa" + more),
    "seed": lambda files, more: files.seed_initial_file(InitialFile("new", "aaaa" + more)),
    "replace": lambda files, more: files.write_file_if_content_matches(
        "a", "a", "text", "aaaaa" + more, "text"
    ),
    "copy": lambda files, more: files.copy_file("five" if more else "four", "copy"),
    "copy over": lambda files, more: files.copy_file("five" if more else "four", "empty", overwrite=True),
}


@pytest.mark.parametrize("limits", [{"session_bytes": 14}], ids=str)
@pytest.mark.parametrize("verb", SESSION_BYTES)
async def test_a_session_has_as_many_bytes_as_the_limit_and_no_more(limits, verb, store, work, refused):
    for name, text in (("a", "a"), ("four", "4444"), ("five", "55555"), ("empty", "")):
        await work.files.write_file(name, text)
    error = await refused(errors.QuotaExceededError, SESSION_BYTES[verb](work.files, "x"))
    assert (error.limit, error.allowed) == ("session_bytes", 14)
    await SESSION_BYTES[verb](work.files, "")
    await refused(errors.QuotaExceededError, work.files.write_file("more", "x"))
    await work.files.write_file("five", "1")  # what makes it smaller is no matter
    await work.files.move_file("five", "moved")
    await work.files.write_file("more", "x" * 4)
    await store.session(everstore.new_session_id()).files.write_file("a", "x" * 14)


@pytest.mark.parametrize("limits", [{"session_entries": 10, "session_bytes": 50}], ids=str)
async def test_limits_hold_under_many_writers(limits, work):
    answers = await asyncio.gather(
        *(work.files.write_file(f"{number}", "12345678") for number in range(30)), return_exceptions=True
    )
    assert sum(isinstance(answer, errors.QuotaExceededError) for answer in answers) == 24
    assert sum(info.size_bytes for info in await work.files.list_directory()) == 48


@pytest.mark.parametrize("limits", [{"key_bytes": 8, "value_bytes": 6}], ids=str)
async def test_keys_and_values_are_as_large_as_the_limit_and_no_larger(limits, work, refused):
    storage = work.storage
    for key in ("k" * 8, "é" * 4):
        await storage.set_value(key, "x" * 6)
        await storage.set_secret(key, "é" * 3)
        assert await storage.get_value(key) == "x" * 6
        assert await storage.get_secret(key) == "é" * 3
    for key in ("k" * 9, "é" * 4 + "k"):
        for call in (
            storage.set_value(key, "x"),
            storage.set_secret(key, "x"),
            storage.increment_value(key),
        ):
            error = await refused(errors.QuotaExceededError, call, key)
            assert (error.limit, error.allowed, error.place) == ("key_bytes", 8, key)
        # What a higher limit let in is within reach.
        assert [await storage.get_value(key), await storage.stat_value(key)] == [None, None]
        assert [await storage.get_secret(key), await storage.delete_secret(key)] == [None, False]
    for value in ("x" * 7, "é" * 3 + "x"):
        for call in (storage.set_value("k" * 8, value), storage.set_secret("k" * 8, value)):
            error = await refused(errors.QuotaExceededError, call, value)
            assert (error.limit, error.allowed) == ("value_bytes", 6)


async def test_without_limits_nothing_is_limited(work):
    large = "x" * 3_000_000
    await work.files.write_file("a", large)
    await work.storage.set_value("a", large)
    assert (await work.files.read_file("a")).content == large
    assert await work.storage.get_value("a") == large
