"""Limits of values and secrets: of one and its key, and of what a session has together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.clock import turned
from everstore.conformance.case import each, refused
from everstore.conformance.checks.limits import limited
from everstore.conformance.registry import check, table
from everstore.errors import QuotaExceededError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundSession

    Put = Callable[[BoundSession, str], Awaitable[Any]]


@table(
    "limits.value_bytes.{row}",
    "7.4.1",
    "7.4.2",
    rows={
        "value": (lambda one, size: one.storage.set_value("k", "x" * size),),
        "value_multibyte": (
            lambda one, size: one.storage.set_value("k", "é" * (size // 2) + "x" * (size % 2)),
        ),
        "secret": (lambda one, size: one.storage.set_secret("k", "x" * size),),
    },
    likely="the limit counts characters, or the ciphertext",
)
async def value_bytes(case: Case, put: Callable[[BoundSession, int], Awaitable[Any]]) -> None:
    """A value or secret of the limit and of one byte less is kept, one byte more is refused: {row}."""
    session = await limited(case, value_bytes=100)
    for size in (99, 100):
        await put(session, size)
    async with case.untouched():
        with refused(QuotaExceededError) as caught:
            await put(session, 101)
    assert (caught.error.limit, caught.error.allowed) == ("value_bytes", 100)


@check(
    "limits.value_bytes.counter",
    "7.4.4",
    likely="an increment is written like any other value, and refused when it grows by a digit",
)
async def counter_bytes(case: Case) -> None:
    """A counter grows beyond the limit of a value's size, up to all its 20 bytes; a value does not."""
    session = await limited(case, value_bytes=2)
    await session.storage.set_value("n", "99")
    assert await session.storage.increment_value("n") == 100
    assert await session.storage.increment_value("n", -(2**63) - 100) == -(2**63)
    assert await session.storage.get_value("n") == "-9223372036854775808"
    async with case.untouched():
        with refused(QuotaExceededError):
            await session.storage.set_value("n", "100")


@check("limits.key_bytes", "7.4.1", "7.4.2", likely="the limit of keys counts characters")
async def key_bytes(case: Case) -> None:
    """A key or a secret's name of the limit is kept, one byte more is refused."""
    session = await limited(case, key_bytes=20)
    for name in ("k" * 20, "é" * 10):
        await session.storage.set_value(name, "x")
        await session.storage.set_secret(name, "x")
    async with case.untouched():
        for name in ("k" * 21, "é" * 10 + "k"):
            with refused(QuotaExceededError) as caught:
                await session.storage.set_value(name, "x")
            with refused(QuotaExceededError):
                await session.storage.set_secret(name, "x")
            with refused(QuotaExceededError):
                await session.storage.increment_value(name)
    assert (caught.error.limit, caught.error.allowed) == ("key_bytes", 20)


@check(
    "limits.key_bytes.lowered",
    "6.1.9",
    since="1.1",
    likely="the limit is held against every verb that takes a key",
)
async def lowered_key_bytes(case: Case) -> None:
    """A key or a secret's name over the limit is read, listed and deleted all the same."""
    await case.storage.set_value("too long", "x")
    await case.storage.set_secret("too long", "y")
    session = await limited(case, key_bytes=5)
    had = case.capabilities.durable
    assert await session.storage.get_value("too long") == ("x" if had else None)
    assert (await session.storage.stat_value("too long") is not None) == had
    assert await session.storage.get_secret("too long") == ("y" if had else None)
    assert [one.key for one in await session.storage.list_keys()] == ["too long"] * had
    assert await session.storage.delete_value("too long") is had
    assert await session.storage.delete_secret("too long") is had


_PUTS: dict[str, tuple[Put]] = {
    "set": (lambda one, key: one.storage.set_value(key, "x"),),
    "if_absent": (lambda one, key: one.storage.set_value(key, "x", if_absent=True),),
    "increment": (lambda one, key: one.storage.increment_value(key),),
    "secret": (lambda one, key: one.storage.set_secret(key, "x"),),
}


@table(
    "limits.session_keys.{row}",
    "7.4.2",
    "7.4.6",
    since="1.1",
    rows=_PUTS,
    likely="this verb does not count, or values and secrets are counted apart",
)
async def session_keys(case: Case, put: Put) -> None:
    """As many values and secrets as the limit fit into a session, and not one more: {row}."""
    session = await limited(case, session_keys=4)
    for key in ("a", "b"):
        await session.storage.set_value(key, "x" * 1000)
        await session.storage.set_secret(key, "x" * 1000)
    async with case.untouched():
        with refused(QuotaExceededError) as caught:
            await put(session, "c")
    assert (caught.error.limit, caught.error.allowed, caught.error.wanted) == ("session_keys", 4, 5)
    await session.storage.delete_secret("a")
    await put(session, "c")
    with refused(QuotaExceededError):
        await put(session, "d")
    await session.storage.delete_value("b")
    await put(session, "d")


@check(
    "limits.session_keys.what_counts",
    "7.4.6",
    since="1.1",
    likely="an overwrite is counted, or what was deleted or purged still is",
)
async def what_counts(case: Case) -> None:
    """At the limit what adds no key still works, and another session is another one."""
    session = await limited(case, session_keys=2)
    for _ in range(3):
        await session.storage.set_value("n", "1")
        await session.storage.set_secret("n", "1")
        await session.storage.set_value("n", "2")
        await session.storage.set_secret("n", "2" * 100)
        assert await session.storage.increment_value("n") == 3
        info = await session.storage.stat_value("n")
        assert info is not None
        await session.storage.set_value("n", "4", if_revision=info.revision)
        with refused(QuotaExceededError):
            await session.storage.set_value("m", "")
        await case.session().storage.set_value("m", "")
        await case.store.storage.purge_session(case.id)


@table(
    "limits.session_value_bytes.{row}",
    "7.4.2",
    "7.4.7",
    since="1.1",
    rows={
        "new": (40, lambda one, more: one.storage.set_value("ké", "y" * (more - 3))),
        "multibyte": (40, lambda one, more: one.storage.set_value("k", "é" * 19 + "y" * (more - 39))),
        "overwrite": (40, lambda one, more: one.storage.set_value("a", "y" * (1 + more))),
        "new_counter": (4, lambda one, more: one.storage.increment_value("nnn", 10 ** (more - 4))),
        "counter": (2, lambda one, more: one.storage.increment_value("n", 10**more - 1)),
    },
    likely="keys are not counted, or characters are, or what is replaced still is",
)
async def session_value_bytes(
    case: Case, free: int, put: Callable[[BoundSession, int], Awaitable[Any]]
) -> None:
    """All values of a session have together, with their keys, at most as many bytes as the limit: {row}."""
    session = await limited(case, session_value_bytes=4 + free)
    for more in (free, free - (free > 39)):
        await case.store.storage.purge_session(case.id)
        await session.storage.set_value("a", "x")
        await session.storage.set_value("n", "1")
        await put(session, more)
    await case.store.storage.purge_session(case.id)
    await session.storage.set_value("a", "x")
    await session.storage.set_value("n", "1")
    async with case.untouched():
        with refused(QuotaExceededError) as caught:
            await put(session, free + 1)
    error = caught.error
    assert (error.limit, error.allowed, error.wanted) == ("session_value_bytes", 4 + free, 5 + free)


@check(
    "limits.session_value_bytes.secrets",
    "7.4.7",
    since="1.1",
    likely="secrets count for nothing, or for ever",
)
async def secret_bytes(case: Case) -> None:
    """Secrets count as they are stored, which is no less than they are; what was deleted does not."""
    session = await limited(case, session_value_bytes=2000)
    await session.storage.set_secret("s", "x" * 500)
    async with case.untouched():
        with refused(QuotaExceededError):
            await session.storage.set_value("k", "x" * 1499)
        with refused(QuotaExceededError):
            await session.storage.set_secret("s", "x" * 2000)
    await session.storage.delete_secret("s")
    await session.storage.set_value("k", "x" * 1999)
    await session.storage.set_value("k", "x" * 10)
    await session.storage.set_secret("s", "x" * 500)


@check(
    "limits.session_value_bytes.alike",
    "6.1.7",
    "7.4.7",
    likely="what is replaced is looked for by a pattern, or without case",
    since="1.1",
)
async def alike(case: Case) -> None:
    """Beside a key that looks like it a new one counts whole."""
    session = await limited(case, session_value_bytes=100)
    for one, other in (("a_", "ab"), ("a%", "ab"), ("a*", "ab"), ("A", "a"), ("e\u0301", "\u00e9")):
        await session.storage.set_value(other, "x" * 80)
        async with case.untouched():
            with refused(QuotaExceededError):
                await session.storage.set_value(one, "x" * 50)
        await session.storage.set_value(one, "x")
        await case.store.storage.purge_session(case.id)


@check(
    "limits.session_values.expired",
    "7.4.8",
    since="1.1",
    needs=("time_to_live",),
    likely="what is past its time counts until somebody sweeps it away",
)
async def expired(case: Case) -> None:
    """What is past its time to live does not count, of values and of secrets; until then it does."""
    session = await limited(case, session_keys=3, session_value_bytes=3000)
    for _ in range(2):
        await session.storage.set_value("a", "x" * 900, ttl=0.3)
        await session.storage.set_secret("b", "x", ttl=0.3)
        await session.storage.set_value("c", "x" * 900, ttl=1000)
        with refused(QuotaExceededError):
            await session.storage.set_value("d", "")
        with refused(QuotaExceededError):
            await session.storage.set_value("c", "x" * 2500)
        await asyncio.sleep(0.4)
        await session.storage.set_value("d", "")
        await session.storage.set_secret("b", "")
        with refused(QuotaExceededError):
            await session.storage.set_value("a", "")
        await case.store.storage.purge_session(case.id)


@check(
    "limits.session_values.many_expired",
    "7.4.8",
    since="1.1",
    needs=("time_to_live",),
    likely="a sweep takes some at a time, and what is left for the next one counts",
)
async def many_expired(case: Case) -> None:
    """However much is past its time to live at once, all that it took fits."""
    session = await limited(case, session_keys=200, session_value_bytes=1000)
    storage = session.storage
    await each(lambda number: storage.set_value(f"{number:03}", "x" * 7, ttl=1), range(100))
    with turned(2):
        await storage.set_value("k", "x" * 999)
