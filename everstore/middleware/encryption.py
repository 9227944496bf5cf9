"""Secrets at rest: a durable backend is only ever handed ciphertext (contract §6.4).

Every value has a data key of its own, 32 random bytes that seal it with AES-256-GCM; the session's
id and the secret's name are associated data, so that a ciphertext copied to another place does not
open there. The data key is wrapped (AES key wrap, RFC 3394, which needs no nonce and so sets no limit
to how many keys one key wraps) by a key-encryption key out of ``EVERSTORE_SECRETS_KEYS``. What is
stored is one line of text, without padding in base64url::

    es1.<key id>.<wrapped data key, 40 bytes>.<nonce, 12 bytes; ciphertext; tag, 16 bytes>

``es1`` is the version of the format. Keys are rotated by putting a new one first: it seals from then
on, the others still open, and ``seal_anew``
seals what is stored anew.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any, Protocol

from everstore.compat import override
from everstore.content import ENVELOPE_FORMAT
from everstore.errors import (
    PluginError,
    SecretDecryptionError,
    SecretsKeyMissingError,
    SettingsError,
    UnsupportedError,
)
from everstore.installing import command_to_install
from everstore.loading import loading
from everstore.middleware.base import Call, Middleware, Verb
from everstore.wording import counted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from uuid import UUID

    from everstore.interfaces import SecretRotation
    from everstore.models import StoredSecret

__all__ = [
    "Encryption",
    "Envelope",
    "Keys",
    "check_key",
    "generate_key",
    "parse_keys",
    "scan_all",
    "seal_anew",
]

_KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PAGE = 100  # secrets that a rotation reads at once

_HOW_TO = "run 'everstore keys generate' and put what it prints into EVERSTORE_SECRETS_KEYS"


def generate_key(key_id: str | None = None) -> str:
    """A fresh key as ``EVERSTORE_SECRETS_KEYS`` wants it, ``id:base64``; the id is random unless given."""
    key_id = os.urandom(4).hex() if key_id is None else key_id
    if not _KEY_ID.fullmatch(key_id):
        raise SettingsError(f"a key's id is 1 to 64 letters, digits, '-' or '_', not {key_id!r:.80}")
    return f"{key_id}:{b64encode(os.urandom(_KEY_BYTES)).decode()}"


def parse_keys(text: str) -> dict[str, bytes]:
    """The keys of ``EVERSTORE_SECRETS_KEYS`` by id, in order.

    ``SettingsError``, which shows no key, when they are not written as they should be.
    """
    keys: dict[str, bytes] = {}
    for position, item in enumerate(text.split(","), start=1):
        key_id, _, encoded = item.strip().partition(":")
        key = _decoded_key(encoded)
        if not _KEY_ID.fullmatch(key_id) or key is None:
            raise SettingsError(
                f"EVERSTORE_SECRETS_KEYS: key {position} is not written as id:base64 with {_KEY_BYTES} bytes;"
                " 'everstore keys generate' makes one"
            )
        if key_id in keys:
            raise SettingsError(f"EVERSTORE_SECRETS_KEYS: two keys have the id {key_id!r}; give each its own")
        keys[key_id] = key
    return keys


def _decoded_key(encoded: str) -> bytes | None:
    try:
        key = b64decode(encoded, validate=True)
    except ValueError:
        return None
    return key if len(key) == _KEY_BYTES else None


def check_key(key_id: object, key: object) -> str | None:
    """What is wrong with a key and its id, in words that do not show the key; ``None`` when nothing is."""
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
        return "the id of a key is 1 to 64 letters, digits, '-' or '_'"
    if not isinstance(key, (bytes, bytearray)) or len(key) != _KEY_BYTES:
        return f"the key {key_id!r} is not {_KEY_BYTES} bytes"
    return None


class Envelope:
    """Seals and opens secrets. Without keys it refuses both, and says how to make one."""

    def __init__(self, keys: dict[str, bytes], *, ring: str | None = None) -> None:
        """``keys`` by id: the first one seals, all open. ``SettingsError`` without the extra.

        ``ring`` names where the keys are from, when it is not ``EVERSTORE_SECRETS_KEYS``.
        """
        self._keys = keys
        self._current = next(iter(keys), None)
        self._ring = ring
        self._place = "EVERSTORE_SECRETS_KEYS" if ring is None else f"the key ring {ring}"
        if keys or ring is not None:
            _require_cryptography(self._place)

    @override
    def __repr__(self) -> str:
        return f"Envelope(keys={list(self._keys)})"

    async def to_seal(self) -> Envelope:
        """Itself, which has the key that seals."""
        return self

    async def to_open(self, _ciphertext: str) -> Envelope:
        """Itself, which has all keys."""
        return self

    def seal(self, session_id: UUID, name: str, secret: str) -> str:
        """The ciphertext of a secret, for this one place."""
        if self._current is None:
            raise SecretsKeyMissingError(f"there is no key to encrypt secrets with; {_HOW_TO}")
        with loading:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - needed with a secret only
            from cryptography.hazmat.primitives.keywrap import aes_key_wrap  # noqa: PLC0415 - loads when needed

        data_key = os.urandom(_KEY_BYTES)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(data_key).encrypt(nonce, secret.encode(), _place(session_id, name))
        wrapped = aes_key_wrap(self._keys[self._current], data_key)
        return f"{ENVELOPE_FORMAT}.{self._current}.{_text(wrapped)}.{_text(nonce + sealed)}"

    def open(self, session_id: UUID, name: str, ciphertext: str) -> str:
        """The secret behind a ciphertext of this place; ``SecretDecryptionError`` when it does not open."""
        key_id, wrapped, sealed = self._parts(session_id, name, ciphertext)
        with loading:
            from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see seal
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - loads when needed
            from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap  # noqa: PLC0415 - loads when needed

        reason = f"the key {key_id!r} of {self._place} did not seal it, or it was tampered with"
        try:
            data_key = aes_key_unwrap(self._keys[key_id], _bytes(wrapped))
            reason = "it was tampered with, or copied from another place"
            data = _bytes(sealed)
            secret = AESGCM(data_key).decrypt(
                data[:_NONCE_BYTES], data[_NONCE_BYTES:], _place(session_id, name)
            )
            return secret.decode()
        except (InvalidUnwrap, InvalidTag, ValueError):
            pass  # and is chained to nothing: an error of decoding carries what it could not decode
        raise _unopened(session_id, name, reason)

    def _parts(self, session_id: UUID, name: str, ciphertext: str) -> tuple[str, str, str]:
        version, *parts = ciphertext.split(".")
        if version != ENVELOPE_FORMAT or len(parts) != 3:
            raise _unopened(session_id, name, "it is not in a format that this everstore knows")
        key_id, wrapped, sealed = parts
        if not self._keys and self._ring is None:
            raise SecretsKeyMissingError(
                f"secret {name!r} needs the key {key_id!r:.80} in EVERSTORE_SECRETS_KEYS"
            )
        if key_id not in self._keys:
            raise _unopened(session_id, name, f"{self._place} has no key {key_id!r:.80}")
        return key_id, wrapped, sealed

    def is_current(self, ciphertext: str) -> bool:
        """Whether the first key sealed it."""
        return ciphertext.startswith(f"{ENVELOPE_FORMAT}.{self._current}.")


def _require_cryptography(place: str) -> None:
    try:
        import cryptography  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise SettingsError(f"{place} needs an extra: {command_to_install('encryption')}") from error


def _place(session_id: UUID, name: str) -> bytes:
    """What a ciphertext is bound to: the id has 16 bytes, so no two places read the same."""
    return b"everstore secret\0" + session_id.bytes + name.encode()


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text(data) != text:  # Python's decoder passes over what it does not know
        raise ValueError("not base64url")
    return data


def _unopened(session_id: UUID, name: str, reason: str) -> SecretDecryptionError:
    message = f"secret {name!r} does not open: {reason}"
    return SecretDecryptionError(message, session_id=session_id, name=name)


class Keys(Protocol):
    """Where keys are from: an ``Envelope`` of all of them, or one for each secret (``RingKeys``)."""

    async def to_seal(self) -> Envelope:
        """What seals a secret now."""
        ...

    async def to_open(self, ciphertext: str, /) -> Envelope:
        """What opens a ciphertext, or says why it does not."""
        ...


class Encryption(Middleware):
    """Goes next to the guard, around all other middleware: behind it there is only ciphertext."""

    def __init__(self, keys: Keys) -> None:
        """``keys`` are asked at each call for what seals or opens."""
        self._keys = keys

    @override
    def wrap(self, verb: Verb, call: Call) -> Call:
        keys = self._keys

        async def set_secret(session_id: UUID, name: str, value: str, **options: Any) -> None:
            envelope = await keys.to_seal()
            await call(session_id, name, envelope.seal(session_id, name, value), **options)

        async def get_secret(session_id: UUID, name: str) -> str | None:
            ciphertext = await call(session_id, name)
            if ciphertext is None:
                return None
            envelope = await keys.to_open(ciphertext)
            return envelope.open(session_id, name, ciphertext)

        async def rotating(*args: Any, **options: Any) -> Any:
            try:
                return await call(*args, **options)
            except UnsupportedError as error:
                raise PluginError(f"plugin {verb.backend!r}: {error}", plugin=verb.backend) from error

        own: dict[str, Call] = {
            "set_secret": set_secret,
            "get_secret": get_secret,
            "scan_secrets": rotating,
            "swap_secret": rotating,
        }
        return own.get(verb.name, call)


async def scan_all(secrets: SecretRotation) -> AsyncIterator[StoredSecret]:
    """Every stored secret of every session, read in pages, ordered by session id, then name."""
    after: tuple[UUID, str] | None = None
    while page := await secrets.scan_secrets(after=after, limit=_PAGE):
        for stored in page:
            yield stored
        after = page[-1].session_id, page[-1].name


async def seal_anew(
    secrets: SecretRotation, keys: Keys, seen: Callable[[], object] | None = None
) -> tuple[int, int]:
    """Seal every stored secret anew that the current key did not seal; how many there are, and were changed.

    Can be stopped at any time and run again. Safe while others write: a secret that somebody changes
    in between is looked at again, in another pass. ``seen`` is called for each secret of the first pass.
    One that no key opens stays as it is, and the others are done; then ``SecretDecryptionError``, whose
    ``secrets`` and ``changed`` are those numbers, and ``unopened`` an error for each, with its
    ``session_id`` and ``name``.
    """
    total = changed = 0
    unopened: list[SecretDecryptionError] = []
    is_done = False
    while not is_done:
        is_done, total, unopened = True, 0, []
        async for stored in scan_all(secrets):
            total += 1
            if seen is not None:
                seen()
            current = await keys.to_seal()
            if current.is_current(stored.ciphertext):
                continue
            place = stored.session_id, stored.name
            try:
                secret = (await keys.to_open(stored.ciphertext)).open(*place, stored.ciphertext)
            except SecretDecryptionError as error:
                unopened.append(error.with_traceback(None))
                continue
            if await secrets.swap_secret(*place, stored.ciphertext, current.seal(*place, secret)):
                changed += 1
            else:
                is_done = False
        seen = None
    if unopened:
        first = unopened[0]
        raise SecretDecryptionError(
            f"{len(unopened):,} of {counted(total, 'secret')} left as before, {changed:,} encrypted anew: "
            f"in session {first.facts['session_id']} {first}",
            secrets=total, changed=changed, unopened=tuple(unopened),
        )  # fmt: skip
    return total, changed
