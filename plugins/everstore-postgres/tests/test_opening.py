"""Opening: what is wrong is told at once, by the setting's name, without the password."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import asyncpg
import pytest

import everstore
from everstore.errors import BackendUnavailableError, SettingsError

PASSWORD = "correct horse battery staple"


async def _refused(kind, **settings) -> str:
    with pytest.raises(kind) as caught:
        async with everstore.open_store(**settings):
            pass
    assert "\n" not in str(caught.value)
    assert PASSWORD not in repr(caught.value)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return str(caught.value)


async def test_an_unreachable_server(settings):
    settings["postgres_url"] = f"postgresql://me:{PASSWORD}@127.0.0.1:1/everstore"
    assert "EVERSTORE_POSTGRES_URL" in await _refused(BackendUnavailableError, **settings)


async def test_what_is_no_url(settings):
    settings["postgres_url"] = f"me:{PASSWORD}@everywhere"
    assert "EVERSTORE_POSTGRES_URL" in await _refused(SettingsError, **settings)


async def test_an_unknown_database(settings):
    settings["postgres_url"] = settings["postgres_url"].replace("@/postgres", "@/nowhere")
    assert "no such database" in await _refused(SettingsError, **settings)


async def test_a_wrong_password(own_server, own_settings):
    rules = own_server.folder / "pg_hba.conf"
    connection = await asyncpg.connect(own_server.url)
    await connection.execute(f"CREATE ROLE locked LOGIN PASSWORD '{PASSWORD}'")
    rules.write_text("local all locked scram-sha-256\n" + rules.read_text())
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()
    wrong = own_server.url.replace("postgres:@", f"locked:not%20{PASSWORD.replace(' ', '%20')}@")
    assert "password" in await _refused(SettingsError, **{**own_settings, "postgres_url": wrong})


async def test_a_role_without_rights(settings, database):
    schema = settings["postgres_schema_name"]
    await database.execute(f"CREATE ROLE {schema} LOGIN")
    try:
        weak = {**settings, "postgres_url": settings["postgres_url"].replace("postgres:@", f"{schema}@")}
        assert "everstore migrate" in await _refused(SettingsError, **weak)
        async with everstore.open_store(**settings):
            pass
        await database.execute(f"GRANT USAGE ON SCHEMA {schema} TO {schema}")
        await database.execute(f"GRANT SELECT ON {schema}.migrations TO {schema}")
        told = await _refused(SettingsError, **weak)
        for statement in told.partition("owner can say: ")[2].split("; "):
            await database.execute(f"{statement} TO {schema}")
        async with everstore.open_store(**weak) as store:
            await store.file_system.write_file(everstore.new_session_id(), "a", "b")
    finally:
        await database.execute(f"DROP OWNED BY {schema}; DROP ROLE {schema}")


async def test_without_auto_migrate_the_schema_must_be_there(settings):
    told = await _refused(SettingsError, **settings, postgres_auto_migrate=False)
    assert "everstore migrate" in told
    async with everstore.open_store(**settings):
        pass
    async with everstore.open_store(**settings, postgres_auto_migrate=False):
        pass
    told = await _refused(SettingsError, **settings, postgres_auto_migrate=False, postgres_search_index=True)
    assert "EVERSTORE_POSTGRES_SEARCH_INDEX" in told


async def test_a_schema_of_the_future(settings, database):
    async with everstore.open_store(**settings):
        pass
    await database.execute("INSERT INTO migrations (version) VALUES (999)")
    assert "999" in await _refused(SettingsError, **settings)


async def test_a_database_that_cannot_hold_every_text(settings, database):
    name = settings["postgres_schema_name"]
    await database.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        settings["postgres_url"] = settings["postgres_url"].replace("@/postgres", f"@/{name}")
        assert "UTF8" in await _refused(SettingsError, **settings)
    finally:
        await database.execute(f"DROP DATABASE {name} WITH (FORCE)")


OPENING = """
import asyncio, json, sys, everstore

async def main():
    async with everstore.open_store(**json.loads(sys.argv[1])) as store:
        await store.storage.increment_value(everstore.parse_session_id(sys.argv[2]), "opened")

asyncio.run(main())
"""


async def test_twenty_processes_that_open_at_once_migrate_once(settings, database):

    session_id = everstore.new_session_id()
    children = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", OPENING, json.dumps(settings), str(session_id)), stderr=subprocess.PIPE
        )
        for _ in range(20)
    ]
    for child in children:
        _, errors = await child.communicate()
        assert (child.returncode, errors.decode()) == (0, "")
    assert await database.fetchval("SELECT count(*) FROM migrations") == 1
    async with everstore.open_store(**settings) as store:
        assert await store.storage.get_value(session_id, "opened") == "20"
