"""A store on a fresh folder for every test."""

from __future__ import annotations

import os
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

import everstore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
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
    monkeypatch.setenv("EVERSTORE_BACKEND", "lmdb")
    monkeypatch.setenv("EVERSTORE_LOG_LEVEL", "off")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's folder is."""
    return tmp_path / "everstore.lmdb"


@pytest.fixture
def opened(path: Path) -> Callable[..., AbstractAsyncContextManager[everstore.Store]]:
    """Open the test's folder: ``opened(max_bytes=1 << 20)``; not ``full`` unless a test asks for it."""

    def open_(**settings: Any) -> AbstractAsyncContextManager[everstore.Store]:
        own = {f"lmdb_{name}": value for name, value in settings.items()}
        return everstore.open_store(
            backend="lmdb", secrets_keys=KEYS, **{"lmdb_path": path, "lmdb_synchronous": "normal", **own}
        )

    return open_


@pytest.fixture
async def store(opened) -> AsyncIterator[everstore.Store]:
    """An open store on the test's folder."""
    async with opened() as store:
        yield store


@pytest.fixture
def session_id() -> UUID:
    return everstore.new_session_id()


@pytest.fixture
def work(store: everstore.Store, session_id: UUID) -> everstore.BoundSession:
    """The test's session."""
    return store.session(session_id)
