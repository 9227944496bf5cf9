"""What every match must contain: never claimed wrongly, and found where it is plain to see."""

from __future__ import annotations

import pytest
import re2
from hypothesis import assume, example, given
from hypothesis import strategies as st

from everstore.errors import InvalidPatternError
from everstore.literals import literal_of_regex, literal_of_text
from everstore.search import Query

PIECES = st.sampled_from(
    [
        r"a",
        r"B",
        r"K",
        r"k",
        r"1",
        r"_",
        r".",
        r"-",
        r"é",
        r"\.",
        r"\d",
        r"[ab]",
        r"[^a]",
        r"[]a]",
        r"[[:alpha:]]",
        r"(a)",
        r"(?:ab|1)",
        r"(?i)",
        r"(?i:a)",
        r"(?P<n>b)",
        r"(",
        r")",
        r"*",
        r"+",
        r"?",
        r"{2}",
        r"{0,1}",
        r"{",
        r"}",
        r"|",
        r"^",
        r"$",
        r"\b",
        r"\x41",
        r"\Qa|b\E",
        r"\pL",
    ]
)
TEXTS = st.text("abABKk\u212a1_.A|éE-{} ", max_size=12)


@given(st.lists(PIECES, max_size=8).map("".join), st.booleans(), st.lists(TEXTS, max_size=20))
@example("a{b|c}d", False, ["xa{b"])
@example("ab?c", False, ["ac"])
@example("k1", True, ["\u212a1"])
def test_a_text_without_the_literal_has_no_match(pattern, ignore_case, texts):
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    try:
        matcher = re2.compile(pattern, options)
    except re2.error:
        assume(False)
    literal = literal_of_regex(pattern, ignore_case=ignore_case)
    for text in texts:
        assert literal is None or literal in text or matcher.search(text) is None


@given(st.lists(PIECES, max_size=8).map("".join), st.booleans(), st.lists(TEXTS, max_size=20))
@example("Ka", True, ["\u212aA"])
def test_a_text_without_the_folded_literal_in_any_case_has_no_match(pattern, regex, texts):
    try:
        query = Query(pattern, regex=regex, ignore_case=True)
    except InvalidPatternError:
        assume(False)
    if query.folded is not None:
        in_any_case = Query(query.folded, ignore_case=True)
        for text in texts:
            query.matches.clear()
            in_any_case.matches.clear()
            query.add_now("/a", text)
            in_any_case.add_now("/a", text)
            assert in_any_case.matches or not query.matches


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("import os", "import os"),
        (r"^def \w+\(self", "(self"),
        (r"colou?r", "colo"),
        ("(a|b)_suffix", "_suffix"),
        ("ab+cd", "ab"),
        ("[xyz]{3}tail", "tail"),
        ("a|b", None),
        ("(?i)abc", None),
        (r"\Qa|b\E", None),
        (".*", None),
        ("", None),
    ],
)
def test_the_literal_of_a_regular_expression(pattern, literal):
    assert literal_of_regex(pattern) == literal


def test_letters_are_no_literal_when_case_is_ignored():
    assert literal_of_regex("key_1=", ignore_case=True) == "_1="
    assert literal_of_text("Key: 42", ignore_case=True) == ": 42"
    assert literal_of_text("key", ignore_case=True) is None
    assert literal_of_text("Key", ignore_case=False) == "Key"


def test_the_folded_literal_is_there_only_where_case_is_ignored():
    assert Query("Key_1", ignore_case=True).folded == "Key_1"
    assert Query(r"(a|b)Suffix", regex=True, ignore_case=True).folded == "Suffix"
    assert Query("Key_1").folded is None
