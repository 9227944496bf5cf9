"""Several changes are one transaction; pages of trees whose paths no index holds."""

from __future__ import annotations

import asyncio

import pytest

import everstore
from everstore.changes import (
    Append,
    Copy,
    Delete,
    DeleteValue,
    Edit,
    MakeDirectory,
    Move,
    SetValue,
    Write,
)
from everstore.errors import PathNotFoundError, QuotaExceededError
from everstore.session_limits import SessionLimits

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


async def test_several_values_are_set_before_all_of_another_list_of_changes_or_behind_it(settings):
    async with everstore.open_store(**settings) as one, everstore.open_store(**settings) as two:
        session = everstore.new_session_id()
        answers = set()

        async def delete(keys):
            gone = await two.storage.change_values(session, [DeleteValue(key) for key in keys])
            answers.add(tuple(gone))

        for _ in range(40):
            await asyncio.gather(
                one.storage.set_values(session, {"x": "1", "m": "1", "a": "1"}),
                delete("axm"),
                one.storage.change_values(session, [SetValue("m", "2"), SetValue("x", "2")]),
                delete("xma"),
            )
            left = {each.key for each in await one.storage.list_keys(session)}
            assert left in (set(), {"m", "x"}, {"a", "m", "x"})
        assert answers <= {(False,) * 3, (True,) * 3, (False, True, True), (True, True, False)}


async def test_several_sets_are_one_statement_and_under_a_limit_of_the_session_all_or_none(
    store, work, database
):
    infos = await work.storage.set_values({"b": "1", "a": "\N{SNOWMAN}", "c": ""})
    assert [info.key for info in infos] == ["b", "a", "c"]
    assert await database.fetchval("SELECT count(DISTINCT xmin::text) FROM entries") == 1
    again = await work.storage.change_values([SetValue("a", "1"), SetValue("d", "1"), SetValue("a", "2")])
    assert [info.created_ns == infos[1].created_ns for info in again] == [True, False, True]
    assert await work.storage.get_values([*"abcd"]) == {"a": "2", "b": "1", "c": "", "d": "1"}
    await store.storage.limit_session(work.id, SessionLimits(session_keys=5))
    with pytest.raises(QuotaExceededError) as caught:
        await work.storage.set_values({"a": "3", "e": "1", "f": "1"})
    assert caught.value.index == 2
    assert await work.storage.get_values([*"abcdef"]) == {"a": "2", "b": "1", "c": "", "d": "1"}
