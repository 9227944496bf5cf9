"""Ids: what tells a checkpoint's from all others, and what they sort by."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from everstore import is_checkpoint, new_checkpoint_id, new_session_id, session_id_of
from everstore.models import root_of


def test_a_checkpoint_s_id_says_that_it_is_one():
    taken = [new_checkpoint_id() for _ in range(1000)]
    assert all(map(is_checkpoint, taken))
    assert len(set(taken)) == 1000
    assert {(one.version, one.variant) for one in taken} == {(8, uuid.RFC_4122)}
    assert {str(one)[14:23] for one in taken} == {"8ec0-ba5e"}


def test_no_other_id_says_so():
    others = [new_session_id(), session_id_of("a"), uuid.uuid4(), uuid.uuid1(), uuid.UUID(int=0)]
    assert not any(map(is_checkpoint, others))


@given(st.uuids())
def test_only_the_third_and_the_fourth_group_tell(one):
    assert is_checkpoint(one) == (str(one)[14:23] == "8ec0-ba5e")
    assert is_checkpoint(uuid.UUID(f"{str(one)[:14]}8ec0-ba5e{str(one)[23:]}"))


def test_ids_sort_by_the_time_at_which_they_were_made(monkeypatch):
    moments = iter([5_000_000_000_000_000, 6_000_000_000_000_000, 7_000_000_000_000_000])
    monkeypatch.setattr("everstore.ids.now_ns", lambda: next(moments))
    made = [new_session_id(), new_checkpoint_id(), new_session_id()]
    assert made == sorted(made)
    assert root_of(made[1]).created_at == datetime.fromtimestamp(6_000_000, UTC)
