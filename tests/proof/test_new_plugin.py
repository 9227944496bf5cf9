"""What ``everstore new-plugin`` writes is a whole distribution: it installs, runs and reaches ``core``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import uv

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """A fresh virtual environment, far from the repository, with the generated plugin in it."""
    folder = tmp_path_factory.mktemp("outside")
    generate = [sys.executable, "-m", "everstore", "new-plugin", "shelf"]
    subprocess.run(generate, cwd=folder, check=True, capture_output=True)
    subprocess.run([uv.find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True)
    wheel = next(folder.glob("everstore-*.whl"))
    python = folder / "venv" / "bin" / "python"
    for command in (
        ["venv", "--python", sys.executable, folder / "venv"],
        ["pip", "install", "--python", python, f"{wheel}[cli,conformance,encryption]"],
        ["pip", "install", "--python", python, f"{folder / 'everstore-shelf'}[test]"],
    ):
        subprocess.run([uv.find_uv_bin(), "--quiet", *map(str, command)], check=True)
    return folder


def run(environment: Path, *command: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EVERSTORE_")}
    return subprocess.run(
        [environment / "venv" / "bin" / command[0], *command[1:]],
        cwd=environment / "everstore-shelf",
        env=clean,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def test_it_reaches_core_as_it_was_generated(environment):
    done = run(environment, "everstore", "conformance", "shelf", "--level", "core")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "level reached: core" in done.stdout


def test_its_own_tests_hold_the_suite(environment):
    done = run(environment, "python", "-m", "pytest", "-q", "-k", "values.increment or tree.delete")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_it_opens_from_the_environment(environment):
    done = run(environment, "everstore", "backends")
    assert "shelf" in done.stdout
