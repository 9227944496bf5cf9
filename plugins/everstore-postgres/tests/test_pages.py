"""What a page of keys costs: as much as what it answers with."""

from __future__ import annotations

import asyncio
import json

import pytest

import everstore
from everstore.paging import KeyPage
from everstore_postgres.storage import KEYS, pages

PAGES = {
    "first": KeyPage.of("", None, 10, reverse=False),
    "last": KeyPage.of("", None, 10, reverse=True),
    "after": KeyPage.of("log:", "log:0500", 10, reverse=False),
    "before": KeyPage.of("log:", "log:0500", 10, reverse=True),
}


async def pages_read(database, session_id, page):
    """How many pages of the server's a page of keys takes."""
    statement = pages(lambda text: text.replace("{schema}.", ""), KEYS)[page.is_open, page.reverse]
    end = () if page.is_open else (page.high,)
    for _ in range(2):  # the first time, the catalogue is looked at, too
        told = await database.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}",
            b"v",
            session_id,
            page.low,
            page.limit,
            *end,
        )
    [explained] = json.loads(told)
    assert explained["Plan"]["Actual Rows"] == 10
    return explained["Plan"]["Shared Hit Blocks"] + explained["Plan"]["Shared Read Blocks"]


@pytest.mark.parametrize("mode", ["force_generic_plan", "force_custom_plan"])
async def test_a_page_costs_what_it_answers_with(store, database, mode):
    """Also where some between are past their time, and whoever has prepared the statement."""
    await database.execute(f"SET plan_cache_mode = {mode}")
    work = store.session(everstore.new_session_id())

    async def add(numbers):
        await asyncio.gather(*(work.storage.set_value(f"log:{number:04}", "x") for number in numbers))

    await add(range(490, 512))
    few = {name: await pages_read(database, work.id, page) for name, page in PAGES.items()}
    await add(range(1000))
    await database.execute("UPDATE entries SET expires_ns = 1 WHERE key LIKE '%7'")
    many = {}
    for _ in range(100):  # what another transaction of the server may still see is not removed
        await database.execute("VACUUM ANALYZE entries")
        many = {name: await pages_read(database, work.id, page) for name, page in PAGES.items()}
        if all(many[name] < 4 * few[name] + 8 for name in PAGES):
            return
        await asyncio.sleep(0.1)
    pytest.fail(f"pages took {many}, of few keys {few}")
