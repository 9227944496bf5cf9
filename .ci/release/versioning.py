"""The one version that all distributions have, and the changelog."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from repository import Refusal

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.version import Version

VERSION = re.compile(r'^version = "[^"]+"$', re.MULTILINE)
RANGE = re.compile(r'"(everstore[a-z-]*(?:\[[a-z,-]+\])?)>=[^",]+,<[^"]+"')


def distributions(root: Path) -> list[Path]:
    """The directory of each distribution, core first."""
    return [root, *sorted(project.parent for project in root.glob("plugins/*/pyproject.toml"))]


def set_versions(root: Path, version: Version) -> None:
    """Write the version into every ``pyproject.toml``, and the range that they want of one another."""
    for folder in distributions(root):
        project = folder / "pyproject.toml"
        text, times = VERSION.subn(f'version = "{version}"', project.read_text(encoding="utf-8"))
        if times != 1:
            raise Refusal(f"{project.relative_to(root)} has {times} lines that are a version, not one")
        text = RANGE.sub(rf'"\1>={version},<{_first_that_may_differ(version)}"', text)
        project.write_text(text, encoding="utf-8")


def _first_that_may_differ(version: Version) -> str:
    """The first version that need not work with this one (docs/compatibility.md)."""
    return f"{version.major + 1}" if version.major else f"0.{version.minor + 1}"


def write_changelog(root: Path, version: Version) -> None:
    """The fragments become a section of CHANGELOG.md, and go."""
    towncrier = [sys.executable, "-m", "towncrier", "build", "--yes", "--version", str(version)]
    done = subprocess.run(towncrier, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(f"towncrier: {' '.join((done.stderr or done.stdout).split())}")
