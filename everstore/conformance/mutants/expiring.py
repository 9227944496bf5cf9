"""Mistakes with the time to live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import RevisionConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call
    from everstore.models import KeyInfo

__all__: list[str] = []


@mutant("values.expired.list")
def lists_expired_keys(broken: Broken) -> None:
    """A key past its time is absent only from get_value."""
    seen: dict[Any, Any] = {}

    @broken.verb
    async def list_keys(session_id: Any, *page: Any, **options: Any) -> Any:
        found = await broken.storage.list_keys(session_id, *page, **options)
        for info in found:
            if info.expires_ns is not None:
                seen[session_id, info.key] = info
        present = {info.key for info in found}
        stale = [info for (owner, key), info in seen.items() if owner == session_id and key not in present]
        return sorted(found + stale, key=lambda info: info.key)

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        info = await broken.storage.set_value(session_id, key, value, **options)
        if options.get("ttl"):
            await list_keys(session_id)
        return info


@mutant("values.expired.get_value")
def sweeps_later(broken: Broken) -> None:
    """What is past its time goes when a sweep comes round."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> Any:
        longer = ttl * 100 if isinstance(ttl, float) else ttl
        return await broken.storage.set_value(session_id, key, value, ttl=longer, **options)


@mutant("values.lives.set_value")
def keeps_the_time_to_live(broken: Broken) -> None:
    """Setting again keeps the old time to live."""
    times: dict[Any, Any] = {}

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> Any:
        kept = times.setdefault((session_id, key), ttl) if ttl is None else ttl
        times[session_id, key] = kept
        return await broken.storage.set_value(session_id, key, value, ttl=kept, **options)


@mutant("values.lives.set_value")
def clears_by_increment(broken: Broken) -> None:
    """An increment clears the time to live."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        total = await broken.storage.increment_value(session_id, key, amount)
        await broken.storage.set_value(session_id, key, str(total))
        return total


@mutant("values.refused_ttl.zero")
def takes_any_ttl(broken: Broken) -> None:
    """A time to live that is no number of seconds above 0 is no time to live."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> Any:
        try:
            return await broken.storage.set_value(session_id, key, value, ttl=ttl, **options)
        except ValueError:
            if ttl is None:
                raise
            return await broken.storage.set_value(session_id, key, value, **options)


def _lasting(broken: Broken, verb: str, change: Callable[[float], float | None]) -> None:
    """What is set with a time to live has another one."""

    def wrap(call: Call) -> Call:
        async def setting(*args: Any, ttl: Any = None, **options: Any) -> Any:
            is_one = isinstance(ttl, (int, float)) and not isinstance(ttl, bool) and ttl > 0
            return await call(*args, ttl=change(ttl) if is_one else ttl, **options)

        return setting

    broken.around(wrap, names=(verb,))


@mutant("values.lives.set_secret")
def keeps_secrets_a_month(broken: Broken) -> None:
    """More than 30 days are taken for a time since 1970, as memcached does: over at once."""
    _lasting(broken, "set_secret", lambda ttl: ttl if ttl <= 30 * 86_400 else 1e-9)


@mutant("values.lives.set_value")
def keeps_ends_in_32_bits(broken: Broken) -> None:
    """A time to live is kept in milliseconds, in 32 bits."""
    _lasting(broken, "set_value", lambda ttl: (int(ttl * 1000) & 0xFFFF_FFFF) / 1000 or 0.001)


@mutant("values.lives.set_if_absent")
def forgets_brief_ends(broken: Broken) -> None:
    """Less than a millisecond is no time to live."""
    _lasting(broken, "set_value", lambda ttl: ttl if ttl >= 0.001 else None)


@mutant("values.lives.set_value")
def counts_on_what_is_over(broken: Broken) -> None:
    """A counter that is over counts from 0, and keeps its time of creation."""
    seen: dict[Any, KeyInfo] = {}

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        was = await broken.storage.stat_value(session_id, key)
        if was is not None:
            seen[session_id, key] = was
        return await broken.storage.increment_value(session_id, key, amount)

    @broken.verb
    async def list_keys(session_id: Any, *page: Any, **options: Any) -> Any:
        return [
            _aged(info, seen.get((session_id, info.key)))
            for info in await broken.storage.list_keys(session_id, *page, **options)
        ]

    @broken.verb
    async def stat_value(session_id: Any, key: str) -> Any:
        info = await broken.storage.stat_value(session_id, key)
        return info and _aged(info, seen.get((session_id, key)))


def _aged(info: KeyInfo, was: KeyInfo | None) -> KeyInfo:
    return replace(info, created_ns=was.created_ns) if was is not None and was.expires_ns else info


def _remembering(broken: Broken) -> dict[tuple[Any, str], Any]:
    """What values with an end were told to be when they were set, by session and key."""
    known: dict[tuple[Any, str], Any] = {}

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        info = await broken.storage.set_value(session_id, key, value, **options)
        if options.get("ttl") is not None:
            known[session_id, key] = info
        return info

    return known


@mutant("values.expired.set_many_if_absent")
def finds_the_dead_among_many(broken: Broken) -> None:
    """Many values that are set if absent find what is over and not swept yet."""
    known = _remembering(broken)

    @broken.verb
    async def set_values(session_id: Any, values: Any, **options: Any) -> Any:
        for index, key in enumerate(values) if options.get("if_absent") else ():
            if (session_id, key) in known:
                try:
                    RevisionConflictError.require(key, None, known[session_id, key].revision)
                except RevisionConflictError as error:
                    error.tell(index=index)
                    raise
        return await broken.storage.set_values(session_id, values, **options)


@mutant("values.expired.revision")
def deletes_the_dead_on_condition(broken: Broken) -> None:
    """A deletion under the revision of what is over finds it, and says that it was over."""
    known = _remembering(broken)

    @broken.verb
    async def delete_value(session_id: Any, key: str, *, if_revision: Any = None) -> Any:
        info = known.get((session_id, key))
        holds = info is not None and info.revision == if_revision
        if holds and await broken.storage.stat_value(session_id, key) is None:
            return False
        return await broken.storage.delete_value(session_id, key, if_revision=if_revision)
