"""Secrets: kept like values, shown nowhere but in get_secret's answer."""

from __future__ import annotations

import asyncio
import pickle
import traceback
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.compat import override
from everstore.conformance.case import carried_by, logged, refused
from everstore.conformance.registry import check
from everstore.content import key_id_of
from everstore.errors import (
    EverstoreError,
)
from everstore.interfaces import KeyRing
from everstore.models import to_dict

if TYPE_CHECKING:
    from everstore.conformance.case import Case

_MARK = "s3cret-Marker-7f21"


@check("secrets.absent", "6.2.1", likely="an absent secret is an error, or the empty one")
async def absent(case: Case) -> None:
    """An absent secret is None, and cannot be deleted."""
    await case.storage.set_secret("other", "x")
    assert await case.storage.get_secret("s") is None
    assert await case.storage.delete_secret("s") is False


@check("secrets.overwrite", "6.2.1", "6.1.6", likely="an update deletes and creates, or keeps the old secret")
async def overwrite(case: Case) -> None:
    """Setting a secret again replaces it, keeps created_at and moves updated_at and the revision."""
    await case.storage.set_secret("s", "a much longer secret")
    [first] = await case.storage.list_secrets()
    await asyncio.sleep(0.005)
    await case.storage.set_secret("s", "short")
    [second] = await case.storage.list_secrets()
    assert await case.storage.get_secret("s") == "short"
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at
    assert second.revision != first.revision


@check("secrets.delete", "6.2.1", likely="secrets are deleted by prefix or pattern")
async def delete(case: Case) -> None:
    """delete_secret removes exactly that secret, and is True once."""
    names = ["a", "aa", "a/b", "A", "a%", "a*"]
    for name in names:
        await case.storage.set_secret(name, name)
    for name in list(names):
        assert await case.storage.delete_secret(name) is True
        assert await case.storage.delete_secret(name) is False
        names.remove(name)
        assert [info.name for info in await case.storage.list_secrets()] == sorted(names)


@check("secrets.list.sorted", "6.2.2", likely="names are sorted by locale, by case folding or by UTF-16")
async def list_sorted(case: Case) -> None:
    """list_secrets has every name, sorted by code point."""
    names = ["b", "a", "B", "a b", "é", "\uffff", "\U0001f600", "10", "9"]
    for name in names:
        await case.storage.set_secret(name, "x")
    assert [info.name for info in await case.storage.list_secrets()] == sorted(names)


@check("secrets.namespaces", "6.2.3", likely="values and secrets share one table, or one cache")
async def namespaces(case: Case) -> None:
    """A value and a secret of one name know nothing of each other."""
    await case.storage.set_value("k", "value")
    assert await case.storage.get_secret("k") is None
    await case.storage.set_secret("k", "secret")
    await case.storage.set_secret("only", "secret")
    await case.storage.set_value("own", "value")
    assert (await case.storage.delete_value("only"), await case.storage.delete_secret("own")) == (
        False,
        False,
    )
    assert (await case.storage.get_value("own"), await case.storage.get_secret("only")) == ("value", "secret")
    await case.storage.delete_value("own")
    assert (await case.storage.get_value("k"), await case.storage.get_value("only")) == ("value", None)
    assert [info.key for info in await case.storage.list_keys()] == ["k"]
    assert await case.storage.delete_value("k") is True
    assert await case.storage.get_secret("k") == "secret"
    await case.storage.set_value("k", "again")
    assert await case.storage.delete_secret("k") is True
    assert await case.storage.get_value("k") == "again"


@check("secrets.hidden.in_listings", "6.3.1", "6.2.2", likely="the record holds the secret's text")
async def hidden_in_listings(case: Case) -> None:
    """No listing shows a secret: not its repr, its fields, its JSON, its pickle."""
    await case.storage.set_secret("s", _MARK)
    records: list[Any] = [*await case.storage.list_secrets(), *await case.storage.list_keys()]
    records += await case.files.list_directory()
    records += await case.files.grep_files(_MARK)
    shown = [f"{record!r} {to_dict(record)!r} {msgspec.json.encode(record)!r}" for record in records]
    shown += [repr(pickle.dumps(record)) for record in records]
    assert len(records) == 1
    assert [text for text in shown if _MARK in text] == []


@check("secrets.hidden.in_repr", "6.3.1", likely="an object around the storage shows what it holds")
async def hidden_in_repr(case: Case) -> None:
    """No repr of the store or of its parts shows a secret."""
    await case.storage.set_secret("s", _MARK)
    await case.store.close()
    async with case.subject.open() as store:
        await store.storage.set_secret(case.id, "t", _MARK)
        parts = (
            store,
            store.storage,
            store.sessions,
            store.file_system,
            store.session(case.id),
            store.storage.get_secret,
        )
        assert [part for part in map(repr, parts) if _MARK in part] == []


@check("secrets.hidden.in_errors", "6.3.1", "7.2.3", likely="an error carries the arguments of the call")
async def hidden_in_errors(case: Case) -> None:
    """No error of a refused call shows the secret that was passed, and neither do its cause and facts."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        (("", _MARK), {}),
        (("n" * 2000, _MARK), {}),
        (("s", _MARK + "\ud800"), {}),
        (("s", _MARK), {"ttl": -1}),
    ]
    shown = []
    for args, options in calls:
        with refused(EverstoreError) as caught:
            await case.storage.set_secret(*args, **options)
        told = "".join(traceback.format_exception_only(caught.error))
        shown.append(f"{told} {caught.error.facts} {carried_by(caught.error)}")
    assert [text for text in shown if _MARK in text] == []


@check(
    "secrets.hidden.in_chains",
    "7.2.3",
    "6.3.1",
    since="1.1",
    likely="an error of encoding or decoding, which carries the text, is chained to the refusal: 'from None' "
    "hides it and keeps it",
)
async def hidden_in_chains(case: Case) -> None:
    """No error that a refusal is chained to carries content, a value or a secret."""
    await case.files.write_file("there", "text")
    texts: list[Any] = [_MARK + "\ud800", "\udfff" + _MARK, _MARK.encode(), [_MARK], {_MARK: 1}]
    encoded: list[Any] = [*texts, _MARK + "é", _MARK + "=", f"{_MARK}\n", "====" + _MARK]
    files: Any = case.files
    storage: Any = case.storage
    calls: list[Any] = [
        *(lambda text=text: storage.set_secret("s", text) for text in texts),
        *(lambda text=text: storage.set_value("k", text) for text in texts),
        *(lambda text=text: files.write_file("a", text) for text in texts),
        *(lambda text=text: files.write_file("a", text, "base64") for text in encoded),
        *(lambda text=text: files.append_file("there", text) for text in texts),
        *(lambda text=text: files.append_file("a", text, "base64") for text in encoded),
        *(lambda text=text: files.edit_file("there", text, "x") for text in texts),
        *(lambda text=text: files.edit_file("there", "text", text) for text in texts),
        *(
            lambda text=text: files.write_file_if_content_matches("there", "text", "text", text, "text")
            for text in texts
        ),
        *(
            lambda text=text: files.write_file_if_content_matches("there", text, "base64", "x", "text")
            for text in encoded
        ),
        lambda: files.write_file("a", "text", _MARK),
        lambda: storage.increment_value("k", _MARK),
        lambda: storage.set_secret("s", "x", ttl=_MARK),
        lambda: storage.set_value("k", "x", if_revision=_MARK.encode()),
    ]
    told = []
    for call in calls:
        with refused(EverstoreError) as caught:
            await call()
        told.append(carried_by(caught.error))
    assert [text for text in told if _MARK in text] == []


@check("secrets.hidden.in_logs", "6.3.1", "8.1.2", likely="a log line shows arguments or answers")
async def hidden_in_logs(case: Case) -> None:
    """No log event at any level shows a secret, a value or content."""
    with logged() as events:
        await case.storage.set_secret("s", _MARK)
        await case.storage.get_secret("s")
        await case.storage.set_value("k", _MARK)
        await case.storage.get_value("k")
        await case.files.write_file("a", _MARK)
        await case.files.edit_file("a", _MARK, _MARK + _MARK)
        with refused(EverstoreError):
            await case.files.edit_file("a", _MARK, _MARK)
        await case.files.read_file("a")
    assert len(events) >= 8
    assert [event for event in events if _MARK in repr(event)] == []


class _Ring(KeyRing):
    """Two keys, of which the host makes one current after the other."""

    def __init__(self) -> None:
        self.current = "first"
        self._keys = {"first": bytes(range(32)), "second": bytes(range(32, 64))}

    @override
    async def current_id(self) -> str:
        return self.current

    @override
    async def key(self, key_id: str) -> bytes | None:
        return self._keys.get(key_id)


@check(
    "secrets.key_ring",
    "6.4.6",
    level="durable",
    since="1.2",
    needs=("durable",),
    likely="keys are taken when the store opens, and kept",
)
async def key_ring(case: Case) -> None:
    """A key that the host's ring makes current seals the next secret, and those before it still open."""
    await case.store.close()
    ring = _Ring()
    case.store = await case.open(ring, secrets_keys=None)
    await case.storage.set_secret("before", "1")
    ring.current = "second"
    await case.storage.set_secret("after", "2")
    assert [await case.storage.get_secret(name) for name in ("before", "after")] == ["1", "2"]
    page = await case.store.rotation.scan_secrets(after=(case.id, "a"), limit=2)
    sealed = {stored.name: key_id_of(stored.ciphertext) for stored in page}
    assert sealed == {"before": "first", "after": "second"}
