"""kv and secret."""

from __future__ import annotations

import pytest

SECRET = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _in_a_session(session):
    pass


def test_a_value_reads_back_exactly(cli):
    assert cli("kv", "set", "key", "a value") == (0, b"", "")
    assert cli("kv", "get", "key").bytes == b"a value"
    cli("kv", "set", "key", "-", stdin="two\nlines, ☃\n".encode())
    assert cli("kv", "get", "key").bytes == "two\nlines, ☃\n".encode()
    assert cli("kv", "get", "key", "--json").json["value"] == "two\nlines, ☃\n"


def test_an_empty_value_is_not_an_absent_one(cli):
    cli("kv", "set", "key", "")
    assert cli("kv", "get", "key").status == 0
    absent = cli("kv", "get", "other")
    assert absent == (1, b"", "everstore: error: absent: no value: 'other'\n")


def test_kv_set_heeds_its_conditions(cli):
    cli("kv", "set", "key", "1", "--if-absent")
    revision = cli("kv", "get", "key", "--json").json["revision"]
    assert cli("kv", "set", "key", "2", "--if-absent").status == 3
    assert cli("kv", "set", "key", "2", "--if-revision", revision).status == 0
    assert cli("kv", "set", "key", "3", "--if-revision", revision).status == 3
    assert cli("kv", "get", "key").out == "2"


def test_kv_set_with_a_time_to_live_says_when_it_ends(cli):
    cli("kv", "set", "key", "1", "--ttl", "1000")
    [info] = cli("kv", "ls", "--json").json
    assert info["expires_at"] > info["updated_at"]
    cli("kv", "set", "key", "1")
    [info] = cli("kv", "ls", "--json").json
    assert info["expires_at"] is None
    assert cli("kv", "set", "key", "1", "--ttl", "-5").status == 2


def test_kv_incr_counts(cli):
    assert cli("kv", "incr", "n").out == "1\n"
    assert cli("kv", "incr", "n", "--by", "-3", "--json").json == {"key": "n", "value": -2}
    cli("kv", "set", "n", "many")
    answer = cli("kv", "incr", "n")
    assert (answer.status, "invalid_content" in answer.err) == (2, True)


def test_kv_ls_lists_keys_without_values(cli):
    assert cli("kv", "ls") == (0, b"", "")
    cli("kv", "set", "b", "hidden")
    cli("kv", "set", "a\nb", "hidden")
    answer = cli("kv", "ls")
    assert [line.split()[-1] for line in answer.out.splitlines()] == ["KEY", "a\\nb", "b"]
    assert "hidden" not in answer.out
    assert [info["key"] for info in cli("kv", "ls", "--json").json] == ["a\nb", "b"]


def test_kv_ls_shows_a_page(cli):
    for key in ("log:1", "log:2", "log:3", "other"):
        cli("kv", "set", key, "x")

    def listed(*options):
        return [info["key"] for info in cli("kv", "ls", "--json", *options).json]

    assert listed("--prefix", "log:", "--after", "log:1") == ["log:2", "log:3"]
    assert listed("--prefix", "log:", "--reverse", "--limit", "2") == ["log:3", "log:2"]
    assert listed("--limit", "0") == []
    assert cli("kv", "ls", "--limit", "-1").status == 2


def test_kv_rm_removes_one(cli):
    cli("kv", "set", "key", "1")
    assert cli("kv", "rm", "key") == (0, b"", "")
    assert cli("kv", "rm", "key").status == 1
    cli("kv", "set", "key", "1")
    assert cli("kv", "rm", "key", "--json").json == {"key": "key", "removed": True}


def test_a_secret_is_masked_until_it_is_asked_for(cli, a_key):
    assert cli("secret", "set", "token", stdin=f"{SECRET}\n".encode()) == (0, b"", "")
    masked = cli("secret", "get", "token")
    assert masked.out == "********"
    assert "--reveal" in masked.err
    assert cli("secret", "get", "token", "--json").json == {
        "name": "token",
        "revealed": False,
        "value": "********",
    }
    assert cli("secret", "get", "token", "--reveal") == (0, SECRET.encode(), "")
    assert cli("secret", "get", "token", "--reveal", "--json").json["value"] == SECRET


def test_no_other_command_shows_a_secret(cli, a_key):
    cli("secret", "set", "token", stdin=SECRET.encode())
    for command in (
        ["secret", "get", "token"],
        ["secret", "ls"],
        ["secret", "ls", "--json"],
        ["kv", "ls", "--json"],
        ["kv", "get", "token"],
        ["tree", "--json"],
        ["grep", "-i", "horse"],
        ["settings"],
        ["check"],
        ["secret", "rm", "token", "--json"],
    ):
        answer = cli(*command)
        assert SECRET not in answer.out + answer.err


def test_a_secret_keeps_the_line_end_it_is_told_to(cli, a_key):
    cli("secret", "set", "pem", "--exact", stdin=b"-----END-----\n")
    assert cli("secret", "get", "pem", "--reveal").bytes == b"-----END-----\n"
    cli("secret", "set", "pem", stdin=b"-----END-----\r\n")
    assert cli("secret", "get", "pem", "--reveal").bytes == b"-----END-----"


def test_a_secret_is_never_an_argument(cli, a_key):
    answer = cli("secret", "set", "token", SECRET)
    assert answer.status == 2
    assert SECRET not in answer.out
    assert cli("secret", "get", "token").status == 1


def test_secret_ls_and_rm(cli, a_key):
    assert cli("secret", "ls") == (0, b"", "")
    cli("secret", "set", "b", "--ttl", "1000", stdin=b"1")
    cli("secret", "set", "a", stdin=b"1")
    assert [info["name"] for info in cli("secret", "ls", "--json").json] == ["a", "b"]
    assert [line.split()[-1] for line in cli("secret", "ls").out.splitlines()] == ["NAME", "a", "b"]
    assert cli("secret", "rm", "a") == (0, b"", "")
    assert cli("secret", "rm", "a").status == 1
    assert cli("secret", "rm", "b", "--json").json == {"name": "b", "removed": True}


def test_without_a_key_a_secret_is_refused_and_how_to_make_one_told(cli):
    answer = cli("secret", "set", "token", stdin=SECRET.encode())
    assert answer.status == 2
    assert "everstore: error: secrets_key_missing: " in answer.err
    assert "everstore keys generate" in answer.err
    assert SECRET not in answer.err


def test_what_was_set_is_told_in_json(cli, session, kept, a_key):
    told = cli("kv", "set", "k", "text", "--ttl", "1000", "--json").json
    assert told == cli("kv", "ls", "--json").json[0]
    assert cli("secret", "set", "token", "--json", stdin=b"hunter2").json == {"name": "token", "set": True}
    assert cli("secret", "get", "token", "--reveal").out == "hunter2"
