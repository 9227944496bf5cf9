"""What a newcomer types in a checkout, and what runs from an unpacked sdist."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
import uv

ROOT = Path(__file__).parents[2]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
SQLITE = ROOT / "plugins" / "everstore-sqlite"
ENCRYPTION = ["cryptography"]


def run_uv(*arguments: str | Path) -> str:
    command = [uv.find_uv_bin(), *map(str, arguments)]
    newcomers = {name: value for name, value in os.environ.items() if name != "UV_NO_SOURCES"}  # tox sets it
    done = subprocess.run(command, env=newcomers, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="session")
def fresh(tmp_path_factory) -> Path:
    """An environment with pip, what builds, and what everstore and its plugins need, but none of these."""
    folder = tmp_path_factory.mktemp("fresh")
    run_uv("venv", "--seed", "--python", sys.executable, folder)
    needed = set(ENCRYPTION)
    for distribution in (ROOT, *PLUGINS):
        told = tomllib.loads((distribution / "pyproject.toml").read_text())
        needed |= {*told["project"]["dependencies"], *told["build-system"]["requires"]}
    run_uv(
        "pip", "install", "--python", folder, *(need for need in needed if not need.startswith("everstore"))
    )
    return folder


CASES = {
    "a plugin": ([SQLITE], {"everstore": ROOT, "everstore-sqlite": SQLITE}),
    "all plugins": (PLUGINS, {"everstore": ROOT, **{plugin.name: plugin for plugin in PLUGINS}}),
    "core and a plugin": ([ROOT, SQLITE], {"everstore": ROOT, "everstore-sqlite": SQLITE}),
    "an extra of core": ([f"{ROOT}[sqlite]"], {"everstore": ROOT, "everstore-sqlite": SQLITE}),
}


@pytest.mark.parametrize("case", CASES)
def test_pip_takes_what_belongs_together_from_the_checkout_and_asks_no_index(fresh, case):
    asked, expected = CASES[case]
    command = [fresh / "bin" / "python", "-m", "pip", "install", "--dry-run", "--no-index", "--quiet"]
    command += ["--no-build-isolation", "--report", "-", *asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reports = json.loads(done.stdout)["install"]
    found = {each["metadata"]["name"]: each["download_info"]["url"] for each in reports}
    assert found == {name: folder.as_uri() for name, folder in expected.items()}


@pytest.mark.parametrize("case", CASES)
def test_uv_does_so_too(fresh, case):
    asked, expected = CASES[case]
    command = ["pip", "install", "--python", fresh, "--dry-run", "--no-index", "--no-build-isolation"]
    told = run_uv(*command, *asked)
    for name, folder in expected.items():
        assert re.search(rf"\+ {name}(==[0-9.]+ \(from| @) {folder.as_uri()}\b", told)


# What reads files beside the tests: the contract and its page, modules that are generated, README.
SUBSET = [
    "tests/conformance/test_checks.py",
    "tests/plugins/test_versions.py",
    "tests/sync/test_generated.py",
    "tests/tools/test_page.py",
]


def test_an_unpacked_sdist_tests_itself(archives, tmp_path, monkeypatch):
    [sdist] = [archive for archive in archives if archive.name == "everstore-0.2.0.tar.gz"]
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    root, environment = tmp_path / "everstore-0.2.0", tmp_path / "environment"
    run_uv("venv", "--python", sys.executable, environment)
    group = f"{root / 'pyproject.toml'}:test"
    run_uv("pip", "install", "--python", environment, f"{root}[cli,conformance,encryption]", "--group", group)
    monkeypatch.setenv("PYTHONSAFEPATH", "1")  # what is tested is what was built
    command = [environment / "bin" / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *SUBSET]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
