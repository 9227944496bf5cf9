"""What a user writes, for the type checkers: nothing here runs.

Each ``assert_type`` is a promise about inference; each ignored error must be one, or the unused
ignore is an error itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, assert_type
from uuid import UUID

import everstore
from everstore import (
    BoundSession,
    CallRecord,
    Checkpoint,
    FileChange,
    FileInfo,
    FileLines,
    FileStat,
    GrepMatch,
    InitialFile,
    KeyInfo,
    KeyRing,
    Merged,
    Middleware,
    OpenFileSystem,
    SecretInfo,
    Session,
    SessionFile,
    SessionStorageStore,
    SessionStore,
    Store,
    StoredValue,
    ValueChange,
)
from everstore.changes import AnyFileChange, Delete, Write
from everstore.compat import override
from everstore.errors import (
    EditError,
    MergeConflictError,
    QuotaExceededError,
    ReadOnlyFileError,
    ReadOnlySessionError,
    RevisionConflictError,
)
from everstore.tools import Toolbox

if TYPE_CHECKING:
    from datetime import datetime


async def opening() -> None:
    async with everstore.open_store(backend="memory", limits__file_bytes=1 << 20) as store:
        assert_type(store, Store)
        assert_type(store.file_system, OpenFileSystem)
        assert_type(store.storage, SessionStorageStore)
        assert_type(store.sessions, SessionStore)
        seed = InitialFile("README.md", "# hello\n", is_readonly=True)
        session = await store.create_session("title", files=[seed])
        assert_type(session, Session)
        assert_type(store.session(session.id), BoundSession)
        assert_type(await store.delete_session(session.id), bool)


class Ring(KeyRing):
    @override
    async def current_id(self) -> str:
        return "one"

    @override
    async def key(self, key_id: str) -> bytes | None:
        return bytes(32) if key_id == "one" else None


def watch(record: CallRecord) -> None:
    assert_type(record.waited_ns, int)
    assert_type(record.session_id, UUID | None)
    assert_type(record.outcome, Literal["ok", "refused", "failed", "cancelled"])


async def hosting(layer: Middleware) -> None:
    store = await everstore.open_store(Ring(), middleware=[layer, "tally"], on_call=watch, wait=30)
    assert_type(store, Store)
    await store.ping()
    assert_type(everstore.to_dict(Session()), dict[str, object])
    assert_type(everstore.__version__, str)
    await store.close()
    everstore.open_store(on_call=5)  # type: ignore[arg-type]


async def files(store: Store, session_id: UUID) -> None:
    system = store.file_system
    assert_type(await system.read_file(session_id, "a"), SessionFile | None)
    assert_type(await system.read_file(session_id, "a", strict=True), SessionFile)
    assert_type(await system.list_directory(session_id, "a", strict=True), list[FileInfo])
    assert_type(await system.delete_file(session_id, "a", strict=True), bool)
    assert_type(await system.write_file(session_id, "a", "text"), SessionFile)
    assert_type(await system.stat_file(session_id, "a"), FileStat | None)
    assert_type(await system.list_directory(session_id), list[FileInfo])
    assert_type(await system.grep_files(session_id, "x", regex=True, limit=3), list[GrepMatch])
    assert_type(await system.read_lines(session_id, "a", 1, 10), FileLines | None)
    changes: list[AnyFileChange] = [Write("a", "x"), Delete("b")]
    assert_type(await system.apply_changes(session_id, changes), list[FileInfo | None])
    assert_type(await system.append_file(session_id, "a", "text"), FileInfo)
    assert_type(await system.diff_sessions(session_id, UUID(int=1), after="a", limit=9), list[FileChange])
    await system.fork_session(session_id, UUID(int=1), replaced=UUID(int=2))
    assert_type(await store.storage.diff_sessions(session_id, UUID(int=1)), list[ValueChange])
    assert_type(await store.sessions.list_sessions(checkpoints_of=session_id), list[Session])
    assert_type(await system.list_tree(session_id, "a", depth=2, after="a/b", limit=9), list[FileInfo])
    await system.apply_changes(session_id, ["a"])  # type: ignore[list-item]
    await system.write_file(session_id, "a", b"bytes")  # type: ignore[arg-type]
    await system.write_file(session_id, "a", "text", "utf-8")  # type: ignore[arg-type]
    await system.delete_file("not a uuid", "a")  # type: ignore[arg-type]
    # A file may be missing, so nothing of it can be used before that is looked at.
    (await system.read_file(session_id, "a")).content  # type: ignore[union-attr]  # noqa: B018


async def bound(work: BoundSession) -> None:
    file = await work.files.write_file("a", "text", if_absent=True)
    assert_type(file.revision, str)
    assert_type(file.content, str | None)
    assert_type(file.info(), FileInfo)
    assert_type(file.size_bytes, int)
    created: datetime = file.created_at
    identity: UUID = file.id
    del created, identity
    edited = await work.files.edit_file("a", "old", "new", replace_all=True)
    assert_type(edited.replaced, tuple[int, ...])
    assert_type(await work.files.read_file("a", strict=True), SessionFile)
    assert_type(await work.files.delete_file("a", recursive=True), bool)
    await work.storage.set_value("key", "value", ttl=60)
    assert_type(await work.storage.get_value("key"), str | None)
    assert_type(await work.storage.increment_value("n"), int)
    assert_type(await work.storage.list_keys("log:", limit=10, reverse=True), list[KeyInfo])
    assert_type(await work.storage.read_value("key"), StoredValue | None)
    assert_type(await work.storage.read_values(after="key"), list[StoredValue])
    assert_type(await work.storage.get_values(["key"]), dict[str, str])
    assert_type(await work.storage.list_secrets(), list[SecretInfo])
    await work.storage.set_value("key", 1)  # type: ignore[arg-type]


async def branches(store: Store, session_id: UUID) -> None:
    fork = await store.fork_session(session_id, title="a try", labels={"of": "it"}, secrets=True)
    assert_type(fork, Session)
    assert_type(fork.parent, UUID | None)
    saved = await store.checkpoint(fork, "before")
    assert_type(saved, Checkpoint)
    assert_type(await store.list_checkpoints(fork, limit=3, after=saved), list[Checkpoint])
    assert_type(await store.rewind(fork, saved), Checkpoint | None)
    assert_type(await store.diff(saved, fork, text=True, limit=9), list[FileChange])
    assert_type(await store.diff_values(saved.id, fork.id), list[ValueChange])
    merged = await store.merge(fork, prefer="fork")
    assert_type(merged, Merged)
    assert_type(merged.files[0].after, FileInfo | None)
    assert_type(merged.files[0].kind, Literal["added", "removed", "changed"])
    assert_type(await store.delete_checkpoint(saved), bool)
    await store.merge(fork, prefer="mine")  # type: ignore[arg-type]


async def errors(work: BoundSession) -> None:
    try:
        await work.files.edit_file("a", "old", "new")
    except ReadOnlyFileError as error:
        assert_type(error.path, str)
    except ReadOnlySessionError as error:
        assert_type(error.session_id, UUID)
    except MergeConflictError as error:
        assert_type((error.paths, error.keys), tuple[tuple[str, ...], tuple[str, ...]])
    except EditError as error:
        assert_type(error.matches, int)
    except RevisionConflictError as error:
        assert_type(error.current_revision, str | None)
    except QuotaExceededError as error:
        assert_type(error.allowed, int)
    except PermissionError:  # an everstore error is also what Python calls it
        pass


async def tools(work: BoundSession) -> None:
    toolbox = Toolbox(work, read_only=True, only=["read"])
    assert_type([tool.name for tool in toolbox], list[str])
    answer = await toolbox.call("read", {"path": "a"})
    assert_type(answer.text, str)
    assert_type(answer.is_error, bool)
    assert_type(await toolbox.functions()[0]("a"), str)
    await toolbox.call("read", 1)  # type: ignore[arg-type]


def records_are_immutable(session: Session) -> None:
    session.title = "another"  # type: ignore[misc]
