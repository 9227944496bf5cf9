"""Patches as texts: what is read of them, and what becomes of the text that they are applied to."""

from __future__ import annotations

from difflib import unified_diff

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everstore.tools.patches.applying import MisfitError, apply_hunks
from everstore.tools.patches.model import PatchError
from everstore.tools.patches.parsing import parse_patch

WORDS = [
    "a",
    "b",
    "",
    " ",
    "-- a",
    "++ b",
    "@@",
    "\\ a",
    "@@ -1 +1 @@",
    "*** c",
    "tab\t",
    "é\u2028",
    "diff --git x",
]
LINES = st.builds(str.__add__, st.sampled_from(WORDS), st.sampled_from(["\n", "\n", "\r\n", "\r\r\n"]))
TEXTS = st.builds(
    lambda lines, last: "".join(lines) + last,
    st.lists(LINES, max_size=12),
    st.sampled_from(["", "", "end", "a"]),
)


def lines_of(text: str) -> list[str]:
    return [line + "\n" for line in text.split("\n")[:-1]] + (
        [text.rpartition("\n")[2]] if text[-1:] not in {"", "\n"} else []
    )


def diff(before: str, after: str, context: int, path: str = "x.txt") -> str:
    """A unified diff, which says where a last line has no end, as difflib alone does not."""
    written = unified_diff(lines_of(before), lines_of(after), f"a/{path}", f"b/{path}", n=context)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in written
    )


def patched(text: str, patch: str) -> str:
    [one] = parse_patch(patch)
    return apply_hunks(text, one.hunks)


@given(TEXTS, TEXTS, st.integers(1, 4))
@settings(max_examples=200)
def test_a_unified_diff_makes_the_second_text_of_the_first(before, after, context):
    if before != after:
        assert patched(before, diff(before, after, context)) == after


@given(TEXTS, TEXTS)
def test_and_without_lines_around_where_line_ends_are_all_alike(before, after):
    before, after = before.replace("\r", ""), after.replace("\r", "")
    if before != after:
        assert patched(before, diff(before, after, 0)) == after


@given(st.lists(st.integers(0, 99), unique=True, min_size=1), st.data(), st.integers(0, 30))
def test_it_fits_where_its_lines_have_moved(numbers, data, above):
    before = "".join(f"line {number}\n" for number in numbers)
    changed = data.draw(st.lists(st.sampled_from(numbers), unique=True, min_size=1))
    after = "".join(f"{'new' if number in changed else 'line'} {number}\n" for number in numbers)
    moved = "".join(f"above {number}\n" for number in range(above))
    assert patched(moved + before, diff(before, after, 3)) == moved + after


@given(st.lists(st.integers(0, 99), unique=True, min_size=1), st.data())
def test_counts_and_numbers_may_be_wrong_where_the_lines_are_there_once(numbers, data):
    before = "".join(f"line {number}\n" for number in numbers)
    number = data.draw(st.sampled_from(numbers))
    after = before.replace(f"line {number}\n", f"new {number}\nand more\n")
    written = diff(before, after, 2).split("\n")
    written[2] = f"@@ -{data.draw(st.integers(0, 200))},7 +{data.draw(st.integers(0, 200))},9 @@ def x"
    assert patched(before, "\n".join(written)) == after


@given(TEXTS.map(lambda text: text.replace("\r", "")), TEXTS.map(lambda text: text.replace("\r", "")))
def test_a_patch_that_knows_of_lf_alone_keeps_cr_lf(before, after):
    if before.count("\n") and before != after:
        patch = diff(before, after, 3)
        with_cr = before.replace("\n", "\r\n")
        assert patched(with_cr, patch) == after.replace("\n", "\r\n")
        assert patched(with_cr, patch.replace("\n", "\r\n")) == after.replace("\n", "\r\n")


@given(st.lists(st.integers(0, 99), unique=True, min_size=1), st.data())
def test_a_patch_without_numbers_makes_the_second_text_of_the_first(numbers, data):
    before = [f"line {number}" for number in numbers]
    changed = data.draw(st.sets(st.sampled_from(range(len(numbers))), min_size=1))
    hunks, after = [], []
    for index, line in enumerate(before):
        new = [f"new {line}", "and more"] if index in changed else [line]
        after += new
        if index in changed:
            around = [f" {before[index - 1]}"] if index and index - 1 not in changed else []
            hunks += ["@@", *around, f"-{line}", *(f"+{one}" for one in new)]
    patch = "\n".join(["*** Begin Patch", "*** Update File: x", *hunks, "*** End Patch"])
    assert patched("\n".join([*before, ""]), patch) == "\n".join([*after, ""])


PYTHON = "class A:\n    def f(self):\n        return 1\n\n\nclass B:\n    def f(self):\n        return 1\n"


def v4a(*lines: str) -> str:
    return "\n".join(["*** Begin Patch", "*** Update File: x", *lines, "*** End Patch", ""])


@pytest.mark.parametrize(
    "anchors",
    [["@@ class B:"], ["@@ class B:", "@@     def f(self):"], ["@@ class B"], ["@@ -8 +8 @@ class B:"]],
)
def test_an_anchor_says_which_of_several_places_is_meant(anchors):
    patch = v4a(*anchors, "-        return 1", "+        return 2")
    assert patched(PYTHON, patch) == PYTHON[:-9] + "return 2\n"


@pytest.mark.parametrize(
    ("text", "lines", "made"),
    [
        ("a\nb\n", ["+c"], "a\nb\nc\n"),
        ("a\nb\n", ["@@ a", "+c"], "a\nc\nb\n"),
        ("a\nb\na\n", [" a", "+c", "*** End of File"], "a\nb\na\nc\n"),
        ("a\n\nb\n", [" a", "", "-b", "+c"], "a\n\nc\n"),
        ("a  \nb\n", [" a", "-b", "+c"], "a  \nc\n"),
        ("a", ["-a", "+b"], "b"),
        ("a\nx\n", ["@@", "-a", "+x", "@@", "-x", "+y"], "x\ny\n"),
        (
            "def f():\n    pass\n",
            ["@@ def f():", " def f():", "-    pass", "+    return"],
            "def f():\n    return\n",
        ),
    ],
)
def test_hunks_without_numbers(text, lines, made):
    assert patched(text, v4a(*lines)) == made


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["-        return 1", "+        return 2"], "hunk 1: its old lines are at lines 3, 8; give more"),
        (["-        return 2", "+        return 3"], "hunk 1: its old lines are not there"),
        (["-        return 2", "+        return 1"], "but at line 3 its new ones are"),
        (["@@ class C:", "+x"], "no line behind line 0 is 'class C:'"),
        (["@@ class B:", "-class A:", "+class C:"], "are not behind line 5, but before"),
        (["-class A:", "+class C:", "*** End of File"], "not at the end of the file"),
    ],
)
def test_a_hunk_that_fits_nowhere_or_twice_says_why(lines, why):
    with pytest.raises(MisfitError) as misfit:
        patched(PYTHON, v4a(*lines))
    assert why in str(misfit.value)


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ("", "names no file"),
        ("@@ -1 +1 @@\n-a\n+b\n", "Line 1 is a hunk"),
        ("--- a/x\n+++ b/x\n", "no hunk"),
        ("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\nb\n", "Line 5 begins with neither"),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n a\n", "changes nothing"),
        ("diff --git a/x b/x\nBinary files a/x and b/x differ\n", "Line 2 is about a binary file"),
        ("*** Begin Patch\n*** End Patch\n", "names no file"),
        ("*** Begin Patch\n*** Update File: x\n*** End Patch\n", "nothing says how"),
        ("*** Begin Patch\n*** Update File: x\n@@\n a\n*** End Patch\n", "changes nothing"),
        ("*** Begin Patch\n*** Update File: x\n@@\na\n*** End Patch\n", "Line 4 begins with neither"),
        ("*** Begin Patch\n*** Add File: x\na\n*** End Patch\n", "Line 3 is of a new file"),
        ("*** Begin Patch\n*** Rename File: x\n*** End Patch\n", "Line 2 is none of"),
        ("*** Begin Patch\n*** Add File: x\n+a\n", "does not end with"),
    ],
)
def test_what_is_no_patch_says_why(patch, why):
    with pytest.raises(PatchError) as error:
        parse_patch(patch)
    assert why in str(error.value)


PATCH_IN_A_FILE = "Write:\n*** Begin Patch\n*** End Patch\nand so on\n"


@pytest.mark.parametrize(
    "marks", [("--- x", "+++ x", "@@ -1,4 +1,4 @@"), ("*** Begin Patch", "*** Update File: x")]
)
def test_a_patch_of_a_text_about_patches(marks):
    lines = [" Write:", " *** Begin Patch", " *** End Patch", "-and so on", "+and on"]
    end = ["*** End Patch"] if len(marks) == 2 else []
    patch = "\n".join([*marks, *lines, *end, ""])
    assert patched(PATCH_IN_A_FILE, patch) == PATCH_IN_A_FILE.replace("and so on", "and on")


@pytest.mark.parametrize(
    "names", ["a/x y b/x y", "x y x y", '"a/\\303\\266 y" "b/\\303\\266 y"', "a/a b/c b/a b/c"]
)
def test_the_name_of_an_empty_file_that_git_writes(names):
    [made] = parse_patch(f"diff --git {names}\nnew file mode 100644\nindex 0000000..e69de29\n")
    assert made.path in {"x y", "ö y", "a b/c"}


def test_the_last_line_without_a_line_end_is_the_last_one():
    patch = "--- x\n+++ x\n@@ -9 +9 @@\n-a\n\\ No newline at end of file\n+c\n"
    assert patched("a\nb\na", patch) == "a\nb\nc\n"


def test_a_copy_is_made_before_its_source_is_renamed():
    patch = "".join(
        f"diff --git a/x b/{new}\n{verb} from x\n{verb} to {new}\n"
        for verb, new in (("rename", "y"), ("copy", "z"))
    )
    assert [one.copied_to for one in parse_patch(patch)] == ["z", None]


def test_a_name_that_ends_in_a_space_is_one_where_git_shows_its_end():
    [made] = parse_patch("--- a/x \t\n+++ b/x \t\n@@ -1 +1 @@\n-a\n+b\n")
    assert made.path == "x "


GIT = """\
Here is the patch that you asked for:

diff --git a/old name.txt b/new name.txt
similarity index 90%
rename from old name.txt
rename to new name.txt
--- a/old name.txt
+++ b/new name.txt
@@ -1 +1 @@
-a
+b
diff --git a/empty.txt b/empty.txt
new file mode 100644
index 0000000..e69de29
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
index e69de29..0000000
diff --git a/moved.txt b/there.txt
similarity index 100%
rename from moved.txt
rename to there.txt
diff --git a/first.txt b/second.txt
similarity index 100%
copy from first.txt
copy to second.txt
diff --git "a/f\\303\\266o.txt" "b/f\\303\\266o.txt"
--- "a/f\\303\\266o.txt"\t2026-01-01
+++ "b/f\\303\\266o.txt"
@@ -1 +1 @@
-a
+b
diff --git a/mode.txt b/mode.txt
old mode 100644
new mode 100755
--- a/timed.txt\t2026-01-01 00:00:00
+++ b/timed.txt\t2026-01-02 00:00:00
@@ -1 +1 @@
-a
+b
--- plain.txt
+++ plain.txt
@@ -1 +1 @@
-a
+b
```
"""


def test_what_git_writes_is_read():
    told = [(one.kind, one.path, one.moved_to, one.copied_to, len(one.hunks)) for one in parse_patch(GIT)]
    assert told == [
        ("update", "old name.txt", "new name.txt", None, 1),
        ("add", "empty.txt", None, None, 0),
        ("delete", "gone.txt", None, None, 0),
        ("update", "moved.txt", "there.txt", None, 0),
        ("update", "first.txt", None, "second.txt", 0),
        ("update", "föo.txt", None, None, 1),
        ("update", "timed.txt", None, None, 1),
        ("update", "plain.txt", None, None, 1),
    ]
