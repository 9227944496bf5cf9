"""What edits tell: on which lines they replaced, or why they did not and where to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.changes import Edit, Write
from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import EditError

if TYPE_CHECKING:
    from everstore.conformance.case import Case


@table(
    "edits.replaced.{row}",
    "4.4.6",
    rows={
        "first_line": ("one\ntwo\n", "one", "1", (1,)),
        "last_line": ("one\ntwo\nthree", "three", "3", (3,)),
        "several_lines": ("a\nb\nc\nd\n", "b\nc", "x", (2,)),
        "by_nothing": ("a\nb\nc\n", "b\n", "", (2,)),
        "crlf": ("a\r\nb\r\nc\r\n", "c\r\n", "C", (3,)),
        "no_other_line_end": ("a\u2028b\rc\x0cd", "d", "x", (1,)),
        "not_ascii": ("\u00e9\n\u00e9\u00e9\n\U0001f600 here\n", "here", "\u00fc", (3,)),
        "nul": ("a\0\nb\0c\n", "b\0", "x", (2,)),
        "all": ("a\nba\nb\na", "a", "x", (1, 2, 4)),
        "all_in_a_line": ("a a a", "a", "b", (1, 1, 1)),
        "all_by_more_lines": ("a\na\na\n", "a\n", "x\ny\n", (1, 3, 5)),
        "all_by_fewer_lines": ("a\nb\na\nb\n", "a\nb\n", "", (1, 1)),
        "all_not_ascii": ("\u00e9\na\n\u00e9a\u00e9\n\na", "a", "\u00fc\n", (2, 4, 7)),
        "all_nul": ("\0\na\0\na", "a", "\n\0", (2, 4)),
    },
    likely="lines are counted in the file as it was, or from 0, or bytes for characters",
    since="1.2",
)
async def edit_tells_lines(case: Case, before: str, old: str, new: str, replaced: tuple[int, ...]) -> None:
    """An edit tells the numbers of the lines where its replacements begin in what is there now: {row}."""
    await case.files.write_file("a", before)
    edited = await case.files.edit_file("a", old, new, replace_all=len(replaced) > 1)
    assert edited.replaced == replaced
    assert edited.content == before.replace(old, new)


_CODE = """\
import math

def area(radius):
    # of a circle
    return math.pi * radius ** 2

def volume(radius, height):
    # of a cylinder
    return area(radius) * height
"""


@table(
    "edits.nearest.{row}",
    "4.4.7",
    rows={
        "misspelt": (_CODE, "return math.pie * radius ** 2", 5),
        "changed_word": (_CODE, "def volume(radius, depth):", 7),
        "several_lines": (_CODE, "def volume(radius, height):\n    # of a barrel\n    return", 7),
        "crlf_elsewhere": (_CODE.replace("\n", "\r\n"), "return area(radius) * heigth", 9),
        "not_ascii": ("eins\nzw\u00f6lf Boxk\u00e4mpfer jagen\ndrei\n", "zw\u00f6lf Boxkampfer jagen", 2),
        "rare_word": (
            "".join(f"line {n} of a text with words\n" for n in range(5000)),
            "line 4321 of the text with some words",
            4322,
        ),
        "far_down": ("line\n" * 20_000 + _CODE, "return math.pi * diameter ** 2", 20_005),
    },
    likely="the first line that has a word in common is told, or it is counted from 0",
    since="1.2",
)
async def edit_tells_nearest(case: Case, text: str, old: str, line: int) -> None:
    """The error of an edit without a match tells three lines at most, the likeliest first: {row}."""
    await case.files.write_file("a", text)
    with refused(EditError) as caught:
        await case.files.edit_file("a", old, "x")
    nearest = caught.error.nearest
    assert nearest[:1] == (line,)
    assert len(set(nearest)) == len(nearest) <= 3
    assert str(line) in str(caught.error)
    assert caught.error.differs is None


@check(
    "edits.nearest_in_changes",
    "4.4.7", "4.4.9",
    likely="an edit among other changes tells less than one by itself",
    since="1.2",
)  # fmt: skip
async def edit_in_changes_tells_nearest(case: Case) -> None:
    """The error of an edit among other changes tells the same, also of a file that one before it wrote."""
    for old, nearest, lines in (("return math.pie * radius", (5,), ()), ("def", (), (3, 7))):
        with refused(EditError) as caught:
            await case.files.apply_changes([Write("a", _CODE), Edit("a", old, "x"), Write("b", "x")])
        assert caught.error.index == 1
        assert (caught.error.nearest[:1], caught.error.lines) == (nearest, lines)
        assert await case.files.read_file("a") is None


@check("edits.nothing_near", "4.4.7", likely="lines are told that share nothing with it", since="1.2")
async def edit_tells_nothing(case: Case) -> None:
    """Where nothing is like it, no line is told."""
    for text in ("", "\n", "one\ntwo\n", "x" * 100_000):
        await case.files.write_file("a", text)
        with refused(EditError) as caught:
            await case.files.edit_file("a", "another thing altogether", "x")
        assert (caught.error.nearest, caught.error.lines, caught.error.differs) == ((), (), None)


@table(
    "edits.differs.{row}",
    "4.4.8",
    rows={
        "lf_for_crlf": ("a\r\nb\r\nc\r\n", "b\nc", "line ends", 2),
        "crlf_for_lf": ("a\nb\nc\n", "b\r\nc\r\n", "line ends", 2),
        "mixed": ("a\nb\r\nc\nd", "a\r\nb\nc", "line ends", 1),
        "far_down": ("x\r\n" * 100_000 + "first\r\nlast", "first\nlast", "line ends", 100_001),
        "indent": (_CODE, "def area(radius):\n  # of a circle", "white space", 3),
        "spaces": (_CODE, "return math.pi*radius**2", "white space", 5),
        "tabs": ("if a:\n\treturn value\n", "    return value", "white space", 2),
        "trailing": ("one value\ntwo values\n", "one value  \ntwo", "white space", 1),
    },
    likely="all white space counts, or it is told although something else differs",
    since="1.2",
)
async def edit_tells_what_differs(case: Case, text: str, old: str, differs: str, line: int) -> None:
    """The error says when only line ends differ, or only white space, and where: {row}."""
    await case.files.write_file("a", text)
    with refused(EditError) as caught:
        await case.files.edit_file("a", old, "x")
    assert (caught.error.differs, caught.error.nearest[0]) == (differs, line)
    assert differs in str(caught.error)


@check(
    "edits.ambiguous_lines",
    "4.4.9",
    likely="lines are told for each of thousands, or overlapping matches are not",
    since="1.2",
)
async def edit_tells_ambiguous_lines(case: Case) -> None:
    """The error of an ambiguous edit tells the lines where the text begins, the first ten at most."""
    await case.files.write_file("a", "x = 1\ny = 2\nx = 1, x = 1\n")
    with refused(EditError) as caught:
        await case.files.edit_file("a", "x = 1", "z")
    assert (caught.error.lines, caught.error.nearest) == ((1, 3), ())
    assert "lines 1 and 3" in str(caught.error)
    await case.files.write_file("a", "\n\naaa")
    with refused(EditError) as caught:
        await case.files.edit_file("a", "aa", "z")
    assert caught.error.lines == (3,)
    await case.files.write_file("a", "same\n" * 5000)
    with refused(EditError) as caught:
        await case.files.edit_file("a", "same", "z")
    assert caught.error.lines == tuple(range(1, 11))
