"""What the memory backend promises beyond the contract: its own names, a free loop, no piling up."""

from __future__ import annotations

import asyncio
import pickle
import tracemalloc
from types import SimpleNamespace

import pytest

import everstore
from everstore import InitialFile, Session, errors
from everstore.backends.memory import (
    InMemorySessionFileStore,
    InMemorySessionFileSystemFactory,
    InMemorySessionStorageStore,
    InMemorySessionStore,
    everstore_session_store,
    everstore_storage_store,
)
from everstore.clock import stopped, turned
from everstore.guards import FileSystemGuard
from everstore.settings import Limits


async def test_the_classes_work_by_themselves(session_id):
    files, values, sessions = (
        InMemorySessionFileStore(),
        InMemorySessionStorageStore(),
        InMemorySessionStore(),
    )
    await files.write_file(session_id, "/a", "text")
    await values.set_value(session_id, "a", "value")
    await sessions.add_session(Session(id=session_id))
    assert (await files.read_file(session_id, "/a")).content == "text"
    assert await values.get_value(session_id, "a") == "value"
    assert [session.id for session in await sessions.list_sessions()] == [session_id]
    for part in (files, values, sessions):
        await part.close()


async def test_a_text_is_read_by_any_spelling(session_id):
    files = InMemorySessionFileStore()
    await files.write_file(session_id, "/a/b", "text")
    await files.seed_initial_file(session_id, InitialFile("/bytes", "eA==", "base64"))
    for path in ("/a/b", "a//b", "/workspace/a/b"):
        assert await files.read_text(session_id, path) == "text"
    assert await files.read_text(session_id, "bytes") == "eA=="
    assert await files.read_text(session_id, "a") is None
    assert await files.read_text(session_id, "missing") is None
    with pytest.raises(errors.InvalidPathError):
        await files.read_text(session_id, "..")


async def test_two_stores_share_nothing(session_id):
    one, other = InMemorySessionFileStore(), InMemorySessionFileStore()
    await one.write_file(session_id, "/a", "x")
    assert await other.read_file(session_id, "/a") is None


def test_the_factory_has_a_name():
    assert InMemorySessionFileSystemFactory().name == "InMemorySessionFileSystemFactory"


async def test_what_is_read_is_the_very_record_that_is_kept(session_id):
    async with everstore.open_store() as store:
        written = await store.file_system.write_file(session_id, "a", "x")
        assert await store.file_system.read_file(session_id, "a") is written


async def test_secrets_in_memory_show_in_no_repr_and_no_pickle(session_id):
    storage = InMemorySessionStorageStore()
    await storage.set_secret(session_id, "name", "the-unmistakable-secret")
    assert "unmistakable" not in repr(vars(storage)) + repr(
        [vars(part) for part in (storage._values, storage._secrets)]
    )
    with pytest.raises(TypeError, match="secrets are there in clear"):
        pickle.dumps(storage)


async def test_memory_keeps_no_secrets_for_a_rotation(session_id):
    async with everstore.open_store() as store:
        await store.storage.set_secret(session_id, "name", "x")
        assert store.storage.capabilities.durable is False
        with pytest.raises(errors.UnsupportedError, match="'memory' keeps secrets in its process only"):
            _ = store.rotation


@pytest.mark.parametrize("step", [0, -1])
async def test_revisions_and_ids_differ_though_the_clock_stands_still_or_goes_back(session_id, step):
    files = InMemorySessionFileStore()
    written = []
    with stopped():
        for number in range(20):
            with turned(step * number):
                written.append(await files.write_file(session_id, f"/{number % 5}", "x"))
    assert len({file.revision for file in written}) == 20
    assert len({file.id for file in written}) == 5
    for path in range(5):
        moved = [file.updated_at for file in written[path::5]]
        assert moved == sorted(set(moved))


# Memory that nobody needs any more
async def memory_of(work):
    tracemalloc.start()
    try:
        await work()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


async def test_what_is_past_its_time_is_let_go_of_though_nobody_asks(session_id):
    storage = InMemorySessionStorageStore()

    async def expire():
        for number in range(20):
            await storage.set_value(session_id, f"{number}", "x" * 500_000 + f"{number}", ttl=0.01)
        await asyncio.sleep(0.02)
        await storage.set_value(session_id, "another", "x")

    assert await memory_of(expire) < 2_000_000


async def test_what_is_past_its_time_in_sessions_that_nobody_uses_any_more_is_let_go_of(session_id):
    storage = InMemorySessionStorageStore()

    async def expire():
        for number in range(100):
            other = everstore.new_session_id()
            await storage.set_value(other, "value", "x" * 50_000 + f"{number}", ttl=0.01)
            await storage.set_secret(other, "secret", "x" * 50_000 + f"{number}", ttl=0.01)
        await asyncio.sleep(0.02)
        for _ in range(20):  # what a single write does is bounded
            await storage.set_value(session_id, "another", "x")

    assert await memory_of(expire) < 100_000


async def test_a_write_without_a_time_to_live_sweeps_and_keeps_what_is_not_over(session_id):
    storage = InMemorySessionStorageStore()
    for number in range(200):
        await storage.set_value(session_id, f"brief {number:03}", "x", ttl=0.01)
        await storage.set_value(session_id, f"lease {number:03}", "x", ttl=3600)
    await storage.set_value(session_id, "brief 007", "set again")
    await storage.set_secret(session_id, "brief 008", "no value", ttl=3600)
    await asyncio.sleep(0.02)
    for _ in range(20):
        await storage.increment_value(everstore.new_session_id(), "another")
    kept = ["brief 007", *(f"lease {number:03}" for number in range(200))]
    assert [info.key for info in await storage.list_keys(session_id)] == kept
    assert await storage.get_secret(session_id, "brief 008") == "no value"


@pytest.mark.parametrize("end", ["delete", "purge", "set again"])
async def test_keys_with_a_time_to_live_that_come_and_go_leave_nothing(session_id, end):
    storage = InMemorySessionStorageStore()
    ends = {
        "delete": lambda key: storage.delete_value(session_id, key),
        "purge": lambda _: storage.purge_session(session_id),
        "set again": lambda _: storage.set_value(session_id, "0", "x"),
    }

    async def come_and_go():
        for number in range(10_000):
            key = "0" if end == "set again" else f"{number}"
            await storage.set_value(session_id, key, "x", ttl=3600)
            await ends[end](key)

    assert await memory_of(come_and_go) < 100_000


async def test_a_key_that_is_set_over_and_over_with_a_time_to_live_stays_small(session_id):
    storage = InMemorySessionStorageStore()

    async def renew():
        for _ in range(20_000):
            await storage.set_value(session_id, "lease", "x", ttl=3600)

    assert await memory_of(renew) < 200_000
    assert await storage.get_value(session_id, "lease") == "x"
    await storage.set_value(session_id, "brief", "x", ttl=0.01)
    await asyncio.sleep(0.02)
    assert [info.key for info in await storage.list_keys(session_id)] == ["lease"]


async def test_a_purged_session_is_let_go_of(session_id):
    files, storage = InMemorySessionFileStore(), InMemorySessionStorageStore()

    async def fill_and_purge():
        for number in range(20):
            await files.write_file(session_id, f"/{number}/file", "x" * 500_000 + f"{number}")
            await storage.set_secret(session_id, f"{number}", "x" * 500_000 + f"{number}", ttl=1000)
        await files.list_directory(session_id, "/0")
        assert await files.purge_session(session_id) is True
        assert await storage.purge_session(session_id) is True

    assert await memory_of(fill_and_purge) < 1_000_000


# A free loop
async def turns_during(call):
    """How many turns another task had while the call was under way; and the call's answer."""
    turns = 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await asyncio.sleep(0)
    before = turns
    answer = await call
    counting.cancel()
    return turns - before, answer


SEARCHES = {
    "many files": ([("%d", "miss\n" * 2000, 10_000)], "absent", {}),
    "a large file": ([("large", "miss miss\n" * 800_000, 1)], "absent", {"ignore_case": True}),
    "a regex that no stretch answers": ([("large", "miss\n" * 60_000, 1)], r"\Aabsent", {"regex": True}),
    "every line a match": ([("large", "hit\n" * 60_000, 1)], "hit", {}),
    "every line a match of a regex": ([("large", "hit\n" * 40_000, 1)], "h.t", {"regex": True}),
    "every match with its neighbours": ([("large", "hit\n" * 40_000, 1)], "hit", {"before": 3, "after": 3}),
    "empty lines": ([("large", "\n" * 100_000, 1)], "", {}),
    "an endless line": ([("large", "miss " * 4_000_000, 1)], "absent", {}),
    "a regex in an endless line": ([("large", "miss " * 2_000_000, 1)], "m.ss absent", {"regex": True}),
}


@pytest.mark.parametrize(("files", "pattern", "options"), SEARCHES.values(), ids=SEARCHES)
async def test_a_long_search_lets_others_have_their_turn(session_id, files, pattern, options):
    store = InMemorySessionFileStore()
    for name, text, count in files:
        for number in range(count):
            await store.write_file(session_id, "/" + (name % number if count > 1 else name), text)
    turns, matches = await turns_during(store.grep_files(session_id, pattern, **options))
    assert turns >= 4
    assert bool(matches) == (pattern in {"hit", "h.t", ""})


async def test_a_glob_over_many_files_lets_others_have_their_turn(session_id):
    store = InMemorySessionFileStore()
    for number in range(20_000):
        await store.write_file(session_id, f"/{number % 100}/{number}", "")
    turns, infos = await turns_during(store.glob_files(session_id, "**/1*"))
    assert turns >= 4
    assert len(infos) > 5_000
    turns, matches = await turns_during(store.grep_files(session_id, "absent", "1*", limit=1))
    assert turns >= 4
    assert matches == []


async def test_others_write_while_a_search_is_under_way(session_id):
    store = InMemorySessionFileStore()
    for number in range(500):
        await store.write_file(session_id, f"/{number}", "before\n" * 200)

    async def change():
        for number in range(500):
            await store.write_file(session_id, f"/{number}", "after\n")
            await store.delete_file(session_id, f"/{number}")
            await asyncio.sleep(0)

    changing = asyncio.create_task(change())
    matches = await store.grep_files(session_id, "before")
    assert len(matches) == 500 * 200  # the state when it was called
    changing.cancel()


async def test_matches_share_their_neighbours(session_id):
    store = InMemorySessionFileStore()
    await store.write_file(session_id, "/a", "\n".join(f"line {number}" for number in range(2000)))
    matches = await store.grep_files(session_id, "", before=100, after=100)
    shown = sum(len(match.before) + len(match.after) for match in matches)
    assert shown > 380_000
    assert len({id(line) for match in matches for line in (*match.before, *match.after)}) <= 2000


async def test_every_spelling_of_a_path_is_one_file(session_id):
    files = await InMemorySessionFileSystemFactory().create_session_file_system()
    assert isinstance(files, InMemorySessionFileStore)
    await files.write_file(session_id, "notes.txt", "one")
    for spelling in ("notes.txt", "/notes.txt", "/workspace/notes.txt", "//notes.txt", "./notes.txt"):
        assert await files.read_text(session_id, spelling) == "one"
    await files.write_file(session_id, "/x//y", "two")
    assert [info.path for info in await files.glob_files(session_id, "**")] == ["/notes.txt", "/x/y"]
    for wrong in ("../up", "a/../b", "a\0b", "/workspace/workspace/a"):
        with pytest.raises(errors.InvalidPathError):
            await files.write_file(session_id, wrong, "no")
        with pytest.raises(errors.InvalidPathError):
            await files.read_text(session_id, wrong)


async def test_arguments_are_checked_whoever_calls(session_id):
    files, storage, sessions = (
        InMemorySessionFileStore(),
        InMemorySessionStorageStore(),
        InMemorySessionStore(),
    )
    for wrong, call in (
        (errors.InvalidSessionIdError, lambda: files.read_file("no id", "a")),
        (errors.InvalidContentError, lambda: files.write_file(session_id, "a", "!", "base64")),
        (errors.InvalidArgumentError, lambda: files.grep_files(session_id, "a", limit=-1)),
        (errors.InvalidKeyError, lambda: storage.set_value(session_id, "", "x")),
        (errors.InvalidArgumentError, lambda: storage.set_value(session_id, "k", "x", ttl=0)),
        (errors.InvalidSessionIdError, lambda: storage.get_value("no id", "k")),
        (errors.InvalidContentError, lambda: sessions.add_session("no record")),
        (errors.InvalidArgumentError, lambda: sessions.list_sessions(limit=0)),
    ):
        with pytest.raises(wrong):
            await call()


async def test_limits_hold_without_a_store(session_id):
    limits = Limits(file_bytes=3, key_bytes=2, value_bytes=2)
    files, storage = InMemorySessionFileStore(limits), InMemorySessionStorageStore(limits)
    await files.write_file(session_id, "a", "abc")
    await storage.set_value(session_id, "k", "vv")
    for call in (
        lambda: files.append_file(session_id, "a", "d"),
        lambda: files.write_file(session_id, "b", "abcd"),
        lambda: storage.set_value(session_id, "key", "v"),
        lambda: storage.set_secret(session_id, "k", "vvv"),
    ):
        with pytest.raises(errors.QuotaExceededError):
            await call()


async def test_core_is_handed_stores_that_check_nothing_twice():
    context = SimpleNamespace(limits=Limits())
    assert not isinstance(everstore_storage_store(context), InMemorySessionStorageStore)
    made = await InMemorySessionFileSystemFactory().create_session_file_system(context)
    assert not isinstance(made, InMemorySessionFileStore)
    assert not isinstance(everstore_session_store(), InMemorySessionStore)


async def test_looks_at_bytes_make_no_base64_of_them(session_id):
    files = FileSystemGuard(InMemorySessionFileStore())
    await files.write_bytes(session_id, "/a/bytes", bytes(4 << 20))
    refused = pytest.raises(errors.InvalidContentError, match="not a text file")
    tracemalloc.start()
    try:
        assert (await files.read_file(session_id, "/a/bytes", strict=True)).size_bytes == 4 << 20
        with refused:
            await files.read_lines(session_id, "/a/bytes")
        with refused:
            await files.edit_file(session_id, "/a/bytes", "a", "b")
        assert (
            await files.write_file_if_content_matches(session_id, "/a/bytes", "a", "text", "b", "text")
            is None
        )
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
