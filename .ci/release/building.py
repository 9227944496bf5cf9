"""Building every distribution, so that whoever builds the same commit gets the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from repository import Refusal, Repository
from versioning import distributions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ELSEWHERE = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "17"}
LONG_AGO = 1_000_000_000


def build(clone: Repository, into: Path, *, elsewhere: bool = False) -> list[Path]:
    """The archives of all distributions: a sdist and a wheel each, by name.

    They bear the time of the commit. ``elsewhere`` everything is different that must make no difference:
    the time zone, the locale, the times of the files and who may read them.
    """
    environment = {**os.environ, "SOURCE_DATE_EPOCH": clone.commit_time(), **(ELSEWHERE if elsewhere else {})}
    if elsewhere:
        _age(clone.root)
    for folder in distributions(clone.root):
        # With the hatchling that is installed here: its version stands in the wheel.
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "--directory", into],
            cwd=folder, env=environment, umask=0o077 if elsewhere else 0o022,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Refusal(f"{folder.name} does not build: {' '.join(done.stderr.split())}")
    return sorted(into.iterdir())


def _age(root: Path) -> None:
    for path in root.rglob("*"):
        if ".git" not in path.parts:
            path.chmod(0o700 if path.is_dir() or os.access(path, os.X_OK) else 0o600)
            os.utime(path, (LONG_AGO, LONG_AGO))


def differing(first: Sequence[Path], second: Sequence[Path]) -> list[str]:
    """The names of the archives that are not in both, byte for byte."""
    contents = [{path.name: path.read_bytes() for path in paths} for paths in (first, second)]
    names = sorted(contents[0].keys() | contents[1].keys())
    return [name for name in names if contents[0].get(name) != contents[1].get(name)]
