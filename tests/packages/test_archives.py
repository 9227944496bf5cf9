"""What is in every archive of a release: sdists and wheels, of core and of every plugin."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

import pytest
from packaging.version import Version

ROOT = Path(__file__).parents[2]
VERSION = Version("0.2.0")
NAMES = ("everstore", "everstore_lmdb", "everstore_opentelemetry", "everstore_postgres", "everstore_sqlite")


@pytest.fixture
def sdist(archives) -> Path:
    [found] = [archive for archive in archives if archive.name == "everstore_sqlite-0.2.0.tar.gz"]
    return found


def packed(files: dict[str, bytes], path: Path) -> Path:
    """A sdist of these files."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{path.name.removesuffix('.tar.gz')}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_every_distribution_has_a_sdist_and_a_wheel(archives):
    both = ("-0.2.0-py3-none-any.whl", "-0.2.0.tar.gz")
    assert [archive.name for archive in archives] == sorted(name + end for name in NAMES for end in both)


def test_they_are_sound(archives, tools):
    assert tools.archives.faults(archives, VERSION) == []


def test_an_index_would_take_them_and_can_show_their_pages(archives, tools):
    assert tools.archives.refused(archives) == ""


def test_what_an_index_would_not_take_is_told(sdist, tools, tmp_path):
    files = tools.archives.read(sdist)
    files["PKG-INFO"] = files["PKG-INFO"].partition(b"Description-Content-Type")[0]
    assert "`long_description` missing" in tools.archives.refused([packed(files, tmp_path / sdist.name)])


def test_links_lead_to_the_tag(archives, tools):
    for archive in archives:
        page = tools.archives.metadata_of(tools.archives.read(archive)).get_payload()
        places = set(re.findall(r"https://code\.example/everstore/(blob/[^/]+/)", page))
        assert places <= {"blob/v0.2.0/"}
        assert places or archive.name.startswith("everstore_opentelemetry")


def test_where_the_links_lead_there_is_something(archives, tools):
    page = tools.archives.metadata_of(tools.archives.read(archives[0])).get_payload()
    paths = re.findall(r"https://code\.example/everstore/(?:blob|raw)/v0\.2\.0/([^)#]+)", page)
    assert [path for path in paths if not (ROOT / path).exists()] == []


CHANGED = {
    "LICENSE": ("no LICENSE", None),
    "src/everstore_sqlite/py.typed": ("no py.typed", None),
    "PKG-INFO": (
        "no README",
        ("Description-Content-Type: text/markdown", "Description-Content-Type: text/plain"),
    ),
    "PKG-INFO ": ("version 0.3.0", ("\nVersion: 0.2.0", "\nVersion: 0.3.0")),
    "PKG-INFO  ": (
        "a requirement that is an address",
        ("everstore[encryption]<0.3,>=0.2.0", "everstore[encryption] @ file:///src"),
    ),
    "PKG-INFO   ": (
        "links that lead nowhere on a package's page: ['docs/forks.md', 'a.svg']",
        ("\n# everstore-sqlite", '\n[forks](docs/forks.md) <img alt="" src="a.svg">\n# everstore-sqlite'),
    ),
}


@pytest.mark.parametrize("path", CHANGED)
def test_what_is_wrong_with_one_is_told(sdist, tools, tmp_path, path):
    fault, change = CHANGED[path]
    files = tools.archives.read(sdist)
    if change is None:
        del files[path]
    else:
        files[path.strip()] = files[path.strip()].decode().replace(*change).encode()
    changed = packed(files, tmp_path / sdist.name)
    assert f"{changed.name}: {fault}" in tools.archives.faults([changed], VERSION)


def test_archives_that_differ_are_told(archives, tools, tmp_path):
    other = tmp_path / archives[0].name
    other.write_bytes(archives[0].read_bytes() + b"\0")
    assert tools.building.differing(archives, archives) == []
    assert tools.building.differing(archives, [other, *archives[2:]]) == [archives[0].name, archives[1].name]


@pytest.mark.parametrize("name", ["LICENSE", "hatch_build.py"])
def test_what_every_distribution_has_of_its_own_is_the_same(name):
    [content] = {path.read_bytes() for path in (ROOT / name, *ROOT.glob(f"plugins/*/{name}"))}
    assert content
    assert len(list(ROOT.glob(f"plugins/*/{name}"))) == len(list(ROOT.glob("plugins/*/pyproject.toml")))


@pytest.mark.parametrize(
    ("version", "next_one"), [("0.2.0", "0.3"), ("0.9.4rc1", "0.10"), ("1.0.0", "2"), ("2.3.1", "3")]
)
def test_the_range_ends_where_a_version_may_differ(tools, tmp_path, version, next_one):
    (tmp_path / "pyproject.toml").write_text(
        'version = "0.1.0"\nx = ["everstore[cli,mcp]>=0.1.0,<0.2", "everstore-lmdb>=0,<1", "other>=1,<2"]\n'
    )
    tools.versioning.set_versions(tmp_path, Version(version))
    assert (tmp_path / "pyproject.toml").read_text() == (
        f'version = "{version}"\nx = ["everstore[cli,mcp]>={version},<{next_one}", '
        f'"everstore-lmdb>={version},<{next_one}", "other>=1,<2"]\n'
    )
