"""A framework's names become an id and labels."""

from __future__ import annotations

import asyncio

import pytest

from everstore.adapters.naming import id_of_names, named_session
from everstore.errors import InvalidArgumentError


def test_names_are_told_apart():
    ids = {
        id_of_names("a", {"thread": "b"}),
        id_of_names("a", {"threadb": ""}),
        id_of_names("b", {"thread": "b"}),
        id_of_names("a", {"thread": "b", "user": ""}),
    }
    assert len(ids) == 4


async def test_a_named_session_is_made_once_and_is_found_by_its_labels(store):
    names = {"app": "a/b", "user": "日本 \U0001f600", "thread": "x" * 1024}
    made = await asyncio.gather(*(named_session(store, "acme", names) for _ in range(5)))
    assert {session.id for session in made} == {id_of_names("acme", names)}
    [found] = await store.sessions.list_sessions(labels={"framework": "acme", "user": names["user"]})
    assert found == await named_session(store, "acme", names)


async def test_a_name_that_no_label_can_hold_is_refused(store):
    with pytest.raises(InvalidArgumentError):
        await named_session(store, "acme", {"thread": "x" * 1025})
