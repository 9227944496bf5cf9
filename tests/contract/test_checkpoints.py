"""Nothing changes a checkpoint: every verb that is not known to read is refused, by the id alone."""

from __future__ import annotations

import inspect
from uuid import UUID

import pytest

import everstore
from everstore import (
    Capabilities,
    OpenFileSystem,
    Session,
    SessionFileSystemFactory,
    SessionStorageStore,
    SessionStore,
    errors,
    new_checkpoint_id,
)
from everstore.backends.memory.files import MemoryFiles
from everstore.backends.memory.sessions import MemorySessions
from everstore.backends.memory.storage import MemoryStorage
from everstore.changes import Delete, Increment, Write
from everstore.guards.checkpoints import changed_by
from everstore.interfaces import DurableStorageStore, SecretRotation

INTERFACES = {"file_system": OpenFileSystem, "storage": SessionStorageStore, "sessions": SessionStore}
READING = {
    *("read_file", "read_bytes", "read_lines", "stat_file", "list_directory", "list_tree", "glob_files"),
    *("grep_files", "diff_sessions", "usage", "session_ids", "get_value", "get_values", "read_value"),
    *("read_values", "list_keys", "stat_value", "get_secret", "list_secrets", "get_session", "list_sessions"),
}


class Driver(UUID):
    """An id of a driver's own kind."""


@pytest.fixture
async def checkpoint(store, furnished) -> UUID:
    """A checkpoint of a session with something of every kind."""
    taken = new_checkpoint_id()
    await store._trusted.file_system.fork_session(furnished.id, taken)
    await store._trusted.storage.fork_session(furnished.id, taken)
    await store._trusted.sessions.add_session(Session(taken, "label", 5, parent=furnished.id))
    return taken


@pytest.mark.parametrize("kind", [UUID, Driver])
async def test_every_verb_reads_a_checkpoint_or_is_refused(store, checkpoint, snapshot, call, kind):
    before = await snapshot(checkpoint)
    calling = call.on(store, kind(int=checkpoint.int))
    if call.verb in READING:
        await calling
    else:
        with pytest.raises(errors.ReadOnlySessionError) as refused:
            await calling
        assert refused.value.session_id == checkpoint
        assert str(checkpoint) in str(refused.value)
    assert await snapshot(checkpoint) == before


async def test_what_was_taken_is_there(store, checkpoint, furnished, snapshot):
    here, there = await snapshot(checkpoint), await snapshot()
    assert {key for key in there if "secret" not in key} == {key for key in here if "secret" not in key}
    assert here["/kept.txt"].content == "kept"
    assert await furnished.storage.list_secrets() != []


async def test_a_session_can_be_changed_after_a_checkpoint_was_refused_and_before(store, checkpoint, work):
    for _ in range(2):
        await work.files.write_file("a", "x")
        await work.storage.set_value("a", "x")
        with pytest.raises(errors.ReadOnlySessionError):
            await store.session(checkpoint).files.write_file("a", "x")
        with pytest.raises(errors.ReadOnlySessionError):
            await store.session(checkpoint).storage.set_value("a", "x")


async def test_a_fork_goes_from_a_checkpoint_and_never_into_one(store, checkpoint, work):
    other, third = new_checkpoint_id(), everstore.new_session_id()
    for role in (store.file_system, store.storage):
        for target, replaced in ((other, None), (other, third), (third, other), (checkpoint, None)):
            with pytest.raises(errors.ReadOnlySessionError):
                await role.fork_session(work.id, target, replaced=replaced)
        await role.fork_session(checkpoint, third)
        assert await role.diff_sessions(checkpoint, third) == []


async def test_the_refusal_comes_before_all_others(store, checkpoint):
    work = store.session(checkpoint)
    with pytest.raises(errors.ReadOnlySessionError):
        await work.files.write_file("../..", "x")
    with pytest.raises(errors.ReadOnlySessionError):
        await work.files.apply_changes([Write("a", "x"), Delete("nothing")])
    with pytest.raises(errors.ReadOnlySessionError):
        await work.storage.change_values([Increment("kept")])


async def test_a_closed_store_is_closed_first(checkpoint, store):
    if not store.backends:
        return
    await store.close()
    with pytest.raises(errors.StoreClosedError):
        await store.file_system.write_file(checkpoint, "a", "x")


def test_what_is_not_known_to_read_changes():
    async def unheard_of(self, one: UUID, path: str, *, other: UUID | None = None) -> None: ...

    assert changed_by("unheard_of", unheard_of) == ("one", "other")
    for interface in INTERFACES.values():
        for name, member in inspect.getmembers(interface, inspect.iscoroutinefunction):
            parameters = [*inspect.signature(member).parameters]
            if name in READING or name in {"apply", "close", "search"} or name.startswith("_"):
                continue
            assert set(changed_by(name, member)) == {*parameters} & {
                *("session_id", "target", "replaced", "session")
            }


def test_rotation_changes_no_checkpoint():
    assert changed_by("swap_secret", SecretRotation.swap_secret) == ("session_id",)
    assert changed_by("scan_secrets", DurableStorageStore.scan_secrets) == ()


async def test_what_is_not_claimed_is_refused_with_no_backend_asked(install_plugin, session_id):
    class Files(MemoryFiles):
        capabilities = Capabilities()

    class Factory(SessionFileSystemFactory):
        async def create_session_file_system(self, context):
            return Files(context.limits)

    class Values(MemoryStorage):
        capabilities = Capabilities()

    class Records(MemorySessions):
        capabilities = Capabilities()

    factory, records = Factory(), Records()
    install_plugin(
        "plain",
        everstore_file_system_factory=lambda: factory,
        everstore_storage_store=lambda context: Values(context.limits),
        everstore_session_store=lambda: records,
    )
    other = everstore.new_session_id()
    async with everstore.open_store(backend="plain") as store:
        for call in (
            store.file_system.fork_session(session_id, other),
            store.file_system.diff_sessions(session_id, other),
            store.storage.fork_session(session_id, other),
            store.sessions.list_sessions(checkpoints_of=session_id),
        ):
            with pytest.raises(errors.UnsupportedError):
                await call
        await store.storage.set_value(session_id, "k", "v")
        [change] = await store.storage.diff_sessions(other, session_id)
        assert (change.key, change.kind, change.before) == ("k", "added", None)
