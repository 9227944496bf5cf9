"""ls, tree, cat, put, rm, mkdir, mv, cp and stat."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from everstore import InitialFile, parse_session_id


@pytest.fixture(autouse=True)
def _in_a_session(session):
    pass


@pytest.fixture
def seeded(kept, session):
    """A read-only file in the session."""

    async def seed():
        await kept.files.seed_initial_file(
            parse_session_id(session), InitialFile("/docs/rules.md", "never\n", "text", is_readonly=True)
        )

    asyncio.run(seed())


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"hello\nworld\n", "text"),
        (b"", "text"),
        (b"\xef\xbb\xbfwith BOM\r\nand CR LF\r", "text"),
        (b"NUL \x00 inside", "text"),
        ("snow ☃, 😀\n".encode(), "text"),
        (b"\xff\xfe\x00\x01", "base64"),
        (b"\xed\xa0\x80", "base64"),
        (bytes(range(256)) * 300, "base64"),
    ],
    ids=["text", "empty", "bom", "nul", "unicode", "binary", "surrogate", "all bytes"],
)
def test_what_is_put_is_what_cat_writes(cli, data, encoding):
    put = cli("put", "-", "a/file", "--json", stdin=data)
    assert put.status == 0
    assert put.json["size_bytes"] == len(data)
    assert cli("cat", "a/file").bytes == data
    assert cli("cat", "a/file", "--json").json["encoding"] == encoding


def test_put_takes_a_local_file(cli, in_empty_folder):
    (in_empty_folder / "local.bin").write_bytes(b"\x80\x81")
    assert cli("put", "local.bin", "remote.bin").out.startswith("/remote.bin  2 B  revision ")
    assert cli("cat", "remote.bin").bytes == b"\x80\x81"


def test_put_keeps_as_base64_what_it_is_told_to(cli):
    cli("put", "-", "x", "--encoding", "base64", stdin=b"plain")
    document = cli("cat", "x", "--json").json
    assert (document["encoding"], document["content"]) == ("base64", base64.b64encode(b"plain").decode())
    assert cli("cat", "x").bytes == b"plain"


def test_put_refuses_to_keep_other_bytes_as_text(cli):
    answer = cli("put", "-", "x", "--encoding", "text", stdin=b"\xff")
    assert answer.status == 2
    assert "everstore: error: invalid_content: the input is not UTF-8" in answer.err
    assert cli("stat", "x").status == 1


@pytest.mark.parametrize("source", ["missing.txt", ".", "nul\0name"])
def test_put_says_which_local_file_cannot_be_read(cli, source):
    answer = cli("put", source, "x")
    assert answer.status == 2
    assert answer.err.startswith("everstore: error: invalid_argument: ")
    assert "cannot be read" in answer.err


def test_put_with_a_revision_writes_only_over_that_one(cli):
    first = cli("put", "-", "x", "--if-absent", "--json", stdin=b"1").json["revision"]
    second = cli("put", "-", "x", "--if-revision", first, "--json", stdin=b"2").json["revision"]
    assert second != first
    late = cli("put", "-", "x", "--if-revision", first, stdin=b"3")
    assert late.status == 3
    assert "everstore: error: revision_conflict: " in late.err
    assert cli("put", "-", "x", "--if-absent", stdin=b"3").status == 3
    assert cli("cat", "x").bytes == b"2"


def test_cat_of_nothing_is_absent_and_of_a_directory_refused(cli):
    cli("mkdir", "d")
    assert cli("cat", "nothing").status == 1
    assert cli("cat", "d").status == 3
    cli("put", "-", "d/file", stdin=b"1")
    assert cli("cat", "d/file/x").err.startswith("everstore: error: parent_not_directory: ")


def test_ls_shows_children_sorted(cli):
    for path in ("b.txt", "a/deep.txt", "Z.txt"):
        cli("put", "-", path, stdin=b"12345")
    lines = cli("ls").out.splitlines()
    assert lines[0].split() == ["SIZE", "UPDATED", "MODE", "NAME"]
    assert [line.split()[-1] for line in lines[1:]] == ["Z.txt", "a/", "b.txt"]
    assert lines[1].lstrip().startswith("5 B")
    assert [entry["path"] for entry in cli("ls", "--json").json] == ["/Z.txt", "/a", "/b.txt"]
    assert [entry["path"] for entry in cli("ls", "a", "--json").json] == ["/a/deep.txt"]


def test_ls_of_a_file_shows_that_file(cli):
    cli("put", "-", "a/one.txt", stdin=b"1")
    assert [entry["path"] for entry in cli("ls", "a/one.txt", "--json").json] == ["/a/one.txt"]


def test_ls_of_an_empty_directory_is_empty_and_of_nothing_absent(cli):
    cli("mkdir", "d")
    assert cli("ls", "d") == (0, b"", "")
    assert cli("ls", "nothing").status == 1


def test_a_name_cannot_write_to_the_terminal(cli):
    cli("put", "-", "red\x9b31m[bold]name", stdin=b"")
    assert "red\\x9b31m[bold]name" in cli("ls").out
    assert "red\\x9b31m[bold]name" in cli("tree").out


def test_tree_shows_everything_below(cli):
    for path in ("a/b/c.txt", "a/d.txt", "e.txt"):
        cli("put", "-", path, stdin=b"")
    cli("mkdir", "empty")
    lines = cli("tree").out.splitlines()
    assert lines[0] == "/"
    assert [line.split()[-1] for line in lines[1:-1]] == ["a/", "b/", "c.txt", "d.txt", "e.txt", "empty/"]
    assert lines[-1] == "3 directories, 3 files"
    paths = [entry["path"] for entry in cli("tree", "--json").json]
    assert paths == ["/a", "/a/b", "/a/b/c.txt", "/a/d.txt", "/e.txt", "/empty"]


def test_tree_stops_at_the_depth_it_is_given(cli):
    cli("put", "-", "a/b/c.txt", stdin=b"")
    assert [entry["path"] for entry in cli("tree", "--json", "-L", "2").json] == ["/a", "/a/b"]
    assert [entry["path"] for entry in cli("tree", "a", "--json").json] == ["/a/b", "/a/b/c.txt"]
    assert cli("tree", "nothing").status == 1


def test_stat_tells_what_is_there(cli):
    cli("put", "-", "x.txt", stdin=b"123")
    document = cli("stat", "x.txt", "--json").json
    assert document["size_bytes"] == 3
    assert "content" not in document
    text = cli("stat", "x.txt").out
    assert document["revision"] in text
    assert "3 bytes" in text
    assert cli("stat", "nothing").status == 1


def test_mkdir_is_idempotent_and_refuses_to_replace_a_file(cli):
    assert cli("mkdir", "a/b").out.startswith("/a/b  directory  revision ")
    assert cli("mkdir", "a/b", "--json").json["is_directory"] is True
    cli("put", "-", "file", stdin=b"")
    answer = cli("mkdir", "file")
    assert (answer.status, "path_exists" in answer.err) == (3, True)


def test_mv_and_cp_take_trees_and_replace_only_when_told_to(cli):
    cli("put", "-", "a/x.txt", stdin=b"1")
    created = cli("stat", "a/x.txt", "--json").json["id"]
    assert cli("cp", "a", "b", "--json").json["path"] == "/b"
    assert cli("mv", "a", "c").out.startswith("/c  directory")
    assert cli("stat", "c/x.txt", "--json").json["id"] == created
    assert cli("stat", "b/x.txt", "--json").json["id"] != created
    cli("put", "-", "other", stdin=b"2")
    assert cli("mv", "other", "b/x.txt").status == 3
    assert cli("cp", "other", "b/x.txt").status == 3
    assert cli("cp", "other", "b/x.txt", "--overwrite").status == 0
    assert cli("mv", "other", "c/x.txt", "--overwrite").status == 0
    assert cli("cat", "b/x.txt").bytes == cli("cat", "c/x.txt").bytes == b"2"
    assert cli("mv", "nothing", "x").status == 1
    assert cli("cp", "nothing", "x").status == 1


def test_rm_removes_a_file_and_with_r_a_tree(cli):
    cli("put", "-", "a/x.txt", stdin=b"")
    cli("put", "-", "y.txt", stdin=b"")
    assert cli("rm", "y.txt") == (0, b"", "")
    refused = cli("rm", "a")
    assert (refused.status, "--recursive" in refused.err) == (3, True)
    assert cli("rm", "-r", "a", "--json").json == {"path": "a", "removed": True}
    assert cli("ls", "--json").json == []


def test_rm_says_why_it_removed_nothing(cli, seeded):
    assert "path_not_found" in cli("rm", "nothing").err
    assert "or the session" in cli("rm", "-r", "/").err
    for path in ("docs/rules.md", "docs"):
        assert "file is read-only: '/docs/rules.md'" in cli("rm", "-r", path).err
    assert [cli("rm", "-r", path).status for path in ("nothing", "/", "docs", "docs/rules.md")] == [
        1,
        2,
        3,
        3,
    ]
    assert cli("cat", "docs/rules.md").bytes == b"never\n"


def test_a_read_only_file_is_shown_as_such_and_stays(cli, seeded):
    assert "read-only" in cli("ls", "docs").out
    answer = cli("put", "-", "docs/rules.md", stdin=b"mine")
    assert (answer.status, answer.err) == (
        3,
        "everstore: error: read_only_file: file is read-only: '/docs/rules.md'\n",
    )


def test_json_is_one_sorted_document(cli):
    out = cli("put", "-", "x", "--json", stdin=b"").out
    assert out == json.dumps(json.loads(out), indent=2, sort_keys=True) + "\n"
