"""The interfaces' defaults under races: each answers as if it had been one step."""

from __future__ import annotations

import asyncio
import runpy
from pathlib import Path

import pytest

from everstore import InitialFile, errors
from everstore.backends.memory import InMemorySessionFileStore

MINIMAL = runpy.run_path(str(Path(__file__).parents[1] / "contract" / "minimal.py"))
FILE = "/dir/file"


class Interfered(MINIMAL["MinimalFileSystem"]):
    """Somebody else comes in between a read and what is made of it, as often as there are visitors."""

    def __init__(self) -> None:
        super().__init__()
        self.visitors = []

    async def read_file(self, session_id, path):
        found = await super().read_file(session_id, path)
        if self.visitors:
            await self.visitors.pop(0)(self.full, session_id)
        return found


async def write(files, session_id, content="one\nchanged\nthree\n", encoding="text"):
    await files.write_file(session_id, FILE, content, encoding)


async def write_the_same(files, session_id):
    await write(files, session_id, "one\ntwo\nthree\n")


async def write_bytes(files, session_id):
    await write(files, session_id, "AAE=", "base64")


async def write_it_away(files, session_id):
    await write(files, session_id, "nothing like it")


async def write_another_line(files, session_id):
    await files.edit_file(session_id, FILE, "three", "3")


async def delete(files, session_id):
    await files.delete_file(session_id, FILE)


async def delete_and_write_the_same(files, session_id):
    await delete(files, session_id)
    await write_the_same(files, session_id)


async def put_a_directory(files, session_id):
    await delete(files, session_id)
    await files.create_directory(session_id, FILE)


async def put_a_file_above(files, session_id):
    await files.delete_file(session_id, "/dir", recursive=True)
    await files.write_file(session_id, "/dir", "now a file")


async def make_it_read_only(files, session_id):
    await files.seed_initial_file(session_id, InitialFile(FILE, "one\ntwo\nthree\n", is_readonly=True))


async def make_another_read_only(files, session_id):
    await files.seed_initial_file(session_id, InitialFile(FILE, "other", is_readonly=True))


VISITS = [
    *(
        write,
        write_the_same,
        write_bytes,
        write_it_away,
        write_another_line,
        delete,
        delete_and_write_the_same,
    ),
    *(put_a_directory, put_a_file_above, make_it_read_only, make_another_read_only),
]
VERBS = {
    "edit_file": lambda files, one: files.edit_file(one, FILE, "two", "2"),
    "append_file": lambda files, one: files.append_file(one, FILE, "four\n"),
    "append_file base64": lambda files, one: files.append_file(one, FILE, "AgM=", "base64"),
    "write_file_if_content_matches": lambda files, one: files.write_file_if_content_matches(
        one, FILE, "one\ntwo\nthree\n", "text", "new", "text"
    ),
}


async def outcome(files, session_id, verb):
    """What a verb answered, or the error it raised, and what is there then."""
    try:
        answer = await verb(files, session_id)
        told = answer and (answer.path, answer.content, answer.encoding)
    except errors.EverstoreError as error:
        told = type(error), str(error)
    left = [
        (
            info.path,
            info.is_directory,
            info.is_readonly,
            (await files.read_file(session_id, info.path)).content,
        )
        for top in ("/", "/dir")
        for info in await files.list_directory(session_id, top)
    ]
    return told, left


@pytest.mark.parametrize("before", [write_the_same, delete, write_bytes], ids=lambda visit: visit.__name__)
@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.__name__)
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
async def test_a_visitor_came_before_the_call_or_after_it(session_id, verb, visit, before):
    async def furnished(files):
        await write_the_same(files, session_id)
        await before(files, session_id)
        return files

    first = await furnished(InMemorySessionFileStore())
    told_first, _ = await outcome(first, session_id, verb)
    after_it = [(told_first, None)]
    try:
        await visit(first, session_id)
        _, left = await outcome(first, session_id, no_verb)
        after_it = [(told_first, left)]
    except errors.EverstoreError:
        pass
    second = await furnished(InMemorySessionFileStore())
    try:
        await visit(second, session_id)
    except errors.EverstoreError:
        return  # the visit itself is not possible there
    before_it = await outcome(second, session_id, verb)

    racing = Interfered()
    await furnished(racing.full)
    racing.visitors = [visit]
    told, left = await outcome(racing, session_id, verb)
    assert racing.visitors == []
    assert (told, left) in [before_it, *after_it]


async def no_verb(_files, _session_id):
    return None


@pytest.mark.parametrize("verb", ["edit_file", "append_file", "write_file_if_content_matches"])
async def test_a_call_that_keeps_losing_goes_on_until_it_wins(session_id, verb):
    racing = Interfered()
    await write_the_same(racing.full, session_id)
    racing.visitors = [write_the_same] * 20
    told, _ = await outcome(racing, session_id, VERBS[verb])
    assert told[1] in {"one\n2\nthree\n", "one\ntwo\nthree\nfour\n", "new"}
    assert racing.visitors == []


async def test_an_append_that_lost_the_creation_comes_behind_it(session_id):
    racing = Interfered()
    racing.visitors = [write_the_same]
    appended = await racing.append_file(session_id, FILE, "four\n")
    assert appended.content == "one\ntwo\nthree\nfour\n"


async def test_what_goes_while_a_search_is_under_way_is_not_found(session_id):
    racing = Interfered()
    for name in "abc":
        await racing.full.write_file(session_id, f"/{name}", "hit\n")

    async def take_b(files, session_id):
        await files.delete_file(session_id, "/b")

    async def make_c_a_directory(files, session_id):
        await files.delete_file(session_id, "/c")
        await files.create_directory(session_id, "/c")

    racing.visitors = [take_b, make_c_a_directory]
    assert [match.path for match in await racing.grep_files(session_id, "hit")] == ["/a"]


async def test_a_search_stops_reading_once_it_has_enough(session_id):
    racing = Interfered()
    for name in "abc":
        await racing.full.write_file(session_id, f"/{name}", "hit\n" * 3)
    seen = []

    async def note(_files, _session_id):
        seen.append(True)

    racing.visitors = [note] * 3
    assert len(await racing.grep_files(session_id, "hit", limit=4)) == 4
    assert len(seen) == 2


async def test_parallel_edits_and_appends_by_default_all_survive(session_id):
    class Slow(MINIMAL["MinimalFileSystem"]):
        async def read_file(self, session_id, path):
            found = await super().read_file(session_id, path)
            await asyncio.sleep(0)
            return found

    files = Slow()
    await files.write_file(session_id, "/a", "".join(f"<{n}>" for n in range(30)))
    await asyncio.gather(
        *(files.edit_file(session_id, "/a", f"<{n}>", f"[{n}]") for n in range(30)),
        *(files.append_file(session_id, "/b", f"[{n}]") for n in range(30)),
    )
    assert (await files.read_file(session_id, "/a")).content == "".join(f"[{n}]" for n in range(30))
    assert sorted((await files.read_file(session_id, "/b")).content[1:-1].split("][")) == sorted(
        map(str, range(30))
    )


async def test_what_a_storage_need_not_have_answers_that_there_is_nothing(session_id):
    storage = MINIMAL["MinimalStorageStore"]()
    assert await storage.stat_value(session_id, "a") is None


async def move_to_the_end(files, session_id):
    await files.move_file(session_id, FILE, "/z/file")


async def move_to_the_start(files, session_id):
    await files.move_file(session_id, "/z/file", FILE)


async def test_a_search_that_files_move_about_under_finds_them_where_they_were_at_one_moment(session_id):
    files = Interfered()
    await write(files, session_id)
    await files.write_file(session_id, "/a", "nothing")
    files.visitors = [move_to_the_end, write_another, move_to_the_start, move_to_the_end]
    assert [match.path for match in await files.grep_files(session_id, "changed")] == ["/z/file"]
    assert files.visitors == []


async def write_another(files, session_id):
    await files.write_file(session_id, "/b", "changed")
    await files.delete_file(session_id, "/b")


async def test_a_search_of_files_that_never_rest_says_so(session_id):
    files = Interfered()
    await write(files, session_id)
    files.visitors = [write] * 10_000
    with pytest.raises(errors.BackendUnavailableError, match="search again, or fewer") as caught:
        await files.grep_files(session_id, "changed")
    assert caught.value.happened is False
