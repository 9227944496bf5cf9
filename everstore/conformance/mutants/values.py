"""Mistakes with values and their conditions, and with what a session may have of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.clock import now_ns
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import QuotaExceededError

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []


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
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        return await broken.storage.set_value(session_id, key, value.replace("\0", ""), **options)


@mutant("values.times")
def creates_again(broken: Broken) -> None:
    """An update deletes and inserts, so created_at moves."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        if not any(options.values()) and isinstance(value, str):
            await broken.storage.delete_value(session_id, key)
        return await broken.storage.set_value(session_id, key, value, **options)


@mutant("values.condition.fails")
def ignores_value_revisions(broken: Broken) -> None:
    """set_value does not look at if_revision and if_absent."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **_: Any) -> Any:
        return await broken.storage.set_value(session_id, key, value, ttl=ttl)


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
        info = await broken.storage.set_value(session_id, key, value, **options)
        if options.get("ttl") is not None:
            mine.append(now + int(options["ttl"] * 1e9))
        return info
