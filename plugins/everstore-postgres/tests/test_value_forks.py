"""Forks of values beside whoever writes: of one moment, and in one order with all that others do."""

from __future__ import annotations

import asyncio
import contextlib
import time
from itertools import count

import pytest

import everstore
from everstore import new_session_id
from everstore.changes import DeleteValue, Increment, SetValue
from everstore.errors import QuotaExceededError, SessionNotEmptyError


@pytest.fixture
async def stores(settings):
    async with everstore.open_store(**settings) as one, everstore.open_store(**settings) as two:
        yield one.storage, two.storage


@contextlib.asynccontextmanager
async def at_it(*writers):
    """Writers that write until the block ends; each takes a number from 0 on."""
    ended = asyncio.Event()

    async def write(writer):
        for number in count():
            if ended.is_set():
                break
            await writer(number)

    async with asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(write(writer))
        try:
            yield
        finally:
            ended.set()


async def texts(storage, session_id):
    return {each.key: each.value for each in await storage.read_values(session_id)}


async def test_a_fork_is_of_one_moment_under_writers(stores):
    one, two = stores
    session = new_session_id()
    await one.set_values(session, {"here": "0", "a": "0", "b": "0"})
    await one.set_values(session, {f"key {number}": "x" for number in range(200)})

    async def move(number):
        gone, come = ("here", "there") if number % 2 == 0 else ("there", "here")
        await two.change_values(session, [DeleteValue(gone), SetValue(come, str(number))])

    async def together(number):
        await one.set_values(session, {"a": str(number), "b": str(number)})

    async with at_it(move, together):
        for _ in range(20):
            fork = new_session_id()
            await one.fork_session(session, fork)
            found = await texts(two, fork)
            assert ("here" in found) != ("there" in found)
            assert found["a"] == found["b"]
            assert len(found) == 203


class Rewinding:
    """A session that is put back again and again, each time to what a session of that generation has."""

    def __init__(self, storage):
        self.storage = storage
        self.session = new_session_id()
        self.replaced = []
        self.spans = []  # from when to when each of them was at it

    async def start(self):
        self.source = new_session_id()
        many = {f"key {number}": "x" for number in range(300)}
        first = {"generation": "0", "kept": "source", "gone": "source"}
        await self.storage.set_values(self.source, first | many)
        await self.storage.fork_session(self.source, self.session)

    async def rewind(self):
        await self.storage.set_value(self.source, "generation", str(len(self.replaced) + 1))
        replaced = new_session_id()
        began = time.monotonic()
        await self.storage.fork_session(self.source, self.session, replaced=replaced)
        self.spans.append((began, time.monotonic()))
        self.replaced.append(replaced)

    def was_put_back(self, after, before):
        """Whether it was certainly put back between two moments."""
        return any(after < began and ended < before for began, ended in self.spans)


async def test_nothing_that_is_set_or_deleted_beside_a_rewind_is_lost_or_out_of_order(stores):
    one, two = stores
    work = Rewinding(one)
    await work.start()
    session = work.session
    written, seen, wrong = [], [], []
    deleted_at = [0.0]  # and when each deletion was answered that found something

    async def add(number):
        await two.set_value(session, f"new {number}", f"{number}")
        written.append((f"new {number}", f"{number}"))

    async def replace(number):
        await two.set_value(session, "kept", f"set {number}", **({"ttl": 1000} if number % 2 else {}))

    async def increment(number):
        key = f"counted {number % 7}"
        await two.change_values(session, [Increment(key), SetValue(f"after {number}", str(number))])
        written.append((f"after {number}", f"{number}"))

    async def delete(number):
        began = time.monotonic()
        answer = await two.delete_value(session, "gone")
        if not answer and work.was_put_back(deleted_at[-1], began):
            wrong.append(f"deletion {number} found nothing")
        if answer:
            deleted_at.append(time.monotonic())

    async def touch(number):
        if not await two.touch_value(session, "kept", ttl=1000 + number):
            wrong.append(f"touch {number} found nothing")

    async def look(_):
        seen.append(await texts(two, session))

    async with at_it(add, replace, increment, delete, touch, look):
        for _ in range(40):
            await work.rewind()
    assert wrong == []
    kept = [await texts(one, each) for each in (*work.replaced, session)]
    assert [each["generation"] for each in kept] == [str(number) for number in range(41)]
    assert sum("gone" not in each for each in kept) == len(deleted_at) - 1  # once a generation at most
    assert [pair for pair in written if sum(pair in each.items() for each in kept) != 1] == []
    generations = {}
    for found in (*seen, *kept):
        for pair in found.items():
            if pair[0].startswith(("new", "after")) or pair[1].startswith("set"):
                generations.setdefault(pair, set()).add(found["generation"])
    assert {pair: many for pair, many in generations.items() if len(many) > 1} == {}


async def test_a_fork_into_a_session_that_somebody_writes_to_is_first_or_refused(stores):
    one, two = stores
    source = new_session_id()
    await one.set_values(source, {f"key {number}": "x" for number in range(50)})
    outcomes = set()
    for number in range(60):
        target = new_session_id()

        async def fork(target=target):
            with contextlib.suppress(SessionNotEmptyError):
                await one.fork_session(source, target)
                return True
            return False

        write = two.increment_value if number % 2 else two.set_value
        arguments = ("new", 1) if number % 2 else ("new", "1")
        is_forked, _ = await asyncio.gather(fork(), write(target, *arguments))
        assert len(await two.list_keys(target)) == (51 if is_forked else 1)
        outcomes.add(is_forked)
    assert outcomes


async def test_limits_hold_beside_forks(settings):
    """A fork takes the limits along: the first set behind it is held to them."""
    limits = {"session_keys": 3}
    async with everstore.open_store(**settings) as store:
        source = await store.create_session(limits=limits)
        for key in "abc":
            await store.storage.set_value(source.id, key, "x")
        target, replaced = new_session_id(), new_session_id()
        await store.storage.fork_session(source.id, target)
        with pytest.raises(QuotaExceededError):
            await store.storage.set_value(target, "d", "x")
        await store.storage.fork_session(new_session_id(), target, replaced=replaced)
        await store.storage.set_value(replaced, "d", "x")  # limits stay where they are
        await store.storage.set_values(target, dict.fromkeys("abc", "x"))
        with pytest.raises(QuotaExceededError):
            await store.storage.set_value(target, "d", "x")


async def test_what_a_fork_waits_for_keeps_no_other_session_waiting(settings, database, stores):
    one, two = stores
    source, target, other = (new_session_id() for _ in range(3))
    await one.set_value(source, "key", "x")
    async with database.transaction():
        await database.execute("SELECT pg_advisory_xact_lock_shared(uuid_hash_extended($1, 3))", target)
        fork = asyncio.ensure_future(one.fork_session(source, target))
        async with asyncio.timeout(10):
            while not await database.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - the server's
                await asyncio.sleep(0.01)
            await asyncio.gather(*(two.set_value(other, str(number), "x") for number in range(30)))
            await two.set_value(source, "key", "y")
        assert not fork.done()
    await fork
    assert await texts(two, target) in ({"key": "x"}, {"key": "y"})


async def test_lists_of_records_are_ranges_of_their_indexes(store, database):
    """Whatever checkpoints there are."""
    await database.execute("SET enable_seqscan = off; SET enable_sort = off")
    is_session, is_checkpoint = (f"substr(uuid_send(id), 7, 4) {op} '\\x8ec0ba5e'" for op in ("<>", "="))
    order = "ORDER BY created_ns DESC, id DESC LIMIT 10"
    one = f"'{new_session_id()}'"
    for condition, index in (
        (is_session, "sessions_by_age"),
        (f"{is_session} AND (created_ns, id) < (5, {one})", "sessions_by_age"),
        (
            f"{is_checkpoint} AND parent = {one} AND (created_ns, id) < (5, {one})",
            "checkpoints_by_age",
        ),
    ):
        rows = await database.fetch(f"EXPLAIN SELECT * FROM sessions WHERE {condition} {order}")
        plan = "\n".join(row[0] for row in rows)
        assert index in plan
        assert "Sort" not in plan
