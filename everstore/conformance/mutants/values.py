"""Mistakes with values, their conditions and counters, and their time to live."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec.structs import replace

from everstore.clock import now_ns
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import EverstoreError, InvalidKeyError, QuotaExceededError
from everstore.models import KeyInfo, new_session_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call

__all__: list[str] = []

_KEYED = (
    "set_value",
    "get_value",
    "delete_value",
    "stat_value",
    "increment_value",
    "set_secret",
    "get_secret",
    "delete_secret",
)


def _rekeyed(broken: Broken, change: Callable[[str], str]) -> None:
    """Change every key and name on its way in."""

    def wrap(call: Call) -> Call:
        async def rekeyed(session_id: Any, key: str, *args: Any, **kwargs: Any) -> Any:
            return await call(session_id, change(key) if isinstance(key, str) else key, *args, **kwargs)

        return rekeyed

    broken.around(wrap, ["storage"], _KEYED)


@mutant("values.keys.case")
def folds_case_of_keys(broken: Broken) -> None:
    """Keys are compared without regard to case."""
    _rekeyed(broken, str.lower)


@mutant("values.keys.normal_forms")
def composes_keys(broken: Broken) -> None:
    """Keys are stored in Unicode normal form C."""
    _rekeyed(broken, lambda key: unicodedata.normalize("NFC", key))


@mutant("values.keys.spaces")
def strips_keys(broken: Broken) -> None:
    """Blanks around a key are dropped."""
    _rekeyed(broken, lambda key: key.strip() or key)


@mutant("values.keys.slashes")
def makes_file_names_of_keys(broken: Broken) -> None:
    """A key becomes a file name, and what a name cannot have becomes an underscore."""
    _rekeyed(broken, lambda key: "".join("_" if each in "/\\:*?" else each for each in key))


@mutant("values.refused_keys.too_long")
def cuts_keys(broken: Broken) -> None:
    """A key that is too long is cut."""
    _rekeyed(broken, lambda key: key.encode(errors="surrogatepass")[:1024].decode(errors="ignore") or key)


@mutant("values.refused_keys.empty")
def takes_the_empty_key(broken: Broken) -> None:
    """The empty key is a key."""
    _rekeyed(broken, lambda key: key or "(empty)")


@mutant("values.refused_keys.nul")
def cuts_keys_at_nul(broken: Broken) -> None:
    """A key ends at its first NUL."""
    _rekeyed(broken, lambda key: key.partition("\0")[0] or key)


@mutant("content.kept.set")
def takes_the_empty_value_for_none(broken: Broken) -> None:
    """The empty value is absent."""

    @broken.verb
    async def get_value(session_id: Any, key: str) -> Any:
        return await broken.storage.get_value(session_id, key) or None


@mutant("content.kept.set")
def reads_numbers(broken: Broken) -> None:
    """A value that looks like a number is kept as one, and loses its leading zeros."""

    @broken.verb
    async def get_value(session_id: Any, key: str) -> Any:
        found = await broken.storage.get_value(session_id, key)
        return str(int(found)) if found and found.isdecimal() else found


@mutant("content.kept.set")
def refuses_nul_in_values(broken: Broken) -> None:
    """NUL in a value is dropped, as a text column must."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> None:
        await broken.storage.set_value(session_id, key, value.replace("\0", ""), **options)


@mutant("values.list.sorted")
def lists_keys_by_locale(broken: Broken) -> None:
    """Keys are sorted without regard to case."""

    @broken.verb
    async def list_keys(session_id: Any) -> Any:
        return sorted(await broken.storage.list_keys(session_id), key=lambda info: info.key.casefold())


@mutant("values.all_of_many")
def lists_one_page_of_keys(broken: Broken) -> None:
    """A listing of keys ends after a thousand."""

    @broken.verb
    async def list_keys(session_id: Any) -> Any:
        return (await broken.storage.list_keys(session_id))[:1000]


@mutant("values.delete")
def deletes_keys_by_prefix(broken: Broken) -> None:
    """Deleting a key deletes every key that begins with it."""

    @broken.verb
    async def delete_value(session_id: Any, key: str) -> bool:
        answer = await broken.storage.delete_value(session_id, key)
        for info in await broken.storage.list_keys(session_id):
            if info.key.startswith(key):
                await broken.storage.delete_value(session_id, info.key)
        return answer


@mutant("values.absent")
def says_that_absent_keys_were_deleted(broken: Broken) -> None:
    """delete_value answers True whatever there was."""

    @broken.verb
    async def delete_value(session_id: Any, key: str) -> bool:
        await broken.storage.delete_value(session_id, key)
        return True


@mutant("values.times")
def creates_again(broken: Broken) -> None:
    """An update deletes and inserts, so created_at moves."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> None:
        if not any(options.values()) and isinstance(value, str):
            await broken.storage.delete_value(session_id, key)
        await broken.storage.set_value(session_id, key, value, **options)


@mutant("values.condition.fails")
def ignores_value_revisions(broken: Broken) -> None:
    """set_value does not look at if_revision and if_absent."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **_: Any) -> None:
        await broken.storage.set_value(session_id, key, value, ttl=ttl)


@mutant("values.increment.beyond_53_bits")
def counts_in_floats(broken: Broken) -> None:
    """Sums are made in floating point, as JavaScript and JSON do."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        return int(float(await broken.storage.increment_value(session_id, key, amount)))


@mutant("limits.value_bytes.counter")
def writes_counters_as_values(broken: Broken) -> None:
    """An increment is written by set_value, and so held against the limit of a value's size."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        total = await broken.storage.increment_value(session_id, key, amount)
        await broken.storage.set_value(session_id, key, str(total))
        return total


@mutant("values.increment.down_by_more_than_53_bits")
def adds_floats(broken: Broken) -> None:
    """What is added goes through a number of JSON's."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        is_large = isinstance(amount, int) and 1 << 53 < abs(amount) < 1 << 63
        return await broken.storage.increment_value(
            session_id, key, int(float(amount)) if is_large else amount
        )


@mutant("values.increment.nothing_by_nothing")
def counts_nothing_without_keeping_it(broken: Broken) -> None:
    """An absent counter to which nothing is added is 0, and still absent."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        if amount == 0 and await broken.storage.get_value(session_id, key) is None:
            return 0
        return await broken.storage.increment_value(session_id, key, amount)


@mutant("values.increment_refused.word")
def counts_from_zero(broken: Broken) -> None:
    """A value that is no integer counts as 0."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        try:
            return await broken.storage.increment_value(session_id, key, amount)
        except EverstoreError as error:
            if isinstance(error, InvalidKeyError):
                raise
            await broken.storage.set_value(session_id, key, str(amount))
            return amount


@mutant("values.increment_refused.space")
def counts_what_int_reads(broken: Broken) -> None:
    """Whatever int() reads is an integer: blanks, underscores, digits of other scripts."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        found = await broken.storage.get_value(session_id, key)
        try:
            if found is not None and not (found.isascii() and found.lstrip("-").isdecimal()):
                await broken.storage.set_value(session_id, key, str(int(found)))
        except ValueError:
            pass
        return await broken.storage.increment_value(session_id, key, amount)


@mutant("values.increment_refused.too_large")
def wraps_around(broken: Broken) -> None:
    """A sum that leaves 64 bits wraps around."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        try:
            return await broken.storage.increment_value(session_id, key, amount)
        except EverstoreError:
            found = await broken.storage.get_value(session_id, key)
            if not found or not found.lstrip("-").isdecimal() or not isinstance(amount, int):
                raise
            wrapped = (int(found) + amount + (1 << 63)) % (1 << 64) - (1 << 63)
            await broken.storage.set_value(session_id, key, str(wrapped))
            return wrapped


@mutant("values.expired.list")
def lists_expired_keys(broken: Broken) -> None:
    """A key past its time is absent only from get_value."""
    seen: dict[Any, Any] = {}

    @broken.verb
    async def list_keys(session_id: Any) -> Any:
        found = await broken.storage.list_keys(session_id)
        for info in found:
            if info.expires_ns is not None:
                seen[session_id, info.key] = info
        present = {info.key for info in found}
        stale = [info for (owner, key), info in seen.items() if owner == session_id and key not in present]
        return sorted(found + stale, key=lambda info: info.key)

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> None:
        await broken.storage.set_value(session_id, key, value, **options)
        if options.get("ttl"):
            await list_keys(session_id)


@mutant("values.expired.get_value")
def sweeps_later(broken: Broken) -> None:
    """What is past its time goes when a sweep comes round."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> None:
        longer = ttl * 100 if isinstance(ttl, float) else ttl
        await broken.storage.set_value(session_id, key, value, ttl=longer, **options)


@mutant("values.lives.set_value")
def keeps_the_time_to_live(broken: Broken) -> None:
    """Setting again keeps the old time to live."""
    times: dict[Any, Any] = {}

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> None:
        kept = times.setdefault((session_id, key), ttl) if ttl is None else ttl
        times[session_id, key] = kept
        await broken.storage.set_value(session_id, key, value, ttl=kept, **options)


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
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> None:
        try:
            await broken.storage.set_value(session_id, key, value, ttl=ttl, **options)
        except ValueError:
            if ttl is None:
                raise
            await broken.storage.set_value(session_id, key, value, **options)


@mutant("limits.key_bytes.lowered")
def takes_long_keys_out_of_reach(broken: Broken) -> None:
    """A key over the limit is refused by every verb."""

    def wrap(call: Call) -> Call:
        async def strict(session_id: Any, key: Any, *args: Any, **kwargs: Any) -> Any:
            nowhere = new_session_id()
            await broken.storage.set_value(nowhere, key, "")
            await broken.storage.purge_session(nowhere)
            return await call(session_id, key, *args, **kwargs)

        return strict

    broken.around(wrap, names=["get_value", "stat_value", "delete_value", "get_secret", "delete_secret"])


@mutant("limits.session_keys.secret")
def counts_values_and_secrets_apart(broken: Broken) -> None:
    """Secrets are kept in another session's room, where no value is counted."""

    def other(session_id: UUID) -> UUID:
        return UUID(int=session_id.int ^ 1)

    def wrap(call: Call) -> Call:
        async def elsewhere(session_id: Any, *args: Any, **kwargs: Any) -> Any:
            return await call(other(session_id), *args, **kwargs)

        return elsewhere

    broken.around(wrap, names=["set_secret", "get_secret", "delete_secret", "list_secrets"])


@mutant("limits.session_keys.increment")
def increments_without_limits(broken: Broken) -> None:
    """A counter that does not fit is counted in another session."""

    @broken.verb
    async def increment_value(session_id: Any, key: Any, amount: Any = 1) -> Any:
        try:
            return await broken.storage.increment_value(session_id, key, amount)
        except QuotaExceededError:
            return await broken.storage.increment_value(UUID(int=session_id.int ^ 1), key, amount)


@mutant("limits.session_values.expired")
def counts_what_is_over(broken: Broken) -> None:
    """What has a time to live is counted for ever."""

    @broken.verb
    async def set_value(session_id: Any, key: Any, value: Any, **options: Any) -> Any:
        if options.get("ttl") is not None:
            await broken.storage.set_value(session_id, f"{key} was here", value)
        return await broken.storage.set_value(session_id, key, value, **options)


@mutant("limits.session_value_bytes.overwrite")
def counts_what_is_replaced(broken: Broken) -> None:
    """A value is written beside the one it replaces, and both count for a moment."""

    @broken.verb
    async def set_value(session_id: Any, key: Any, value: Any, **options: Any) -> Any:
        if not any(options.values()) and await broken.storage.get_value(session_id, key) is not None:
            await broken.storage.set_value(session_id, key[:-1] + "~", value)
            await broken.storage.delete_value(session_id, key[:-1] + "~")
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
    async def list_keys(session_id: Any) -> Any:
        return [
            _aged(info, seen.get((session_id, info.key)))
            for info in await broken.storage.list_keys(session_id)
        ]

    @broken.verb
    async def stat_value(session_id: Any, key: str) -> Any:
        info = await broken.storage.stat_value(session_id, key)
        return info and _aged(info, seen.get((session_id, key)))


def _aged(info: KeyInfo, was: KeyInfo | None) -> KeyInfo:
    return replace(info, created_ns=was.created_ns) if was is not None and was.expires_ns else info


@mutant("limits.session_values.many_expired")
def counts_what_a_sweep_leaves(broken: Broken) -> None:
    """Each write sweeps away 32 of what is over, and the rest counts."""
    ends: dict[Any, list[int]] = {}

    @broken.verb
    async def set_value(session_id: Any, key: Any, value: Any, **options: Any) -> Any:
        mine, now = ends.setdefault(session_id, []), now_ns()
        over = sum(end <= now for end in mine)
        del mine[: min(over, 32)]
        if over > 32:
            raise QuotaExceededError.over("session_keys", over - 32, 0, key)
        await broken.storage.set_value(session_id, key, value, **options)
        if options.get("ttl") is not None:
            mine.append(now + int(options["ttl"] * 1e9))
