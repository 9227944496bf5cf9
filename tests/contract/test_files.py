"""Contract §3: files and directories."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest

from everstore import InitialFile, errors, new_session_id

TEXTS = [
    *("", "a", "\n", "a\r\nb\r\n", "a\rb", "trailing\n", "no end", "nul\0inside\0", "{}[]", "%_\\"),
    *("\ufeffwith a mark", "é\u2028\U0001f600", "tab\t \x0b\x0c\x7f\x85", "e\u0301", "\uffff\ufffe"),
    *("x" * 65_535, "x" * 65_536, "x" * 65_537, "é" * 40_000, "\U0010ffff" * 5, "'; DROP TABLE files; --"),
    "".join(map(chr, range(128))),
]
BYTES = [b"", b"\0", bytes(range(256)), b"\xff\xfe", b"text", b"\r\n", bytes(70_000), bytes(range(256)) * 300]
NO_TEXT = ["\ud800", "a\udfff", "\udc80b", b"ascii", b"\xff", bytearray(b"a"), None, 1, ["a"]]
NO_ENCODING = ["latin-1", "", "TEXT", None, "BASE64", "base32", 1]
NO_BASE64 = [
    *("a", "YQ", "YQ=", "=", "====", "Y=Q=", "YQ==\n", "Y Q==", " YQ==", "YR==", "YWF=", "-_-_", "YQ==YQ=="),
    *("é===", "YQ\0=", "\ud800", b"YQ==", None),
]
UNSTORABLE = [
    *((content, "text") for content in NO_TEXT),
    *(("eA==", encoding) for encoding in NO_ENCODING),
    *((content, "base64") for content in NO_BASE64),
]


# §3.1
async def test_a_directory_reads_as_an_entry_without_content(work):
    await work.files.write_file("a/b/c", "x")
    for path in ("/", "/a", "/a/b"):
        entry = await work.files.read_file(path)
        assert (entry.path, entry.content, entry.is_directory) == (path, None, True)
        assert (entry.size_bytes, entry.is_readonly) == (0, False)
    assert await work.files.read_file("a/b/c/d") is None
    assert await work.files.read_file("a/x") is None


# §3.2
async def test_a_written_file_is_what_is_read(work, session_id):
    before = datetime.now(UTC)
    written = await work.files.write_file("a/b.txt", "text")
    assert written == await work.files.read_file("a/b.txt")
    assert (written.session_id, written.path, written.name) == (session_id, "/a/b.txt", "b.txt")
    assert (written.content, written.encoding, written.size_bytes) == ("text", "text", 4)
    assert (written.is_readonly, written.is_directory) == (False, False)
    assert isinstance(written.id, UUID)
    assert written.created_at == written.updated_at
    assert abs((written.created_at - before).total_seconds()) < 60
    assert written.revision
    assert isinstance(written.revision, str)


async def test_missing_parents_are_made(work):
    await work.files.write_file("a/b/c/d.txt", "x")
    for path in ("a", "a/b", "a/b/c"):
        assert (await work.files.stat_file(path)).is_directory


async def test_an_overwrite_keeps_identity_and_moves_time_and_revision(work):
    first = await work.files.write_file("a", "longer text")
    for content in ("x", "", "longer text", "longer text"):
        second = await work.files.write_file("a", content)
        assert (second.id, second.created_at) == (first.id, first.created_at)
        assert second.updated_at >= first.updated_at
        assert second.revision != first.revision
        assert await work.files.read_file("a") == second
        assert second.content == content
        first = second
    assert second.updated_at > second.created_at


async def test_each_entry_has_its_own_id(work):
    await work.files.write_file("a/b/c.txt", "x")
    await work.files.write_file("a/b/d.txt", "x")
    await work.files.create_directory("e/f")
    await work.files.copy_file("a", "g/h")
    paths = [
        "/",
        "a",
        "a/b",
        "a/b/c.txt",
        "a/b/d.txt",
        "e",
        "e/f",
        "g",
        "g/h",
        "g/h/b",
        "g/h/b/c.txt",
        "g/h/b/d.txt",
    ]
    ids = [(await work.files.stat_file(path)).id for path in paths]
    assert len(set(ids)) == len(ids)
    assert all(one.version == 7 for one in ids)
    assert ids == [(await work.files.read_file(path)).id for path in paths]


# §3.3
async def test_text_is_kept_byte_for_byte(work):
    for number, text in enumerate(TEXTS):
        file = await work.files.write_file(f"{number}", text)
        assert file.content == text
        assert file.size_bytes == len(text.encode())
        read = await work.files.read_file(f"{number}")
        assert (read.content, read.encoding) == (text, "text")
        assert (await work.files.stat_file(f"{number}")).size_bytes == len(text.encode())


async def test_bytes_are_kept(work):
    for number, data in enumerate(BYTES):
        content = b64encode(data).decode()
        file = await work.files.write_file(f"{number}", content, "base64")
        assert file.size_bytes == len(data)
        read = await work.files.read_file(f"{number}")
        assert (read.content, read.encoding, read.size_bytes) == (content, "base64", len(data))


async def test_a_longer_and_a_shorter_overwrite_leave_no_rest(work):
    for content, encoding in [
        ("x" * 100_000, "text"),
        ("AAEC", "base64"),
        ("", "text"),
        ("é", "text"),
        ("", "base64"),
    ]:
        await work.files.write_file("a", content, encoding)
        read = await work.files.read_file("a")
        assert (read.content, read.encoding) == (content, encoding)


@pytest.mark.parametrize("verb", ["write", "append", "append new", "seed", "expected", "replacement"])
async def test_what_cannot_be_stored_is_refused_and_nothing_is_written(verb, furnished, refused):
    files = furnished.files
    verbs = {
        "write": lambda content, encoding: files.write_file("kept.txt", content, encoding),
        "append": lambda content, encoding: files.append_file("kept.txt", content, encoding),
        "append new": lambda content, encoding: files.append_file("new/file", content, encoding),
        "seed": lambda content, encoding: files.seed_initial_file(InitialFile("kept.txt", content, encoding)),
        "expected": lambda content, encoding: files.write_file_if_content_matches(
            "kept.txt", content, encoding, "x", "text"
        ),
        "replacement": lambda content, encoding: files.write_file_if_content_matches(
            "kept.txt", "kept", "text", content, encoding
        ),
    }
    for content, encoding in UNSTORABLE:
        error = await refused(errors.InvalidContentError, verbs[verb](content, encoding), (content, encoding))
        assert error.code == "invalid_content"
        assert isinstance(error, ValueError)


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", None, 1, b"kept", ["kept"]], ids=repr)
async def test_what_is_no_text_cannot_be_edited_in_or_out(text, furnished, refused):
    await refused(errors.InvalidContentError, furnished.files.edit_file("kept.txt", text, "x"))
    await refused(errors.InvalidContentError, furnished.files.edit_file("kept.txt", "kept", text))


@pytest.mark.parametrize("seed", [None, "a.txt", ("a.txt", "x"), {"path": "a.txt"}], ids=repr)
async def test_a_seed_is_an_initial_file(seed, furnished, refused):
    await refused(errors.InvalidContentError, furnished.files.seed_initial_file(seed))


@pytest.mark.parametrize("flag", [None, 0, 1, "yes"], ids=repr)
async def test_flags_are_true_or_false(flag, furnished, refused):
    files = furnished.files
    calls = [
        files.delete_file("kept.txt", flag),
        files.edit_file("kept.txt", "kept", "x", replace_all=flag),
        files.copy_file("kept.txt", "copy", overwrite=flag),
        files.move_file("kept.txt", "copy", overwrite=flag),
        files.seed_initial_file(InitialFile("seed", "x", is_readonly=flag)),
    ]
    for call in calls:
        await refused(errors.InvalidArgumentError, call)


# §3.4
BELOW_A_FILE = {
    "write": lambda files, path: files.write_file(path, "x"),
    "write if absent": lambda files, path: files.write_file(path, "x", if_absent=True),
    "write if revision": lambda files, path: files.write_file(path, "x", if_revision="1"),
    "create_directory": lambda files, path: files.create_directory(path),
    "seed": lambda files, path: files.seed_initial_file(InitialFile(path, "x")),
    "append": lambda files, path: files.append_file(path, "x"),
    "edit": lambda files, path: files.edit_file(path, "x", "y"),
    "copy a file": lambda files, path: files.copy_file("other.txt", path),
    "copy a tree": lambda files, path: files.copy_file("empty", path),
    "move a tree": lambda files, path: files.move_file("empty", path),
    "move a file": lambda files, path: files.move_file("other.txt", path),
}


@pytest.mark.parametrize("verb", BELOW_A_FILE)
async def test_nothing_is_ever_below_a_file(verb, furnished, refused):
    await furnished.files.write_file("other.txt", "x")
    for path in ("/kept.txt/x", "/kept.txt/x/y/z", "/kept/below.bin/x", "/kept/rules.txt/x"):
        error = await refused(errors.ParentNotDirectoryError, BELOW_A_FILE[verb](furnished.files, path), path)
        assert error.code == "parent_not_directory"
        assert isinstance(error, NotADirectoryError)
        assert error.path == path


ON_A_DIRECTORY = {
    "write": lambda files, path: files.write_file(path, "x"),
    "write if absent": lambda files, path: files.write_file(path, "x", if_absent=True),
    "write if revision": lambda files, path: files.write_file(path, "x", if_revision="1"),
    "seed": lambda files, path: files.seed_initial_file(InitialFile(path, "x")),
    "append": lambda files, path: files.append_file(path, "x"),
    "edit": lambda files, path: files.edit_file(path, "x", "y"),
    "copy": lambda files, path: files.copy_file("kept.txt", path),
    "copy over": lambda files, path: files.copy_file("kept.txt", path, overwrite=True),
    "move": lambda files, path: files.move_file("kept.txt", path),
    "move over": lambda files, path: files.move_file("kept.txt", path, overwrite=True),
}


@pytest.mark.parametrize("verb", ON_A_DIRECTORY)
async def test_no_file_takes_the_place_of_a_directory(verb, furnished, refused):
    for path in ("/kept", "/empty", "/"):
        error = await refused(errors.PathIsDirectoryError, ON_A_DIRECTORY[verb](furnished.files, path), path)
        assert error.code == "path_is_directory"
        assert isinstance(error, IsADirectoryError)
        assert error.path == path


async def test_no_directory_takes_the_place_of_a_file(furnished, refused):
    for path in ("/kept.txt", "/kept/rules.txt"):
        error = await refused(errors.PathExistsError, furnished.files.create_directory(path))
        assert error.code == "path_exists"
        assert isinstance(error, FileExistsError)
        assert error.path == path


async def test_a_refused_call_makes_no_session_and_no_parents(store, session_id, work, snapshot):
    before = await snapshot()
    for call in (
        work.files.write_file("a/b", "x", if_revision="1"),
        work.files.edit_file("a/b", "x", "y"),
        work.files.copy_file("a/b", "c/d"),
        work.files.move_file("a/b", "c/d"),
        work.files.write_file("a/b", "YQ", "base64"),
    ):
        with pytest.raises(errors.EverstoreError):
            await call
    assert await snapshot() == before
    assert await store.file_system.purge_session(session_id) is False


# §3.5
async def test_a_directory_is_made_with_its_parents_once(work):
    made = await work.files.create_directory("a/b/c")
    assert (made.path, made.name, made.is_directory, made.size_bytes) == ("/a/b/c", "c", True, 0)
    assert await work.files.create_directory("a/b/c/") == made
    assert (await work.files.list_directory("a/b")) == [made]
    parent = await work.files.create_directory("a")
    assert (parent.path, parent.is_directory) == ("/a", True)
    assert (await work.files.create_directory("/")).path == "/"


async def test_making_a_directory_again_leaves_what_is_in_it(work, snapshot):
    await work.files.write_file("a/b/c.txt", "x")
    before = await snapshot()
    await work.files.create_directory("a/b")
    await work.files.create_directory("a")
    await work.files.create_directory("")
    assert await snapshot() == before


# §3.6
async def test_a_listing_has_the_direct_children_sorted_by_code_point(work):
    names = ["b", "a", "B", "a-b", "a.b", "é", "Z", "10", "9", "\uffff", "\U00010000", "a b", "~", "_"]
    for name in names:
        await work.files.write_file(f"dir/{name}", "x")
    await work.files.write_file("dir/a-b2/below", "x")
    await work.files.create_directory("dir/c")
    await work.files.write_file("dirs/x", "x")
    listed = await work.files.list_directory("dir")
    assert [info.path for info in listed] == sorted(f"/dir/{name}" for name in [*names, "a-b2", "c"])
    assert [info.path for info in listed if info.is_directory] == ["/dir/a-b2", "/dir/c"]
    assert [info.name for info in await work.files.list_directory()] == ["dir", "dirs"]


async def test_a_listed_entry_is_the_one_that_is_read(work):
    await work.files.write_file("a", "text")
    await work.files.seed_initial_file(InitialFile("b", "eA==", "base64", is_readonly=True))
    await work.files.write_file("c/d", "")
    for info in await work.files.list_directory():
        assert info == (await work.files.read_file(info.path)).info()
        stat = await work.files.stat_file(info.path)
        for name in (*stat.__struct_fields__, "id", "revision", "created_at", "updated_at", "name"):
            assert getattr(stat, name) == getattr(info, name), name


async def test_a_listing_of_nothing_is_empty(work):
    await work.files.write_file("file", "x")
    await work.files.create_directory("empty")
    for path in ("file", "empty", "missing", "file/x", "missing/x", "fil"):
        assert await work.files.list_directory(path) == []


async def test_a_listing_follows_every_change(work):
    async def listed(path="/dir"):
        return [(info.name, info.size_bytes) for info in await work.files.list_directory(path)]

    await work.files.write_file("dir/a", "1")
    assert await listed() == [("a", 1)]
    await work.files.write_file("dir/a", "22")
    await work.files.append_file("dir/b", "1")
    assert await listed() == [("a", 2), ("b", 1)]
    await work.files.append_file("dir/b", "2")
    await work.files.edit_file("dir/a", "22", "333")
    assert await listed() == [("a", 3), ("b", 2)]
    await work.files.move_file("dir/a", "dir/c")
    await work.files.copy_file("dir/b", "dir/d")
    assert await listed() == [("b", 2), ("c", 3), ("d", 2)]
    await work.files.seed_initial_file(InitialFile("dir/e", "1", is_readonly=True))
    await work.files.delete_file("dir/b")
    await work.files.create_directory("dir/f/g")
    assert await listed() == [("c", 3), ("d", 2), ("e", 1), ("f", 0)]
    assert await listed("/dir/f") == [("g", 0)]
    await work.files.move_file("dir/f", "f")
    await work.files.copy_file("dir", "copy")
    await work.files.write_file_if_content_matches("dir/c", "333", "text", "4444", "text")
    assert await listed() == [("c", 4), ("d", 2), ("e", 1)]
    assert await listed("/copy") == [("c", 3), ("d", 2), ("e", 1)]
    assert await listed("/") == [("copy", 0), ("dir", 0), ("f", 0)]


async def test_a_listing_belongs_to_its_caller(work):
    await work.files.write_file("a", "x")
    (await work.files.list_directory()).clear()
    assert [info.path for info in await work.files.list_directory()] == ["/a"]


# §3.7
async def test_stat_tells_what_is_there(work):
    file = await work.files.write_file("a/b", "text")
    stat = await work.files.stat_file("a/b")
    assert (stat.path, stat.size_bytes, stat.is_directory, stat.is_readonly) == ("/a/b", 4, False, False)
    assert (stat.id, stat.revision, stat.created_at) == (file.id, file.revision, file.created_at)
    assert not hasattr(stat, "content")
    assert await work.files.stat_file("a/x") is None
    assert await work.files.stat_file("a/b/x") is None


async def test_the_root_is_always_the_same(work, session_id):
    before = await work.files.stat_file("/"), await work.files.read_file("/")
    assert (before[0].path, before[0].name, before[0].session_id) == ("/", "/", session_id)
    await work.files.write_file("a", "x")
    await work.files.delete_file("a")
    await work.files.create_directory("b")
    assert (await work.files.stat_file("/"), await work.files.read_file("/")) == before


# §3.8
async def test_deleting_tells_whether_something_was_removed(furnished, snapshot):
    files = furnished.files
    assert await files.delete_file("kept.txt") is True
    assert await files.read_file("kept.txt") is None
    assert await files.delete_file("empty") is True
    assert await files.stat_file("empty") is None
    assert [info.path for info in await files.list_directory()] == ["/kept"]


async def test_what_is_not_removed_is_not_touched(furnished, snapshot):
    before = await snapshot()
    for path in ("kept", "kept/missing"):
        assert await furnished.files.delete_file(path) is False, path
    for path in ("missing", "missing/x", "kept.txt/x", "kept/missing", "kept/rules.txt", "kept", "/", ""):
        assert await furnished.files.delete_file(path, recursive=True) is False, path
    for path in ("kep", "kept.tx", "k%", "kept_txt", "kept*", "ke?t.txt", "KEPT.TXT"):
        assert await furnished.files.delete_file(path, recursive=True) is False, path
    assert await snapshot() == before


async def test_a_recursive_delete_takes_the_tree_and_nothing_beside_it(work):
    beside = ["/ab", "/a-b/c", "/a.txt", "/A/b", "/a0", "/b/a/x", "/a%/x", "/_/x", "/\u0061\u0301/x"]
    for path in ("/a/b/c/d", "/a/b/e", "/a/f", *beside):
        await work.files.write_file(path, "x")
    await work.files.create_directory("/a/empty")
    assert await work.files.delete_file("/a", recursive=True) is True
    assert await work.files.stat_file("/a") is None
    assert await work.files.stat_file("/a/b/c/d") is None
    assert [info.path for info in await work.files.glob_files("**")] == sorted(beside)
    assert await work.files.delete_file("/ab", recursive=True) is True
    assert await work.files.delete_file("/a-b", recursive=True) is True


async def test_a_directory_goes_only_when_it_is_told_to(work):
    await work.files.write_file("a/b", "x")
    await work.files.delete_file("a/b")
    assert (await work.files.stat_file("a")).is_directory
    await work.files.write_file("a", "x") if await work.files.delete_file("a") else None
    assert (await work.files.read_file("a")).content == "x"


async def test_deep_trees_come_and_go(work):
    path = "/".join(["d"] * 500)
    await work.files.write_file(path + "/file", "x")
    assert (await work.files.read_file(path + "/file")).content == "x"
    assert [info.path for info in await work.files.glob_files("file")] == [f"/{path}/file"]
    await work.files.move_file("d/d", "e")
    assert await work.files.delete_file("e", recursive=True) is True
    assert await work.files.list_directory("d") == []


# §3.9
async def test_a_seed_may_replace_any_file(work):
    first = await work.files.seed_initial_file(InitialFile("a/b", "1", is_readonly=True))
    assert (first.path, first.is_readonly) == ("/a/b", True)
    second = await work.files.seed_initial_file(
        InitialFile("/workspace/a/b", "Mg==", "base64", is_readonly=True)
    )
    assert (second.id, second.created_at, second.content) == (first.id, first.created_at, "Mg==")
    assert second.revision != first.revision
    third = await work.files.seed_initial_file(InitialFile("a/b", "3"))
    assert third.is_readonly is False
    assert (await work.files.write_file("a/b", "4")).content == "4"


MUTATIONS = {
    "write": lambda files, path: files.write_file(path, "x"),
    "write if revision": lambda files, path: files.write_file(path, "x", if_revision="1"),
    "write if absent": lambda files, path: files.write_file(path, "x", if_absent=True),
    "write if content matches": lambda files, path: files.write_file_if_content_matches(
        path, "rules", "text", "x", "text"
    ),
    "edit": lambda files, path: files.edit_file(path, "rules", "x"),
    "edit what is not there": lambda files, path: files.edit_file(path, "missing", "x"),
    "append": lambda files, path: files.append_file(path, "x"),
    "append another encoding": lambda files, path: files.append_file(path, "eA==", "base64"),
    "move": lambda files, path: files.move_file(path, "moved"),
    "move its tree": lambda files, path: files.move_file("kept", "moved"),
    "move over it": lambda files, path: files.move_file("kept.txt", path, overwrite=True),
    "copy over it": lambda files, path: files.copy_file("kept.txt", path, overwrite=True),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_a_read_only_file_is_changed_by_no_verb(mutation, furnished, refused):
    error = await refused(
        errors.ReadOnlyFileError, MUTATIONS[mutation](furnished.files, "/kept/rules.txt"), mutation
    )
    assert error.code == "read_only_file"
    assert isinstance(error, PermissionError)
    assert error.path == "/kept/rules.txt"


async def test_a_copy_of_a_read_only_file_can_be_written(furnished):
    await furnished.files.copy_file("kept", "copy")
    assert (await furnished.files.read_file("copy/rules.txt")).is_readonly is False
    assert (await furnished.files.write_file("copy/rules.txt", "x")).content == "x"


# §3.10
async def test_concurrent_writers_of_one_tree_leave_a_tree(work):
    async def outcome(number):
        place = f"/{number % 5}"
        verbs = [
            work.files.write_file(place, "x"),
            work.files.write_file(f"{place}/below", "x"),
            work.files.create_directory(place),
            work.files.delete_file(place, recursive=True),
            work.files.move_file(place, f"/{(number + 1) % 5}/moved"),
        ]
        chosen = verbs.pop(number // 5 % len(verbs))
        for other in verbs:
            other.close()
        with suppress(OSError):  # what the contract's own refusals are too, and a BackendError is not
            await chosen

    await asyncio.gather(*map(outcome, range(100)))
    for info in await work.files.glob_files("**"):
        parent = await work.files.stat_file(info.path.rpartition("/")[0] or "/")
        assert parent.is_directory


async def test_a_reader_sees_one_write_or_the_other(work):
    contents = [character * 50_000 for character in "abc"]
    await work.files.write_file("a", contents[0])
    reading = True

    async def read():
        while reading:
            file = await work.files.read_file("a")
            assert file.content in contents
            assert file.size_bytes == 50_000
            await asyncio.sleep(0)

    async def write():
        nonlocal reading
        for number in range(60):
            await work.files.write_file("a", contents[number % 3])
            await asyncio.sleep(0)
        reading = False

    await asyncio.gather(read(), read(), write())


async def test_a_cancelled_call_has_happened_or_has_not(calls, store, furnish, snapshot):
    """Cancelled after some turns of the event loop, it leaves what it found or what it leaves alone."""

    async def furnished():
        session_id = new_session_id()
        await furnish(session_id)
        return session_id

    async def contents_of(session_id):
        def content(found):
            info, text = found if isinstance(found, tuple) else (found, None)
            return text or getattr(info, "content", None) or getattr(info, "title", None)

        # Which of the two it is, is settled before a later write is answered.
        await store.file_system.write_file(session_id, "later", "x")
        await store.storage.set_value(session_id, "later", "x")
        seen = await snapshot(session_id)
        return {key: content(found) for key, found in seen.items() if not isinstance(found, list)}

    for call in calls:
        untouched, done = await furnished(), await furnished()
        await call.on(store, done)
        states = [await contents_of(untouched), await contents_of(done)]
        for turns in range(4):
            session_id = await furnished()
            task = asyncio.ensure_future(call.on(store, session_id))
            for _ in range(turns):
                await asyncio.sleep(0)
            cancelled = task.cancel()
            [answer] = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(answer, asyncio.CancelledError) == cancelled
            assert await contents_of(session_id) in states, (call.verb, turns)


async def test_ten_thousand_entries_have_ids_of_their_own_and_keep_them(work):
    for number in range(48):
        await work.files.write_file(f"a/{number}", "")
    for size in range(1, 9):  # each copy is of all that there are, and of the directory around them
        await work.files.copy_file("a", "b")
        await work.files.move_file("b", f"a/copy {size}")
    found, directories = {}, ["/"]
    while directories:
        for info in await work.files.list_directory(directories.pop()):
            found[info.path] = info.id
            directories += [info.path] * info.is_directory
    assert len(found) > 10_000
    assert len(set(found.values())) == len(found)
    await work.files.move_file("a", "moved")
    for path in list(found)[::500]:
        assert (await work.files.stat_file(path.replace("/a", "/moved", 1))).id == found[path]
