"""What a failing assertion saw: what it expected, what it got, and where it stands."""

from __future__ import annotations

import ast
import linecache
import traceback
from pathlib import PurePath
from typing import TYPE_CHECKING

from everstore.conformance.assertions import EXPECTED, GOT
from everstore.conformance.case import Mismatch
from everstore.conformance.trace import shown

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["explain"]

_WORDS = {
    ast.Eq: "",
    ast.NotEq: "something other than ",
    ast.Is: "",
    ast.IsNot: "something other than ",
    ast.In: "one of ",
    ast.NotIn: "none of ",
    ast.Lt: "less than ",
    ast.LtE: "at most ",
    ast.Gt: "more than ",
    ast.GtE: "at least ",
}
_LONGEST = 400


def explain(error: AssertionError) -> tuple[str, str, str]:
    """What the assertion expected, what it got, and the line of the check (``module.py:line``)."""
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if "conformance" in PurePath(frame.f_code.co_filename).parts
    ]
    if not frames:
        return "the assertion to hold", str(error), ""
    at, line = next(((frame, line) for frame, line in reversed(frames) if _is_check(frame)), frames[-1])
    where = f"{PurePath(at.f_code.co_filename).name}:{line}"
    if isinstance(error, Mismatch):
        return error.expected, error.got, where
    return *_sides(*frames[-1], error), where


def _is_check(frame: FrameType) -> bool:
    return "checks" in PurePath(frame.f_code.co_filename).parts


def _sides(frame: FrameType, line: int, error: AssertionError) -> tuple[str, str]:
    statement = _assert_at(frame.f_code.co_filename, line)
    kept = frame.f_locals
    if statement is None or GOT not in kept:  # raised by hand, or rewritten by pytest, which says it all
        return ast.unparse(statement.test) if statement else "the assertion to hold", str(error)
    reason = f" ({error})" if statement.msg else ""
    if isinstance(statement.test, ast.Compare) and len(statement.test.ops) == 1:
        got, expected = kept[GOT], kept[EXPECTED]
        return _WORDS[type(statement.test.ops[0])] + _near(expected, got), _near(got, expected) + reason
    return ast.unparse(statement.test), shown(kept[GOT], _LONGEST) + reason


def _assert_at(filename: str, line: int) -> ast.Assert | None:
    tree = ast.parse("".join(linecache.getlines(filename)))
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return found[-1] if found else None


def _near(value: object, other: object) -> str:
    """The value as one line; of a long one the part where it first differs from the other."""
    text, against = repr(value), repr(other)
    if len(text) <= _LONGEST:
        return text
    pairs = enumerate(zip(text, against, strict=False))
    first = next((at for at, (one, two) in pairs if one != two), min(len(text), len(against)))
    start = max(0, first - 60)
    return f"{'...' if start else ''}{text[start : start + _LONGEST - 80]}... ({len(text)} characters)"
