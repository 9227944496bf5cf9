"""The labels of a record as its holder sees them, and how lists of several are met."""

from __future__ import annotations

import copy
import json
import pickle
from functools import partial
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everstore import Session, to_dict
from everstore.labels import age_of, shared_ages

SESSION = UUID("01900000-0000-7000-8000-000000000001")
LABELLED = Session(SESSION, "x", 5, labels={"b": "2", "a": "1"})


def test_labels_are_a_dict_in_the_order_of_their_names():
    assert LABELLED.labels == {"a": "1", "b": "2"}
    assert json.dumps(LABELLED.labels) == '{"a": "1", "b": "2"}'
    assert to_dict(LABELLED)["labels"] == {"a": "1", "b": "2"}
    assert Session(SESSION).labels == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda labels: labels.update(c="3"),
        lambda labels: labels.pop("a"),
        lambda labels: labels.clear(),
        lambda labels: labels.setdefault("c", "3"),
        lambda labels: labels.__setitem__("a", "2"),
        lambda labels: labels.__delitem__("a"),
        lambda labels: labels.__ior__({"c": "3"}),
    ],
)
def test_labels_never_change(change):
    with pytest.raises(TypeError, match="update_session"):
        change(LABELLED.labels)
    assert LABELLED.labels == {"a": "1", "b": "2"}


def test_who_gave_labels_does_not_share_them():
    given_labels = {"a": "1"}
    record = Session(SESSION, labels=given_labels)
    given_labels["a"] = "2"
    assert record.labels == {"a": "1"}
    assert record.labels | {"b": "2"} == {"a": "1", "b": "2"}


def test_a_labelled_record_is_a_value():
    same = Session(SESSION, "x", 5, labels={"a": "1", "b": "2"})
    assert (same, hash(same)) == (LABELLED, hash(LABELLED))
    assert Session(SESSION, "x", 5, labels={"a": "1"}) != LABELLED
    for again in (
        pickle.loads(pickle.dumps(LABELLED)),
        copy.deepcopy(LABELLED),
        msgspec.json.decode(msgspec.json.encode(LABELLED), type=Session),
    ):
        assert (again, hash(again)) == (LABELLED, hash(LABELLED))


def test_a_record_of_before_labels_has_none():
    text = msgspec.json.encode(Session(SESSION, "x", 5)).replace(b',"labels":{}', b"")
    assert b"labels" not in text
    assert msgspec.json.decode(text, type=Session) == Session(SESSION, "x", 5)


def test_a_record_is_updated_in_parts():
    assert LABELLED.updated(9, title=None) == Session(SESSION, None, 5, 1005, LABELLED.labels)
    assert LABELLED.updated(9_000, labels={}) == Session(SESSION, "x", 5, 9_000)
    assert LABELLED.has_labels({"b": "2"})
    assert LABELLED.has_labels({})
    assert not LABELLED.has_labels({"a": "2"})


def _up_to(ages, age):
    return max((each for each in ages if each <= age), default=None)


@given(st.lists(st.sets(st.integers(0, 12)), min_size=1, max_size=4), st.none() | st.integers(0, 13))
def test_ages_that_all_lists_have_are_found_in_few_leaps(lists, below):
    asked = 0

    def counting(ages, age):
        nonlocal asked
        asked += 1
        return _up_to(ages, age)

    found = [*shared_ages([partial(counting, ages) for ages in lists], below)]
    expected = {age for age in set.intersection(*lists) if below is None or age < below}
    assert found == sorted(expected, reverse=True)
    assert asked <= len(lists) * (min(map(len, lists)) + 1) + 1


def test_ages_are_in_the_order_of_times_then_ids():
    assert age_of(1, (1 << 128) - 1) < age_of(2, 0) < age_of(2, 1)
