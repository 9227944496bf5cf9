"""Secrets at rest (contract §6.4): a durable backend is handed ciphertext, which opens nowhere else."""

from __future__ import annotations

import asyncio
import re
import sys
from base64 import b64decode, b64encode
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import everstore
from everstore import Capabilities, errors, new_session_id
from everstore.backends.memory import InMemorySessionStorageStore
from everstore.conformance.case import carried_by
from everstore.installing import command_to_install
from everstore.middleware.base import Middleware
from everstore.middleware.encryption import Envelope, generate_key, parse_keys, scan_all, seal_anew

OLD = "old:" + b64encode(bytes(range(32))).decode()
NEW = "new:" + b64encode(bytes(range(32, 64))).decode()
SECRET = "hunter2 \0 é"
ONE, OTHER = new_session_id(), new_session_id()


def opened(keys: str | None = f"{NEW},{OLD}", **settings):
    return everstore.open_store(storage="shelf", secrets_keys=keys, **settings)


# -- keys ----------------------------------------------------------------------------------------------


def test_a_generated_key_is_a_key():
    keys = parse_keys(f"{generate_key()}, {generate_key('2026-11_a')}")
    assert list(keys)[1] == "2026-11_a"
    assert [len(key) for key in keys.values()] == [32, 32]


def test_no_two_generated_keys_are_the_same():
    made = {generate_key() for _ in range(100)}
    assert len({key.partition(":")[0] for key in made}) == len({key.partition(":")[2] for key in made}) == 100


@pytest.mark.parametrize("key_id", ["", "a b", "a:b", "a,b", "a.b", "é", "x" * 65])
def test_a_key_s_id_is_a_word(key_id):
    with pytest.raises(errors.SettingsError, match="id"):
        generate_key(key_id)


@pytest.mark.parametrize(
    "wrong",
    [
        "c2VjcmV0",
        "id:",
        "id:c2VjcmV0IGtleSBtYXRlcmlhbA==",
        "id:not-base64!",
        ":" + OLD.partition(":")[2],
        "a b:" + OLD.partition(":")[2],
        OLD + "A",
        OLD.rstrip("="),
        f"{OLD},",
        f"{OLD};{NEW}",
    ],
)
async def test_keys_that_are_written_wrongly_are_told_without_showing_them(wrong):
    with pytest.raises(errors.SettingsError, match="EVERSTORE_SECRETS_KEYS") as caught:
        async with everstore.open_store(secrets_keys=wrong):
            pass
    told = str(caught.value)
    assert "everstore keys generate" in told
    assert not any(part in told for part in wrong.replace(",", ":").split(":") if len(part) > 4)


async def test_two_keys_with_one_id_are_refused():
    with pytest.raises(errors.SettingsError, match="'old'"):
        async with everstore.open_store(secrets_keys=f"{OLD},old:{NEW.partition(':')[2]}"):
            pass


def test_keys_show_nowhere():
    assert "AAEC" not in repr(Envelope(parse_keys(OLD)))
    assert str(bytes(range(32))) not in repr(Envelope(parse_keys(OLD)))


async def test_a_missing_extra_is_told_with_its_installation(shelf, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(errors.SettingsError, match=re.escape(command_to_install("encryption"))):
        async with opened():
            pass
    async with opened(keys=None) as store:
        await store.storage.set_value(ONE, "key", "value")


# -- sealing and opening -------------------------------------------------------------------------------


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8"), min_size=1))
def test_what_was_sealed_opens(secret, name):
    envelope = Envelope(parse_keys(OLD))
    sealed = envelope.seal(ONE, name, secret)
    assert envelope.open(ONE, name, sealed) == secret
    assert sealed.isascii()
    assert sealed.count(".") == 3


def test_a_secret_sealed_twice_is_never_the_same():
    envelope = Envelope(parse_keys(OLD))
    sealed = {envelope.seal(ONE, "name", SECRET) for _ in range(50)}
    assert len({text.split(".")[2] for text in sealed}) == len({text.split(".")[3] for text in sealed}) == 50


def test_the_format_is_that_of_the_first_release():
    """What was stored then opens for ever."""
    kept = (
        "es1.old.3aAxDR4o3X09kr3ppYTt6fw9w0bvTwH8oTds7UvES0Ua5v2gk_DP_A"
        ".ZXxsomDK413-z49HtjyxoY8VoQZQBkoqWedn2OQIdtU"
    )
    assert Envelope(parse_keys(OLD)).open(UUID(int=1), "name", kept) == "kept"


@pytest.mark.parametrize("place", [(OTHER, "name"), (ONE, "nam"), (ONE, "name "), (ONE, "NAME")])
def test_a_ciphertext_opens_in_its_own_place_only(place):
    envelope = Envelope(parse_keys(OLD))
    sealed = envelope.seal(ONE, "name", SECRET)
    with pytest.raises(errors.SecretDecryptionError, match="does not open"):
        envelope.open(*place, sealed)


def test_no_bit_can_be_changed():
    envelope = Envelope(parse_keys(f"{OLD},{NEW}"))
    sealed = envelope.seal(ONE, "name", SECRET)
    for at, character in enumerate(sealed):
        for other in {"A", "b", "=", ".", "\n"} - {character}:
            with pytest.raises(errors.SecretDecryptionError) as caught:
                envelope.open(ONE, "name", sealed[:at] + other + sealed[at + 1 :])
            assert SECRET not in str(caught.value)
    for cut in range(len(sealed)):
        with pytest.raises(errors.SecretDecryptionError):
            envelope.open(ONE, "name", sealed[:cut])


def test_the_same_id_with_another_key_does_not_open():
    sealed = Envelope(parse_keys(OLD)).seal(ONE, "name", SECRET)
    with pytest.raises(errors.SecretDecryptionError, match="'old'"):
        Envelope(parse_keys("old:" + NEW.partition(":")[2])).open(ONE, "name", sealed)


def test_a_key_that_is_not_there_is_named():
    sealed = Envelope(parse_keys(OLD)).seal(ONE, "name", SECRET)
    with pytest.raises(errors.SecretDecryptionError, match="'old'"):
        Envelope(parse_keys(NEW)).open(ONE, "name", sealed)
    with pytest.raises(errors.SecretsKeyMissingError, match="'old'"):
        Envelope({}).open(ONE, "name", sealed)


# -- through a store -----------------------------------------------------------------------------------


async def test_a_durable_backend_is_handed_ciphertext(shelf):
    async with opened() as store:
        await store.storage.set_secret(ONE, "name", SECRET)
        assert await store.storage.get_secret(ONE, "name") == SECRET
        assert await store.session(ONE).storage.get_secret("name") == SECRET
        assert await store.storage.get_secret(ONE, "absent") is None
    [held] = shelf.held.values()
    assert held.startswith("es1.new.")
    for form in (SECRET, b64encode(SECRET.encode()).decode().rstrip("=")):
        assert form not in held
    assert SECRET.encode() not in b64decode(held.split(".")[3] + "===", "-_")


async def test_middleware_sees_ciphertext_only(shelf, install_plugin):
    seen: list[object] = []

    class Looking(Middleware):
        def wrap(self, verb, call):
            async def looked(*args, **kwargs):
                answer = await call(*args, **kwargs)
                seen.extend([*args, *kwargs.values(), answer])
                return answer

            return looked

    layer = Looking()
    install_plugin("looking", everstore_middleware=lambda: layer)
    async with opened(middleware="looking") as store:
        await store.storage.set_secret(ONE, "name", SECRET)
        assert await store.storage.get_secret(ONE, "name") == SECRET
    assert SECRET not in seen
    assert sum(str(value).startswith("es1.") for value in seen) == 2


async def test_memory_keeps_secrets_without_a_key(session_id):
    async with everstore.open_store() as store:
        await store.storage.set_secret(session_id, "name", SECRET)
        assert await store.storage.get_secret(session_id, "name") == SECRET


async def test_without_a_key_the_refusal_says_how_to_make_one(shelf):
    async with opened(keys=None) as store:
        with pytest.raises(errors.SecretsKeyMissingError, match="everstore keys generate") as caught:
            await store.storage.set_secret(ONE, "name", SECRET)
        assert SECRET not in str(caught.value)
        assert await store.storage.get_secret(ONE, "absent") is None
    assert shelf.held == {}


async def test_limits_are_those_of_the_secret_and_not_of_its_ciphertext(shelf):
    async with opened(limits__value_bytes=10) as store:
        await store.storage.set_secret(ONE, "name", "x" * 10)
        with pytest.raises(errors.QuotaExceededError):
            await store.storage.set_secret(ONE, "name", "x" * 11)
        assert await store.storage.get_secret(ONE, "name") == "x" * 10


async def test_a_backend_s_plaintext_is_no_secret(shelf):
    """What somebody put into the storage behind everstore's back is told, and never handed out."""
    shelf.held[ONE, "name"] = "plain"
    async with opened() as store:
        with pytest.raises(errors.SecretDecryptionError, match="format") as caught:
            await store.storage.get_secret(ONE, "name")
    assert "plain" not in str(caught.value)


# -- rotation ------------------------------------------------------------------------------------------


async def fill(shelf: Any, keys: str, count: int) -> dict[tuple[Any, str], str]:
    envelope = Envelope(parse_keys(keys))
    secrets = {(session, f"name {n}"): f"secret {n}" for session in (ONE, OTHER) for n in range(count)}
    shelf.held |= {place: envelope.seal(*place, secret) for place, secret in secrets.items()}
    return secrets


async def test_rotation_seals_everything_with_the_first_key(shelf):
    secrets = await fill(shelf, OLD, 130)
    seen: list[None] = []
    envelope = Envelope(parse_keys(f"{NEW},{OLD}"))
    assert await seal_anew(shelf, envelope, lambda: seen.append(None)) == (260, 260)
    assert len(seen) == 260
    assert all(held.startswith("es1.new.") for held in shelf.held.values())
    only_new = Envelope(parse_keys(NEW))
    assert {place: only_new.open(*place, held) for place, held in shelf.held.items()} == secrets
    before = dict(shelf.held)
    assert await seal_anew(shelf, envelope) == (260, 0)
    assert shelf.held == before


async def test_a_rotation_that_was_interrupted_goes_on(shelf):
    await fill(shelf, OLD, 20)
    envelope = Envelope(parse_keys(f"{NEW},{OLD}"))
    left = 7

    def interrupt() -> None:
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await seal_anew(shelf, envelope, interrupt)
    assert await seal_anew(shelf, envelope) == (40, 34)


async def test_rotation_loses_nothing_that_others_write_meanwhile(shelf):
    secrets = await fill(shelf, OLD, 30)
    old = Envelope(parse_keys(OLD))

    async def write() -> None:
        for turn in range(3):
            for place in list(secrets):
                secrets[place] = f"changed {turn}"
                shelf.held[place] = old.seal(*place, secrets[place])
                await asyncio.sleep(0)

    envelope = Envelope(parse_keys(f"{NEW},{OLD}"))
    await asyncio.gather(seal_anew(shelf, envelope), write())
    await seal_anew(shelf, envelope)
    only_new = Envelope(parse_keys(NEW))
    assert {place: only_new.open(*place, held) for place, held in shelf.held.items()} == secrets


async def test_a_secret_that_no_key_opens_stays_and_the_others_are_done(shelf):
    secrets = await fill(shelf, OLD, 120)
    lost = {(ONE, "name 3"): NEW.replace("new:", "lost:"), (OTHER, "name 99"): "old:" + NEW.partition(":")[2]}
    for place, key in lost.items():
        shelf.held[place] = Envelope(parse_keys(key)).seal(*place, SECRET)
    shelf.held[ONE, "plain"] = f"{SECRET} of somebody else"
    before = dict(shelf.held)
    with pytest.raises(errors.SecretDecryptionError, match="3 of 241 secrets left as before, 238 ") as caught:
        await seal_anew(shelf, Envelope(parse_keys(f"{NEW},{OLD}")))
    facts = caught.value.facts
    assert (facts["secrets"], facts["changed"]) == (241, 238)
    left = {(each.facts["session_id"], each.facts["name"]) for each in facts["unopened"]}
    assert left == {*lost, (ONE, "plain")}
    assert {place for place, held in shelf.held.items() if held == before[place]} == left
    assert SECRET not in carried_by(caught.value)
    new = Envelope(parse_keys(NEW))
    opened = {place: new.open(*place, shelf.held[place]) for place in secrets.keys() - lost.keys()}
    assert opened == {place: secrets[place] for place in opened}


async def test_an_error_of_opening_carries_nothing_of_what_it_opened():
    """Not even when what was sealed is no text, as a stranger's program may seal it."""
    envelope = Envelope(parse_keys(OLD))
    sealed = envelope.seal(ONE, "name", "x")
    carried = []
    for stored in (
        f"es1.old.{SECRET}é.{SECRET}",
        sealed[:-8],
        f"{sealed}é",
        "es1.old." + "A" * 54 + ".plain é",
    ):
        with pytest.raises(errors.SecretDecryptionError) as caught:
            envelope.open(ONE, "name", stored)
        carried.append(carried_by(caught.value))
    assert not any("hunter2" in text or "plain" in text for text in carried)


async def test_a_durable_backend_that_cannot_rotate_says_so(install_plugin):
    """It never seems to have no secrets."""

    class Forgetful(InMemorySessionStorageStore):
        capabilities = Capabilities(durable=True)

    forgetful = Forgetful()
    install_plugin("forgetful", everstore_storage_store=lambda: forgetful)
    async with everstore.open_store(storage="forgetful", secrets_keys=NEW) as store:
        await store.storage.set_secret(ONE, "name", SECRET)
        sealed = Envelope(parse_keys(NEW)).seal(ONE, "name", SECRET)
        for call in (
            store.rotation.scan_secrets(),
            store.rotation.swap_secret(ONE, "name", sealed, sealed),
            seal_anew(store.rotation, Envelope(parse_keys(NEW))),
        ):
            with pytest.raises(errors.PluginError, match=r"'forgetful'.*Forgetful.*secret") as caught:
                await call
            assert caught.value.facts["plugin"] == "forgetful"


async def test_scanning_pages_through_everything(shelf):
    secrets = await fill(shelf, OLD, 130)
    assert [(stored.session_id, stored.name) async for stored in scan_all(shelf)] == sorted(secrets)
