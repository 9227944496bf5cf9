"""What a refused edit tells of lines costs what it tells, whatever the text."""

from __future__ import annotations

import pytest

from everstore.errors import EditError
from everstore.nearest import explain


class Searched(str):
    """A text that counts how often it is searched."""

    __slots__ = ("searches",)

    def find(self, *args):
        self.searches = getattr(self, "searches", 0) + 1
        return super().find(*args)


async def test_what_is_often_in_a_line_is_looked_for_once_in_it():
    text = Searched("b\n" + "a" * 100_000 + "\nb\na\n")
    error = EditError.unless_once("/f", 100_001, text)
    await explain(error, "a")
    assert error.lines == (2, 4)
    assert text.searches < 10


async def test_what_begins_with_a_line_end_begins_in_the_line_that_it_ends():
    error = EditError.unless_once("/f", 3, "a\n\na\n\n\nb")
    await explain(error, "\n\n")
    assert error.lines == (1, 3, 4)


TIMES = "alpha          beta       gamma      delts"


@pytest.mark.parametrize(
    ("text", "old", "line"),
    [
        ("a\nx = 1\n", "x=1", 2),
        ("a  b\n", "a b", 1),
        ("x\n  a\n", "x\na", 1),
        ("maximal = 1\nal = 1\n", "al=1", 2),  # not in the midst of a word
        (f"alpha beta gamma delta\n{TIMES}\n", "alpha beta gamma delts", 2),  # the first line is likelier
        ("-" * 70_000 + "\n" + "x\n" * 70_000 + "(y, z)", "(y,z)", 70_002),
    ],
)
async def test_it_is_told_when_only_white_space_differs(text, old, line):
    error = EditError.unless_once("/f", 0, text)
    await explain(error, old)
    assert (error.differs, error.nearest[0]) == ("white space", line)
    assert f"only its white space differs at line {line}" in str(error)


@pytest.mark.parametrize(
    ("text", "old", "nearest"),
    [("a\nx = 1\n", "x = 2", (2,)), ("a\n  x = 1\n  y = 2\n", "  x = 1\n  y = 3", (2,)), ("axb", "x y", ())],
)
async def test_short_names_have_nearest_lines_too(text, old, nearest):
    error = EditError.unless_once("/f", 0, text)
    await explain(error, old)
    assert (error.differs, error.nearest) == (None, nearest)
