"""The records: what is derived from what is kept."""

from __future__ import annotations

import copy
import json
import pickle
import uuid
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everstore import (
    Checkpoint,
    FileChange,
    GrepMatch,
    KeyInfo,
    Merged,
    SecretInfo,
    Session,
    SessionFile,
    ValueChange,
    errors,
    new_checkpoint_id,
    new_session_id,
)
from everstore.arguments import plain_session
from everstore.models import file_of, root_of, to_dict

NOW = 1_750_000_000_123_456_789
SESSION = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
FILE = SessionFile(NOW + 5, NOW, NOW + 5, SESSION, "/a/b.txt", NOW, 4, is_readonly=True, content="text")


def test_an_entry_shows_times_id_and_revision():
    assert FILE.created_at == datetime(2025, 6, 15, 15, 6, 40, 123_456, tzinfo=UTC)
    assert FILE.updated_at == FILE.created_at
    assert FILE.revision == format(NOW + 5, "x")
    assert FILE.name == "b.txt"
    assert FILE.id.version == 7
    assert FILE.id.variant == uuid.RFC_4122
    assert FILE.id.int >> 80 == NOW // 1_000_000
    assert FILE.is_directory is False


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_times_are_exact_to_the_microsecond(nanoseconds):
    session = Session(id=SESSION, created_ns=nanoseconds or 1)
    since = session.created_at - datetime(1970, 1, 1, tzinfo=UTC)
    assert since // timedelta(microseconds=1) == (nanoseconds or 1) // 1000


def test_info_and_stat_are_the_entry_without_its_content():
    for view in (FILE.info(), FILE.stat()):
        assert (view.id, view.path, view.size_bytes) == (FILE.id, FILE.path, FILE.size_bytes)
        assert (view.revision, view.is_readonly, view.is_directory) == (FILE.revision, True, False)
        assert (view.created_at, view.updated_at) == (FILE.created_at, FILE.updated_at)
        assert "text" not in repr(view).replace("b.txt", "")
    root = root_of(SESSION)
    assert (root.info().is_directory, root.stat().is_directory, root.is_directory) == (True, True, True)


def test_two_entries_share_no_id():
    ids = {
        SessionFile(1, NOW, 1, session, "/a", serial, 0, is_readonly=False, content="").id
        for session in (SESSION, new_session_id())
        for serial in range(NOW, NOW + 1000)
    }
    assert len(ids) == 2000


FREE = (1 << 76) - 1 ^ 3 << 62  # the bits of an id that are neither time, version nor variant


def id_in(session: int, serial: int) -> int:
    entry = SessionFile(1, NOW, 1, uuid.UUID(int=session), "/a", serial, 0, is_readonly=False, content="")
    return entry.id.int & FREE


@pytest.mark.parametrize("serial", [0, 1, NOW, (1 << 63) - 1])
def test_an_id_tells_nothing_of_the_session_to_who_knows_the_serial_and_the_time(serial):
    own = id_in(SESSION.int, serial)
    # Each bit of the session's id turns half of the 74: nothing of the one can be read off the other.
    turned = [own ^ id_in(SESSION.int ^ 1 << bit, serial) for bit in range(128)]
    assert all(15 <= each.bit_count() <= 59 for each in turned)
    for bit in range(76):
        if FREE >> bit & 1:
            assert 32 <= sum(each >> bit & 1 for each in turned) <= 96
    # Nor do two differences add up to that of both, as they would in anything that can be solved.
    both = own ^ id_in(SESSION.int ^ 3, serial)
    assert (turned[0] ^ turned[1] ^ both).bit_count() >= 15


def test_the_root_is_as_old_as_its_session():
    session_id = new_session_id()
    root = root_of(session_id)
    assert root.id.version == 7
    assert abs(datetime.now(UTC) - root.created_at) < timedelta(minutes=1)
    assert root_of(uuid.UUID(int=5)).created_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert root_of(session_id) == root
    assert root_of(session_id).id != root_of(new_session_id()).id


def test_records_never_change():
    with pytest.raises(AttributeError):
        FILE.content = "other"
    with pytest.raises(AttributeError):
        Session(id=SESSION).title = "other"


def test_records_cross_processes():
    for record in (FILE, FILE.info(), FILE.stat(), Session(id=SESSION, title="x"), KeyInfo(1, 2, 3, "k", 4)):
        assert pickle.loads(pickle.dumps(record)) == record


def test_a_session_is_made_with_an_id_and_times():
    session = Session()
    assert session.id.version == 7
    assert session.created_at == session.updated_at
    assert session.title is None
    assert Session(created_ns=5, updated_ns=9).updated_ns == 9


def test_a_new_title_moves_the_time_and_never_backwards():
    session = Session(id=SESSION, created_ns=NOW)
    later = session.updated(NOW + 5_000, title="x")
    assert (later.title, later.updated_ns, later.created_ns) == ("x", NOW + 5_000, NOW)
    assert later.updated(NOW - 5_000, title="y").updated_at > later.updated_at


def test_expiry_is_told_when_there_is_one():
    for kind in (KeyInfo, SecretInfo):
        assert kind(1, 2, 3, "name").expires_at is None
        assert kind(1, 2, 3, "name", NOW).expires_at == FILE.created_at


def test_a_record_for_json_has_what_its_users_see():
    assert to_dict(FILE) == {
        "session_id": str(SESSION),
        "path": "/a/b.txt",
        "size_bytes": 4,
        "is_readonly": True,
        "content": "text",
        "encoding": "text",
        "id": str(FILE.id),
        "name": "b.txt",
        "is_directory": False,
        "revision": FILE.revision,
        "created_at": "2025-06-15T15:06:40.123456Z",
        "updated_at": "2025-06-15T15:06:40.123456Z",
    }
    assert to_dict(KeyInfo(10, NOW, NOW, "k"))["expires_at"] is None
    assert to_dict(SecretInfo(10, NOW, NOW, "k", NOW))["expires_at"] == "2025-06-15T15:06:40.123456Z"
    match = {"path": "/a", "line_number": 1, "line": "x", "before": ["b"], "after": []}
    assert json.loads(json.dumps(to_dict(GrepMatch("/a", 1, "x", ("b",))))) == match
    assert to_dict(Session(id=SESSION, created_ns=NOW))["id"] == str(SESSION)


def test_a_difference_for_json_shows_both_sides_as_a_listing_does():
    change = FileChange("/a/b.txt", "removed", FILE.info(), None)
    shown = to_dict(change)
    assert shown == {
        "path": "/a/b.txt", "kind": "removed", "before": to_dict(FILE.info()), "after": None, "text": None,
    }  # fmt: skip
    value = ValueChange("k", "added", None, KeyInfo(1, 2, 3, "k", NOW))
    merged = to_dict(Merged([change], [value]))
    assert merged == {"files": [shown], "values": [to_dict(value)]}
    assert merged["values"][0]["after"]["expires_at"] == "2025-06-15T15:06:40.123456Z"


def test_a_checkpoint_for_json_says_when_it_was_taken():
    taken = Checkpoint(new_checkpoint_id(), SESSION, "label", NOW)
    assert to_dict(taken) == {
        "id": str(taken.id),
        "session_id": str(SESSION),
        "label": "label",
        "created_at": "2025-06-15T15:06:40.123456Z",
    }


def test_a_record_keeps_its_parent():
    parent = new_session_id()
    session = Session(id=SESSION, parent=parent)
    assert session.updated(NOW, title="x").parent == parent
    assert to_dict(session)["parent"] == str(parent)
    assert Session().parent is None
    assert plain_session(session) is session
    driver = type("Driver", (uuid.UUID,), {})
    assert type(plain_session(Session(parent=driver(int=parent.int))).parent) is uuid.UUID
    with pytest.raises(errors.InvalidSessionIdError):
        plain_session(Session(parent=str(parent)))


def test_every_record_can_be_json():
    for record in (
        FILE,
        FILE.info(),
        root_of(SESSION),
        Session(),
        KeyInfo(1, 2, 3, "k", 4),
        SecretInfo(1, 2, 3, "n"),
    ):
        assert isinstance(record, msgspec.Struct)
        assert json.loads(json.dumps(to_dict(record)))


def test_a_file_that_keeps_bytes_is_the_one_in_base64():
    fields = (NOW + 5, NOW, NOW + 5, SESSION, "/a/b", NOW, 3, False)
    written = SessionFile(*fields, "AP+A", "base64")
    kept = file_of(*fields, b"\0\xff\x80", "base64")
    other = file_of(*fields, b"\0\xff\x81", "base64")
    assert kept == written
    assert written == kept
    assert len({kept, written}) == 1
    assert repr(kept) == repr(written)
    assert kept.content == "AP+A"
    assert kept.data == written.data == b"\0\xff\x80"
    assert (kept.info(), kept.stat(), kept.is_directory) == (written.info(), written.stat(), False)
    assert other != kept
    assert written != other
    assert kept != kept.info()
    assert to_dict(kept) == to_dict(written)
    assert msgspec.json.encode(kept) == msgspec.json.encode(written)
    assert msgspec.json.decode(msgspec.json.encode(kept), type=type(kept)) == kept
    for copied in (pickle.loads(pickle.dumps(kept)), copy.copy(kept), msgspec.structs.replace(kept)):
        assert copied == written
        assert copied.content == "AP+A"
