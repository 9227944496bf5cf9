"""Installing and updating the schema: forward, in one transaction, by one process at a time."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from everstore.errors import SettingsError

if TYPE_CHECKING:
    from everstore_postgres.settings import PostgresSettings

__all__ = ["LATEST", "at_opening", "migrate"]

_STEPS: tuple[tuple[str, ...], ...] = (
    ("tables.sql", "places.sql"),
    ("counting_entries.sql",),
    (),
    ("labels.sql", "limits.sql"),
    ("checkpoints.sql", "contents.sql"),
    ("plain_contents.sql",),
    (),
)
"""The scripts that make version 1, those that make version 2 of it, and so on. Never edited once released.

Versions 3 and 7 are of functions only.
"""

_FUNCTIONS = (
    *("functions.sql", "keeping.sql", "trees.sql", "writing.sql", "plain_writing.sql", "sharing.sql"),
    *(
        "transfers.sql",
        "changing.sql",
        "forking.sql",
        "entries.sql",
        "value_forks.sql",
        "changing_entries.sql",
    ),
    *("records.sql", "times.sql"),
)
"""The scripts that make the functions of the latest version, whatever functions there were."""

LATEST = len(_STEPS)

# Not to_regclass(): what it knows may be from before this process had the lock.
_HAS = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2
)
"""

# By object, not by name: looking a name up needs a right, too, and would fail for the lack of it.
_MAY_READ = """
SELECT has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = 'migrations'
"""
_MAY_WORK = """
SELECT has_schema_privilege(n.oid, 'USAGE')
    AND (SELECT bool_and(has_sequence_privilege(c.oid, 'USAGE')) FROM pg_catalog.pg_class c
         WHERE c.relnamespace = n.oid AND c.relkind = 'S')
    AND (SELECT bool_and(has_table_privilege(c.oid, kind))
         FROM pg_catalog.pg_class c, unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS kind
         WHERE c.relnamespace = n.oid
             AND c.relname IN ('files', 'usage', 'entries', 'sessions', 'labels', 'session_limits',
                 'contents', 'shares'))
    AND (SELECT bool_and(has_function_privilege(p.oid, 'EXECUTE')) FROM pg_catalog.pg_proc p
         WHERE p.pronamespace = n.oid)
FROM pg_catalog.pg_namespace n WHERE n.nspname = $1
"""


async def at_opening(connection: Any, settings: PostgresSettings) -> None:
    """See that the schema is the one this plugin knows; ``SettingsError`` when it cannot be."""
    await _check_server(connection)
    missing = await _missing(connection, settings)
    if missing and not settings.auto_migrate:
        raise SettingsError(
            f"EVERSTORE_POSTGRES_SCHEMA_NAME: the schema {settings.schema_name!r} lacks {missing}; run "
            f"'everstore migrate', or set EVERSTORE_POSTGRES_AUTO_MIGRATE=true"
        )
    if missing:
        await migrate(connection, settings)
    await _check_rights(connection, settings, _MAY_WORK)


async def _check_rights(connection: Any, settings: PostgresSettings, question: str) -> None:
    """``SettingsError`` when the role may not do what every call needs; it says how to change that."""
    if not await connection.fetchval(question, settings.schema_name):
        schema = settings.schema_in_sql
        raise SettingsError(
            f"EVERSTORE_POSTGRES_URL: the role lacks rights on the schema {settings.schema_name!r}; "
            f"its owner can say: GRANT USAGE ON SCHEMA {schema}; "
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema}; "
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema}; "
            f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema}"
        )


async def _missing(connection: Any, settings: PostgresSettings) -> str | None:
    """What the schema has yet to get, in words."""
    schema = settings.schema_name
    found = await _version(connection, settings)
    if found > LATEST:
        raise SettingsError(
            f"EVERSTORE_POSTGRES_SCHEMA_NAME: the schema {schema!r} is of version {found}, and this "
            f"everstore-postgres knows none after {LATEST}; update everstore-postgres"
        )
    if found < LATEST:
        return f"version {LATEST} (it has {found})" if found else "everything: it is not installed"
    if settings.search_index and not await connection.fetchval(_HAS, schema, "files_texts_besides"):
        return "the search index (EVERSTORE_POSTGRES_SEARCH_INDEX)"
    return None


async def _check_server(connection: Any) -> None:
    major = connection.get_server_version().major
    if major < 14:
        raise SettingsError(f"EVERSTORE_POSTGRES_URL: PostgreSQL 14 or later is needed, not {major}")
    row = await connection.fetchrow(
        "SELECT current_setting('server_encoding') AS encoding,"
        " current_setting('default_transaction_isolation') AS isolation"
    )
    if row["encoding"] != "UTF8":
        raise SettingsError(
            f"EVERSTORE_POSTGRES_URL: the database's encoding must be UTF8, not {row['encoding']}"
        )
    if row["isolation"] != "read committed":
        raise SettingsError(
            "EVERSTORE_POSTGRES_URL: default_transaction_isolation must be 'read committed' for the role, "
            f"not {row['isolation']!r}"
        )


async def _version(connection: Any, settings: PostgresSettings) -> int:
    """The version that the schema has; 0 when there is none. ``SettingsError`` when the role may not know."""
    if not await connection.fetchval(_HAS, settings.schema_name, "migrations"):
        return 0
    await _check_rights(connection, settings, _MAY_READ)
    return int(
        await connection.fetchval(
            f"SELECT coalesce(max(version), 0) FROM {settings.schema_in_sql}.migrations"
        )
    )


async def migrate(connection: Any, settings: PostgresSettings) -> list[str]:
    """Add what is missing, while no other process does; what was done, in words."""
    schema = settings.schema_name
    done: list[str] = []
    await _check_server(connection)
    async with connection.transaction():
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"everstore {schema}"
        )
        # Somebody else may have been faster.
        if await _missing(connection, settings) is None:
            return done
        found = await _version(connection, settings)
        if found == 0:
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {settings.schema_in_sql}")
        for version, scripts in enumerate(_STEPS[found:], found + 1):
            for script in scripts:
                await connection.execute(_read(script, settings))
            await connection.execute(
                f"INSERT INTO {settings.schema_in_sql}.migrations (version) VALUES ($1)", version
            )
            done.append(f"schema {schema!r} is now of version {version}")
        if found < LATEST:
            for script in _FUNCTIONS:
                await connection.execute(_read(script, settings))
        if settings.search_index and await _missing(connection, settings) is not None:
            await connection.execute(_read("search_index.sql", settings))
            done.append(f"schema {schema!r} now has the search index")
    return done


def _read(script: str, settings: PostgresSettings) -> str:
    text = files("everstore_postgres").joinpath("sql", script).read_text(encoding="utf-8")
    return text.replace("{schema}", settings.schema_in_sql).replace("{partitions}", str(settings.partitions))
