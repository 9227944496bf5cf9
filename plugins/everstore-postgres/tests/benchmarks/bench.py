"""What every part is handed: the server, how long to measure, and where to tell it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg

import everstore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from page import Page

__all__ = ["Bench"]


@dataclass
class Bench:
    """One run on one server."""

    url: str
    page: Page
    rounds: int
    connections: int
    files: int

    @asynccontextmanager
    async def connection(self, schema: str | None = None) -> AsyncIterator[asyncpg.Connection]:
        """A connection as everstore has them: the plans that it is told to keep, the same application."""
        settings = {"application_name": "everstore", "plan_cache_mode": "force_generic_plan"}
        if schema is not None:
            settings["search_path"] = schema
        connection = await asyncpg.connect(self.url, server_settings=settings)
        yield connection
        await connection.close()

    @asynccontextmanager
    async def schema(self, name: str) -> AsyncIterator[str]:
        """The name of a schema that is not there, and will not be there afterwards."""
        full = f"everstore_benchmark_{name}"
        await self._drop(full)
        yield full
        await self._drop(full)

    async def _drop(self, schema: str) -> None:
        async with self.connection() as connection:
            await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")

    @asynccontextmanager
    async def store(
        self, schema: str, connections: int | None = None, **settings: Any
    ) -> AsyncIterator[everstore.Store]:
        """A store as its users open it, with all its connections open from the beginning."""
        size = connections or self.connections
        async with everstore.open_store(
            backend="postgres",
            postgres_url=self.url,
            postgres_schema_name=schema,
            postgres_pool_min_size=size,
            postgres_pool_max_size=size,
            **settings,
        ) as store:
            yield store
