"""What has to be in every archive, and what must not."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from email import message_from_string
from typing import TYPE_CHECKING
from zipfile import ZipFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from email.message import Message
    from pathlib import Path

    from packaging.version import Version

URLS = {"Changelog", "Documentation", "Issues", "Source"}
PYTHONS = {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)}
LINK = re.compile(r"\]\(([^)]+)\)|(?:href|src|srcset)=\"([^\"]+)\"")


def faults(archives: Sequence[Path], version: Version) -> list[str]:
    """What is wrong with sdists and wheels, a line each; nothing where they are sound."""
    return [f"{archive.name}: {fault}" for archive in archives for fault in _faults(archive, version)]


def refused(archives: Sequence[Path]) -> str:
    """Why an index would not take one of them, or could not show its page; nothing where it would."""
    command = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", *map(str, archives)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    return " ".join(checked.stdout.split()) if checked.returncode else ""


def _faults(archive: Path, version: Version) -> Iterator[str]:
    files = read(archive)
    name = archive.name.partition("-")[0]
    for fault, is_so in (*_wrong_files(archive, files, name), *_wrong_metadata(metadata_of(files), version)):
        if is_so:
            yield fault


def read(archive: Path) -> dict[str, bytes]:
    """The files in an archive, by path, without the sdist's own directory."""
    if archive.suffix == ".whl":
        with ZipFile(archive) as wheel:
            return {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(archive) as sdist:
        members = [(member.name, sdist.extractfile(member)) for member in sdist]
        return {name.partition("/")[2]: file.read() for name, file in members if file}


def metadata_of(files: dict[str, bytes]) -> Message:
    """The metadata; its payload is the long description."""
    [name] = [name for name in files if name == "PKG-INFO" or name.endswith(".dist-info/METADATA")]
    return message_from_string(files[name].decode())


def relative_links(text: str) -> list[str]:
    """The links in a page that lead nowhere where the page stands alone."""
    found = [one or other for one, other in LINK.findall(text)]
    return [link for link in found if not re.match(r"https?:|#|mailto:", link)]


def _wrong_files(archive: Path, files: dict[str, bytes], name: str) -> Iterator[tuple[str, bool]]:
    is_wheel = archive.suffix == ".whl"
    licence = f"{archive.name.split('-py3')[0]}.dist-info/licenses/LICENSE" if is_wheel else "LICENSE"
    yield "no LICENSE", licence not in files
    yield "no py.typed", not any(path.endswith(f"{name}/py.typed") for path in files)
    yield "bytecode", any(path.endswith((".pyc", ".pyo")) for path in files)
    yield "no tests", not is_wheel and not any(path.startswith("tests/") for path in files)
    yield (
        "more than its package",
        is_wheel and any(not path.startswith((f"{name}/", f"{name}-")) for path in files),
    )


def _wrong_metadata(metadata: Message, version: Version) -> Iterator[tuple[str, bool]]:
    urls = {line.partition(",")[0] for line in metadata.get_all("Project-URL", [])}
    classifiers = set(metadata.get_all("Classifier", []))
    requirements = metadata.get_all("Requires-Dist", [])
    others = [line for line in requirements if re.match(r"everstore-[a-z]", line)]
    own = (
        others
        if metadata["Name"] == "everstore"
        else [line for line in requirements if re.match("everstore", line)]
    )
    links = relative_links(str(metadata.get_payload()))
    yield f"version {metadata['Version']}", metadata["Version"] != str(version)
    yield f"URLs {sorted(urls)}", urls != URLS
    yield (
        "no summary, keywords, author or licence",
        not all(metadata[field] for field in ("Summary", "Keywords", "Author", "License-Expression")),
    )
    yield "no README", metadata["Description-Content-Type"] != "text/markdown"
    yield f"links that lead nowhere on a package's page: {links}", bool(links)
    yield "not typed, or other Pythons", not {"Typing :: Typed", *PYTHONS} <= classifiers
    yield "a requirement that is an address", any(" @ " in line for line in requirements)
    yield (
        f"no range of this version in {own}",
        not own or not all(f">={version}" in line and "<" in line for line in own),
    )
