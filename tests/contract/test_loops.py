"""Other event loops than the one a store was opened on: right answers, or ``StoreContextError``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import trio

import everstore
from everstore import new_session_id
from everstore.errors import StoreClosedError, StoreContextError, UnsupportedError

if TYPE_CHECKING:
    from uuid import UUID


async def _prepared(store, calls) -> list[tuple[Any, UUID]]:
    """Each call with a session of its own, in which it finds what it is about."""
    made = []
    for call in calls:
        session_id = (await store.create_session("kept")).id
        await store.file_system.write_file(session_id, "kept.txt", "kept")
        await store.storage.set_value(session_id, "kept", "kept")
        await store.storage.set_secret(session_id, "kept", "kept")
        if call.verb == "add_session":
            session_id = new_session_id()
        made.append((call, session_id))
    return made


async def _used(store, prepared) -> set[str]:
    """Make every call: which verbs answered. The others refused."""
    answered = set()
    for call, session_id in prepared:
        try:
            await call.on(store, session_id)
        except (StoreContextError, UnsupportedError):
            continue
        answered.add(call.verb)
    return answered


async def _is_closed(store) -> bool:
    try:
        await store.storage.get_value(new_session_id(), "kept")
    except StoreClosedError:
        return True
    return False


async def _counts(store, session_id, before=0) -> None:
    counts = [await store.storage.increment_value(session_id, "n") for _ in range(3)]
    assert counts == [before + number for number in (1, 2, 3)]


def test_on_a_second_run_of_asyncio_a_store_answers_or_refuses_and_closes(backend, calls):
    session_id, opening = new_session_id(), everstore.open_store(**backend)

    async def first():
        store = await opening.__aenter__()
        await _counts(store, session_id)
        return store, await _prepared(store, calls)

    async def second():
        if "increment_value" in await _used(store, prepared):
            await _counts(store, session_id, 3)
        await opening.__aexit__(None, None, None)
        assert await _is_closed(store)

    store, prepared = asyncio.run(first())
    asyncio.run(second())


async def test_on_the_loop_of_another_thread_it_answers_or_refuses_and_closes(backend, calls):
    """Beside calls on its own loop, which go on."""
    session_id = new_session_id()
    async with everstore.open_store(**backend) as store:
        prepared = await _prepared(store, calls)
        busy = [asyncio.ensure_future(store.storage.increment_value(session_id, "busy")) for _ in range(20)]
        await asyncio.to_thread(lambda: asyncio.run(_used(store, prepared)))
        assert sorted(await asyncio.gather(*busy)) == list(range(1, 21))
        await _counts(store, session_id)
        await asyncio.to_thread(lambda: asyncio.run(store.close()))
        assert await _is_closed(store)


def test_under_trio_a_store_does_all_or_is_not_opened(backend, calls):
    async def use():
        async with everstore.open_store(**backend) as store:
            prepared = await _prepared(store, calls)
            assert await _used(store, prepared) >= {call.verb for call, _ in prepared}
            await _counts(store, new_session_id())

    if backend["backend"] in {"memory", "minimal"}:
        trio.run(use)
        return
    with pytest.raises(StoreContextError, match="needs asyncio"):
        trio.run(use)


async def test_a_store_of_asyncio_answers_or_refuses_under_trio(backend, calls):
    session_id = new_session_id()
    async with everstore.open_store(**backend) as store:
        prepared = await _prepared(store, calls)
        await asyncio.to_thread(lambda: trio.run(_used, store, prepared))
        with pytest.raises(StoreContextError):
            await asyncio.to_thread(lambda: trio.run(store.close))
        await _counts(store, session_id)
