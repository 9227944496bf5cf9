"""Encrypted connections, and what is said when there can be none."""

from __future__ import annotations

import asyncio
import ssl

import pytest
from tls import HOST, TlsProxy, make_certificate

import everstore
from everstore.errors import SettingsError


@pytest.fixture
def certificate(tmp_path):
    return make_certificate(tmp_path)


@pytest.fixture
async def proxy(settings, certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    async with TlsProxy(settings["postgres_url"], context) as running:
        yield running


async def _open(settings, url, **tls) -> None:
    async with everstore.open_store(**{**settings, "postgres_url": url}, **tls) as store:
        assert await store.storage.increment_value(everstore.new_session_id(), "opened") == 1


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_server_that_is_trusted(settings, proxy, certificate, mode):
    await _open(settings, proxy.url_at(HOST), postgres_tls=mode, postgres_tls_ca_file=str(certificate[0]))
    assert proxy.encrypted


async def test_a_server_by_another_name(settings, proxy, certificate):
    elsewhere, trusted = proxy.url_at("127.0.0.1"), str(certificate[0])
    await _open(settings, elsewhere, postgres_tls="verify-ca", postgres_tls_ca_file=trusted)
    with pytest.raises(SettingsError, match=r"EVERSTORE_POSTGRES_TLS: .* another host"):
        await _open(settings, elsewhere, postgres_tls="verify-full", postgres_tls_ca_file=trusted)


async def test_a_server_nobody_vouches_for(settings, proxy):
    with pytest.raises(SettingsError, match="EVERSTORE_POSTGRES_TLS_CA_FILE"):
        await _open(settings, proxy.url_at(HOST), postgres_tls="verify-ca")


async def test_a_server_without_encryption(settings):
    async with TlsProxy(settings["postgres_url"], None) as plain:
        await _open(settings, plain.url_at(HOST), postgres_tls="prefer")
        with pytest.raises(SettingsError, match="EVERSTORE_POSTGRES_TLS: the server does not encrypt"):
            await _open(settings, plain.url_at(HOST), postgres_tls="require")


async def test_certificates_that_are_not_there(settings, tmp_path):
    missing = str(tmp_path / "none.pem")
    with pytest.raises(SettingsError, match=r"EVERSTORE_POSTGRES_TLS_CA_FILE: .*none\.pem"):
        await _open(
            settings, settings["postgres_url"], postgres_tls="verify-ca", postgres_tls_ca_file=missing
        )


PAIRS = [
    (a, b)
    for a in ("disable", "prefer", "require", "verify-full")
    for b in ("disable", "require", "verify-ca")
]


def _told(**settings: object) -> str:
    with pytest.raises(SettingsError) as caught:
        asyncio.run(_opened(settings))
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


async def _opened(settings) -> None:
    async with everstore.open_store(**settings):
        pass


def _at_nowhere(environment=None, query="", **settings):
    url = f"postgresql://me:hunter2@127.0.0.1:1/db{query}"
    return {"backend": "postgres", "postgres_url": url, "environment": environment or {}, **settings}


@pytest.mark.parametrize(("mode", "in_url"), [pair for pair in PAIRS if pair[0] != pair[1]])
def test_an_url_and_a_setting_that_disagree_are_both_named(mode, in_url):
    told = _told(**_at_nowhere(query=f"?sslmode={in_url}", postgres_tls=mode))
    assert "EVERSTORE_POSTGRES_TLS and sslmode in EVERSTORE_POSTGRES_URL" in told
    told = _told(**_at_nowhere({"EVERSTORE_POSTGRES_TLS": mode}, query=f"?sslmode={in_url}"))
    assert "EVERSTORE_POSTGRES_TLS and sslmode in EVERSTORE_POSTGRES_URL" in told


def test_less_encryption_than_the_environment_asks_for_is_told():
    for settings in ({"postgres_tls": "disable"}, {"query": "?sslmode=prefer"}):
        told = _told(**_at_nowhere({"PGSSLMODE": "require"}, **settings))
        assert "PGSSLMODE" in told
        assert "EVERSTORE_POSTGRES_TLS" in told or "EVERSTORE_POSTGRES_URL" in told


def test_the_same_parameter_twice_is_told():
    assert "sslmode" in _told(**_at_nowhere(query="?sslmode=require&sslmode=disable"))


def test_whom_to_trust_is_of_use_only_where_somebody_is_verified(certificate):
    ca_file = str(certificate[0])
    for settings in (
        {},
        {"postgres_tls": "disable"},
        {"postgres_tls": "prefer"},
        {"query": "?sslmode=allow"},
    ):
        told = _told(**_at_nowhere(postgres_tls_ca_file=ca_file, **settings))
        assert "EVERSTORE_POSTGRES_TLS_CA_FILE" in told
        assert "EVERSTORE_POSTGRES_TLS " in told


def test_two_places_that_disagree_about_whom_to_trust_are_both_named(certificate):
    told = _told(
        **_at_nowhere(
            query=f"?sslmode=verify-full&sslrootcert={certificate[1]}",
            postgres_tls_ca_file=str(certificate[0]),
        )
    )
    assert "EVERSTORE_POSTGRES_TLS_CA_FILE and sslrootcert in EVERSTORE_POSTGRES_URL" in told


async def test_the_url_alone_may_say_it_all(settings, proxy, certificate):
    query = f"?sslmode=verify-full&sslrootcert={certificate[0]}"
    await _open(settings, proxy.url_at(HOST) + query)
    await _open(settings, proxy.url_at(HOST) + query, postgres_tls="verify-full")
    await _open(settings, proxy.url_at(HOST) + query, postgres_tls_ca_file=str(certificate[0]))
    assert proxy.encrypted
    with pytest.raises(SettingsError, match="another host"):
        await _open(settings, proxy.url_at("127.0.0.1") + query)


async def test_a_server_that_encrypts_is_preferred(settings, proxy):
    await _open(settings, proxy.url_at(HOST))
    assert proxy.encrypted
    proxy.encrypted = 0
    await _open(settings, proxy.url_at(HOST), postgres_tls="disable")
    assert not proxy.encrypted
