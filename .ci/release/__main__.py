"""Makes a release, up to its tag: ``tox -e release -- VERSION [--dry-run]``. It never pushes or uploads.

All of it happens in a clone in a temporary directory. Only when everything is made and checked does the
repository get the commit, the tag, and the archives in ``dist/``; with ``--dry-run`` it gets nothing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.version import InvalidVersion, Version

from archives import faults, refused
from building import build, differing
from repository import Refusal, Repository
from versioning import set_versions, write_changelog

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Release, or tell in one line why not."""
    parser = argparse.ArgumentParser(prog="release", description=__doc__.partition("\n")[0])
    parser.add_argument("version", type=_version, help="such as 0.2.0 or 1.0.0rc1; the tag is v0.2.0")
    parser.add_argument("--dry-run", action="store_true", help="do all of it in a clone, and change nothing")
    parser.add_argument("--branch", default="main", help="the branch to release from")
    parser.add_argument("--repository", type=Path, default=ROOT, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    try:
        _release(Repository(asked.repository), asked.version, asked.branch, dry_run=asked.dry_run)
    except Refusal as refusal:
        sys.exit(f"release: {refusal}")


def _version(text: str) -> Version:
    try:
        version = Version(text)
    except InvalidVersion:
        raise argparse.ArgumentTypeError(f"{text!r} is no version") from None
    if version.local or version.epoch:  # no range of the plugins can be made of these
        raise argparse.ArgumentTypeError(f"{text!r} has an epoch or a local part, which no release has")
    return version


def _release(repository: Repository, version: Version, branch: str, *, dry_run: bool) -> None:
    repository.require_ready(version, branch, published=not dry_run)
    with TemporaryDirectory(prefix="release-") as folder:
        clone = repository.clone(Path(folder) / "first")
        set_versions(clone.root, version)
        write_changelog(clone.root, version)
        clone.commit(f"Release {version}")
        clone.tag(version)
        _tell(f"{clone.show()}\n")
        archives = _build_and_check(clone, Path(folder), version)
        if dry_run:
            _tell(f"A dry run: nothing was changed. {len(archives)} archives were made and are sound.\n")
            return
        repository.take(clone, version)
        kept = repository.keep(archives)
    _tell(f"Released {version}: a commit, the tag v{version}, and {len(archives)} archives in {kept}.\n")
    _tell(
        f"Nothing has left this machine. See docs/releasing.md; then: git push origin {branch} v{version}\n"
    )


def _build_and_check(clone: Repository, folder: Path, version: Version) -> list[Path]:
    """The archives, sound and the same when they are built again elsewhere."""
    archives = build(clone, folder / "dist")
    again = build(clone.clone(folder / "second-of-another-name"), folder / "again", elsewhere=True)
    if names := differing(archives, again):
        raise Refusal(f"built a second time, {', '.join(names)} came out differently")
    if found := faults(archives, version):
        raise Refusal("; ".join(found))
    if reason := refused(archives):
        raise Refusal(reason)
    return archives


def _tell(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
