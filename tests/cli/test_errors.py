"""Whatever goes wrong is one line on stderr and an exit status."""

from __future__ import annotations

import signal

import pytest

from everstore import errors
from everstore.backends.memory import InMemorySessionStorageStore
from everstore.cli import main
from everstore.cli.running import status_of
from everstore.middleware import PathPolicy


@pytest.fixture(autouse=True)
def _nowhere(in_empty_folder):
    pass


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["ls", "--nonsense"],
        ["put", "one-argument-of-two"],
        ["put", "-", "x", "--encoding", "utf-16"],
        ["grep", "x", "-m", "many"],
        ["kv", "nonsense"],
        ["tour", "--max-files", "-1"],
    ],
)
def test_wrong_usage_is_one_line_and_status_2(cli, arguments):
    answer = cli(*arguments)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith("everstore: error: usage: ")
    assert "--help'" in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["kv"], ["secret"], ["session"]])
def test_no_command_prints_the_help(cli, arguments):
    answer = cli(*arguments)
    assert answer.status == 2
    assert "Usage:" in answer.out
    assert answer.err == ""


def test_help_documents_the_exit_statuses(cli):
    answer = cli("--help")
    assert (answer.status, answer.err) == (0, "")
    text = " ".join(answer.out.split())
    for words in ("Exit status: 0 done", "1 absent", "2 wrong usage", "3 refused", "4 the backend failed"):
        assert words in text


def test_version(cli):
    answer = cli("--version")
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith("everstore 0.")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.PathNotFoundError.at("/x", "no such file"), 1),
        (errors.SessionNotFoundError("x"), 1),
        (errors.CheckpointNotFoundError("x"), 1),
        (errors.EditError("x", path="/x", matches=0), 1),
        (errors.EditError("x", path="/x", matches=2), 3),
        (errors.InvalidPathError("x"), 2),
        (errors.InvalidKeyError("x"), 2),
        (errors.UnknownBackendError("x"), 2),
        (errors.PluginError("x"), 2),
        (errors.SecretsKeyMissingError("x"), 2),
        (errors.ReadOnlyFileError.at("/x", "read-only"), 3),
        (errors.PolicyError.of("/x", "it may not be written"), 3),
        (errors.PathExistsError.at("/x", "exists"), 3),
        (errors.RevisionConflictError.found("/x", "1", "2"), 3),
        (errors.QuotaExceededError.over("file_bytes", 2, 1), 3),
        (errors.UnsupportedError("x"), 3),
        (errors.BackendError("x"), 4),
        (errors.BackendUnavailableError("x"), 4),
        (errors.SecretDecryptionError("x"), 4),
        (RuntimeError("x"), 4),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_every_error_has_its_status(error, status):
    assert status_of(error) == status


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../up", "'..'"),
        ("a\nb", "\\n"),
        ("/workspace/workspace/x", "'/workspace'"),
        ("x" * 256, "255 bytes"),
    ],
    ids=["up", "newline", "workspace", "long"],
)
def test_a_wrong_path_is_told_in_one_line(cli, session, path, words):
    answer = cli("put", "-", path, stdin=b"")
    assert answer.status == 2
    assert answer.err.startswith("everstore: error: invalid_path: ")
    assert words in answer.err
    assert answer.err.count("\n") == 1


def test_wrong_settings_are_told_in_one_line(cli, monkeypatch):
    monkeypatch.setenv("EVERSTORE_BACKNED", "memory")
    answer = cli("check")
    assert answer.status == 2
    assert answer.err == (
        "everstore: error: settings: EVERSTORE_BACKNED in the environment is no setting; "
        "did you mean EVERSTORE_BACKEND?\n"
    )


def test_a_limit_is_told_with_its_setting(cli, session, monkeypatch):
    monkeypatch.setenv("EVERSTORE_LIMITS__FILE_BYTES", "3")
    answer = cli("put", "-", "x", stdin=b"1234")
    assert (answer.status, answer.err.count("\n")) == (3, 1)
    assert "EVERSTORE_LIMITS__FILE_BYTES" in answer.err


class Broken(InMemorySessionStorageStore):
    async def read_value(self, session_id, key):
        raise ValueError("sensitive words of a driver")

    async def list_keys(self, session_id, prefix="", **options):
        signal.raise_signal(signal.SIGINT)
        return await super().list_keys(session_id, prefix, **options)


@pytest.fixture
def broken(install_plugin, monkeypatch, session):
    store = Broken()
    install_plugin("broken", everstore_storage_store=lambda: store)
    monkeypatch.setenv("EVERSTORE_STORAGE", "broken")


def test_a_backend_failure_is_one_line_without_the_drivers_words(cli, broken):
    answer = cli("kv", "get", "key")
    assert answer.status == 4
    assert answer.err.splitlines()[-1] == (
        "everstore: error: backend_error: broken: read_value failed with ValueError"
        " (EVERSTORE_LOG_LEVEL=debug shows where)"
    )
    assert "Traceback" not in answer.err
    assert "sensitive" not in answer.err


def test_at_log_level_debug_the_traceback_is_shown(cli, broken, monkeypatch):
    monkeypatch.setenv("EVERSTORE_LOG_LEVEL", "debug")
    answer = cli("kv", "get", "key")
    assert answer.status == 4
    assert "Traceback (most recent call last)" in answer.err
    assert answer.err.splitlines()[-1].startswith("everstore: error: backend_error: ")


def test_events_are_logged_only_when_a_level_is_chosen(cli, broken, monkeypatch):
    assert "everstore.call" not in cli("kv", "get", "key").err
    monkeypatch.setenv("EVERSTORE_LOG_LEVEL", "error")
    assert "everstore.call" in cli("kv", "get", "key").err


def test_ctrl_c_ends_quietly(cli, broken):
    answer = cli("kv", "ls")
    assert (answer.status, answer.out) == (130, "")
    assert "Traceback" not in answer.err


def test_ctrl_c_while_loading_ends_quietly(monkeypatch, capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("everstore.cli.app.run", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")


def test_a_mistake_of_ours_is_one_line_too(cli, monkeypatch):
    def fail() -> None:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr("everstore.cli.check.configured", fail)
    answer = cli("check")
    assert answer.status == 4
    assert answer.err == (
        "everstore: error: RuntimeError: first line\\nsecond line (EVERSTORE_LOG_LEVEL=debug shows where)\n"
    )


def test_what_a_policy_refuses_is_told_in_one_line(cli, session, install_plugin, monkeypatch):
    install_plugin("rules", everstore_middleware=lambda: PathPolicy(deny_read=["*.key"]))
    monkeypatch.setenv("EVERSTORE_MIDDLEWARE", "rules")
    answer = cli("put", "-", "a.key", stdin=b"x")
    assert (answer.status, answer.err) == (
        3,
        "everstore: error: policy: '/a.key' is refused: it may not be read\n",
    )
    assert cli("cat", "a.key").status == 1


@pytest.fixture
def fork(cli, session):
    """A fork without a base of a session that has a file, which both changed."""
    cli("session", "new")
    cli("put", "-", "dir/a", stdin=b"1\n1\n")
    return cli("session", "fork", session, "--no-base").out.strip()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("rm", "dir"), "--recursive removes it with all that is in it"),
        (("edit", "dir/a", "--old", "1", "--new", "2"), "or give --all"),
        (("session", "merge", "FORK"), "'everstore session fork' keeps one unless told --no-base"),
        (
            ("put", "-", "x", "-s", "CHECKPOINT"),
            "'everstore session fork' makes one to change, 'everstore session rm'",
        ),
    ],
)
def test_an_error_names_the_words_of_the_command_line(cli, session, fork, command, words):
    checkpoint = cli("session", "checkpoint", session).out.strip()
    answer = cli(*(each.replace("FORK", fork).replace("CHECKPOINT", checkpoint) for each in command))
    assert answer.status in {1, 3}
    assert words in answer.err
    assert "()" not in answer.err
    assert "=True" not in answer.err
