"""The conformance suite."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from everstore import new_session_id
from everstore.conformance import Subject, by_id, pytest_suite, run
from everstore.conformance.mutants import OPENER

if TYPE_CHECKING:
    from pathlib import Path

ID = new_session_id()


def subject(directory: Path) -> Subject:
    """A new database for every check."""
    small = {"sqlite_path": "{directory}/small.db", "sqlite_max_bytes": 1 << 20}
    return Subject({"backend": "sqlite", "sqlite_path": str(directory / "everstore.db")}, full=small)


TestConformance = pytest_suite(subject, level="durable")


@pytest.mark.parametrize(("check", "mutant"), [("write_onto", "keeps_every_content"), ("set_onto", "")])
def test_room_that_is_free_in_a_used_storage_hides_nothing(tmp_path, check, mutant):
    used = Subject({"backend": "sqlite", "sqlite_path": str(tmp_path / "used.db")})

    async def use():
        async with used.open() as store:
            for number in range(20):
                await store.session(ID).files.write_bytes(f"{number}", bytes([number]) * (1 << 20))
            await store.delete_session(ID)

    asyncio.run(use())
    tested = Subject({**used.settings, "mutant": mutant}, opener=OPENER) if mutant else used
    [result] = run(tested, [by_id(f"durability.space.{check}")])
    assert result.outcome == ("failed" if mutant else "passed"), result.failure
    assert (tmp_path / "used.db").stat().st_size > 20 << 20
