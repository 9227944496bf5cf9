"""One clock for all backends, turned; and a session that cannot be created."""

from __future__ import annotations

import pytest

import everstore
from everstore.clock import turned
from everstore.errors import ParentNotDirectoryError

DAY = 86_400


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    settings = {"sqlite_path": tmp_path / "x.db"} if request.param == "sqlite" else {}
    async with everstore.open_store(backend=request.param, environment={}, **settings) as opened:
        yield opened


@pytest.fixture
def work(store):
    return store.session(everstore.new_session_id())


async def test_a_time_to_live_counts_from_the_clock(work):
    with turned(30 * DAY):
        await work.storage.set_value("k", "x")
    await work.storage.set_value("k", "y", ttl=60)
    with turned(61):
        assert await work.storage.get_value("k") is None


@pytest.mark.parametrize("seconds", [0, -DAY, DAY])
async def test_updated_at_moves(work, seconds):
    was = await work.files.write_file("a", "1")
    await work.storage.set_value("k", "1")
    value = await work.storage.stat_value("k")
    with turned(seconds):
        now = await work.files.write_file("a", "2")
        assert now.updated_at > was.updated_at
        assert now.created_at == was.created_at
        await work.storage.set_value("k", "2")
        assert (await work.storage.stat_value("k")).updated_at > value.updated_at
        assert (await work.files.move_file("a", "b")).updated_at > now.updated_at


async def test_an_id_tells_nothing_of_the_session(work):
    low = (1 << 62) - 1
    written = await work.files.write_file("a", "1")
    assert (written.id.int ^ written.serial ^ work.id.int) & low >> 8 != 0
    assert written.id.version == 7


async def test_a_session_that_cannot_be_created_leaves_nothing(store):
    files = [everstore.InitialFile("a", "x"), everstore.InitialFile("a/b", "x")]
    with pytest.raises(ParentNotDirectoryError) as caught:
        await store.create_session(files=files)
    assert await store.session(caught.value.session_id).files.list_directory() == []
