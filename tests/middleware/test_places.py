"""Where a store can be used: a backend that needs asyncio says so, in our words, and others need nothing."""

from __future__ import annotations

import asyncio

import pytest

import everstore
from everstore import new_session_id
from everstore.backends.memory import InMemorySessionStorageStore
from everstore.errors import BackendError, StoreContextError


def without_a_loop(work):
    """What a coroutine answers that is driven by hand: no event loop of asyncio runs."""
    try:
        work.send(None)
    except StopIteration as answer:
        return answer.value
    raise AssertionError("it waits")


async def _needs_asyncio():
    asyncio.get_running_loop()
    raise AssertionError("a loop runs")


async def _another_loops():
    raise RuntimeError("got Future attached to a different loop: hunter2")


def test_opening_without_asyncio_names_the_backend_that_needs_it(install_plugin, in_empty_folder):
    async def everstore_storage_store():
        asyncio.get_running_loop()
        return InMemorySessionStorageStore()

    install_plugin("looped", everstore_storage_store=everstore_storage_store)
    opening = everstore.open_store(environment={}, storage="looped")
    with pytest.raises(StoreContextError, match="backend 'looped': this backend needs asyncio") as caught:
        without_a_loop(opening.__aenter__())
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_memory_needs_no_asyncio(in_empty_folder):
    async def counted():
        async with everstore.open_store(environment={}) as store:
            return await store.storage.increment_value(new_session_id(), "n")

    assert without_a_loop(counted()) == 1


def test_a_verb_without_asyncio_says_what_is_missing(open_odd_store):
    store = without_a_loop(open_odd_store(_needs_asyncio, environment={}).__aenter__())
    with pytest.raises(StoreContextError, match="get_value: this backend needs asyncio"):
        without_a_loop(store.storage.get_value(new_session_id(), "k"))


def test_a_verb_on_another_loop_says_whose_the_store_is(open_odd_store):
    store = asyncio.run(open_odd_store(_another_loops, environment={}).__aenter__())
    with pytest.raises(
        StoreContextError, match="get_value: the store belongs to another event loop"
    ) as caught:
        asyncio.run(store.storage.get_value(new_session_id(), "k"))
    assert "hunter2" not in str(caught.value)


async def test_the_same_failure_on_its_own_loop_is_the_backends(open_odd_store):
    async with open_odd_store(_another_loops, environment={}) as store:
        with pytest.raises(BackendError, match="get_value failed with RuntimeError"):
            await store.storage.get_value(new_session_id(), "k")


def test_closing_on_another_loop_says_whose_the_store_is(install_plugin, in_empty_folder):
    class Storage(InMemorySessionStorageStore):
        async def close(self):
            await _another_loops()

    install_plugin("looped", everstore_storage_store=lambda: Storage())  # noqa: PLW0108 - a hook is a function
    store = asyncio.run(everstore.open_store(environment={}, storage="looped").__aenter__())
    with pytest.raises(StoreContextError, match="close: the store belongs to another event loop") as caught:
        asyncio.run(store.close())
    assert "hunter2" not in str(caught.value)
