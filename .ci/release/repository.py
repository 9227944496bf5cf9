"""The repository that a release is made in: what has to be so before, and what it has afterwards."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PLACEHOLDER = "everstore.example"
"""The host in the addresses of a project that has no public home yet."""


class Refusal(Exception):  # noqa: N818 - the release's only answer but success
    """Why there is no release, in one line."""


class Repository:
    """A work tree of git."""

    def __init__(self, root: Path) -> None:
        """Nothing is looked at yet."""
        self.root = root

    def git(self, *arguments: str | Path) -> str:
        """What git says; ``Refusal`` with its words where it fails."""
        done = subprocess.run(
            ["git", *map(str, arguments)], cwd=self.root, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Refusal(f"git {arguments[0]}: {' '.join(done.stderr.split())}")
        return done.stdout.strip()

    def require_ready(self, version: Version, branch: str, *, published: bool) -> None:
        """Refuse what a release must not be made of; ``published`` unless it stays here."""
        if changed := self.git("status", "--porcelain"):
            raise Refusal(f"{len(changed.splitlines())} files are not committed; commit or remove them")
        if (here := self.git("branch", "--show-current")) != branch:
            raise Refusal(f"this is the branch {here or '(none)'}; git switch {branch}")
        self._require_newer(version)
        if not any((self.root / "changes").glob("*.*.md")):
            raise Refusal("changes/ has no fragment: there is nothing to release")
        if published:
            self._require_home()

    def _require_home(self) -> None:
        for project in (self.root / "pyproject.toml", *sorted(self.root.glob("plugins/*/pyproject.toml"))):
            if PLACEHOLDER in project.read_text(encoding="utf-8"):
                where = project.relative_to(self.root).as_posix()
                raise Refusal(f"the addresses in {where} are at {PLACEHOLDER}; see docs/releasing.md")

    def _require_newer(self, version: Version) -> None:
        """Newer than what is released, and not older than what the work tree says it is."""
        released = [found for tag in self.git("tag", "--list", "v*").split() if (found := _version_of(tag))]
        if released and version <= max(released):
            raise Refusal(f"{version} is not newer than {max(released)}, which is released")
        project = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        if version < Version(project["version"]):
            raise Refusal(f"{version} is older than {project['version']}, which pyproject.toml says")

    def clone(self, to: Path) -> Repository:
        """A clone of what is committed, in which the same person commits."""
        self.git("clone", "--quiet", "--no-hardlinks", self.root, to)
        clone = Repository(to)
        for name in ("user.name", "user.email"):
            if own := self.git("config", "--default", "", "--get", name):
                clone.git("config", name, own)
        return clone

    def commit(self, message: str) -> None:
        """Everything that was changed."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def tag(self, version: Version) -> None:
        """An annotated tag of the newest commit."""
        self.git("tag", "--annotate", "--message", f"everstore {version}", f"v{version}")

    def show(self) -> str:
        """The newest commit, in short."""
        return self.git("show", "--stat", "--format=%s", "HEAD", "--", ":!changes")

    def commit_time(self) -> str:
        """The newest commit's time, in seconds."""
        return self.git("show", "--no-patch", "--format=%ct", "HEAD")

    def take(self, clone: Repository, version: Version) -> None:
        """The commit and the tag that were made in a clone; nothing, if somebody committed here meanwhile."""
        self.git("fetch", "--quiet", "--no-tags", clone.root, "HEAD")
        self.git("merge", "--quiet", "--ff-only", "FETCH_HEAD")
        self.git("fetch", "--quiet", clone.root, f"refs/tags/v{version}:refs/tags/v{version}")

    def keep(self, archives: Iterable[Path]) -> Path:
        """The archives, alone in ``dist/``, which git passes over."""
        dist = self.root / "dist"
        shutil.rmtree(dist, ignore_errors=True)
        dist.mkdir()
        for archive in archives:
            shutil.copy2(archive, dist)
        return dist


def _version_of(tag: str) -> Version | None:
    try:
        return Version(re.sub(r"^v", "", tag))
    except InvalidVersion:
        return None
