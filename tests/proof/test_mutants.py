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


@pytest.mark.parametrize("name", [name for name, mutant in MUTANTS.items() if not mutant.durable])
def test_a_mutant_dies_at_its_check_by_assertion(name):
    assert kills(by_id(MUTANTS[name].dies_at), name, MEMORY)


@pytest.mark.parametrize(
    "check", [check for check in CHECKS if not {"durable", "shared"} & set(CHECKS[check].needs)]
)
def test_every_check_kills_a_mutant_by_assertion(check):
    assert kills(CHECKS[check], MATRIX[check], MEMORY)


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
