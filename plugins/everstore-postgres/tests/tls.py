"""A wire that is encrypted up to a proxy, as behind a load balancer: the server of the wheel has no TLS."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from proxy import Proxy

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

HOST = "localhost"
_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")  # "do you speak TLS?"


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for ``HOST`` that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "server.crt", folder / "server.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate_file, key_file


class TlsProxy(Proxy):
    """Listens on a port of the loopback; ``context=None`` speaks no TLS, and says so."""

    def __init__(self, url: str, context: ssl.SSLContext | None) -> None:
        super().__init__(url)
        self._context = context
        self.encrypted = 0

    def url_at(self, host: str) -> str:
        """Where clients connect to, by one of the machine's names."""
        user = self._parts.username or "postgres"
        return self._parts._replace(netloc=f"{user}@{host}:{self._port}", query="").geturl()

    async def __aenter__(self) -> Self:
        self.pass_on()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes = b""
    ) -> None:
        try:
            first = await reader.readexactly(8)
            if first == _REQUEST:
                first = b""
                writer.write(b"S" if self._context else b"N")
                if self._context:
                    await writer.start_tls(self._context)
                    self.encrypted += 1
        except (OSError, asyncio.IncompleteReadError):  # the client does not like what it was shown
            writer.close()
        else:
            await super()._accept(reader, writer, first)
