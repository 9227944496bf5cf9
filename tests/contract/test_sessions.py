"""Contract §1: sessions and identity."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest

import everstore
from everstore import InitialFile, Session, errors, new_session_id

# Ids that a prefix, a cut or a lost version digit would take for one another.
ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
CONFUSABLE = [
    UUID("01890a5d-ac96-774b-bcce-b302099a8058"),
    UUID("01890a5d-ac96-774b-bcce-b302099a8050"),
    UUID("01890a5d-ac96-774b-bcce-000000000000"),
    UUID("01890a5d-ac96-774b-8cce-b302099a8057"),
    UUID("01890a5d-ac96-474b-bcce-b302099a8057"),
    UUID("11890a5d-ac96-774b-bcce-b302099a8057"),
    UUID("00000000-0000-0000-0000-000000000000"),
    UUID("ffffffff-ffff-ffff-ffff-ffffffffffff"),
]
NO_IDS = [str(ID), f"session_{ID.hex}", ID.bytes, ID.int, None, "", object()]


# §1.1
async def test_a_session_is_named_by_a_version_7_uuid(store):
    session = await store.create_session()
    assert isinstance(session.id, UUID)
    assert session.id.version == 7
    assert new_session_id().version == 7
    assert len({new_session_id() for _ in range(1000)}) == 1000


async def test_anything_but_a_uuid_is_refused_by_every_verb(store, session_call, furnished, refused):
    for no_id in NO_IDS:
        error = await refused(errors.InvalidSessionIdError, session_call.on(store, no_id), no_id)
        assert error.code == "invalid_session_id"
        assert isinstance(error, ValueError)


@pytest.mark.parametrize("no_id", NO_IDS, ids=lambda no_id: type(no_id).__name__)
async def test_anything_but_a_uuid_binds_and_creates_no_session(store, no_id):
    with pytest.raises(errors.InvalidSessionIdError):
        store.session(no_id)
    with pytest.raises(errors.InvalidSessionIdError):
        await store.delete_session(no_id)
    if no_id is not None:  # there it means a fresh one
        with pytest.raises(errors.InvalidSessionIdError):
            await store.create_session(session_id=no_id)
    assert await store.sessions.list_sessions() == []


# §1.2
async def test_an_unknown_session_is_an_empty_one(store, session_id, work):
    root = await work.files.read_file("/")
    assert (root.path, root.content, root.is_directory) == ("/", None, True)
    assert (await work.files.stat_file("/")).is_directory
    assert await work.files.read_file("a") is None
    assert await work.files.stat_file("a") is None
    assert await work.files.read_lines("a") is None
    assert await work.files.list_directory() == []
    assert await work.files.grep_files("") == []
    assert await work.files.glob_files("**") == []
    assert await work.files.delete_file("a") is False
    assert await work.files.write_file_if_content_matches("a", "", "text", "x", "text") is None
    assert await work.storage.get_value("a") is None
    assert await work.storage.stat_value("a") is None
    assert await work.storage.delete_value("a") is False
    assert await work.storage.list_keys() == []
    assert await work.storage.get_secret("a") is None
    assert await work.storage.delete_secret("a") is False
    assert await work.storage.list_secrets() == []
    assert await store.file_system.purge_session(session_id) is False
    assert await store.storage.purge_session(session_id) is False
    assert await store.sessions.get_session(session_id) is None
    assert await store.sessions.delete_session(session_id) is False
    assert await store.delete_session(session_id) is False


async def test_files_and_values_need_no_record_and_make_none(store, session_id, work):
    await work.files.write_file("a", "x")
    await work.storage.set_value("a", "x")
    await work.storage.set_secret("a", "x")
    assert await store.sessions.get_session(session_id) is None
    assert await store.sessions.list_sessions() == []


# §1.3
async def test_no_verb_reaches_another_session(store, session_call, furnish, snapshot):
    for one in CONFUSABLE:
        await furnish(one)
    before = [await snapshot(one) for one in CONFUSABLE]
    with suppress(errors.PathNotFoundError, errors.SessionNotFoundError):
        await session_call.on(store, ID)
    await furnish(ID)
    await session_call.on(store, ID)
    assert [await snapshot(one) for one in CONFUSABLE] == before


async def test_the_same_names_hold_different_things_in_each_session(store):
    for number, one in enumerate([ID, *CONFUSABLE]):
        work = store.session(one)
        await work.files.write_file("same.txt", f"file {number}")
        await work.storage.set_value("same", f"value {number}")
        await work.storage.set_secret("same", f"secret {number}")
        await store.sessions.add_session(Session(id=one, title=f"title {number}"))
    for number, one in enumerate([ID, *CONFUSABLE]):
        work = store.session(one)
        assert (await work.files.read_file("same.txt")).content == f"file {number}"
        assert [match.line for match in await work.files.grep_files("file")] == [f"file {number}"]
        assert [info.session_id for info in await work.files.glob_files("*")] == [one]
        assert await work.storage.get_value("same") == f"value {number}"
        assert await work.storage.get_secret("same") == f"secret {number}"
        assert (await store.sessions.get_session(one)).title == f"title {number}"


# §1.4
async def test_a_record_is_inserted_replaced_and_removed(store, session_id):
    first = Session(id=session_id, title="first", created_ns=1_000_000, updated_ns=2_000_000)
    assert await store.sessions.add_session(first) is None
    assert await store.sessions.get_session(session_id) == first
    second = Session(id=session_id, title=None, created_ns=3_000_000)
    await store.sessions.add_session(second)
    assert await store.sessions.get_session(session_id) == second
    assert await store.sessions.list_sessions() == [second]
    assert await store.sessions.delete_session(session_id) is True
    assert await store.sessions.get_session(session_id) is None
    assert await store.sessions.delete_session(session_id) is False
    assert await store.sessions.list_sessions() == []


async def test_a_title_moves_updated_at_and_nothing_else(store, session_id):
    record = await store.create_session("first", session_id=session_id)
    times = [record.updated_at]
    for title in ("second", "third", "", "é\u2028\U0001f600"):
        answer = await store.sessions.update_session_title(session_id, title)
        assert answer == await store.sessions.get_session(session_id)
        assert (answer.id, answer.title, answer.created_at) == (session_id, title, record.created_at)
        times.append(answer.updated_at)
    assert times == sorted(set(times))


async def test_a_title_needs_a_record(store, session_id, refused):
    error = await refused(errors.SessionNotFoundError, store.sessions.update_session_title(session_id, "x"))
    assert error.code == "session_not_found"
    assert isinstance(error, LookupError)


@pytest.mark.parametrize("title", ["\ud800", "a\0b", 1, b"x"], ids=repr)
async def test_a_title_is_text_that_every_backend_can_keep(store, session_id, title, furnished, refused):
    await refused(errors.InvalidContentError, store.sessions.update_session_title(session_id, title))
    await refused(errors.InvalidContentError, store.sessions.add_session(Session(id=session_id, title=title)))
    await refused(errors.InvalidContentError, store.create_session(title, session_id=session_id))


async def test_a_title_is_taken_off_by_adding_the_record_again(store, session_id, furnished, refused):
    await refused(errors.InvalidContentError, store.sessions.update_session_title(session_id, None))
    await store.sessions.add_session(Session(id=session_id, title=None))
    assert (await store.sessions.get_session(session_id)).title is None


@pytest.mark.parametrize("no_record", [None, "record", {"id": ID}], ids=repr)
async def test_a_record_is_a_session(store, no_record):
    with pytest.raises(errors.InvalidContentError):
        await store.sessions.add_session(no_record)
    assert await store.sessions.list_sessions() == []


async def test_records_are_listed_newest_first_then_by_id(store):
    ages = [5, 3, 3, 9, 1, 3]
    records = [Session(id=UUID(int=number), created_ns=age) for number, age in enumerate(ages, 1)]
    for record in records:
        await store.sessions.add_session(record)
    expected = sorted(records, key=lambda record: (-record.created_ns, -record.id.int))
    assert await store.sessions.list_sessions() == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_pages_meet_and_never_overlap(store, limit):
    records = [Session(id=UUID(int=number), created_ns=1 + number // 3) for number in range(1, 8)]
    for record in records:
        await store.sessions.add_session(record)
    seen: list[Session] = []
    while page := await store.sessions.list_sessions(limit=limit, after=seen[-1] if seen else None):
        assert len(page) <= limit
        seen += page
    assert seen == records[::-1]


async def test_a_page_may_follow_a_record_that_is_gone(store):
    records = [Session(id=UUID(int=number), created_ns=number) for number in range(1, 6)]
    for record in records:
        await store.sessions.add_session(record)
    page = await store.sessions.list_sessions(limit=2)
    await store.sessions.delete_session(page[-1].id)
    assert await store.sessions.list_sessions(after=page[-1]) == records[2::-1]


async def test_a_page_has_a_hundred_records_unless_told_otherwise(store):
    await asyncio.gather(*(store.create_session() for _ in range(101)))
    assert len(await store.sessions.list_sessions()) == 100
    assert len(await store.sessions.list_sessions(limit=1000)) == 101


async def test_a_page_that_cannot_be_is_refused(store):
    for limit in (0, -1, None, 1.5, True, "1"):
        with pytest.raises(errors.InvalidArgumentError):
            await store.sessions.list_sessions(limit=limit)
    for after in ("x", ID):
        with pytest.raises(errors.InvalidArgumentError):
            await store.sessions.list_sessions(after=after)


async def test_a_created_session_has_its_title_times_and_files(store):
    before = datetime.now(UTC)
    session = await store.create_session(
        "title", files=[InitialFile("a/b.txt", "x"), InitialFile("rules", "eQ==", "base64", is_readonly=True)]
    )
    assert session.title == "title"
    assert abs((session.created_at - before).total_seconds()) < 60
    assert session.created_at == session.updated_at
    assert session.created_at.tzinfo is UTC
    assert await store.sessions.get_session(session.id) == session
    work = store.session(session.id)
    assert (await work.files.read_file("a/b.txt")).content == "x"
    rules = await work.files.read_file("rules")
    assert (rules.content, rules.encoding, rules.is_readonly) == ("eQ==", "base64", True)


async def test_a_session_whose_files_are_refused_gets_no_record(store, session_id):
    with pytest.raises(errors.InvalidPathError):
        await store.create_session(session_id=session_id, files=[InitialFile("..", "x")])
    assert await store.sessions.get_session(session_id) is None


class Unpurgeable:
    """A file system that can do everything but be purged."""

    def __init__(self, sound, error):
        self._sound = sound
        self._error = error

    def __getattr__(self, name):
        return getattr(self._sound, name)

    async def purge_session(self, session_id):
        raise self._error


@pytest.mark.parametrize("error", [errors.BackendError("no"), RuntimeError("no")], ids=["ours", "another"])
@pytest.mark.parametrize("failing", ["a", "stop"])
async def test_a_session_that_cannot_be_removed_again_is_told(store, snapshot, failing, error):
    def files():
        yield InitialFile("a", "x")
        if failing == "stop":
            raise ValueError("stop")
        yield InitialFile("a/b", "x")

    broken = everstore.Store(
        Unpurgeable(store.file_system, error), store.storage, store.sessions, store.backends, store.close
    )
    with pytest.raises((errors.ParentNotDirectoryError, ValueError)) as caught:
        await broken.create_session(files=files())
    [note] = caught.value.__notes__
    session_id = UUID(note.split()[1])
    assert note == f"session {session_id} could not be removed again; delete_session does it"
    if failing == "a":
        assert caught.value.session_id == session_id
    assert [info.path for info in await store.file_system.list_directory(session_id)] == ["/a"]
    assert await store.delete_session(session_id) is True
    assert set(await snapshot(session_id)) == {"record", "/", ("/", "listed")}


@pytest.mark.parametrize("error", [None, errors.BackendError("no")], ids=["removed", "not_removed"])
async def test_a_cancellation_waits_until_what_was_made_is_removed(store, error):
    purging, going_on = asyncio.Event(), asyncio.Event()

    class Slow(Unpurgeable):
        async def purge_session(self, session_id):
            purging.set()
            await going_on.wait()
            if self._error is not None:
                raise self._error
            return await self._sound.purge_session(session_id)

    def files():
        yield InitialFile("a", "x")
        yield InitialFile("a/b", "x")

    slow = everstore.Store(
        Slow(store.file_system, error), store.storage, store.sessions, store.backends, store.close
    )
    making = asyncio.create_task(slow.create_session(files=files()))
    await purging.wait()
    for _ in range(3):
        making.cancel()
        await asyncio.sleep(0)
    assert not making.done()
    going_on.set()
    with pytest.raises(asyncio.CancelledError) as caught:
        await making
    refusal = caught.value.__context__
    while not isinstance(refusal, errors.ParentNotDirectoryError):
        refusal = refusal.__context__
    left = await store.file_system.list_directory(refusal.session_id)
    assert len(left) == (error is not None)
    told = [note for note in getattr(caught.value, "__notes__", []) if f"{refusal.session_id}" in note]
    assert len(told) == (error is not None)


# §1.5
async def test_deleting_a_session_leaves_nothing_of_it(store, session_id, furnished, furnish, snapshot):
    empty = await snapshot(new_session_id())
    other = new_session_id()
    await furnish(other)
    kept = await snapshot(other)
    assert await store.delete_session(session_id) is True
    left = await snapshot()
    assert left["record"] is None
    assert left["/", "listed"] == []
    assert set(left) == set(empty)
    assert await store.delete_session(session_id) is False
    assert await snapshot(other) == kept


@pytest.mark.parametrize("done", ["files", "values", "both", "record"])
async def test_deleting_goes_on_where_it_was_interrupted(store, session_id, furnished, snapshot, done):
    if done in {"files", "both"}:
        assert await store.file_system.purge_session(session_id) is True
    if done in {"values", "both"}:
        assert await store.storage.purge_session(session_id) is True
    if done == "record":
        assert await store.sessions.delete_session(session_id) is True
    assert await store.delete_session(session_id) is True
    assert set(await snapshot()) == {"record", "/", ("/", "listed")}
    assert await store.sessions.get_session(session_id) is None


async def test_each_purge_removes_its_part_only(store, session_id, furnished, snapshot):
    before = await snapshot()
    assert await store.file_system.purge_session(session_id) is True
    assert await store.file_system.purge_session(session_id) is False
    after = await snapshot()
    assert after["/", "listed"] == []
    assert after["record"] == before["record"]
    assert after["value", "kept"] == before["value", "kept"]
    assert after["secret", "kept"] == before["secret", "kept"]
    assert await store.storage.purge_session(session_id) is True
    assert await store.storage.purge_session(session_id) is False
    assert set(await snapshot()) == {"record", "/", ("/", "listed")}


async def test_a_session_used_again_is_a_new_one(store, session_id, furnished):
    old = await furnished.files.read_file("kept.txt")
    await store.delete_session(session_id)
    new = await furnished.files.write_file("kept.txt", "kept")
    assert new.id != old.id
    assert new.revision != old.revision
    assert [info.path for info in await furnished.files.list_directory()] == ["/kept.txt"]


@pytest.mark.parametrize("role", ["file_system", "storage", "sessions"])
async def test_a_session_may_be_kept_by_several_backends(backend, role, session_id):
    async with everstore.open_store(**{**backend, role: "memory"}) as mixed:
        assert mixed.backends[role] == "memory"
        await mixed.create_session("title", session_id=session_id, files=[InitialFile("a", "x")])
        await mixed.storage.set_value(session_id, "a", "x")
        assert await mixed.delete_session(session_id) is True
        assert await mixed.file_system.read_file(session_id, "a") is None
        assert await mixed.storage.get_value(session_id, "a") is None
        assert await mixed.sessions.get_session(session_id) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": 5},
        {"title": "a\0b"},
        {"session_id": "x"},
        {"files": 5},
        {"files": "abc"},
        {"files": None},
        {"files": [5]},
        {"files": [InitialFile("a", "x"), InitialFile("b", b"x")]},
    ],
    ids=str,
)
async def test_a_session_of_wrong_arguments_is_not_made(store, wrong):
    with pytest.raises(errors.InvalidArgumentError) as caught:
        await store.create_session(**{"files": [InitialFile("a", "x")], **wrong})
    assert "\n" not in str(caught.value)
    assert await store.sessions.list_sessions() == []


# §1.6, §1.7


async def test_every_id_has_its_place_the_least_and_the_greatest_too(store):
    puts = [
        lambda one: store.file_system.create_directory(one, "d"),
        lambda one: store.storage.set_value(one, "k", "x"),
        lambda one: store.storage.set_secret(one, "s", "x"),
        lambda one: store.sessions.add_session(Session(one)),
    ]
    for put in puts:
        for session_id in CONFUSABLE:
            await put(session_id)
        ids = sorted(CONFUSABLE)
        assert await store.session_ids() == ids
        for at, session_id in enumerate(ids):
            assert await store.session_ids(session_id) == ids[at + 1 :]
            assert await store.session_ids(session_id, 2) == ids[at + 1 : at + 3]
        assert await store.session_ids(limit=(1 << 63) - 1) == ids
        for session_id in CONFUSABLE:
            assert await store.delete_session(session_id)
        assert await store.session_ids() == []


async def test_usage_is_told_by_every_part_and_by_all_together(store, furnished, session_id):
    usage = await store.usage(session_id)
    assert usage == await furnished.usage()
    files, storage = await furnished.files.usage(), await furnished.storage.usage()
    assert (files.files, files.directories, files.bytes) == (usage.files, usage.directories, usage.bytes)
    assert (storage.values, storage.secrets) == (usage.values, usage.secrets)
    assert usage.last_write_at == max(files.last_write_at, storage.last_write_at)
    assert everstore.to_dict(usage)["last_write_at"].endswith("Z")


@pytest.mark.parametrize("role", ["file_system", "storage", "sessions"])
async def test_ids_of_several_backends_come_together(backend, role, session_id):
    async with everstore.open_store(**{**backend, role: "memory"}) as mixed:
        others = sorted(new_session_id() for _ in range(3))
        await mixed.file_system.write_file(others[0], "a", "x")
        await mixed.storage.set_value(others[1], "a", "x")
        await mixed.sessions.add_session(Session(others[2]))
        assert await mixed.session_ids() == others
        assert await mixed.session_ids(others[0], 1) == others[1:2]


@pytest.mark.parametrize("wrong", NO_IDS[:4], ids=str)
async def test_only_an_id_is_gone_on_from(store, wrong):
    with pytest.raises(errors.InvalidSessionIdError):
        await store.session_ids(wrong)
    with pytest.raises(errors.InvalidSessionIdError):
        await store.usage(wrong)
