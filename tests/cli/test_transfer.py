"""export, import and copy as commands."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from everstore import SessionFileSystemFactory, clock, new_session_id
from everstore.cli.running import ABSENT, FAILED, REFUSED, WRONG_USE

KEYS = "one:" + "QUJD" * 10 + "QUI=", "two:" + "REVG" * 10 + "REU="


@pytest.fixture
def away(install_plugin, kept) -> None:
    """A second backend that outlives a command."""
    files = type(kept.files)()
    storage, sessions = type(kept.storage)(), type(kept.sessions)()

    class Factory(SessionFileSystemFactory):
        async def create_session_file_system(self, context):
            return files

    install_plugin(
        "away",
        everstore_file_system_factory=lambda: Factory(),  # noqa: PLW0108 - a hook is a function
        everstore_storage_store=lambda: storage,
        everstore_session_store=lambda: sessions,
    )


@pytest.fixture
def made(cli, session) -> str:
    """A session with a file, a value and a record."""
    cli("session", "new", "a title")
    made = cli("session", "ls", "--json").json["sessions"][0]["id"]
    cli("put", "-", "notes.txt", "-s", made, stdin=b"hello")
    cli("kv", "set", "key", "text", "-s", made)
    return made


def test_a_session_goes_into_a_file_and_comes_back(cli, made):
    answer = cli("export", made, "session.tar")
    told = f"everstore: exported session {made}: 1 file (5 B), 0 directories, 1 value, 0 secrets\n"
    assert (answer.status, answer.out, answer.err) == (0, "", told)
    assert cli("export", made, "session.tar").status == REFUSED
    again = cli("export", made, "session.tar", "--overwrite", "--json")
    counts = {"files": 1, "bytes": 5, "directories": 0, "values": 1, "secrets": 0}
    assert again.json == {"id": made, **counts}
    refused = cli("import", "session.tar")
    assert refused.status == REFUSED
    assert made in refused.err
    assert refused.err.endswith("with --session, or a fresh one with --as-new\n")
    assert cli("session", "rm", made).status == 0
    answer = cli("import", "session.tar")
    assert (answer.status, answer.out) == (0, f"{made}\n")
    assert cli("cat", "notes.txt", "-s", made).bytes == b"hello"
    assert cli("session", "show", made, "--json").json["title"] == "a title"
    new = str(new_session_id())
    assert cli("import", "session.tar", "--session", new).out == f"{new}\n"
    fresh = cli("import", "session.tar", "--as-new", "--json").json
    assert fresh.pop("id") not in {made, new}
    assert fresh == {**counts, "expired": 0, "sealed": 0}


def test_an_archive_goes_through_pipes(cli, made):
    answer = cli("export", made, "-")
    assert answer.status == 0
    with tarfile.open(fileobj=io.BytesIO(answer.bytes)) as archive:
        assert archive.extractfile("files/notes.txt").read() == b"hello"
    back = cli("import", "-", "--as-new", stdin=answer.bytes)
    assert back.status == 0
    assert cli("cat", "notes.txt", "-s", back.out.strip()).bytes == b"hello"


def test_secrets_travel_with_a_key_that_is_named(cli, made, monkeypatch):
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", ",".join(KEYS))
    cli("secret", "set", "token", "-s", made, stdin=b"very secret")
    assert cli("export", made, "plain.tar").status == 0
    assert cli("export", made, "first.tar", "--secrets").err.count("\n") == 1
    told = "1 secret not exported, for that needs --secrets"
    assert cli("export", made, "without.tar").err.endswith(f"everstore: note: {told}\n")
    assert json.loads(cli("export", made, "without.tar", "--overwrite", "--json").err) == {"note": told}
    assert cli("export", made, "second.tar", "--secrets", "--key", "two").status == 0
    assert cli("export", made, "third.tar", "--secrets", "--key", "three").status == WRONG_USE
    assert cli("export", made, "third.tar", "--key", "two").status == WRONG_USE
    left = cli("import", "second.tar", "--as-new")
    assert "1 secret stayed in the archive" in left.err
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", KEYS[1])
    assert cli("import", "first.tar", "--as-new", "--secrets").status == FAILED
    new = cli("import", "second.tar", "--as-new", "--secrets").out.strip()
    assert cli("secret", "get", "token", "--reveal", "-s", new).bytes == b"very secret"
    monkeypatch.delenv("EVERSTORE_SECRETS_KEYS")
    answer = cli("export", made, "none.tar", "--secrets")
    assert (answer.status, "everstore keys generate" in answer.err) == (WRONG_USE, True)


def test_what_is_over_is_told(cli, made):
    cli("kv", "set", "short", "text", "--ttl", "500", "-s", made)
    archive = cli("export", made, "-").bytes
    with clock.turned(1000):
        assert (
            "1 of its values and secrets left out, as over by now"
            in cli("import", "-", "--as-new", stdin=archive).err
        )


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("import", "missing.tar"), "cannot be read"),
        (("import", "."), "cannot be read"),
        (("import", "-"), "cut off"),
        (("import", "-", "--as-new", "--session", str(new_session_id())), "leave out one"),
        (("export", str(new_session_id()), "-", "--json"), "both for standard output"),
        (("copy", "--from", "kept", "--to", "away"), "--session ID or --all"),
        (("copy", "--from", "kept", "--to", "kept", "--all"), "both 'kept'"),
        (("copy", "--from", "kept", "--to", "memory", "--all"), "forgets all"),
        (("copy", "--from", "kept", "--to", "nowhere", "--all"), "nowhere"),
        (("copy", "--from", "kept", "--to", "away", "--all", "--secrets"), "everstore keys generate"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line(cli, away, arguments, told):
    answer = cli(*arguments)
    assert answer.status == WRONG_USE
    assert told in answer.err
    assert answer.err.count("\n") == 1


def test_a_terminal_gets_no_archive(cli, made, monkeypatch):
    monkeypatch.setattr("everstore.cli.transfer._is_terminal", lambda: True)
    assert "nothing for a terminal" in cli("export", made, "-").err


def test_sessions_are_copied_from_one_backend_to_another(cli, away, made, monkeypatch):
    options = "copy", "--from", "kept", "--to", "away"
    answer = cli(*options, "--session", made)
    told = "1 file (5 B), 0 directories, 1 value, 0 secrets"
    assert (answer.status, answer.out, answer.err) == (0, f"{made}  copied: {told}\n", "")
    assert cli(*options, "--all").out == f"{made}  there already: {told}\n"
    [copied] = cli(*options, "--all", "--json").json
    assert (copied["id"], copied["outcome"], copied["files"]) == (made, "same", 1)
    monkeypatch.setenv("EVERSTORE_BACKEND", "away")
    assert cli("cat", "notes.txt", "-s", made).bytes == b"hello"
    cli("put", "-", "notes.txt", "-s", made, stdin=b"other")
    refused = cli(*options, "--all")
    assert (refused.status, refused.out) == (REFUSED, "")
    assert made in refused.err
    assert cli("cat", "notes.txt", "-s", made).bytes == b"other"
    assert cli(*options, "--all", "--json").status == REFUSED


def test_the_progress_of_a_copy_takes_no_line_from_stdout(cli, away, made, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # stderr counts as a terminal
    answer = cli("copy", "--from", "kept", "--to", "away", "--all")
    assert (answer.status, answer.out.count("\n")) == (0, 1)
    assert answer.out.startswith(f"{made}  copied: ")
    assert made not in answer.err


def test_one_session_that_is_not_copied_is_an_error(cli, away, made, monkeypatch):
    options = "copy", "--from", "kept", "--to", "away", "--session"
    missing = cli(*options, str(new_session_id()))
    assert (missing.status, "session_not_found" in missing.err) == (ABSENT, True)
    assert cli(*options, made).status == 0
    cli("put", "-", "notes.txt", "-s", made, stdin=b"other")
    refused = cli(*options, made, "--json")
    assert (refused.status, refused.out) == (REFUSED, "")
    assert made in refused.err


def test_nothing_to_copy_is_told(cli, away):
    answer = cli("copy", "--from", "kept", "--to", "away", "--all")
    assert (answer.status, answer.out, answer.err) == (0, "", "everstore: there is no session to copy\n")


def test_secrets_that_are_not_copied_are_told(cli, away, made, a_key):
    cli("secret", "set", "token", "-s", made, stdin=b"very secret")
    for arguments in (("--all",), ("--session", made), ("--all", "--json")):
        answer = cli("copy", "--from", "kept", "--to", "away", *arguments)
        assert (answer.status, answer.err.count("\n")) == (0, 1)
        assert "1 secret not copied, for that needs --secrets" in answer.err


def test_a_session_whose_secrets_do_not_open_is_named(cli, away, made, a_key, monkeypatch):
    cli("secret", "set", "token", "-s", made, stdin=b"very secret")
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", cli("keys", "generate", "--id", "other").out.strip())
    for title in ("before", "after"):
        cli("session", "new", title)
    ids = {each["id"]: each["title"] for each in cli("session", "ls", "--json").json["sessions"]}
    answer = cli("copy", "--from", "kept", "--to", "away", "--all", "--secrets")
    assert answer.status == REFUSED
    assert {line.split()[0] for line in answer.out.splitlines()} == ids.keys() - {made}
    assert answer.err.startswith(f"everstore: refused: session {made} is not copied: secret 'token' does not")
    assert answer.err.count("\n") == 1
    documents = cli("copy", "--from", "kept", "--to", "away", "--all", "--secrets", "--json").json
    assert {each["id"]: each["outcome"] for each in documents} == dict.fromkeys(ids, "same") | {
        made: "refused"
    }
    assert cli("copy", "--from", "kept", "--to", "away", "--session", made, "--secrets").status == FAILED
    monkeypatch.setenv("EVERSTORE_BACKEND", "away")
    assert cli("ls", "-s", made).out == ""


def test_secrets_are_copied_and_encrypted_anew(cli, away, made, a_key, monkeypatch):
    cli("secret", "set", "token", "-s", made, stdin=b"very secret")
    answer = cli("copy", "--from", "kept", "--to", "away", "--all", "--secrets")
    assert (answer.status, "1 secret" in answer.out) == (0, True)
    monkeypatch.setenv("EVERSTORE_BACKEND", "away")
    assert cli("secret", "get", "token", "--reveal", "-s", made).bytes == b"very secret"
