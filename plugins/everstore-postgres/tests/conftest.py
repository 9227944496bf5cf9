"""One server a run, one schema a test."""

from __future__ import annotations

import os
import sys
import uuid
from base64 import b64encode
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

import everstore

sys.path.insert(0, str(Path(__file__).parent))
import server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def pytest_configure(config: pytest.Config) -> None:
    """One server for all processes of a run: the first one starts it, its workers find it by the variable."""
    stack = ExitStack()
    config.add_cleanup(stack.close)
    environment = stack.enter_context(pytest.MonkeyPatch.context())
    environment.setenv("EVERSTORE_TEST_POSTGRES_URL", stack.enter_context(server.server_url()))


@pytest.fixture(scope="session")
def url() -> str:
    """The server that this run uses."""
    return os.environ["EVERSTORE_TEST_POSTGRES_URL"]


def settings_for(url: str, schema: str) -> dict[str, Any]:
    """What ``open_store`` takes to open a schema of its own on a server."""
    return {
        "backend": "postgres",
        "postgres_url": url,
        "postgres_schema_name": schema,
        "postgres_partitions": 2,
        "secrets_keys": "tests:" + b64encode(bytes(range(32))).decode(),
        "log_level": "off",
    }


@pytest.fixture
async def settings(url: str) -> AsyncIterator[dict[str, Any]]:
    """What ``open_store`` takes to open an empty schema of the test's own."""
    schema = f"test_{uuid.uuid4().hex}"
    yield settings_for(url, schema)
    connection = await asyncpg.connect(url)
    await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    await connection.close()


@pytest.fixture(scope="session")
def own_server() -> Iterator[server.Server]:
    """A server that tests may configure, kill and start again; running, whatever the test before did."""
    with server.running_server() as running:
        yield running


@pytest.fixture
def own_settings(own_server: server.Server) -> dict[str, Any]:
    """What ``open_store`` takes to open an empty schema there."""
    own_server.start()
    return settings_for(own_server.url, f"test_{uuid.uuid4().hex}")


@pytest.fixture
async def store(settings: dict[str, Any]) -> AsyncIterator[everstore.Store]:
    """An open store."""
    async with everstore.open_store(**settings) as opened:
        yield opened


@pytest.fixture
async def work(store: everstore.Store) -> everstore.BoundSession:
    """A session of an open store."""
    return store.session(everstore.new_session_id())


@pytest.fixture
async def database(settings: dict[str, Any]) -> AsyncIterator[asyncpg.Connection]:
    """The database as its operator sees it, in the test's schema."""
    schema = settings["postgres_schema_name"]
    connection = await asyncpg.connect(settings["postgres_url"], server_settings={"search_path": schema})
    yield connection
    await connection.close()


@pytest.fixture(autouse=True)
def _clean_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test."""
    for name in os.environ:
        if name.startswith("EVERSTORE_") and not name.startswith("EVERSTORE_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
