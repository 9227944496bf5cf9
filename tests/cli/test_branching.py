"""session fork, checkpoint, checkpoints, rewind, diff and merge."""

from __future__ import annotations

import pytest

from everstore import parse_session_id

NOBODY = "01000000-0000-7000-8000-000000000000"


@pytest.fixture(autouse=True)
def _kept(kept):
    pass


@pytest.fixture
def session(cli) -> str:
    made = cli("session", "new", "a task", "-l", "user=ada").out.strip()
    put(cli, made, "plan.txt", b"one\ntwo\nthree\n")
    put(cli, made, "logo.bin", b"\0\xff")
    assert cli("kv", "set", "-s", made, "step", "1").status == 0
    return made


def put(cli, session: str, path: str, data: bytes) -> None:
    assert cli("put", "-s", session, "-", path, stdin=data).status == 0


def cat(cli, session: str, path: str) -> bytes:
    return cli("cat", "-s", session, path).bytes


def made(cli, *arguments: str) -> str:
    answer = cli("session", *arguments)
    assert (answer.status, answer.err) == (0, "")
    return str(parse_session_id(answer.out.removesuffix("\n")))


def test_fork_prints_the_id_of_a_session_that_has_the_same(cli, session):
    fork = made(cli, "fork", session)
    assert cat(cli, fork, "plan.txt") == b"one\ntwo\nthree\n"
    assert cli("kv", "get", "-s", fork, "step").out.strip() == "1"
    shown = cli("session", "show", fork, "--json").json
    assert (shown["parent"], shown["title"], shown["labels"]) == (session, "a task", {"user": "ada"})
    assert f"parent       {session}" in cli("session", "show", fork).out
    put(cli, fork, "plan.txt", b"of the fork\n")
    assert cat(cli, session, "plan.txt") == b"one\ntwo\nthree\n"


def test_fork_takes_a_title_labels_and_secrets_where_it_is_told_to(cli, session, monkeypatch):
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", cli("keys", "generate").out.strip())
    assert cli("secret", "set", "-s", session, "token", stdin=b"hidden").status == 0
    plain = cli("session", "fork", session, "another", "-l", "user=bob", "--no-base", "--json").json
    assert (plain["title"], plain["labels"], plain["parent"]) == ("another", {"user": "bob"}, session)
    assert cli("session", "checkpoints", plain["id"], "--json").json == {"checkpoints": [], "more": False}
    assert cli("secret", "ls", "-s", plain["id"], "--json").json == []
    fork = made(cli, "fork", session, "--secrets")
    assert [each["name"] for each in cli("secret", "ls", "-s", fork, "--json").json] == ["token"]


def test_checkpoints_are_listed_newest_first_and_read_like_sessions(cli, session):
    first, second = made(cli, "checkpoint", session, "before"), made(cli, "checkpoint", session)
    put(cli, session, "plan.txt", b"changed\n")
    listed = cli("session", "checkpoints", session, "--json").json
    assert [(each["id"], each["label"]) for each in listed["checkpoints"]] == [
        (second, ""),
        (first, "before"),
    ]
    assert [line.split()[0] for line in cli("session", "checkpoints", session).out.splitlines()] == [
        "ID",
        second,
        first,
    ]
    answer = cli("session", "checkpoints", session, "--limit", "1")
    assert (answer.out.split()[3], answer.err) == (
        second,
        "everstore: note: there are more; --limit lists more at once\n",
    )
    assert cat(cli, first, "plan.txt") == b"one\ntwo\nthree\n"
    assert [each["id"] for each in cli("session", "ls", "--json").json["sessions"]] == [session]


def test_a_checkpoint_is_not_changed(cli, session):
    checkpoint = made(cli, "checkpoint", session)
    answer = cli("put", "-s", checkpoint, "-", "new.txt", stdin=b"x")
    assert (answer.status, answer.out, answer.err.count("\n")) == (3, "", 1)
    assert answer.err.startswith("everstore: error: read_only_session: ")


def test_rewind_prints_the_checkpoint_of_the_moment_before(cli, session):
    checkpoint = made(cli, "checkpoint", session)
    put(cli, session, "plan.txt", b"changed\n")
    undone = made(cli, "rewind", session, checkpoint)
    assert cat(cli, session, "plan.txt") == b"one\ntwo\nthree\n"
    assert cat(cli, undone, "plan.txt") == b"changed\n"
    assert cli("session", "rewind", session, undone, "--no-keep", "--json").json == {
        "id": session,
        "kept": None,
    }
    assert cat(cli, session, "plan.txt") == b"changed\n"
    assert cli("session", "rewind", session, session).err.startswith(
        "everstore: error: checkpoint_not_found: "
    )


def test_rm_removes_a_checkpoint_or_a_session_with_its_own(cli, session):
    first, second = made(cli, "checkpoint", session), made(cli, "checkpoint", session)
    assert cli("session", "rm", first) == (0, b"", "")
    assert cli("session", "rm", first).status == 1
    fork = made(cli, "fork", session)
    [base] = cli("session", "checkpoints", fork, "--json").json["checkpoints"]
    assert cli("session", "rm", session, "--keep-checkpoints").status == 0
    assert cat(cli, second, "plan.txt") == b"one\ntwo\nthree\n"
    assert cli("session", "rm", fork).status == 0
    assert cli("cat", "-s", base["id"], "plan.txt").status == 1


def test_diff_shows_files_line_by_line_and_values(cli, session):
    fork = made(cli, "fork", session)
    put(cli, fork, "plan.txt", b"one\n2\nthree\n")
    put(cli, fork, "logo.bin", b"\0\xfe")
    put(cli, fork, "new/file.txt", b"new\n")
    assert cli("kv", "set", "-s", fork, "step", "2").status == 0
    lines = cli("session", "diff", session, fork).out.splitlines()
    assert [line for line in lines if line[:2] in {"A ", "D ", "M "}] == [
        *("M /logo.bin", "A /new", "A /new/file.txt", "M /plan.txt", "M value step"),
    ]
    assert {"-two", "+2", "+new", " three"} <= {*lines}
    assert cli("session", "diff", session, fork, "--names").out.splitlines() == [
        *("M /logo.bin", "A /new", "A /new/file.txt", "M /plan.txt", "M value step"),
    ]
    told = cli("session", "diff", fork, session, "--json").json
    assert [(each["kind"], each["path"]) for each in told["files"]] == [
        *(
            ("changed", "/logo.bin"),
            ("removed", "/new"),
            ("removed", "/new/file.txt"),
            ("changed", "/plan.txt"),
        ),
    ]
    assert told["files"][2]["before"]["size_bytes"] == 4
    assert [(each["kind"], each["key"]) for each in told["values"]] == [("changed", "step")]
    assert cli("session", "diff", session, session) == (0, b"", "")


def test_diff_shows_a_line_as_one_whatever_else_is_in_it(cli, session):
    fork = made(cli, "fork", session)
    put(cli, session, "ends.txt", "one\r\na\x0bb\u2028c\rd\n".encode())
    put(cli, fork, "ends.txt", "one\na\x0bb\u2028c\rD\n".encode())
    [told] = cli("session", "diff", session, fork, "--json").json["files"]
    shown = cli("session", "diff", session, fork).bytes
    assert shown == b"M /ends.txt\n" + told["text"].encode()
    assert [line for line in shown.decode().split("\n") if line[:1] in {"+", "-"}][2:] == [
        *("-one\r", "-a\x0bb\u2028c\rd", "+one", "+a\x0bb\u2028c\rD"),
    ]


def test_merge_takes_what_the_fork_changed(cli, session):
    fork = made(cli, "fork", session)
    put(cli, fork, "plan.txt", b"of the fork\n")
    put(cli, session, "other.txt", b"of the session\n")
    answer = cli("session", "merge", fork)
    assert (answer.out, answer.err) == ("M /plan.txt\n", "everstore: 1 path and 0 values changed\n")
    assert cat(cli, session, "plan.txt") == b"of the fork\n"
    assert cat(cli, session, "other.txt") == b"of the session\n"
    assert cli("session", "merge", fork).err == "everstore: nothing to merge\n"
    assert cli("session", "merge", fork, "--json").json == {"files": [], "values": []}


def test_a_conflict_names_the_paths_and_changes_nothing_unless_a_side_is_preferred(cli, session):
    fork = made(cli, "fork", session)
    put(cli, fork, "plan.txt", b"of the fork\n")
    put(cli, fork, "new.txt", b"new\n")
    put(cli, session, "plan.txt", b"of the session\n")
    answer = cli("session", "merge", fork)
    assert (answer.status, answer.out, answer.err.count("\n")) == (3, "", 1)
    assert answer.err.startswith("everstore: error: merge_conflict: ")
    assert "/plan.txt" in answer.err
    assert cli("cat", "-s", session, "new.txt").status == 1
    assert cli("session", "merge", fork, "--prefer", "target").out == "A /new.txt\n"
    assert cat(cli, session, "plan.txt") == b"of the session\n"
    assert cli("session", "merge", fork, "--into", session, "--prefer", "fork").out == "M /plan.txt\n"
    assert cat(cli, session, "plan.txt") == b"of the fork\n"


@pytest.mark.parametrize("command", [["rewind", NOBODY, NOBODY], ["merge", NOBODY]])
def test_what_is_not_there_is_told_in_one_line(cli, command):
    answer = cli("session", *command)
    assert answer.status in {1, 2, 3}
    assert (answer.out, answer.err.count("\n")) == ("", 1)
