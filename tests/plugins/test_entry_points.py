"""Entry points are remembered, and what is installed or removed meanwhile is seen all the same."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys

import pytest

from everstore.discovery import entry_points


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(place, name):
    info = place / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[discovered]\n{name} = json\n")
    # A file system may tell times by no more than hundredths of a second.
    os.utime(place, ns=(0, place.stat().st_mtime_ns + 10**9))


def names():
    return [point.name for point in entry_points("discovered")]


def test_what_is_installed_and_removed_is_seen(place):
    assert names() == []
    install(place, "one")
    assert names() == ["one"]
    install(place, "two")
    assert sorted(names()) == ["one", "two"]
    shutil.rmtree(place / "one-1.0.dist-info")
    assert names() == ["two"]


def test_another_place_is_another_answer(place, monkeypatch):
    install(place, "one")
    assert names() == ["one"]
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(place)])
    assert names() == []


def test_it_is_read_once(place, monkeypatch):
    install(place, "one")
    assert names() == ["one"]
    monkeypatch.delattr(importlib.metadata, "entry_points")
    assert names() == ["one"]


def test_a_finder_of_somebodys_own_is_asked_each_time(place, monkeypatch):
    class Finder:
        def find_distributions(self, context):
            yield importlib.metadata.PathDistribution(place / "aside" / "two-1.0.dist-info")

    (place / "aside").mkdir()
    install(place, "one")
    assert names() == ["one"]
    install(place / "aside", "two")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    assert sorted(names()) == ["one", "two"]


def test_what_stands_on_the_path_and_is_no_folder_is_no_matter(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, "/nowhere", ""])
    assert names() == []
    assert "memory" in [point.name for point in entry_points("everstore")]
