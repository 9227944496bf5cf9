"""A backend's ``apply`` of several changes: all or nothing, in one step, each sees those before it."""

from __future__ import annotations

import asyncio
import random

import pytest

import everstore
from everstore import InitialFile, building, errors
from everstore.changes import (
    Append,
    CompareAndWrite,
    Copy,
    Delete,
    DeleteSecret,
    DeleteValue,
    Edit,
    Increment,
    MakeDirectory,
    Move,
    Seed,
    SetSecret,
    SetValue,
    Write,
)


@pytest.fixture
async def opened(backend, monkeypatch):
    """An open store, and the backends of its files and of its values themselves."""
    parts = []

    def recorded(guard):
        def make(part, limits, **options):
            parts.append(part)
            return guard(part, limits, **options)

        return make

    for name in ("FileSystemGuard", "StorageGuard", "DurableStorageGuard"):
        monkeypatch.setattr(building, name, recorded(getattr(building, name)))
    # Encryption, which is around a durable backend's secrets, would hide the backend behind it.
    monkeypatch.setattr(building, "wrap_all", lambda role, _layers: role.calls)
    async with everstore.open_store(**backend) as store:
        yield store, *parts


@pytest.fixture
def store(opened):
    return opened[0]


@pytest.fixture
def files(opened):
    return opened[1]


@pytest.fixture
def values(opened):
    return opened[2]


# What every verb answers, in the order of the changes
async def test_each_change_sees_those_before_it_and_is_answered_as_by_its_verb(files, session_id):
    answers = await files.apply(
        session_id,
        [
            MakeDirectory("/d"),
            Write("/d/a", "one\n"),
            Append("/d/a", "two\n"),
            Edit("/d/a", "two", "zwei"),
            CompareAndWrite("/d/a", "one\nzwei\n", "text", "three\n", "text"),
            CompareAndWrite("/d/a", "something else", "text", "four\n", "text"),
            Copy("/d", "/copied"),
            Move("/copied/a", "/moved"),
            Delete("/copied"),
            Delete("/copied"),
            Seed(InitialFile("/rules", "fixed", is_readonly=True)),
            Write("/d/a", "five\0\n", if_revision=None),
            Edit("/d/a", "\0", "!"),
            MakeDirectory("/"),
            Delete("/", recursive=True),
        ],
    )
    made, *_, whole_root, nothing = answers
    assert (made.path, made.is_directory) == ("/d", True)
    assert answers[2].size_bytes == len("one\ntwo\n")
    assert [file and file.content for file in (answers[1], *answers[3:6])] == [
        *("one\n", "one\nzwei\n", "three\n"),
        None,
    ]
    assert [info.path for info in answers[6:8]] == ["/copied", "/moved"]
    assert answers[8:10] == [True, False]
    assert (answers[10].content, answers[10].is_readonly) == ("fixed", True)
    assert answers[12].content == "five!\n"
    assert (whole_root.path, nothing) == ("/", False)
    assert len({answer.revision for answer in answers[1:5]}) == 4
    assert (await files.read_file(session_id, "/moved")).content == "three\n"
    assert (await files.read_file(session_id, "/d/a")) == answers[12]
    assert [info.path for info in await files.list_directory(session_id)] == ["/d", "/moved", "/rules"]


async def test_nothing_is_changed_by_no_changes(files, values, session_id):
    assert await files.apply(session_id, []) == []
    assert await values.apply(session_id, []) == []
    assert await files.list_directory(session_id) == []


BEFORE = [
    Write("/kept/a", "text"),
    Write("/kept/d/b", "AAE=", "base64"),
    MakeDirectory("/empty"),
    Seed(InitialFile("/fixed", "x", is_readonly=True)),
]
UNDONE = {
    "new": [Write("/new/deep/f", "x"), Append("/new/log", "x"), Copy("/new", "/again")],
    "overwritten": [Write("/kept/a", "other"), Write("/kept/d/b", "plain"), Edit("/kept/a", "other", "x")],
    "deleted": [Delete("/kept", recursive=True), Delete("/empty")],
    "replaced by another kind": [Delete("/kept", recursive=True), Write("/kept", "now a file")],
    "moved": [Move("/kept", "/moved/there"), Write("/kept/a", "new")],
    "moved back": [Move("/kept", "/away"), Move("/away", "/kept")],
    "moved onto": [Move("/kept/a", "/kept/d/b", overwrite=True), Copy("/fixed", "/kept/a")],
    "seeded": [Seed(InitialFile("/fixed", "y")), Seed(InitialFile("/kept/a", "y", is_readonly=True))],
}


@pytest.mark.parametrize("changes", UNDONE.values(), ids=UNDONE)
@pytest.mark.parametrize(
    ("refused", "error"),
    [
        (Write("/fixed/x", "x"), errors.ParentNotDirectoryError),
        (Move("/nowhere", "/else"), errors.PathNotFoundError),
        (Write("/fixed", "x", if_revision="no"), (errors.RevisionConflictError, errors.ReadOnlyFileError)),
        (Edit("/empty", "a", "b"), (errors.PathIsDirectoryError, errors.PathNotFoundError)),
    ],
    ids=lambda each: getattr(each, "verb", ""),
)
async def test_what_is_refused_undoes_those_before_it_and_says_which_it_was(
    files, session_id, snapshot, changes, refused, error
):
    await files.apply(session_id, BEFORE)
    before = await snapshot()
    with pytest.raises(error) as caught:
        await files.apply(session_id, [*changes, refused, Write("/never", "x")])
    assert caught.value.index == len(changes)
    assert await snapshot() == before
    for change in [*changes, Write("/never", "x")]:  # and the store works on
        await files.apply(session_id, [change])


async def test_the_error_of_a_single_change_has_no_place(files, values, session_id):
    for part, change in ((files, Move("/a", "/b")), (values, SetValue("a", "x", if_revision="no"))):
        with pytest.raises(errors.EverstoreError) as caught:
            await part.apply(session_id, [change])
        assert not hasattr(caught.value, "index")


def some_change(chance):
    paths = ["/a", "/b", "/a/b", "/a/b/c", "/b/c"]
    path, other = chance.choice(paths), chance.choice(paths)
    is_new = chance.random() < 0.5
    transfer = chance.choice([Copy, Move])
    changes = [
        Write(path, chance.choice(["xy", "x\n", ""]), if_absent=is_new),
        Append(path, "x"),
        Edit(path, "x", "yx", replace_all=is_new),
        MakeDirectory(path),
        Delete(path, recursive=is_new),
        Seed(InitialFile(path, "xx", is_readonly=is_new)),
        CompareAndWrite(path, "xy", "text", "x", "text"),
    ]
    if not (other == path or other.startswith(path + "/")):
        changes.append(transfer(path, other, overwrite=is_new))
    return chance.choice(changes)


@pytest.mark.parametrize("seed", range(12))
async def test_a_list_does_what_its_changes_do_one_by_one(files, store, seed):
    chance = random.Random(seed)
    together, apart = everstore.new_session_id(), everstore.new_session_id()
    for _ in range(12):
        changes = [some_change(chance) for _ in range(chance.randint(2, 5))]
        before = await shape(store, together)
        outcomes = []
        for change in changes:
            outcomes += await outcome(files, apart, [change])
            if isinstance(outcomes[-1], errors.EverstoreError):
                break
        answers = await outcome(files, together, changes)
        refused = outcomes[-1] if isinstance(outcomes[-1], errors.EverstoreError) else None
        if refused is None:
            assert [plain(each) for each in answers] == [plain(each) for each in outcomes]
        else:
            assert (type(answers[0]), str(answers[0])) == (type(refused), str(refused))
            assert answers[0].index == len(outcomes) - 1
            assert await shape(store, together) == before
            await files.purge_session(apart)
            for path, content, is_readonly in before:
                again = Seed(InitialFile(path, content, is_readonly=is_readonly))
                await files.apply(apart, [MakeDirectory(path) if content is None else again])
        assert await shape(store, together) == await shape(store, apart)


async def outcome(files, session_id, changes):
    """The answers, or the error in their place."""
    try:
        return await files.apply(session_id, changes)
    except errors.EverstoreError as error:
        return [error]


def plain(answer):
    if answer is None or isinstance(answer, bool):
        return answer
    return answer.path, answer.size_bytes, answer.is_directory, answer.is_readonly


async def shape(store, session_id):
    """Every entry of a session, with its content and mode."""
    found = []
    directories = ["/"]
    while directories:
        for info in await store.file_system.list_directory(session_id, directories.pop()):
            entry = await store.file_system.read_file(session_id, info.path)
            found.append((entry.path, entry.content, entry.is_readonly))
            directories += [info.path] if info.is_directory else []
    return sorted(found)


async def test_nobody_sees_one_change_of_a_list_without_the_others(files, values, session_id):
    rounds = 60
    await files.apply(session_id, [Write("/a", "0"), Write("/b", "0")])
    await values.apply(session_id, [SetValue("a", "0"), SetValue("b", "0")])

    async def write():
        for number in map(str, range(1, rounds)):
            # Whoever looked in the midst of it would find nothing, or the second without the first.
            changes = [Delete("/b"), Write("/b", number), Write("/a", number)]
            await files.apply(session_id, changes)
            await values.apply(session_id, [DeleteValue("b"), SetValue("b", number), SetValue("a", number)])

    async def look():
        last = 0
        while last < rounds - 1:
            first, second = [int((await files.read_file(session_id, path)).content) for path in ("/b", "/a")]
            assert first <= second
            last, value = (
                int(await values.get_value(session_id, "b")),
                await values.get_value(session_id, "a"),
            )
            assert last <= int(value)
            await asyncio.sleep(0)

    await asyncio.gather(write(), look(), look())


# Values and secrets
async def test_changes_of_values_and_secrets_are_one_step_too(values, session_id):
    answers = await values.apply(
        session_id,
        [
            SetValue("n", "5"),
            Increment("n", 3),
            Increment("new"),
            SetSecret("s", "a ciphertext"),
            DeleteValue("new"),
            DeleteValue("new"),
            DeleteSecret("s"),
            SetSecret("s", "another"),
        ],
    )
    assert (answers[0].key, answers[0].created_ns) == ("n", answers[0].updated_ns)
    assert answers[1:] == [8, 1, None, True, False, True, None]
    assert await values.get_value(session_id, "n") == "8"
    assert await values.get_secret(session_id, "s") == "another"


@pytest.mark.parametrize(
    ("refused", "error"),
    [
        (SetValue("kept", "x", if_absent=True), errors.RevisionConflictError),
        (Increment("kept"), errors.InvalidContentError),
    ],
    ids=["set", "increment"],
)
async def test_what_is_refused_undoes_the_values_before_it(values, session_id, snapshot, refused, error):
    await values.apply(
        session_id, [SetValue("kept", "text", ttl=3600), SetSecret("s", "x"), SetValue("n", "1")]
    )
    before = await snapshot()
    changes = [
        *(SetValue("kept", "other"), SetValue("new", "x"), DeleteSecret("s"), SetSecret("t", "x")),
        *(Increment("n"), DeleteValue("n")),
    ]
    with pytest.raises(error) as caught:
        await values.apply(session_id, [*changes, refused])
    assert caught.value.index == len(changes)
    assert await snapshot() == before


async def test_an_open_store_is_changed_by_its_verbs(store, session_id):
    for part in (store.file_system, store.storage):
        with pytest.raises(errors.UnsupportedError, match="the verbs"):
            await part.apply(session_id, [])
