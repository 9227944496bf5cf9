"""The checks of the conformance suite that take minutes, once: on memory and on SQLite."""

from __future__ import annotations

import pytest

from everstore.conformance import Subject, all_checks
from everstore.conformance.runner import execute

CHECKS = {check.id: check for check in all_checks() if "large" in check.needs}


@pytest.mark.parametrize("backend", ["memory", "sqlite"])
@pytest.mark.parametrize("name", CHECKS)
def test_much(backend, name, tmp_path):
    settings = {"sqlite_path": str(tmp_path / "everstore.db")} if backend == "sqlite" else {}
    execute(Subject({"backend": backend, **settings}), CHECKS[name], seed=0)
