"""What a random check has found leads to checks that ask for it without chance."""

from __future__ import annotations

import pytest

from everstore.conformance import all_checks, by_id
from everstore.conformance.without_chance import CHANCE, without_chance


@pytest.mark.parametrize(
    ("found", "verb", "field", "near"),
    [
        ("machine.files", "append_file", "revision", "revisions.idle.file_system"),
        ("machine.files", "copy_file", "id", "transfers.copy.own_id"),
        ("machine.values", "set_secret", "expires_at", "values."),
        ("machine.records", "update_session_title", "updated_at", "sessions.record.title"),
        ("search.at_random", "grep_files", "ignore_case", "search.ignore_case."),
        ("histories.tasks.value", "increment_value", None, "concurrency.counter"),
    ],
)
def test_a_verb_and_a_field_lead_to_the_checks_that_are_about_them(found, verb, field, near):
    ids = without_chance(by_id(found), verb, field)
    assert [each for each in ids if each.startswith(near)]
    assert len(ids) <= 5


def test_every_random_check_has_some_near_it_none_of_which_is_random():
    for check in all_checks():
        if CHANCE in check.tags:
            ids = without_chance(check, None, None)
            assert ids
            assert all(CHANCE not in by_id(each).tags for each in ids)
