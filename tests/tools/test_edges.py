"""What models seldom do, and what others do meanwhile."""

from __future__ import annotations

import json
from typing import get_args

import pytest

import everstore
import everstore.errors
from everstore.middleware import Middleware
from everstore.tools import Toolbox
from everstore.tools.desk import Desk
from everstore.tools.patches.parsing import parse_patch


class Meanwhile(Middleware):
    """Somebody else writes a file right before each list of changes."""

    def __init__(self) -> None:
        self.files = None
        self.count = 0

    def wrap(self, verb, call):
        async def meanwhile(session_id, *args, **kwargs):
            if self.files is not None:
                self.count += 1
                await self.files.write_file(session_id, "/f.txt", f"a\n{self.count}\n")
            return await call(session_id, *args, **kwargs)

        return meanwhile if verb.name == "apply_changes" else call


async def test_a_patch_of_what_changes_all_the_time_gives_up():
    meanwhile = Meanwhile()
    async with everstore.open_store(backend="memory", middleware=[meanwhile]) as store:
        work = store.session(everstore.new_session_id())
        await work.files.write_file("/f.txt", "a\n")
        meanwhile.files = store.file_system
        patch = "--- a/f.txt\n+++ b/f.txt\n@@ -1 +1 @@\n-a\n+b\n"
        answer = await Toolbox(work).call("apply_patch", {"patch": patch})
        assert answer.is_error
        assert "being changed all the time" in answer.text
        assert (await work.files.read_file("/f.txt")).content == f"a\n{meanwhile.count}\n"


async def test_a_file_that_was_deleted_since_is_created_anew(toolbox, work):
    await toolbox.call("write", {"path": "f.txt", "content": "one\n"})
    await work.files.delete_file("/f.txt")
    answer = await toolbox.call("write", {"path": "/f.txt", "content": "two\n"})
    assert answer.text.startswith("Created /f.txt")


async def test_a_file_that_was_deleted_since_and_is_there_again_is_left_as_it_is():
    again = Again()
    async with everstore.open_store(backend="memory", middleware=[again]) as store:
        work = store.session(everstore.new_session_id())
        toolbox = Toolbox(work)
        await toolbox.call("write", {"path": "f.txt", "content": "one\n"})
        await work.files.delete_file("/f.txt")
        again.files = store.file_system
        assert (await toolbox.call("write", {"path": "f.txt", "content": "two\n"})).is_error
        assert (await work.files.read_file("/f.txt")).content == "another's\n"


class Again(Middleware):
    """Somebody else writes a file right after a write that was refused."""

    def __init__(self) -> None:
        self.files = None

    def wrap(self, verb, call):
        async def again(session_id, *args, **kwargs):
            try:
                return await call(session_id, *args, **kwargs)
            except everstore.errors.RevisionConflictError:
                files, self.files = self.files, None
                if files is not None:
                    await files.write_file(session_id, "/f.txt", "another's\n")
                raise

        return again if verb.name == "write_file" else call


async def test_a_file_that_was_never_seen_may_be_replaced(toolbox, work):
    await work.files.write_file("/f.txt", "one\n")
    assert not (await toolbox.call("write", {"path": "/f.txt", "content": "two\n"})).is_error


async def test_what_was_seen_is_forgotten_when_it_is_too_much():
    desk = Desk(None, 1000, "")
    for number in range(5000):
        desk.saw(f"{number}", f"/{number}", "r")
    assert await desk.seen("0") is None
    assert await desk.seen("4999") == await desk.seen("/4999") == "r"


@pytest.mark.parametrize("spelling", ["d/f.txt", "/d/f.txt", "//d/./f.txt/", "/workspace/d/f.txt"])
@pytest.mark.parametrize("first", ["d/f.txt", "/workspace//d/f.txt"])
async def test_what_was_seen_is_kept_from_a_write_however_it_is_spelled(toolbox, work, first, spelling):
    await work.files.write_file("/d/f.txt", "one\n")
    await toolbox.call("read", {"path": first})
    await work.files.write_file("/d/f.txt", "another's\n")
    answer = await toolbox.call("write", {"path": spelling, "content": "two\n"})
    assert answer.is_error
    assert (await work.files.read_file("/d/f.txt")).content == "another's\n"


async def test_without_the_alias_of_the_root_two_files_are_seen_apart():
    async with everstore.open_store(backend="memory", workspace_alias=False) as store:
        work = store.session(everstore.new_session_id())
        toolbox = Toolbox(work)
        await toolbox.call("write", {"path": "/f.txt", "content": "one\n"})
        assert not (await toolbox.call("write", {"path": "/workspace/f.txt", "content": "two\n"})).is_error
        await work.files.write_file("/f.txt", "another's\n")
        assert not (await toolbox.call("write", {"path": "/workspace/f.txt", "content": "3\n"})).is_error
        assert (await toolbox.call("write", {"path": "f.txt", "content": "3\n"})).is_error


async def test_bytes_that_are_no_text(toolbox, work):
    await work.files.write_bytes("/latin.txt", "é".encode("latin-1"))
    answer = await toolbox.call("read", {"path": "/latin.txt"})
    assert answer.is_error
    assert "is binary, 1 B" in answer.text


async def test_the_last_line_of_an_empty_file(toolbox):
    await toolbox.call("write", {"path": "/f.txt", "content": ""})
    assert (await toolbox.call("tail", {"path": "/f.txt"})).text == "/f.txt is empty."


async def test_many_things_are_told_of_in_part(toolbox):
    files = [f"f{number}.txt" for number in range(80)]
    added = "".join(f"*** Add File: {name}\n+a\n" for name in files)
    answer = await toolbox.call("apply_patch", {"patch": f"*** Begin Patch\n{added}*** End Patch\n"})
    assert answer.text.endswith("and 30 more")
    edits = [{"path": name, "old": "a", "new": "b\n" * 20} for name in files]
    assert "and 60 others" in (await toolbox.call("multi_edit", {"edits": edits})).text
    everywhere = {"path": files[0], "old": "b", "new": "c", "replace_all": True}
    assert "in 20 places, at lines 1, 2, 3" in (await toolbox.call("edit", everywhere)).text


async def test_edits_far_apart_are_shown_apart(toolbox):
    content = "".join(f"{'here' if number in {3, 50} else number}\n" for number in range(90))
    await toolbox.call("write", {"path": "/f.txt", "content": content})
    answer = await toolbox.call("edit", {"path": "/f.txt", "old": "here", "new": "now", "replace_all": True})
    assert "\n   ...\n" in answer.text


async def test_several_edits_of_a_file_in_cr_lf(toolbox, work):
    await work.files.write_file("/f.txt", "one\r\ntwo\r\n")
    edits = [
        {"path": "f.txt", "old": "one\n", "new": "1\n"},
        {"path": "f.txt", "old": "1\ntwo", "new": "1\n2"},
    ]
    assert not (await toolbox.call("multi_edit", {"edits": edits})).is_error
    assert (await work.files.read_file("/f.txt")).content == "1\r\n2\r\n"


async def test_line_ends_that_are_not_all_alike_are_in_nobodys_way(toolbox, work):
    await work.files.write_file("/f.txt", "a\nb\r\nc\r\n")
    refused = await toolbox.call("edit", {"path": "f.txt", "old": "b\nc", "new": "d"})
    assert "edit the lines one by one, or with apply_patch" in refused.text
    patch = "--- f.txt\n+++ f.txt\n@@ -1,3 +1,3 @@\n a\n-b\n+d\n c\n"
    assert not (await toolbox.call("apply_patch", {"patch": patch})).is_error
    assert not (await toolbox.call("edit", {"path": "f.txt", "old": "c", "new": "e"})).is_error
    assert [line.text for line in (await work.files.read_lines("/f.txt", 1, 9)).lines] == ["a", "d", "e"]


async def test_lines_around_a_match_give_way_where_there_is_no_room(work):
    toolbox = Toolbox(work, most_characters=1000)
    await work.files.write_file("/f.txt", "".join(f"{'x' * 300}\n" for _ in range(9)) + "y\n")
    answer = await toolbox.call("grep", {"pattern": "y", "context": 9})
    assert "\n10:y" in answer.text


async def test_a_directory_to_go_on_after_may_be_spelled_in_any_way(toolbox):
    for name in "abc":
        await toolbox.call("write", {"path": f"/d/{name}", "content": ""})
    for name in ("/d/b", "d/b"):
        assert (await toolbox.call("ls", {"path": "d", "after": name})).text.endswith("  c")
    assert "none of them comes after /d/c" in (await toolbox.call("ls", {"path": "d", "after": "/d/c"})).text
    assert (await toolbox.call("tree", {"path": "d", "after": "/d/c"})).text == "/d: 3 files"


async def test_empty_directories(toolbox):
    await toolbox.call("mkdir", {"path": "/d"})
    assert (await toolbox.call("ls", {"path": "/d"})).text == "/d is empty."
    assert (await toolbox.call("tree", {"path": "/d"})).text == "/d is empty."
    await toolbox.call("delete", {"path": "/d"})
    assert (await toolbox.call("read", {"path": "/a"})).text == "There is no /a. / is empty."


async def test_values_without_an_end(toolbox):
    await toolbox.call("remember", {"key": "a", "value": "b"})
    assert (await toolbox.call("recall", {"key": "a", "start": 3})).text == "a has no more than 1 character."
    told = (await toolbox.call("memories", {"prefix": "x"})).text
    assert told == "Nothing is remembered whose key begins with x."
    assert (await toolbox.call("memories", {"after": "a"})).text == "Nothing more is remembered."


class Blind(Middleware):
    """Listings and lines cannot be had."""

    def wrap(self, verb, call):
        async def blind(*args, **kwargs):
            raise everstore.errors.BackendUnavailableError("x", happened=False)

        return blind if verb.name in {"list_tree", "read_lines"} else call


async def test_a_refusal_is_told_also_where_nothing_can_be_looked_at():
    async with everstore.open_store(backend="memory", middleware=[Blind()]) as store:
        toolbox = Toolbox(store.session(everstore.new_session_id()))
        await toolbox.call("write", {"path": "/f.txt", "content": "some words\n"})
        told = await toolbox.call("edit", {"path": "/g.txt", "old": "a", "new": "b"})
        assert told.text == "There is no /g.txt. See what there is: ls {}"
        told = await toolbox.call("edit", {"path": "/f.txt", "old": "some word\n", "new": "b"})
        assert told.text == "The old text is not in /f.txt, and nothing was changed."


async def test_other_things_that_patches_do(toolbox):
    await toolbox.call("write", {"path": "/f.txt", "content": "a\nb\na\nb\n"})

    async def refused(patch: str) -> str:
        answer = await toolbox.call("apply_patch", {"patch": patch})
        assert answer.is_error
        return answer.text

    ambiguous = await refused("--- f.txt\n+++ f.txt\n@@ @@\n-a\n+c\n")
    assert "/f.txt, hunk 1: its old lines are at lines 1, 3; give more" in ambiguous
    gone = "*** Begin Patch\n*** Delete File: f.txt\n*** Update File: ./f.txt\n-a\n+c\n*** End Patch\n"
    assert "There is no /f.txt." in await refused(gone)
    nothing = await refused("--- f.txt\n+++ f.txt\n@@ -1 +1 @@\n-z\n+y\n")
    assert nothing == "Nothing was changed: /f.txt, hunk 1: its old lines are not there."


async def test_calls_without_arguments(toolbox):
    assert len(toolbox) == 19
    assert (await toolbox.call("ls")).text == (await toolbox.call("ls", "")).text == "/ is empty."


async def test_lines_of_an_edit_that_do_not_fit_are_not_shown(work):
    toolbox = Toolbox(work, most_characters=1000)
    line = "x" * 400
    await toolbox.call("write", {"path": "/f.txt", "content": f"{line}\n" * 9})
    edit = {"path": "/f.txt", "old": line, "new": f"{line}\n{line}", "replace_all": True}
    answer = await toolbox.call("edit", edit)
    assert answer.text.startswith("Edited /f.txt")
    assert len(answer.text) <= 1000


class Away(Middleware):
    """Lists of changes cannot be made."""

    def wrap(self, verb, call):
        async def away(*args, **kwargs):
            raise everstore.errors.BackendUnavailableError("x", happened=None)

        return away if verb.name == "apply_changes" else call


async def test_changes_that_may_have_happened_are_told_of_as_such():
    async with everstore.open_store(backend="memory", middleware=[Away()]) as store:
        toolbox = Toolbox(store.session(everstore.new_session_id()))
        await toolbox.call("write", {"path": "/f.txt", "content": "a\n"})
        edits = {"edits": [{"path": "/f.txt", "old": "a", "new": "b"}]}
        patch = {"patch": "--- f.txt\n+++ f.txt\n@@ -1 +1 @@\n-a\n+c\n"}
        for name, arguments in (("multi_edit", edits), ("apply_patch", patch)):
            assert "may have done it or not" in (await toolbox.call(name, arguments)).text


def test_patches_around_their_lines():
    deleted = "--- a/x\n+++ b/x\n@@ -1,2 +1,1 @@\n--- a comment\n b\n"
    assert parse_patch(deleted)[0].hunks[0].old == ["-- a comment", "b"]
    blank = "*** Begin Patch\n*** Add File: x\n+a\n\n+b\n\n*** Add File: y\n+c\n*** End Patch\n"
    assert [one.hunks[0].new for one in parse_patch(blank)] == [["a", "", "b"], ["c"]]
    wrong_counts = (
        "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n c\n\n--- a/y\n+++ b/y\n@@ -1,9 +1,9 @@\n-a\n+b\n\n\n"
    )
    assert [list(one.hunks[0].lines) for one in parse_patch(wrong_counts)] == [
        ["-a", "+b", " c"],
        ["-a", "+b"],
    ]


def test_the_strict_form_for_openai(work):
    tools = {one["name"]: one for one in Toolbox(work).openai()}
    item = tools["multi_edit"]["parameters"]["properties"]["edits"]["items"]
    assert item["required"] == ["path", "old", "new", "replace_all"]
    assert item["properties"]["replace_all"]["type"] == ["boolean", "null"]
    assert json.dumps(tools).count('"strict": true') == len(tools)
    assert Toolbox(work).openai("chat")[0]["function"]["name"] == "read"
    assert Toolbox(work).anthropic()[0]["input_schema"]["required"] == ["path"]


async def test_arguments_that_no_one_should_send(toolbox):
    surrogate = "\ud800"
    for arguments in (
        '{"path": "a',
        "[" * 100_000,
        f'{{"path": "{surrogate}"}}',
        b"\xff",
        '{"path": 1e999}',
        "7",
    ):
        answer = await toolbox.call("read", arguments)
        assert answer.is_error
        assert answer.text.isprintable()
    deep: object = "x"
    for _ in range(5000):
        deep = [deep]
    assert "nested too deep" in (await toolbox.call("read", {"path": deep})).text
    for name, arguments in (
        (surrogate, {}),
        ("read", {surrogate: 1}),
        ("read", {"path": surrogate}),
        ("glob", {"pattern": surrogate}),
        ("grep", {"pattern": surrogate}),
        ("remember", {"key": surrogate, "value": "x"}),
        ("recall", {"key": surrogate}),
        ("write", {"path": "/a", "content": surrogate}),
        ("apply_patch", {"patch": surrogate}),
        ("apply_patch", {"patch": f"--- {surrogate}\n+++ {surrogate}\n@@ -1 +1 @@\n-a\n+b\n"}),
    ):
        answer = await toolbox.call(name, arguments)
        assert answer.is_error
        answer.text.encode()


async def test_numbers_that_are_too_large(toolbox):
    await toolbox.call("write", {"path": "/f.txt", "content": "a\n"})
    for name, arguments in (
        ("read", {"path": "/f.txt", "start": 10**30}),
        ("grep", {"pattern": "a", "skip": 10**30}),
    ):
        assert (await toolbox.call(name, arguments)).is_error
    for name, arguments in (
        ("read", {"path": "/f.txt", "limit": 10**30, "column": 10**30}),
        ("tail", {"path": "/f.txt", "lines": 10**30}),
        ("tree", {"depth": 10**30}),
    ):
        assert not (await toolbox.call(name, arguments)).is_error


async def test_functions_take_edits_as_objects_and_as_mappings(toolbox):
    functions = {one.__name__: one for one in toolbox.functions()}
    kind = get_args(functions["multi_edit"].__annotations__["edits"])[0]
    await functions["write"]("f.txt", "a b c\n")
    told = await functions["multi_edit"]([kind("f.txt", "a", "x"), {"path": "f.txt", "old": "b", "new": "y"}])
    assert told.startswith("Made 2 edits")


async def test_a_patch_of_a_long_file(toolbox, work):
    lines = [f"line {number}" for number in range(60_000)]
    await work.files.write_file("/f.txt", "\n".join([*lines, ""]))
    patch = "--- f.txt\n+++ f.txt\n@@ -1 +1 @@\n-line 59998\n+new\n"
    assert not (await toolbox.call("apply_patch", {"patch": patch})).is_error
    assert (await work.files.read_lines("/f.txt", -2, 1)).lines[0].text == "new"


async def test_a_copy_by_git_that_changes_nothing(toolbox, work):
    await work.files.write_file("/f.txt", "a\n")
    patch = "diff --git a/f.txt b/g.txt\ncopy from f.txt\ncopy to g.txt\n"
    assert not (await toolbox.call("apply_patch", {"patch": patch})).is_error
    assert (await work.files.read_file("/g.txt")).content == "a\n"


@pytest.mark.parametrize("verb", ["rename", "copy"])
async def test_git_moves_and_copies_bytes_as_they_are(toolbox, work, verb):
    await work.files.write_bytes("/f.png", b"\xff\0")
    patch = f"diff --git a/f.png b/g.png\n{verb} from f.png\n{verb} to g.png\n"
    assert not (await toolbox.call("apply_patch", {"patch": patch})).is_error
    assert await work.files.read_bytes("/g.png") == b"\xff\0"
    assert (await work.files.stat_file("/f.png") is None) == (verb == "rename")


async def test_what_is_moved_as_it_is_changes_in_the_same_section_only(toolbox, work):
    """For it has no revision there on which a later change could depend."""
    await work.files.write_file("/f.txt", "a\n")
    moved = "*** Begin Patch\n*** Update File: f.txt\n*** Move to: g.txt\n"
    patch = f"{moved}*** Update File: g.txt\n@@\n-a\n+b\n*** End Patch\n"
    answer = await toolbox.call("apply_patch", {"patch": patch})
    assert answer.is_error
    assert "Do both in one section" in answer.text
    assert (await toolbox.call("apply_patch", {"patch": f"{moved}@@\n-a\n+b\n*** End Patch\n"})).text


async def test_copies_and_renames_of_git_are_of_the_files_before(toolbox, work):
    """As ``git diff -C -B`` writes them: sorted by path, each from what was there at first."""
    for name in "abc":
        await work.files.write_file(f"/{name}", f"{name}\n")
    patch = (
        "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-a\n+A\n"
        "diff --git a/b b/b\nnew file mode 100644\n--- /dev/null\n+++ b/b\n@@ -0,0 +1 @@\n+B\n"
        "diff --git a/b b/c\nrename from b\nrename to c\n"
        "diff --git a/c b/d\nrename from c\nrename to d\n"
        "diff --git a/a b/e\ncopy from a\ncopy to e\n--- a/a\n+++ b/e\n@@ -1 +1,2 @@\n a\n+e\n"
        "diff --git a/b b/f\ncopy from b\ncopy to f\n"
    )
    answer = await toolbox.call("apply_patch", {"patch": patch})
    assert not answer.is_error, answer.text
    texts = {
        info.path: (await work.files.read_file(info.path)).content for info in await work.files.list_tree()
    }
    assert texts == {"/a": "A\n", "/b": "B\n", "/c": "b\n", "/d": "c\n", "/e": "a\ne\n", "/f": "b\n"}
