"""put -r, get -r and diff: whole directories."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path

import pytest

from everstore import InitialFile, parse_session_id
from everstore.cli.directories import local_directory, pairing
from everstore.cli.directories.local_directory import LocalDirectory
from everstore.cli.directories.writable_directory import CLASH, WritableDirectory, refusal_of
from everstore.settings import Limits

TREE = {
    "README.md": b"# Read me\n",
    "a.txt": b"beside a\r\n",
    "a/b.txt": b"in a\n",
    "a/deep/er/data.bin": bytes(range(256)) * 4,
    "empty.txt": b"",
    "name with [x] \N{SNOWMAN}": b"\xff",
    ".hidden": b"taken, too\n",
    ".gitignore": b"*.log\nbuild/\n",
}
IGNORED = {"noise.log": b"1", "a/noise.log": b"2", "build/out.o": b"3", ".git/HEAD": b"4"}


@pytest.fixture(autouse=True)
def _in_a_session(session):
    pass


@pytest.fixture
def tree(in_empty_folder) -> Path:
    return filled(in_empty_folder / "tree", TREE)


def filled(root: Path, files) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def contents(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def stored(cli):
    """The paths of a session's files, by a command."""
    return lambda: [entry["path"] for entry in cli("tree", "--json").json if not entry["is_directory"]]


def run(kept, session, work):
    """Do something behind the commands."""
    return asyncio.run(work(kept.files, parse_session_id(session)))


# Both ways


def test_what_is_put_is_what_get_writes(cli, tree):
    filled(tree, IGNORED)
    (tree / "nothing in it").mkdir()
    put = cli("put", "-r", tree, "inside", "--json")
    assert (put.status, put.err) == (0, "")
    assert put.json == {
        "bytes": sum(map(len, TREE.values())),
        "directories": 4,
        "files": len(TREE),
        "finished": True,
        "left_out": [],
        "same": 0,
    }
    got = cli("get", "-r", "inside", "out/of/it", "--json")
    assert got.json == put.json
    assert contents(Path("out/of/it")) == TREE
    assert Path("out/of/it/nothing in it").is_dir()
    assert (cli("diff", "out/of/it", "/inside").status, cli("diff", tree, "inside").bytes) == (0, b"")


def test_the_root_is_where_a_directory_goes_unless_told(cli, tree, stored):
    assert cli("put", "-r", tree).out == "8 files put (1.0 KiB), 0 the same\n"
    assert stored() == sorted(f"/{path}" for path in TREE)


def test_no_ignore_takes_every_file(cli, tree, stored):
    filled(tree, IGNORED)
    cli("put", "-r", tree, "--no-ignore")
    assert stored() == sorted(f"/{path}" for path in {**TREE, **IGNORED})
    assert cli("diff", tree, "--no-ignore").status == 0


def test_a_file_is_ignored_by_the_rules_above_and_its_name_alone(cli, tree, stored):
    filled(tree, {"a/.gitignore": b"a\n!noise.log\n", "a/a": b"gone", "a/noise.log": b"here"})
    cli("put", "-r", tree / "a")
    assert stored() == ["/.gitignore", "/b.txt", "/deep/er/data.bin", "/noise.log"]


def test_only_what_differs_is_transferred_again(cli, tree, kept, session):
    cli("put", "-r", tree)
    before = {each["path"]: each["revision"] for each in cli("tree", "--json").json}
    filled(tree, {"a.txt": b"beside A\r\n", "new.txt": b"new"})
    assert cli("put", "-r", tree).out == "2 files put (13 B), 7 the same\n"
    after = {each["path"]: each["revision"] for each in cli("tree", "--json").json}
    assert {path for path in after if before.get(path) != after[path]} == {"/a.txt", "/new.txt"}
    cli("get", "-r", "/", "out")
    unchanged = Path("out/README.md").stat().st_ino
    Path("out/a.txt").write_bytes(b"mine")
    assert cli("get", "-r", "/", "out").out == "1 file written (10 B), 8 the same\n"
    assert (Path("out/README.md").stat().st_ino, contents(Path("out"))) == (unchanged, contents(tree))


def test_what_is_on_one_side_only_stays(cli, tree, stored):
    cli("put", "-", "mine.txt", stdin=b"1")
    cli("put", "-r", tree)
    filled(tree, {"yours.txt": b"2"})
    cli("get", "-r", "/", tree)
    assert "/mine.txt" in stored()
    assert contents(tree) == {**TREE, "mine.txt": b"1", "yours.txt": b"2"}


def test_many_files_go_in_batches_and_pages(cli, in_empty_folder, monkeypatch, stored):
    monkeypatch.setattr(pairing, "_PAGE", 3)
    monkeypatch.setattr(pairing, "_MOST", 2)
    monkeypatch.setattr(pairing, "_LARGEST", 20)
    names = [f"{a}{b}" for a in ("a", "a.", "a/", "a/b/", "b-", "b/") for b in ("1", "2", "3")]
    tree = filled(in_empty_folder / "many", {name: name.encode() * 3 for name in names})
    assert cli("put", "-r", tree).out.startswith("18 files put")
    assert stored() == sorted(f"/{name}" for name in names)
    assert cli("put", "-r", tree).out == "0 files put (0 B), 18 the same\n"
    assert cli("get", "-r", "/", "out").out.startswith("18 files written")
    (tree / "a/b/2").unlink()
    assert cli("diff", tree, "--names").out == "A /a/b/2\n"


@pytest.mark.parametrize("options", [["--if-absent"], ["--encoding", "text"], ["--if-revision", "1"]])
def test_what_is_of_one_file_does_not_go_with_a_directory(cli, tree, options):
    answer = cli("put", "-r", tree, *options)
    assert (answer.status, "of one file" in answer.err) == (2, True)


def test_one_file_needs_its_place(cli, tree):
    answer = cli("put", tree / "a.txt")
    assert (answer.status, "missing argument 'PATH'" in answer.err) == (2, True)


@pytest.mark.parametrize("command", [["put", "-r"], ["diff"]])
@pytest.mark.parametrize("directory", ["missing", "tree/a.txt", "nul\0", ""])
def test_a_directory_that_is_none(cli, tree, command, directory):
    answer = cli(*command, directory)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith("everstore: error: invalid_argument: directory ")


def test_get_takes_no_name_for_the_directory_it_is_in(cli, in_empty_folder):
    cli("put", "-", "file", stdin=b"1")
    answer = cli("get", "-r", "/", "")
    assert (answer.status, "give . for the one you are in" in answer.err) == (2, True)
    assert not (in_empty_folder / "file").exists()


@pytest.mark.parametrize("command", [["get", "-r", "PATH", "out"], ["diff", "tree", "PATH"]])
def test_a_path_that_is_no_directory_of_the_session(cli, tree, command):
    cli("put", "-", "file", stdin=b"1")
    for path, status, code in (("absent", 1, "path_not_found"), ("file", 3, "path_not_directory")):
        answer = cli(*[path if word == "PATH" else word for word in command])
        assert (answer.status, code in answer.err) == (status, True)
    assert not Path("out").exists()


# What has no place in a session


def test_links_and_special_files_are_named_and_passed_over(cli, tree, stored):
    (tree / "secret").symlink_to("/etc/hostname")
    (tree / "loop").symlink_to(".", target_is_directory=True)
    os.mkfifo(tree / "a/pipe")
    answer = cli("put", "-r", tree)
    assert answer.status == 0
    assert answer.err.splitlines() == [
        "everstore: left out: 'loop': symbolic link",
        "everstore: left out: 'secret': symbolic link",
        "everstore: left out: 'a/pipe': special file",
    ]
    assert stored() == sorted(f"/{path}" for path in TREE)


def test_names_that_no_session_has_are_named_and_the_rest_is_put(cli, tree, stored):
    Path(os.fsdecode(os.fsencode(tree) + b"/dir-\xff")).mkdir()
    filled(tree, {"new\nline": b"1", "workspace/x": b"2", "z": b"3"})
    Path(os.fsdecode(os.fsencode(tree) + b"/file-\xff")).touch()
    Path(os.fsdecode(os.fsencode(tree) + b"/\xff.log")).touch()  # ignored
    answer = cli("put", "-r", tree, "--json")
    assert answer.status == 3
    assert [(each["name"], each["reason"][:20]) for each in answer.json["left_out"]] == [
        ("dir-\udcff", "refused: name is not"),
        ("file-\udcff", "refused: name is not"),
        ("\udcff.log", "refused: name is not"),
        ("new\nline", "refused: a control c"),
        ("workspace", "refused: '/workspace"),
        ("workspace/x", "refused: '/workspace"),
    ]
    assert json.loads(answer.err) == {
        "error": {"code": "left_out", "message": "6 names left out; all else is done"}
    }
    told = cli("put", "-r", tree).err.splitlines()
    assert told[-2].startswith("everstore: left out: 'workspace/x': refused: '/workspace' is the root itself")
    assert told[-1] == "everstore: error: left_out: 6 names left out; all else is done"
    assert stored() == sorted(f"/{path}" for path in [*TREE, "z"])


def test_links_are_not_counted_as_what_should_have_been_put(cli, tree):
    (tree / "link").symlink_to("a.txt")
    filled(tree, {"new\nline": b"1"})
    told = cli("put", "-r", tree).err.splitlines()
    assert len(told) == 3
    assert told[-1].endswith(": 1 name left out, besides links and special files (1); all else is done")


def test_a_directory_whose_own_path_is_not_utf8_is_told(cli, in_empty_folder, monkeypatch, stored):
    tree = filled(Path(os.fsdecode(os.fsencode(in_empty_folder) + b"/\xff")), TREE)
    answer = cli("put", "-r", tree)
    assert (answer.status, "is not UTF-8; go there" in answer.err) == (2, True)
    monkeypatch.chdir(tree)
    assert cli("put", "-r", ".").status == 0
    assert stored() == sorted(f"/{path}" for path in TREE)


def test_names_that_python_does_not_read_as_utf8_are_refused(cli, tree, monkeypatch, stored):
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "ascii")
    for command in ("put -r tree", "diff tree", "get -r / new", "get a.txt new/a"):
        answer = cli(*command.split())
        assert (answer.status, "PYTHONUTF8=1" in answer.err) == (2, True)
    assert (stored(), Path("new").exists()) == ([], False)


def test_rules_that_cannot_be_read_are_no_rules_to_go_on_without(cli, tree, stored):
    os.mkfifo(tree / "a/.gitignore")
    answer = cli("put", "-r", tree)
    assert (answer.status, "nobody knows what it excludes" in answer.err) == (2, True)
    assert cli("put", "-r", tree, "--no-ignore").status == 0


def test_what_cannot_be_read_is_named(cli, tree, monkeypatch, stored):
    opened, scanned = os.open, os.scandir

    def refuse(path, *arguments, **options):  # permissions do not stop the superuser
        if path == "b.txt":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    def refuse_to_list(directory):
        if Path(f"/proc/self/fd/{directory}").readlink().name == "deep":
            raise PermissionError(13, "Permission denied")
        return scanned(directory)

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "scandir", refuse_to_list)
    answer = cli("put", "-r", tree, "--json")
    assert answer.status == 3
    told = [(each["name"], each["reason"]) for each in answer.json["left_out"]]
    assert told == [("a/deep", "unreadable"), ("a/b.txt", "unreadable")]
    assert len(stored()) == len(TREE) - 2


def test_a_file_that_becomes_a_link_on_the_way_is_not_read(cli, tree, monkeypatch, stored):
    read = pairing.read_all

    async def swapped(*arguments):
        (tree / "a/b.txt").unlink()
        (tree / "a/b.txt").symlink_to("/etc/hostname")
        (tree / "a/deep").rename(tree / "elsewhere")
        (tree / "a/deep").symlink_to(tree / "elsewhere")
        return await read(*arguments)

    monkeypatch.setattr("everstore.cli.directories.putting.read_all", swapped)
    answer = cli("put", "-r", tree)
    assert answer.err.splitlines()[:2] == [
        "everstore: left out: 'a/b.txt': symbolic link",
        "everstore: left out: 'a/deep/er/data.bin': unreadable",
    ]
    assert len(stored()) == len(TREE) - 2


# Refusals


def test_a_limit_names_the_file_and_what_was_done(cli, tree, stored, kept):
    kept.files._limits = Limits(session_bytes=60).of_files
    answer = cli("put", "-r", tree, "--json")
    assert answer.status == 3
    error = json.loads(answer.err)["error"]
    assert (error["code"], error["place"]) == ("quota_exceeded", "/a/deep/er/data.bin")
    assert error["message"].endswith("; until then 5 files put (49 B), 0 the same; run it again to go on")
    assert (answer.json["finished"], answer.json["files"], len(stored())) == (False, 5, 5)
    (tree / "a/deep/er/data.bin").unlink()
    assert cli("put", "-r", tree).out == "2 files put (1 B), 5 the same\n"


def test_a_file_that_is_too_large_is_named(cli, tree, stored, monkeypatch):
    monkeypatch.setenv("EVERSTORE_LIMITS__FILE_BYTES", "60")
    answer = cli("put", "-r", tree)
    assert (answer.status, "/a/deep/er/data.bin" in answer.err) == (3, True)
    assert len(stored()) == 5


@pytest.mark.parametrize(
    ("in_session", "code"),
    [("a", "path_exists"), ("a.txt/x", "path_is_directory")],
)
def test_put_never_makes_a_file_a_directory_or_the_other_way_round(cli, tree, in_session, code):
    cli("put", "-", in_session, stdin=b"1")
    answer = cli("put", "-r", tree)
    assert (answer.status, f"error: {code}: " in answer.err) == (3, True)
    assert "until then" in answer.err


def test_get_never_makes_a_file_a_directory_or_the_other_way_round(cli, tree, in_empty_folder):
    cli("put", "-r", tree)
    for local, code in (("one/a", "path_exists"), ("two/a.txt/x", "path_is_directory")):
        root = filled(in_empty_folder, {local: b"mine"})
        answer = cli("get", "-r", "/", root / local.split("/")[0])
        assert (answer.status, f"error: {code}: " in answer.err) == (3, True)
        assert (root / local).read_bytes() == b"mine"


def test_a_read_only_file_is_kept_and_written_as_such(cli, tree, kept, session):
    async def seed(files, session_id):
        await files.seed_initial_file(
            session_id, InitialFile("/a.txt", "beside a\r\n", "text", is_readonly=True)
        )

    run(kept, session, seed)
    assert cli("put", "-r", tree).status == 0
    (tree / "a/b.txt").chmod(0o755)
    filled(tree, {"a/b.txt": b"older"})
    (tree / "a.txt").unlink()
    cli("get", "-r", "/", tree)
    assert stat.S_IMODE((tree / "a.txt").stat().st_mode) & 0o222 == 0
    assert stat.S_IMODE((tree / "a/b.txt").stat().st_mode) == 0o755
    (tree / "a.txt").unlink()
    filled(tree, {"a.txt": b"other"})
    answer = cli("put", "-r", tree)
    assert (answer.status, "read_only_file" in answer.err) == (3, True)


# Nothing outside of the directory


@pytest.fixture
def outside(in_empty_folder) -> Path:
    return filled(in_empty_folder / "outside", {"a.txt": b"precious"})


def test_no_link_in_the_directory_is_followed_or_replaced(cli, tree, outside):
    cli("put", "-r", tree)
    Path("out").mkdir()
    Path("out/a").symlink_to(outside, target_is_directory=True)
    Path("out/a.txt").symlink_to(outside / "a.txt")
    Path("out/empty.txt").symlink_to(outside / "dangling")
    os.mkfifo("out/README.md")
    answer = cli("get", "-r", "/", "out", "--json")
    assert answer.status == 3
    assert [(each["name"], each["reason"]) for each in answer.json["left_out"]] == [
        ("README.md", "a special file is there"),
        ("a", "a symbolic link is there"),
        ("a.txt", "a symbolic link is there"),
        ("a/b.txt", "no directory of 'a/b.txt' is there"),
        ("a/deep", "no directory of 'a/deep' is there"),
        ("a/deep/er", "no directory of 'a/deep/er' is there"),
        ("a/deep/er/data.bin", "no directory of 'a/deep/er/data.bin' is there"),
        ("empty.txt", "a symbolic link is there"),
    ]
    assert contents(outside) == {"a.txt": b"precious"}
    assert Path("out/.hidden").read_bytes() == TREE[".hidden"]
    assert cli("diff", "out", "--names").out.splitlines()[0] == "A /README.md"


def test_a_link_that_comes_while_it_runs_is_not_followed(cli, tree, outside, monkeypatch):
    cli("put", "-r", tree)
    read, link = pairing.read_all, Path("out/a")

    async def swapped(*arguments):
        link.symlink_to(outside, target_is_directory=True)  # noqa: ASYNC240 - nothing else runs
        return await read(*arguments)

    monkeypatch.setattr("everstore.cli.directories.getting.read_all", swapped)
    answer = cli("get", "-r", "/", "out")
    assert (answer.status, "left out: 'a': a symbolic link is there" in answer.err) == (3, True)
    assert contents(outside) == {"a.txt": b"precious"}


def test_a_directory_that_becomes_a_link_between_two_files(cli, tree, outside, monkeypatch):
    cli("put", "-r", tree)
    write = WritableDirectory.write

    def swapped(directory, path, *arguments, **options):
        if path == "a/b.txt":
            Path("out/a").rename(Path("out/was-a"))
            Path("out/a").symlink_to(outside, target_is_directory=True)
            directory._leave()
        write(directory, path, *arguments, **options)

    monkeypatch.setattr(WritableDirectory, "write", swapped)
    answer = cli("get", "-r", "/", "out")
    assert (answer.status, "left out: 'a/b.txt': no directory" in answer.err) == (3, True)
    assert contents(outside) == {"a.txt": b"precious"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("..", "no name of a file"),
        ("a/../../b", "no name of a file"),
        ("/etc/passwd", "no name of a file"),
        ("a//b", "no name of a file"),
        ("nul\0", "no name of a file"),
        ("a/.everstore-part-1/b", "the name of a file that is being written"),
        ("C:", None),
        ("con", None),
        ("a\\b", None),
        ("workspace", None),
    ],
)
def test_names_that_nothing_is_written_at(path, reason):
    assert refusal_of(path, windows=False) == reason


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("C:", "no name of a file on Windows"),
        ("a/C:x", "no name of a file on Windows"),
        ("file:stream", "no name of a file on Windows"),
        ("..\\up", "no name of a file on Windows"),
        ("\\\\host\\share", "no name of a file on Windows"),
        ("what?", "no name of a file on Windows"),
        ("end.", "no name of a file on Windows"),
        ("end ", "no name of a file on Windows"),
        ("bell\a", "no name of a file on Windows"),
        ("a/NUL", "the name of a device on Windows"),
        ("Com1.txt", "the name of a device on Windows"),
        ("con .txt", "the name of a device on Windows"),
        ("COM\N{SUPERSCRIPT TWO}", "the name of a device on Windows"),
        ("console", None),
        ("com10", None),
        ("a.b", None),
    ],
)
def test_names_that_nothing_is_written_at_on_windows(path, reason):
    assert refusal_of(path, windows=True) == reason


def test_a_session_that_has_the_name_of_a_file_being_written(cli, stored):
    cli("put", "-", ".everstore-part-1", stdin=b"1")
    cli("put", "-", "b", stdin=b"2")
    answer = cli("get", "-r", "/", "out")
    assert (answer.status, "'.everstore-part-1': the name of a file" in answer.err) == (3, True)
    assert contents(Path("out")) == {"b": b"2"}


def test_names_that_the_system_does_not_tell_apart(cli, monkeypatch):
    for path in ("Dir/a", "dir/a", "dir/sub/b", "dir/x", "File", "file"):
        cli("put", "-", path, stdin=path.encode())
    folded, opened, made = os.stat, os.open, os.mkdir

    def there(name, folder):
        names = [] if folder is None else os.listdir(folder)  # noqa: PTH208 - a descriptor
        return next((each for each in names if each.lower() == str(name).lower()), name)

    def make(name, *mode, dir_fd=None):
        made(there(name, dir_fd), *mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", make)
    monkeypatch.setattr(
        os, "stat", lambda name, *, dir_fd=None, **rest: folded(there(name, dir_fd), dir_fd=dir_fd, **rest)
    )
    monkeypatch.setattr(
        os,
        "open",
        lambda name, *flags, dir_fd=None: opened(there(name, dir_fd), *flags, dir_fd=dir_fd),
    )
    answer = cli("get", "-r", "/", "out", "--json")
    assert answer.status == 3
    assert {each["reason"] for each in answer.json["left_out"]} == {CLASH}
    assert [each["name"] for each in answer.json["left_out"]] == [
        "dir", "dir/a", "dir/sub", "dir/sub/b", "dir/x", "file",
    ]  # fmt: skip
    assert contents(Path("out")) == {"Dir/a": b"Dir/a", "File": b"File"}


# Interrupted


def test_what_a_killed_command_left_counts_nowhere_and_goes(cli, tree):
    filled(tree, {".everstore-part-1": b"torn", "a/.everstore-part-2": b"torn"})
    assert cli("put", "-r", tree).out.startswith("8 files put")
    assert cli("diff", tree).status == 0
    assert cli("get", "-r", "/", tree).out == "0 files written (0 B), 8 the same\n"
    assert contents(tree) == TREE


def test_a_full_disk_leaves_nothing_torn_and_it_goes_on_later(cli, tree, monkeypatch):
    cli("put", "-r", tree)
    replace = os.replace

    def full(part, name, **options):
        if name == "b.txt":
            raise OSError(28, "No space left on device")
        replace(part, name, **options)

    monkeypatch.setattr(os, "replace", full)
    answer = cli("get", "-r", "/", "out")
    assert answer.status == 4
    assert answer.err == (
        "everstore: error: local_file: 'a/b.txt': No space left on device; until then 4 files written (44 B),"
        " 0 the same; run it again to go on\n"
    )
    there = contents(Path("out"))
    assert there == {path: TREE[path] for path in there}
    monkeypatch.setattr(os, "replace", replace)
    assert cli("get", "-r", "/", "out").out.endswith(", 4 the same\n")


def test_an_interruption_says_what_was_done(cli, tree, monkeypatch, stored):
    monkeypatch.setattr(pairing, "_MOST", 3)
    read = pairing.read_all
    batches = iter(range(2))

    async def interrupted(*arguments):
        if next(batches):
            raise KeyboardInterrupt
        return await read(*arguments)

    monkeypatch.setattr("everstore.cli.directories.putting.read_all", interrupted)
    answer = cli("put", "-r", tree)
    assert answer.status == 130
    assert answer.err.startswith("everstore: interrupted: 3 files put (")
    monkeypatch.setattr("everstore.cli.directories.putting.read_all", read)
    assert cli("put", "-r", tree).out.endswith(", 3 the same\n")


def test_two_do_not_write_into_one_directory_at_once(cli, tree):
    cli("put", "-r", tree)
    with WritableDirectory(Path("out")):
        answer = cli("get", "-r", "/", "out")
    assert (answer.status, "another 'everstore get'" in answer.err) == (4, True)
    assert cli("get", "-r", "/", "out").status == 0


def test_a_directory_that_cannot_be_made(cli, tree):
    answer = cli("get", "-r", "/", tree / "a.txt/below")
    assert (answer.status, "error: local_file: directory " in answer.err) == (4, True)


# One file


def test_get_writes_one_file(cli, in_empty_folder):
    cli("put", "-", "data", stdin=b"\xff\x00")
    assert cli("get", "data", "here.bin").out == "1 file written (2 B), 0 the same\n"
    assert cli("get", "data", "here.bin").out == "0 files written (0 B), 1 the same\n"
    assert contents(in_empty_folder) == {"here.bin": b"\xff\x00"}


@pytest.mark.parametrize(
    ("path", "target", "status", "words"),
    [
        ("absent", "x", 1, "path_not_found"),
        ("/", "x", 3, "path_is_directory"),
        ("data", "folder", 3, "path_is_directory"),
        ("data", "link", 3, "a symbolic link is there"),
        ("data", "..", 3, "no name of a file"),
    ],
)
def test_get_of_one_file_is_refused(cli, in_empty_folder, path, target, status, words):
    cli("put", "-", "data", stdin=b"1")
    (in_empty_folder / "folder").mkdir()
    (in_empty_folder / "link").symlink_to("elsewhere")
    answer = cli("get", path, target)
    assert (answer.status, words in answer.err) == (status, True)
    assert contents(in_empty_folder) == {}


# diff


def test_diff_shows_what_is_different_in_the_session(cli, tree):
    cli("put", "-r", tree, "inside")
    filled(tree, {"a.txt": b"beside\n", "only here.txt": b"1\n", "a/deep/er/data.bin": b"\0" * 1024})
    (tree / "README.md").unlink()
    (tree / "empty.txt").unlink()
    (tree / "empty.txt").mkdir()
    answer = cli("diff", tree, "inside")
    assert (answer.status, answer.err) == (1, "")
    assert answer.out == (
        "A /inside/README.md\n--- /dev/null\n+++ b/inside/README.md\n@@ -0,0 +1 @@\n+# Read me\n"
        "M /inside/a.txt\n--- a/inside/a.txt\n+++ b/inside/a.txt\n@@ -1 +1 @@\n-beside\n+beside a\r\n"
        "M /inside/a/deep/er/data.bin\n"
        "Binary files /inside/a/deep/er/data.bin (1.0 KiB) and /inside/a/deep/er/data.bin (1.0 KiB) differ\n"
        "M /inside/empty.txt\n"
        "D /inside/only here.txt\n--- a/inside/only here.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n"
    )
    names = cli("diff", tree, "inside", "--names").out
    assert names == "".join(f"{line}\n" for line in answer.out.splitlines() if line[:2] in {"A ", "M ", "D "})


def test_diff_shows_a_name_that_no_session_could_have_on_a_line_of_its_own(cli, tree):
    cli("put", "-r", tree)
    filled(tree, {"a\n\x1b[2J.txt": b"1\n"})
    answer = cli("diff", tree)
    name = "a\\n\\x1b[2J.txt"
    assert answer.out == f"D /{name}\n--- a/{name}\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n"
    assert cli("diff", tree, "--json").json["files"][0]["path"] == "/a\n\x1b[2J.txt"


def test_diff_in_json(cli, tree):
    assert cli("diff", tree, "--json").json["left_out"] == []
    cli("put", "-r", tree)
    assert cli("diff", tree, "--json").json == {"files": [], "left_out": []}
    filled(tree, {"a.txt": b"beside a\n"})
    (tree / "link").symlink_to("a.txt")
    answer = cli("diff", tree, "--json")
    assert answer.status == 1
    [change] = answer.json["files"]
    assert (change["kind"], change["path"], change["after"]["size_bytes"]) == ("changed", "/a.txt", 10)
    assert {**change["before"], "updated_at": ""} == {
        "is_directory": False, "path": "/a.txt", "size_bytes": 9, "updated_at": "",
    }  # fmt: skip
    assert change["text"].startswith("--- a/a.txt\n+++ b/a.txt\n")
    assert answer.json["left_out"] == [{"name": "link", "reason": "symbolic link"}]


def test_what_is_ignored_counts_where_the_session_has_it(cli, tree):
    cli("put", "-r", filled(tree, IGNORED), "--no-ignore")
    assert cli("diff", tree).status == 0
    filled(tree, {"noise.log": b"one", "other.log": b"not compared"})
    answer = cli("diff", tree, "--names")
    assert (answer.status, answer.out) == (1, "M /noise.log\n")


def test_diff_tells_that_it_could_not_look_at_everything(cli, tree):
    cli("put", "-r", tree)
    Path(os.fsdecode(os.fsencode(tree) + b"/\xff")).touch()
    answer = cli("diff", tree)
    assert (answer.status, "error: left_out: 1 name left out" in answer.err) == (3, True)


# Where the system opens nothing relative to a directory


def test_without_openat_it_is_the_same(cli, tree, outside, monkeypatch):
    monkeypatch.setattr(local_directory, "_ANCHORED", False)
    (tree / "link").symlink_to(outside, target_is_directory=True)
    assert cli("put", "-r", tree).out.startswith("8 files put")
    Path("out").mkdir()
    Path("out/a").symlink_to(outside, target_is_directory=True)
    answer = cli("get", "-r", "/", "out")
    assert (answer.status, "'a/b.txt': no directory" in answer.err) == (3, True)
    assert contents(outside) == {"a.txt": b"precious"}
    Path("out/a").unlink()
    assert cli("get", "-r", "/", "out").out == "2 files written (1.0 KiB), 6 the same\n"
    with LocalDirectory(tree) as directory:
        assert directory.read("link") == "symbolic link"
    assert cli("diff", "out").status == 0
