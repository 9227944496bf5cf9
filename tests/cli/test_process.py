"""The installed script, in processes of its own."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from select import select

import pytest

from everstore import new_session_id
from everstore.installing import command_to_install

SCRIPT = str(Path(sys.executable).with_name("everstore"))
SESSION = "0195c0de-0000-7000-8000-000000000001"  # of no special meaning
SECRET = "correct horse battery staple"


def test_the_script_runs_a_command(process):
    done = process("backends", "--json")
    assert done.returncode == 0
    assert "memory" in [each["name"] for each in json.loads(done.stdout)]


def test_a_wrong_command_is_one_line(process):
    done = process("ls", "-s", "nonsense")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"everstore: error: invalid_session_id: ")
    assert done.stderr.count(b"\n") == 1


def test_memory_is_empty_in_the_next_process_and_says_so(process):
    session = str(new_session_id())
    assert process("put", "-", "x", "-s", session, stdin=b"1", EVERSTORE_BACKEND="memory").returncode == 0
    done = process("cat", "x", EVERSTORE_SESSION=session)
    assert done.returncode == 1
    assert [line.split(b":")[1] for line in done.stderr.splitlines()] == [b" note", b" error"]


def test_a_name_that_the_terminal_cannot_show_is_escaped(process):
    session = str(new_session_id())
    done = process(
        "mkdir", "\N{SNOWMAN}", "-s", session, PYTHONIOENCODING="ascii:strict", EVERSTORE_BACKEND="memory"
    )
    assert done.returncode == 0
    assert done.stdout.startswith(b"/\\u2603  directory")


def test_nobody_reading_ends_it_quietly(in_empty_folder):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [SCRIPT, "settings"], stdout=writer, stderr=subprocess.PIPE, check=False, timeout=60
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def in_a_shell(folder, command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in which ``everstore`` is the script."""
    line = command.replace("everstore", SCRIPT)
    environment = {**os.environ, "EVERSTORE_BACKEND": "memory"}
    return subprocess.run(
        ["/bin/sh", "-c", line], cwd=folder, capture_output=True, env=environment, check=False, timeout=60
    )


@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("backends", 0),
        ("ls -s nonsense", 2),
        ("no-such-command", 2),
        (f"cat x -s {SESSION}", 1),
        (f"mkdir d -s {SESSION}", 0),
    ],
)
def test_a_command_ends_as_it_would_when_nobody_can_be_told(command, status, stream, in_empty_folder):
    done = in_a_shell(in_empty_folder, f"everstore {command} {stream}")
    assert (done.returncode, done.stderr) == (status, b"")
    assert bool(done.stdout) is (status == 0)


@pytest.mark.parametrize("stream", [">&-", ">/dev/full"])
@pytest.mark.parametrize("command", ["backends", "backends --json", f"mkdir d -s {SESSION}"])
def test_an_answer_that_cannot_be_written_is_one_line(command, stream, in_empty_folder):
    done = in_a_shell(in_empty_folder, f"everstore {command} {stream}")
    assert done.returncode == 4
    words = b"the answer could not be written to standard output"
    start = (
        b'{"error": {"code": "output", "message": "' if "--json" in command else b"everstore: error: output: "
    )
    assert done.stderr.splitlines()[-1].startswith(start + words)
    assert b"Traceback" not in done.stderr
    assert in_a_shell(in_empty_folder, f"everstore {command} {stream} 2>&-").returncode == 4


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_answer_that_is_written_in_part_only_is_an_error(unbuffered, in_empty_folder):
    script = (
        "unset COVERAGE_PROCESS_CONFIG; "  # lines that are counted would be written to a file, too
        f"ulimit -f 1; PYTHONUNBUFFERED={unbuffered} everstore --help >answer"
    )
    done = in_a_shell(in_empty_folder, script)
    assert done.returncode == 4
    assert done.stderr.startswith(b"everstore: error: output: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("command", ["put - x", "secret set x"])
def test_a_closed_standard_input_is_not_taken_for_an_empty_one(command, in_empty_folder):
    done = in_a_shell(in_empty_folder, f"everstore {command} -s {SESSION} <&-")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.endswith(b"'-' cannot be read: standard input is closed\n")


@pytest.mark.parametrize("missing", ["typer", "rich", "rignore"])
def test_a_missing_extra_is_one_line(missing, in_empty_folder):
    code = f"import sys; sys.modules[{missing!r}] = None; from everstore.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.decode() == f"everstore: error: {missing} is missing: {command_to_install('cli')}\n"


def test_another_missing_module_is_not_put_down_to_the_extra():
    code = "import sys; sys.modules['everstore.cli.files'] = None; from everstore.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    assert done.returncode == 1
    assert b"ModuleNotFoundError" in done.stderr


def test_importing_the_command_line_loads_nothing_heavy():
    heavy = "{'typer', 'rich', 'rignore', 'pydantic', 'structlog'}"
    code = f"import sys, everstore.cli; print({heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert done.stdout == b"set()\n"


def on_a_terminal(folder, *arguments: str, typed: tuple[str, ...] = (), **variables: str) -> tuple[int, str]:
    """The exit status of a command on a terminal, and what that showed; ``typed`` at one prompt each."""
    terminal, end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **variables}
    shown, lines = b"", list(typed)
    with subprocess.Popen(
        [SCRIPT, *arguments],
        stdin=end,
        stdout=end,
        stderr=end,
        cwd=folder,
        env=environment,
        start_new_session=True,
    ) as child:
        os.close(end)
        with suppress(OSError):  # what Linux says when the other end is closed
            while select([terminal], [], [], 60)[0] and (data := os.read(terminal, 4096)):
                shown += data
                if lines and shown.endswith(b": "):
                    os.write(terminal, f"{lines.pop(0)}\n".encode())
        child.kill()
    os.close(terminal)
    return child.returncode, shown.decode()


def test_a_terminal_is_asked_for_a_secret_unseen(in_empty_folder):
    session = str(new_session_id())
    status, shown = on_a_terminal(
        in_empty_folder,
        "secret",
        "set",
        "token",
        "-s",
        session,
        typed=(SECRET, SECRET),
        EVERSTORE_BACKEND="memory",
    )
    assert status == 0
    assert "Secret 'token': " in shown
    assert SECRET not in shown


def test_giving_up_at_the_prompt_ends_quietly(in_empty_folder):
    session = str(new_session_id())
    status, shown = on_a_terminal(
        in_empty_folder, "secret", "set", "token", "-s", session, typed=("\x04",), EVERSTORE_BACKEND="memory"
    )
    assert status == 130
    assert "error" not in shown


def test_a_terminal_sees_the_import_advance(in_empty_folder):
    for number in range(20):
        (in_empty_folder / f"{number}.txt").touch()
    status, shown = on_a_terminal(in_empty_folder, "tour")
    assert status == 0
    assert "importing" in shown
    assert "20/20" in shown


def test_a_narrow_terminal_loses_nothing(in_empty_folder):
    _, shown = on_a_terminal(in_empty_folder, "backends", COLUMNS="60", NO_COLOR="1", TERM="dumb")
    assert shown.split().count("sessions") >= 2  # what it can keep and is configured for; other plugins too
    assert "everstore" in shown


@pytest.mark.parametrize("columns", ["20", "40", "60"])
def test_a_terminal_too_narrow_for_a_table_lists_its_cells_and_loses_nothing(in_empty_folder, columns):
    _, shown = on_a_terminal(in_empty_folder, "settings", COLUMNS=columns, NO_COLOR="1", TERM="dumb")
    lines = shown.splitlines()
    is_table = lines[0].split() == ["SETTING", "FROM", "VALUE"]
    assert is_table == (columns == "60")
    assert max(map(len, lines)) <= int(columns)
    assert is_table or "setting: EVERSTORE_BACKEND from: default value: memory  setting: " in " ".join(lines)
    assert "EVERSTORE_LIMITS__SESSION_VALUE_BYTES" in "".join(lines)


def test_colours_are_for_terminals_that_want_them(in_empty_folder):
    assert "\x1b[" in on_a_terminal(in_empty_folder, "settings")[1]
    assert "\x1b[" not in on_a_terminal(in_empty_folder, "settings", NO_COLOR="1", TERM="dumb")[1]


def test_shell_completion_knows_the_commands(process):
    done = process(_EVERSTORE_COMPLETE="complete_bash", COMP_WORDS="everstore se", COMP_CWORD="1")
    assert done.returncode == 0
    assert set(done.stdout.decode().split()) >= {"session", "secret", "settings"}


def test_the_differences_on_a_terminal_have_no_bar_in_their_lines(in_empty_folder):
    (in_empty_folder / "only here").touch()
    variables = {"EVERSTORE_BACKEND": "memory", "EVERSTORE_SESSION": SESSION}
    status, shown = on_a_terminal(in_empty_folder, "diff", ".", **variables)
    assert status == 1
    assert "D /only here" in shown
    assert "comparing" not in shown
