"""A framework's names become an id and labels."""

from __future__ import annotations

import asyncio

import pytest

from everstore.adapters.naming import id_of_names, labels_of, named_session, names_of
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


@pytest.mark.parametrize("name", ["x" * 1025, "x" * 10_000, "\N{PILE OF POO}" * 300, "a\0b", "~#", ""])
async def test_a_name_that_no_label_can_hold_is_found_and_told(store, name):
    names = {"app": name, "thread": "t"}
    made = [await named_session(store, "acme", names, "a title") for _ in range(2)]
    await named_session(store, "acme", {"app": made[0].labels["app"], "thread": "t"})  # named like its hash
    [found] = await store.sessions.list_sessions(labels=labels_of("acme", {"app": name}))
    assert [found, found] == made
    assert names_of(found, "app", "thread") == names
    assert names_of(found, "app", "user") is None
    assert names_of(await store.fork_session(found.id), "app", "thread") is None


async def test_of_a_record_that_somebody_changed_no_wrong_name_is_told(store):
    found = await named_session(store, "acme", {"app": "a\0b"})
    for title in (
        "mine",
        None,
        "[1]",
        '{"app": 1}',
        '{"app": "other"}',
        '{"apps": "a"}',
        '{"app": "\\ud800"}',
    ):
        await store.sessions.update_session(found.id, title=title)
        assert names_of(await store.sessions.get_session(found.id), "app") is None
    await store.sessions.update_session(found.id, labels={"app": "a"})
    assert names_of(await store.sessions.get_session(found.id), "app") is None


async def test_half_of_a_surrogate_pair_is_no_name(store):
    with pytest.raises(InvalidArgumentError, match="lone surrogates"):
        await named_session(store, "acme", {"thread": "\ud800"})
    assert await store.session_ids() == []
