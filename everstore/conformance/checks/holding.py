"""Searches that take long: the event loop is left to others, and what is asked for is bounded."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.conformance.turns import require_short_turns
from everstore.errors import InvalidArgumentError, InvalidPatternError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from everstore.conformance.case import Case
    from everstore.session import BoundFiles

_HARD = "[ab]*a[ab]{900}c"
_HARD_GLOB = "/**a" + "?" * 600 + "c"


def _letters(count: int, number: int) -> str:
    """Letters among which a hard pattern has hardly the same state twice."""
    return "".join(random.Random(number).choices("ab", k=count))  # noqa: S311 - the same each time


@table(
    "search.leaves_the_loop.{row}",
    "5.4.3",
    rows={
        "one_line": (lambda files: files.grep_files(_HARD, regex=True), 1, 120_000),
        "many_lines": (lambda files: files.grep_files(_HARD, regex=True), 120, 1000),
        "any_case": (lambda files: files.grep_files(_HARD, regex=True, ignore_case=True), 1, 120_000),
    },
    likely="a hard pattern is matched on the event loop",
)
async def leaves_the_loop(
    case: Case, search: Callable[[BoundFiles], Coroutine[Any, Any, object]], lines: int, length: int
) -> None:
    """A pattern that costs much a character is searched for beside the event loop: {row}."""
    await case.files.write_file("a", "\n".join(_letters(length, line) for line in range(lines)))
    assert await require_short_turns("a search", lambda: search(case.files)) == []


@table(
    "search.globs_leave_the_loop.{row}",
    "5.4.3",
    rows={
        "glob": (lambda files: files.glob_files(_HARD_GLOB),),
        "path_pattern": (lambda files: files.grep_files("x", _HARD_GLOB),),
    },
    likely="a hard glob is matched on the event loop",
)
async def globs_leave_the_loop(
    case: Case, search: Callable[[BoundFiles], Coroutine[Any, Any, object]]
) -> None:
    """A glob that costs much a character is matched beside the event loop: {row}."""
    for number in range(10):
        await case.files.write_file("/".join(_letters(250, number * 15 + part) for part in range(15)), "x")
    assert await require_short_turns("a search", lambda: search(case.files)) == []


@table(
    "search.too_large.{row}",
    "5.3.8",
    rows={
        "properties": (r"\pL{100}",),
        "options": ("x{0,1000}" * 50,),
        "optional_letters": ("a?" * 20_000,),
        "long": ("a|" * 100_000,),
        "classes": (r"[^\pL]" * 500,),
    },
    likely="compiling a pattern takes the event loop's time, or its memory",
)
async def too_large(case: Case, pattern: str) -> None:
    """A regular expression that takes long to compile is InvalidPatternError: {row}."""
    await case.files.write_file("a", "a")
    with refused(InvalidPatternError):
        await case.files.grep_files(pattern, regex=True)
    with refused(InvalidPatternError):
        await case.files.grep_files(pattern, regex=True, ignore_case=True)


@check("search.most_context", "5.1.5", likely="a match is answered with the whole file around it")
async def most_context(case: Case) -> None:
    """A match has at most 100 lines before it and after it; who asks for more is told."""
    await case.files.write_file("a", "\n".join(str(number) for number in range(400)))
    [match] = await case.files.grep_files("200", before=100, after=100)
    assert match.before == tuple(str(number) for number in range(100, 200))
    assert match.after == tuple(str(number) for number in range(201, 301))
    for wanted in (101, 10**9, 10**30):
        with refused(InvalidArgumentError):
            await case.files.grep_files("200", before=wanted)
        with refused(InvalidArgumentError):
            await case.files.grep_files("200", after=wanted)
