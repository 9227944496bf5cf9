"""Completion as it is used: a bash on a terminal, TAB, and what the command then was given."""

from __future__ import annotations

import os
import pty
import subprocess
import sysconfig
from contextlib import suppress
from select import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BIN = sysconfig.get_path("scripts")
EVIL = "$(touch ran)`touch ran`; touch ran '\\\\$(touch ran) \\\\`touch ran` *"


def typed_into_bash(home: Path, *lines: str) -> str:
    """What a terminal shows while these lines are typed into a new bash, a TAB being that key."""
    terminal, end = pty.openpty()
    shown = b""
    with subprocess.Popen(
        ["bash", "-i"],
        stdin=end,
        stdout=end,
        stderr=end,
        cwd=home,
        env=os.environ | {"HOME": str(home), "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "dumb"},
        start_new_session=True,
    ) as shell:
        os.close(end)
        os.write(terminal, "".join(f"{line}\n" for line in [*lines, "exit"]).encode())
        with suppress(OSError):  # what Linux says when the other end is closed
            while select([terminal], [], [], 60)[0] and (data := os.read(terminal, 4096)):
                shown += data
        shell.kill()
    os.close(terminal)
    return shown.decode()


async def test_tab_completes_what_is_in_the_store_and_runs_none_of_it(opened, tmp_path, monkeypatch):
    keys = {"agents:one": "1", "agents:two": "2", f"evil{EVIL}": "3"}
    async with opened() as store:
        session = await store.create_session("a title")
        await store.session(session.id).storage.set_values(keys)
        await store.session(session.id).files.write_file("folder/x/y z.md", "4")
    monkeypatch.setenv("EVERSTORE_SESSION", str(session.id))
    print_it = "\x01printf '<%s>' \x05 >>answers"  # before what was completed, which begins with 'everstore'
    shown = typed_into_bash(
        tmp_path,
        "everstore --install-completion && exec bash",
        f"everstore kv get agents:t\t{print_it}",
        f"everstore kv get e\t{print_it}",
        f'everstore cat "f\t{print_it}',
        f"everstore ls --session={str(session.id)[:2]}\t{print_it}",
    )
    completed = [
        "kv<get<agents:two",
        f"kv<get<evil{EVIL}",
        "cat<folder/x/y z.md",
        f"ls<--session={session.id}",
    ]
    answers = "".join(f"<everstore<{line}>".replace("<", "><")[1:] for line in completed)
    assert (tmp_path / "answers").read_text() == answers, shown
    assert not (tmp_path / "ran").exists()
    assert (tmp_path / ".bashrc").read_text() == "source ~/.bash_completions/everstore.sh\n"
