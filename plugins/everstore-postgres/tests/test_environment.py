"""A store has one environment: what libpq's variables and files say counts only when it is in that."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

import everstore
from everstore.errors import SettingsError
from everstore_postgres.connecting import way_to
from everstore_postgres.settings import PostgresSettings

HOSTILE = {
    "PGHOST": "203.0.113.1", "PGPORT": "garbage", "PGUSER": "nobody", "PGPASSWORD": "wrong",
    "PGDATABASE": "nowhere",
    "PGSSLMODE": "garbage", "PGSSLROOTCERT": "/nowhere", "PGSSLCERT": "/nowhere", "PGSSLKEY": "/nowhere",
    "PGSSLCRL": "/nowhere", "PGSSLMINPROTOCOLVERSION": "garbage", "PGSSLMAXPROTOCOLVERSION": "garbage",
    "PGSSLNEGOTIATION": "garbage", "PGTARGETSESSIONATTRS": "garbage", "PGGSSLIB": "garbage",
    "PGKRBSRVNAME": "x",
    "PGPASSFILE": "/nowhere", "PGSERVICE": "nowhere", "PGSERVICEFILE": "/nowhere",
}  # fmt: skip


@pytest.fixture
def hostile(tmp_path):
    """A process whose environment and home directory say all the wrong things."""
    with pytest.MonkeyPatch.context() as process:  # undone before the fixtures are that need a server
        for name, value in HOSTILE.items():
            process.setenv(name, value)
        (tmp_path / ".postgresql").mkdir()
        for name in ("postgresql.crt", "postgresql.key", "root.crt", "root.crl"):
            (tmp_path / ".postgresql" / name).write_text("garbage")
        (tmp_path / ".pgpass").write_text("*:*:*:*:wrong\n")
        (tmp_path / ".pgpass").chmod(0o600)
        process.setenv("HOME", str(tmp_path))
        yield


async def test_with_an_environment_of_its_own_a_store_opens_whatever_the_process_has(settings, hostile):
    async with everstore.open_store(**settings, environment={}) as store:
        assert await store.storage.increment_value(everstore.new_session_id(), "opened") == 1


@pytest.mark.parametrize("name", ["PGPORT", "PGSSLMODE"])
async def test_the_environment_that_a_store_has_counts(settings, name):
    parts = urlsplit(settings["postgres_url"])
    url = parts._replace(netloc=f"{parts.username or 'postgres'}@127.0.0.1", query="").geturl()
    environment = {name: HOSTILE[name]}
    with pytest.raises(SettingsError, match=name):
        async with everstore.open_store(**{**settings, "postgres_url": url}, environment=environment):
            pass


def arguments(url: str, **environment: str) -> dict[str, object]:
    return way_to(PostgresSettings(url=url), environment).arguments


def test_what_the_url_leaves_out_comes_from_the_environment_of_the_store(hostile):
    said = {"PGUSER": "me", "PGPASSWORD": "word", "PGDATABASE": "base", "PGPORT": "6000"}
    told = arguments("postgresql://there", **said)
    assert (told["user"], told["password"], told["database"], told["port"]) == ("me", "word", "base", [6000])
    told = arguments("postgresql://you:its@there:7000,here/its", **said)
    assert not {"user", "password", "database"} & told.keys()
    assert told["port"] == [7000, 6000]
    told = arguments("postgresql://u%40v:x@[::1]:7000")
    assert (told["database"], told["port"]) == ("u@v", [7000])


def test_a_file_of_passwords_is_that_of_the_home_in_the_environment(hostile, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / ".pgpass").write_text("*:*:*:*:right\n")
    assert arguments("postgresql://you@there/its")["password"] == ""
    assert arguments("postgresql://you@there/its", HOME=str(home))["passfile"] == home / ".pgpass"
    assert arguments("postgresql://you@there/its", PGPASSFILE="/x")["passfile"] == Path("/x")


async def test_the_driver_finds_nothing_by_itself(hostile, monkeypatch):
    """Whatever it would look up is told."""
    asked = []

    class Watched(dict):
        def get(self, name, default=None):
            asked.append(name)
            return super().get(name, default)

    way = way_to(PostgresSettings(url="postgresql://you@127.0.0.1:1/its"), {})
    monkeypatch.setattr(asyncpg.connect_utils.os, "environ", Watched(os.environ))
    with pytest.raises(OSError, match="1"):
        await way.connect()
    # Asked for, and of no use without the parameter "service", which is refused.
    assert {name for name in asked if name.startswith("PG")} <= {"PGSERVICE", "PGSERVICEFILE"}


async def test_a_service_is_refused():
    url = "postgresql://you@there/its?service=x"
    with pytest.raises(SettingsError, match="service"):
        async with everstore.open_store(backend="postgres", postgres_url=url, environment={}):
            pass
