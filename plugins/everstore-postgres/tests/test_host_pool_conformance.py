"""The conformance suite on a pool of the host's own: a part of it, for the verbs are those of any pool."""

from __future__ import annotations

from uuid import uuid4

from on_host_pool import OPENER

from everstore.conformance import Subject, all_checks, run

FAMILIES = {"clock", "contexts", "failures", "telling", "transfers"}


def test_a_part_of_the_conformance_suite(url):
    settings = {"backend": "postgres", "postgres_url": url, "postgres_schema_name": f"host_{uuid4().hex}"}
    checks = [check for check in all_checks() if check.level == "core" and check.family in FAMILIES]
    results = run(Subject(settings, opener=OPENER), checks)
    assert {result.check: result.failure for result in results if result.outcome == "failed"} == {}
    assert sum(result.outcome == "passed" for result in results) > 50
