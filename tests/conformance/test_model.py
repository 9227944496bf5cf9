"""The reference model is believed by the state machines, so what it says is pinned down here."""

from __future__ import annotations

import pytest

from everstore import InitialFile, Session, errors, new_session_id
from everstore.conformance.model import Model, ModelLimits
from everstore.conformance.model.plain import canonical, glob_selects, lines_of

ID = new_session_id()


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def files(model):
    """A tree with a file, a read-only file and bytes."""
    model.file_system.write_file(ID, "/d/a", "one\r\ntwo\n")
    model.file_system.write_file(ID, "/d/b", "AP8=", "base64")
    model.file_system.seed_initial_file(ID, InitialFile("/r/fixed", "x", is_readonly=True))
    return model.file_system


def paths(files):
    return sorted(files.tree(ID))


def test_an_overwrite_keeps_the_identity_and_changes_the_revision(files):
    first = files.read_file(ID, "/d/a")
    second = files.write_file(ID, "d//a", "three")
    assert (second.identity, second.path, second.content) == (first.identity, "/d/a", "three")
    assert second.revision != first.revision
    assert files.read_file(ID, "/workspace/d/a") == second


def test_a_directory_has_no_content_and_lists_what_is_in_it(files):
    assert files.read_file(ID, "/d").is_directory
    assert files.read_file(ID, "/").is_directory
    assert [entry.path for entry in files.list_directory(ID)] == ["/d", "/r"]
    assert [(entry.path, entry.size_bytes) for entry in files.list_directory(ID, "d")] == [
        ("/d/a", 9),
        ("/d/b", 2),
    ]
    assert files.list_directory(ID, "/d/a") == files.list_directory(ID, "/no") == []


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda f: f.write_file(ID, "/d/a/x", ""), errors.ParentNotDirectoryError),
        (lambda f: f.write_file(ID, "/d", ""), errors.PathIsDirectoryError),
        (lambda f: f.write_file(ID, "/", ""), errors.PathIsDirectoryError),
        (lambda f: f.write_file(ID, "/r/fixed", "", if_absent=True), errors.ReadOnlyFileError),
        (lambda f: f.write_file(ID, "/d/a", "", if_absent=True), errors.RevisionConflictError),
        (lambda f: f.write_file(ID, "/d/a", "", if_revision="other"), errors.RevisionConflictError),
        (lambda f: f.write_file(ID, "/new", "", if_revision="other"), errors.RevisionConflictError),
        (lambda f: f.write_file(ID, "/n", "YR==", "base64"), errors.InvalidContentError),
        (lambda f: f.write_file(ID, "/n", "\ud800"), errors.InvalidContentError),
        (lambda f: f.write_file(ID, "../n", ""), errors.InvalidPathError),
        (lambda f: f.create_directory(ID, "/d/a"), errors.PathExistsError),
        (lambda f: f.create_directory(ID, "/d/a/x"), errors.ParentNotDirectoryError),
        (lambda f: f.edit_file(ID, "/none", "a", "b"), errors.PathNotFoundError),
        (lambda f: f.edit_file(ID, "/d/b", "a", "b"), errors.InvalidContentError),
        (lambda f: f.edit_file(ID, "/d/a", "o", "b"), errors.EditError),
        (lambda f: f.edit_file(ID, "/d/a", "zz", "b", replace_all=True), errors.EditError),
        (lambda f: f.append_file(ID, "/d/b", "text"), errors.InvalidContentError),
        (lambda f: f.append_file(ID, "/r/fixed", "y"), errors.ReadOnlyFileError),
        (lambda f: f.move_file(ID, "/d", "/d/x"), errors.InvalidPathError),
        (lambda f: f.move_file(ID, "/none", "/x"), errors.PathNotFoundError),
        (lambda f: f.move_file(ID, "/r", "/x"), errors.ReadOnlyFileError),
        (lambda f: f.move_file(ID, "/d/a", "/r/fixed", overwrite=True), errors.ReadOnlyFileError),
        (lambda f: f.copy_file(ID, "/d/a", "/d/b"), errors.PathExistsError),
        (lambda f: f.copy_file(ID, "/d/a", "/r", overwrite=True), errors.PathIsDirectoryError),
        (lambda f: f.copy_file(ID, "/r", "/d", overwrite=True), errors.PathExistsError),
        (lambda f: f.copy_file(ID, "/d/a", "/d/b/x"), errors.ParentNotDirectoryError),
        (lambda f: f.read_lines(ID, "/d/b"), errors.InvalidContentError),
        (lambda f: f.grep_files(ID, "(", regex=True), errors.InvalidPatternError),
    ],
)
def test_what_is_refused_changes_nothing(files, call, error):
    before = files.tree(ID)
    with pytest.raises(error):
        call(files)
    assert files.tree(ID) == before


def test_deleting_takes_the_tree_unless_something_in_it_stays(files):
    assert files.delete_file(ID, "/d") is False
    assert files.delete_file(ID, "/r", recursive=True) is False
    assert files.delete_file(ID, "/", recursive=True) is False
    assert files.delete_file(ID, "/none") is False
    assert files.delete_file(ID, "/d", recursive=True) is True
    assert paths(files) == ["/", "/r", "/r/fixed"]
    assert files.purge_session(ID) is True
    assert files.purge_session(ID) is False


def test_a_move_keeps_identities_and_a_copy_does_not(files):
    before = files.read_file(ID, "/d/a")
    files.copy_file(ID, "/d", "/c/d")
    files.move_file(ID, "/d", "/e")
    moved, copied = files.read_file(ID, "/e/a"), files.read_file(ID, "/c/d/a")
    assert (moved.identity, moved.content) == (before.identity, before.content)
    assert copied.identity != before.identity
    assert moved.revision != before.revision
    assert paths(files) == ["/", "/c", "/c/d", "/c/d/a", "/c/d/b", "/e", "/e/a", "/e/b", "/r", "/r/fixed"]


@pytest.mark.parametrize("verb", ["copy_file", "move_file"])
def test_no_path_grows_beyond_the_longest(files, verb):
    long = "/é" + f"/{'x' * 200}" * 20
    files.write_file(ID, f"/d{long}", "x")
    before = paths(files)
    growth = 4096 - len(f"/d{long}".encode())
    with pytest.raises(errors.InvalidPathError):
        getattr(files, verb)(ID, "/d", "/dd" + "x" * growth)
    assert paths(files) == before
    getattr(files, verb)(ID, "/d", "/d" + "x" * growth)
    assert "/d" + "x" * growth + long in paths(files)


def test_edits_and_appends_and_matches(files):
    assert files.edit_file(ID, "/d/a", "one\r", "1\r").content == "1\r\ntwo\n"
    assert files.append_file(ID, "/d/a", "x").content == "1\r\ntwo\nx"
    assert files.append_file(ID, "/d/b", "AQ==", "base64").content == "AP8B"
    assert files.append_file(ID, "/n/new", "x").content == "x"
    assert files.write_file_if_content_matches(ID, "/n/new", "y", "text", "z", "text") is None
    assert files.write_file_if_content_matches(ID, "/n/new", "x", "text", "z", "text").content == "z"
    assert files.write_file_if_content_matches(ID, "/n", "x", "text", "z", "text") is None


def test_searching(files):
    assert [(m.path, m.line_number, m.line) for m in files.grep_files(ID, "")] == [
        ("/d/a", 1, "one"),
        ("/d/a", 2, "two"),
        ("/r/fixed", 1, "x"),
    ]
    [match] = files.grep_files(ID, "^T", "*", regex=True, ignore_case=True, before=1, limit=1)
    assert (match.line, match.before, match.after) == ("two", ("one",), ())
    assert [entry.path for entry in files.glob_files(ID, "/d/*")] == ["/d/a", "/d/b"]
    found = files.read_lines(ID, "/d/a", limit=1)
    assert ([line.text for line in found.lines], found.has_more) == (["one"], True)
    assert files.read_lines(ID, "/d") is None


def test_limits_are_exact():
    files = Model(ModelLimits(file_bytes=4, session_entries=2, session_bytes=6)).file_system
    files.write_file(ID, "/a", "1234")
    for call in (
        lambda: files.write_file(ID, "/b", "12345"),
        lambda: files.append_file(ID, "/a", "5"),
        lambda: files.write_file(ID, "/b", "123"),
    ):
        with pytest.raises(errors.QuotaExceededError):
            call()
    files.write_file(ID, "/b", "12")
    with pytest.raises(errors.QuotaExceededError):
        files.copy_file(ID, "/b", "/c")
    assert files.move_file(ID, "/b", "/a", overwrite=True).size_bytes == 2
    assert files.write_file(ID, "/c", "1234").size_bytes == 4


def test_values_counters_and_time(model):
    storage = model.storage
    storage.set_value(ID, "k", "")
    first = storage.stat_value(ID, "k")
    storage.set_value(ID, "k", "41", ttl=10, if_revision=first.revision)
    assert storage.increment_value(ID, "k") == 42
    assert storage.stat_value(ID, "k").identity == first.identity
    with pytest.raises(errors.RevisionConflictError) as conflict:
        storage.set_value(ID, "k", "", if_absent=True)
    assert conflict.value.current_revision == storage.stat_value(ID, "k").revision
    model.now += 10
    assert storage.get_value(ID, "k") is None
    assert storage.list_keys(ID) == []
    assert storage.delete_value(ID, "k") is False
    storage.set_value(ID, "k", "x")
    assert storage.stat_value(ID, "k").identity != first.identity
    with pytest.raises(errors.InvalidContentError):
        storage.increment_value(ID, "k")
    for key in ("", "a\0", "\ud800", "x" * 1025):
        with pytest.raises(errors.InvalidKeyError):
            storage.set_value(ID, key, "x")
    storage.set_value(ID, "n", str(2**63 - 1))
    with pytest.raises(errors.InvalidContentError):
        storage.increment_value(ID, "n")


def test_secrets_and_values_are_apart_and_go_with_the_session(model):
    storage = model.storage
    storage.set_secret(ID, "s", "secret")
    assert (storage.get_secret(ID, "s"), storage.get_value(ID, "s")) == ("secret", None)
    assert [secret.name for secret in storage.list_secrets(ID)] == ["s"]
    assert storage.delete_secret(ID, "s") is True
    storage.set_secret(ID, "s", "secret")
    assert model.delete_session(ID) is True
    assert storage.get_secret(ID, "s") is None
    assert model.delete_session(ID) is False


def test_records_are_listed_newest_first(model):
    old, new = Session(new_session_id(), "old", 1), Session(new_session_id(), "new", 2)
    for record in (old, new):
        model.sessions.add_session(record)
    assert [record.title for record in model.sessions.list_sessions()] == ["new", "old"]
    assert [record.title for record in model.sessions.list_sessions(limit=1)] == ["new"]
    assert [record.title for record in model.sessions.list_sessions(after=new)] == ["old"]
    assert model.sessions.update_session_title(old.id, "x").created_ns == 1
    assert model.sessions.delete_session(old.id) is True
    with pytest.raises(errors.SessionNotFoundError):
        model.sessions.update_session_title(old.id, "x")


@pytest.mark.parametrize(
    ("pattern", "selected", "others"),
    [
        ("*.py", ["/a.py", "/d/.py"], ["/a.pyc"]),
        ("/*", ["/a"], ["/a/b"]),
        ("/d/**", ["/d/a", "/d/e/f"], ["/de"]),
        ("**/a", ["/a", "/d/a"], ["/ba"]),
        ("[!a-c]?", ["/d1"], ["/a1", "/d/1"]),
        ("[]]", ["/]"], ["/a"]),
        ("[", ["/["], ["/a"]),
        ("/workspace/a", ["/a"], ["/workspace2/a"]),
    ],
)
def test_globs(pattern, selected, others):
    assert [path for path in selected if not glob_selects(pattern, path)] == []
    assert [path for path in others if glob_selects(pattern, path)] == []


def test_lines_and_paths():
    assert lines_of("a\r\n\nb\u2028c\r") == ["a", "", "b\u2028c\r"]
    assert lines_of("a\n") == ["a"]
    assert canonical("./a//b/") == "/a/b"
    assert canonical("/workspace") == "/"
    for refused in ("workspace/x", "/workspace/workspace", "a\n", "x" * 256, "\ud800", "/x" * 2049):
        with pytest.raises(errors.InvalidPathError):
            canonical(refused)
