"""What a refused edit tells of lines costs what it tells, whatever the text."""

from __future__ import annotations

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
