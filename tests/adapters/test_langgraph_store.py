"""``EverstoreStore``: beside LangGraph's memory store, and what that one lacks."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from langgraph.store.base import (
    GetOp,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

import everstore
from everstore import clock, sync
from everstore.adapters.langgraph import EverstoreStore

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore, Item

LABELS = ["a", "b/c", "~0", "\N{SNOWMAN}" * 60, "a.b", "-", "\N{PILE OF POO}"]
KEYS = ["k", "a/b", "", "x" * 1000, "\N{GRINNING FACE}", "//"]
FILTERS: list[Any] = [
    None,
    {"n": 3},
    {"n": {"$gte": 2, "$lt": 6}},
    {"n": {"$ne": 3}},
    {"deep": {"n": {"$gt": 4}}},
    {"words": ["x", "y"]},
    {"n": {"$eq": 1}, "words": ["x"]},
]


def seen(item: Item | None) -> Any:
    return None if item is None else (item.namespace, item.key, item.value)


class Twins:
    """Two stores that are called alike."""

    def __init__(self, stores: list[BaseStore], seed: int) -> None:
        self.stores = stores
        self.chance = random.Random(seed)
        self.number = 0

    def _namespace(self) -> tuple[str, ...]:
        return tuple(self.chance.choice(LABELS[:4]) for _ in range(self.chance.randint(1, 3)))

    def _put(self) -> PutOp:
        self.number += 1
        number = self.number % 8
        value = {
            "n": number,
            "deep": {"n": number},
            "words": ["x", "y"][: number % 3],
            "text": "\N{SNOWMAN}\x00",
        }
        return PutOp(self._namespace(), self.chance.choice(KEYS), None if number == 7 else value)

    async def go_on(self, calls: int) -> None:
        for _ in range(calls):
            ops: list[Any] = [self._put() for _ in range(self.chance.choice([0, 1, 1, 1, 4]))]
            ops += [
                GetOp(self._namespace(), self.chance.choice(KEYS)) for _ in range(self.chance.randint(0, 3))
            ]
            answers = [[seen(each) for each in await store.abatch(ops)] for store in self.stores]
            assert answers[0] == answers[1]
            await self.search()
            await self.list_namespaces()

    async def search(self) -> None:
        """All that is found is the same; parts of it are parts of a fixed order."""
        op = SearchOp(self._namespace()[: self.chance.randint(0, 2)], self.chance.choice(FILTERS), 1000, 0)
        [one], [other] = [await store.abatch([op]) for store in self.stores]
        everything = [seen(each) for each in other]
        assert sorted(everything) == sorted(seen(each) for each in one) if not op.filter else True
        assert sorted(map(str, everything)) == sorted(str(seen(each)) for each in one)
        [part] = await self.stores[1].abatch([op._replace(limit=3, offset=2)])
        assert [seen(each) for each in part] == everything[2:5]

    async def list_namespaces(self) -> None:
        path = self._namespace()[: self.chance.randint(1, 2)]
        condition = MatchCondition(
            self.chance.choice(["prefix", "suffix"]), self.chance.choice([path, ("*", *path)])
        )
        op = ListNamespacesOp(
            self.chance.choice([None, (condition,)]),
            self.chance.choice([None, 1, 2]),
            5,
            self.chance.choice([0, 2]),
        )
        [one], [other] = [await store.abatch([op]) for store in self.stores]
        assert one == other


class Emptied(InMemoryStore):
    """A namespace whose items are all deleted is none, as in LangGraph's stores of databases."""

    async def abatch(self, ops: Any) -> list[Any]:
        answers = await super().abatch(ops)
        for namespace in [each for each, there in self._data.items() if not there]:
            del self._data[namespace]
        return answers


async def test_random_calls_are_answered_as_by_the_memory_store(store):
    for seed in range(3):
        await Twins([Emptied(), EverstoreStore(store, name=f"memory {seed}")], seed).go_on(40)


async def test_names_are_any_text(store):
    memory = EverstoreStore(store)
    places = [((label, "inner"), key) for label in LABELS for key in KEYS]
    await memory.abatch([PutOp(namespace, key, {"at": [*namespace, key]}) for namespace, key in places])
    found = await memory.asearch((), limit=1000)
    assert {(each.namespace, each.key) for each in found} == set(places)
    assert all(each.value == {"at": [*each.namespace, each.key]} for each in found)
    assert set(await memory.alist_namespaces()) == {(label, "inner") for label in LABELS}
    for namespace, key in places:
        await memory.abatch([PutOp(namespace, key, None)])
    assert await memory.alist_namespaces() == []
    await memory.abatch([PutOp((), "k", {})])
    assert await memory.alist_namespaces() == [()]
    await memory.abatch([PutOp((), "k", None)])
    [session] = await store.sessions.list_sessions(labels={"framework": "langgraph", "store": "store"})
    assert await memory._storage.list_keys() == []
    assert session.labels["store"] == "store"


async def test_namespaces_of_many_items_are_passed_over(store):
    memory = EverstoreStore(store)
    many = [PutOp(("many",), str(number), {}) for number in range(2100)]
    await memory.abatch(
        [*many, PutOp(("many", "below"), "k", {}), PutOp(("-",), "k", {}), PutOp(("z",), "k", {})]
    )
    assert await memory.alist_namespaces() == [("-",), ("many",), ("many", "below"), ("z",)]
    assert await memory.alist_namespaces(prefix=["many"], max_depth=1) == [("many",)]
    assert len(await memory.asearch(("many",), limit=3000)) == 2101


async def test_what_has_a_time_to_live_is_gone_at_its_end(environment):
    with sync.open_store() as store:
        memory = EverstoreStore(store, ttl={"default_ttl": 10, "refresh_on_read": True})
        memory.put(("n",), "k", {"v": 1})
        memory.put(("n",), "stays", {"v": 1}, ttl=None)
        created = memory.get(("n",), "k", refresh_ttl=False)
        assert created is not None
        with clock.turned(9 * 60):
            read = memory.get(("n",), "k")
            assert read is not None
            assert read.updated_at == created.updated_at
        with clock.turned(18 * 60):
            assert len(memory.search(("n",))) == 2
        with clock.turned(27 * 60):
            assert memory.get(("n",), "k", refresh_ttl=False) is not None
        with clock.turned(29 * 60):
            assert [each.key for each in memory.search(())] == ["stays"]
            assert memory.get(("n",), "k") is None
            memory.delete(("n",), "stays")
            assert memory.list_namespaces() == []


async def test_a_search_by_meaning_is_as_in_the_memory_store(store):
    def embed(texts: list[str]) -> list[list[float]]:
        return [[float(text.count(letter)) for letter in "abcd"] for text in texts]

    config: Any = {"dims": 4, "embed": embed, "fields": ["text", "tags[*]"]}
    memories: list[BaseStore] = [InMemoryStore(index=config), EverstoreStore(store, index=config)]
    answers = []
    for memory in memories:
        for number, text in enumerate(["aab", "abcd", "ccd", "dddda", "bb"]):
            await memory.aput(("n",), str(number), {"text": text, "tags": ["c" * number], "number": number})
        await memory.aput(("n",), "unseen", {"text": "aaaa", "number": 9}, index=False)
        await memory.aput(("n",), "other", {"text": "b", "more": "aaa", "number": 5}, index=["more"])
        asked: list[Any] = [{}, {"limit": 2}, {"limit": 3, "offset": 2}, {"filter": {"number": {"$lt": 3}}}]
        found = [await memory.asearch(("n",), query="aabb", **each) for each in asked]
        answers.append(
            [[(each.key, each.score and round(each.score, 5)) for each in several] for several in found]
        )
    assert answers[0] == answers[1]


async def test_without_an_index_a_query_is_left_alone(store):
    memory = EverstoreStore(store)
    await memory.aput(("n",), "k", {"v": 1})
    [found] = await memory.asearch(("n",), query="v")
    assert (found.key, found.score) == ("k", None)


async def test_a_batch_is_one_step(store):
    """Whatever it puts, for whatever time, and what it deletes."""
    memory = EverstoreStore(store)
    stopped = asyncio.Event()

    async def look() -> None:
        while not stopped.is_set():
            found = {each.key: each.value["v"] for each in await memory.asearch(("n",), limit=20)}
            assert len(found) in {0, 5}
            assert len(set(found.values())) <= 1
            await asyncio.sleep(0)

    async def put() -> None:
        for version in range(10):
            await memory.abatch(
                [
                    PutOp(("n",), str(number), {"v": version}, ttl=[None, 60, 90][number % 3])
                    if number % 2 == version % 2
                    else PutOp(("n",), str(number), None)
                    for number in range(10)
                ]
            )
        stopped.set()

    await asyncio.gather(look(), put())


async def test_fifty_parallel_puts_all_stay(store):
    memory = EverstoreStore(store)
    await asyncio.gather(*(memory.aput(("n",), str(number), {"v": number}) for number in range(50)))
    assert len(await memory.asearch(("n",), limit=100)) == 50


async def test_what_json_does_not_have_is_refused(store):
    memory = EverstoreStore(store)
    with pytest.raises(TypeError):
        await memory.aput(("n",), "k", {"v": object()})
    await memory.aput(("n",), "k", {"v": 1})
    with pytest.raises(ValueError, match="operator"):
        await memory.asearch(("n",), filter={"v": {"$like": 1}})
    assert await memory.asearch(("n",), filter={"v": {"$gt": "text"}}) == []


async def test_puts_that_come_together_are_one_call_and_each_fails_by_itself(environment):
    calls = []
    async with everstore.open_store(on_call=calls.append, limits__value_bytes=200) as store:
        memory = EverstoreStore(store)
        await memory.aput(("n",), "first", {"v": 0})
        await asyncio.gather(*(memory.aput(("n",), str(number), {"v": number}) for number in range(20)))
        sizes = [10, 300, 10, 400]
        puts = (memory.aput(("m",), str(size + place), {"v": "x" * size}) for place, size in enumerate(sizes))
        errors = await asyncio.gather(*puts, return_exceptions=True)
        assert [getattr(error, "index", None) for error in errors] == [None, 0, None, 0]
        assert [type(error) for error in errors if error] == [everstore.errors.QuotaExceededError] * 2
        assert {item.key for item in await memory.asearch(("m",))} == {"10", "12"}
        assert len(await memory.asearch(("n",), limit=100)) == 21
    outcomes = [call.outcome for call in calls if call.verb == "change_values"]
    assert outcomes.count("ok") == 1 + 1 + 2


async def test_a_search_reads_no_further_than_it_answers(environment):
    calls = []
    async with everstore.open_store(on_call=calls.append) as store:
        memory = EverstoreStore(store)
        await asyncio.gather(*(memory.aput(("n",), f"{number:02}", {"v": number}) for number in range(30)))
        found = [[item.key for item in await memory.asearch(("n",), limit=4, offset=at)] for at in (0, 4)]
        assert found == [["00", "01", "02", "03"], ["04", "05", "06", "07"]]
        assert await memory.asearch(("n",), limit=0) == []
    assert [call.verb for call in calls].count("read_values") == 3


@pytest.mark.parametrize("turns", range(4))
async def test_who_is_cancelled_among_puts_takes_nobody_with_it(store, turns):
    memory = EverstoreStore(store)
    await memory.aput(("n",), "first", {"v": 0})
    puts = [asyncio.ensure_future(memory.aput(("n",), str(number), {"v": number})) for number in range(9)]
    for _ in range(turns):
        await asyncio.sleep(0)
    puts[0].cancel()
    puts[4].cancel()
    await asyncio.wait(puts)
    there = {item.key for item in await memory.asearch(("n",), limit=100)}
    assert {put for put in range(9) if not puts[put].cancelled()} <= {int(key) for key in there - {"first"}}
    assert [put.cancelled() for put in puts].count(False) >= 7
    await memory.aput(("n",), "last", {"v": 9})  # who was told that it is cancelled changes nothing any more
    assert there | {"last"} == {item.key for item in await memory.asearch(("n",), limit=100)}
