"""The tour over a made tree: what it imports, what it shows, and that no wrong answer gets past it."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from everstore import errors, parse_session_id
from everstore.cli.tour.steps import STEPS
from everstore.middleware import Middleware

SCRIPT = Path(sys.executable).with_name("everstore")
TITLES = [step.title for step in STEPS]


@pytest.fixture
def tree(in_empty_folder) -> Path:
    """A small checkout: text, binary, hidden and ignored files, links and a pipe."""
    root = in_empty_folder / "checkout"
    for path, data in {
        "README.md": b"# A checkout\n\nIt holds what a checkout holds.\n\n- a list\n- of things\n",
        "src/app.py": b"import os\r\nfrom sys import path\r\n\r\nclass App:\r\n    pass\r\n",
        "src/deep/er/data.bin": bytes(range(256)) * 20,
        "src/empty.txt": b"",
        "src/unicode \N{SNOWMAN} [x].txt": "no final line end \N{SNOWMAN}".encode(),
        ".hidden/config": b"import me\n",
        ".gitignore": b"*.log\nbuild/\n",
        "noise.log": b"ignored\n",
        "build/out.o": b"ignored\n",
        "src/build/out.o": b"ignored\n",
        ".git/HEAD": b"ref: refs/heads/main\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


IMPORTED = [
    "/.gitignore",
    "/.hidden/config",
    "/README.md",
    "/src/app.py",
    "/src/deep/er/data.bin",
    "/src/empty.txt",
    "/src/unicode \N{SNOWMAN} [x].txt",
]


def test_the_tour_shows_its_steps_and_what_they_cost(cli, tree):
    answer = cli("tour", tree, "--all")
    assert (answer.status, answer.err) == (0, "")
    for title in TITLES:
        assert f"  {title}\n" in answer.out
    assert "    file = await files.read_file('/README.md')\n" in answer.out
    assert "    await storage.set_secret('api-token', '********')\n" in answer.out
    assert "refused: file is read-only: '/everstore-tour/RULES.md'" in answer.out
    table = answer.out.partition("\nCALL ")[2].splitlines()
    assert table[0].split() == ["COUNT", "P50", "P99"]
    counts = {line.split()[0]: line.split()[1] for line in table[1 : table.index("")]}
    assert (counts["increment_value"], counts["edit_file"]) == ("50", "21")
    assert "Every answer was right. Backend memory kept everything." in answer.out


def test_the_tour_in_json_tells_the_same(cli, tree):
    answer = cli("tour", tree, "--json")
    assert (answer.status, answer.err) == (0, "")
    document = answer.json
    assert document["backends"] == {"file_system": "memory", "sessions": "memory", "storage": "memory"}
    assert document["error"] is None
    assert document["imported"] == {
        "bytes": sum((tree / path.lstrip("/")).stat().st_size for path in IMPORTED),
        "files": len(IMPORTED),
        "skipped": {},
    }
    calls = {each["verb"]: each for each in document["calls"]}
    assert calls["write_file"]["count"] == len(IMPORTED) + 5
    assert all(0 < each["p50_ns"] <= each["p99_ns"] for each in document["calls"])
    assert [each["title"] for each in document["steps"]][1:-1] == TITLES
    assert all(each["code"] and each["answer"] for each in document["steps"])


def test_the_tour_works_where_it_stands(cli, tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert cli("tour", "--json").json["imported"]["files"] == len(IMPORTED)


def test_the_tour_of_an_empty_directory(cli, in_empty_folder):
    answer = cli("tour", in_empty_folder, "--json")
    assert answer.status == 0
    assert answer.json["imported"]["files"] == 0
    told = "==> Every answer was right, of the tour's own files alone: none was imported. Backend"
    assert told in cli("tour", in_empty_folder).out
    (in_empty_folder / "a.txt").touch()
    assert "==> Every answer was right. Backend" in cli("tour", in_empty_folder).out


@pytest.mark.parametrize(("path", "name"), [("/nowhere", SCRIPT), (SCRIPT.parent, "everstore")])
def test_what_to_type_next_starts_the_command_as_it_was_started(process, path, name):
    told = process("tour", PATH=str(path)).stdout.decode().splitlines()
    assert told[-1] == f"    export EVERSTORE_SESSION=$({name} session new)"
    assert f" '{name} tour --all' shows them" in "\n".join(told)


def test_what_to_type_next_when_it_was_started_as_a_module(in_empty_folder):
    started = [sys.executable, "-m", "everstore"]
    done = subprocess.run([*started, "tour"], check=True, capture_output=True, cwd=in_empty_folder, text=True)
    assert done.stdout.endswith(f"=$({shlex.join(started)} session new)\n")


def test_what_is_kept_is_what_was_imported(cli, tree, kept, a_key):
    answer = cli("tour", tree, "--keep", "--json")
    assert answer.status == 0
    session = answer.json["session_id"]
    paths = [entry["path"] for entry in cli("glob", "**", "-s", session, "--json").json]
    assert paths[:2] == IMPORTED[:2]
    assert [path for path in paths if not path.startswith("/everstore-tour/")] == IMPORTED
    for path in IMPORTED:
        if path != "/README.md":  # which the tour edits
            assert cli("cat", path, "-s", session).bytes == (tree / path.lstrip("/")).read_bytes()
    assert cli("session", "show", session, "--json").json["title"] == "everstore tour of checkout"
    *_, last, look = cli("tour", tree, "--keep").out.splitlines()
    assert last.startswith("    export EVERSTORE_SESSION=")
    assert look == "    everstore tree"
    assert cli("cat", "src/app.py", "-s", last.rpartition("=")[2]).bytes == (tree / "src/app.py").read_bytes()


def test_the_tour_removes_its_session(cli, tree, kept, a_key):
    session = cli("tour", tree, "--json").json["session_id"]
    assert cli("session", "ls", "--json").json["sessions"] == []
    assert cli("tree", "-s", session, "--json").json == []
    assert cli("secret", "ls", "-s", session, "--json").json == []


def test_without_a_key_the_tour_shows_how_to_make_one_and_goes_on(cli, tree, kept):
    answer = cli("tour", tree, "--json")
    assert answer.status == 0
    [step] = [each for each in answer.json["steps"] if each["title"] == "Keep a secret"]
    assert step["answer"].startswith("refused: ")
    assert "everstore keys generate" in step["answer"]
    assert "\nBut 'keep a secret' had to be left out: there is no key" in cli("tour", tree).out


def test_the_tour_says_which_backend_kept_what(cli, tree, kept, monkeypatch):
    monkeypatch.setenv("EVERSTORE_STORAGE", "memory")
    out = cli("tour", tree).out
    verdict = "Backend kept kept the file system, memory kept the storage, kept kept the sessions.\n"
    assert f"\n==> Every answer was right. {verdict}" in out
    assert "\nBackend memory has forgotten it by now. " in out


def test_keeping_a_session_in_memory_is_told_for_what_it_is(cli, tree):
    assert "Backend memory has forgotten it by now" in cli("tour", tree, "--keep").out


def test_what_cannot_be_imported_is_counted(cli, tree):
    (tree / "link").symlink_to("README.md")
    (tree / "loop").symlink_to(".")
    os.mkfifo(tree / "pipe")
    (tree / "workspace").mkdir()
    (tree / "workspace/x").write_bytes(b"1")
    Path(os.fsdecode(os.fsencode(tree) + b"/not-utf-8-\xff")).touch()
    document = cli("tour", tree, "--json").json
    assert document["imported"]["files"] == len(IMPORTED)
    assert document["imported"]["skipped"] == {
        "symbolic link": 2,
        "special file": 1,
        "refused: '/workspace' is the root itself, so nothing in it can be called 'workspace'": 1,
        "refused: name is not UTF-8": 1,
    }
    out = cli("tour", tree).out
    assert "    left out: 2 (symbolic link)\n" in out
    assert "\nBut 5 entries of the directory had to be left out: " in out


def test_a_tour_that_could_import_nothing_finds_nothing_right(cli, kept, tmp_path):
    root = tmp_path / "unreadable"
    root.mkdir()
    Path(os.fsdecode(os.fsencode(root) + b"/not-utf-8-\xff")).touch()
    answer = cli("tour", root)
    assert answer.status == 2
    assert "could be imported: refused: " in answer.err
    assert "right" not in answer.out
    assert asyncio.run(kept.sessions.list_sessions()) == []


def test_the_short_tour_fits_a_screen_and_a_half(cli, tree):
    out = cli("tour", tree).out
    assert sum(1 + len(line) // 80 for line in out.splitlines()) <= 42
    assert "more steps went the same way: 'everstore tour --all' shows them" in out
    assert "CALL " not in out


def test_a_step_that_is_not_in_the_short_tour_is_shown_when_it_fails(cli, tree, install_plugin, monkeypatch):
    install_plugin("liar", everstore_middleware=lambda: lying("get_value", another_value))
    monkeypatch.setenv("EVERSTORE_MIDDLEWARE", "liar")
    answer = cli("tour", tree)
    assert answer.status == 1
    assert "  Keep a value\n    await storage.set_value('branch', 'main')\n" in answer.out


@pytest.mark.parametrize(
    ("settings", "arguments", "lines"),
    [
        (
            {"EVERSTORE_BACKEND": "memory"},
            [],
            ["sqlite", "export EVERSTORE_SESSION=$(everstore session new)"],
        ),
        ({}, [], ["export EVERSTORE_SESSION=$(everstore session new)", "everstore put - hello.txt"]),
        ({}, ["--keep"], ["export EVERSTORE_SESSION=0", "everstore tree"]),
    ],
)
def test_the_tour_ends_with_two_lines_to_type_next(cli, tree, kept, monkeypatch, settings, arguments, lines):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    told = cli("tour", tree, *arguments).out.splitlines()
    assert told[-3].endswith(", type:")
    for line, words in zip(told[-2:], lines, strict=True):
        assert line.startswith("    ")
        assert words in line


def test_without_the_alias_a_directory_workspace_is_imported(cli, tree, monkeypatch):
    monkeypatch.setenv("EVERSTORE_WORKSPACE_ALIAS", "false")
    (tree / "workspace").mkdir()
    (tree / "workspace/x").write_bytes(b"1")
    answer = cli("tour", tree, "--json")
    assert answer.status == 0
    assert answer.json["imported"]["files"] == len(IMPORTED) + 1
    assert answer.json["imported"]["skipped"] == {}


def test_what_cannot_be_read_is_counted(cli, tree, monkeypatch):
    # Permissions do not stop the superuser, whom tests may run as.
    opened = os.open

    def refuse(path, *arguments, **options):
        if path == "app.py":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    imported = cli("tour", tree, "--json").json["imported"]
    assert imported["files"] == len(IMPORTED) - 1
    assert imported["skipped"] == {"unreadable": 1}


def test_what_cannot_be_walked_through_is_counted(cli, tree, monkeypatch):
    scanned = os.scandir

    def refuse(directory):
        if Path(f"/proc/self/fd/{directory}").readlink().name == "src":
            raise PermissionError(13, "Permission denied")
        return scanned(directory)

    monkeypatch.setattr(os, "scandir", refuse)
    imported = cli("tour", tree, "--json").json["imported"]
    assert (imported["files"], imported["skipped"]) == (3, {"unreadable": 1})


def test_a_file_without_a_line_to_edit_is_passed_over(cli, tree):
    (tree / "README.md").unlink()
    (tree / "README").write_bytes(b"\xff\xfe a line that is long enough\n")
    (tree / "readme.txt").write_bytes(b"----------------\n" * 2)
    (tree / "readme.log.txt").write_bytes(b"a line that is long enough\n" + b"x" * (1 << 20))
    answer = cli("tour", tree, "--all")
    assert answer.status == 0
    assert "await files.read_file('/.gitignore')" not in answer.out
    assert "await files.read_file('/src/unicode \N{SNOWMAN} [x].txt')" in answer.out


def test_what_exceeds_a_limit_is_counted(cli, tree, monkeypatch):
    monkeypatch.setenv("EVERSTORE_LIMITS__FILE_BYTES", "4000")
    assert cli("tour", tree, "--json").json["imported"]["skipped"] == {"refused: quota_exceeded": 1}


def test_the_import_is_bounded(cli, tree):
    (tree / "a.bin").write_bytes(bytes(1000))
    (tree / "b.bin").write_bytes(bytes(1000))
    few = cli("tour", tree, "--max-files", "3", "--json").json["imported"]
    assert (few["files"], few["skipped"]["more than --max-files"]) == (3, 1)
    small = cli("tour", tree, "--max-bytes", "16000", "--json").json["imported"]
    assert small["skipped"] == {"larger than 1/16 of --max-bytes": 1}
    for number in range(20):
        (tree / f"{number}.txt").write_bytes(bytes(1000))
    full = cli("tour", tree, "--max-bytes", "16000", "--json").json["imported"]
    assert full["bytes"] <= 16000
    assert full["skipped"]["over --max-bytes"] > 0
    assert cli("tour", tree, "--max-files", "0", "--json").json["imported"]["files"] == 0


def test_a_directory_that_is_not_there(cli, tree):
    for path in (tree / "nothing", tree / "README.md"):
        answer = cli("tour", path)
        assert (answer.status, answer.out) == (2, "")
        assert answer.err == f"everstore: error: invalid_argument: {str(path)!r} is no directory\n"


def test_files_called_like_those_of_the_tour_stay_apart(cli, tree):
    (tree / "everstore-tour").mkdir()
    (tree / "everstore-tour/plan.md").write_bytes(b"mine\n")
    answer = cli("tour", tree, "--all")
    assert answer.status == 0
    assert "await files.write_file('/everstore-tour-2/plan.md', plan_text)" in answer.out


def lying(verb, lie):
    """A middleware that answers one verb with ``lie(call, *args, **kwargs)``."""

    class Liar(Middleware):
        def wrap(self, of, call):
            return partial(lie, call) if of.name == verb else call

    return Liar()


async def truncated(call, *args, **kwargs):
    file = await call(*args, **kwargs)
    if file and file.path == "/src/deep/er/data.bin":
        return await call(args[0], "/src/empty.txt")
    return file


async def without_last(call, *args, **kwargs):
    return (await call(*args, **kwargs))[:-1]


def unless(condition, lie):
    async def answer(call, *args, **kwargs):
        if condition(args, kwargs):
            return await call(*args, **kwargs)
        return await lie(call, *args, **kwargs)

    return answer


async def ignoring_the_revision(call, *args, if_revision=None, **kwargs):
    return await call(*args, **kwargs)


async def losing_one_edit(call, session_id, path, old, new, **kwargs):
    return await call(session_id, path, old, old if "agent 7:" in old else new, **kwargs)


async def counting_wrong(call, session_id, key, amount=1):
    return 1 + await call(session_id, key, amount)


async def nothing(call, *args, **kwargs):
    return None


async def yes(call, *args, **kwargs):
    return True


async def unsealed(call, session_id, file):
    return await call(session_id, type(file)(file.path, file.content))


async def losing_a_file(call, session_id, path):
    return None if path == "/everstore-tour/RULES.md" else await call(session_id, path)


async def another_value(call, *args, **kwargs):
    return "another"


LIES = {
    "Look around": ("list_directory", without_last),
    "The whole tree": ("glob_files", without_last),
    "Read every file back, byte for byte": ("read_file", truncated),
    "Read some lines": ("read_lines", nothing),
    "Twenty edits of one file at once, and all survive": ("edit_file", losing_one_edit),
    "What somebody else changed is not overwritten": ("write_file", ignoring_the_revision),
    "Search for a word": ("grep_files", unless(lambda _, options: options.get("regex"), without_last)),
    "Search with a regular expression": (
        "grep_files",
        unless(lambda _, options: not options.get("regex"), without_last),
    ),
    "Find files by name": ("glob_files", unless(lambda args, _: args[1] == "**", without_last)),
    "Keep a value": ("get_value", another_value),
    "Fifty increments at once, and all count": ("increment_value", counting_wrong),
    "Keep a secret": ("get_secret", another_value),
    "A read-only seed stays as it is": ("seed_initial_file", unsealed),
    "Copy a directory, and move the copy": ("copy_file", nothing),
    "Delete a directory, which takes recursive=True": ("delete_file", yes),
    "Everything is as it must be": ("read_file", losing_a_file),
    "Remove the session, and nothing is left": ("purge_session", yes),
}


@pytest.mark.parametrize("title", LIES)
def test_a_wrong_answer_fails_the_tour(cli, tree, install_plugin, monkeypatch, title):
    install_plugin("liar", everstore_middleware=lambda: lying(*LIES[title]))
    monkeypatch.setenv("EVERSTORE_MIDDLEWARE", "liar")
    answer = cli("tour", tree, "--json")
    assert answer.status == 1
    assert answer.json["steps"][-1]["title"] == title
    assert "answer" not in answer.json["steps"][-1]
    assert answer.json["error"]["code"] in {"wrong_answer", "path_not_found"}
    assert answer.err.count("\n") == 1
    assert json.loads(answer.err)["error"].items() >= answer.json["error"].items()


def test_an_import_that_stores_something_else_fails_the_tour(cli, tree, install_plugin, monkeypatch):
    async def shortened(call, session_id, path, content, *args, **kwargs):
        return await call(session_id, path, content[:5], *args, **kwargs)

    install_plugin("liar", everstore_middleware=lambda: lying("write_file", shortened))
    monkeypatch.setenv("EVERSTORE_MIDDLEWARE", "liar")
    answer = cli("tour", tree)
    assert answer.status == 1
    assert "everstore: error: wrong_answer: the import stored another file than it was given: " in answer.err


def test_a_failed_tour_removes_its_session_too(cli, tree, kept, install_plugin, monkeypatch):
    install_plugin("liar", everstore_middleware=lambda: lying("get_value", another_value))
    monkeypatch.setenv("EVERSTORE_MIDDLEWARE", "liar")
    answer = cli("tour", tree, "--json")
    assert answer.status == 1
    session_id = parse_session_id(answer.json["session_id"])
    assert asyncio.run(kept.files.list_directory(session_id, "/")) == []
    assert asyncio.run(kept.sessions.list_sessions()) == []


def test_a_failed_tour_tells_which_session_it_could_not_remove(cli, tree, kept, install_plugin, monkeypatch):
    async def unavailable(call, *args, **kwargs):
        raise errors.BackendUnavailableError("the server does not answer")

    install_plugin("liar", everstore_middleware=lambda: lying("get_value", another_value))
    install_plugin("away", everstore_middleware=lambda: lying("purge_session", unavailable))
    monkeypatch.setenv("EVERSTORE_MIDDLEWARE", "liar,away")
    answer = cli("tour", tree, "--json")
    assert answer.status == 1
    session_id = answer.json["session_id"]
    told, error = map(json.loads, answer.err.splitlines())
    assert told["note"] == (
        f"session {session_id} could not be removed (backend_unavailable): "
        f"everstore session rm {session_id} does it"
    )
    assert error["error"]["code"] == "wrong_answer"
    monkeypatch.setenv("EVERSTORE_MIDDLEWARE", "")
    assert cli("session", "rm", session_id).status == 0
    assert asyncio.run(kept.files.list_directory(parse_session_id(session_id), "/")) == []


def test_a_failed_tour_leaves_the_session_to_look_at_when_told_to(
    cli, tree, kept, install_plugin, monkeypatch
):
    install_plugin("liar", everstore_middleware=lambda: lying("get_value", another_value))
    monkeypatch.setenv("EVERSTORE_MIDDLEWARE", "liar")
    failed = cli("tour", tree, "--keep", "--json")
    session = failed.json["session_id"]
    assert json.loads(failed.err.splitlines()[0]) == {
        "note": f"the session is still there: EVERSTORE_SESSION={session}"
    }
    assert cli("cat", "src/app.py", "-s", session).bytes == (tree / "src/app.py").read_bytes()


@pytest.fixture
def _heard(end):
    """A signal that whoever runs the tests has ignored, as nohup does, is not."""
    handler = signal.getsignal(end)
    if handler is signal.SIG_IGN:
        signal.signal(end, signal.SIG_DFL)
    yield
    signal.signal(end, handler)


@pytest.mark.usefixtures("_heard")
@pytest.mark.parametrize("verb", ["increment_value", "edit_file", "fork_session"])
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_tour_that_is_ended_removes_its_session_too(
    cli, tree, kept, install_plugin, monkeypatch, verb, end
):
    async def ended(call, *args, **kwargs):
        answer = await call(*args, **kwargs)
        signal.raise_signal(end)
        await asyncio.sleep(0)
        return answer

    install_plugin("liar", everstore_middleware=lambda: lying(verb, ended))
    monkeypatch.setenv("EVERSTORE_MIDDLEWARE", "liar")
    answer = cli("tour", tree, "--json")
    assert (answer.status, answer.err) == (128 + end, "")
    session_id = parse_session_id(answer.json["session_id"])
    assert asyncio.run(kept.files.list_directory(session_id, "/")) == []
    assert asyncio.run(kept.sessions.list_sessions()) == []


def test_a_backend_that_fails_ends_the_tour_with_its_own_status(cli, tree, install_plugin, monkeypatch):
    async def unavailable(call, *args, **kwargs):
        raise errors.BackendUnavailableError("the server does not answer")

    install_plugin("away", everstore_middleware=lambda: lying("append_file", unavailable))
    monkeypatch.setenv("EVERSTORE_MIDDLEWARE", "away")
    answer = cli("tour", tree)
    assert answer.status == 4
    assert answer.err.splitlines() == [
        (
            "everstore: error: backend_unavailable: the server does not answer;"
            " it may have been done, so look before doing it again"
        )
    ]
