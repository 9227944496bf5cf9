"""How a connection is made: the URL, the settings and the environment of the store, and nothing else.

Left alone, the driver reads ``os.environ`` and files in the home directory by itself. A store has an
environment of its own (``open_store(environment=...)``), so everything that libpq's variables may say is
looked up there, and the driver is told all of it. What two places say of TLS must agree.
"""

from __future__ import annotations

import getpass
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg

from everstore.errors import SettingsError
from everstore.loading import loading

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from everstore_postgres.settings import PostgresSettings

__all__ = ["SERVER_SETTINGS", "Way", "way_to"]

# The statements name rows by keys or ranges of them: one plan fits every session, and planning again costs
# more than running. Always by the index, for a session that is small beside others must not be looked
# for among them; and compiling to machine code never pays.
SERVER_SETTINGS = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "jit": "off"}
"""What a connection is best told of plans; a host's pool is, too: ``create_pool(server_settings=...)``."""

_URL = "EVERSTORE_POSTGRES_URL"
_TLS = "EVERSTORE_POSTGRES_TLS"
_CA_FILE = "EVERSTORE_POSTGRES_TLS_CA_FILE"
_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")  # the weakest first
_VERIFYING = ("verify-ca", "verify-full")


class Way:
    """The way to a server: what the driver is told, and the kinds of encryption to try, in their order."""

    def __init__(self, arguments: dict[str, Any], encryption: tuple[ssl.SSLContext | bool, ...]) -> None:
        """``False`` is no encryption."""
        self.arguments = arguments
        self._encryption = encryption

    async def connect(self) -> Any:
        """A new connection; raises what the driver raises."""
        *attempts, last = self._encryption
        for encryption in attempts:
            try:
                return await asyncpg.connect(**self.arguments, ssl=encryption)
            except (asyncpg.InvalidAuthorizationSpecificationError, ConnectionError) as error:
                # Only that the server wants it the other way is a reason to try that.
                if isinstance(error, ConnectionError) and "rejected SSL upgrade" not in str(error):
                    raise
        return await asyncpg.connect(**self.arguments, ssl=last)


def way_to(settings: PostgresSettings, environment: Mapping[str, str]) -> Way:
    """The way that the URL, the settings and the environment describe.

    ``SettingsError`` names both sources when they disagree about TLS.
    """
    url = settings.address
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    said = _Said(dict(parse_qsl(parts.query)), environment)
    user, _, password = credentials.partition(":")
    arguments: dict[str, Any] = {
        "dsn": url,
        "port": list(_ports(hosts or said.parameters.get("host", ""), said)),
        "target_session_attrs": said.of("target_session_attrs", "PGTARGETSESSIONATTRS") or "any",
        "krbsrvname": said.of("krbsrvname", "PGKRBSRVNAME") or "postgres",
        "gsslib": said.of("gsslib", "PGGSSLIB") or ("sspi" if os.name == "nt" else "gssapi"),
        "direct_tls": said.of("sslnegotiation", "PGSSLNEGOTIATION") == "direct",
    }
    if not user and "user" not in said.parameters:
        arguments["user"] = environment.get("PGUSER") or _user_of_the_system()
    if not parts.path.strip("/") and not {"dbname", "database"} & said.parameters.keys():
        database = environment.get("PGDATABASE")
        if database:  # else the driver takes the user's name
            arguments["database"] = database
        else:
            arguments["database"] = arguments.get("user") or said.parameters.get("user") or unquote(user)
    if not password and "password" not in said.parameters:
        arguments |= _password(said)
    return Way(arguments, _encryption(settings, said))


class _Said:
    """The parameters of the URL, and libpq's variables for those that it leaves out."""

    def __init__(self, parameters: dict[str, str], environment: Mapping[str, str]) -> None:
        self.parameters = parameters
        self.environment = environment

    def of(self, parameter: str, variable: str) -> str | None:
        return self.parameters.get(parameter) or self.environment.get(variable) or None

    def at_home(self, *names: str) -> Path | None:
        """A file in the home directory of the environment, when it is there."""
        home = self.environment.get("HOME") or self.environment.get("USERPROFILE")
        file = Path(home, *names) if home else None
        return file if file is not None and file.is_file() else None


def _user_of_the_system() -> str:
    try:
        import pwd  # noqa: PLC0415 - not on Windows
    except ImportError:
        return getpass.getuser()
    return pwd.getpwuid(os.geteuid()).pw_name


def _ports(hosts: str, said: _Said) -> Iterator[int]:
    """A port for each host: the driver looks for those left out in its own environment."""
    parameter = said.parameters.get("port") or ""
    default = [said.environment.get("PGPORT") or "5432"]
    each = [host.rpartition("]")[2].partition(":")[2] for host in hosts.split(",")]
    stated = parameter.split(",") if parameter else each
    for port in stated if len(stated) == len(each) else stated * len(each):
        try:
            yield int(port or default[0].partition(",")[0])
        except ValueError:
            raise SettingsError(f"postgres: {_URL} names no port, and PGPORT is not one") from None


def _password(said: _Said) -> dict[str, Any]:
    password = said.environment.get("PGPASSWORD")
    if password:
        return {"password": password}
    named = said.of("passfile", "PGPASSFILE")
    file = Path(named) if named else said.at_home(".pgpass")
    return {"passfile": file} if file is not None else {"password": ""}


def _encryption(settings: PostgresSettings, said: _Said) -> tuple[ssl.SSLContext | bool, ...]:
    mode = _mode(settings, said)
    if mode == "disable":
        return (False,)
    with loading:  # the first context loads what OpenSSL needs: a child that is forked meanwhile would hang
        context = _context(mode, settings.tls_ca_file, said)
    if mode == "allow":
        return (False, context)
    return (context, False) if mode == "prefer" else (context,)


def _mode(settings: PostgresSettings, said: _Said) -> str:
    """How the connection is encrypted; ``SettingsError`` when two places disagree, and one would lose."""
    in_url, usual = said.parameters.get("sslmode"), said.environment.get("PGSSLMODE")
    if usual and usual not in _MODES:
        raise SettingsError(f"postgres: PGSSLMODE is one of {', '.join(_MODES)}")
    if settings.tls and in_url and settings.tls != in_url:
        raise SettingsError(
            f"postgres: {_TLS} and sslmode in {_URL} disagree about encryption; take one of them out"
        )
    chosen = settings.tls or in_url
    if chosen and usual and _MODES.index(usual) > _MODES.index(chosen):
        by = _TLS if settings.tls else f"sslmode in {_URL}"
        raise SettingsError(f"postgres: {by} asks for less encryption than PGSSLMODE; take one of them out")
    mode = chosen or usual or "prefer"
    if settings.tls_ca_file is None:
        return mode
    rootcert = said.parameters.get("sslrootcert")
    if rootcert and rootcert != settings.tls_ca_file:
        raise SettingsError(
            f"postgres: {_CA_FILE} and sslrootcert in {_URL} disagree about whom to trust; take one out"
        )
    if mode in ("disable", "allow", "prefer"):
        raise SettingsError(
            f"postgres: {_CA_FILE} names whom to trust, and {_TLS} (or sslmode in {_URL}) is {mode}, which "
            f"trusts everybody; set {_TLS} to verify-full"
        )
    return mode


def _context(mode: str, ca_file: str | None, said: _Said) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = _version(
        said.of("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION") or "TLSv1.2"
    )
    newest = said.of("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION")
    if newest:
        context.maximum_version = _version(newest)
    if ssl.HAS_ALPN:
        context.set_alpn_protocols(["postgresql"])
    trusted = ca_file or said.of("sslrootcert", "PGSSLROOTCERT") or said.at_home(".postgresql", "root.crt")
    # As in libpq, whoever names whom to trust wants to know whom he talks to.
    if mode in _VERIFYING or (mode == "require" and trusted):
        _trust(context, trusted, ca_file, said)
        context.check_hostname = mode == "verify-full"
    _show_certificate(context, said)
    return context


def _version(name: str) -> ssl.TLSVersion:
    try:
        return ssl.TLSVersion[name.replace(".", "_")]
    except KeyError:
        raise SettingsError(
            f"postgres: {_URL}: no version of TLS is called so; write TLSv1.2 or TLSv1.3"
        ) from None


def _trust(context: ssl.SSLContext, trusted: str | Path | None, ca_file: str | None, said: _Said) -> None:
    context.verify_mode = ssl.CERT_REQUIRED
    revoked = said.of("sslcrl", "PGSSLCRL") or said.at_home(".postgresql", "root.crl")
    try:
        if trusted:
            context.load_verify_locations(trusted)
        else:
            context.load_default_certs()
        if revoked:
            context.load_verify_locations(revoked)
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    except OSError as error:
        name = f"{_CA_FILE}: {ca_file!r}" if ca_file else f"{_URL}: the file of sslrootcert or sslcrl"
        raise SettingsError(f"postgres: {name} holds no certificates to trust") from error


def _show_certificate(context: ssl.SSLContext, said: _Said) -> None:
    """The certificate of this client, when there is one."""
    certificate = said.of("sslcert", "PGSSLCERT") or said.at_home(".postgresql", "postgresql.crt")
    if certificate is None:
        return
    key = said.of("sslkey", "PGSSLKEY") or said.at_home(".postgresql", "postgresql.key")
    try:
        context.load_cert_chain(certificate, key, said.parameters.get("sslpassword", ""))
    except OSError as error:
        raise SettingsError(
            f"postgres: {_URL}: the files of sslcert and sslkey do not belong together"
        ) from error
