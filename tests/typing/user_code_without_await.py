"""What a user of ``everstore.sync`` writes, for the type checkers: nothing here runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, assert_type

import everstore
from everstore import (
    Capabilities,
    Checkpoint,
    EditedFile,
    FileChange,
    FileInfo,
    FileLines,
    InitialFile,
    KeyInfo,
    Merged,
    Session,
    SessionFile,
    SessionUsage,
    StoredValue,
    sync,
)
from everstore.changes import AnyFileChange, Delete, Write

if TYPE_CHECKING:
    from concurrent.futures import Future
    from uuid import UUID


def opening() -> None:
    with sync.open_store(backend="memory", limits__file_bytes=1 << 20) as store:
        assert_type(store, sync.Store)
        assert_type(store.file_system, sync.OpenFileSystem)
        assert_type(store.storage, sync.SessionStorageStore)
        assert_type(store.sessions, sync.SessionStore)
        assert_type(store.asynchronous, everstore.Store)
        assert_type(store.file_system.capabilities, Capabilities)
        session = store.create_session("title", files=[InitialFile("README.md", "# hello\n")])
        assert_type(session, Session)
        assert_type(store.session(session.id), sync.BoundSession)
        assert_type(store.delete_session(session.id), bool)
        store.create_session(b"title")  # type: ignore[arg-type]
    sync.open_store(on_call="tell")  # type: ignore[arg-type]


def files(store: sync.Store, session_id: UUID) -> None:
    system = store.file_system
    assert_type(system.read_file(session_id, "a"), SessionFile | None)
    assert_type(system.read_file(session_id, "a", strict=True), SessionFile)
    assert_type(system.list_directory(session_id, "a", strict=True), list[FileInfo])
    assert_type(system.read_lines(session_id, "a", 1, 10), FileLines | None)
    assert_type(system.append_file(session_id, "a", "text"), FileInfo)
    fork = store.fork_session(session_id)
    assert_type(fork, Session)
    assert_type(store.rewind(fork, store.checkpoint(fork)), Checkpoint | None)
    assert_type(store.session(store.checkpoint(fork, "before")), sync.BoundSession)
    assert_type(store.session(fork), sync.BoundSession)
    assert_type(store.list_checkpoints(fork, limit=1), list[Checkpoint])
    assert_type(store.diff(session_id, fork), list[FileChange])
    assert_type(store.merge(fork, prefer="target"), Merged)
    assert_type(store.delete_session(fork, keep_checkpoints=True), bool)
    store.rewind(fork, fork)  # type: ignore[arg-type]
    changes: list[AnyFileChange] = [Write("a", "x"), Delete("b")]
    assert_type(system.apply_changes(session_id, changes), list[FileInfo | None])
    system.write_file(session_id, "a", b"bytes")  # type: ignore[arg-type]
    system.write_file(session_id, "a", "text", "utf-8")  # type: ignore[arg-type]
    system.delete_file("not a uuid", "a")  # type: ignore[arg-type]
    system.apply(session_id, changes)  # type: ignore[attr-defined]
    (system.read_file(session_id, "a")).content  # type: ignore[union-attr]  # noqa: B018


def bound(work: sync.BoundSession) -> None:
    file = work.files.write_file("a", "text", if_absent=True)
    assert_type(file.revision, str)
    assert_type(work.files.edit_file("a", "old", "new", replace_all=True), EditedFile)
    assert_type(work.files.read_file("a", strict=True), SessionFile)
    assert_type(work.storage.get_value("key"), str | None)
    assert_type(work.storage.increment_value("n"), int)
    assert_type(work.storage.list_keys("log:", limit=10, reverse=True), list[KeyInfo])
    assert_type(work.storage.read_value("key"), StoredValue | None)
    assert_type(work.storage.set_secret("name", "value"), None)
    assert_type(work.usage(), SessionUsage)
    work.storage.set_value("key", 1)  # type: ignore[arg-type]
    work.files.read_file("a", no_such_option=True)  # type: ignore[call-overload]


async def steps(store: everstore.Store, session_id: UUID) -> int:
    return await store.storage.increment_value(session_id, "n")


def coroutines(store: sync.Store, session_id: UUID) -> None:
    assert_type(store.run(steps(store.asynchronous, session_id)), int)
    assert_type(store.run(asyncio.wait_for(steps(store.asynchronous, session_id), 5)), int)
    future = store.submit(steps(store.asynchronous, session_id))
    assert_type(future.result(), int)
    del future
    futures: list[Future[int]] = [store.submit(steps(store.asynchronous, session_id))]
    del futures
    store.run(5)  # type: ignore[arg-type]
