"""An engine unlike LMDB: optimistic, several versions of each key, keys and values as small as may be.

Every third commit is lost for no reason at all, and all that read what somebody else has changed meanwhile.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

from sortedcontainers import SortedDict

from everstore import Capabilities, hookimpl
from everstore.engine import Engine, Transaction
from everstore.errors import BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_ATTEMPTS = 1000


class LostError(Exception):
    """The transaction is to be run again."""


class SortedTransaction(Transaction):
    """What was there at one moment, what was changed since, and what was looked at."""

    def __init__(self, engine: SortedMap, moment: int) -> None:
        self.engine = engine
        self.moment = moment
        self.changed: SortedDict = SortedDict()
        self.ranges: list[tuple[bytes, bytes]] = []

    def get(self, key):
        return next((value for _, value in self.scan(key, key + b"\0")), None)

    def put(self, key, value):
        assert 0 < len(key) <= self.engine.longest_key, len(key)
        assert len(value) <= self.engine.largest_value, len(value)
        self.changed[key] = value

    def delete(self, key):
        assert 0 < len(key) <= self.engine.longest_key, len(key)
        self.changed[key] = None

    def scan(self, low, high, *, reverse=False) -> Iterator[tuple[bytes, bytes]]:
        self.ranges.append((low, high))
        found = self.engine.at(self.moment, low, high)
        found.update((key, self.changed[key]) for key in self.changed.irange(low, high, (True, False)))
        pairs = [(key, found[key]) for key in sorted(found, reverse=reverse)]
        return iter([pair for pair in pairs if pair[1] is not None])


class SortedMap(Engine):
    """A map in memory."""

    capabilities = Capabilities()
    longest_key = 64
    largest_value = 6144

    def __init__(self) -> None:
        self._versions: SortedDict = SortedDict()  # of each key: the moments when it changed, and its values
        self._moment = 0
        self._open: Counter[int] = Counter()
        self._commits = 0
        self._lock = threading.Lock()

    def at(self, moment: int, low: bytes, high: bytes) -> dict[bytes, bytes | None]:
        """What was there at a moment."""
        with self._lock:
            keys = [*self._versions.irange(low, high, (True, False))]
            return {key: _last(self._versions[key], moment) for key in keys}

    def transact(self, work, *, write):
        for _ in range(_MOST_ATTEMPTS):
            with self._lock:
                transaction = SortedTransaction(self, self._moment)
                self._open[transaction.moment] += 1
            try:
                answer = work(transaction)
                assert write or not transaction.changed
                self._commit(transaction)
            except LostError:
                continue
            finally:
                with self._lock:
                    self._open[transaction.moment] -= 1
            return answer
        raise BackendUnavailableError("every commit was lost; try again", happened=False)

    def _commit(self, transaction: SortedTransaction) -> None:
        if not transaction.changed:
            return
        with self._lock:
            self._commits += 1
            if self._commits % 3 == 0 or any(
                self._is_outdated(transaction.moment, *each) for each in transaction.ranges
            ):
                raise LostError
            self._moment += 1
            oldest = min(self._open.elements(), default=self._moment)
            for key, value in transaction.changed.items():
                versions = self._versions.setdefault(key, [])
                versions.append((self._moment, value))
                while len(versions) > 1 and versions[1][0] <= oldest:
                    del versions[0]
                if len(versions) == 1 and value is None:
                    del self._versions[key]

    def _is_outdated(self, moment: int, low: bytes, high: bytes) -> bool:
        keys = self._versions.irange(low, high, (True, False))
        return any(self._versions[key][-1][0] > moment for key in keys)


def _last(versions: list[tuple[int, bytes | None]], moment: int) -> bytes | None:
    return next((value for since, value in reversed(versions) if since <= moment), None)


@hookimpl
def everstore_engine():
    return SortedMap()
