"""Which mutants fail at a check in the very way in which a backend has just failed there."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from everstore.conformance.mutants import OPENER, Mutant, all_mutants
from everstore.conformance.registry import by_id
from everstore.conformance.runner import run
from everstore.conformance.subject import Subject

if TYPE_CHECKING:
    from everstore.conformance.registry import Check
    from everstore.conformance.runner import Failure

__all__ = ["alike"]

_VARYING = re.compile(r"'[^']*'|\b[0-9a-f]{8,}\b|\d{5,}")  # names, ids, revisions and times, but no counts
_PATIENCE = 2.0  # seconds that a mutant may take: one that hangs fails otherwise than one that answers
_SLOW = {"chance", "hostile"}  # tags of checks that try much


def alike(check: Check, failure: Failure) -> list[Mutant]:
    """The mutants that die at this check with the same words, but for names and marks.

    They are run for it, on the memory backend, so those are left out that need another one, or much time.
    """
    if {"durable", "shared"} & set(check.needs) or _SLOW & set(check.tags):
        return []
    dying = [mutant for mutant in all_mutants().values() if mutant.dies_at == check.id and not mutant.durable]
    return [mutant for mutant in dying if _cause(failure) == _cause_of(check.id, mutant.name)]


@functools.cache
def _cause_of(check_id: str, mutant: str) -> tuple[str, ...] | None:
    check = by_id(check_id)
    subject = Subject({"backend": "memory", "mutant": mutant}, opener=OPENER)
    [result] = run(subject, [check], capabilities=frozenset(check.needs), seconds=_PATIENCE)
    return _cause(result.failure) if result.failure else None


def _cause(failure: Failure) -> tuple[str, ...]:
    """What two failures of one cause have in common."""
    return failure.kind, _VARYING.sub("", failure.expected), _VARYING.sub("", failure.got)
