"""Opening: what is wrong is told at once, by the setting's name, without the password."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import asyncpg
import pytest

import everstore
from everstore.conformance.case import carried_by
from everstore.errors import BackendUnavailableError, EverstoreError, SettingsError
from everstore_postgres.migrations import LATEST

VERSIONS = list(range(1, LATEST + 1))
PASSWORD = "correct horse battery staple"


async def _refused(kind, **settings) -> str:
    with pytest.raises(kind) as caught:
        async with everstore.open_store(**settings):
            pass
    assert "\n" not in str(caught.value)
    shown = _everything(caught.value)
    assert not [word for word in PASSWORD.split() if word in shown]
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return str(caught.value)


def _everything(error: BaseException | None) -> str:
    """The error as shown, and those behind it."""
    if error is None:
        return ""
    shown = f"{error} {error!r} {error.args} {vars(error)}"
    return shown + _everything(error.__cause__) + _everything(error.__context__)


async def test_an_unreachable_server(settings):
    settings["postgres_url"] = f"postgresql://me:{PASSWORD}@127.0.0.1:1/everstore"
    assert "EVERSTORE_POSTGRES_URL" in await _refused(BackendUnavailableError, **settings)


async def test_what_is_no_url(settings):
    settings["postgres_url"] = f"me:{PASSWORD}@everywhere"
    assert "EVERSTORE_POSTGRES_URL" in await _refused(SettingsError, **settings)


RAW = [PASSWORD.replace(" ", character) for character in "@/#?:[]%"]
URLS = {
    **{f"raw {raw[7]}": f"postgresql://me:{raw}@127.0.0.1:1/db" for raw in RAW if raw[7] not in ":%"},
    "raw @ at the end": f"postgresql://me:{PASSWORD}@@127.0.0.1:1/db",
    "raw / in a user": f"postgresql://{PASSWORD}/:secret@127.0.0.1:1/db",
    "port too large": f"postgresql://me:{PASSWORD}@127.0.0.1:99999/db",
    "port 0": f"postgresql://me:{PASSWORD}@127.0.0.1:0/db",
    "port no number": f"postgresql://me:{PASSWORD}@127.0.0.1:http/db",
    "port of digits of another script": f"postgresql://me:{PASSWORD}@127.0.0.1:\u0661/db",
    "port endless": f"postgresql://me:{PASSWORD}@127.0.0.1:{'9' * 5000}/db",
    "port of one of two hosts": f"postgresql://me:{PASSWORD}@127.0.0.1:1,127.0.0.1:70000/db",
    "port as a parameter": f"postgresql://me:{PASSWORD}@127.0.0.1/db?port=99999",
    "port beside a socket": f"postgresql://me:{PASSWORD}@/db?host=/tmp&port=-1",
    "no host": f"postgresql://me:{PASSWORD}@/db",
    "no host but a port": f"postgresql://me:{PASSWORD}@:5432/db",
    "nothing at all": "postgresql://",
    "empty": "",
    "another kind of URL": f"mysql://me:{PASSWORD}@127.0.0.1/db",
    "the form of libpq": f"host=127.0.0.1 user=me password={PASSWORD}",
    "a parameter for libpq": f"postgresql://me:{PASSWORD}@127.0.0.1:1/db?connect_timeout=10",
    "a parameter of libpq's": f"postgresql://me:{PASSWORD}@127.0.0.1:1/db?keepalives=1",
    "another encoding": f"postgresql://me:{PASSWORD}@127.0.0.1:1/db?client_encoding=latin1",
    "a parameter without value": f"postgresql://me:{PASSWORD}@127.0.0.1:1/db?sslmode",
    "a parameter without name": f"postgresql://me:{PASSWORD}@127.0.0.1:1/db?=x",
    "a wrong sslmode": f"postgresql://me:{PASSWORD}@127.0.0.1:1/db?sslmode=always",
    "a capital": f"postgresql://me:{PASSWORD}@127.0.0.1:1/db?SSLMODE=verify-full",
    "capitals": f"postgresql://me:{PASSWORD}@127.0.0.1:1/db?sslRootCert=/etc/hosts&sslmode=verify-full",
    "a capital of what nobody knows": f"postgresql://me:{PASSWORD}@127.0.0.1:1/db?Channel_Binding=require",
    "a certificate that is not there": f"postgresql://me:{PASSWORD}@127.0.0.1:1/db?sslmode=verify-ca&sslrootcert=/no",
    "a line end": f"postgresql://me:{PASSWORD}\n@127.0.0.1:1/db",
}


@pytest.mark.parametrize("wrong", URLS.values(), ids=list(URLS))
async def test_a_url_that_cannot_be_meant_so(settings, wrong):
    settings["postgres_url"] = wrong
    assert "EVERSTORE_POSTGRES_URL: " in await _refused(SettingsError, **settings)


@pytest.mark.parametrize("raw", [RAW[4], RAW[7], PASSWORD], ids=["colon", "percent", "space"])
async def test_a_password_that_needs_no_other_spelling(settings, raw):
    settings["postgres_url"] = f"postgresql://me:{raw}@127.0.0.1:1/db"
    assert "cannot be reached" in await _refused(BackendUnavailableError, **settings)


@pytest.mark.parametrize("parameter", ["wrok_mem=4MB", "work_mem=a+lot", "port_of_call=1", "block_size=1"])
async def test_a_parameter_that_the_server_does_not_take(settings, parameter):
    settings["postgres_url"] += f"&{parameter}"
    told = await _refused(SettingsError, **settings)
    assert told.startswith("postgres: EVERSTORE_POSTGRES_URL: the server refuses a parameter")
    assert parameter.partition("=")[0] in told


async def test_a_parameter_that_the_server_takes(settings):
    settings["postgres_url"] += "&application_name=mine&work_mem=8MB"
    async with everstore.open_store(**settings) as store:
        assert await store.storage.increment_value(everstore.new_session_id(), "count") == 1


@pytest.mark.parametrize("name", ["user", "select", "table", "default", "current_user"])
async def test_a_schema_may_be_called_like_a_word_of_sql(own_server, own_settings, name):
    own_settings = {**own_settings, "postgres_schema_name": name, "postgres_search_index": True}
    async with everstore.open_store(**own_settings) as store:
        work = store.session(everstore.new_session_id())
        await work.files.write_file("a/b", "needle")
        await work.files.copy_file("a", "c")
        assert len(await work.files.grep_files("needle")) == 2
        assert await work.storage.increment_value("count") == 1
        assert await store.delete_session(work.id) is True
    async with everstore.open_store(**own_settings, postgres_auto_migrate=False):
        pass


@pytest.mark.parametrize("name", ["pg_mine", "pg_catalog", "information_schema"])
async def test_a_schema_of_the_servers_own(settings, name):
    told = await _refused(SettingsError, **{**settings, "postgres_schema_name": name})
    assert "EVERSTORE_POSTGRES_SCHEMA_NAME" in told


async def test_a_schema_with_something_else_in_it(settings, database):
    await database.execute(f"CREATE SCHEMA {settings['postgres_schema_name']} CREATE TABLE files (a int)")
    assert "EVERSTORE_POSTGRES_SCHEMA_NAME" in await _refused(SettingsError, **settings)


async def test_a_role_that_may_not_connect(settings, database):
    role = settings["postgres_schema_name"]
    await database.execute(f"CREATE ROLE {role} LOGIN")
    await database.execute(f"CREATE DATABASE {role}")
    await database.execute(f"REVOKE CONNECT ON DATABASE {role} FROM public")
    try:
        settings["postgres_url"] = settings["postgres_url"].replace("postgres:@/postgres", f"{role}@/{role}")
        assert "GRANT CONNECT" in await _refused(SettingsError, **settings)
    finally:
        await database.execute(f"DROP DATABASE {role}")
        await database.execute(f"DROP ROLE {role}")


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
        told = await _refused(SettingsError, **weak)
        assert "lacks rights" in told
        for right in (f"USAGE ON SCHEMA {schema}", f"SELECT ON {schema}.migrations"):
            await database.execute(f"GRANT {right} TO {schema}")
            assert await _refused(SettingsError, **weak) == told
        await database.execute(f"REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} FROM public")
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
    assert await database.fetchval("SELECT array_agg(version ORDER BY version) FROM migrations") == VERSIONS
    async with everstore.open_store(**settings) as store:
        assert await store.storage.get_value(session_id, "opened") == "20"


@pytest.mark.parametrize("password", ["pa/hunter2", "pa#hunter2", "pa?hunter2", "pa@hunter2", "pa:hunter2/x"])
async def test_no_error_of_opening_is_chained_to_a_part_of_the_password(settings, password):
    url = f"postgresql://user:{password}@127.0.0.1:1/database"
    with pytest.raises(EverstoreError) as caught:
        async with everstore.open_store(**{**settings, "postgres_url": url}):
            pass
    assert "hunter2" not in carried_by(caught.value)
