"""Mistakes with counters."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import EverstoreError, InvalidKeyError, QuotaExceededError

__all__: list[str] = []


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


@mutant("limits.session_keys.increment")
def increments_without_limits(broken: Broken) -> None:
    """A counter that does not fit is counted in another session."""

    @broken.verb
    async def increment_value(session_id: Any, key: Any, amount: Any = 1) -> Any:
        try:
            return await broken.storage.increment_value(session_id, key, amount)
        except QuotaExceededError:
            return await broken.storage.increment_value(UUID(int=session_id.int ^ 1), key, amount)
