"""The conformance suite; ``conftest.py`` starts the server."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest
import server

from everstore.conformance import Subject, pytest_suite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA = f"conformance_{uuid4().hex}"


def subject(_directory: Path) -> Subject:
    """Sessions of their own for every check, in one schema of this process."""
    url = os.environ["EVERSTORE_TEST_POSTGRES_URL"]
    return Subject(
        {"backend": "postgres", "postgres_url": url, "postgres_schema_name": SCHEMA},
        files=server.files_of(url),
    )


@pytest.fixture(scope="module", autouse=True)
def _swept() -> Iterator[None]:
    """Nothing stays in a server that goes on."""
    yield

    async def drop() -> None:
        connection = await asyncpg.connect(os.environ["EVERSTORE_TEST_POSTGRES_URL"])
        await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        await connection.close()

    asyncio.run(drop())


TestConformance = pytest_suite(subject, level="durable")
