"""The key-value store: beside py-key-value's own in memory, names of any text, races, and its users."""

from __future__ import annotations

import asyncio
import random
import sys
from typing import Any

import pytest
from key_value.aio.adapters.pydantic import PydanticAdapter
from key_value.aio.errors import BaseKeyValueError, InvalidTTLError, SerializationError
from key_value.aio.protocols import key_value as protocols
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.wrappers.compression import CompressionWrapper
from key_value.aio.wrappers.prefix_keys import PrefixKeysWrapper
from key_value.aio.wrappers.statistics import StatisticsWrapper
from pydantic import AnyHttpUrl, BaseModel

import everstore
from everstore.adapters.key_value import EverstoreKeyValueStore

ANY_TEXT = [
    "plain",
    "a/b c",
    "日本 \U0001f600",
    "nul \0 in it",
    "x" * 1024,
    "y" * 5000,
    "\x01first",
    "\ud800",
]
VERBS = ["get", "put", "put", "put", "delete", "get_many", "put_many", "delete_many", "ttl", "ttl_many"]


@pytest.fixture
def kept(store):
    return EverstoreKeyValueStore(store)


async def outcome(call) -> Any:
    try:
        return await call
    except (BaseKeyValueError, TypeError) as error:
        return type(error)


VALUES = [
    {"text": "grüße \U0001f600 \0", "none": None, "list": [1, 2.5, True, {"in": []}]},
    {},
    {"n": 2**70},
    {"url": AnyHttpUrl("https://example.org")},
    {1: "a key that is no text"},
]


async def any_call(kv, chance):
    """One of the protocol's calls, the same for the same state of chance."""
    keys = [f"key {chance.randrange(4)}" for _ in range(chance.randrange(4))]
    collection = chance.choice([None, "one", "two"])
    ttl = chance.choice([None, None, 1000, -1, 0, True])  # its own lists and deletes what is past its time
    value = chance.choice(VALUES)
    key = f"key {chance.randrange(4)}"
    verb = chance.choice(VERBS)
    match verb:
        case "put":
            return await kv.put(key, value, collection=collection, ttl=ttl)
        case "put_many":
            values = [chance.choice(VALUES[:3]) for _ in keys]
            return await kv.put_many(keys, values, collection=collection, ttl=ttl)
        case "get" | "delete":
            return await getattr(kv, verb)(key, collection=collection)
        case "ttl":
            value, left = await kv.ttl(key, collection=collection)
            return value, left and round(left, -2)
        case "ttl_many":
            found = await kv.ttl_many(keys, collection=collection)
            return [(value, left and round(left, -2)) for value, left in found]
    return await getattr(kv, verb)(keys, collection=collection)


@pytest.mark.parametrize("seed", range(3))
async def test_answers_are_those_of_its_own_store_in_memory(kept, seed):
    own = MemoryStore()
    for step in range(100):
        seeds = f"{seed} {step}"
        ours = await outcome(any_call(kept, random.Random(seeds)))
        theirs = await outcome(any_call(own, random.Random(seeds)))
        assert ours == theirs, seeds
    for collection in (None, "one", "two"):
        assert await kept.keys(collection) == sorted(await own.keys(collection))
    assert await kept.collections() == sorted(await own.collections())


async def test_it_has_each_part_of_the_protocol(kept):
    for part in (
        protocols.AsyncKeyValue,
        protocols.AsyncCullProtocol,
        protocols.AsyncEnumerateKeysProtocol,
        protocols.AsyncEnumerateCollectionsProtocol,
        protocols.AsyncDestroyStoreProtocol,
        protocols.AsyncDestroyCollectionProtocol,
    ):
        assert isinstance(kept, part)
    async with kept:
        await kept.cull()
        with pytest.raises(SerializationError):
            await kept.put("key", {"url": AnyHttpUrl("https://example.org")})
        with pytest.raises(ValueError, match="different number"):
            await kept.put_many(["one"], [])


async def test_keys_are_any_text(kept):
    keys = [*ANY_TEXT, ""]
    await kept.put_many(keys, [{"key": number} for number, _ in enumerate(keys)])
    assert await kept.get_many(keys) == [{"key": number} for number, _ in enumerate(keys)]
    assert sorted(await kept.keys()) == sorted(keys)
    assert len(await kept.keys(limit=3)) == 3
    assert await kept.keys(limit=0) == []
    assert await kept.delete_many([*keys, "none"]) == len(keys)
    assert await kept.keys() == []


async def test_what_is_deleted_together_is_one_call(environment):
    seen = []
    async with everstore.open_store(on_call=seen.append) as store:
        kept = EverstoreKeyValueStore(store)
        await kept.put_many(["a", "b"], [{}, {}])
        assert await kept.delete_many(["a", "none", "b", "a"]) == 2
    assert seen[-1].verb == "change_values"


async def test_collections_are_any_text(kept, store):
    names = [name for name in ANY_TEXT if name != "\ud800"]
    for name in names:
        await kept.put("key", {"collection": name}, collection=name)
    again = EverstoreKeyValueStore(store)
    assert await again.collections() == sorted(names)
    assert await again.collections(limit=2) == sorted(names)[:2]
    assert [await again.get("key", collection=name) for name in names] == [
        {"collection": name} for name in names
    ]
    assert await EverstoreKeyValueStore(store, name="another").collections() == []
    assert await again.destroy_collection(names[0])
    assert not await again.destroy_collection(names[0])
    assert await kept.get("key", collection=names[0]) is None
    assert await kept.collections() == sorted(names[1:])
    assert await again.destroy()
    assert await kept.collections() == []
    assert await store.session_ids() == []


async def test_what_is_past_its_time_is_gone(kept, store):
    await kept.put("short", {"a": 1}, ttl=1e-7)
    await kept.put_many(["long", "longest"], [{"a": 1}, {"a": 2}], ttl=1000.5)
    await kept.put("for ever", {"a": 3}, ttl=200 * 366 * 86_400)
    found = await kept.ttl_many(["short", "long", "longest", "for ever"])
    assert [value for value, _ in found] == [None, {"a": 1}, {"a": 2}, {"a": 3}]
    assert 990 < found[1][1] < 1000.6
    assert await kept.get("short") is None
    await kept.put("long", {"a": 1})
    assert await kept.ttl("long") == ({"a": 1}, None)


async def test_of_many_one_is_first(kept):
    answers = await asyncio.gather(*(kept.put_if_absent("lock", {"owner": owner}) for owner in range(20)))
    assert answers.count(True) == 1
    assert await kept.get("lock") == {"owner": answers.index(True)}
    assert not await kept.put_if_absent("lock", {}, ttl=5)
    with pytest.raises(InvalidTTLError):
        await kept.put_if_absent("new", {}, ttl=-1)


async def test_what_is_put_together_is_seen_together(kept):
    keys = [f"part {number}" for number in range(5)]

    async def write(writer):
        for turn in range(5):
            await kept.put_many(keys, [{"of": [writer, turn]}] * 5)
            assert await kept.delete_many(keys) in {0, 5}

    async def look():
        for _ in range(25):
            found = await kept.get_many(keys)
            assert all(each == found[0] for each in found)

    await asyncio.gather(*map(write, range(10)), look(), look())


WRITE = """
import asyncio, sys, everstore
from everstore.adapters.key_value import EverstoreKeyValueStore

async def main():
    async with everstore.open_store() as store:
        kept = EverstoreKeyValueStore(store)
        for turn in range(20):
            await kept.put_many(["a", "b", f"{sys.argv[1]} {turn}"], [{"of": [sys.argv[1], turn]}] * 3)
            a, b = await kept.get_many(["a", "b"])
            assert a == b, (a, b)

asyncio.run(main())
"""


async def test_two_processes(environment, store):
    if environment["EVERSTORE_BACKEND"] == "memory":  # which no two processes share
        return
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", WRITE, name) for name in ("one", "other")
    ]
    assert [await process.wait() for process in processes] == [0, 0]
    assert len(await EverstoreKeyValueStore(store).keys()) == 42


class User(BaseModel):
    name: str
    age: int


async def test_its_users(kept):
    """What is built on the protocol works on it: adapters, and wrappers around wrappers."""
    wrapped = PrefixKeysWrapper(StatisticsWrapper(kept), prefix="users")
    wrapped = CompressionWrapper(wrapped, min_size_to_compress=1)
    users = PydanticAdapter(wrapped, User, default_collection="people")
    await users.put("alice", User(name="Alice", age=30), ttl=60)
    assert await users.get("alice") == User(name="Alice", age=30)
    assert await kept.keys("people") == ["users__alice"]


async def test_a_restart_keeps_it(environment):
    if environment["EVERSTORE_BACKEND"] == "memory":  # which ends with its store
        return
    async with everstore.open_store() as store:
        await EverstoreKeyValueStore(store).put("key", {"a": 1}, collection="kept")
    async with everstore.open_store() as store:
        kept = EverstoreKeyValueStore(store)
        assert await kept.collections() == ["kept"]
        assert await kept.get("key", collection="kept") == {"a": 1}
