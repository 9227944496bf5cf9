"""Encrypted connections, and what is said when there can be none."""

from __future__ import annotations

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
