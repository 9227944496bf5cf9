"""Readers wait neither for the writer nor for each other, and always see what was acknowledged."""

from __future__ import annotations

import asyncio
import threading

import pytest

from everstore import errors

LARGE = "0123456789abcdef" * 65_536  # 1 MiB: more than a look-up on the event loop's thread reads


@pytest.fixture(params=[True, False], ids=["direct", "threads"])
async def store(request, opened):
    """A store that looks single entries up on the event loop's thread, or else on a thread of its own."""
    async with opened(direct_reads=request.param) as store:
        yield store


async def fill(work) -> None:
    await work.files.write_file("dir/a.txt", "text\0with\r\nNUL")
    await work.files.write_file("large.txt", LARGE)
    await work.files.write_file("large.bin", "AAAA" * 100_000, "base64")
    await work.storage.set_value("key", "value\0")
    await work.storage.set_value("large", LARGE)
    await work.storage.set_secret("name", "secret")


async def look(work) -> None:
    assert (await work.files.read_file("dir/a.txt")).content == "text\0with\r\nNUL"
    assert (await work.files.read_file("large.txt")).content == LARGE
    assert (await work.files.read_file("large.bin")).content == "AAAA" * 100_000
    assert (await work.files.stat_file("large.bin")).size_bytes == 300_000
    assert (await work.files.read_file("dir")).is_directory
    assert await work.files.read_file("missing") is None
    assert [info.name for info in await work.files.list_directory()] == ["dir", "large.bin", "large.txt"]
    assert (await work.files.read_lines("dir/a.txt", 2)).lines[0].text == "NUL"
    assert await work.storage.get_value("key") == "value\0"
    assert await work.storage.get_value("large") == LARGE
    assert await work.storage.get_value("missing") is None
    assert await work.storage.get_secret("name") == "secret"
    assert [info.key for info in await work.storage.list_keys()] == ["key", "large"]
    assert [match.line_number for match in await work.files.grep_files("NUL")] == [2]


async def test_every_size_is_read(store, work):
    await fill(work)
    await look(work)


async def test_nothing_waits_for_somebody_who_writes(store, work, raw):
    await fill(work)
    raw("BEGIN IMMEDIATE")
    raw("DELETE FROM entries")
    await asyncio.wait_for(look(work), 5)
    raw("ROLLBACK")


async def test_what_was_written_is_read(store, work):
    async def write_and_read(number: int) -> None:
        for step in range(10):
            written = await work.files.write_file(f"{number}.txt", f"{step}")
            assert await work.files.read_file(f"{number}.txt") == written
            assert (await work.files.stat_file(f"{number}.txt")).revision == written.revision

    await asyncio.gather(*(write_and_read(number) for number in range(10)))


async def test_a_file_is_never_seen_torn(store, work):
    async def write(number: int) -> None:
        for step in range(5):
            await work.files.write_file("torn.txt", f"{number}{step}" * 40_000)

    async def read() -> None:
        while not all(writer.done() for writer in writers):
            found = await work.files.read_file("torn.txt")
            if found is not None:
                assert found.content == found.content[:2] * 40_000

    writers = [asyncio.create_task(write(number)) for number in range(4)]
    await asyncio.gather(*writers, read(), read())


async def test_a_search_sees_one_moment(store, work):
    """Two files that always say the same, whatever moment is looked at."""

    async def change() -> None:
        for step in range(30):
            await work.files.write_file("b/two/x.txt", f"moment {step}")
            await work.files.copy_file("b/two/x.txt", "b/two/y.txt")
            if await work.files.stat_file("a"):
                await work.files.delete_file("a", recursive=True)
            await work.files.move_file("b/two", "a")

    async def look_on() -> None:
        while not changing.done():
            lines = {match.line for match in await work.files.grep_files("moment", "/a/")}
            assert len(lines) <= 1
            assert len(await work.files.glob_files("/a/*")) in {0, 2}

    changing = asyncio.create_task(change())
    await asyncio.gather(changing, look_on(), look_on())


async def test_a_cancelled_search_stops_and_leaves_the_others_be(store, work):
    for number in range(50):
        await work.files.write_file(f"{number}.txt", "needle " * 5000)
    searches = [asyncio.create_task(work.files.grep_files("n.*e", regex=True)) for _ in range(20)]
    await asyncio.sleep(0.01)
    for search in searches[1:]:
        search.cancel()
    answers = await asyncio.gather(*searches, return_exceptions=True)
    assert len(answers[0]) == 50
    assert len(await work.files.grep_files("needle", limit=3)) == 3


async def test_a_store_serves_several_event_loops(store, work, session_id):
    await work.files.write_file("large.txt", LARGE)
    problems: list[BaseException] = []

    async def use(number: int) -> None:
        mine = store.session(session_id)
        for step in range(20):
            await mine.storage.increment_value("shared")
            written = await mine.files.write_file(f"threads/{number}/{step}.txt", "text")
            assert await mine.files.read_file(written.path) == written
            assert (await mine.files.read_file("large.txt")).content == LARGE

    def run(number: int) -> None:
        try:
            asyncio.run(use(number))
        except BaseException as problem:  # noqa: BLE001 - told below
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert (await work.files.read_file("large.txt")).content == LARGE
        await asyncio.sleep(0.01)
    assert problems == []
    assert await work.storage.get_value("shared") == "80"
    assert len(await work.files.glob_files("/threads/**")) == 80


async def test_calls_after_closing_are_refused(opened, session_id):
    async with opened() as store:
        backend_call = store.file_system.read_file
    with pytest.raises(errors.StoreClosedError):
        await backend_call(session_id, "a.txt")
