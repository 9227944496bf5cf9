"""How long calls took, as the caller of an open store sees it."""

from __future__ import annotations

import math
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from everstore.compat import override
from everstore.interfaces import OpenFileSystem, SessionStorageStore
from everstore.middleware.base import Call, Middleware, Verb, assemble, verbs_of
from everstore.session import BoundSession

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.store import Store

__all__ = ["CallTimes", "Timings"]

T = TypeVar("T")


class CallTimes(msgspec.Struct, frozen=True):
    """One verb's calls: how many, and the nanoseconds that half of them, and 99 of 100, stayed within."""

    verb: str
    count: int
    p50_ns: int
    p99_ns: int


class Timings(Middleware):
    """Measures every call, refused ones too. Put around a store's parts from outside, it sees all layers."""

    def __init__(self) -> None:
        """With nothing measured yet."""
        self._times: dict[str, list[int]] = {}

    @override
    def wrap(self, verb: Verb, call: Call) -> Call:
        times = self._times.setdefault(verb.name, [])

        async def timed(*args: Any, **kwargs: Any) -> Any:
            started = perf_counter_ns()
            try:
                return await call(*args, **kwargs)
            finally:
                times.append(perf_counter_ns() - started)

        return timed

    def session(self, store: Store, session_id: UUID) -> BoundSession:
        """A session of the store, every call in it measured."""
        files = self._around(OpenFileSystem, store.file_system)
        storage = self._around(SessionStorageStore, store.storage)
        return BoundSession(session_id, files, storage)

    def _around(self, interface: type[T], part: T) -> T:
        verbs = verbs_of(interface, role="", backend="")
        return assemble(
            interface, part, {verb.name: self.wrap(verb, getattr(part, verb.name)) for verb in verbs}
        )

    def table(self) -> list[CallTimes]:
        """Every verb that was called, the most frequent first."""
        rows = [
            CallTimes(verb, len(times), _percentile(times, 0.50), _percentile(times, 0.99))
            for verb, times in self._times.items()
            if times
        ]
        return sorted(rows, key=lambda row: (-row.count, row.verb))


def _percentile(times: list[int], share: float) -> int:
    """The least measured time that this share of all did not exceed."""
    return sorted(times)[math.ceil(share * len(times)) - 1]
