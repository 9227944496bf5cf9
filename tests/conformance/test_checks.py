"""The suite as a whole: enough checks, each with its id, its sentences and its place."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from pathlib import Path

import pytest

from everstore import Capabilities, DurableStorageStore, SessionFileSystem, SessionStore
from everstore.conformance import CONTRACT_VERSION, LEVELS, all_checks, check, checks, table
from everstore.conformance.acts import ACTS, NO_ACTS
from everstore.conformance.registry import ON_REQUEST, OWN_FILES, PRODUCTS, TABLES
from everstore.conformance.runner import least
from everstore.middleware.base import verbs_of

MODULES = sorted(Path(checks.__file__).parent.glob("*.py"))


def test_there_are_enough_checks():
    tagged = [check for check in all_checks() if check.tags]
    assert len(all_checks()) >= 200
    assert len(tagged) >= 40


def test_every_id_is_words_with_dots_and_the_family_first():
    ids = [check.id for check in all_checks()]
    assert [one for one in ids if not re.fullmatch(r"[a-z_]+(\.[a-z0-9_]+)+", one)] == []
    assert len(set(ids)) == len(ids)


def test_every_check_names_sentences_of_the_contract(generate_page):
    known = generate_page.sentences()
    unknown = [
        (check.id, number) for check in all_checks() for number in check.sentences if number not in known
    ]
    assert unknown == []
    assert [check.id for check in all_checks() if not check.sentences] == []


def test_every_verb_has_an_act_or_a_reason_why_not():
    verbs = {
        verb.name
        for interface in (SessionFileSystem, DurableStorageStore, SessionStore)
        for verb in verbs_of(interface, "", "")
    }
    acts = {act.verb for act in ACTS.values()}
    assert verbs == acts | NO_ACTS.keys()
    assert acts & NO_ACTS.keys() == set()


def test_every_cell_of_the_products_is_a_check_or_has_a_reason():
    known = {check.id for check in all_checks()}
    assert PRODUCTS
    for product in PRODUCTS:
        assert product.cells.keys() | product.empty.keys() == TABLES[product.table].keys()
        assert set(product.cells.values()) <= known
        assert all(product.empty.values())


def test_every_sentence_of_the_contract_has_a_check(generate_page):
    proven = {number for check in all_checks() for number in check.sentences}
    assert generate_page.sentences().keys() - proven == generate_page.PROVEN_BY_BACKENDS.keys()


def test_what_backends_prove_by_themselves_is_proven_where_the_page_says(generate_page):
    plugins = generate_page.ROOT / "plugins"
    for reason in generate_page.PROVEN_BY_BACKENDS.values():
        named = re.findall(r"`(test_\w+\.py)` of (everstore-\w+(?:, everstore-\w+)*)", reason)
        assert named
        for module, owners in named:
            for plugin in owners.split(", "):
                assert (plugins / plugin / "tests" / module).is_file()


def test_the_page_of_sentences_and_checks_is_up_to_date(generate_page):
    assert generate_page.PAGE.read_text() == generate_page.page(), (
        "run: python tests/conformance/generate_page.py"
    )


def test_every_sentence_of_the_contract_is_numbered_once_and_in_order(generate_page):
    numbers = re.findall(r"^- \*\*([0-9.]+)\*\*", generate_page.CONTRACT.read_text(), re.MULTILINE)
    keys = [[int(part) for part in number.split(".")] for number in numbers]
    assert keys == sorted(keys)
    assert len(set(numbers)) == len(numbers) == len(generate_page.sentences())


def test_the_suite_names_the_version_of_the_contract_it_proves(generate_page):
    assert f"Version {CONTRACT_VERSION}." in generate_page.CONTRACT.read_text()
    assert {check.since for check in all_checks()} == {"1.0", "1.1", "1.2", CONTRACT_VERSION}


def test_every_check_says_what_it_promises_and_what_is_likely_wrong():
    assert [check.id for check in all_checks() if not check.promise[:1].isalpha()] == []
    assert [check.id for check in all_checks() if re.search(r"\{row\}", check.promise)] == []
    assert [check.id for check in all_checks() if len(check.likely) < 10] == []


def test_every_check_has_a_level_and_checks_of_many_callers_or_of_malice_are_not_core():
    assert {check.level for check in all_checks()} == set(LEVELS)
    assert [check.id for check in all_checks() if {*check.tags} - {"chance"} and check.level == "core"] == []


@pytest.mark.parametrize(
    "declared", [(), ("time_to_live",), ("time_to_live", "max_file_bytes", "max_value_bytes")]
)
def test_core_and_standard_can_be_reached_whatever_is_declared_and_take_most_of_their_checks(declared):
    counts = Counter(check.level for check in all_checks() if check.applies_to(declared))
    for level in ("core", "standard"):
        assert least(level) <= counts[level] <= 1.1 * least(level)


def test_durable_can_be_reached_only_by_declaring_it():
    counts = [
        sum(check.level == "durable" and check.applies_to(declared) for check in all_checks())
        for declared in ((), ("durable",), ("durable", "shared", "time_to_live"))
    ]
    assert counts[0] == 0
    assert least("durable") <= counts[1] <= counts[2]


def test_what_needs_a_capability_names_one_that_there_is():
    named = {name for check in all_checks() for name in (*check.needs, *check.unless)}
    assert named <= {*Capabilities.__struct_fields__, *ON_REQUEST, OWN_FILES}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_modules_of_checks_stay_readable(module):
    assert len(module.read_text().splitlines()) <= 350


def test_a_check_is_a_coroutine_function_that_takes_a_case_first():
    functions = {one.id: one.function for one in all_checks()}
    wrong = [
        name
        for name, function in functions.items()
        if not inspect.iscoroutinefunction(function)
        or next(iter(inspect.signature(function).parameters)) != "case"
    ]
    assert wrong == []


def test_an_id_is_given_once():
    async def another(case):
        """Promise something."""

    with pytest.raises(ValueError, match=r"two checks are called 'files.text.crlf'"):
        check("files.text.crlf", "3.3.1", likely="a mistake")(another)
    with pytest.raises(ValueError, match=r"two checks are called 'files.text.crlf'"):
        table("files.text.{row}", "3.3.1", rows={"crlf": ()}, likely="a mistake")(another)
