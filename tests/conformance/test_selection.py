"""Which checks an expression selects."""

from __future__ import annotations

import pytest

from everstore.conformance import all_checks, selected
from everstore.errors import InvalidPatternError


def ids(expression):
    selects = selected(expression)
    return {check.id for check in all_checks() if selects(check)}


def test_a_whole_id_selects_that_check():
    assert ids("files.text.crlf") == {"files.text.crlf"}
    assert ids("tree.delete.tree") == {"tree.delete.tree"}


def test_a_part_of_an_id_selects_all_that_have_it():
    assert ids("files.text") == {check.id for check in all_checks() if "files.text" in check.id}
    assert len(ids("files.text")) > 10


def test_a_level_and_a_tag_select_theirs():
    assert {"hostile.deep_tree", "hostile.longest_path"} <= ids("hostile")
    assert ids("concurrency") >= {check.id for check in all_checks() if "concurrency" in check.tags}
    assert ids("standard") >= {check.id for check in all_checks() if check.level == "standard"}


def test_and_or_not_and_parentheses():
    assert ids("files.text and not crlf") == ids("files.text") - ids("crlf")
    assert ids("files.text.crlf or files.text.bom") == {"files.text.crlf", "files.text.bom"}
    assert ids("files.text and (crlf or bom)") == {"files.text.crlf", "files.text.bom"}
    assert ids("files.text.bom or files.text and crlf") == {"files.text.crlf", "files.text.bom"}
    assert ids("not not files.text.bom") == {"files.text.bom"}
    assert ids("no-such-word") == set()


@pytest.mark.parametrize(
    "expression", ["", "and", "files and", "(files", "files)", "not", "files values", "()", "or a"]
)
def test_what_is_no_expression_is_refused(expression):
    with pytest.raises(InvalidPatternError, match="not a selection"):
        selected(expression)
