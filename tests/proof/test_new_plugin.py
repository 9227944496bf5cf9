"""What ``everstore new-plugin`` writes is whole: its own workflow is green, and it is ``durable``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import uv

ROOT = Path(__file__).parents[2]
MOST_LINES = 160


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder far from the repository: the generated plugin, a wheel of everstore, an environment."""
    folder = tmp_path_factory.mktemp("outside")
    generate = [sys.executable, "-m", "everstore", "new-plugin", "shelf"]
    subprocess.run(generate, cwd=folder, check=True, capture_output=True)
    subprocess.run([uv.find_uv_bin(), "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True)
    environment = ["venv", "--seed", "--python", sys.executable, str(folder / "venv")]
    subprocess.run([uv.find_uv_bin(), "--quiet", *environment], check=True)
    return folder


def run(folder: Path, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EVERSTORE")}
    path = f"{folder / 'venv' / 'bin'}:{clean['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder / "everstore-shelf",
        env={**clean, **environment, "PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )


@pytest.fixture(scope="module")
def installed(folder) -> Path:
    """The folder after the first steps of the plugin's own workflow, told where everstore comes from."""
    workflow = (folder / "everstore-shelf" / ".github" / "workflows" / "tests.yml").read_text()
    steps = re.findall(r"- run: (.*)", workflow)
    assert [step.split()[0] for step in steps] == ["pip", "pip", "mypy", "pytest"]
    wheel = str(next(folder.glob("everstore-*.whl")))
    for step in steps[:3]:
        done = run(folder, step, EVERSTORE=wheel)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_it_is_short(folder):
    files = [path for path in (folder / "everstore-shelf").rglob("*.py") if path.is_file()]
    assert sum(len(path.read_text().splitlines()) for path in files) <= MOST_LINES


def test_it_is_durable_as_it_was_generated(installed):
    done = run(installed, "everstore conformance shelf --level durable")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "level reached: durable" in done.stdout


def test_its_own_tests_hold_the_suite(installed):
    done = run(installed, "pytest -q -k 'values.increment or tree.delete'")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_it_opens_from_the_environment(installed):
    done = run(installed, "everstore backends")
    assert "shelf" in done.stdout


def test_what_is_wrong_with_its_setting_is_told(installed):
    done = run(
        installed,
        "everstore session ls",
        EVERSTORE_BACKEND="shelf",
        EVERSTORE_SHELF_PATH="/nowhere/at/all.db",
    )
    assert "EVERSTORE_SHELF_PATH" in done.stderr
