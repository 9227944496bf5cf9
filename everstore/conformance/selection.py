"""Which checks an expression selects: words with ``and``, ``or``, ``not`` and parentheses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from everstore.conformance.registry import Check, all_checks
from everstore.errors import InvalidPatternError

if TYPE_CHECKING:
    from collections.abc import Callable

    Selects = Callable[[Check], bool]

__all__ = ["selected"]

_TOKEN = re.compile(r"\s*([()]|[^\s()]+)")


def selected(expression: str) -> Selects:
    """What the expression selects; ``InvalidPatternError`` when it is none.

    A word selects the check whose id it is; else those whose id it is part of, and those of that
    level or tag: ``search and not hostile``, ``files.text.crlf``.
    """
    parser = _Parser(expression)
    selects = parser.alternatives()
    if parser.next is not None:
        raise parser.wrong()
    return selects


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = _TOKEN.findall(expression)[::-1]
        self._ids = {check.id for check in all_checks()}

    @property
    def next(self) -> str | None:
        return self._tokens[-1] if self._tokens else None

    def wrong(self) -> InvalidPatternError:
        at = f"at {self.next!r}" if self.next else "at its end"
        message = (
            f"not a selection: {self._expression!r}, {at}; write words with and, or, not and parentheses"
        )
        return InvalidPatternError(message, pattern=self._expression)

    def alternatives(self) -> Selects:
        found = [self._all_of()]
        while self._take("or"):
            found.append(self._all_of())
        return lambda check: any(selects(check) for selects in found)

    def _all_of(self) -> Selects:
        found = [self._one()]
        while self._take("and"):
            found.append(self._one())
        return lambda check: all(selects(check) for selects in found)

    def _one(self) -> Selects:
        if self._take("not"):
            inner = self._one()
            return lambda check: not inner(check)
        if self._take("("):
            inner = self.alternatives()
            if not self._take(")"):
                raise self.wrong()
            return inner
        if self.next is None or self.next in {"and", "or", ")"}:
            raise self.wrong()
        return self._word(self._tokens.pop())

    def _word(self, word: str) -> Selects:
        if word in self._ids:
            return lambda check: check.id == word
        return lambda check: word in check.id or word == check.level or word in check.tags

    def _take(self, token: str) -> bool:
        if self.next != token:
            return False
        self._tokens.pop()
        return True
