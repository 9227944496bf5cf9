"""``EverstoreSaver`` and ``EverstoreStore`` while others write, delete and prune the same thread."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from typing import TYPE_CHECKING, Any

from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.base.id import uuid6

from everstore import clock
from everstore.adapters.langgraph import EverstoreSaver, EverstoreStore

if TYPE_CHECKING:
    import everstore

LONG = ["m"] * 40
CONFIG: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
METADATA: Any = {"source": "loop", "step": 0, "parents": {}}

CHILD = """
import asyncio, runpy, sys
import everstore

async def main(here):
    async with everstore.open_store() as store:
        work = runpy.run_path(here)["write_all"](store, "child")
        print("ready", flush=True)
        await work

asyncio.run(main(sys.argv[1]))
"""


async def write_all(store: everstore.Store, name: str) -> None:
    """Ten checkpoints, writes of ten tasks and ten items, at places where another process writes, too."""
    saver, memory = EverstoreSaver(store), EverstoreStore(store)
    config: Any = CONFIG
    shared = {"configurable": {"thread_id": "t", "checkpoint_ns": "", "checkpoint_id": "shared"}}
    for number in range(10):
        config, _ = await put(saver, config, None, [name, number] * 40)
        await saver.aput_writes(shared, [("a", name), ("b", name)], f"task {number}")  # type: ignore[arg-type]  # a plain dict is what runs
        await memory.aput(("items",), f"{name} {number}", {"number": number})


def next_checkpoint(saver: EverstoreSaver, before: Any, messages: Any) -> tuple[Any, Any]:
    """A checkpoint after another, whose plan is the same."""
    versions = {} if before is None else before["channel_versions"]
    new = {"messages": saver.get_next_version(versions.get("messages"), None)}
    if before is None:
        new["plan"] = saver.get_next_version(None, None)
    told = {"channel_values": {"plan": LONG, "messages": messages}, "channel_versions": {**versions, **new}}
    return empty_checkpoint() | {"id": str(uuid6(clock_seq=-1))} | told, new


async def put(saver: EverstoreSaver, config: Any, before: Any, messages: Any) -> tuple[Any, Any]:
    checkpoint, new = next_checkpoint(saver, before, messages)
    return await saver.aput(config, checkpoint, METADATA, new), checkpoint


async def test_twenty_parallel_writes_of_one_task_are_one(store):
    saver = EverstoreSaver(store)
    config, _ = await put(saver, CONFIG, None, LONG)
    await asyncio.gather(
        *(saver.aput_writes(config, [("a", number), ("b", number)], "task") for number in range(20))
    )
    found = await saver.aget_tuple(config)
    assert found is not None
    assert found.pending_writes is not None
    [(_, first, one), (_, second, other)] = found.pending_writes
    assert (first, second) == ("a", "b")
    assert one == other  # of one call, never of two


async def test_parallel_writes_of_one_task_that_add_to_each_other_all_stay(store):
    saver = EverstoreSaver(store)
    config, _ = await put(saver, CONFIG, None, LONG)
    sizes = range(1, 21)
    await asyncio.gather(
        *(saver.aput_writes(config, [(f"c{place}", 0) for place in range(size)], "task") for size in sizes)
    )
    found = await saver.aget_tuple(config)
    assert found is not None
    assert [channel for _, channel, _ in found.pending_writes or ()] == [f"c{place}" for place in range(20)]


async def test_fifty_parallel_puts_and_writes_lose_nothing(store):
    saver = EverstoreSaver(store)
    first, before = await put(saver, CONFIG, None, LONG)
    await asyncio.gather(
        *(put(saver, first, before, [*LONG, number]) for number in range(50)),
        *(saver.aput_writes(first, [("messages", number)], f"task {number:02}") for number in range(50)),
    )
    found = [each async for each in saver.alist(CONFIG)]
    assert len(found) == 51
    assert sorted(each.checkpoint["channel_values"]["messages"][-1] for each in found[:-1]) == list(range(50))
    assert [value for _, _, value in found[-1].pending_writes or ()] == list(range(50))


async def test_a_put_after_the_thread_was_deleted_is_whole(store):
    """Elsewhere: this saver does not know of it."""
    saver = EverstoreSaver(store)
    config, checkpoint = await put(saver, CONFIG, None, LONG)
    await EverstoreSaver(store).adelete_thread("t")
    _, checkpoint = await put(saver, config, checkpoint, [*LONG, 1])
    found = await saver.aget_tuple(CONFIG)
    assert found is not None
    assert found.checkpoint == checkpoint  # the plan is there, although the put did not change it
    assert [each.checkpoint async for each in saver.alist(None)] == [checkpoint]  # and it is listed


async def test_a_put_after_a_deletion_is_whole_also_where_the_clock_stands_still(store):
    """Twice: nothing that is there then is of the time when it was there before."""
    saver, other = EverstoreSaver(store), EverstoreSaver(store)
    with clock.stopped():
        config, checkpoint = await put(saver, CONFIG, None, LONG)
        for remove in (other.adelete_thread("t"), other.aprune(["t"]), other.adelete_thread("t")):
            await put(other, config, checkpoint, ["another plan"])
            await remove
            config, checkpoint = await put(saver, config, checkpoint, [*LONG, 1])
            found = await other.aget_tuple(config)
            assert found is not None
            assert found.checkpoint == checkpoint


async def test_a_put_on_what_was_pruned_is_whole(store):
    """A run goes on from an old checkpoint, which somebody prunes meanwhile."""
    saver = EverstoreSaver(store)
    old, checkpoint = await put(saver, CONFIG, None, LONG)
    await put(saver, old, None, ["another plan"])
    await EverstoreSaver(store).aprune(["t"])
    config, checkpoint = await put(saver, old, checkpoint, [*LONG, 1])
    found = await saver.aget_tuple(config)
    assert found is not None
    assert found.checkpoint == checkpoint
    assert len([each async for each in saver.alist(CONFIG)]) == 2


async def test_what_is_put_while_others_delete_and_prune_is_whole_or_gone(store):
    saver, other = EverstoreSaver(store), EverstoreSaver(store)
    seen = asyncio.Event()

    async def remove() -> None:
        for turn in range(15):
            await (other.adelete_thread("t") if turn % 3 == 0 else other.aprune(["t"]))
            await asyncio.sleep(0)
        seen.set()

    async def look() -> None:
        while not seen.is_set():
            found = await other.aget_tuple(CONFIG)  # an error for a checkpoint of which a part is gone
            if found is not None:
                assert found.checkpoint["channel_values"]["plan"] == LONG
            async for each in other.alist(CONFIG):
                assert each.checkpoint["channel_values"]["plan"] == LONG
            await asyncio.sleep(0)

    async def write(name: str) -> tuple[Any, Any]:
        config, checkpoint = await put(saver, CONFIG, None, [name] * 40)
        while not seen.is_set():
            config, checkpoint = await put(saver, config, checkpoint, [*LONG, name])
            await asyncio.sleep(0)
        return await put(saver, config, checkpoint, [*LONG, name, "last"])

    last, another, *_ = await asyncio.gather(write("one"), write("two"), look(), remove())
    for config, checkpoint in (last, another):
        found = await saver.aget_tuple(config)
        assert found is not None
        assert found.checkpoint == checkpoint


async def test_an_item_put_while_it_is_read_keeps_its_own_time(store, monkeypatch):
    """A read lets an item stay longer; one that was put meanwhile without an end has none."""
    memory = EverstoreStore(store)
    storage = memory._storage
    await memory.aput(("n",), "k", {"v": 1}, ttl=1)
    touch = storage.touch_value

    async def late(key, *, ttl):
        monkeypatch.undo()
        await memory.aput(("n",), "k", {"v": 2}, ttl=None)
        return await touch(key, ttl=ttl)

    monkeypatch.setattr(storage, "touch_value", late)
    await memory.aget(("n",), "k")
    [row] = await storage.read_values("item/")
    assert row.expires_at is None


async def test_two_processes_lose_nothing(store, environment):
    if environment["EVERSTORE_BACKEND"] == "memory":
        return  # it is in one process
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, __file__, stdout=PIPE)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"
    await write_all(store, "one")
    assert await child.wait() == 0
    saver, memory = EverstoreSaver(store), EverstoreStore(store)
    found = [each.checkpoint["channel_values"]["messages"][:2] async for each in saver.alist(CONFIG)]
    assert sorted(found) == [[name, number] for name in ("child", "one") for number in range(10)]
    shared: Any = {"configurable": {**CONFIG["configurable"], "checkpoint_id": "shared"}}
    await saver.aput(CONFIG, {**empty_checkpoint(), "id": "shared"}, METADATA, {})
    written = await saver.aget_tuple(shared)
    assert written is not None
    pending = written.pending_writes or []
    assert [task for task, *_ in pending[::2]] == sorted(f"task {number}" for number in range(10))
    assert [value for *_, value in pending[::2]] == [value for *_, value in pending[1::2]]  # of one process
    assert len(await memory.asearch(("items",), limit=100)) == 20
