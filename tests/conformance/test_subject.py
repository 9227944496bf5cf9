"""What is tested: how this process or another one opens it, and where it keeps what."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from everstore.conformance import Subject
from everstore.conformance.storage_scan import files_holding, traces_of

SECRET = "s3cret-Marker-7f21"


def test_a_subject_crosses_to_another_process_with_its_key(tmp_path):
    subject = Subject({"backend": "memory", "limits__file_bytes": 7}, files=(str(tmp_path),))
    again = Subject.from_json(subject.to_json())
    assert again == subject
    assert again.settings["secrets_keys"] == subject.settings["secrets_keys"]


def test_every_subject_has_a_key_of_its_own_unless_one_is_given():
    one, other = Subject({"backend": "memory"}), Subject({"backend": "memory"})
    assert one.settings["secrets_keys"] != other.settings["secrets_keys"]
    assert Subject({"secrets_keys": "mine:key"}).settings["secrets_keys"] == "mine:key"


def test_the_name_is_that_of_the_backend(monkeypatch):
    assert Subject({"backend": "acme"}).name == "acme"
    assert Subject({}).name == "memory"
    monkeypatch.setenv("EVERSTORE_BACKEND", "acme")
    assert Subject({}).name == "acme"


def test_a_subject_opens_its_storage_with_settings_for_one_time(memory):
    async def opened():
        async with memory.open(limits__file_bytes=3) as store:
            return store.backends

    assert set(asyncio.run(opened()).values()) == {"memory"}


def test_files_and_folders_that_the_settings_name_hold_the_storage(tmp_path):
    named, beside, other = (tmp_path / name for name in ("a.db", "a.db-wal", "other"))
    for path in (named, beside, other):
        path.write_bytes(SECRET.encode())
    subject = Subject({"backend": "acme", "acme_path": str(named), "acme_url": "\0", "acme_size": 3})
    assert subject.places() == [named]
    assert files_holding(SECRET, subject.places()) == ["a.db", "a.db-wal"]
    assert sorted(files_holding(SECRET, [tmp_path])) == ["a.db", "a.db-wal", "other"]
    assert files_holding("something else", [tmp_path]) == []


def test_a_text_is_found_across_pieces_of_a_large_file(tmp_path):
    large = tmp_path / "large"
    large.write_bytes(b"x" * ((1 << 20) - 5) + SECRET.encode() + b"y" * 100)
    assert files_holding(SECRET, [large]) == ["large"]


@pytest.mark.parametrize(
    "kept",
    [
        SECRET.encode(),
        SECRET.encode("utf-16-le"),
        SECRET.encode("utf-16-be"),
        SECRET.encode().hex().encode(),
        *(base64.b64encode(b"-" * lead + SECRET.encode() + b"-" * lead) for lead in range(4)),
        base64.urlsafe_b64encode(b"?" + SECRET.encode()),
    ],
)
def test_a_text_is_found_in_any_plausible_form(kept):
    assert traces_of(SECRET, b"\0\1" + kept + b"\2\3")


def test_another_text_is_no_trace():
    assert not traces_of(SECRET, base64.b64encode(SECRET[::-1].encode()) + SECRET.upper().encode())


def test_a_renewed_subject_is_of_a_place_that_does_not_exist_yet(tmp_path):
    file, folder, config = tmp_path / "a.db", tmp_path / "folder", tmp_path / "everstore.toml"
    file.touch()
    folder.mkdir()
    config.touch()
    settings = {"backend": "acme", "acme_path": str(file), "acme_folder": str(folder), "acme_size": 3}
    subject = Subject({**settings, "config_file": str(config)}, own_files=(str(folder / "log"),))
    with subject.renewed() as renewed:
        place, inside = Path(renewed.settings["acme_path"]), Path(renewed.settings["acme_folder"])
        assert place.name == "a.db"
        assert not place.exists()
        assert list(inside.iterdir()) == []
        kept = {
            name: value
            for name, value in subject.settings.items()
            if name not in {"acme_path", "acme_folder"}
        }
        assert kept.items() <= renewed.settings.items()
        assert renewed.own_files == ()
    assert not place.parent.exists()
    with Subject({"backend": "acme", "acme_path": str(tmp_path / "missing")}).renewed() as same:
        assert same.settings["acme_path"] == str(tmp_path / "missing")
