"""Several changes of files are one transaction; pages of trees whose paths no index holds."""

from __future__ import annotations

import pytest

from everstore.changes import Append, Copy, Delete, Edit, MakeDirectory, Move, Write
from everstore.errors import PathNotFoundError

LONG = "l" * 200


async def test_a_list_of_changes_is_one_transaction(work, database):
    await work.files.write_file("old/a", "one\n")
    await work.files.apply_changes(
        [
            *(Append("old/a", "two\n"), Edit("old/a", "two", "three"), Copy("old/a", "old/b")),
            *(Move("old", "new"), Delete("new/b"), MakeDirectory("made"), Write("c", "x")),
        ]
    )
    with pytest.raises(PathNotFoundError) as caught:
        await work.files.apply_changes([Write("d", "x"), Delete("nothing")])
    assert caught.value.index == 1
    assert await database.fetchval("SELECT count(*) FROM files") == 4
    assert await database.fetchval("SELECT count(DISTINCT xmin::text) FROM files") == 1


@pytest.mark.parametrize("limit", [None, 7])
async def test_a_page_of_a_tree_has_its_order_also_where_paths_are_too_long_for_the_index(work, limit):
    paths = [f"{LONG}/{LONG}/{LONG}/{LONG}{number}" for number in range(20)]
    await work.files.apply_changes([Write(path, "x") for path in paths])
    found = await work.files.list_tree(after=f"{LONG}/{LONG}/{LONG}", limit=limit)
    assert [info.path for info in found] == sorted(f"/{path}" for path in paths)[:limit]
