"""A store on a fresh database for every test, and a look into its file behind everstore's back."""

from __future__ import annotations

import os
import sqlite3
from base64 import b64encode
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any

import pytest

import everstore
from everstore.cli.app import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path
    from uuid import UUID

KEYS = "tests:" + b64encode(bytes(range(32))).decode()


@pytest.fixture(autouse=True)
def _clean_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test."""
    for name in os.environ:
        if name.startswith("EVERSTORE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("EVERSTORE_BACKEND", "sqlite")
    monkeypatch.setenv("EVERSTORE_LOG_LEVEL", "off")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's database is."""
    return tmp_path / "everstore.db"


@pytest.fixture
def opened(path: Path) -> Callable[..., AbstractAsyncContextManager[everstore.Store]]:
    """Open the test's database: ``opened(synchronous="full")``.

    Not ``full`` unless a test asks for it, for the tests' sake and the disk's.
    """

    def open_(**settings: Any) -> AbstractAsyncContextManager[everstore.Store]:
        own = {f"sqlite_{name}": value for name, value in settings.items()}
        return everstore.open_store(
            backend="sqlite",
            secrets_keys=KEYS,
            **{"sqlite_path": path, "sqlite_synchronous": "normal", **own},
        )

    return open_


@pytest.fixture
async def store(opened) -> AsyncIterator[everstore.Store]:
    """An open store on the test's database."""
    async with opened() as store:
        yield store


@pytest.fixture
def raw(path: Path) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """Run SQL in the test's database on a connection of its own: ``raw("SELECT 1")``."""
    connections: list[sqlite3.Connection] = []

    def run(sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        if not connections:
            connections.append(sqlite3.connect(path, isolation_level=None, timeout=10))
        return connections[0].execute(sql, arguments).fetchall()

    yield run
    for connection in connections:
        connection.close()


@pytest.fixture
def session_id() -> UUID:
    return everstore.new_session_id()


@pytest.fixture
def work(store: everstore.Store, session_id: UUID) -> everstore.BoundSession:
    """The test's session."""
    return store.session(session_id)


@pytest.fixture
def configured(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an operator has in the environment: the test's database, and a key."""
    monkeypatch.setenv("EVERSTORE_BACKEND", "sqlite")
    monkeypatch.setenv("EVERSTORE_SQLITE_PATH", str(path))
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", KEYS)


@pytest.fixture
def here(configured: None, capfd: pytest.CaptureFixture[str]) -> Callable[..., CompletedProcess[str]]:
    """Run ``everstore ...`` on the database in this process, which nothing else may have open meanwhile."""

    def command(*arguments: object) -> CompletedProcess[str]:
        status = run([*map(str, arguments)])
        return CompletedProcess(arguments, status, *capfd.readouterr())

    return command
