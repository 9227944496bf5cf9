"""What the tests of adapters share: an environment that names a backend, and a store that it opens."""

from __future__ import annotations

import os
import runpy
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

import everstore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

ROOT = Path(__file__).parents[2]
KEYS = "tests:" + b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real server, which is started when the first test asks for it."""
    server = runpy.run_path(str(ROOT / "plugins" / "everstore-postgres" / "tests" / "server.py"))
    with server["server_url"]() as url:
        yield url


@pytest.fixture(scope="session")
def variables_of(request):
    """What names a backend, empty: ``variables_of("sqlite", folder)``."""

    def variables(backend: str, folder: Path) -> dict[str, str]:
        named = {"EVERSTORE_BACKEND": backend}
        if backend == "sqlite":
            named |= {"EVERSTORE_SQLITE_PATH": str(folder / "everstore.db"), "EVERSTORE_SECRETS_KEYS": KEYS}
        if backend == "postgres":
            named |= {
                "EVERSTORE_POSTGRES_URL": request.getfixturevalue("postgres_url"),
                "EVERSTORE_POSTGRES_SCHEMA_NAME": f"test_{uuid4().hex}",
                "EVERSTORE_POSTGRES_PARTITIONS": "1",
                "EVERSTORE_SECRETS_KEYS": KEYS,
            }
        return named

    return variables


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def environment(request, variables_of, tmp_path, monkeypatch) -> dict[str, str]:
    """The variables that name the backend under test, empty; they are set in ``os.environ``, too."""
    for name in os.environ:
        if name.startswith("EVERSTORE_") and not name.startswith("EVERSTORE_TEST_"):
            monkeypatch.delenv(name)
    variables: dict[str, str] = variables_of(request.param, tmp_path)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
async def store(environment) -> AsyncIterator[everstore.Store]:
    """The store that the environment describes."""
    async with everstore.open_store() as opened:
        yield opened
