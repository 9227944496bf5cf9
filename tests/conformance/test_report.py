"""The report of a run, and the page and the badge that are made of its JSON alone."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from msgspec import structs

from everstore.conformance import (
    Report,
    Result,
    Subject,
    all_checks,
    badge_of,
    by_id,
    markdown_of,
    report_of,
    run,
)
from everstore.conformance.mutants import OPENER, all_mutants
from everstore.conformance.runner import Failure

CHECKS = [check for check in all_checks() if check.level == "core"]
FAILURE = Failure("assertion", ("write_file('a|b', '`x`') -> None",), "'a\n'", "<b>'a'</b>", "files.py:10")


def a_report(memory, results=None, checks=CHECKS, asked="core", seed=7):
    results = results or [Result(check.id, "passed", 0.25) for check in checks]
    return report_of(
        memory,
        checks,
        results,
        asked=asked,
        seed=seed,
        seconds=0.25 * len(results),
        capabilities={"time_to_live"},
        plugins={"memory": "everstore 9"},
    )


def with_one(outcome, **facts):
    first, *others = CHECKS
    return [Result(first.id, outcome, 0.5, **facts), *(Result(check.id, "passed", 0.25) for check in others)]


def test_a_report_says_what_ran_on_what(memory):
    report = json.loads(a_report(memory).to_json())
    known = {
        "backend": "memory",
        "contract": "1.3",
        "seed": 7,
        "capabilities": ["time_to_live"],
        "level": "core",
    }
    assert {name: report[name] for name in known} == known
    assert report["plugins"] == {"memory": "everstore 9"}
    assert report["counts"] == {"passed": len(CHECKS)}
    assert all(report[name] for name in ("suite", "python", "platform", "finished_at"))
    assert len(report["checks"]) == len(CHECKS)


def test_a_report_comes_back_from_its_json(memory):
    report = a_report(memory, with_one("failed", failure=FAILURE))
    assert Report.from_json(report.to_json()) == report


def test_the_level_asked_for_is_reached_by_itself_and_by_a_higher_one(memory):
    assert a_report(memory).is_reached
    everything = [check for check in all_checks() if check.level != "durable"]
    higher = a_report(memory, checks=everything)
    assert (higher.level, higher.is_reached, higher.missing) == ("standard", True, None)


@pytest.mark.parametrize("outcome", ["failed", "known failure", "unexpected pass"])
def test_a_check_that_did_not_pass_keeps_the_level_away(memory, outcome):
    report = a_report(memory, with_one(outcome, failure=FAILURE, reason="why"))
    assert (report.level, report.is_reached) == (None, False)
    assert report.missing == "1 of the checks of level 'core' did not pass"


def test_a_level_that_was_not_asked_for_is_not_reached_by_the_one_below(memory):
    everything = [check for check in all_checks() if check.level != "durable"]
    results = [Result(c.id, "passed" if c.level == "core" else "failed", 0.1) for c in everything]
    report = a_report(memory, results, everything, asked="standard")
    assert (report.level, report.is_reached) == ("core", False)
    assert "of the checks of level 'standard' did not pass" in report.missing


def test_too_few_checks_that_apply_reach_no_level(memory):
    results = [Result(check.id, "not applicable", 0.0) for check in CHECKS]
    report = a_report(memory, results)
    assert report.level is None
    assert report.missing.startswith("level 'core' takes ")


def test_a_selection_reaches_no_level(memory):
    report = a_report(memory, checks=CHECKS[:-1])
    assert (report.level, report.complete, report.is_reached) == (None, False, False)
    assert report.missing == "a selection of checks reaches no level"


def test_the_page_shows_the_level_the_counts_and_every_failure(memory):
    failed = with_one("failed", failure=FAILURE)
    page = markdown_of(a_report(memory, failed).to_json())
    assert "Level reached: **none**: 1 of the checks of level 'core' did not pass." in page
    assert f"## `{CHECKS[0].id}`: failed" in page
    assert "- did: `write_file('a|b', ''x'') -> None`" in page
    assert "- expected: `'a '`" in page
    assert f"- replay: `everstore conformance memory --seed 7 -k {CHECKS[0].id}`" in page
    assert "| core | search | " in page
    assert markdown_of(a_report(memory).to_json()).count("##") == 0


def test_a_known_failure_shows_its_reason(memory):
    page = markdown_of(a_report(memory, with_one("known failure", failure=FAILURE, reason="a | b")).to_json())
    assert "- reason: a \\| b" in page


def test_the_badge_shows_the_level(memory):
    badges = [badge_of(a_report(memory, results).to_json()) for results in (None, with_one("failed"))]
    for badge, word in zip(badges, ("core", "none"), strict=True):
        root = ET.fromstring(badge)
        assert root.get("aria-label") == f"everstore conformance: {word}"
        assert [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")] == [
            "everstore conformance",
            word,
        ]


def test_every_check_has_the_command_that_runs_it_again(memory):
    check = by_id("files.text.crlf")
    report = a_report(memory, [Result(check.id, "passed", 0.1)], [check])
    assert report.checks[0].replay == "everstore conformance memory --seed 7 -k files.text.crlf"


def test_a_failure_names_the_mutants_that_fail_there_in_the_same_way(memory):
    mutant = all_mutants()["truncates_at_64_kib"]
    check = by_id(mutant.dies_at)
    subject = Subject({"backend": "memory", "mutant": mutant.name}, opener=OPENER)
    report = a_report(memory, run(subject, [check]), [check])
    assert report.checks[0].alike == (f"{mutant.mistake} (mutant {mutant.name})",)
    assert f"- fails alike: {mutant.mistake}" in markdown_of(report.to_json())
    for other in (Result(check.id, "failed", 0.1, FAILURE), Result(check.id, "passed", 0.1)):
        assert a_report(memory, [other], [check]).checks[0].alike == ()


def test_what_a_failure_itself_says_is_likely_wins(memory):
    check = by_id("files.text.crlf")
    failure = structs.replace(FAILURE, likely="another mistake")
    report = a_report(memory, [Result(check.id, "failed", 0.1, failure)], [check])
    assert report.checks[0].likely == "another mistake"


def test_what_chance_found_names_checks_that_ask_for_it_and_what_became_of_them(memory):
    checks = [by_id("machine.files"), by_id("revisions.idle.file_system")]
    failure = structs.replace(FAILURE, verb="append_file", field="revision")
    results = [Result(check.id, "failed", 0.1, failure) for check in checks]
    report = a_report(memory, results, checks)
    assert "revisions.idle.file_system (failed)" in report.checks[0].without_chance
    assert report.checks[1].without_chance == ()
    assert "- without chance: `" in markdown_of(report.to_json())
