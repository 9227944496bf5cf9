"""What a failing assertion saw: the two sides of its comparison, evaluated once more.

Under pytest, rewritten assertions show their diffs by themselves. A run from the command line has no
pytest around it, so here the statement is found by its line and its sides are evaluated in the
frame that failed. Checks never await inside an ``assert``, so that doing it twice is harmless.
"""

from __future__ import annotations

import ast
import linecache
import traceback
from typing import TYPE_CHECKING

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
    """What the assertion expected, what it got, and where it stands (``module.py:line``)."""
    expected, got = getattr(error, "expected", None), getattr(error, "got", None)
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if "conformance" in frame.f_code.co_filename
    ]
    if not frames:
        return str(expected or "the assertion to hold"), str(got or error), "unknown"
    frame, line = frames[-1]
    outer, outer_line = next(
        ((f, n) for f, n in reversed(frames) if "checks" in f.f_code.co_filename), frames[-1]
    )
    where = f"{outer.f_code.co_filename.rpartition('/')[2]}:{outer_line}"
    if expected is not None and got is not None:
        return expected, got, where
    return *_sides(frame, line, error), where


def _sides(frame: FrameType, line: int, error: AssertionError) -> tuple[str, str]:
    statement = _assert_at(frame.f_code.co_filename, line)
    if statement is None:
        return "the assertion to hold", str(error)
    test = statement.test
    try:
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            got, expected = _value(test.left, frame), _value(test.comparators[0], frame)
            return _WORDS[type(test.ops[0])] + _near(expected, got), _near(got, expected)
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return f"not {ast.unparse(test.operand)}", shown(_value(test.operand, frame), _LONGEST)
        return ast.unparse(test), shown(_value(test, frame), _LONGEST)
    except Exception:  # noqa: BLE001 - an explanation must not hide the failure it explains
        return ast.unparse(test), str(error) or "it did not hold"


def _assert_at(filename: str, line: int) -> ast.Assert | None:
    tree = ast.parse("".join(linecache.getlines(filename)))
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return found[-1] if found else None


def _value(node: ast.expr, frame: FrameType) -> object:
    code = compile(ast.Expression(node), "<assertion>", "eval")
    value: object = eval(code, frame.f_globals, dict(frame.f_locals))  # noqa: S307 - the suite's own source
    return value


def _near(value: object, other: object) -> str:
    """The value as one line; of a long one the part where it first differs from the other."""
    text, against = repr(value), repr(other)
    if len(text) <= _LONGEST:
        return text
    first = next(
        (i for i, (a, b) in enumerate(zip(text, against, strict=False)) if a != b),
        min(len(text), len(against)),
    )
    start = max(0, first - 60)
    return f"{'...' if start else ''}{text[start : start + _LONGEST - 80]}... ({len(text)} characters)"
