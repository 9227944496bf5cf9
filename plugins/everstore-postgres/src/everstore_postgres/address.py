"""What EVERSTORE_POSTGRES_URL may look like: told before the driver guesses at it.

A URL holds a password, and what is wrong with it is often the password: so no message repeats any part
of it but the names of parameters, and nothing here throws an exception that holds one.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote_plus

from everstore.errors import SettingsError

__all__ = ["check_url", "parameters_for_the_server"]

_FORM = "postgresql://user:password@host:port/database, or ?host=/socket/folder in place of the host"
_LARGEST_PORT = 65535
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,62}")
_TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_DRIVERS = re.compile(
    "host|port|dbname|database|user|password|passfile|target_session_attrs|krbsrvname|gsslib"
    "|ssl(mode|cert|key|rootcert|crl|password|negotiation)|ssl_(min|max)_protocol_version"
)
_FILES = {"sslrootcert", "sslcert", "sslkey", "sslcrl"}
# What libpq takes, the driver does not, and the server would refuse; or what would change what texts are.
_REFUSED = {
    "connect_timeout": "set EVERSTORE_POSTGRES_CONNECT_TIMEOUT in its place",
    "client_encoding": "it is always UTF8",
    "fallback_application_name": "write application_name",
    "hostaddr": "write the address as the host",
    "service": "write what the service's file says into the URL",
}
_UNKNOWN = re.compile(
    "channel_binding|gssdelegation|gssencmode|keepalives(_.*)?|load_balance_hosts|(min|max)_protocol_version"
    "|oauth_.*|require_auth|requirepeer|requiressl|ssl|ssl(certmode|compression|crldir|sni)|tcp_user_timeout"
)


def check_url(url: str) -> None:
    """``SettingsError``, which names the setting and the remedy, when the URL cannot be meant so."""
    complaint = _complaint(url)
    if complaint is not None:
        raise SettingsError(f"postgres: EVERSTORE_POSTGRES_URL: {complaint}")


def parameters_for_the_server(url: str) -> list[str]:
    """The names of the URL's parameters that are handed to the server, which may not know them."""
    return [name for name, _ in _parameters(url.partition("?")[2]) if not _DRIVERS.fullmatch(name)]


def _complaint(url: str) -> str | None:
    scheme, _, rest = url.partition("://")
    if scheme not in {"postgresql", "postgres"}:
        return f"not of the form {_FORM}"
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    credentials, _, hosts = authority.rpartition("@")
    if "@" in tail or "#" in tail or re.search(r"[@\[\]]", credentials):
        return (
            "a character of the user, the password or a parameter has to be written otherwise:"
            " '@' as %40, '/' as %2F, '#' as %23, '?' as %3F, '[' as %5B, ']' as %5D"
        )
    if re.search(r"[\x00-\x1f\x7f]", url):
        return "it holds a line end or another control character; take it out"
    query = tail.partition("?")[2]
    return _about_parameters(query) or _about_hosts(hosts, dict(_parameters(query)))


def _about_hosts(hosts: str, parameters: dict[str, str]) -> str | None:
    ports = [
        port
        for port in [*map(_port_of, hosts.split(",")), *parameters.get("port", "").split(",")]
        if port is not None and port != ""
    ]
    if not all(port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _LARGEST_PORT for port in ports):
        return f"a port is a number from 1 to {_LARGEST_PORT}"
    names = hosts.split(",") if hosts else parameters.get("host", "").split(",")
    if any(not name or name.startswith(":") for name in names):
        return f"it names no host; write {_FORM}"
    return None


def _port_of(host: str) -> str | None:
    """What stands after the host's colon; the colons of an IPv6 address stand in brackets."""
    _, colon, port = host.rpartition("]")[2].partition(":")
    return port if colon else None


def _about_parameters(query: str) -> str | None:
    if any("=" not in part for part in query.split("&") if query):
        return "each parameter has the form name=value, with '&' between them"
    names = [name for name, _ in _parameters(query)]
    twice = next((name for name in names if _NAME.fullmatch(name) and names.count(name) > 1), None)
    if twice is not None:
        return f"the parameter {twice} stands there twice; take one of them out"
    complaints = (_about_parameter(name, value) for name, value in _parameters(query))
    return next((complaint for complaint in complaints if complaint is not None), None)


def _about_parameter(name: str, value: str) -> str | None:
    if not _NAME.fullmatch(name):
        return "the name of a parameter has characters that no name has"
    right = name.lower()
    if name != right and _DRIVERS.fullmatch(right):  # or it would change nothing, and TLS be as without it
        return f"write the parameter {name} in small letters"
    if right in _REFUSED or _UNKNOWN.fullmatch(right):
        remedy = _REFUSED.get(right, "neither the driver nor the server knows it")
        return f"take the parameter {name} out; {remedy}"
    if name == "sslmode" and value not in _TLS_MODES:
        return f"sslmode is one of {', '.join(_TLS_MODES)}"
    if name in _FILES and not Path(unquote_plus(value)).is_file():
        return f"the file that {name} names is not there"
    return None


def _parameters(query: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(name, value) for name, _, value in pairs]
