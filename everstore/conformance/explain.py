"""What a failing assertion saw: what it expected, what it got, and where it stands."""

from __future__ import annotations

import ast
import linecache
import traceback
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from everstore.conformance.assertions import EXPECTED, GOT
from everstore.conformance.case import Mismatch
from everstore.conformance.showing import Apart, apart, shown

if TYPE_CHECKING:
    from collections.abc import Mapping
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
_INSIDE = {ast.In: "with", ast.NotIn: "without"}
_LONGEST = 400
_STATEMENT = 110
_FIELDS = {
    "revision": "this verb leaves the revision as it was, gives one out again, or tells another than is kept",
    "updated_at": "this verb does not move updated_at on, or one moves it that changes nothing there",
    "created_at": "what is there is deleted and created again, or what is new takes over an older time",
    "expires_at": "this verb drops the time to live, or keeps it where it must not, or counts it anew",
    "id": "what is there is deleted and created again, or a copy takes the id along",
}
"""The mistake where it is this field of a record that differs, whatever the check is about."""


class Explained(NamedTuple):
    """What an assertion expected and got, in words, the line of the check, and the mistake that it shows.

    ``likely`` is ``None`` where nothing speaks against what the check itself says of its failures.
    """

    expected: str
    got: str
    where: str
    likely: str | None = None
    field: str | None = None


def explain(error: AssertionError) -> Explained:
    """What the assertion expected and got, and where it stands: ``module.py:line: what was asserted``."""
    frames = [
        (frame, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if "conformance" in PurePath(frame.f_code.co_filename).parts
    ]
    if not frames:
        return Explained("the assertion to hold", str(error), "")
    at, line = next(((frame, line) for frame, line in reversed(frames) if _is_check(frame)), frames[-1])
    where = f"{PurePath(at.f_code.co_filename).name}:{line}"
    if isinstance(error, Mismatch):
        return Explained(error.expected, error.got, where, error.likely or _likely(error.field), error.field)
    frame, line = frames[-1]
    statement = _assert_at(frame.f_code.co_filename, line)
    if statement is None:
        return Explained("the assertion to hold", str(error), where)
    told = _sides(frame, statement, error)
    if frame is at:
        where += f": {_source(statement.test)}"
    return Explained(told.expected, told.got, where, _likely(told.field), told.field)


def _likely(field: str | None) -> str | None:
    return _FIELDS.get(field or "")


def _source(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= _STATEMENT else f"{text[:_STATEMENT]}..."


def _is_check(frame: FrameType) -> bool:
    return "checks" in PurePath(frame.f_code.co_filename).parts


def _sides(frame: FrameType, statement: ast.Assert, error: AssertionError) -> Apart:
    test, kept = statement.test, frame.f_locals
    if GOT not in kept:  # rewritten by pytest, which says it all
        return Apart(ast.unparse(test), str(error))
    reason = f" ({error})" if statement.msg else ""
    if not isinstance(test, ast.Compare) or len(test.ops) > 1:
        return Apart(ast.unparse(test), _names(test, kept) + reason)
    kind, got, expected = type(test.ops[0]), kept[GOT], kept[EXPECTED]
    if kind in _INSIDE and isinstance(expected, str):
        return Apart(f"a text {_INSIDE[kind]} {shown(got)}", shown(expected, _LONGEST) + reason)
    if kind not in {ast.Eq, ast.Is}:
        return Apart(_WORDS[kind] + shown(expected, _LONGEST), shown(got, _LONGEST) + reason)
    told = apart(expected, got)
    return Apart(told.expected, told.got + reason, told.field)


def _names(test: ast.expr, kept: Mapping[str, object]) -> str:
    """What the names in a condition stood for; the value itself where there is nothing else to tell."""
    if isinstance(test, ast.UnaryOp) or not isinstance(test, (ast.Compare, ast.BoolOp)):
        return shown(kept[GOT], _LONGEST)
    told = {}
    for node in ast.walk(test):
        owner = node.value if isinstance(node, ast.Attribute) else node
        if isinstance(owner, ast.Name) and owner.id in kept:
            value = kept[owner.id]
            told[ast.unparse(node)] = getattr(value, node.attr) if isinstance(node, ast.Attribute) else value
    return ", ".join(f"{name}={shown(value)}" for name, value in told.items()) or shown(kept[GOT], _LONGEST)


def _assert_at(filename: str, line: int) -> ast.Assert | None:
    tree = ast.parse("".join(linecache.getlines(filename)))
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return found[-1] if found else None
