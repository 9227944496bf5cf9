"""Forks, rewinding and differences of files in memory while threads write, and read without a lock."""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from weakref import ref

import pytest

from everstore import errors, new_checkpoint_id, new_session_id
from everstore.backends.memory.files import MemoryFiles
from everstore.changes import Append, Move, Write
from everstore.settings import Limits

TURNS = 100


@pytest.fixture(autouse=True)
def _hurried():
    """Threads that take turns as often as the interpreter can let them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def beside(work, *readers):
    """``work(turn)`` in turns, beside readers that run over and over, each in a thread: all often enough."""
    looks = [0] * len(readers)
    done = threading.Event()

    async def write():
        turn = 0
        try:
            while min(turn, *looks) < TURNS and not done.is_set():
                await work(turn)
                turn += 1
                await asyncio.sleep(0 if turn < TURNS else 0.001)  # whoever is behind has time
        finally:
            done.set()

    async def read(place, reader):
        try:
            while not done.is_set():
                await reader()
                looks[place] += 1
        finally:
            done.set()

    with ThreadPoolExecutor(len(readers) + 1) as pool:
        all_of_them = [pool.submit(asyncio.run, read(*each)) for each in enumerate(readers)]
        all_of_them.append(pool.submit(asyncio.run, write()))
    for future in all_of_them:
        future.result()


def test_what_is_in_both_states_is_never_missing_while_a_session_is_rewound():
    files, session, checkpoint = MemoryFiles(), new_session_id(), new_checkpoint_id()
    seen = set()

    async def rewind(_turn):
        before = new_checkpoint_id()
        await files.fork_session(checkpoint, session, replaced=before)
        await files.stat_file(session, "/a")
        await files.fork_session(before, session, replaced=new_checkpoint_id())
        await files.list_directory(session)

    async def read():
        file = await files.read_file(session, "/a")
        stat = await files.stat_file(session, "/a")
        assert file.session_id == stat.session_id == session
        assert await files.read_bytes(session, "/a") in {b"first", b"later"}
        assert [info.path for info in await files.list_tree(session)] == ["/a"]
        seen.add(file.content)

    async def begin():
        await files.write_file(session, "/a", "first")
        await files.fork_session(session, checkpoint)
        await files.write_file(session, "/a", "later")

    asyncio.run(begin())
    beside(rewind, read, read)
    assert seen <= {"first", "later"}


def test_a_fork_has_one_moment_of_a_session_that_is_written_and_moved_in():
    files, session = MemoryFiles(), new_session_id()

    async def write(turn):
        text = str(turn)
        await files.apply(session, (Write("/d/a", text), Write("/d/b", text), Append("/log", text)))
        await files.apply(session, (Move("/d", "/e"), Move("/e/a", "/e/c")))
        await files.apply(session, (Move("/e/c", "/e/a"), Move("/e", "/d")))

    async def fork():
        fork = new_session_id()
        await files.fork_session(session, fork)
        infos = {info.path: info for info in await files.list_tree(fork)}
        assert infos.keys() in ({"/d", "/d/a", "/d/b", "/log"}, {"/e", "/e/b", "/e/c", "/log"})
        contents = {(await files.read_file(fork, path)).content for path in infos if path[1:2] in "de"}
        assert len(contents - {None}) == 1
        assert {info.session_id for info in infos.values()} == {fork}
        for path, info in infos.items():
            assert (await files.read_file(fork, path)).info() == info
        assert await files.purge_session(fork)

    asyncio.run(files.apply(session, (Write("/d/a", ""), Write("/d/b", ""), Append("/log", ""))))
    beside(write, fork, fork)


def test_two_sessions_are_compared_at_one_moment():
    """Both get the same file in one step of each pair, so that at most one pair is open."""
    files, session = MemoryFiles(), new_session_id()
    fork = new_session_id()

    async def write(turn):
        await files.write_file(session, f"/{turn % 99}", "x" * (turn % 7))
        await files.write_file(fork, f"/{turn % 99}", "x" * (turn % 7))

    async def compare():
        changes = await files.diff_sessions(session, fork)
        assert len(changes) <= 1
        for change in changes:
            assert (change.kind, change.before.session_id) != ("added", fork)
            assert change.after is None or change.after.session_id == fork

    asyncio.run(files.write_file(session, "/a", "x"))
    asyncio.run(files.fork_session(session, fork))
    beside(write, compare, compare)


def test_forks_of_a_growing_file_grow_apart():
    files, session = MemoryFiles(), new_session_id()
    start = "é" * 70_000

    async def grow(turn):
        await files.append_file(session, "/log", f"<{turn}>" * 300)

    async def branch():
        fork = new_session_id()
        await files.fork_session(session, fork)
        had = (await files.stat_file(fork, "/log")).size_bytes
        await files.append_file(fork, "/log", "mine")
        text = (await files.read_file(fork, "/log")).content
        assert text.endswith("mine")
        assert text.startswith(start)
        assert len(text.encode()) == had + 4
        turns = itertools.count()
        at = 70_000
        while at < len(text) - 4:
            more = f"<{next(turns)}>" * 300
            assert text.startswith(more, at)
            at += len(more)
        part = await files.read_bytes(fork, "/log", had - 5)
        assert part == text.encode()[-9:]

    asyncio.run(files.write_file(session, "/log", start))
    beside(grow, branch, branch)


def test_readers_of_a_fork_that_is_being_made_see_one_revision_of_each_entry():
    files, session = MemoryFiles(), new_session_id()
    forks = [new_session_id()]
    seen: dict[tuple[object, str], str] = {}

    async def begin():
        for number in range(150):
            await files.write_file(session, f"/{number % 7}/{number}", "x")
        await files.fork_session(session, forks[0])

    async def look():
        fork = forks[-1]
        for number in range(0, 150, 37):
            path = f"/{number % 7}/{number}"
            file = await files.read_file(fork, path)
            assert seen.setdefault((fork, path), file.revision) == file.revision
            assert file.session_id == fork

    async def change(_turn):
        fork = new_session_id()
        await files.fork_session(session, fork)
        forks.append(fork)
        await files.write_file(fork, "/new", "x")
        for info in await files.list_directory(fork, "/3"):
            assert seen.setdefault((fork, info.path), info.revision) == info.revision
        for info in await files.list_tree(fork):
            if info.path != "/new":
                assert seen.setdefault((fork, info.path), info.revision) == info.revision

    asyncio.run(begin())
    beside(change, look, look)
    assert len(set(seen.values())) == len(seen)


def test_what_nobody_has_is_let_go_of():
    """A purged fork, made to any extent, keeps nothing, nor does a session for forks that are gone."""

    class Text(str):
        __slots__ = ("__weakref__",)

    async def run():
        files = MemoryFiles()
        session = new_session_id()
        text = Text("x" * 5000)
        await files.write_file(session, "/a", text)
        for number in range(200):
            await files.write_file(session, f"/{number}", "x")
        forks = [new_session_id() for _ in range(3)]
        for fork in forks:
            await files.fork_session(session, fork)
        await files.read_file(forks[0], "/a")
        await files.write_file(forks[1], "/b", "x")
        await files.list_tree(forks[2])
        gone = ref(text)
        del text
        await files.write_file(session, "/a", "other")
        for fork in forks:
            assert gone() is not None
            assert await files.purge_session(fork)
        assert gone() is None

    gc.disable()
    try:
        asyncio.run(run())
    finally:
        gc.enable()


def test_a_session_without_forks_notes_little():
    async def run():
        files, session, fork = MemoryFiles(), new_session_id(), new_session_id()
        await files.write_file(session, "/a", "x")
        await files.fork_session(session, fork)
        for number in range(1000):
            await files.write_file(session, f"/{number}", "x")
            await files.delete_file(session, f"/{number}")
        assert not files._trees[session.int].touched

    asyncio.run(run())


def test_limits_go_with_a_fork_and_count_what_it_shows():
    async def run():
        files = MemoryFiles(Limits(session_bytes=10))
        session, fork = new_session_id(), new_session_id()
        await files.write_file(session, "/a", "123456")
        await files.fork_session(session, fork)
        for each in (session, fork):
            await files.append_file(each, "/a", "7890")
            with pytest.raises(errors.QuotaExceededError):
                await files.append_file(each, "/a", "x")
            assert (await files.usage(each)).bytes == 10

    asyncio.run(run())


class BlockedError(Exception):
    """Whoever wants the lock would wait."""


class OwnLock:
    """A lock that tells whoever wants it while it is held."""

    held = False

    def __enter__(self):
        if self.held:
            raise BlockedError
        self.held = True

    def __exit__(self, *_):
        self.held = False


def at_once(awaitable):
    """What a call answers that never waits."""
    try:
        awaitable.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waited")


def test_at_no_line_of_a_rewind_is_a_file_missing_that_is_there_before_and_after():
    files, session, checkpoint = MemoryFiles(), new_session_id(), new_checkpoint_id()
    for fork in (checkpoint, new_checkpoint_id()):
        at_once(files.write_file(session, "/a", "x"))
        at_once(files.fork_session(session, fork))
    files._lock = OwnLock()
    missing = []

    def look(frame, event, _argument):
        if "backends/memory" not in frame.f_code.co_filename:
            return None
        if event == "line":
            with suppress(BlockedError):
                if at_once(files.read_file(session, "/a")) is None:
                    missing.append((frame.f_code.co_name, frame.f_lineno))
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        at_once(files.fork_session(checkpoint, session, replaced=new_checkpoint_id()))
    finally:
        sys.settrace(before)
    assert not missing
    assert at_once(files.read_file(session, "/a")).content == "x"
