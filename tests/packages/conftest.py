"""A repository of what is here, and a release that is made in it once."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
RELEASE = Path(".ci", "release")
VERSION = "0.2.0"


class Repository(NamedTuple):
    """A repository and the release that is tried in it."""

    root: Path

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def release(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the release of the work tree under test on this repository."""
        command = [sys.executable, ROOT / RELEASE, "--repository", self.root, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def state(self) -> tuple[str, ...]:
        """All that a release changes."""
        untracked = self.git("status", "--porcelain", "--ignored")
        return self.git("rev-parse", "HEAD"), self.git("for-each-ref"), untracked


@pytest.fixture(scope="session")
def make_repository(tmp_path_factory) -> Callable[[], Repository]:
    """A repository of the files under test, on main; its addresses are those of a published project."""
    template = tmp_path_factory.mktemp("template") / "everstore"
    junk = shutil.ignore_patterns(".git", ".venv", ".tox", "__pycache__", ".*_cache", "dist", "*.db*")
    shutil.copytree(ROOT, template, ignore=junk)
    for project in (template / "pyproject.toml", *template.glob("plugins/*/pyproject.toml")):
        project.write_text(project.read_text().replace("everstore.example", "code.example"))
    (template / "changes").mkdir(exist_ok=True)
    (template / "changes" / "15.added.999.md").write_text("A release is one command.\n")
    repository = Repository(template)
    repository.git("init", "--quiet", "--initial-branch", "main")
    repository.git("config", "user.name", "A maintainer")
    repository.git("config", "user.email", "maintainer@example.org")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "All of it")

    def make() -> Repository:
        folder = tmp_path_factory.mktemp("repository") / "everstore"
        shutil.copytree(template, folder)
        return Repository(folder)

    return make


@pytest.fixture
def repository(make_repository) -> Repository:
    return make_repository()


@pytest.fixture(scope="session")
def released(make_repository) -> Repository:
    """The repository after a release; its archives are in ``dist``."""
    repository = make_repository()
    done = repository.release(VERSION)
    assert done.returncode == 0, done.stderr
    return repository


@pytest.fixture(scope="session")
def archives(released) -> list[Path]:
    """Every archive of a release."""
    return sorted((released.root / "dist").iterdir())


@pytest.fixture(scope="session")
def tools() -> SimpleNamespace:
    """The modules of the release."""
    sys.path.insert(0, str(ROOT / RELEASE))
    names = ("archives", "building", "versioning")
    loaded = {name: importlib.import_module(name) for name in names}
    sys.path.remove(str(ROOT / RELEASE))
    return SimpleNamespace(**loaded)
