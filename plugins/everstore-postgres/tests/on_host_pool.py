"""Opens a store on a pool of its own, as a host would: for the conformance suite."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

import everstore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["OPENER", "open_on_host_pool"]

OPENER = "on_host_pool:open_on_host_pool"
"""What a ``Subject`` names to open such stores."""


@asynccontextmanager
async def open_on_host_pool(
    *provided: object, postgres_url: str, **settings: Any
) -> AsyncIterator[everstore.Store]:
    """Open a store on a plain pool, which is closed with it."""
    async with (
        asyncpg.create_pool(postgres_url, min_size=1, max_size=10) as pool,
        everstore.open_store(pool, *provided, **settings) as store,
    ):
        yield store
