"""What the tests of transfers share."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

import everstore
from everstore import InitialFile, Store
from everstore.transfer import export_session
from everstore.transfer.items import MARK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID


@pytest.fixture(autouse=True)
def _nowhere(in_empty_folder):
    """No settings file of the developer's is read."""


async def _contents_of(store: Store, session_id: UUID) -> dict[str, Any]:
    """All that a transfer keeps of a session, with times."""
    work = store.session(session_id)
    held: dict[str, Any] = {"record": await store.sessions.get_session(session_id)}
    for info in await work.files.list_tree():
        file = await work.files.read_file(info.path)
        held[info.path] = file.data, file.encoding, file.is_readonly, info.created_ns, info.updated_ns
    for value in await work.storage.read_values():
        ends = value.expires_ns is not None
        held["value", value.key] = value.value, ends, value.created_ns, value.updated_ns
    for secret in await work.storage.list_secrets():
        held["secret", secret.name] = (
            await work.storage.get_secret(secret.name),
            secret.expires_ns is not None,
            secret.created_ns,
            secret.updated_ns,
        )
    return held


async def _furnish(store: Store, session_id: UUID) -> None:
    """Something of every kind; the large ones take several pieces."""
    work = store.session(session_id)
    await work.files.write_file("notes.txt", "é\r\n\0")
    await work.files.write_file("a/empty.txt", "")
    await work.files.write_file("a.txt", "next to a directory of nearly its name")
    await work.files.write_file("long.txt", "x" + "€" * 400_000)
    await work.files.write_bytes("bytes.bin", bytes(range(256)))
    await work.files.write_bytes("a/long.bin", bytes(range(256)) * 4_500)
    await work.files.write_file("wörter/" + "ü" * 100, "a name of its own")
    await work.files.create_directory("empty/below")
    await work.files.seed_initial_file(InitialFile("rules.txt", "only read", is_readonly=True))
    await work.files.seed_initial_file(InitialFile("rules.bin", "AAE=", "base64", is_readonly=True))
    await work.storage.set_values({f"key {number}": str(number) * number for number in range(150)})
    await work.storage.set_value("ends", "some day", ttl=10_000)


@pytest.fixture
async def other(backend: dict[str, Any]) -> AsyncIterator[Store]:
    """Another store, in memory."""
    async with everstore.open_store(backend="memory") as opened:
        yield opened


async def _exported(store: Store, session_id: UUID, **options: Any) -> bytes:
    """The archive of a session."""
    file = io.BytesIO()
    await export_session(store, session_id, file, **options)
    return file.getvalue()


async def _is_clean(store: Store, session_id: UUID) -> bool:
    """Whether nothing at all is left of a session."""
    assert await store.storage.stat_value(session_id, MARK) is None
    return session_id not in await store.session_ids()


@pytest.fixture(scope="session")
def contents_of():
    return _contents_of


@pytest.fixture(scope="session")
def furnish():
    return _furnish


@pytest.fixture(scope="session")
def exported():
    return _exported


@pytest.fixture(scope="session")
def is_clean():
    return _is_clean
