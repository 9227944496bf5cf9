"""The suite is proven by mutants: each dies where it must, and every check kills one."""

from __future__ import annotations

from pathlib import Path

import pytest

from everstore.conformance import Subject, all_checks, by_id, run
from everstore.conformance.mutants import OPENER, all_mutants
from everstore.conformance.mutants.matrix import kills, read_matrix
from everstore.conformance.runner import declared, level_of

MEMORY = {"backend": "memory"}
MUTANTS = all_mutants()
CHECKS = {check.id: check for check in all_checks()}
MATRIX = read_matrix((Path(__file__).parents[2] / "docs" / "kill-matrix.md").read_text())
OFFERED = declared(Subject(MEMORY))


PAIRS = dict.fromkeys(
    [
        *((mutant.dies_at, name) for name, mutant in MUTANTS.items() if not mutant.durable),
        *(pair for pair in MATRIX.items() if not {"durable", "shared"} & set(by_id(pair[0]).needs)),
    ]
)
"""Every mutant with the check it must die at, and every check with a mutant it must kill; each pair once."""


@pytest.mark.parametrize(("check", "mutant"), PAIRS)
def test_a_mutant_dies_at_a_check_by_assertion(check, mutant):
    assert kills(by_id(check), mutant, MEMORY)


def test_the_matrix_has_every_check():
    assert list(MATRIX) == list(CHECKS), "python -m everstore.conformance.mutants.matrix docs/kill-matrix.md"


def test_there_are_enough_mutants_for_the_families():
    families = {mutant.dies_at.partition(".")[0] for mutant in MUTANTS.values()}
    assert len(MUTANTS) >= 50
    assert families >= {check.family for check in CHECKS.values()} - {"confusable", "machine"}


@pytest.mark.parametrize("name", ["implements_nothing", "supports_nothing"])
def test_a_backend_that_does_nothing_reaches_no_level(name):
    subject = Subject({**MEMORY, "mutant": name}, opener=OPENER)
    core = [check for check in CHECKS.values() if check.level == "core"]
    results = run(subject, core[::10], capabilities=OFFERED)
    assert any(result.outcome == "failed" for result in results)
    assert level_of(results, core) is None
