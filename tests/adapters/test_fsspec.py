"""The file system beyond what fsspec's suite asks: names, errors, atomicity, races."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote
from uuid import uuid4

import fsspec
import pytest

import everstore
from everstore import sync
from everstore.adapters.fsspec import EverstoreFileSystem


@pytest.fixture
def fs(environment):
    opened = fsspec.filesystem("everstore")
    yield opened
    opened.close()


@pytest.fixture
def memory():
    """For what is of this module alone, whatever the backend is."""
    with sync.open_store(environment={}) as store:
        yield EverstoreFileSystem(store)


def in_threads(call, count):
    """What ``count`` calls at once answer, or raise."""
    barrier = threading.Barrier(count)

    def each(number):
        barrier.wait()
        try:
            return call(number)
        except OSError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return [*pool.map(each, range(count))]


# -- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "my session",
        "a/b",
        "日本 \U0001f600",
        "50%",
        "x?y*[z]",
        "a::b",
        "..",
        "%2F",
        "user:1",
        "x" * 10_000,
        "a\0b",
        "tab\tnew\n",
    ],
)
def test_any_text_names_a_session(memory, text):
    url = f"everstore://{quote(text, safe='')}/data/a.txt"
    memory.pipe_file(url, b"here")
    [name] = memory.ls("", detail=False)
    assert memory.find(name) == [f"{name}/data/a.txt"]
    assert memory.cat_file(f"everstore://{name}/data/a.txt") == b"here"
    assert memory._strip_protocol(url) == f"{name}/data/a.txt"
    assert memory.glob(f"{name}/**/*.txt") == [f"{name}/data/a.txt"]
    work = memory.store.session(everstore.session_id_of(text))
    assert work.files.read_bytes("data/a.txt") == b"here"
    memory.rm(name, recursive=True)
    assert memory.ls("") == []


@pytest.mark.parametrize("spelling", ["{0}", "session_{0.hex}"])
def test_an_id_is_an_id(memory, spelling):
    session_id = uuid4()
    memory.store.session(session_id).files.write_file("a.txt", "here")
    assert memory.cat_file(f"everstore://{spelling.format(session_id)}/a.txt") == b"here"
    assert memory.ls("", detail=False) == [str(session_id)]


def test_a_fork_and_a_session_whose_name_nobody_knows_any_more_are_listed_by_their_ids(memory):
    for name in ("s", "\U0001f600" * 1000):
        memory.pipe_file(name + "/a.txt", b"here")
    fork = memory.store.fork_session(everstore.session_id_of("s")).id
    renamed = everstore.session_id_of("\U0001f600" * 1000)
    memory.store.sessions.update_session(renamed, title="mine")
    listed = memory.ls("", detail=False)
    assert listed.count("s") == 1
    assert {str(fork), str(renamed)} <= set(listed)


def test_spellings_of_a_path(memory):
    memory.pipe_file("/s//a/./b.txt", b"here")
    for spelling in ("s/a/b.txt", "everstore://s/a/b.txt/", "everstore:///s/a//b.txt", "s/workspace/a/b.txt"):
        assert memory.cat_file(spelling) == b"here"
    assert memory.glob("s/workspace/*/*.txt") == ["s/workspace/a/b.txt"]
    assert memory.ls("s/workspace", detail=False) == ["s/workspace/a"]
    assert not memory.exists("s/../x")
    with pytest.raises(ValueError, match=r"'\.\.' segment"):
        memory.info("s/../x")


def test_globs_reach_across_sessions(memory):
    for name in ("one", "other", "two"):
        memory.pipe_file(f"{name}/a.csv", b"")
    assert memory.glob("o*/*.csv") == ["one/a.csv", "other/a.csv"]
    assert memory.du("", total=False) == dict.fromkeys(["one/a.csv", "other/a.csv", "two/a.csv"], 0)


def test_a_session_is_a_directory_that_is_there_when_it_holds_something(memory):
    assert not memory.exists("s")
    with pytest.raises(FileNotFoundError):
        memory.ls("s")
    memory.mkdir("s")
    with pytest.raises(FileExistsError):
        memory.mkdir("s")
    memory.makedirs("s", exist_ok=True)
    assert memory.ls("s") == []
    memory.rmdir("s")
    assert not memory.exists("s")
    memory.store.session(everstore.session_id_of("s")).storage.set_value("k", "v")
    assert memory.isdir("s")
    memory.pipe_file("s/a", b"")
    with pytest.raises(OSError, match="not empty"):
        memory.rmdir("s")
    memory.rm("s", recursive=True)
    assert memory.find("s") == []
    assert memory.store.session(everstore.session_id_of("s")).storage.get_value("k") == "v"


# -- files ------------------------------------------------------------------------------------------


def test_what_is_utf_8_is_text_that_agents_edit(fs):
    fs.pipe_file("s/a.txt", "grüße\r\n".encode())
    fs.pipe_file("s/a.bin", b"\xff\x00")
    work = fs.store.session(everstore.session_id_of("s"))
    assert work.files.read_file("/a.txt").content == "grüße\r\n"
    work.files.edit_file("/a.txt", "grüße", "hallo")
    assert fs.cat_file("s/a.txt") == b"hallo\r\n"
    assert fs.cat_file("s/a.bin") == b"\xff\x00"


def test_ranges_are_slices(fs):
    content = bytes(range(256)) * 2
    fs.pipe_file("s/a", content)
    ends = [None, 0, 1, 100, 511, 512, 600, -1, -100, -512, -600]
    for start in ends:
        assert fs.cat_ranges(["s/a"] * len(ends), start, ends) == [content[start:end] for end in ends]


def test_appending_keeps_every_byte(fs):
    content = b""
    for part in (b"text", "ü".encode()[:1], "ü".encode()[1:], b"\xff", b"more text", b""):
        with fs.open("s/a", "ab") as file:
            assert file.tell() == len(content)
            file.write(part)
        content += part
        assert fs.cat_file("s/a") == content


def test_an_exception_writes_nothing(fs):
    fs.pipe_file("s/a", b"before")
    for mode, data in (("wb", b"torn"), ("ab", b"torn"), ("w", "torn"), ("a", "torn")):
        with pytest.raises(ZeroDivisionError), fs.open("s/a", mode) as file:  # noqa: PT012 - as in use
            file.write(data)
            file.flush()
            raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), fs.open("s/new", "x") as file:  # noqa: PT012 - as in use
        file.write("torn" * 10_000)
        raise ZeroDivisionError
    assert fs.cat_file("s/a") == b"before"
    assert fs.find("s") == ["s/a"]


def test_nothing_is_seen_before_it_is_closed(fs):
    with fs.open("s/a", "wb", block_size=5) as file:
        for _ in range(10):
            file.write(b"0123456789")
            assert not fs.exists("s/a")
    assert fs.size("s/a") == 100


def test_a_large_file_is_read_of_one_revision(fs):
    content = os.urandom(100_000)
    fs.pipe_file("s/a", content)
    with fs.open("s/a", "rb", block_size=1000) as file:
        assert file.read(10) + file.read() == content
        file.seek(-5, 2)
        assert file.read() == content[-5:]
        fs.pipe_file("s/a", bytes(100_000))
        file.seek(0)
        with pytest.raises(OSError, match="changed meanwhile"):
            file.read()
    with fs.open("s/a", "rb") as file:
        fs.rm("s/a")
        assert file.read() == bytes(100_000)


def test_errors_are_pythons_own(fs):
    fs.pipe_file("s/file", b"")
    fs.makedirs("s/dir/in")
    for call, kind in [
        (lambda: fs.cat_file("s/none"), FileNotFoundError),
        (lambda: fs.cat_file("none/none"), FileNotFoundError),
        (lambda: fs.cat_file("s/dir"), IsADirectoryError),
        (lambda: fs.open("s/none"), FileNotFoundError),
        (lambda: fs.open("s/dir"), IsADirectoryError),
        (lambda: fs.ls("s/none"), FileNotFoundError),
        (lambda: fs.info("s/none"), FileNotFoundError),
        (lambda: fs.created("s/none"), FileNotFoundError),
        (lambda: fs.pipe_file("s/dir", b""), IsADirectoryError),
        (lambda: fs.pipe_file("s/file/x", b""), NotADirectoryError),
        (lambda: fs.pipe_file("s", b""), IsADirectoryError),
        (lambda: fs.pipe_file("s/file", b"", mode="create"), FileExistsError),
        (lambda: fs.open("s/file", "xb"), FileExistsError),
        (lambda: fs.mkdir("s/file"), FileExistsError),
        (lambda: fs.mkdir("s/dir"), FileExistsError),
        (lambda: fs.makedirs("s/dir"), FileExistsError),
        (lambda: fs.makedirs("s/file", exist_ok=True), FileExistsError),
        (lambda: fs.mkdir("s/no/x", create_parents=False), FileNotFoundError),
        (lambda: fs.rmdir("s/file"), NotADirectoryError),
        (lambda: fs.rmdir("s/none"), FileNotFoundError),
        (lambda: fs.rmdir("s/dir"), OSError),
        (lambda: fs.rm("s/dir"), OSError),
        (lambda: fs.rm("s/none"), FileNotFoundError),
        (lambda: fs.rm("none", recursive=True), FileNotFoundError),
        (lambda: fs.rm_file("s/dir"), IsADirectoryError),
        (lambda: fs.rm("", recursive=True), PermissionError),
        (lambda: fs.mkdir(""), FileExistsError),
        (lambda: fs.cp_file("s/none", "s/x"), FileNotFoundError),
        (lambda: fs.mv("s/none", "s/x"), FileNotFoundError),
        (lambda: fs.mv("s/dir", "s/dir/in/x"), ValueError),
    ]:
        with pytest.raises(kind):
            call()
    assert fs.find("s", withdirs=True) == ["s", "s/dir", "s/dir/in", "s/file"]


def test_times_and_checksums(fs):
    fs.pipe_file("s/a", b"1")
    before = fs.checksum("s/a"), fs.ukey("s/a"), fs.created("s/a"), fs.modified("s/a")
    assert (fs.checksum("s/a"), fs.ukey("s/a")) == before[:2]
    fs.touch("s/a", truncate=False)
    after = fs.checksum("s/a"), fs.ukey("s/a"), fs.created("s/a"), fs.modified("s/a")
    assert fs.cat_file("s/a") == b"1"
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, False, True, False]
    assert before[3] < after[3]
    fs.touch("s/a")
    fs.touch("s/b", truncate=False)
    assert fs.sizes(["s/a", "s/b"]) == [0, 0]


def test_a_walk_can_be_pruned(fs):
    fs.pipe({"s/a/1": b"", "s/b/2": b"", "s/b/c/3": b"", "s/4": b""})
    assert [*fs.walk("s")] == [
        ("s", ["a", "b"], ["4"]), ("s/a", [], ["1"]), ("s/b", ["c"], ["2"]), ("s/b/c", [], ["3"]),
    ]  # fmt: skip
    assert [path for path, _, _ in fs.walk("s", topdown=False)] == ["s/a", "s/b/c", "s/b", "s"]
    assert [path for path, _, _ in fs.walk("s", maxdepth=1)] == ["s"]
    for path, directories, _ in fs.walk("s"):
        assert path != "s/b/c"
        if path == "s/b":
            directories.remove("c")
    with pytest.raises(FileNotFoundError):
        [*fs.walk("s/none", on_error="raise")]


# -- all or nothing ---------------------------------------------------------------------------------


def test_a_transaction_is_made_whole_or_not_at_all(fs):
    fs.pipe({"s/a": b"1", "s/d/x": b""})
    with fs.transaction:
        with fs.open("s/a", "ab") as file:
            file.write(b"2")
        with fs.open("s/b", "w") as file:
            file.write("new")
        fs.pipe_file("s/c", b"piped")
        fs.touch("s/e")
        assert fs.find("s") == ["s/a", "s/d/x"]
        assert fs.cat_file("s/a") == b"1"
    assert fs.cat(["s/a", "s/b", "s/c", "s/e"]) == {"s/a": b"12", "s/b": b"new", "s/c": b"piped", "s/e": b""}
    with pytest.raises(ZeroDivisionError), fs.transaction:  # noqa: PT012 - as in use
        fs.pipe_file("s/f", b"")
        raise ZeroDivisionError
    with pytest.raises(IsADirectoryError), fs.transaction:  # noqa: PT012 - as in use
        fs.pipe_file("s/f", b"")
        fs.pipe_file("s/d", b"refused, and so is all of it")
    assert not fs.exists("s/f")
    fs.pipe_file("s/g", b"")
    assert fs.exists("s/g")


def test_several_files_are_changed_in_one_step(fs):
    fs.makedirs("s/d")
    with pytest.raises(IsADirectoryError):
        fs.pipe({"s/a": b"1", "s/d": b""})
    assert fs.find("s") == []
    fs.pipe({"s/a": b"1", "s/t/b": b"\xff", "s/t/u/c": b"3"})
    with pytest.raises(FileNotFoundError):
        fs.rm(["s/a", "s/none"])
    assert fs.exists("s/a")
    fs.copy("s/t", "s/copy", recursive=True)
    fs.mv("s/t", "s/d")
    fs.mv(["s/a", "s/copy/b"], "s/new/")
    assert fs.find("s") == ["s/copy/u/c", "s/d/t/b", "s/d/t/u/c", "s/new/a", "s/new/b"]
    fs.mv("s/d/t/*", "s/flat", recursive=True)
    assert fs.find("s/flat") == ["s/flat/b", "s/flat/u/c"]
    fs.rm(["s/flat", "s/flat/u", "s/copy"], recursive=True)
    assert fs.find("s") == ["s/new/a", "s/new/b"]


def test_files_go_to_another_session(fs):
    fs.pipe({"one/a": b"text", "one/d/b": b"\xff"})
    fs.makedirs("one/d/empty")
    fs.copy("one/d", "two/d", recursive=True)
    fs.mv("one/a", "two/a")
    fs.mv("one", "three", recursive=True)
    assert fs.find("", withdirs=True) == [
        "three", "three/d", "three/d/b", "three/d/empty", "two", "two/a", "two/d", "two/d/b", "two/d/empty",
    ]  # fmt: skip
    assert fs.cat(["two/a", "two/d/b", "three/d/b"]) == {
        "two/a": b"text",
        "two/d/b": b"\xff",
        "three/d/b": b"\xff",
    }


# -- at the same time -------------------------------------------------------------------------------


def test_fifty_appends_at_once_all_stay(fs):
    def append(number):
        with fs.open("s/log.txt", "a") as file:
            file.write(f"line {number}\n")

    in_threads(append, 50)
    assert sorted(fs.read_text("s/log.txt").splitlines()) == sorted(f"line {number}" for number in range(50))


def test_appends_of_text_and_of_bytes_at_once_all_stay(fs):
    def append(number):
        with fs.open("s/log", "ab") as file:
            file.write(b"\xff%d\n" % number if number % 2 else b"x%d\n" % number)

    in_threads(append, 20)
    assert len(set(fs.cat_file("s/log").splitlines())) == 20


def test_one_of_twenty_exclusive_writers_wins(fs):
    def write(number):
        with fs.open("s/lock", "xb") as file:
            file.write(b"%d" % number)
        return number

    answers = in_threads(write, 20)
    [winner] = [each for each in answers if isinstance(each, int)]
    assert all(isinstance(each, FileExistsError) for each in answers if each != winner)
    assert fs.cat_file("s/lock") == b"%d" % winner


def test_one_of_twenty_that_create_wins(fs):
    answers = in_threads(lambda number: fs.pipe_file("s/lock", b"%d" % number, mode="create"), 20)
    assert [isinstance(each, FileExistsError) for each in answers].count(False) == 1
    assert fs.cat_file("s/lock") == b"%d" % answers.index(None)


def test_a_tree_is_moved_once(fs):
    fs.pipe({f"s/from/{number}": b"" for number in range(20)})
    answers = in_threads(lambda number: fs.mv("s/from", f"s/to {number}/"), 5)
    assert sum(each is None for each in answers) == 1
    assert len(fs.find("s")) == 20


APPEND = """
import sys, fsspec
for number in range(10):
    with fsspec.open("everstore://s/log.txt", "a") as file:
        file.write(f"{sys.argv[1]} {number}\\n")
"""


def test_two_processes_append(environment):
    if environment["EVERSTORE_BACKEND"] == "memory":  # which no two processes share
        return
    processes = [subprocess.Popen([sys.executable, "-c", APPEND, name]) for name in ("a", "b")]
    assert [process.wait() for process in processes] == [0, 0]
    fs = fsspec.filesystem("everstore", skip_instance_cache=True)
    assert len(set(fs.read_text("s/log.txt").splitlines())) == 20
    fs.close()
