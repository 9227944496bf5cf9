"""Searching in the database answers as memory does, with the index and without."""

from __future__ import annotations

import pytest

import everstore

TEXTS = {
    "a.py": "import os\r\nimport sys\nIMPORT nothing\n",
    "b/c.txt": "100%\n_under_\nback\\slash\nquote's\n",
    "b/d.md": "\u212aelvin kelvin\nstra\u00dfe STRASSE\n"
    "\u039f\u0394\u039f\u03a3\u0391\nline\u2028same\x0cline\n",
    "b/nul.txt": "before\0after\nneedle in a \0 haystack\n",
    "empty": "",
    "large.txt": "needle\n" + "hay and straw\n" * 90_000 + "needle at the end",
}
SEARCHES = [
    ("import", {}),
    ("IMPORT", {"ignore_case": True}),
    ("needle", {}),
    ("NEEDLE AT", {"ignore_case": True}),
    ("(nee)DLE (in|at)", {"regex": True, "ignore_case": True}),
    ("KELVIN", {"ignore_case": True}),
    ("STRASSE", {"ignore_case": True}),
    ("needle", {"limit": 2, "before": 1, "after": 1}),
    ("100%", {}),
    ("_under_", {}),
    ("back\\", {}),
    ("quote's", {}),
    ("\u039f\u0394\u039f\u03a3", {}),
    ("same\x0cline", {}),
    ("", {"path_pattern": "b/"}),
    ("os", {"path_pattern": "*.py"}),
    (r"^import \w+$", {"regex": True}),
    (r"need.e( at|$)", {"regex": True}),
    ("k(elvin)", {"regex": True, "ignore_case": True}),
    ("(?i)STRASSE", {"regex": True}),
    ("nothing like it", {}),
]


@pytest.fixture(params=[False, True], ids=["scanned", "indexed"])
async def both(request, settings):
    """The same files in memory and in the database."""
    session_id = everstore.new_session_id()
    async with (
        everstore.open_store(**settings, postgres_search_index=request.param) as postgres,
        everstore.open_store(backend="memory") as memory,
    ):
        for store in (postgres, memory):
            for path, text in TEXTS.items():
                await store.file_system.write_file(session_id, path, text)
            await store.file_system.write_file(session_id, "binary", "bmVlZGxl", "base64")
            await store.file_system.write_file(everstore.new_session_id(), "other", "needle import os")
        yield postgres.session(session_id).files, memory.session(session_id).files


async def test_answers_are_those_of_memory(both):
    postgres, memory = both
    for pattern, options in SEARCHES:
        assert await postgres.grep_files(pattern, **options) == await memory.grep_files(pattern, **options)
    for pattern in ("*.txt", "b/*", "**/*.md", "/workspace/a.py", "[ab]*", "nothing"):
        found = [info.path for info in await postgres.glob_files(pattern)]
        assert found == [info.path for info in await memory.glob_files(pattern)]


async def test_a_large_answer_is_read_through_a_cursor(store, work):
    for number in range(250):
        await work.files.write_file(f"{number:03}", f"needle {number}")
    found = await work.files.grep_files("needle")
    assert [match.line for match in found] == [f"needle {number}" for number in range(250)]
    assert len(await work.files.grep_files("needle", limit=230)) == 230


@pytest.mark.parametrize("like", ["LIKE", "ILIKE"])
async def test_the_index_is_used(settings, database, like):
    async with everstore.open_store(**settings, postgres_search_index=True) as store:
        session_id = everstore.new_session_id()
        await store.file_system.write_file(session_id, "a", "needle")
        plan = await database.fetch(
            "EXPLAIN SELECT place FROM files WHERE session_id = gen_random_uuid() AND kind = 't'"
            f" AND size <= 1048576 AND (text_of(content) COLLATE \"C\") {like} '%needle%'"
        )
        assert any("Bitmap Index Scan on" in row[0] and "text_of" in row[0] for row in plan)


async def test_a_search_that_stops_at_its_limit_ends_its_transaction(settings):
    async with everstore.open_store(**settings, postgres_pool_max_size=1) as store:
        work = store.session(everstore.new_session_id())
        for number in range(300):
            await work.files.write_file(f"{number:03}", f"needle {number}")
        for number in range(3):
            assert len(await work.files.grep_files("needle", limit=250)) == 250
            await work.files.write_file("after", str(number))
