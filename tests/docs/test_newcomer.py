"""A newcomer, who has the pages alone, comes from README to a session that stays, a copy, a fork and a merge.

The first command of README and all blocks of the page that it sends them to are typed, as they stand, into
one shell in a checkout where nothing is installed. One thing is not typed: Docker starts no server of
PostgreSQL, for the tests have one.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from shlex import quote

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(console|sh|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVER = re.compile(r"^docker run .*\nexport EVERSTORE_POSTGRES_URL=.*\n", re.MULTILINE)
LEFT_OUT = shutil.ignore_patterns(".git", ".tox", ".venv", ".*cache*", "__pycache__", ".hypothesis")
KEPT, TAKEN = ("HOME", "LANG", "PATH"), ("PIP_", "UV_", "SSL_")


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text())


def typed(kind: str, text: str) -> str:
    """What a reader types of a block, an error in which ends it all."""
    if kind == "python":
        return f"python -W error -c {quote(text)}\n"
    return text


def test_the_pages_alone_lead_to_a_session_that_stays_its_copy_a_fork_and_a_merge(database_url, tmp_path):
    checkout = tmp_path / "everstore"
    shutil.copytree(ROOT, checkout, ignore=LEFT_OUT)
    readme, start = checkout / "README.md", checkout / "docs" / "start.md"
    first, *_ = [text for kind, text in blocks(readme) if kind == "console"]
    assert "(docs/start.md)" in readme.read_text()
    asked, answers, has_server = [("console", first)], [], False
    for kind, text in blocks(start):
        if kind == "text":
            answers.append((len(asked) - 1, text))
        else:
            ours, servers = SERVER.subn(f"export EVERSTORE_POSTGRES_URL={quote(database_url)}\n", text)
            asked.append((kind, ours))
            has_server |= bool(servers)
    assert has_server, "the page does not say where PostgreSQL is"
    mark = "=== the block before this line is done ==="
    script = "".join(f"{typed(*block)}\necho {quote(mark)}\n" for block in asked)
    environment = {"HOME": str(tmp_path), **os.environ, "LANG": "C.UTF-8"}
    environment = {name: environment[name] for name in environment if name in KEPT or name.startswith(TAKEN)}
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail"],
        capture_output=True,
        check=False,
        cwd=checkout,
        env=environment,
        input=script,
        text=True,
        timeout=600,
    )
    printed = done.stdout.split(f"{mark}\n")
    assert done.returncode == 0, f"{printed[-1]}\n{done.stderr}"
    assert [(place, printed[place]) for place, _ in answers] == answers
