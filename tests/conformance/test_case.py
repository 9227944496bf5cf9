"""What a check works with."""

from __future__ import annotations

import structlog

from everstore.conformance import all_checks, by_id, run
from everstore.conformance.case import logged
from everstore.conformance.showing import shown


def result(subject, function, a_check):
    [found] = run(subject, [a_check(function)])
    return found


def test_untouched_finds_any_change(memory, a_check):
    async def writes(case):
        async with case.untouched():
            await case.storage.set_value("k", "x")

    async def looks(case):
        async with case.untouched():
            await case.files.read_file("a")
            await case.session().files.write_file("a", "x")

    assert "a refused call changed something" in result(memory, writes, a_check).failure.got
    assert result(memory, looks, a_check).outcome == "passed"


def test_a_missing_file_is_told_by_its_path(memory, a_check):
    async def reads(case):
        await case.read("a/b")

    assert "'a/b' is missing" in result(memory, reads, a_check).failure.got


def test_paths_are_those_that_listings_lead_to(memory, a_check):
    found = []

    async def lists(case):
        await case.files.write_file("b/c/d", "x")
        await case.files.write_file("a", "x")
        found.extend(await case.paths())

    assert result(memory, lists, a_check).outcome == "passed"
    assert found == ["/a", "/b/", "/b/c/", "/b/c/d"]


def test_logged_leaves_the_hosts_configuration_as_it_was():
    with logged() as events:
        structlog.get_logger().debug("one")
    assert [event["event"] for event in events] == ["one"]
    assert not structlog.is_configured()
    processors = [structlog.processors.JSONRenderer()]
    structlog.configure(processors=processors)
    with logged() as events:
        structlog.get_logger().debug("two")
    assert [event["event"] for event in events] == ["two"]
    assert structlog.get_config()["processors"] == processors


def test_what_is_shown_is_one_short_line():
    assert shown("x") == "'x'"
    assert shown("x" * 100) == f"'{'x' * 40}'... (100 characters)"
    assert shown([1, 2, 3]) == "[1, 2, 3]"
    assert shown(list(range(9))) == "[0, ... 9 items]"
    assert shown(tuple(range(99))) == "(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1... 94, 95, 96, 97, 98)"


def test_a_check_is_found_by_its_id():
    assert by_id("files.text.crlf") in all_checks()
