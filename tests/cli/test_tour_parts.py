"""The parts of the tour that a whole one does not reach."""

from __future__ import annotations

import asyncio

import pytest

from everstore.cli.tour.guide import Outcome, Step, difference, lines_of, listed
from everstore.cli.tour.scene import numbered_lines
from everstore.cli.tour.steps import REMOVAL, STEPS
from everstore.cli.tour.timing import Timings
from everstore.middleware.base import Verb


async def act(files, path, count, long, line):
    """Not shown."""
    found = await files.read_file(path)
    line = found and [name.upper() for name in long]
    for _ in range(count):
        await files.append_file(path, line)
    return found


def test_the_lines_shown_are_the_body_with_values_for_parameters():
    values = {"path": "/a 'b'", "count": 3, "long": "x" * 100, "line": "never", "found": "never"}
    assert lines_of(act, values) == [
        "found = await files.read_file(\"/a 'b'\")",
        "line = found and [name.upper() for name in long]",
        "for _ in range(3):",
        "    await files.append_file(\"/a 'b'\", line)",
        "found",
    ]


@pytest.mark.parametrize("step", [*STEPS, REMOVAL], ids=lambda step: step.title)
def test_every_shown_line_but_the_last_is_python_that_runs_as_it_stands(step):
    for line in lines_of(step.act, {}):
        compile(line, "<shown>", "exec", flags=0x2000)  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([], "0 names"),
        (["a"], "1 name: a"),
        (["a", "b"], "2 names: a, b"),
        ([("/a.py", 3, "x = 1")], "1 name: /a.py:3:x = 1"),
        (
            [f"name-{number}" for number in range(2000)],
            "2,000 names: name-0, name-1, name-2, name-3, name-4, name-5, ...",
        ),
        (["x" * 200, "y"], f"2 names: {'x' * 57}..., ..."),
        (["a\x00b"], "1 name: a\\x00b"),
    ],
)
def test_a_list_is_told_with_as_many_as_a_line_takes(answer, words):
    assert listed("name", answer) == words


def test_what_is_told_of_an_answer_is_a_line_at_most():
    step = Step("Title", _steps, lambda _: None, lambda answer: f"{answer!r}")
    assert step.words(Outcome("x" * 200, "", 1)) == "'" + "x" * 96 + "..."
    assert step.words(Outcome(ValueError, "it is wrong", 1)) == "refused: it is wrong"


async def _steps():
    pass


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (1, 2, "the answer is 1, but must be 2"),
        ([1], [1, 2], "1 in number, but there must be 2"),
        ([1, 3], [1, 2], "entry 1 is 3, but must be 2"),
        ({"a": 1}, {"a": 1, "b": 2}, "'b' is None, but must be 2"),
        (None, [1], "the answer is None, but must be [1]"),
        ("written", KeyError, "should have been refused with KeyError, but answered 'written'"),
    ],
)
def test_a_wrong_answer_is_told_with_what_it_must_be(answer, expected, words):
    assert difference(answer, expected) == words


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("\n", [""]),
        ("a", ["a"]),
        ("a\r", ["a\r"]),
        ("a\r\nb\n\n", ["a", "b", ""]),
        ("a\u2028b\x0cc\n", ["a\u2028b\x0cc"]),
    ],
)
def test_local_lines_are_those_of_the_contract(text, lines):
    assert list(numbered_lines(text)) == list(enumerate(lines, 1))


def test_percentiles_are_measured_times():
    timings = Timings()
    ticks = iter(range(1000))

    async def call():
        next(ticks)

    timed = timings.wrap(Verb("read_file", "file_system", "memory", ()), call)
    timings.wrap(Verb("never_called", "file_system", "memory", ()), call)

    async def measure():
        for _ in range(100):
            await timed()

    asyncio.run(measure())
    [row] = timings.table()
    assert (row.verb, row.count, next(ticks)) == ("read_file", 100, 100)
    assert 0 < row.p50_ns <= row.p99_ns


def test_percentiles_are_the_nearest_rank():
    timings = Timings()
    timings._times["a"] = list(range(100, 0, -1))
    timings._times["b"] = [7]
    assert [(row.verb, row.p50_ns, row.p99_ns) for row in timings.table()] == [("a", 50, 99), ("b", 7, 7)]
