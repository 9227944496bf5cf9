"""Secrets at rest: ciphertext only, bound to its place, and sealed anew without a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.clock import turned
from everstore.conformance.case import carried_by, refused
from everstore.conformance.registry import check
from everstore.conformance.storage_scan import traces_of
from everstore.errors import InvalidContentError, SecretDecryptionError, SecretsKeyMissingError
from everstore.middleware.encryption import generate_key

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.conformance.case import Case
    from everstore.models import StoredSecret

_MARK = "s3cret-Marker-7f21"


async def _stored(case: Case) -> dict[str, StoredSecret]:
    """What the storage keeps of the check's own secrets, by name."""
    found: dict[str, StoredSecret] = {}
    page = await case.store.rotation.scan_secrets(limit=1000)
    while page:
        found.update({one.name: one for one in page if one.session_id == case.id})
        last = (page[-1].session_id, page[-1].name)
        page = await case.store.rotation.scan_secrets(after=last, limit=1000)
        assert last not in {(one.session_id, one.name) for one in page}, "no way on"
    return found


@check("secrets.at_rest.ciphertext", "6.4.1", "6.3.2", likely="secrets bypass encryption", needs=("durable",))
async def at_rest_ciphertext(case: Case) -> None:
    """What a durable backend is handed is ciphertext, another one for the same secret in another place."""
    for name in ("s", "t"):
        await case.storage.set_secret(name, _MARK)
    stored = await _stored(case)
    assert sorted(stored) == ["s", "t"]
    assert [one.name for one in stored.values() if traces_of(_MARK, one.ciphertext.encode())] == []
    assert stored["s"].ciphertext != stored["t"].ciphertext


@check(
    "secrets.at_rest.bytes",
    "6.3.2",
    likely="a journal, an index or a cache file keeps the plain text",
    needs=("durable",),
)
async def at_rest_bytes(case: Case) -> None:
    """No file of the storage holds a secret, in UTF-8, UTF-16, base64 or hexadecimal."""
    mark = f"only ever a secret: {_MARK}"  # a journal may still hold what another check has kept as a value
    await case.storage.set_secret("s", mark)
    await case.storage.set_secret("t", "first")
    await case.storage.set_secret("t", mark)
    await case.storage.get_secret("s")
    await case.storage.delete_secret("t")
    open_places = case.places_with(mark)
    await case.reopen()
    assert (open_places, case.places_with(mark)) == ([], [])


@check("secrets.at_rest.moved", "6.4.2", likely="a ciphertext is bound to no place", needs=("durable",))
async def moved(case: Case) -> None:
    """A ciphertext that is put under another name, or into another session, does not open there."""
    other = case.session()
    await case.storage.set_secret("s", _MARK)
    await case.storage.set_secret("t", "another")
    await other.storage.set_secret("s", "a third")
    stored = await _stored(case)
    swap = case.store.rotation.swap_secret
    assert await swap(case.id, "t", stored["t"].ciphertext, stored["s"].ciphertext) is True
    with refused(SecretDecryptionError):
        await case.storage.get_secret("t")
    assert await case.storage.get_secret("s") == _MARK
    assert await other.storage.get_secret("s") == "a third"


@check(
    "secrets.at_rest.tampered", "6.4.2", likely="a broken ciphertext is an absent secret", needs=("durable",)
)
async def tampered(case: Case) -> None:
    """A ciphertext that was changed anywhere is SecretDecryptionError, never None."""
    for turn in range(6):
        await case.storage.set_secret("s", _MARK)
        sealed = (await _stored(case))["s"].ciphertext
        at = sealed.index(".", 4) + 1 + (len(sealed) - sealed.index(".", 4) - 1) * turn // 6
        at += sealed[at] == "."  # what is not in the form of a ciphertext is not even taken
        changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        assert await case.store.rotation.swap_secret(case.id, "s", sealed, changed) is True
        with refused(SecretDecryptionError):
            await case.storage.get_secret("s")


@check(
    "secrets.at_rest.wrong_key",
    "6.4.2",
    likely="a secret that does not open is an absent one",
    needs=("durable",),
)
async def wrong_key(case: Case) -> None:
    """With another key a secret is SecretDecryptionError, and still there under its own."""
    await case.storage.set_secret("s", _MARK)
    await case.store.close()
    stranger = await case.open(secrets_keys=generate_key("conformance"))
    with refused(SecretDecryptionError):
        await stranger.storage.get_secret(case.id, "s")
    assert [info.name for info in await stranger.storage.list_secrets(case.id)] == ["s"]
    await stranger.close()
    await case.reopen()
    assert await case.storage.get_secret("s") == _MARK


@check(
    "secrets.at_rest.no_key", "6.4.3", likely="without a key secrets are stored in clear", needs=("durable",)
)
async def no_key(case: Case) -> None:
    """Without a key a secret is refused, and the error says how to make one."""
    await case.store.close()
    keyless = await case.open(secrets_keys=None)
    with refused(SecretsKeyMissingError) as caught:
        await keyless.storage.set_secret(case.id, "s", _MARK)
    assert "everstore keys generate" in str(caught.error)
    assert await keyless.storage.list_secrets(case.id) == []


@check(
    "secrets.at_rest.scan",
    "6.4.1",
    "7.5.5",
    likely="the scan is not paged, or misses sessions",
    needs=("durable",),
)
async def scan(case: Case) -> None:
    """scan_secrets pages through every stored secret once, ordered by session id, then name."""
    others = [case.session() for _ in range(3)]
    for session in (case.store.session(case.id), *others):
        for name in ("b", "a", "é"):
            await session.storage.set_secret(name, "x")
    mine = sorted({case.id, *(session.id for session in others)})
    found: list[tuple[UUID, str]] = []
    page = await case.store.rotation.scan_secrets(limit=4)
    while page:
        assert len(page) <= 4
        assert len({*found, *((one.session_id, one.name) for one in page)}) == len(found) + len(page)
        found += [(one.session_id, one.name) for one in page if one.session_id in mine]
        page = await case.store.rotation.scan_secrets(after=(page[-1].session_id, page[-1].name), limit=4)
    assert found == [(session_id, name) for session_id in mine for name in ("a", "b", "é")]


@check(
    "secrets.at_rest.swap",
    "6.4.1",
    "6.4.4",
    likely="a swap replaces whatever is there, or counts as a write",
    needs=("durable",),
)
async def swap(case: Case) -> None:
    """swap_secret replaces only what is expected, and keeps revision, times and time to live."""
    ttl = 31 * 86_400 if case.capabilities.time_to_live else None
    await case.storage.set_secret("s", "x", ttl=ttl)
    sealed = (await _stored(case))["s"].ciphertext
    [before] = await case.storage.list_secrets()
    async with case.untouched():
        assert await case.store.rotation.swap_secret(case.id, "s", f"{sealed}x", sealed) is False
        assert await case.store.rotation.swap_secret(case.id, "missing", sealed, sealed) is False
    await case.storage.set_secret("t", "y")
    assert await case.store.rotation.swap_secret(case.id, "s", sealed, sealed) is True
    after = (await case.storage.list_secrets())[0]
    assert (after.revision, after.created_at, after.updated_at, after.expires_at) == (
        before.revision,
        before.created_at,
        before.updated_at,
        before.expires_at,
    )
    assert (after.expires_at is None) == (ttl is None)


@check(
    "secrets.at_rest.swap_plain",
    "6.4.5",
    "6.4.1",
    since="1.1",
    likely="the replacement goes to the storage as it comes",
    needs=("durable",),
)
async def swap_plain(case: Case) -> None:
    """swap_secret refuses what is no ciphertext, and nothing changes."""
    await case.storage.set_secret("s", _MARK)
    sealed = (await _stored(case))["s"].ciphertext
    start, key, *rest = sealed.split(".")
    plain = [
        _MARK,
        "",
        "es1.a.b.c",
        sealed[:-40],
        f"{sealed}=",
        f"{sealed}\n",
        ".".join((start, key, *rest[:1])),
    ]
    async with case.untouched():
        for replacement in (*plain, _MARK + "\ud800", _MARK.encode()):
            with refused(InvalidContentError) as caught:
                await case.store.rotation.swap_secret(case.id, "s", sealed, replacement)  # type: ignore[arg-type]  # bytes, too
            assert _MARK not in carried_by(caught.error)
    assert await case.storage.get_secret("s") == _MARK


@check(
    "secrets.at_rest.expired",
    "6.5.1",
    "6.4.1",
    likely="a rotation of keys sees what is over, and brings it back",
    needs=("durable", "time_to_live"),
)
async def expired(case: Case) -> None:
    """Past its time to live a secret is in no scan, and no swap finds it."""
    rotation = case.store.rotation
    for name in ("a", "b", "kept", "z"):
        await case.storage.set_secret(name, "x", ttl=None if name == "kept" else 3600)
    sealed = {name: each.ciphertext for name, each in (await _stored(case)).items()}
    with turned(3601):
        assert list(await _stored(case)) == ["kept"]
        page = await rotation.scan_secrets(after=(case.id, "a"), limit=1)
        assert [(each.session_id, each.name) for each in page] == [(case.id, "kept")]
        page = await rotation.scan_secrets(after=(case.id, "kept"), limit=1)
        assert case.id not in {each.session_id for each in page}
        for name in ("a", "b", "z"):
            assert await rotation.swap_secret(case.id, name, sealed[name], sealed["kept"]) is False
            assert await case.storage.get_secret(name) is None
