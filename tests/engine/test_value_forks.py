"""Forks of values over an engine against a model of them, and what is kept then; records of checkpoints."""

from __future__ import annotations

from base64 import b64encode
from itertools import permutations
from random import Random

import pytest
from everstore_sorted_map import SortedMap

import everstore
from everstore import Capabilities, Session, new_session_id
from everstore.engine.faults import faults
from everstore.engine.keys import deadline_key, range_of
from everstore.engine.rows import row_of
from everstore.errors import SessionNotEmptyError
from everstore.models import new_checkpoint_id

LARGE = 20_000  # in pieces
LONG = "k" * 1000  # no key of the map has all of it


class Durable(SortedMap):
    """A map that claims more, so that secrets are sealed, too."""

    capabilities = Capabilities(durable=True)


@pytest.fixture
def engine():
    return Durable()


@pytest.fixture
async def store(engine, install_plugin):
    install_plugin("durable", everstore_engine=lambda: engine)
    keys = "tests:" + b64encode(bytes(range(32))).decode()
    async with everstore.open_store(backend="durable", secrets_keys=keys, log_level="off") as store:
        yield store


def wrong(engine):
    """What does not fit together, ends of what is there included."""

    def look(transaction):
        found = list(faults(transaction, engine))
        deadlines = {}
        for kind in (b"v", b"p"):
            for key, data in transaction.scan(*range_of(kind)):
                expires_ns = row_of(data).expires_ns
                if expires_ns is not None:
                    deadlines[deadline_key(expires_ns, key)] = key
        kept = dict(transaction.scan(*range_of(b"x")))
        return found + [key.hex() for key in kept.items() ^ deadlines.items()] if kept != deadlines else found

    return engine.transact(look, write=False)


class Values:
    """Values of some sessions, in the store and in a model of it."""

    def __init__(self, storage, random):
        self.storage = storage
        self.random = random
        self.sessions = [new_session_id() for _ in range(4)]
        self.model = {session_id: {} for session_id in self.sessions}

    async def step(self):
        pick = self.random.choice
        session_id, other, third = self.random.sample(self.sessions, 3)
        key = pick(["a", "b", LONG, LONG + "x"])
        match pick(["set", "set", "set", "delete", "touch", "fork", "fork", "rewind", "rewind", "purge"]):
            case "set":
                value, ttl = pick(["", "x", "y" * LARGE]), pick([None, 1000])
                await self.storage.set_value(session_id, key, value, ttl=ttl)
                self.model[session_id][key] = value, ttl is not None
            case "delete":
                assert await self.storage.delete_value(session_id, key) == (key in self.model[session_id])
                self.model[session_id].pop(key, None)
            case "touch":
                if await self.storage.touch_value(session_id, key, ttl=500):
                    self.model[session_id][key] = self.model[session_id][key][0], True
            case "fork":
                await self.fork(session_id, other, None)
            case "rewind":
                await self.fork(session_id, other, third)
            case "purge":
                await self.storage.purge_session(session_id)
                self.model[session_id] = {}

    async def fork(self, source, target, replaced):
        empty = target if replaced is None else replaced
        if self.model[empty]:
            with pytest.raises(SessionNotEmptyError):
                await self.storage.fork_session(source, target, replaced=replaced)
            return
        await self.storage.fork_session(source, target, replaced=replaced)
        if replaced is not None:
            self.model[replaced] = self.model[target]
        self.model[target] = dict(self.model[source])

    async def check(self):
        found = {}
        for session_id, expected in self.model.items():
            values = await self.storage.read_values(session_id)
            assert {each.key: (each.value, each.expires_ns is not None) for each in values} == expected
            found[session_id] = {each.key: (each.value, each.expires_ns) for each in values}
        for one, other in permutations(self.sessions, 2):
            changes = await self.storage.diff_sessions(one, other)
            told = {key for key, _ in found[one].items() ^ found[other].items()}
            assert [change.key for change in changes] == sorted(told)


@pytest.mark.parametrize("seed", range(6))
async def test_forks_are_what_a_model_says(store, engine, seed):
    values = Values(store.storage, Random(seed))
    for _ in range(120):
        await values.step()
    await values.check()
    assert wrong(engine) == []
    for session_id in values.sessions:
        await store.storage.purge_session(session_id)
    assert engine.transact(lambda kept: [key for key, _ in kept.scan(b"m", b"\xff")], write=False) == []


async def test_what_is_over_is_not_taken_and_leaves_nothing(store, engine):
    source, target, replaced = (new_session_id() for _ in range(3))
    for session_id in (source, target, replaced):
        await store.storage.set_value(session_id, "over", "x" * LARGE, ttl=0.000001)
        await store.storage.set_secret(session_id, "secret", "x", ttl=1000)
    await store.storage.set_value(source, "until", "x", ttl=1000)
    await store.storage.fork_session(source, target, replaced=replaced)
    [taken] = await store.storage.list_keys(target)
    [kept] = await store.storage.list_keys(source)
    assert (taken.key, taken.expires_ns) == (kept.key, kept.expires_ns)
    assert await store.storage.list_keys(replaced) == []
    assert len(await store.storage.list_secrets(target)) == 1
    assert wrong(engine) == []


async def test_differences_are_paged_by_key(store):
    one, other = new_session_id(), new_session_id()
    await store.storage.set_values(one, {"a": "x", "b": "y" * LARGE, "c": "x", LONG: "x", "same": "x"})
    await store.storage.set_values(
        other, {"b": "z" * LARGE, "c": "y", LONG: "y", LONG + "x": "x", "same": "x"}
    )
    found = await store.storage.diff_sessions(one, other)
    assert [(change.key, change.kind) for change in found] == [
        ("a", "removed"), ("b", "changed"), ("c", "changed"), (LONG, "changed"), (LONG + "x", "added"),
    ]  # fmt: skip
    assert await store.storage.diff_sessions(one, other, after="a", limit=2) == found[1:3]
    assert await store.storage.diff_sessions(one, other, after=LONG) == found[4:]


async def test_checkpoints_are_ranges_of_their_session(store, engine):
    sessions = store._trusted.sessions
    one, other = Session(labels={"a": "1"}), Session(title="child", parent=new_session_id())
    checkpoints = [
        Session(new_checkpoint_id(), None, 5, labels={"odd": str(number % 2)}, parent=parent.id)
        for number in range(9)
        for parent in (one, other)
    ]
    for record in (one, other, *checkpoints):
        await sessions.add_session(record)
        assert await sessions.get_session(record.id) == record
    ours = sorted((each for each in checkpoints if each.parent == one.id), key=lambda each: each.id.int)[::-1]
    assert await sessions.list_sessions(checkpoints_of=one.id) == ours
    assert await sessions.list_sessions(checkpoints_of=one.id, after=ours[3], limit=2) == ours[4:6]
    odd = [each for each in ours if each.labels == {"odd": "1"}]
    assert await sessions.list_sessions(checkpoints_of=one.id, labels={"odd": "1"}, limit=2) == odd[:2]
    assert await sessions.list_sessions(labels={"odd": "1"}) == []
    assert {each.id for each in await sessions.list_sessions()} == {one.id, other.id}
    await sessions.update_session(odd[0].id, labels={"a": "1"})
    assert await sessions.list_sessions(labels={"a": "1"}) == [one]
    for record in (one, other, *checkpoints):
        assert await sessions.delete_session(record.id)
    assert engine.transact(lambda kept: [key for key, _ in kept.scan(b"a", b"l")], write=False) == []
