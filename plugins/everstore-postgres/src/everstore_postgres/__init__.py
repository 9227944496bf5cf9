"""everstore on PostgreSQL: ``EVERSTORE_BACKEND=postgres``, ``EVERSTORE_POSTGRES_URL=postgresql://...``.

A host that has a pool of its own hands it over: ``open_store(pool, backend="postgres")``. ``SERVER_SETTINGS``
is what its connections are best made with (``asyncpg.create_pool(server_settings=SERVER_SETTINGS)``).
"""

from everstore_postgres.connecting import SERVER_SETTINGS

__all__ = ["SERVER_SETTINGS"]
