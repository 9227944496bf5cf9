"""What a backend does not claim is refused before it is asked; what it cannot keep too."""

from __future__ import annotations

import pytest

from everstore import Capabilities, InitialFile, errors


@pytest.fixture
def reached():
    return []


@pytest.fixture
def open_store_with(open_odd_store, reached):
    """Open a store whose backend claims these capabilities, notes each call and answers ``None``."""

    async def note():
        reached.append(True)

    return lambda capabilities, **settings: open_odd_store(note, capabilities, **settings)


async def test_a_time_to_live_that_is_not_claimed_is_refused(open_store_with, session_id, reached):
    async with open_store_with(Capabilities(time_to_live=False)) as store:
        for call in (
            store.storage.set_value(session_id, "a", "x", ttl=1),
            store.storage.set_secret(session_id, "a", "x", ttl=1),
        ):
            with pytest.raises(errors.UnsupportedError) as caught:
                await call
            assert caught.value.code == "unsupported"
        assert reached == []
        await store.storage.set_value(session_id, "a", "x", ttl=None)
        assert reached == [True]


async def test_a_file_is_no_larger_than_the_backend_keeps(open_store_with, session_id, reached):
    async with open_store_with(Capabilities(max_file_bytes=4)) as store:
        for call in (
            store.file_system.write_file(session_id, "a", "12345"),
            store.file_system.append_file(session_id, "a", "12345"),
            store.file_system.seed_initial_file(session_id, InitialFile("a", "AAECAwQ=", "base64")),
        ):
            with pytest.raises(errors.QuotaExceededError) as caught:
                await call
            assert (caught.value.limit, caught.value.allowed) == ("max_file_bytes", 4)
            assert reached.pop() is True  # an earlier reason was looked for, once
        assert reached == []
        await store.file_system.write_file(session_id, "a", "1234")
        assert reached == [True]


async def test_a_value_is_no_larger_than_the_backend_keeps(open_store_with, session_id, reached):
    async with open_store_with(Capabilities(max_value_bytes=4)) as store:
        for call in (
            store.storage.set_value(session_id, "a", "12345"),
            store.storage.set_secret(session_id, "a", "ééé"),
        ):
            with pytest.raises(errors.QuotaExceededError) as caught:
                await call
            assert (caught.value.limit, caught.value.allowed) == ("max_value_bytes", 4)
        assert reached == []
        await store.storage.set_secret(session_id, "a", "éé")
        assert reached == [True]


async def test_the_lower_of_limit_and_capability_counts(open_store_with, session_id):
    limits = {"limits__file_bytes": 3, "limits__value_bytes": 5}
    async with open_store_with(Capabilities(max_file_bytes=4, max_value_bytes=4), **limits) as store:
        with pytest.raises(errors.QuotaExceededError) as caught:
            await store.file_system.write_file(session_id, "a", "1234")
        assert caught.value.limit == "file_bytes"
        with pytest.raises(errors.QuotaExceededError) as caught:
            await store.storage.set_value(session_id, "a", "12345")
        assert caught.value.limit == "max_value_bytes"


async def test_the_host_sees_what_the_backend_claims(open_store_with):
    claims = Capabilities(shared=True, max_file_bytes=4)
    async with open_store_with(claims) as store:
        assert store.file_system.capabilities == store.storage.capabilities == claims
        assert store.sessions.capabilities == claims


async def test_however_many_keys_there_were_each_is_still_checked(open_store_with, session_id, reached):
    async with open_store_with(Capabilities()) as store:
        for number in range(5000):
            await store.storage.get_value(session_id, f"{number}")
        for key in ("", "a\0b", "x" * 1025):
            with pytest.raises(errors.InvalidKeyError):
                await store.storage.get_value(session_id, key)
        assert len(reached) == 5000
