"""Compiling RE2 expressions, none of which may cost much before it has matched anything (contract §5.4).

Compiling holds the interpreter's lock, so no thread helps: what would take long is refused.
"""

from __future__ import annotations

import re
from typing import Any

from everstore.errors import InvalidPatternError
from everstore.loading import loading

__all__ = ["LONGEST", "checked", "compile_re2", "too_large"]

LONGEST = 1 << 16
"""The most characters of an expression."""
_MOST_OPTIONAL = 2000  # times that something may be left out: compiling takes the square of it
_MOST_PROPERTIES = 32  # classes such as \pL, of several hundred ranges each
_SURELY_SMALL = 1 << 8  # bytes: without repetitions and properties that is no large program
_TRIAL_MEMORY = 1 << 18  # bytes: 20,000 instructions, which are compiled within some milliseconds

_PROPERTY = re.compile(r"\\[pP]")
_OPTIONAL = re.compile(r"(?<!\()\?|\{(\d*),(\d+)\}")


def checked(pattern: str) -> str:
    """The pattern; ``InvalidPatternError`` when it is no text that UTF-8 can hold."""
    if not isinstance(pattern, str):
        raise InvalidPatternError(
            f"a pattern is text (str), not {type(pattern).__name__}", pattern=str(pattern)
        )
    if not pattern.isascii():
        try:
            pattern.encode()
        except UnicodeEncodeError:
            raise InvalidPatternError("the pattern holds a lone surrogate", pattern=pattern) from None
    return pattern


def compile_re2(
    expression: str,
    *,
    pattern: str,
    literal: bool = False,
    ignore_case: bool = False,
    never_newline: bool = False,
    dot_matches_newline: bool = False,
) -> Any:
    """An RE2 program; ``InvalidPatternError``, which shows ``pattern``, when it is wrong or too large."""
    with loading:
        import re2  # noqa: PLC0415 - 7 ms that only a search needs

    properties = 0 if literal else len(_PROPERTY.findall(expression))
    if len(expression) > LONGEST or properties > _MOST_PROPERTIES:
        raise too_large(pattern)
    if not literal and _times_optional(expression) > _MOST_OPTIONAL:
        raise too_large(pattern)
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True  # matching then keeps one position, not one a group
    options.literal = literal
    options.case_sensitive = not ignore_case
    options.never_nl = never_newline
    options.dot_nl = dot_matches_newline
    memory = options.max_mem
    encoded = expression.encode()
    try:
        if properties or len(encoded) > _SURELY_SMALL or "{" in expression:
            options.max_mem = _TRIAL_MEMORY
            re2.compile(encoded, options)
            options.max_mem = memory  # which matching uses, too, and the more the faster
        return re2.compile(encoded, options)
    except re2.error as error:
        told = error.args[0]
        reason = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
        if reason.startswith("pattern too large"):
            raise too_large(pattern) from None
        raise InvalidPatternError(
            f"not a regular expression in RE2 syntax: {reason}", pattern=pattern
        ) from None


def _times_optional(expression: str) -> int:
    """How often something in it may be left out."""
    optional = 0
    for found in _OPTIONAL.finditer(expression):
        least, most = found.groups(default="0")
        optional += 1 if found[0] == "?" else int(most[:5]) - int(least[:5] or 0)
    return optional


def too_large(pattern: str) -> InvalidPatternError:
    """The refusal of a pattern of which there would be too much to compile."""
    return InvalidPatternError(
        "the pattern is too large: repeat fewer things, or search for a part of it", pattern=pattern
    )
