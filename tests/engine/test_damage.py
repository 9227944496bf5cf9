"""What is damaged in a storage is told, and can be written anew or deleted; over any engine."""

from __future__ import annotations

from base64 import b64encode
from uuid import UUID

import pytest
from everstore_sorted_map import SortedMap

import everstore
from everstore import Capabilities
from everstore.configuration import configure
from everstore.errors import DataDamagedError
from everstore.operating import look

SESSION_ID = UUID(int=7)


class Durable(SortedMap):
    """A map that claims more, so that what belongs to a durable backend is there; and that is quick."""

    capabilities = Capabilities(durable=True)
    is_quick = True


@pytest.fixture
def engine():
    return Durable()


@pytest.fixture
async def store(engine, install_plugin):
    install_plugin("durable", everstore_engine=lambda: engine)
    keys = "tests:" + b64encode(bytes(range(32))).decode()
    async with everstore.open_store(backend="durable", secrets_keys=keys, log_level="off") as store:
        yield store


@pytest.fixture
def damage(engine):
    """Change what is kept: ``damage(lambda key, value: new value, None to remove it, or value)``."""

    def change(what):
        def work(transaction):
            for key, value in [*transaction.scan(b"", b"\xff")]:
                changed = what(key, value)
                if changed is None:
                    transaction.delete(key)
                elif changed != value:
                    transaction.put(key, changed)

        engine.transact(work, write=True)

    return change


def no_row(end: bytes):
    return lambda key, value: b"\xc1" + value if key.endswith(end) else value


async def test_everstore_looks_into_an_engine_that_brings_no_look_of_its_own(store, damage):
    configuration = configure({"backend": "durable"})
    await store.session(SESSION_ID).files.write_file("d/a.txt", "x")
    assert await look(configuration, deep=True) == {"durable": []}
    damage(no_row(b"a.txt"))
    assert await look(configuration, deep=False) == {"durable": []}
    found = await look(configuration, deep=True)
    assert [line for line in found["durable"] or () if "a.txt" in line]


async def test_an_engine_that_does_not_open_is_told(install_plugin):
    class Shut(SortedMap):
        def open(self):
            raise OSError("the secret words of a driver")

    install_plugin("shut", everstore_engine=lambda: Shut())  # noqa: PLW0108 - a hook is a function
    found = await look(configure({"backend": "shut"}), deep=False)
    assert found == {"shut": ["backend_error: backend 'shut' could not be looked at: OSError"]}


async def test_a_damaged_entry(store, damage):
    files = store.session(SESSION_ID).files
    for path in ("d/a.txt", "d/b.txt"):
        await files.write_file(path, "x")
    damage(no_row(b"a.txt"))
    for call in (
        files.read_file("d/a.txt"),
        files.list_directory("d"),
        files.glob_files("*"),
        files.stat_file("d/a.txt"),
    ):
        with pytest.raises(DataDamagedError):
            await call
    assert (await files.write_file("d/a.txt", "anew")).content == "anew"
    assert [info.name for info in await files.list_directory("d")] == ["a.txt", "b.txt"]


async def test_a_damaged_directory_stays_one_and_can_be_deleted(store, damage):
    files = store.session(SESSION_ID).files
    await files.write_file("d/a.txt", "x")
    await files.create_directory("e")
    damage(no_row(b"/\0d"))
    damage(no_row(b"/\0e"))
    with pytest.raises(everstore.errors.PathIsDirectoryError):
        await files.write_file("d", "x")
    assert await files.delete_file("d", recursive=True)
    assert await files.delete_file("e")
    assert await files.list_directory("/") == []


@pytest.mark.parametrize("length", [5000, 20_000])
async def test_a_content_that_lost_a_piece_or_a_part_of_one(length, store, damage):
    files = store.session(SESSION_ID).files
    for name in ("lost", "short", "wrong"):
        await files.write_file(f"{name}.txt", name[0] * length)
    damage(lambda _, value: None if value.startswith(b"ll") else value)
    damage(lambda _, value: value[:-1] if value.startswith(b"ss") else value)
    damage(lambda _, value: b"\xff" * len(value) if value.startswith(b"ww") else value)
    for name in ("lost", "short", "wrong"):
        with pytest.raises(DataDamagedError, match=name) as caught:
            await files.read_file(f"{name}.txt")
        assert caught.value.path == f"/{name}.txt"
        assert (await files.stat_file(f"{name}.txt")).size_bytes == length
        await files.write_file(f"{name}.txt", "anew")
    assert [match.path for match in await files.grep_files("anew")] == [
        "/lost.txt",
        "/short.txt",
        "/wrong.txt",
    ]


@pytest.mark.parametrize("left", [None, -1])
async def test_a_range_reads_its_own_pieces_and_no_others(store, engine, damage, left):
    files, most, first = store.session(SESSION_ID).files, engine.largest_value, (0).to_bytes(4)
    await files.write_bytes("a", b"l" * 20_000)

    def lose(key, value):
        is_hit = key.endswith(first) and value.startswith(b"ll")
        return value if not is_hit else None if left is None else value[:left]

    damage(lose)
    assert await files.read_bytes("a", most, 100) == b"l" * 100
    assert await files.read_bytes("a", -5) == b"lllll"
    assert await files.read_bytes("a", 20_000) == b""
    for start, length in ((0, 1), (most - 1, 2), (1, None)):
        with pytest.raises(DataDamagedError) as caught:
            await files.read_bytes("a", start, length)
        assert caught.value.path == "/a"
    assert await files.delete_file("a")


async def test_a_name_that_is_no_text(store, engine, damage):
    files = store.session(SESSION_ID).files
    await files.write_file("a.txt", "x")

    def work(transaction):
        [(key, value)] = [pair for pair in transaction.scan(b"e", b"f") if pair[0].endswith(b"a.txt")]
        transaction.put(key[:-5] + b"\xfe.txt", value)

    engine.transact(work, write=True)
    with pytest.raises(DataDamagedError, match="no UTF-8"):
        await files.list_directory("/")
    assert await store.delete_session(SESSION_ID)
    assert await files.list_directory("/") == []


async def test_a_damaged_value(store, damage):
    storage = store.session(SESSION_ID).storage
    for key in ("a-key", "b-key"):
        await storage.set_value(key, "1", ttl=1000)
        await storage.set_secret(key, "1")
    damage(no_row(b"-key"))
    for call in (
        storage.get_value("a-key"),
        storage.read_value("a-key"),
        storage.get_values(["a-key"]),
        storage.read_values(limit=1),
        storage.increment_value("a-key"),
        storage.list_keys(),
        storage.list_secrets(),
    ):
        with pytest.raises(DataDamagedError):
            await call
    await storage.set_value("a-key", "anew")
    assert await storage.get_value("a-key") == "anew"
    await storage.set_secret("a-key", "anew")
    assert await storage.get_secret("a-key") == "anew"
    assert await storage.delete_value("b-key")
    assert await storage.delete_secret("b-key")
    assert [info.key for info in await storage.list_keys()] == ["a-key"]
    assert await store.delete_session(SESSION_ID)


async def test_values_of_a_session_that_are_damaged_are_purged(store, damage):
    await store.storage.set_value(SESSION_ID, "a-key", "1")
    damage(no_row(b"-key"))
    assert await store.storage.purge_session(SESSION_ID)
    assert not await store.storage.purge_session(SESSION_ID)


async def test_a_damaged_record(store, damage):
    first = await store.create_session("first", session_id=SESSION_ID)
    second = await store.create_session("second")
    damage(no_row(b"s" + SESSION_ID.bytes))
    with pytest.raises(DataDamagedError) as caught:
        await store.sessions.get_session(SESSION_ID)
    assert caught.value.session_id == SESSION_ID
    with pytest.raises(DataDamagedError):
        await store.sessions.list_sessions()
    again = everstore.Session(SESSION_ID, "again", created_ns=first.created_ns + 10**9)
    await store.sessions.add_session(again)
    assert await store.sessions.list_sessions() == [again, second]
    damage(no_row(b"s" + SESSION_ID.bytes))
    assert await store.sessions.delete_session(SESSION_ID)
    assert await store.sessions.list_sessions() == [second]


async def test_damaged_labels(store, damage):
    first = await store.create_session("first", session_id=SESSION_ID, labels={"a": "1"})
    damage(lambda key, value: value.replace(b"\xa1a\xa11", b"\xa1a\xff1") if key[:1] == b"s" else value)
    for call in (
        store.sessions.get_session(SESSION_ID),
        store.sessions.update_session(SESSION_ID, labels={}),
        store.sessions.list_sessions(labels={"a": "1"}),
    ):
        with pytest.raises(DataDamagedError) as caught:
            await call
        assert caught.value.session_id == SESSION_ID
    # What cannot be read is not forgotten by its labels, and yet found by them no more.
    await store.sessions.add_session(
        everstore.Session(SESSION_ID, "again", first.created_ns, labels={"b": "1"})
    )
    assert await store.sessions.list_sessions(labels={"a": "1"}) == []
    assert len(await store.sessions.list_sessions(labels={"b": "1"})) == 1


async def test_what_a_session_has_is_counted_anew(engine, install_plugin, damage):
    install_plugin("durable", everstore_engine=lambda: engine)
    settings = {"backend": "durable", "log_level": "off", "limits": {"session_entries": 3}}
    async with everstore.open_store(**settings) as store:
        files = store.session(SESSION_ID).files
        for name in "abc":
            await files.write_file(name, "x")
        damage(lambda key, value: b"\xc1" if key[:1] == b"u" else value)
        with pytest.raises(everstore.errors.QuotaExceededError) as caught:
            await files.write_file("d", "x")
        assert (caught.value.wanted, caught.value.allowed) == (4, 3)
        damage(no_row(b"c"))
        await files.write_file("c", "anew")
        with pytest.raises(everstore.errors.QuotaExceededError):
            await files.write_file("d", "x")
        assert await files.delete_file("c")
        await files.write_file("d", "x")


async def test_secrets_are_scanned_by_session_and_name(store):
    sessions = sorted((everstore.new_session_id() for _ in range(3)), key=lambda each: each.bytes)
    names = sorted(["a", "b" * 1000, "b" * 1000 + "c", "b" * 999 + "a", "b" * 20, "é" * 500])
    for session_id in sessions:
        for name in reversed(names):
            await store.storage.set_secret(session_id, name, name)
    everything = [(session_id, name) for session_id in sessions for name in names]
    for limit in (1, 4, 100):
        found: list[tuple[UUID, str]] = []
        while page := await store.storage.scan_secrets(after=found[-1] if found else None, limit=limit):
            found += [(secret.session_id, secret.name) for secret in page]
        assert found == everything
    assert [info.name for info in await store.storage.list_secrets(sessions[1])] == names


async def test_a_large_entry_is_read_on_a_thread(store):
    files = store.session(SESSION_ID).files
    await files.write_file("large.txt", "x" * 100_000)
    assert len((await files.read_file("large.txt")).content) == 100_000
    await store.storage.set_value(SESSION_ID, "large", "x" * 100_000)
    assert len(await store.storage.get_value(SESSION_ID, "large")) == 100_000
    await store.create_session("t" * 100_000, session_id=SESSION_ID)
    assert len((await store.sessions.get_session(SESSION_ID)).title) == 100_000


async def test_what_a_session_holds_is_not_told_where_a_row_is_damaged_and_its_id_is(store, damage):
    work = store.session(SESSION_ID)
    await work.files.write_file("a-file", "x")
    await work.storage.set_value("a-key", "x")
    damage(no_row(b"-file"))
    damage(no_row(b"-key"))
    for part in (work.files, work.storage):
        with pytest.raises(DataDamagedError):
            await part.usage()
    assert await store.file_system.session_ids() == await store.storage.session_ids() == [SESSION_ID]
    assert await store.session_ids() == [SESSION_ID]
