"""Where the examples run: an environment of their own, and an empty folder for each document."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def environment(tmp_path_factory) -> Path:
    """A virtual environment as a reader has it: everstore, its plugins, what the examples use, and pip."""
    folder = tmp_path_factory.mktemp("environment")
    plugins = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
    fresh = [f"--refresh-package={name}" for name in ("everstore", *(plugin.name for plugin in plugins))]
    examples = ["--group", f"{ROOT / 'pyproject.toml'}:examples"]
    everstore = f"{ROOT}[adapters,cli,conformance]"
    for command in (
        ["venv", "--seed", "--python", sys.executable, folder],
        ["pip", "install", "--python", folder, *fresh, *examples, everstore, *plugins],
    ):
        subprocess.run([uv.find_uv_bin(), "--quiet", *map(str, command)], check=True)
    return folder


def _installed(environment: Path) -> set[str]:
    [packages] = environment.glob("lib/python*/site-packages")
    return {path.name for path in packages.glob("*.dist-info")}


@pytest.fixture
def server() -> ModuleType:
    """How the tests of the plugin start a server of PostgreSQL."""
    spec = spec_from_file_location("server", ROOT / "plugins" / "everstore-postgres" / "tests" / "server.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def database_url(server) -> Iterator[str]:
    """A server of PostgreSQL."""
    with server.server_url() as url:
        yield url


@pytest.fixture
def database(path, monkeypatch, request) -> None:
    """A server of PostgreSQL and its programs, for a page whose reader has them."""
    if path.parent == ROOT / "docs" and "EVERSTORE_BACKEND=postgres\neverstore" in path.read_text():
        monkeypatch.setenv("EVERSTORE_POSTGRES_URL", request.getfixturevalue("database_url"))
        monkeypatch.setenv("PATH", str(request.getfixturevalue("server").PROGRAMS), prepend=":")


@pytest.fixture
def folder(environment, in_empty_folder, monkeypatch) -> Iterator[Path]:
    """The working directory of a document's examples; what they install is gone when the next ones come."""
    monkeypatch.setenv("VIRTUAL_ENV", str(environment))
    monkeypatch.setenv("PATH", str(environment / "bin"), prepend=":")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)  # readers have none: what a page writes is found
    before = _installed(environment)
    yield in_empty_folder
    for added in _installed(environment) - before:
        name = added.partition("-")[0]
        subprocess.run(["python", "-m", "pip", "--quiet", "uninstall", "--yes", name], check=True)
