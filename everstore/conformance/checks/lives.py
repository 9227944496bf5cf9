"""Every life of a value or secret: what was there before, how it is set, for how long, and what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.changes import DeleteValue, SetValue, TouchValue
from everstore.clock import turned
from everstore.conformance.case import Mismatch, refused
from everstore.conformance.registry import table
from everstore.errors import RevisionConflictError
from everstore.models import KeyInfo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from everstore.conformance.case import Case
    from everstore.session import BoundStorage

    Put = Callable[..., Awaitable[Any]]

_DAY = 86_400
_YEAR = 365 * _DAY
# Seconds. All quarters of one; what milliseconds in 31 or 32 bits do not hold, nor a month at most.
_LASTING = (1e-5, 3600.25, 3600.5, 3600.75, 7200, 25 * _DAY, 31 * _DAY, 51 * _DAY, 99 * _YEAR)
_SOME = (1e-5, 3600.5, 31 * _DAY)  # where something was there before
_LONGER = 100 * _YEAR
_MARGIN = 30  # seconds, for a slow machine
_LONG_AGO = 100


async def _set_if_revision(storage: BoundStorage, text: str, **options: Any) -> None:
    stat = await storage.stat_value("k")
    await storage.set_value("k", text, if_revision=stat.revision if stat else "0", **options)


async def _nothing(_: BoundStorage, __: Put) -> None:
    pass


async def _deleted(storage: BoundStorage, put: Put) -> None:
    await put(storage, "0", ttl=_LONGER)
    await storage.delete_value("k")
    await storage.delete_secret("k")


async def _over(storage: BoundStorage, put: Put) -> None:
    with turned(-_LONG_AGO):
        await put(storage, "0", ttl=1)


_BEFORE: dict[str, Callable[[BoundStorage, Put], Awaitable[Any]]] = {
    "nothing": _nothing,
    "a deleted one": _deleted,
    "one that is over": _over,
    "one without an end": lambda storage, put: put(storage, "0"),
    "one with a later end": lambda storage, put: put(storage, "0", ttl=_LONGER),
    "one with an end just ahead": lambda storage, put: put(storage, "0", ttl=_MARGIN),
}
_GONE = ("nothing", "a deleted one", "one that is over")
_TWO = ("nothing", "one with a later end")
_THERE = tuple(before for before in _BEFORE if before not in _GONE)


def _set_value(storage: BoundStorage, text: str, **options: Any) -> Awaitable[Any]:
    return storage.set_value("k", text, **options)


def _set_if_absent(storage: BoundStorage, text: str, **options: Any) -> Awaitable[Any]:
    return storage.set_value("k", text, if_absent=True, **options)


def _set_secret(storage: BoundStorage, text: str, **options: Any) -> Awaitable[Any]:
    return storage.set_secret("k", text, **options)


def _set_many(storage: BoundStorage, text: str, **options: Any) -> Awaitable[Any]:
    return storage.set_values({"k": text}, **options)


def _change(storage: BoundStorage, text: str, **options: Any) -> Awaitable[Any]:
    return storage.change_values([DeleteValue("none"), SetValue("k", text, **options)])


async def _set_then_touch(storage: BoundStorage, text: str, *, ttl: float | None = None) -> None:
    await storage.change_values([SetValue("k", text), TouchValue("k", ttl)])


def _increment(storage: BoundStorage, text: str) -> Awaitable[Any]:
    return storage.increment_value("k", int(text))


async def _look(clients: Sequence[BoundStorage]) -> tuple[str | None, Any]:
    """The text of what is called ``k``, a value or a secret, and what each client sees listed, twice."""
    text, infos = None, None
    for storage in (*clients, *clients):
        value, stat = await storage.get_value("k"), await storage.stat_value("k")
        secret = await storage.get_secret("k")
        keys, secrets = await storage.list_keys(), await storage.list_secrets()
        assert keys == ([] if stat is None else [stat])
        if infos not in {None, (*keys, *secrets)}:
            raise Mismatch.of(infos, (*keys, *secrets), "looked at again")
        text, infos = value or secret, (*keys, *secrets)
    return text, infos[0] if infos else None


def _quarters(nanoseconds: int) -> float:
    """Seconds, to a quarter of one."""
    return round(nanoseconds / 250_000_000) / 4


def _require(what: str, expected: object, got: object) -> None:
    if got != expected:
        raise Mismatch.of(expected, got, what)


@table(
    "values.lives.{row}",
    "3.2.8", "6.1.6", "6.5.1", "6.5.2", "6.5.3", "6.5.4", "6.5.5", "6.5.7",
    rows={
        "set_value": (_set_value, _set_value, (*_BEFORE,), _increment),
        "set_if_absent": (_set_value, _set_if_absent, _GONE, _set_if_absent),
        "set_if_revision": (_set_value, _set_if_revision, _THERE, _set_value),
        "set_values": (_set_value, _set_many, _TWO, _increment),
        "change_values": (_set_value, _change, _TWO, _change),
        "touch_value": (_set_value, _set_then_touch, _TWO, _set_value),
        "set_secret": (_set_secret, _set_secret, (*_BEFORE,), _set_secret),
    },
    likely="an end, or a time of creation, outlives what it was of, has too few bits, or moves with a look",
    needs=("time_to_live",),
    since="1.1",
)  # fmt: skip
async def lives(case: Case, first: Put, put: Put, befores: Sequence[str], again: Put) -> None:
    """Whatever was there before, and however long it lives, it begins and ends when it must: {row}."""
    stores = [case.store, await case.open()] if case.capabilities.shared else [case.store]
    for before in befores:
        for ttl in (None, *(_LASTING if before == befores[0] else _SOME)):
            session = case.new_id()
            clients = [store.session(session).storage for store in stores]
            storage = clients[0]
            await _BEFORE[before](storage, first)
            _, was = await _look(clients)
            await put(storage, "1", ttl=ttl)
            what = f"set for {ttl} s after {before}"
            if ttl is None:
                await _stay(clients, f"set for good after {before}")
                continue
            if ttl > _MARGIN:
                await _live(clients, ttl, was, what)
            with turned(ttl + _MARGIN):
                _require(f"{what}, past its end", (None, None), await _look(clients))
                await again(storage, "2")
                text, new = await _look(clients)
            _require(f"{what}, and again past its end", "2", text)
            _require(f"{what}, and again, age", 0, _quarters(new.updated_ns - new.created_ns))
            _require(f"{what}, and again without, expires_at", None, new.expires_at)


async def _stay(clients: Sequence[BoundStorage], what: str) -> None:
    """It has no end, and is there after that of whatever was there before."""
    text, info = await _look(clients)
    _require(what, "1", text)
    _require(f"{what}, expires_at", None, info.expires_at)
    with turned(_LONGER + _MARGIN):
        _require(f"{what}, a century ago", (text, info), await _look(clients))


async def _live(clients: Sequence[BoundStorage], ttl: float, was: Any, what: str) -> None:
    """It lives to its end, which neither a look nor an increment nor a refused set puts off."""
    storage = clients[0]
    text, info = await _look(clients)
    _require(what, "1", text)
    lasts = (info.expires_ns or 0) - info.updated_ns
    _require(f"{what}, seconds", ttl, _quarters(lasts))
    _require(f"{what}, created_ns", (was or info).created_ns, info.created_ns)
    with turned(ttl / 2):
        _require(f"{what}, half its time ago", (text, info), await _look(clients))
        if isinstance(info, KeyInfo):
            with refused(RevisionConflictError):
                await storage.set_value("k", "3", ttl=1, if_absent=True)
            await storage.increment_value("k", 0)
            _, counted = await _look(clients)
            _require(f"{what}, counted, expires_ns", info.expires_ns, counted.expires_ns)
            _require(f"{what}, counted, created_ns", info.created_ns, counted.created_ns)
            info = counted
    with turned(ttl - _MARGIN):
        _require(f"{what}, shortly before its end", (text, info), await _look(clients))
