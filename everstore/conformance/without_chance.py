"""Which checks ask without chance for what a random one has found.

Nothing is listed by hand: what a check calls is read from its code and from its acts, and what it is about
from its sentences.
"""

from __future__ import annotations

import functools
import sys
from types import CodeType
from typing import TYPE_CHECKING, Any

from everstore.conformance.acts import Act
from everstore.conformance.registry import Check, all_checks
from everstore.interfaces import DurableStorageStore, OpenFileSystem, SessionStore
from everstore.middleware.base import verbs_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["CHANCE", "without_chance"]

CHANCE = "chance"
"""The tag of checks that draw what they do."""

_VERBS = frozenset(
    verb.name
    for interface in (OpenFileSystem, DurableStorageStore, SessionStore)
    for verb in verbs_of(interface, "", "")
)
_SENTENCES = {
    "revision": ("4.1.1", "4.1.2", "4.1.3", "4.5.12", "3.2.4"),
    "updated_at": ("3.2.4", "3.2.6", "3.2.8", "6.1.6", "1.4.3", "4.5.12"),
    "created_at": ("3.2.3", "4.5.7", "4.5.12", "6.1.6"),
    "expires_at": ("6.5.1", "6.5.2", "6.5.3", "6.5.4", "6.5.5", "6.4.4"),
    "id": ("3.2.3", "3.2.5", "4.5.7", "4.5.8"),
    "regex": ("5.4.1",),
    "ignore_case": ("5.1.6",),
    "before": ("5.1.4",),
    "after": ("5.1.4",),
    "limit": ("5.1.4",),
    "path_pattern": ("5.3.2", "5.3.3", "5.3.4", "5.3.5", "5.3.6", "5.3.7"),
    "lines": ("5.2.1", "5.2.2", "5.2.3", "5.1.2"),
}
"""What the contract says of the fields that are not the caller's, and of the options of a search."""
_MOST = 5


def without_chance(
    found: Check, verb: str | None, field: str | None, failed: Collection[str] = ()
) -> tuple[str, ...]:
    """Ids of the checks nearest to what a random check has found, those that ask little else first.

    They call ``verb``, and are about the ``field`` that was wrong, or about what ``found`` is about; of those
    that differ in their row only, one is named. Those that ``failed``, by id, come first.
    """
    about = set(_SENTENCES.get(field or "", found.sentences))
    near = [
        check
        for check in all_checks()
        if CHANCE not in check.tags
        and about & set(check.sentences)
        and (verb is None or verb in _called(check.id))
    ]

    def distance(check: Check) -> tuple[bool, bool, int, int]:
        is_other = ("concurrency" in check.tags) != ("concurrency" in found.tags)
        return check.id not in failed, is_other, len(_called(check.id)), len(set(check.sentences) - about)

    near.sort(key=distance)
    by_function = {check.function: check.id for check in reversed(near)}
    return tuple(list(by_function.values())[: -_MOST - 1 : -1])


@functools.cache
def _calls() -> dict[str, frozenset[str]]:
    return {check.id: frozenset(_VERBS & set(_names_of(check))) for check in all_checks()}


def _called(check_id: str) -> frozenset[str]:
    return _calls()[check_id]


def _names_of(check: Check) -> Iterator[str]:
    yield from _names_in(check.function, 2)
    for argument in check.arguments:
        yield from _names_in(argument, 1)


def _names_in(value: Any, depth: int) -> Iterator[str]:
    """The names that something uses: a function with those it calls in its module, an act, or several."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Act):
        yield value.verb
    elif isinstance(value, dict):
        for each in value.values():
            yield from _names_in(each, depth)
    elif isinstance(value, tuple):
        for each in value:
            yield from _names_in(each, depth)
    elif hasattr(value, "__code__"):
        names = set(_names_in_code(value.__code__))
        yield from names
        module = sys.modules[value.__module__]
        for name in names if depth else ():
            helper = getattr(module, name, None)
            if getattr(helper, "__module__", None) == value.__module__ and hasattr(helper, "__code__"):
                yield from _names_in(helper, depth - 1)


def _names_in_code(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in_code(constant)
        elif isinstance(constant, str):
            yield constant
