"""The backend of deepagents: races that its own backends lose, sessions of runs, and what is refused."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest
from deepagents.backends import CompositeBackend, StateBackend

import everstore
from everstore import sync
from everstore.adapters import calls
from everstore.adapters.deepagents import EverstoreBackend
from everstore.adapters.naming import labels_of
from everstore.errors import StoreClosedError
from everstore.middleware import PathPolicy
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Iterator

ANY_TEXTS = ["a/b", "../../x", "", " ", "\U0001f600 日本", "x" * 10_000, "a\0b", "A", "a", "%2e", "\n"]

EDITS = """
import sys
from uuid import UUID
from everstore import sync
with sync.open_store() as store:
    files = store.session(UUID(sys.argv[1])).files
    for line in range(25, 50):
        files.edit_file("/log", f"<{line}>", f"<{line} done>")
        files.edit_file("/list", "END", f"{line}\\nEND")
"""
"""Another process, which works with the same files without deepagents: that takes seconds to import."""


@pytest.fixture
def blocking(environment) -> Iterator[sync.Store]:
    with sync.open_store() as opened:
        yield opened


@pytest.fixture
def own(store: everstore.Store) -> EverstoreBackend:
    return EverstoreBackend(store, session=uuid4())


def marked(count: int) -> str:
    return "".join(f"<{line}>\n" for line in range(count))


async def test_twenty_parallel_edits_all_stay(own):
    await own.awrite("/log", marked(20))
    answers = await asyncio.gather(*(own.aedit("/log", f"<{n}>", f"<{n} done>") for n in range(20)))
    assert {answer.occurrences for answer in answers} == {1}
    content = (await own.aread("/log")).file_data["content"]
    assert content == "".join(f"<{n} done>\n" for n in range(20))


async def test_fifty_parallel_appends_all_stay(own):
    await own.awrite("/list", "END\n")
    await asyncio.gather(*(own.aedit("/list", "END", f"{n}\nEND") for n in range(50)))
    lines = (await own.aread("/list")).file_data["content"].split()
    assert sorted(lines[:-1], key=int) == [str(n) for n in range(50)]


def test_threads_that_edit_beside_each_other_lose_nothing(blocking):
    backend = EverstoreBackend(blocking, session=uuid4())
    backend.write("/log", marked(20))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: backend.edit("/log", f"<{n}>", f"<{n} done>"), range(20)))
    assert {answer.occurrences for answer in answers} == {1}
    assert backend.grep("done", max_count=100).matches is not None
    assert len(backend.grep("done").matches) == 20


@pytest.mark.parametrize("environment", ["sqlite", "postgres"], indirect=True)
async def test_two_processes_edit_the_same_files(store):
    session = uuid4()
    backend = EverstoreBackend(store, session=session)
    await backend.aupload_files([("/log", marked(50).encode()), ("/list", b"END\n")])
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", EDITS, str(session))
    for line in range(25):
        assert (await backend.aedit("/log", f"<{line}>", f"<{line} done>")).occurrences == 1
        assert (await backend.aedit("/list", "END", f"{line}\nEND")).occurrences == 1
    assert await process.wait() == 0
    log, lines = await backend.adownload_files(["/log", "/list"])
    assert log.content.decode().count("done>") == 50
    assert len(lines.content.split()) == 51


async def test_a_delete_beside_writes_takes_a_whole_directory_or_none(own):
    """FilesystemBackend's own fails on a directory that fills while it is removed."""
    for turn in range(10):
        await own.aupload_files([(f"/tree/{n}", b"old") for n in range(20)])
        writes = [own.awrite(f"/tree/{n}", "new") for n in range(20)]
        deleted, *written = await asyncio.gather(own.adelete("/tree"), *writes)
        assert deleted.error is None, turn
        assert {answer.error for answer in written} == {None}
        left = (await own.agrep("old")).matches
        assert left == []


async def test_any_text_names_a_session(store):
    for name in ANY_TEXTS:
        own = EverstoreBackend(store, namespace=lambda _, name=name: ("user", name))
        assert (await own.awrite("/a", name)).error is None
        labels = labels_of("deepagents", {"namespace_1": name})
        [record] = await store.sessions.list_sessions(labels=labels)
        assert (await store.session(record.id).files.read_file("a")).content == name


async def test_a_look_makes_no_session(store):
    backend = EverstoreBackend(store, namespace=lambda _: ("nobody",))
    assert (await backend.als("/")).entries == []
    assert (await backend.aedit("/a", "b", "c")).error == "Error: File '/a' not found"
    assert await store.session_ids() == []


async def test_a_session_that_was_deleted_gets_a_record_again(store):
    backend = EverstoreBackend(store, namespace=lambda _: ("ada", "deleted"))
    for _ in range(2):
        assert (await backend.awrite("/a", "a")).error is None
        [session] = await store.sessions.list_sessions(labels={"namespace_1": "deleted"})
        await store.delete_session(session.id)


async def test_a_session_of_a_run_needs_a_run(store):
    with pytest.raises(RuntimeError, match="thread_id"):
        await EverstoreBackend(store).als("/")
    with pytest.raises(RuntimeError, match="only in a run"):
        await EverstoreBackend(store, namespace=lambda run: (run.context.user,)).als("/")
    with pytest.raises(ValueError, match="tuple"):
        await EverstoreBackend(store, namespace=lambda _: ()).als("/")
    with pytest.raises(ValueError, match="not both"):
        EverstoreBackend(store, session=uuid4(), namespace=lambda _: ("a",))


async def test_what_is_refused_is_told(store):
    session = uuid4()
    backend = EverstoreBackend(store, session=session)
    await store.create_session(
        session_id=session,
        files=[InitialFile("/kept/rules.md", "rules\n", is_readonly=True)],
        limits={"session_bytes": 1000},
    )
    assert "read-only" in (await backend.awrite("/kept/rules.md", "")).error
    assert "read-only" in (await backend.aedit("/kept/rules.md", "rules", "")).error
    assert "read-only" in (await backend.adelete("/kept")).error
    assert "cannot be deleted" in (await backend.adelete("/")).error
    assert "1,000" in (await backend.awrite("/large", "x" * 1001)).error
    assert "is a file" in (await backend.awrite("/kept/rules.md/below", "")).error
    assert (await backend.als("/kept/rules.md")).error == "Path '/kept/rules.md': not_a_directory"
    assert (await backend.als("/kept/rules.md/below")).error == "Path '/kept/rules.md/below': path_not_found"
    assert "'..'" in (await backend.awrite("/../a", "")).error
    assert (await backend.aedit("/kept", "a", "b")).error == "Error: File '/kept' not found"


async def test_uploads_that_are_refused_keep_no_other_from_being_written(store):
    session = uuid4()
    await store.create_session(session_id=session, files=[InitialFile("/fixed", "", is_readonly=True)])
    backend = EverstoreBackend(store, session=session)
    paths = ["/a", "/fixed", "/a/below", "/../b", "/d/c", "/d"]
    answers = await backend.aupload_files(list(zip(paths, (b"a", b"", b"", b"", b"\xff", b""), strict=True)))
    words = [None, "permission_denied", "invalid_path", "invalid_path", None, "is_directory"]
    assert [answer.error for answer in answers] == words
    answers = await backend.adownload_files([*paths, "/gone"])
    words = [None, None, "invalid_path", "invalid_path", None, "is_directory", "file_not_found"]
    assert [answer.error for answer in answers] == words
    assert [answer.content for answer in answers[:5]] == [b"a", b"", None, None, b"\xff"]


async def test_a_policy_of_the_host_is_told(environment):
    async with everstore.open_store(middleware=[PathPolicy(deny_write=["/kept/**"])]) as store:
        own = EverstoreBackend(store, session=uuid4())
        assert (await own.awrite("/kept/a", "a")).error.startswith("Error writing file '/kept/a': ")
        answers = await own.aupload_files([("/kept/a", b"a"), ("/b", b"b")])
        assert [answer.error for answer in answers] == ["permission_denied", None]


async def test_a_store_that_is_only_read_answers_so(tmp_path):
    settings = {"backend": "sqlite", "sqlite_path": str(tmp_path / "a.db")}
    async with everstore.open_store(**settings) as store:
        await store.session(UUID(int=1)).files.write_file("/a", "a")
    async with everstore.open_store(**settings, sqlite_read_only=True) as store:
        own = EverstoreBackend(store, session=UUID(int=1))
        told = [answer.error for answer in await own.aupload_files([("/a", b""), ("/b", b"")])]
        told += [(await own.awrite("/a", "")).error, (await own.aedit("/a", "a", "b")).error]
        told += [(await own.adelete("/a")).error]
        assert all(told)
        assert (await own.aread("/a")).file_data["content"] == "a"


async def test_bytes_are_read_as_base64_whatever_they_are_called(own):
    await own.aupload_files([("/notes.txt", b"\xff\x00"), ("/logo.png", b"text")])
    for path, content in (("/notes.txt", "/wA="), ("/logo.png", "dGV4dA==")):
        data = (await own.aread(path, offset=5, limit=1)).file_data
        assert (data["content"], data["encoding"]) == (content, "base64")
    assert "not a text file" in (await own.aedit("/notes.txt", "a", "b")).error


async def test_an_edit_that_fails_tells_where_the_text_is(own):
    await own.awrite("/a.py", "def one():\n    return 1\n\ndef one():\n    return 2\n")
    assert "2 times in file (lines 1, 4)" in (await own.aedit("/a.py", "def one()", "def two()")).error
    assert "lines 2, 5" in (await own.aedit("/a.py", "    return 3", "")).error
    assert "white space" in (await own.aedit("/a.py", "\treturn 1", "")).error


async def test_the_alias_of_the_root_leads_around_no_rule(own):
    """A rule of deepagents denies ``/secrets/**`` by spelling."""
    await own.awrite("/secrets/key", "k")
    assert "write '/secrets/key'" in (await own.aread("/workspace/secrets/key")).error
    assert "write '/'" in (await own.als("/workspace")).error
    [answer] = await own.adownload_files(["/workspace/secrets/key"])
    assert (answer.error, answer.content) == ("invalid_path", None)


async def test_without_the_alias_its_name_is_one_like_any_other(environment):
    async with everstore.open_store(workspace_alias=False) as store:
        backend = EverstoreBackend(store, session=uuid4())
        assert (await backend.awrite("/workspace/a.txt", "a\n")).error is None
        for found in (await backend.aglob("*.txt", "/workspace"), await backend.agrep("a", "/workspace")):
            assert [each["path"] for each in found.matches] == ["/workspace/a.txt"]


async def test_it_is_a_route_of_a_composite(store):
    memories = EverstoreBackend(store, session=uuid4())
    backend = CompositeBackend(default=StateBackend(), routes={"/memories/": memories})
    assert (await backend.awrite("/memories/a.md", "a")).path == "/memories/a.md"
    assert [each["path"] for each in (await backend.als("/memories/")).entries] == ["/memories/a.md"]
    assert (await memories.aread("/a.md")).file_data["content"] == "a"


async def test_without_await_a_store_is_called_from_other_threads_than_its_loops(store):
    own = EverstoreBackend(store, session=uuid4())
    with pytest.raises(asyncio.InvalidStateError, match=r"sync\.Store"):
        own.ls("/")
    assert (await asyncio.to_thread(own.ls, "/")).entries == []


async def test_a_loop_that_waits_for_a_synchronous_call_is_told_of(store, monkeypatch):
    """As where an agent is invoked without await on the store's loop, and runs its tools in threads."""
    monkeypatch.setattr(calls, "_LOOK_AFTER", 0.01)
    monkeypatch.setattr(calls, "_PATIENCE", 0.01)
    own = EverstoreBackend(store, session=uuid4())
    with ThreadPoolExecutor() as threads, pytest.raises(asyncio.InvalidStateError, match="stands still"):
        threads.submit(own.ls, "/").result()
    assert (await own.als("/")).error is None


async def test_a_synchronous_call_that_takes_long_is_waited_for(store, monkeypatch):
    monkeypatch.setattr(calls, "_LOOK_AFTER", 0.001)
    own = EverstoreBackend(store, session=uuid4())
    assert (await asyncio.to_thread(own.write, "/a", "a" * 5_000_000)).error is None
    assert len((await own.adownload_files(["/a"]))[0].content) == 5_000_000


async def test_what_no_model_can_mend_is_raised(environment):
    async with everstore.open_store() as store:
        backend = EverstoreBackend(store, session=uuid4())
    with pytest.raises(StoreClosedError):
        await backend.awrite("/a", "")
