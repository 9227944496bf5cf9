"""The checks of the conformance suite that take minutes, once: on memory and on SQLite."""

from __future__ import annotations

import pytest

from everstore.conformance import Subject, all_checks
from everstore.conformance.runner import execute

CHECKS = {check.id: check for check in all_checks() if "large" in check.needs}


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("name", CHECKS)
def test_much(kind, name, tmp_path):
    settings = {"sqlite_path": str(tmp_path / "everstore.db")} if kind == "sqlite" else {}
    execute(Subject({"backend": kind, **settings}), CHECKS[name], seed=0)
