"""Where the examples run: an environment of their own, and an empty folder for each document."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import uv

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def environment(tmp_path_factory) -> Path:
    """A virtual environment as a reader has it: everstore, the plugins that come with it, and pip."""
    folder = tmp_path_factory.mktemp("environment")
    plugins = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
    fresh = [f"--refresh-package={name}" for name in ("everstore", *(plugin.name for plugin in plugins))]
    for command in (
        ["venv", "--seed", "--python", sys.executable, folder],
        ["pip", "install", "--python", folder, *fresh, f"{ROOT}[cli,conformance]", *plugins],
    ):
        subprocess.run([uv.find_uv_bin(), "--quiet", *map(str, command)], check=True)
    return folder


@pytest.fixture
def folder(environment, in_empty_folder, monkeypatch) -> Path:
    """The working directory of a document's examples."""
    monkeypatch.setenv("VIRTUAL_ENV", str(environment))
    monkeypatch.setenv("PATH", str(environment / "bin"), prepend=":")
    return in_empty_folder
