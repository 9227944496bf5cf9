"""Pages of keys, as ranges of an order."""

from __future__ import annotations

import itertools

import pytest

from everstore.paging import EVERY_KEY, KeyPage, shared_beginning

LAST = "\U0010ffff"
KEYS = sorted(
    [
        *(
            "a",
            "a\x01",
            "a%",
            "aa",
            "ab",
            "b",
            "\u00e9",
            "\ud7ff",
            "\ud7ff!",
            "\ue000",
            "\uffff",
            "\U0001f600",
        ),
        *(LAST, LAST * 2, f"a{LAST}", f"a{LAST}z", LAST * 256),
    ]
)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_page_is_a_range_of_the_keys_in_order(reverse):
    for prefix, after, limit in itertools.product(["", *KEYS], [None, "0", *KEYS], [None, 0, 2]):
        page = KeyPage.of(prefix, after, limit, reverse=reverse)
        wanted = [
            key
            for key in (KEYS[::-1] if reverse else KEYS)
            if key.startswith(prefix) and (after is None or (key < after if reverse else key > after))
        ]
        assert page.cut(page.among(KEYS)) == wanted[:limit], (prefix, after, limit)
        assert {*wanted} == {key for key in KEYS if page.low <= key and (page.is_open or key < page.high)}
        assert all(key < page.high for key in wanted)


def test_a_page_looks_no_further_than_it_has_to():
    keys = map(str, itertools.count())
    assert KeyPage.of("", None, 2, reverse=False).cut(keys) == ["0", "1"]
    assert next(keys) == "2"


def test_the_page_of_every_key_is_always_the_same():
    assert KeyPage.of("", None, None, reverse=False) is EVERY_KEY


@pytest.mark.parametrize(
    ("keys", "shared"),
    [
        (["a"], "a"),
        (["ab", "abc"], "ab"),
        (["b", "ab"], ""),
        (["ax", "ay", "az"], "a"),
        (["\u00e9", "e"], ""),
    ],
)
def test_what_keys_begin_with_in_common(keys, shared):
    assert shared_beginning(keys) == shared
