"""Values in words, and of two that differ, where they do."""

from __future__ import annotations

import pytest
from msgspec import structs

from everstore.conformance.showing import apart, shown
from everstore.models import FileInfo, InitialFile, KeyInfo, SessionFile, new_session_id

ID = new_session_id()


def info(path, version=1, **facts):
    return FileInfo(
        version=version, created_ns=1000, updated_ns=1000, session_id=ID, path=path, serial=1, size_bytes=1,
        is_readonly=False, is_directory=False, **facts,
    )  # fmt: skip


MANY = [info(f"/d/{number:04}") for number in range(1100)]


def with_one(at, **facts):
    return [*MANY[:at], structs.replace(MANY[at], **facts), *MANY[at + 1 :]]


@pytest.mark.parametrize(
    ("other", "expected", "got", "field"),
    [
        (
            with_one(549, version=2),
            "[549]('/d/0549').revision: '1'",
            "[549]('/d/0549').revision: '2'",
            "revision",
        ),
        (
            with_one(7, size_bytes=9),
            "[7]('/d/0007').size_bytes: 1",
            "[7]('/d/0007').size_bytes: 9",
            "size_bytes",
        ),
        (
            [*MANY[:-1], MANY[3]],
            "[1099]('/d/0003').path: '/d/1099'",
            "[1099]('/d/0003').path: '/d/0003'",
            "path",
        ),
    ],
    ids=["a revision", "a size", "another file"],
)
def test_of_a_long_list_the_one_record_that_differs_is_told(other, expected, got, field):
    assert apart(MANY, other) == (expected, got, field)


def test_of_lists_that_differ_in_length_what_is_missing_is_told_and_what_is_there_besides():
    paths = [each.path for each in MANY]
    less = apart(paths, paths[:1000])
    assert less.expected == "1100 items: '/d/0000', '/d/0001', '/d/0002' and 1097 more"
    assert less.got == "1000 items, without '/d/1000', '/d/1001', '/d/1002' and 97 more"
    assert apart(paths, [*paths, "/e"]).got == "1101 items, with '/e' besides"
    assert apart(paths, [*paths, "/d/0001"]).got == "1101 items, with '/d/0001' more than once"
    assert apart([], paths).expected == "nothing"


def test_the_same_in_another_order_is_said():
    paths = [each.path for each in MANY]
    assert apart(paths, paths[::-1]).got == "[0]: '/d/1099' (1100 of 1100 differ, the same in another order)"


def test_of_long_texts_the_place_is_told_where_they_part():
    told = apart("x" * 70_000 + "end", "x" * 65_536)
    assert told.expected == f"...{'x' * 120!r}... (of 70003, differing from 65536 on)"
    assert told.got == f"...{'x' * 40!r} (of 65536, differing from 65536 on)"
    one = SessionFile(1, 1, 1, ID, "/a", 1, 1, is_readonly=False, content="x" * 500)
    assert apart(one, structs.replace(one, content="y" * 500)).expected.startswith("('/a').content: 'xxx")


def test_dictionaries_and_pairs_are_followed_to_what_differs():
    one, other = {"a": MANY, "b": [("list_keys", "x" * 300)]}, {"a": MANY, "b": [("list_keys", "y")]}
    assert apart(one, other).got == "['b'][0](list_keys)[1]: 'y'"
    assert apart({"a": 1}, {"a": 1, "b": "x" * 300}).got.startswith("2 items, with 'b': 'xxx")


def test_short_values_are_shown_as_they_are():
    assert apart([1, 2], [2, 1]) == ("[1, 2]", "[2, 1]", None)


def test_a_record_is_shown_as_what_it_is_about():
    assert shown(InitialFile("a", "x", is_readonly=True)) == (
        "InitialFile(path='a', content='x', is_readonly=True)"
    )
    key = KeyInfo(version=255, created_ns=1, updated_ns=1, key="k", expires_ns=10**18)
    assert shown([key]) == "[KeyInfo(key='k', revision='ff', expires_at=2001-09-09 01:46:40+00:00)]"


def test_what_refuses_to_be_looked_at_is_shown_all_the_same():
    class Shy:
        def __repr__(self):
            raise RuntimeError("no")

    assert shown(Shy()) == "<Shy>"
