"""Forks, checkpoints, rewinding, differences and merging of sessions, as a store has them."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

import everstore
from everstore import Capabilities, InitialFile, SessionUsage, errors, new_checkpoint_id, new_session_id
from everstore.backends.memory.storage import MemoryStorage
from everstore.changes import Delete, Write
from everstore.models import is_checkpoint

if TYPE_CHECKING:
    from uuid import UUID

    from everstore import Session, Store

CONTENTS = "abc"
PLACES = ["/a", "/b", "/a/x", "/a/y", "/b/x", "/a/x/1", "/b/x/1"]


@pytest.fixture
async def task(store) -> Session:
    """A session with something of every kind."""
    made = await store.create_session(
        "a task",
        labels={"user": "ada"},
        files=[InitialFile("notes.md", "# Notes\n"), InitialFile("rules.md", "rules", is_readonly=True)],
    )
    work = store.session(made)
    await work.files.write_bytes("src/logo.png", b"\0\xff")
    await work.storage.set_values({"step": "1", "mode": "fast"})
    await work.storage.set_value("soon", "over", ttl=1000)
    await work.storage.set_secret("token", "hidden")
    return made


async def kept(store: Store, session_id: UUID) -> dict[str, object]:
    """What a session has, but for ids, revisions and secrets."""
    work = store.session(session_id)
    seen: dict[str, object] = {}
    for info in await work.files.list_tree():
        file = await work.files.read_file(info.path)
        seen[info.path] = (info.is_readonly, info.created_at, info.updated_at, file.content, file.encoding)
    for value in await work.storage.read_values():
        seen[f"value {value.key}"] = (value.value, value.created_at, value.updated_at, value.expires_at)
    return seen


async def test_a_fork_has_the_same_and_goes_its_own_way(store, task):
    fork = await store.fork_session(task)
    assert (fork.parent, fork.title, fork.labels) == (task.id, "a task", {"user": "ada"})
    assert await store.sessions.get_session(fork.id) == fork
    assert await kept(store, fork.id) == await kept(store, task.id) != {}
    one, other = store.session(task), store.session(fork)
    assert await other.storage.list_secrets() == []
    for path in ("/notes.md", "/src", "/src/logo.png", "/rules.md"):
        was, now = await one.files.stat_file(path), await other.files.stat_file(path)
        assert was.id != now.id
        assert was.revision != now.revision
    revision = (await one.files.stat_file("notes.md")).revision
    with pytest.raises(errors.RevisionConflictError):
        await other.files.write_file("notes.md", "x", if_revision=revision)
    before = await kept(store, task.id)
    await other.files.append_file("notes.md", "more")
    await other.files.delete_file("src", recursive=True)
    await other.storage.increment_value("step")
    assert await kept(store, task.id) == before
    assert await store.delete_session(task.id)
    assert (await other.files.read_file("notes.md")).content == "# Notes\nmore"


async def test_a_fork_is_told_its_title_labels_id_and_secrets(store, task):
    given = new_session_id()
    fork = await store.fork_session(
        task.id, title="another", labels={"x": "y"}, session_id=given, secrets=True, base=False
    )
    assert (fork.id, fork.title, fork.labels) == (given, "another", {"x": "y"})
    assert await store.session(fork).storage.get_secret("token") == "hidden"
    assert await store.list_checkpoints(fork) == []
    with pytest.raises(errors.SessionNotEmptyError):
        await store.fork_session(task.id, session_id=given)
    assert await store.session(given).storage.get_secret("token") == "hidden"
    with pytest.raises(errors.InvalidArgumentError):
        await store.fork_session(task.id, session_id=task.id)
    with pytest.raises(errors.ReadOnlySessionError):
        await store.fork_session(task.id, session_id=new_checkpoint_id())
    assert {*await store.session_ids()} == {task.id, given}


async def test_the_starting_point_goes_with_the_fork(store, task):
    fork = await store.fork_session(task)
    [base] = await store.list_checkpoints(fork)
    assert await kept(store, base.id) == await kept(store, task.id)
    assert await store.delete_session(fork.id)
    assert await store.session_ids() == [task.id]


async def test_a_session_that_nobody_used_is_forked_and_checkpointed(store):
    nobody = new_session_id()
    fork = await store.fork_session(nobody)
    assert (fork.parent, fork.title) == (nobody, None)
    checkpoint = await store.checkpoint(nobody)
    await store.session(nobody).files.write_file("a", "x")
    await store.rewind(nobody, checkpoint)
    assert await store.usage(nobody) == SessionUsage()


async def test_a_checkpoint_is_read_and_never_changed(store, task, snapshot):
    before = await kept(store, task.id)
    checkpoint = await store.checkpoint(task, "a label")
    assert (checkpoint.session_id, checkpoint.label) == (task.id, "a label")
    work = store.session(checkpoint)
    await store.session(task).files.write_file("notes.md", "changed")
    seen = await snapshot(checkpoint.id)
    for change in (
        work.files.write_file("a", "x"),
        work.files.delete_file("notes.md"),
        work.files.apply_changes([Delete("notes.md")]),
        work.storage.set_value("k", "v"),
        work.storage.delete_secret("token"),
        store.delete_session(checkpoint.id),
        store.rewind(checkpoint.id, checkpoint),
        store.checkpoint(checkpoint.id),
        store.merge(task.id, checkpoint.id),
        store.sessions.delete_session(checkpoint.id),
        store.file_system.purge_session(checkpoint.id),
        store.create_session("x", session_id=checkpoint.id),
    ):
        with pytest.raises(errors.ReadOnlySessionError) as refused:
            await change
        assert refused.value.session_id == checkpoint.id
    assert await snapshot(checkpoint.id) == seen
    assert await kept(store, checkpoint.id) == before


async def test_checkpoints_are_listed_newest_first_and_are_no_sessions(store, task):
    taken = [await store.checkpoint(task.id, str(number)) for number in range(5)]
    assert await store.list_checkpoints(task) == taken[::-1]
    assert await store.list_checkpoints(task, limit=2) == [taken[4], taken[3]]
    assert await store.list_checkpoints(task, limit=2, after=taken[3]) == [taken[2], taken[1]]
    assert await store.list_checkpoints(task, after=taken[0].id) == []
    assert await store.list_checkpoints(new_session_id()) == []
    assert await store.sessions.list_sessions() == [task]
    assert await store.delete_checkpoint(taken[2])
    assert not await store.delete_checkpoint(taken[2].id)
    assert await store.list_checkpoints(task) == [taken[4], taken[3], taken[1], taken[0]]
    assert await store.list_checkpoints(task, after=taken[2]) == [taken[1], taken[0]]
    with pytest.raises(errors.CheckpointNotFoundError):
        await store.list_checkpoints(task, after=taken[2].id)
    with pytest.raises(errors.InvalidArgumentError):
        await store.delete_checkpoint(task.id)


async def test_a_fork_of_a_checkpoint_is_one_of_its_session(store, task):
    checkpoint = await store.checkpoint(task, "then")
    await store.session(task).files.write_file("notes.md", "now")
    fork = await store.fork_session(checkpoint)
    assert (fork.parent, fork.title) == (task.id, "a task")
    assert (await store.session(fork).files.read_file("notes.md")).content == "# Notes\n"
    await store.session(fork).files.write_file("new", "x")
    merged = await store.merge(fork)
    assert [change.path for change in merged.files] == ["/new"]
    with pytest.raises(errors.CheckpointNotFoundError):
        await store.fork_session(new_checkpoint_id())


async def test_rewinding_is_undone(store, task):
    work = store.session(task)
    checkpoint = await store.checkpoint(task, "then")
    then = await kept(store, task.id)
    ids = {info.path: info.id for info in await work.files.list_tree()}
    conditional = await work.files.write_file("notes.md", "abandoned")
    await work.files.delete_file("src", recursive=True)
    await work.storage.delete_value("step")
    abandoned = await kept(store, task.id)
    before = await store.rewind(task, checkpoint)
    assert await kept(store, task.id) == then
    assert await kept(store, before.id) == abandoned
    assert {info.path: info.id for info in await work.files.list_tree()} == ids
    assert await store.list_checkpoints(task) == [before, checkpoint]
    assert await work.storage.get_secret("token") == "hidden"
    with pytest.raises(errors.RevisionConflictError):
        await work.files.write_file("notes.md", "x", if_revision=conditional.revision)
    assert await store.rewind(task, before.id, keep=False) is None
    assert await kept(store, task.id) == abandoned
    assert await store.list_checkpoints(task) == [before, checkpoint]
    other = await store.create_session()
    for wrong in (checkpoint.id, new_checkpoint_id(), task.id):
        with pytest.raises(errors.CheckpointNotFoundError):
            await store.rewind(other, wrong)


async def test_deleting_a_session_deletes_its_checkpoints_unless_told(store, task):
    checkpoint, fork = await store.checkpoint(task), await store.fork_session(task)
    assert await store.delete_session(task.id, keep_checkpoints=True)
    assert await store.list_checkpoints(task) == [checkpoint]
    assert (await store.session(checkpoint).files.read_file("notes.md")).content == "# Notes\n"
    assert await store.delete_session(task.id)
    assert await store.list_checkpoints(task) == []
    [base] = await store.list_checkpoints(fork)
    assert {*await store.session_ids()} == {fork.id, base.id}


async def test_differences_with_their_texts(store, task):
    fork = await store.fork_session(task)
    work = store.session(fork)
    await work.files.write_file("notes.md", "# Notes\r\nline\u2028 still\nno end")
    await work.files.write_bytes("src/logo.png", b"\1")
    await work.files.write_file("new/a", "x\n")
    await work.files.write_file("large", "x" * (1 << 20) + "y")
    await work.storage.set_value("step", "2")
    changes = await store.diff(task, fork, text=True)
    assert [(change.kind, change.path) for change in changes] == [
        ("added", "/large"),
        ("added", "/new"),
        ("added", "/new/a"),
        ("changed", "/notes.md"),
        ("changed", "/src/logo.png"),
    ]
    texts = {change.path: change.text for change in changes}
    assert texts["/new"] == ""
    assert texts["/new/a"] == "--- /dev/null\n+++ b/new/a\n@@ -0,0 +1 @@\n+x\n"
    assert texts["/notes.md"] == (
        "--- a/notes.md\n+++ b/notes.md\n@@ -1 +1,3 @@\n-# Notes\n+# Notes\r\n+line\u2028 still\n+no end\n"
        "\\ No newline at end of file\n"
    )
    assert texts["/src/logo.png"] == "Binary files /src/logo.png (2 B) and /src/logo.png (1 B) differ\n"
    assert texts["/large"] == "Large files /dev/null and /large (1.0 MiB) differ\n"
    assert [change.path for change in await store.diff(task, fork, after="/new", limit=2)] == [
        *("/new/a", "/notes.md"),
    ]
    assert [(change.kind, change.key) for change in await store.diff_values(task, fork)] == [
        ("changed", "step")
    ]


# -- merging ----------------------------------------------------------------------------------------


async def test_a_merge_takes_what_only_the_fork_changed(store, task):
    fork = await store.fork_session(task)
    mine, theirs = store.session(fork), store.session(task)
    await mine.files.write_file("notes.md", "of the fork")
    await mine.files.delete_file("src", recursive=True)
    await mine.files.write_bytes("src", b"\0now a file")
    await mine.files.create_directory("empty")
    await mine.storage.set_value("step", "2")
    await mine.storage.delete_value("mode")
    await mine.storage.set_value("later", "over", ttl=500)
    await theirs.files.write_file("other.md", "of the target")
    await theirs.storage.set_value("theirs", "1")
    merged = await store.merge(fork)
    assert [(change.kind, change.path) for change in merged.files] == [
        ("added", "/empty"),
        ("changed", "/notes.md"),
        ("changed", "/src"),
        ("removed", "/src/logo.png"),
    ]
    assert [(change.kind, change.key) for change in merged.values] == [
        ("added", "later"),
        ("removed", "mode"),
        ("changed", "step"),
    ]
    assert merged.files[1].after == (await theirs.files.read_file("notes.md")).info()
    assert [change.path for change in await store.diff(fork, task)] == ["/other.md"]
    assert await theirs.storage.get_values(["step", "mode", "later", "theirs"]) == {
        "step": "2",
        "later": "over",
        "theirs": "1",
    }
    assert await store.merge(fork) == everstore.Merged([], [])


async def test_a_conflict_names_all_places_and_changes_nothing(store, task):
    fork = await store.fork_session(task)
    mine, theirs = store.session(fork), store.session(task)
    await mine.files.write_file("notes.md", "of the fork")
    await mine.files.delete_file("src", recursive=True)
    await mine.files.write_file("free", "x")
    await mine.storage.set_values({"step": "2", "free": "x"})
    await theirs.files.write_file("notes.md", "of the target")
    await theirs.files.write_file("src/new", "below what the fork removed")
    await theirs.storage.set_value("step", "3")
    before = await kept(store, task.id)
    with pytest.raises(errors.MergeConflictError) as refused:
        await store.merge(fork)
    assert (refused.value.paths, refused.value.keys) == (("/notes.md", "/src/new"), ("step",))
    assert await kept(store, task.id) == before
    await store.merge(fork, prefer="target")
    assert (await theirs.files.read_file("notes.md")).content == "of the target"
    assert (await theirs.files.read_file("src/new")).content == "below what the fork removed"
    assert (await theirs.files.read_file("free")).content == "x"
    assert await theirs.storage.get_values(["step", "free"]) == {"step": "3", "free": "x"}
    await store.merge(fork, prefer="fork")
    assert [change.path for change in await store.diff(fork, task)] == []
    assert await theirs.storage.get_value("step") == "2"
    with pytest.raises(errors.InvalidArgumentError):
        await store.merge(fork, prefer="nobody")
    with pytest.raises(errors.InvalidArgumentError):
        await store.merge(fork, fork)


async def test_what_has_no_starting_point_is_not_merged(store, task):
    fork = await store.fork_session(task, base=False)
    with pytest.raises(errors.CheckpointNotFoundError):
        await store.merge(fork)


async def change_at_random(chance: random.Random, store: Store, session_id: UUID) -> None:
    files = store.session(session_id).files
    for _ in range(chance.randint(0, 4)):
        path = chance.choice(PLACES)
        try:
            match chance.randrange(4):
                case 0 | 1:
                    await files.write_file(path, chance.choice(CONTENTS))
                case 2:
                    await files.create_directory(path)
                case _:
                    await files.delete_file(path, recursive=True)
        except errors.EverstoreError:
            continue  # it is no tree that it would make


async def shape(store: Store, session_id: UUID) -> dict[str, str | None]:
    files = store.session(session_id).files
    return {info.path: (await files.read_file(info.path)).content for info in await files.list_tree()}


def is_tree(entries: dict[str, str | None]) -> bool:
    parents = {path.rpartition("/")[0] for path in entries} - {""}
    return all(parent in entries and entries[parent] is None for parent in parents)


async def test_merges_are_what_a_comparison_path_by_path_says(store):
    chance = random.Random(14)
    seen = {"merged": 0, "refused": 0}
    for _ in range(40):
        target = await store.create_session()
        await change_at_random(chance, store, target.id)
        fork = await store.fork_session(target)
        base = await shape(store, target.id)
        await change_at_random(chance, store, target.id)
        await change_at_random(chance, store, fork.id)
        mine, theirs = await shape(store, fork.id), await shape(store, target.id)
        places = base.keys() | mine.keys() | theirs.keys()
        gone = object()
        sides = {path: [side.get(path, gone) for side in (base, mine, theirs)] for path in places}
        clashes = {path for path, (was, my, their) in sides.items() if my != was != their != my}
        both = {path: my if my != was else their for path, (was, my, their) in sides.items()}
        wanted = {path: entry for path, entry in both.items() if entry is not gone}
        if clashes or not is_tree(wanted):
            with pytest.raises(errors.MergeConflictError) as refused:
                await store.merge(fork)
            assert clashes <= {*refused.value.paths}
            assert await shape(store, target.id) == theirs
            seen["refused"] += 1
            prefer = chance.choice(["fork", "target"])
            await store.merge(fork, prefer=prefer)
            now = await shape(store, target.id)
            side = 1 if prefer == "fork" else 2
            assert all(
                now.get(path, gone) == states[side]
                for path, states in sides.items()
                if states[side] != states[0]
            ), (prefer, base, mine, theirs, now)
        else:
            await store.merge(fork)
            assert await shape(store, target.id) == wanted
            seen["merged"] += 1
    assert min(seen.values()) > 5


# -- others at the same time ------------------------------------------------------------------------


async def test_forks_are_of_one_moment_whoever_writes(store):
    work = store.session(new_session_id())
    is_over = asyncio.Event()
    await work.files.write_file("a/one", "0")
    await work.files.write_file("a/two", "0")
    await work.storage.set_values({"one": "0", "two": "0"})

    async def write() -> None:
        number, at = 0, "a"
        while not is_over.is_set():
            number += 1
            text = str(number)
            await work.files.apply_changes([Write(f"{at}/one", text), Write(f"{at}/two", text)])
            await work.storage.set_values({"one": text, "two": text})
            to = "b" if at == "a" else "a"
            await work.files.move_file(at, to)
            at = to
            await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    try:
        for _ in range(12):
            fork = store.session(await store.fork_session(work.id))
            entries = await fork.files.list_tree()
            assert [info.path[2:] for info in entries] == ["", "/one", "/two"]
            one, two = [(await fork.files.read_file(info.path)).content for info in entries[1:]]
            assert one == two
            assert len({*(await fork.storage.get_values(["one", "two"])).values()}) == 1
    finally:
        is_over.set()
        await writing


async def test_no_write_is_lost_by_rewinding(store):
    session_id = new_session_id()
    work = store.session(session_id)
    start = await store.checkpoint(session_id, "nothing")
    is_over = asyncio.Event()
    done: set[str] = set()

    async def write(name: str) -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            await work.files.write_file(f"{name}/{number}", "x", if_absent=True)
            await work.storage.set_value(f"/{name}/{number}", "x")
            done.add(f"/{name}/{number}")
            await asyncio.sleep(0)

    writing = [asyncio.create_task(write(name)) for name in ("a", "b")]
    try:
        for _ in range(6):
            await asyncio.sleep(0.01)
            await store.rewind(session_id, start)
    finally:
        is_over.set()
        await asyncio.gather(*writing)
    files: set[str] = set()
    values: set[str] = set()
    for each in [session_id, *[checkpoint.id for checkpoint in await store.list_checkpoints(session_id)]]:
        files |= {info.path for info in await store.session(each).files.list_tree()}
        values |= {info.key for info in await store.session(each).storage.list_keys()}
    assert done <= files
    assert done <= values


async def test_no_write_is_lost_by_merging(store):
    target = await store.create_session()
    work = store.session(target)
    await work.files.write_file("log", "")
    is_over, has_written = asyncio.Event(), asyncio.Event()
    appended = 0

    async def write() -> None:
        nonlocal appended
        while not is_over.is_set():
            await work.files.append_file("log", "x\n")
            appended += 1
            await work.storage.increment_value("n")
            has_written.set()
            await asyncio.sleep(0.001)

    writing = asyncio.create_task(write())
    try:
        for number in range(6):
            fork = await store.fork_session(target)
            await store.session(fork).files.write_file(f"from/{number}", "x")
            await store.session(fork).storage.set_value(f"from {number}", "x")
            has_written.clear()
            await has_written.wait()
            await store.merge(fork)
    finally:
        is_over.set()
        await writing
    assert (await work.files.read_file("log")).content == "x\n" * appended
    assert await work.storage.get_value("n") == str(appended)
    assert len(await work.files.list_directory("from")) == 6
    assert len(await work.storage.list_keys("from ")) == 6


async def test_who_is_cancelled_leaves_nothing_and_loses_nothing(store, task):
    start = await store.checkpoint(task, "start")
    there = {task.id, start.id}
    for steps in range(25):
        for call in (store.fork_session(task), store.checkpoint(task)):
            running = asyncio.ensure_future(call)
            for _ in range(steps):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait([running])
            if not running.cancelled():
                made = running.result()
                await (store.delete_checkpoint if is_checkpoint(made.id) else store.delete_session)(made.id)
            assert {*await store.session_ids()} == there
        await store.session(task).files.write_file("mark", str(steps))
        rewinding = asyncio.ensure_future(store.rewind(task, start))
        for _ in range(steps):
            await asyncio.sleep(0)
        rewinding.cancel()
        await asyncio.wait([rewinding])
        marks = set()
        for each in [task.id, *[checkpoint.id for checkpoint in await store.list_checkpoints(task)]]:
            mark = await store.session(each).files.read_file("mark")
            marks.add(mark and mark.content)
        assert str(steps) in marks
        for checkpoint in (await store.list_checkpoints(task))[:-1]:
            await store.delete_checkpoint(checkpoint)


async def test_who_rewinds_to_what_is_deleted_at_the_same_time_loses_nothing(store):
    for _ in range(8):
        session_id = new_session_id()
        work = store.session(session_id)
        await work.files.write_file("a", "then")
        checkpoint = await store.checkpoint(session_id)
        await work.files.write_file("a", "now")
        rewound, _ = await asyncio.gather(
            store.rewind(session_id, checkpoint, keep=False),
            store.delete_checkpoint(checkpoint),
            return_exceptions=True,
        )
        file = await work.files.read_file("a")
        refused = isinstance(rewound, errors.CheckpointNotFoundError)
        assert (file and file.content) == ("now" if refused else "then"), rewound


# -- backends ---------------------------------------------------------------------------------------


async def test_roles_on_different_backends_are_forked_each(backend):
    async with everstore.open_store(**backend, storage="memory", sessions="memory") as store:
        session = await store.create_session("mixed")
        work = store.session(session)
        await work.files.write_file("a", "x")
        await work.storage.set_value("k", "1")
        checkpoint, fork = await store.checkpoint(session), await store.fork_session(session)
        await store.session(fork).files.write_file("a", "y")
        await store.session(fork).storage.set_value("k", "2")
        await store.merge(fork)
        assert (await work.files.read_file("a")).content == "y"
        assert await work.storage.get_value("k") == "2"
        await store.rewind(session, checkpoint)
        assert (await work.files.read_file("a")).content == "x"
        assert await work.storage.get_value("k") == "1"


async def test_where_one_role_cannot_fork_nothing_happens(backend, install_plugin):
    class Without(MemoryStorage):
        capabilities = Capabilities()

    install_plugin("without", everstore_storage_store=lambda: Without())  # noqa: PLW0108 - a hook is a function
    async with everstore.open_store(**backend, storage="without") as store:
        session = await store.create_session("whole")
        await store.session(session).files.write_file("a", "x")
        for call in (store.fork_session(session), store.checkpoint(session), store.list_checkpoints(session)):
            with pytest.raises(errors.UnsupportedError, match="without"):
                await call
        assert await store.session_ids() == [session.id]
        assert await store.delete_session(session.id)
