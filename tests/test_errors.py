"""Errors: one tree, stable codes, facts that survive a process, and no content in any of them."""

from __future__ import annotations

import pickle
import traceback
from uuid import UUID

import pytest

from everstore import errors
from everstore.errors import EverstoreError, code_of

CLASSES = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, EverstoreError)
]
CODES = {
    "EverstoreError": "error",
    "InvalidArgumentError": "invalid_argument",
    "InvalidSessionIdError": "invalid_session_id",
    "InvalidPathError": "invalid_path",
    "InvalidContentError": "invalid_content",
    "InvalidKeyError": "invalid_key",
    "InvalidPatternError": "invalid_pattern",
    "InvalidArchiveError": "invalid_archive",
    "ReadOnlyFileError": "read_only_file",
    "ReadOnlySessionError": "read_only_session",
    "ParentNotDirectoryError": "parent_not_directory",
    "PathIsDirectoryError": "path_is_directory",
    "PathNotDirectoryError": "path_not_directory",
    "DirectoryNotEmptyError": "directory_not_empty",
    "PathExistsError": "path_exists",
    "PathNotFoundError": "path_not_found",
    "EditError": "edit_failed",
    "RevisionConflictError": "revision_conflict",
    "SessionNotFoundError": "session_not_found",
    "SessionNotEmptyError": "session_not_empty",
    "CheckpointNotFoundError": "checkpoint_not_found",
    "MergeConflictError": "merge_conflict",
    "QuotaExceededError": "quota_exceeded",
    "UnsupportedError": "unsupported",
    "StoreClosedError": "store_closed",
    "StoreContextError": "store_context",
    "SecretsKeyMissingError": "secrets_key_missing",
    "SecretDecryptionError": "secret_decryption_failed",
    "BackendError": "backend_error",
    "BackendUnavailableError": "backend_unavailable",
    "DataDamagedError": "data_damaged",
    "StorageReplacedError": "storage_replaced",
    "SettingsError": "settings",
    "UnknownBackendError": "unknown_backend",
    "PluginError": "plugin",
    "PluginVersionError": "plugin_version",
    "PolicyError": "policy",
}
PYTHONS_OWN = {
    "InvalidArgumentError": ValueError,
    "ReadOnlyFileError": PermissionError,
    "ReadOnlySessionError": PermissionError,
    "PolicyError": PermissionError,
    "ParentNotDirectoryError": NotADirectoryError,
    "PathIsDirectoryError": IsADirectoryError,
    "PathNotDirectoryError": NotADirectoryError,
    "DirectoryNotEmptyError": OSError,
    "PathExistsError": FileExistsError,
    "PathNotFoundError": FileNotFoundError,
    "SessionNotFoundError": LookupError,
    "CheckpointNotFoundError": LookupError,
    "SettingsError": ValueError,
}


def test_codes_are_stable_and_unique():
    assert {kind.__name__: kind.code for kind in CLASSES} == CODES
    assert len(set(CODES.values())) == len(CODES)
    assert sorted(errors.__all__) == sorted(CODES)


def test_each_is_python_s_own_error_of_that_meaning_too():
    for name, own in PYTHONS_OWN.items():
        assert issubclass(getattr(errors, name), own)
    assert issubclass(errors.InvalidKeyError, errors.InvalidContentError)
    assert issubclass(errors.BackendUnavailableError, errors.BackendError)
    assert issubclass(errors.UnknownBackendError, errors.SettingsError)
    assert not issubclass(errors.BackendError, OSError)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_keeps_its_facts_in_another_process(kind):
    error = kind("one line", path="/a", matches=3, current_revision=None)
    for copy in (error, pickle.loads(pickle.dumps(error))):
        assert type(copy) is kind
        assert str(copy) == "one line"
        assert copy.facts == {"path": "/a", "matches": 3, "current_revision": None}
        assert (copy.path, copy.matches, copy.current_revision) == ("/a", 3, None)
        assert (copy.code, code_of(copy)) == (kind.code, kind.code)
    assert "one line" in "".join(traceback.format_exception(error))


def test_an_error_about_a_path_ends_with_it():
    error = errors.ReadOnlyFileError.at("/a b", "file is read-only")
    assert (str(error), error.path) == ("file is read-only: '/a b'", "/a b")


@pytest.mark.parametrize(
    ("wanted", "current", "message"),
    [
        (None, "5", "expected nothing there, found revision '5'"),
        ("4", "5", "expected revision '4' there, found revision '5'"),
        ("4", None, "expected revision '4' there, found nothing"),
    ],
)
def test_a_conflict_tells_what_was_expected_and_what_was_found(wanted, current, message):
    error = errors.RevisionConflictError.found("/a", wanted, current)
    assert message in str(error)
    assert (error.place, error.expected_revision, error.current_revision) == ("/a", wanted, current)


def test_a_merge_conflict_names_the_first_places_and_knows_all():
    error = errors.MergeConflictError.of(["/a", "/b"], ["k", "l"])
    assert str(error).startswith("both sides changed '/a', '/b', key 'k' and 1 more; ")
    assert (error.paths, error.keys) == (("/a", "/b"), ("k", "l"))
    assert str(errors.MergeConflictError.of([], ["k"])).startswith("both sides changed key 'k'; ")


def test_a_checkpoint_that_is_missing_is_named_with_whose_it_should_be():
    one, other = UUID(int=1), UUID(int=2)
    error = errors.CheckpointNotFoundError.of(one)
    assert (str(error), error.checkpoint_id) == (f"there is no checkpoint {one}", one)
    assert str(errors.CheckpointNotFoundError.of(one, other)) == f"session {other} has no checkpoint {one}"


def test_a_session_that_cannot_take_a_fork_and_one_that_cannot_change_are_named():
    for kind in (errors.SessionNotEmptyError, errors.ReadOnlySessionError):
        error = kind.of(UUID(int=1))
        assert error.session_id == UUID(int=1)
        assert str(UUID(int=1)) in str(error)


def test_a_quota_names_the_setting_to_change():
    error = errors.QuotaExceededError.over("file_bytes", 1200, 1000, "/a.txt")
    assert str(error) == "file '/a.txt' would have 1,200 bytes; EVERSTORE_LIMITS__FILE_BYTES allows 1,000"
    assert (error.limit, error.allowed, error.wanted) == ("file_bytes", 1000, 1200)
    assert (error.unit, error.place) == ("bytes", "/a.txt")


@pytest.mark.parametrize(
    ("limit", "place", "what", "told"),
    [
        ("file_bytes", None, None, "file would have 3 bytes;"),
        ("session_entries", "/a/b", None, "the session with '/a/b' would have 3 files and directories;"),
        ("session_bytes", "/a", None, "the session's files with '/a' would have 3 bytes;"),
        ("session_keys", "k", None, "the session with 'k' would have 3 values and secrets;"),
        ("session_value_bytes", "k", None, "the session's values and secrets with 'k' would have 3 bytes;"),
        ("value_bytes", "k", "secret", "secret 'k' would have 3 bytes;"),
        ("key_bytes", "k" * 500, None, f"key '{'k' * 100}'... would have 3 bytes;"),
        ("rooms", "k", None, "this at 'k' would have 3 entries;"),
    ],
)
def test_a_quota_says_what_where_and_in_which_unit(limit, place, what, told):
    error = errors.QuotaExceededError.over(limit, 3, 2, place, what)
    own = " or create_session(limits=)" if limit.startswith("session_") else ""  # what else sets it
    assert str(error) == f"{told} EVERSTORE_LIMITS__{limit.upper()}{own} allows 2"
    assert error.place == place


def test_a_quota_of_the_backends_own_says_so():
    error = errors.QuotaExceededError.beyond("max_value_bytes", 3, 2, "k", "secret")
    assert str(error) == "secret 'k' would have 3 bytes; this backend keeps 2 in one place, so split it"
    assert (error.limit, error.allowed, error.wanted) == ("max_value_bytes", 2, 3)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "None"),
        (-1, "-1"),
        pytest.param(10**5000, "an int of 16610 bits", id="huge"),
        ("content", "a value of type str"),
        (b"bytes", "a value of type bytes"),
        (float("nan"), "nan"),
        (type("Odd", (), {"__repr__": None})(), "a value of type Odd"),
    ],
)
def test_a_wrong_argument_is_shown_when_it_is_short_and_plain(value, told):
    assert errors.shown(value) == told


def test_what_is_none_of_ours_goes_by_its_class():
    assert code_of(ZeroDivisionError()) == "ZeroDivisionError"


def test_damage_says_where_it_is_what_is_wrong_and_what_to_do():
    error = errors.DataDamagedError.found("/notes.txt", "its bytes are not those that were written", path="p")
    assert str(error) == (
        "'/notes.txt' is damaged: its bytes are not those that were written; "
        "write it anew or delete it, or restore a backup"
    )
    assert (error.place, error.facts["path"]) == ("/notes.txt", "p")
    assert isinstance(error, errors.BackendError)
