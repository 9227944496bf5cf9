"""A host's own key ring: asked when a key is needed, so that rotation needs no restart."""

from __future__ import annotations

import os
from typing import Any

import pytest

import everstore
from everstore import KeyRing, errors
from everstore.content import key_id_of
from everstore.middleware.encryption import generate_key, seal_anew
from everstore.middleware.key_ring import RingKeys


class Ring(KeyRing):
    """Keys in a dictionary; ``asked`` is all that was asked for."""

    def __init__(self, **keys: Any) -> None:
        self.keys: dict[str, Any] = keys
        self.current: Any = next(iter(keys), "none")
        self.asked: list[str] = []

    async def current_id(self) -> str:
        return self.current

    async def key(self, key_id: str) -> bytes | None:
        self.asked.append(key_id)
        return self.keys.get(key_id)


async def test_a_new_current_key_counts_from_the_next_secret_on(shelf, session_id):
    ring = Ring(a=os.urandom(32))
    async with everstore.open_store(ring, storage="shelf") as store:
        assert ring.asked == []
        await store.storage.set_secret(session_id, "one", "1")
        ring.keys["b"], ring.current = os.urandom(32), "b"
        await store.storage.set_secret(session_id, "two", "2")
        assert {key_id_of(text) for text in shelf.held.values()} == {"a", "b"}
        assert await store.storage.get_secret(session_id, "one") == "1"
        assert await store.storage.get_secret(session_id, "two") == "2"
        assert await seal_anew(store.rotation, RingKeys(ring)) == (2, 1)
        del ring.keys["a"]
        assert await store.storage.get_secret(session_id, "one") == "1"
        assert await store.storage.get_secret(session_id, "none") is None


async def test_a_secret_without_its_key_is_a_typed_error(shelf, session_id):
    ring = Ring(a=os.urandom(32))
    async with everstore.open_store(ring, storage="shelf") as store:
        await store.storage.set_secret(session_id, "s", "hunter2")
        ring.keys.clear()
        with pytest.raises(errors.SecretDecryptionError, match="the key ring Ring has no key 'a'"):
            await store.storage.get_secret(session_id, "s")
        with pytest.raises(errors.SecretsKeyMissingError, match="no key 'a', its current one"):
            await store.storage.set_secret(session_id, "s", "hunter2")
        ring.keys["a"] = os.urandom(32)
        with pytest.raises(errors.SecretDecryptionError, match="of the key ring Ring did not seal it"):
            await store.storage.get_secret(session_id, "s")


@pytest.mark.parametrize(
    ("current", "key", "words"),
    [(5, b"", "the id of a key"), ("a.b", bytes(32), "the id of a key"), ("a", b"hunter2", "is not 32 bytes"),
     ("a", "hunter2hunter2hunter2hunter2hunt", "is not 32 bytes")],
)  # fmt: skip
async def test_what_is_no_key_is_told_and_not_shown(shelf, session_id, current, key, words):
    ring = Ring(**{str(current): key})
    ring.current = current
    async with everstore.open_store(ring, storage="shelf") as store:
        with pytest.raises(errors.SettingsError, match=words) as caught:
            await store.storage.set_secret(session_id, "s", "x")
    assert "hunter2" not in str(caught.value)
    assert shelf.held == {}


async def test_a_ring_that_fails_is_unavailable_and_nothing_happened(shelf, session_id):
    class Remote(Ring):
        async def key(self, key_id: str) -> bytes | None:
            raise OSError("hunter2")

    async with everstore.open_store(Remote(a=bytes(32)), storage="shelf") as store:
        with pytest.raises(errors.BackendUnavailableError, match="Remote failed with OSError") as caught:
            await store.storage.set_secret(session_id, "s", "x")
    assert caught.value.happened is False
    assert "hunter2" not in str(caught.value)


async def test_a_ring_beside_keys_or_another_ring_is_refused():
    ring = Ring(a=bytes(32))
    for provided, settings in (((ring,), {"secrets_keys": generate_key()}), ((ring, Ring()), {})):
        with pytest.raises(errors.SettingsError, match="key ring"):
            await everstore.open_store(*provided, **settings)


async def test_where_secrets_are_not_encrypted_it_is_not_asked(session_id):
    ring = Ring(a=bytes(32))
    async with everstore.open_store(ring) as store:
        await store.storage.set_secret(session_id, "s", "x")
        assert await store.storage.get_secret(session_id, "s") == "x"
    assert ring.asked == []
