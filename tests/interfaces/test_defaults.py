"""The interfaces' defaults beside others that write: each answers of one moment."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from everstore import Session, SessionFileSystem, SessionStorageStore, errors, new_session_id

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
    with pytest.raises(errors.BackendUnavailableError, match="look again, or at fewer") as caught:
        await files.grep_files(session_id, "changed")
    assert caught.value.happened is False


async def test_usage_is_that_of_one_moment_whoever_writes_in_between(session_id):
    storage = MINIMAL["MinimalStorageStore"]()
    await storage.set_value(session_id, "k", "x")
    await storage.set_secret(session_id, "s", "x")
    listed = storage.list_secrets
    visits = iter([True, True, False])

    async def list_secrets(session_id):
        found = await listed(session_id)
        if next(visits, False):  # a value for a secret: there are two of both together, always
            await storage.delete_secret(session_id, "s")
            await storage.set_value(session_id, "s", "x")
        return found

    storage.list_secrets = list_secrets
    usage = await storage.usage(session_id)
    assert (usage.values, usage.secrets) == (2, 0)
    assert usage.last_write_ns == max(info.updated_ns for info in await storage.list_keys(session_id))


async def test_usage_of_files_that_never_rest_says_so(session_id):
    files = MINIMAL["MinimalFileSystem"]()
    listed = files.list_directory
    await files.write_file(session_id, "/a", "x")

    async def list_directory(session_id, path="/"):
        await files.append_file(session_id, "/a", "x")
        return await listed(session_id, path)

    files.list_directory = list_directory
    with pytest.raises(errors.BackendUnavailableError, match="changed whenever") as caught:
        await files.usage(session_id)
    assert caught.value.happened is False


async def test_usage_by_default_is_that_of_all_entries(session_id):
    files = MINIMAL["MinimalFileSystem"]()
    for path in ("/a", "/d/b", "/d/e/f/c"):
        await files.write_file(session_id, path, "12345")
    assert await files.usage(session_id) == await files.full.usage(session_id)
    assert (await files.usage(session_id)).directories == 3


async def test_ids_that_a_backend_cannot_list_are_refused_and_those_of_records_are_not(session_id):
    for interface in (SessionFileSystem, SessionStorageStore):
        older = type("Older", (MINIMAL[f"Minimal{interface.__name__[7:]}"],), {})
        older.session_ids = interface.session_ids
        with pytest.raises(errors.UnsupportedError, match="Older lacks session_ids, so that sessions with"):
            await older().session_ids()
    sessions = MINIMAL["MinimalSessionStore"]()
    ids = sorted(new_session_id() for _ in range(5))
    for each in reversed(ids):
        await sessions.add_session(Session(each))
    assert await sessions.session_ids() == ids
    assert await sessions.session_ids(after=ids[1], limit=2) == ids[2:4]
