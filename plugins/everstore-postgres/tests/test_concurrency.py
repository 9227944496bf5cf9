"""Writers on different connections and machines: a tree stays a tree, counts stay exact, nobody deadlocks."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

import everstore
from everstore.errors import BackendError, EverstoreError, QuotaExceededError, RevisionConflictError

NAMES = ["a", "b", "c"]


LIMITS = {"limits__session_entries": 10**6, "limits__session_bytes": 10**9}


@asynccontextmanager
async def _stores(settings, *limits):
    """Stores with connections of their own, as machines have them, each with its limits."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                everstore.open_store(**settings, **limit, postgres_pool_max_size=4)
            )
            for limit in limits
        ]


@pytest.fixture
async def stores(settings):
    """Four stores without limits."""
    async with _stores(settings, {}, {}, {}, {}) as opened:
        yield opened


def _path(chance: random.Random) -> str:
    return "/" + "/".join(chance.choices(NAMES, k=chance.randint(1, 4)))


async def _work(files, chance: random.Random, session_id) -> None:
    for _ in range(60):
        path, other = _path(chance), _path(chance)
        verb, *args = chance.choice(
            [
                ("write_file", path, "x" * chance.randrange(50)),
                ("append_file", path, "more"),
                ("edit_file", path, "m", "M"),
                ("create_directory", path),
                ("delete_file", path),
                ("delete_file", path, True),
                ("move_file", path, other),
                ("copy_file", path, other),
            ]
        )
        options = {
            "write_file": {"if_absent": chance.random() < 0.3},
            "move_file": {"overwrite": chance.random() < 0.5},
        }
        try:
            await getattr(files, verb)(session_id, *args, **options.get(verb, {}))
        except BackendError:
            raise
        except EverstoreError:
            pass  # refusals are answers, too


async def _check_tree(store, session_id) -> None:
    """Every entry is in a directory that exists, and is listed there once."""
    pending, seen = ["/"], set()
    while pending:
        for info in await store.file_system.list_directory(session_id, pending.pop()):
            assert info.path not in seen
            seen.add(info.path)
            if info.is_directory:
                pending.append(info.path)


@pytest.mark.parametrize("limits", [[{}, {}], [LIMITS, LIMITS], [LIMITS, {}]], ids=["none", "all", "some"])
async def test_a_tree_stays_a_tree_under_writers_of_every_kind(settings, database, limits):
    session_id = everstore.new_session_id()
    async with _stores(settings, *limits, *limits) as stores, asyncio.timeout(60):
        await asyncio.gather(
            *(
                _work(stores[number % 4].file_system, random.Random(f"{len(limits)} {number}"), session_id)
                for number in range(12)
            )
        )
        await _check_tree(stores[0], session_id)
    orphans = await database.fetch(
        "SELECT f.place FROM files f WHERE f.depth > 1 AND NOT EXISTS (SELECT FROM files p"
        " WHERE p.session_id = f.session_id AND p.depth = f.depth - 1 AND p.kind = 'd'"
        " AND p.place = ancestor(f.place, f.depth - 1))"
    )
    assert orphans == []
    # What is counted for limits is so; where somebody wrote without one, it may have to be counted again.
    counted = await database.fetch("SELECT entries, bytes FROM usage")
    actual = await database.fetch("SELECT count(*) AS entries, sum(size) AS bytes FROM files")
    assert counted == actual or (counted == [] and {} in limits)


async def test_a_session_that_grew_without_limits_is_counted_when_there_is_one(settings):
    session_id = everstore.new_session_id()
    limits = {"limits__session_entries": 3, "limits__session_bytes": 100}
    async with _stores(settings, {}, limits) as (free, limited):
        for name in ("a", "b"):
            await free.file_system.write_file(session_id, name, "x" * 30)
        await limited.file_system.write_file(session_id, "c", "x" * 30)
        with pytest.raises(QuotaExceededError, match="SESSION_ENTRIES"):
            await limited.file_system.write_file(session_id, "d", "x")
        await free.file_system.delete_file(session_id, "a")
        await limited.file_system.write_file(session_id, "d", "x" * 40)
        with pytest.raises(QuotaExceededError, match="SESSION_BYTES"):
            await limited.file_system.append_file(session_id, "b", "x")
        await free.file_system.write_file(session_id, "d", "x" * 39)
        await limited.file_system.append_file(session_id, "b", "x")


async def test_no_update_is_lost_between_stores(stores):
    session_id = everstore.new_session_id()
    files = [store.file_system for store in stores]
    await files[0].write_file(session_id, "list.txt", "".join(f"<{number}>\n" for number in range(40)))
    await asyncio.gather(
        *(
            files[number % 4].edit_file(session_id, "list.txt", f"<{number}>", f"[{number}]")
            for number in range(40)
        ),
        *(files[number % 4].append_file(session_id, "log.txt", f"{number}\n") for number in range(40)),
        *(stores[number % 4].storage.increment_value(session_id, "count", number) for number in range(40)),
    )
    edited = await files[0].read_file(session_id, "list.txt")
    assert edited.content == "".join(f"[{number}]\n" for number in range(40))
    log = await files[0].read_file(session_id, "log.txt")
    assert sorted(map(int, log.content.split())) == list(range(40))
    assert await stores[0].storage.get_value(session_id, "count") == str(sum(range(40)))


async def test_one_of_many_writers_finds_nothing_there(stores):
    session_id = everstore.new_session_id()

    async def first(number):
        try:
            await stores[number % 4].file_system.write_file(
                session_id, "deep/in/it", str(number), if_absent=True
            )
        except RevisionConflictError:
            return None
        return number

    async def first_value(number):
        try:
            await stores[number % 4].storage.set_value(session_id, "key", str(number), if_absent=True)
        except RevisionConflictError:
            return None
        return number

    winners = [each for each in await asyncio.gather(*map(first, range(20))) if each is not None]
    assert [(await stores[1].file_system.read_file(session_id, "deep/in/it")).content] == list(
        map(str, winners)
    )
    winners = [each for each in await asyncio.gather(*map(first_value, range(20))) if each is not None]
    assert [await stores[1].storage.get_value(session_id, "key")] == list(map(str, winners))


async def test_a_limit_is_exact_under_writers_of_several_stores(settings):
    limits = {"limits__session_entries": 12, "limits__session_bytes": 45}
    session_id = everstore.new_session_id()
    async with (
        everstore.open_store(**settings, **limits) as one,
        everstore.open_store(**settings, **limits) as two,
    ):

        async def write(number):
            try:
                store = (one, two)[number % 2]
                await store.file_system.write_file(session_id, f"d{number % 3}/{number}", "12345")
            except QuotaExceededError:
                return 0
            return 1

        assert sum(await asyncio.gather(*map(write, range(30)))) == 9
        assert len(await two.file_system.glob_files(session_id, "**")) == 9


async def test_writers_of_one_session_do_not_wait_for_each_other(settings, database):
    """Two files, two transactions: the second commits while the first is open."""
    session_id = everstore.new_session_id()
    async with everstore.open_store(**settings) as store:
        await store.file_system.write_file(session_id, "dir/one", "1")
        await store.file_system.write_file(session_id, "dir/two", "2")
        async with database.transaction():
            await database.fetch(
                "SELECT * FROM put_file('write', $1, '/dir/one', 2, '/dir/one', '/dir', 't', '\\x31323334',"
                " NULL, false, NULL, NULL, NULL, NULL, NULL)",
                session_id,
            )
            async with asyncio.timeout(10):
                await store.file_system.write_file(session_id, "dir/two", "22")
                await store.file_system.write_file(session_id, "dir/three", "3")
                await store.file_system.create_directory(session_id, "dir/four")
                one = await store.file_system.read_file(session_id, "dir/one")
        assert one.content == "1"
        assert (await store.file_system.read_file(session_id, "dir/one")).content == "1234"
