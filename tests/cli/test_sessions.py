"""session, and how the others are told which one."""

from __future__ import annotations

import asyncio

import pytest

from everstore import Session, errors, parse_session_id
from everstore.middleware import Middleware


@pytest.fixture(autouse=True)
def _kept(kept):
    pass


def test_session_new_prints_the_id_alone(cli):
    answer = cli("session", "new", "a title")
    assert (answer.status, answer.err) == (0, "")
    assert str(parse_session_id(answer.out.removesuffix("\n"))) + "\n" == answer.out


def test_session_new_tells_what_it_could_not_remove_again(cli, install_plugin, monkeypatch):
    class Away(Middleware):
        def wrap(self, verb, call):
            async def unavailable(*args, **kwargs):
                raise errors.BackendUnavailableError("no answer")

            return unavailable if verb.name in {"add_session", "purge_session"} else call

    away = Away()
    install_plugin("away", everstore_middleware=lambda: away)
    monkeypatch.setenv("EVERSTORE_MIDDLEWARE", "away")
    answer = cli("session", "new", "a title")
    assert (answer.status, answer.out, answer.err.count("\n")) == (4, "", 1)
    before, _, after = answer.err.partition("; session ")
    assert before.startswith("everstore: error: backend_unavailable: no answer; it may have been done")
    session_id, _, told = after.partition(" ")
    assert parse_session_id(session_id).version == 7
    assert told == "could not be removed again; delete_session does it\n"


def test_session_ls_is_newest_first(cli):
    ids = [cli("session", "new", f"number {n}", "--json").json["id"] for n in range(3)]
    listed = cli("session", "ls", "--json").json["sessions"]
    assert [session["id"] for session in listed] == ids[::-1]
    assert [session["title"] for session in listed] == ["number 2", "number 1", "number 0"]
    lines = cli("session", "ls", "--limit", "2").out.splitlines()
    assert [line.split()[0] for line in lines] == ["ID", ids[2], ids[1]]


def test_session_ls_goes_through_all_pages(cli, kept):
    async def add() -> None:
        for _ in range(105):
            await kept.sessions.add_session(Session())

    asyncio.run(add())
    answer = cli("session", "ls", "--json")
    page = answer.json
    assert (len(page["sessions"]), page["next"], answer.err) == (100, page["sessions"][-1]["id"], "")
    rest = cli("session", "ls", "--after", page["next"], "--json").json
    assert (len(rest["sessions"]), rest["next"]) == (5, None)
    assert len(cli("session", "ls", "--limit", "1000", "--json").json["sessions"]) == 105
    assert len(cli("session", "ls", "--limit", "105", "--json").json["sessions"]) == 105


def test_session_ls_says_that_it_cuts_and_how_to_go_on(cli):
    first, second = (cli("session", "new").out.strip() for _ in range(2))
    answer = cli("session", "ls", "--limit", "1")
    assert answer.err == (
        f"everstore: note: there are more; --after {second} goes on, and --limit lists more at once\n"
    )
    answer = cli("session", "ls", "--limit", "1", "--after", second)
    assert (answer.out.split()[3], answer.err) == (first, "")
    assert cli("session", "rm", second).status == 0
    answer = cli("session", "ls", "--after", second)
    assert (answer.status, answer.out) == (1, "")
    assert "has no record any more" in answer.err


def test_session_ls_filters_by_labels(cli, kept):
    async def add() -> list[str]:
        several = ({"a": "1"}, {"a": "1", "b": "x=y"}, {"a": "2"})
        records = [Session(labels=labels) for labels in several]
        for record in records:
            await kept.sessions.add_session(record)
        return [str(record.id) for record in records]

    ids = asyncio.run(add())
    listed = cli("session", "ls", "-l", "a=1", "--json").json["sessions"]
    assert {each["id"] for each in listed} == set(ids[:2])
    assert cli("session", "ls", "-l", "a=1", "-l", "b=x=y").out.split()[4] == ids[1]
    assert cli("session", "ls", "-l", "a=3").out == ""
    assert cli("session", "ls", "-l", "a").status == 2


def test_session_ls_lists_what_has_no_record(cli, kept):
    recorded = cli("session", "new").out.strip()
    orphans = [f"01890000-0000-7000-8000-00000000000{n}" for n in range(3)]
    for orphan in orphans:
        cli("put", "-", "d/x", "-s", orphan, stdin=b"12")
    cli("put", "-", "x", "-s", recorded, stdin=b"1")
    page = cli("session", "ls", "--orphans", "--limit", "2", "--json").json
    assert [each["id"] for each in page["sessions"]] == orphans[:2]
    assert (page["sessions"][0]["files"], page["sessions"][0]["bytes"], page["next"]) == (1, 2, orphans[1])
    answer = cli("session", "ls", "--orphans", "--after", orphans[1])
    assert "1 file (2 B), 1 directory, 0 values, 0 secrets, last written" in answer.out
    assert (answer.out.split()[2], answer.err) == (orphans[2], "")
    assert "there are more" in cli("session", "ls", "--orphans", "--limit", "1").err
    assert cli("session", "ls", "--orphans", "-l", "a=1").status == 2


def test_session_show_tells_the_record_and_what_is_kept(cli, a_key):
    session = cli("session", "new", "a title").out.strip()
    cli("put", "-", "a/b.txt", "-s", session, stdin=b"12345")
    cli("put", "-", "c.txt", "-s", session, stdin=b"678")
    cli("kv", "set", "key", "1", "-s", session)
    cli("secret", "set", "token", "-s", session, stdin=b"1")
    document = cli("session", "show", session, "--json").json
    assert (document["title"], document["files"], document["bytes"]) == ("a title", 2, 8)
    assert (document["directories"], document["values"], document["secrets"]) == (1, 1, 1)
    assert document["last_write_at"] >= document["created_at"]
    assert "2 (8 B)" in cli("session", "show", session).out


def test_session_rename(cli):
    session = cli("session", "new").out.strip()
    assert cli("session", "rename", session, "better") == (0, b"", "")
    assert cli("session", "show", session, "--json").json["title"] == "better"
    assert cli("session", "rename", session, "best", "--json").json["title"] == "best"


def test_session_labels(cli):
    session = cli("session", "new", "--label", "user=u1", "-l", "app=a=b", "a title").out.strip()
    other = cli("session", "new", "-l", "user=u1", "--json").json
    assert other["labels"] == {"user": "u1"}
    assert cli("session", "show", session, "--json").json["labels"] == {"app": "a=b", "user": "u1"}
    assert "app=a=b user=u1" in cli("session", "show", session).out
    found = cli("session", "ls", "--label", "user=u1", "--label", "app=a=b", "--json").json["sessions"]
    assert [each["id"] for each in found] == [session]
    assert cli("session", "label", session, "x=", "y=1") == (0, b"", "")
    document = cli("session", "label", session, "y=2", "--json").json
    assert (document["title"], document["labels"]) == ("a title", {"y": "2"})
    assert cli("session", "label", session) == (0, b"", "")
    assert cli("session", "show", session, "--json").json["labels"] == {}


@pytest.mark.parametrize("labels", [["user"], ["=u1"], ["user=u1", "user=u2"]])
def test_wrong_labels_are_told(cli, labels):
    answer = cli("session", "label", "01890000-0000-7000-8000-000000000001", *labels)
    assert answer.status == 2
    assert answer.err.startswith("everstore: error: invalid_argument: ")


def test_session_rm_removes_all_of_it(cli):
    session = cli("session", "new").out.strip()
    cli("put", "-", "x", "-s", session, stdin=b"1")
    cli("kv", "set", "key", "1", "-s", session)
    assert cli("session", "rm", session) == (0, b"", "")
    assert cli("tree", "-s", session, "--json").json == []
    assert cli("kv", "ls", "-s", session, "--json").json == []
    assert cli("session", "rm", session).status == 1


def test_session_rm_of_a_session_without_a_record(cli):
    session = "01890000-0000-7000-8000-000000000001"
    cli("put", "-", "x", "-s", session, stdin=b"1")
    assert cli("session", "rm", session, "--json").json == {"id": session, "removed": True}


@pytest.mark.parametrize("command", [["show"], ["rename"], ["label"], ["rm"]])
def test_an_unknown_session_is_absent(cli, command):
    arguments = ["title"] if command == ["rename"] else []
    answer = cli("session", *command, "01890000-0000-7000-8000-000000000001", *arguments)
    assert answer.status == 1
    assert answer.err.startswith("everstore: error: session_not_found: ")


@pytest.mark.parametrize(
    "spelling", ["018900000000-7000-8000-000000000001", "abc", "", "session_0189"], ids=str
)
def test_a_wrong_id_is_told_in_one_line(cli, spelling):
    for command in (["ls", "-s", spelling], ["session", "show", spelling], ["session", "rm", spelling]):
        answer = cli(*command)
        assert answer.status == 2
        assert answer.err.startswith("everstore: error: invalid_session_id: ")
        assert answer.err.count("\n") == 1


def test_both_spellings_name_the_same_session(cli, monkeypatch):
    cli("put", "-", "x", "-s", "01890000-0000-7000-8000-000000000001", stdin=b"1")
    assert cli("cat", "x", "--session", "session_01890000000070008000000000000001").bytes == b"1"
    monkeypatch.setenv("EVERSTORE_SESSION", "session_01890000000070008000000000000001")
    assert cli("cat", "x").bytes == b"1"


def test_the_option_wins_over_the_environment(cli, monkeypatch):
    first, second = (cli("session", "new").out.strip() for _ in range(2))
    cli("put", "-", "x", "-s", second, stdin=b"second")
    monkeypatch.setenv("EVERSTORE_SESSION", first)
    assert cli("cat", "x", "-s", second).bytes == b"second"
    assert cli("cat", "x").status == 1


def test_the_session_may_stand_in_a_settings_file(cli, in_empty_folder):
    session = cli("session", "new").out.strip()
    (in_empty_folder / "my.toml").write_text(f'session = "{session}"\n')
    assert cli("--config", "my.toml", "put", "-", "x", "--json", stdin=b"").json["session_id"] == session


def test_no_session_is_told_what_to_do(cli):
    answer = cli("ls")
    assert answer.status == 2
    assert answer.err == (
        "everstore: error: invalid_argument: which session? give --session ID or set EVERSTORE_SESSION; "
        "'everstore session new' makes one\n"
    )


def test_a_wrong_session_in_the_environment_is_an_error_of_settings(cli, monkeypatch):
    monkeypatch.setenv("EVERSTORE_SESSION", "postgres")
    for command in ("settings", "ls"):
        answer = cli(command)
        assert answer.status == 2
        assert answer.err.startswith("everstore: error: settings: EVERSTORE_SESSION: ")
    assert cli("check").status == 0  # it works in a session of its own


def test_memory_says_that_it_is_empty_at_every_start(cli, monkeypatch):
    monkeypatch.setenv("EVERSTORE_BACKEND", "memory")
    answer = cli("session", "new")
    assert answer.status == 0
    assert answer.err == ("everstore: note: backend memory forgets this when the command ends\n")


def test_show_and_checkpoints_know_the_session_that_is_set(cli, session):
    cli("session", "rm", session)
    made = cli("session", "new", "mine").out.strip()
    assert cli("session", "show").status == 1
    assert cli("session", "show", made, "--json").json["title"] == "mine"
    assert cli("session", "checkpoints", "--json").json == {"checkpoints": [], "more": False}


def test_show_without_a_session_says_how_to_name_one(cli, kept):
    answer = cli("session", "show")
    assert answer.status == 2
    assert "which session? give its id or set EVERSTORE_SESSION" in answer.err
