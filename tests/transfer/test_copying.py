"""Sessions from one store to another: copied and read back, left alone where they are, refused otherwise."""

from __future__ import annotations

import asyncio
import io

import pytest

import everstore
from everstore import InitialFile, Session, errors, new_session_id
from everstore.backends.memory import (
    InMemorySessionFileStore,
    InMemorySessionStorageStore,
    InMemorySessionStore,
)
from everstore.changes import FileTimes, ValueTimes
from everstore.interfaces import Capabilities
from everstore.transfer import copy_session, copy_sessions, export_session, import_session
from everstore.transfer.items import MARK
from everstore.transfer.target import making


async def copied(source, target, *sessions, **options) -> dict:
    """What became of each session."""
    done = copy_sessions(source, target, sessions or None, **options)
    return {each.session_id: each.outcome async for each in done}


async def test_all_sessions_are_copied_and_then_are_the_same(store, other, furnish, contents_of):
    record = Session(title="first", labels={"a": "b"}, parent=new_session_id())
    await store.sessions.add_session(record)
    await furnish(store, record.id)
    without = new_session_id()
    await store.session(without).files.write_file("a.txt", "no record")
    bare = await store.create_session("nothing in it")
    if store.sessions.capabilities.forks:
        await store.checkpoint(record.id, "stays behind")
    every = {record.id, without, bare.id}
    assert await copied(store, other) == dict.fromkeys(every, "copied")
    for each in every:
        assert await contents_of(other, each) == await contents_of(store, each)
    assert set(await other.session_ids()) == every
    assert await copied(store, other) == dict.fromkeys(every, "same")


async def test_one_session_says_what_it_holds(store, other, furnish):
    session = await store.create_session("one")
    await furnish(store, session.id)
    seen = []
    done = await copy_session(store, other, session, progress=seen.append)
    usage = await store.usage(session.id)
    assert (done.outcome, done.counts.bytes, sum(seen)) == ("copied", usage.bytes, usage.bytes)
    seen.clear()
    again = await copy_session(store, other, session.id, progress=seen.append)
    assert (again.outcome, again.counts, sum(seen)) == ("same", done.counts, usage.bytes)


async def _more(store, session_id):
    await store.session(session_id).files.write_file("more.txt", "more")


async def _less(store, session_id):
    await store.session(session_id).files.delete_file("a.txt")


async def _otherwise(store, session_id):
    await store.session(session_id).files.write_file("a.txt", "b")


async def _as_bytes(store, session_id):
    await store.session(session_id).files.write_bytes("a.txt", b"a")


async def _read_only(store, session_id):
    await store.session(session_id).files.seed_initial_file(InitialFile("a.txt", "a", is_readonly=True))


async def _value(store, session_id):
    await store.session(session_id).storage.set_value("key", "other")


async def _ending(store, session_id):
    await store.session(session_id).storage.set_value("ends", "other", ttl=1000)


async def _another_ending(store, session_id):
    await store.session(session_id).storage.set_value("ends too", "text", ttl=1000)


async def _age(store, session_id):
    await store.file_system.restore_times(session_id, [FileTimes("a.txt", 1, 2)])


async def _age_of_directory(store, session_id):
    await store.file_system.restore_times(session_id, [FileTimes("d", 1, 2)])


async def _age_of_value(store, session_id):
    await store.storage.restore_times(session_id, [ValueTimes("key", 1, 2)])


async def _age_of_what_ends(store, session_id):
    await store.storage.restore_times(session_id, [ValueTimes("ends", 1, 2)])


async def _title(store, session_id):
    await store.sessions.update_session(session_id, title="other")


@pytest.mark.parametrize(
    "change",
    [
        *(_more, _less, _otherwise, _as_bytes, _read_only, _value, _ending, _another_ending, _title),
        *(_age, _age_of_directory, _age_of_value, _age_of_what_ends),
    ],
)
async def test_a_session_that_differs_is_refused_and_stays_as_it_is(store, other, contents_of, change):
    session, beside = await store.create_session("same"), await store.create_session("beside")
    await store.session(session.id).files.write_file("a.txt", "a")
    await store.session(session.id).files.create_directory("d")
    await store.session(session.id).storage.set_value("key", "text")
    await store.session(session.id).storage.set_value("ends", "text", ttl=1000)
    await copy_session(store, other, session)
    await change(other, session.id)
    before = await contents_of(other, session.id)
    with pytest.raises(errors.SessionNotEmptyError, match=str(session.id)):
        await copy_session(store, other, session)
    assert await copied(store, other) == {session.id: "refused", beside.id: "copied"}
    assert await contents_of(other, session.id) == before


async def test_what_a_transfer_has_left_is_made_anew(store, other, exported, contents_of, furnish):
    session = await store.create_session("whole")
    await furnish(store, session.id)
    archive = await exported(store, session.id)

    async def leave_half():  # as kill -9 does
        await other.storage.set_value(session.id, MARK, "some transfer's")
        await other.session(session.id).files.write_file("half.txt", "left")

    await leave_half()
    with pytest.raises(errors.SessionNotFoundError, match="did not end"):
        await exported(other, session.id)
    assert await copied(other, store) == {session.id: "refused"}
    assert await copied(store, other) == {session.id: "copied"}
    assert await contents_of(other, session.id) == await contents_of(store, session.id)
    await other.delete_session(session.id)
    await leave_half()
    await import_session(other, io.BytesIO(archive))
    assert await contents_of(other, session.id) == await contents_of(store, session.id)


async def test_a_session_is_whole_although_its_mark_was_left(store, other, contents_of):
    session = await store.create_session("whole")
    await store.session(session.id).files.write_file("a.txt", "a")
    await copy_session(store, other, session)
    await other.storage.set_value(session.id, MARK, "some transfer's")
    assert await copied(store, other) == {session.id: "same"}
    assert await contents_of(other, session.id) == await contents_of(store, session.id)


async def test_secrets_are_copied_on_demand(store, other):
    session = await store.create_session("with secrets")
    await store.storage.set_secret(session.id, "token", "very secret", ttl=1000)
    assert await copied(store, other) == {session.id: "copied"}
    assert await other.storage.list_secrets(session.id) == []
    for _ in ("to what was copied without", "with all else"):
        assert await copied(store, other, secrets=True) == {session.id: "copied"}
        assert await other.storage.get_secret(session.id, "token") == "very secret"
        assert (await other.storage.list_secrets(session.id))[0].expires_ns is not None
        assert await copied(store, other, secrets=True) == {session.id: "same"}
        await other.delete_session(session.id)
    assert await copied(store, other) == {session.id: "copied"}
    await other.session(session.id).files.write_file("new.txt", "there only")
    assert await copied(store, other, secrets=True) == {session.id: "refused"}
    assert await other.storage.list_secrets(session.id) == []
    await other.session(session.id).files.delete_file("new.txt")
    await other.storage.set_secret(session.id, "token", "another")
    assert await copied(store, other, secrets=True) == {session.id: "refused"}
    assert await other.storage.get_secret(session.id, "token") == "another"


async def test_a_store_is_not_copied_to_itself(store, session_id):
    with pytest.raises(errors.InvalidArgumentError):
        await copy_session(store, store, session_id)


async def test_what_is_in_the_way_of_an_import_stays(store, other, exported, contents_of):
    session = await store.create_session("whole")
    await store.session(session.id).files.write_file("a.txt", "a")
    archive = await exported(store, session.id)
    await other.session(session.id).storage.set_value("key", "somebody's")
    before = await contents_of(other, session.id)
    for target in (other, store):
        with pytest.raises(errors.SessionNotEmptyError):
            await import_session(target, io.BytesIO(archive))
    assert await contents_of(other, session.id) == before


async def test_a_cancelled_import_leaves_nothing(other, store, furnish, exported, is_clean):
    session = await store.create_session("whole")
    await furnish(store, session.id)
    archive = await exported(store, session.id)
    reading = asyncio.Event()

    def progress(_more):
        reading.set()
        asyncio.current_task().cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(import_session(other, io.BytesIO(archive), progress=progress))
    assert reading.is_set()
    assert await is_clean(other, session.id)


async def test_who_is_overtaken_by_another_transfer_takes_nothing_away(other, session_id):
    async with making(other, session_id) as first:
        await other.delete_session(session_id)  # as the other one takes it for leftovers
        async with making(other, session_id) as second:
            await second.finish(Session(session_id, "second"))
        with pytest.raises(errors.RevisionConflictError):
            await first.finish(Session(session_id, "first"))
    assert (await other.sessions.get_session(session_id)).title == "second"


async def test_of_two_imports_at_once_nothing_wrong_is_left(store, other, furnish, exported, contents_of):
    session = await store.create_session("whole")
    await furnish(store, session.id)
    archive = await exported(store, session.id)
    imports = [import_session(other, io.BytesIO(archive)) for _ in range(3)]
    outcomes = await asyncio.gather(*imports, return_exceptions=True)
    refusals = (
        errors.RevisionConflictError,
        errors.DataDamagedError,
        errors.SessionNotEmptyError,
        errors.BackendUnavailableError,
    )
    assert all(not isinstance(each, BaseException) or isinstance(each, refusals) for each in outcomes), (
        outcomes
    )
    done = await copy_session(store, other, session)
    assert done.outcome in {"copied", "same"}
    assert await contents_of(other, session.id) == await contents_of(store, session.id)


async def test_what_somebody_writes_meanwhile_is_noticed(other, session_id, is_clean):
    async def disturbed():
        async with making(other, session_id) as target:
            await other.session(session_id).files.write_file("a.txt", "somebody's")
            await target.finish(None)

    with pytest.raises(errors.DataDamagedError):
        await disturbed()
    assert await is_clean(other, session_id)


@pytest.mark.parametrize("path", ["workspace/a.txt", "workspace/workspace/a.txt"])
async def test_where_a_path_means_another_one_nothing_is_made_of_it(session_id, other, is_clean, path):
    async with everstore.open_store(workspace_alias=False) as source:
        await source.session(session_id).files.write_file("a.txt", "another")
        await source.session(session_id).files.write_file(path, "a")
        with pytest.raises(errors.InvalidPathError, match="workspace"):
            await copy_session(source, other, session_id)
        assert await is_clean(other, session_id)
        async with everstore.open_store(workspace_alias=False) as target:
            assert await copied(source, target) == {session_id: "copied"}
            assert await target.file_system.read_bytes(session_id, f"/{path}") == b"a"


async def test_a_read_only_file_whose_path_means_another_is_refused(session_id, other, is_clean):
    async with everstore.open_store(workspace_alias=False) as source:
        rules = InitialFile("workspace", "only read", is_readonly=True)
        await source.session(session_id).files.seed_initial_file(rules)
        with pytest.raises(errors.EverstoreError):
            await copy_session(source, other, session_id)
    assert await is_clean(other, session_id)


class _NoForks:
    capabilities = Capabilities(durable=False)


@pytest.fixture
async def forkless(install_plugin):
    """A store whose backend cannot fork."""
    files = type("Files", (_NoForks, InMemorySessionFileStore), {})
    storage = type("Storage", (_NoForks, InMemorySessionStorageStore), {})
    sessions = type("Sessions", (_NoForks, InMemorySessionStore), {})

    class Factory(everstore.SessionFileSystemFactory):
        async def create_session_file_system(self, context):
            return files()

    install_plugin(
        "forkless",
        everstore_file_system_factory=lambda: Factory(),  # noqa: PLW0108 - a hook is a function
        everstore_storage_store=lambda: storage(),  # noqa: PLW0108 - a hook is a function
        everstore_session_store=lambda: sessions(),  # noqa: PLW0108 - a hook is a function
    )
    async with everstore.open_store(backend="forkless") as opened:
        yield opened


async def test_without_forks_a_session_is_compared_with_itself(forkless, exported, contents_of):
    session = await forkless.create_session("whole")
    await forkless.session(session.id).files.write_file("a.txt", "a")
    await forkless.session(session.id).storage.set_value("key", "a")
    archive = await exported(forkless, session.id)
    async with everstore.open_store() as target:
        await import_session(target, io.BytesIO(archive))
        assert await contents_of(target, session.id) == await contents_of(forkless, session.id)


@pytest.mark.parametrize("verb", ["file", "deleted", "swapped"])
async def test_without_forks_a_change_under_way_is_told_and_nothing_is_left(
    forkless, tmp_path, verb, is_clean
):
    session = await forkless.create_session("whole")
    work = forkless.session(session.id)
    await work.files.write_bytes("a.bin", bytes(1000))
    await work.files.write_bytes("b.bin", bytes(5 << 20))
    await work.storage.set_value("key", "a")
    await work.storage.set_secret("token", "a")
    seen = []

    def progress(_more):
        if not seen:
            seen.append(asyncio.ensure_future(change()))

    async def change():
        await {
            "file": lambda: work.files.write_file("c.txt", "new"),
            "deleted": lambda: work.files.delete_file("b.bin"),
            "swapped": lambda: work.files.write_bytes("b.bin", bytes(5 << 20)),
        }[verb]()

    keys = "k:" + "QUJD" * 10 + "QUI="
    place = tmp_path / "torn.tar"
    with pytest.raises(errors.BackendUnavailableError, match="changed"):
        await export_session(forkless, session.id, place, secrets=keys, progress=progress)
    await asyncio.gather(*seen)
    assert not place.exists()
