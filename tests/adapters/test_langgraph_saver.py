"""``EverstoreSaver``: ids of any text, any loop and thread, serializers, what is removed and what stays."""

from __future__ import annotations

import asyncio
import sys
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.base.id import uuid6
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer

import everstore
from everstore import sync
from everstore.adapters.langgraph import EverstoreSaver, EverstoreStore
from everstore.adapters.naming import id_of_names, names_of
from everstore.errors import DataDamagedError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langgraph.checkpoint.base import BaseCheckpointSaver

NAMES = ["a/b", "~#~0/", "\N{PILE OF POO} ../..", "x" * 10_000, "a\0b", "thread", "record", "%2F", " ", ""]
LONG = ["m"] * 40


def config_of(thread: str, checkpoint_id: str | None = None, namespace: str = "") -> Any:
    place = {"thread_id": thread, "checkpoint_ns": namespace}
    return {"configurable": place if checkpoint_id is None else {**place, "checkpoint_id": checkpoint_id}}


def checkpoint_of(saver: BaseCheckpointSaver[Any], before: Any = None, **changed: Any) -> tuple[Any, Any]:
    """A checkpoint after another, with other values in some channels, and their versions."""
    versions = {} if before is None else before["channel_versions"]
    new = {channel: saver.get_next_version(versions.get(channel), None) for channel in changed}
    values = {} if before is None else before["channel_values"]
    told = {"channel_values": {**values, **changed}, "channel_versions": {**versions, **new}}
    return empty_checkpoint() | {"id": str(uuid6(clock_seq=-1))} | told, new


async def put(
    saver: BaseCheckpointSaver[Any], config: Any, before: Any = None, **changed: Any
) -> tuple[Any, Any]:
    """Put the next checkpoint; its config and itself."""
    checkpoint, new = checkpoint_of(saver, before, **changed)
    metadata: Any = {"source": "loop", "step": 0, "parents": {}, "run_id": changed.get("run")}
    return await saver.aput(config, checkpoint, metadata, new), checkpoint


async def threads_of(saver: EverstoreSaver) -> set[str]:
    return {found.config["configurable"]["thread_id"] async for found in saver.alist(None)}


async def test_ids_are_any_text(store):
    saver = EverstoreSaver(store)
    for name in NAMES:
        config, checkpoint = await put(saver, config_of(name, namespace=name), **{name: LONG})
        await saver.aput_writes(config, [(name, name)], name, name)
        found = await saver.aget_tuple(config_of(name, namespace=name))
        assert found is not None
        assert found.checkpoint == checkpoint
        assert found.config == config
        assert found.pending_writes == [(name, name, name)]
    assert await threads_of(saver) == set(NAMES)
    labelled = await store.sessions.list_sessions(labels={"framework": "langgraph"})
    assert {names_of(each, "thread")["thread"] for each in labelled} == set(NAMES)
    for name in NAMES:
        await saver.adelete_thread(name)
    assert await store.session_ids() == []


async def test_a_name_that_is_no_text_is_refused_before_anything_is_written(store):
    saver = EverstoreSaver(store)
    await put(saver, config_of("t"))
    with pytest.raises(InvalidArgumentError, match="lone surrogates"):
        await put(saver, config_of("\ud800"))
    with pytest.raises(InvalidArgumentError, match="lone surrogates"):
        await saver.acopy_thread("t", "\ud800")
    assert len(await store.session_ids()) == 1


async def test_only_what_changed_is_written(store):
    saver = EverstoreSaver(store)
    storage = store.session(id_of_names("langgraph", {"thread": "t"})).storage
    config, checkpoint = await put(saver, config_of("t"), plan=LONG, messages=LONG, user="somebody")
    before = {each.key: each.revision for each in await storage.list_keys("channel/")}
    assert [key.split("/")[2] for key in before] == ["messages", "plan"]  # what is small needs no row
    config, checkpoint = await put(saver, config, checkpoint, messages=[*LONG, "more"])
    after = {each.key: each.revision for each in await storage.list_keys("channel/")}
    assert {key.split("/")[2] for key in after.keys() - before.keys()} == {"messages"}
    assert before.items() <= after.items()
    found = await saver.aget_tuple(config_of("t"))
    assert found is not None
    assert found.checkpoint == checkpoint


async def test_a_list_may_be_long_and_may_be_left(store):
    saver = EverstoreSaver(store)
    config, checkpoint = config_of("t"), None
    for number in range(40):
        config, checkpoint = await put(saver, config, checkpoint, messages=[*LONG, number])
    found = [
        each.checkpoint["channel_values"]["messages"][-1]
        async for each in saver.alist(config_of("t"), limit=10)
    ]
    assert found == list(range(39, 29, -1))
    stopped = saver.alist(config_of("t"))
    async for each in stopped:
        assert each.checkpoint == checkpoint
        break
    await stopped.aclose()  # type: ignore[attr-defined] # it is a generator
    everywhere = [each.metadata async for each in saver.alist({"configurable": {"thread_id": "t"}})]
    assert len(everywhere) == 40
    last: Any = {"configurable": {"checkpoint_id": config["configurable"]["checkpoint_id"]}}  # of no thread
    assert len([each async for each in saver.alist(config_of("t"), before=last)]) == 39


async def test_what_looks_leaves_nothing_for_the_loop_to_close(store):
    saver, memory = EverstoreSaver(store), EverstoreStore(store)
    config, checkpoint = config_of("t"), None
    for number in range(12):
        config, checkpoint = await put(saver, config, checkpoint, messages=[*LONG, number])
        await memory.aput(("n",), str(number), {})
    left: list[Any] = []
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(finalizer=left.append)
    try:
        assert await saver.aget_tuple(config_of("t")) is not None
        assert await saver.aget_tuple(config) is not None
        assert len([each async for each in saver.alist(config_of("t"), limit=5)]) == 5
        assert len([each async for each in saver.alist({"configurable": {"thread_id": "t"}}, limit=5)]) == 5
        assert len(await memory.asearch(("n",), limit=5)) == 5
    finally:
        sys.set_asyncgen_hooks(*hooks)
    assert left == []


async def test_checkpoints_are_kept_as_a_serializer_makes_them(store):
    class Reversing:
        def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
            return "reversed", plaintext[::-1]

        def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
            assert ciphername == "reversed"
            return ciphertext[::-1]

    saver = EverstoreSaver(store, serde=EncryptedSerializer(Reversing()))
    config, checkpoint = await put(
        saver, config_of("t"), messages=["a word that nobody may read"] * 9, small="word"
    )
    await saver.aput_writes(config, [("messages", "word")], "task")
    found = await saver.with_allowlist([("a", "b")]).aget_tuple(config)
    assert found is not None
    assert (found.checkpoint, found.pending_writes) == (checkpoint, [("task", "messages", "word")])
    storage = store.session(id_of_names("langgraph", {"thread": "t"})).storage
    assert all("+reversed" in row.value for row in await storage.read_values("ch"))


@pytest.mark.parametrize("kind", ["text", "other text", "bytes"])
async def test_a_checkpoint_takes_little_more_room_than_what_a_serializer_makes(store, kind):
    saver = EverstoreSaver(store)
    kinds = {"text": "likes tea, \0 " * 400, "other text": "\N{CJK UNIFIED IDEOGRAPH-8336}" * 2000}
    value = kinds.get(kind, bytes(range(256)) * 20)
    config, checkpoint = await put(saver, config_of("t"), messages=[value])
    await saver.aput_writes(config, [("messages", value)], "task")
    found = await saver.aget_tuple(config)
    assert found is not None
    assert found.checkpoint == checkpoint
    assert found.pending_writes == [("task", "messages", value)]
    rows = await store.session(id_of_names("langgraph", {"thread": "t"})).storage.read_values()
    values = [row.value for row in rows if "write/" in row.key or row.key.startswith("channel/")]
    made = len(saver.serde.dumps_typed(value)[1])
    assert [len(each.encode()) < 1.35 * made + 100 for each in values] == [True, True]


async def test_a_lost_value_is_told_not_left_out(store):
    saver = EverstoreSaver(store)
    config, _ = await put(saver, config_of("t"), messages=LONG)
    storage = store.session(id_of_names("langgraph", {"thread": "t"})).storage
    [key] = [each.key for each in await storage.list_keys("channel/")]
    await storage.delete_value(key)
    with pytest.raises(DataDamagedError, match="messages"):
        await saver.aget_tuple(config)


async def test_pruning_keeps_what_the_latest_needs(store):
    saver = EverstoreSaver(store)
    config, checkpoint = await put(saver, config_of("t"), plan=LONG, messages=LONG)
    for number in range(5):
        await saver.aput_writes(config, [("messages", number)], f"task {number}")
        config, checkpoint = await put(saver, config, checkpoint, messages=[*LONG, number])
    await saver.aput_writes(config, [("messages", "pending")], "task")
    await saver.aprune(["t", "nobody"])
    [found] = [each async for each in saver.alist(config_of("t"))]
    assert found.checkpoint == checkpoint
    assert found.pending_writes == [("task", "messages", "pending")]
    storage = store.session(id_of_names("langgraph", {"thread": "t"})).storage
    assert len(await storage.list_keys("channel/")) == 2
    with pytest.raises(InvalidArgumentError, match="keep_latest"):
        await saver.aprune(["t"], strategy="some")


async def test_a_pruning_that_is_interrupted_leaves_no_writes_without_their_checkpoint(store):
    saver = EverstoreSaver(store)
    storage = store.session(id_of_names("langgraph", {"thread": "t"})).storage
    for steps in range(30):
        config, checkpoint = config_of("t"), None
        for number in range(3):
            config, checkpoint = await put(saver, config, checkpoint, messages=[*LONG, number])
            await saver.aput_writes(config, [("messages", number)], "task")
        pruning = asyncio.create_task(saver.aprune(["t"]))
        for _ in range(steps):
            await asyncio.sleep(0)
        pruning.cancel()
        await asyncio.wait([pruning])
        keys = {each.key for each in await storage.list_keys("checkpoint/")}
        written = {key.partition("/write/")[0] + "/record" for key in keys if "/write/" in key}
        assert written == {key for key in keys if key.endswith("/record")}
        found = [each async for each in saver.alist(config_of("t"))]
        assert found[0].checkpoint == checkpoint
        assert all(each.pending_writes for each in found)


async def test_a_run_is_deleted_wherever_it_is(store):
    saver = EverstoreSaver(store)
    kept, checkpoint = await put(saver, config_of("t"), messages=LONG, run="one")
    await put(saver, kept, checkpoint, messages=[*LONG, 1], run="two")
    await put(saver, config_of("u"), run="two")
    await saver.adelete_for_runs(["two", "three"])
    [found] = [each async for each in saver.alist(None)]
    assert (found.config, found.checkpoint) == (kept, checkpoint)


def test_it_is_called_from_any_thread_and_any_loop(environment):
    with sync.open_store() as store:
        saver = EverstoreSaver(store)

        async def elsewhere(number: int) -> None:
            config, checkpoint = await put(saver, config_of(f"t {number}"), messages=[*LONG, number])
            found = await saver.aget_tuple(config)
            assert found is not None
            assert found.checkpoint == checkpoint
            assert [each.checkpoint async for each in saver.alist(config_of(f"t {number}"))] == [checkpoint]

        threads = [Thread(target=asyncio.run, args=[elsewhere(number)]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = [each.checkpoint["channel_values"]["messages"][-1] for each in saver.list(None)]
        assert sorted(found) == list(range(8))
        checkpoint, new = checkpoint_of(saver, messages=LONG)
        config = saver.put(config_of("t 0"), checkpoint, {}, new)
        saver.put_writes(config, [("messages", 1)], "task")
        latest = saver.get_tuple(config_of("t 0"))
        assert latest is not None
        assert (latest.checkpoint, latest.pending_writes) == (checkpoint, [("task", "messages", 1)])
        saver.copy_thread("t 0", "copy")
        saver.prune(["copy"])
        assert [each.checkpoint for each in saver.list(config_of("copy"))] == [checkpoint]
        assert (
            saver.get_delta_channel_history(config=config, channels=["messages"])["messages"]["writes"] == []
        )
        saver.delete_for_runs(["nobody's"])
        saver.delete_thread("t 0")
        assert saver.get_tuple(config_of("t 0")) is None


async def test_a_call_that_would_block_its_own_loop_is_refused():
    async with everstore.open_store() as store:
        saver = EverstoreSaver(store)
        config, checkpoint = await put(saver, config_of("t"), messages=LONG)
        with pytest.raises(asyncio.InvalidStateError, match="synchronous call"):
            saver.get_tuple(config)
        found = await asyncio.to_thread(saver.get_tuple, config)  # a synchronous node of a graph
        assert found is not None
        assert found.checkpoint == checkpoint
        listed: Iterator[Any] = saver.list(config)
        assert [each.checkpoint for each in await asyncio.to_thread(list, listed)] == [checkpoint]
