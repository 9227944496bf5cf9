"""Time to live of values and secrets."""

from __future__ import annotations

import asyncio
import math
from functools import partial
from typing import TYPE_CHECKING, Any

from everstore.changes import DeleteValue, Increment, SetValue, TouchValue
from everstore.clock import now_ns, stopped, turned
from everstore.conformance.case import Mismatch, refused
from everstore.conformance.registry import check, table
from everstore.errors import InvalidArgumentError, RevisionConflictError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.models import KeyInfo
    from everstore.session import BoundStorage

_NEEDS = ("time_to_live",)
_SPARE_NS = 1800 * 10**9  # a server's clock is not ours, but not so far from it
_SHORT = 0.02  # seconds; waited for three times over, so that a coarse clock has passed it too


async def _expire(case: Case) -> None:
    """A value and a secret, both called ``gone``, whose time is over."""
    await case.storage.set_value("kept", "x")
    await case.storage.set_secret("kept", "x")
    await case.storage.set_value("gone", "7", ttl=_SHORT)
    await case.storage.set_secret("gone", "7", ttl=_SHORT)
    # What a look keeps for the next one must be over too.
    await require_an_end(case.storage, "gone")
    for look in (case.storage.get_value, case.storage.stat_value, case.storage.get_secret):
        await look("gone")
    await asyncio.sleep(3 * _SHORT)


async def _key_of(call: Awaitable[KeyInfo]) -> str:
    return (await call).key


async def _first(call: Awaitable[list[KeyInfo]]) -> KeyInfo:
    return (await call)[0]


async def names(storage: BoundStorage) -> list[str]:
    """Keys, and then names of secrets."""
    return [info.key for info in await storage.list_keys()] + [
        info.name for info in await storage.list_secrets()
    ]


async def require_an_end(storage: BoundStorage, *gone: str) -> None:
    """``Mismatch`` where one of these has no time to live: this is then why it is never over."""
    ends = [(f"value {info.key!r}", info.key, info.expires_ns) for info in await storage.list_keys()]
    ends += [(f"secret {info.name!r}", info.name, info.expires_ns) for info in await storage.list_secrets()]
    for place, name, end in ends:
        if end is None and name in gone:
            raise Mismatch(f"{place}, set with a ttl, with expires_at", "none", field="expires_at")


def require_end(end: int | None, ttl: float | None, about: str) -> None:
    """``Mismatch``, with the mistake that the difference speaks for, unless it ends when it must."""
    if end == 0:
        likely = "the time to live is cut, or is taken for one that is over"
        raise Mismatch(f"{about} to be there", "nothing", likely=likely)
    if ttl is None or end is None:
        if end is not None or ttl is not None:
            likely = "this way the time to live is dropped" if end is None else "the old time to live stays"
            wanted = "no expires_at" if ttl is None else f"expires_at in {ttl:g} seconds"
            raise Mismatch(f"{about} with {wanted}", f"{_until(end)}", likely=likely)
        return
    if abs(end - now_ns() - int(ttl) * 10**9) > _SPARE_NS:
        likely = "the time to live is cut to some bits, is of another unit, or counts from another moment"
        raise Mismatch(f"{about} with expires_at in {ttl:g} seconds", _until(end), likely=likely)


def _until(end: int | None) -> str:
    return "none" if end is None else f"in {(end - now_ns()) / 1e9:.0f} seconds"


@table(
    "values.expired.{row}",
    "6.5.1",
    rows={
        "get_value": (lambda storage: storage.get_value("gone"), None),
        "stat_value": (lambda storage: storage.stat_value("gone"), None),
        "list": (names, ["kept", "kept"]),
        "delete_value": (lambda storage: storage.delete_value("gone"), False),
        "touch_value": (lambda storage: storage.touch_value("gone", ttl=60), False),
        "increment_value": (lambda storage: storage.increment_value("gone"), 1),
        "set_if_absent": (
            lambda storage: _key_of(storage.set_value("gone", "new", if_absent=True)),
            "gone",
        ),
        "read_value": (lambda storage: storage.read_value("gone"), None),
        "get_values": (lambda storage: storage.get_values(["gone", "kept"]), {"kept": "x"}),
        "set_many_if_absent": (
            lambda storage: _key_of(_first(storage.set_values({"gone": "new"}, if_absent=True))),
            "gone",
        ),
        "change_values": (
            lambda storage: storage.change_values(
                [TouchValue("gone"), DeleteValue("gone"), Increment("gone"), Increment("gone")]
            ),
            [False, False, 1, 2],
        ),
        "get_secret": (lambda storage: storage.get_secret("gone"), None),
        "delete_secret": (lambda storage: storage.delete_secret("gone"), False),
    },
    likely="this verb leaves expiry to a sweep that comes later",
    needs=_NEEDS,
)
async def expired(case: Case, call: Callable[[BoundStorage], Awaitable[object]], expected: object) -> None:
    """Past its time to live a value or secret is absent at once: {row}."""
    await _expire(case)
    answer = await call(case.storage)
    assert answer == expected


@check(
    "values.expired.revision",
    "6.5.1",
    "4.6.1",
    "4.6.9",
    likely="a condition is compared with what is over",
    needs=_NEEDS,
)
async def revision_of_expired(case: Case) -> None:
    """The revision of a value whose time is over is no revision any more."""
    await case.storage.set_value("k", "x", ttl=4 * _SHORT)
    await require_an_end(case.storage, "k")
    was = await case.storage.stat_value("k")
    await asyncio.sleep(6 * _SHORT)
    revision = was.revision if was else "0"
    for call in (
        partial(case.storage.set_value, "k", "y", if_revision=revision),
        partial(case.storage.delete_value, "k", if_revision=revision),
        partial(case.storage.change_values, [SetValue("k", "y", if_revision=revision)]),
        partial(case.storage.change_values, [Increment("n"), DeleteValue("k", if_revision=revision)]),
    ):
        with refused(RevisionConflictError) as caught:
            await call()
        assert caught.error.current_revision is None
    assert await case.storage.get_value("k") is None


@check(
    "values.expired.session", "6.5.1", "1.5.1", likely="what is over still counts as something", needs=_NEEDS
)
async def session_of_expired(case: Case) -> None:
    """A session in which everything is over has nothing to delete."""
    session = case.session()
    await session.storage.set_value("k", "x", ttl=_SHORT)
    await session.storage.set_secret("s", "x", ttl=_SHORT)
    await require_an_end(session.storage, "k", "s")
    await asyncio.sleep(3 * _SHORT)
    assert await case.store.storage.purge_session(session.id) is False


@table(
    "values.refused_ttl.{row}",
    "6.5.1",
    rows={
        "zero": (0,),
        "negative": (-1,),
        "not_a_number": (math.nan,),
        "infinite": (math.inf,),
        "text": ("1",),
        "true": (True,),
    },
    likely="a time to live is not validated",
    needs=_NEEDS,
)
async def refused_ttl(case: Case, ttl: Any) -> None:
    """What is no number of seconds above 0 is InvalidArgumentError, and nothing is set: {row}."""
    await case.storage.set_value("k", "x")
    async with case.untouched():
        with refused(InvalidArgumentError):
            await case.storage.set_value("k", "y", ttl=ttl)
        with refused(InvalidArgumentError):
            await case.storage.set_values({"k": "y"}, ttl=ttl)
        with refused(InvalidArgumentError):
            await case.storage.touch_value("k", ttl=ttl)
        with refused(InvalidArgumentError):
            await case.storage.set_secret("k", "y", ttl=ttl)


@check("capabilities.time_to_live.undeclared", "7.5.2", likely="ttl is ignored silently", unless=_NEEDS)
async def undeclared(case: Case) -> None:
    """Where no time to live is declared, ttl is UnsupportedError, and nothing is set."""
    await case.storage.set_value("k", "x")
    async with case.untouched():
        with refused(UnsupportedError):
            await case.storage.set_value("k", "y", ttl=60)
        with refused(UnsupportedError):
            await case.storage.set_values({"k": "y"}, ttl=60)
        with refused(UnsupportedError):
            await case.storage.touch_value("k", ttl=60)
        with refused(UnsupportedError):
            await case.storage.set_secret("k", "y", ttl=60)


@check(
    "values.expired.at_the_end",
    "6.5.6",
    likely="the end is compared as if it still belonged to the time to live",
    since="1.1",
    needs=_NEEDS,
)
async def at_the_end(case: Case) -> None:
    """At the very moment that expires_at names, a value or secret is absent, and set anew it is new."""
    with stopped():
        await case.storage.set_value("gone", "7", ttl=1)
        await case.storage.set_secret("gone", "7", ttl=1)
        await case.storage.set_value("deleted", "7", ttl=1)
        await case.storage.set_value("other", "7", ttl=1)
        with turned(1):  # a server's clock goes on meanwhile, which changes nothing here
            assert await case.storage.get_value("gone") is None
            assert await case.storage.stat_value("gone") is None
            assert await case.storage.get_secret("gone") is None
            assert await names(case.storage) == []
            assert not await case.storage.delete_value("deleted")
            await case.storage.set_value("other", "8", if_absent=True)
            assert await case.storage.delete_value("other")
            assert await case.storage.increment_value("gone") == 1
            [info] = await case.storage.list_keys()
            assert (info.created_ns, info.expires_ns) == (info.updated_ns, None)
            assert not await case.storage.delete_secret("gone")
