"""What a check did: every call with its answer, as a reader of the report sees it."""

from __future__ import annotations

import itertools
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from everstore.conformance.showing import shown
from everstore.interfaces import (
    DurableStorageStore,
    OpenFileSystem,
    SecretRotation,
    SessionStorageStore,
    SessionStore,
)
from everstore.middleware.base import Call, Verb, assemble, verbs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from everstore.store import Store

__all__ = ["Trace"]

T = TypeVar("T")
_KEPT = 50


class Trace:
    """The latest calls of one case. Answers are immutable, so they are put into words only when asked for."""

    def __init__(self) -> None:
        """Empty, and recording."""
        self._calls: deque[tuple[str, tuple[object, ...], dict[str, object], object]] = deque(maxlen=_KEPT)
        self._pending: dict[int, tuple[str, tuple[object, ...], dict[str, object]]] = {}
        self._numbers = itertools.count()
        self._told: list[str] | None = None
        self._paused = 0

    def latest(self, count: int) -> tuple[str, ...]:
        """The last ``count`` calls, the last one last, each in one line."""
        if self._told is not None:
            return tuple(self._told[-count:])
        return tuple(_in_words(*call) for call in list(self._calls)[-count:])

    def pending(self) -> tuple[str, ...]:
        """The calls that wait for an answer, each in one line, the longest waiting first."""
        return tuple(_call_in_words(*call) for call in list(self._pending.values())[:_KEPT])

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """What is no verb is among the pending calls as long as the block lasts: opening, closing."""
        number = next(self._numbers)
        self._pending[number] = (what, (), {})
        try:
            yield
        finally:
            del self._pending[number]

    def tell(self, lines: list[str]) -> None:
        """Show these lines in place of the calls, of which a check may make thousands that say nothing."""
        self._told = lines

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Record nothing within the block: what it calls is not what the check is about."""
        self._paused += 1
        try:
            yield
        finally:
            self._paused -= 1

    def around(self, store: Store) -> Store:
        """The same store, every call of which is recorded."""
        return type(store)(
            self._recorded(OpenFileSystem, store.file_system),
            self._recorded(
                DurableStorageStore if isinstance(store.storage, SecretRotation) else SessionStorageStore,
                store.storage,
            ),
            self._recorded(SessionStore, store.sessions),
            store.backends,
            store.close,
            lambda: store._trusted,  # noqa: SLF001 - core's own, as in the store itself
        )

    def _recorded(self, interface: type[T], part: T) -> T:
        verbs = verbs_of(interface, "", "")
        return assemble(
            interface, part, {verb.name: self._record(verb, getattr(part, verb.name)) for verb in verbs}
        )

    def _record(self, verb: Verb, call: Call) -> Call:
        async def recorded(*args: Any, **kwargs: Any) -> Any:
            number = next(self._numbers)
            self._pending[number] = (verb.name, args, kwargs)
            try:
                answer = await call(*args, **kwargs)
            except BaseException as error:
                self._end(number, error)
                raise
            self._end(number, answer)
            return answer

        return recorded

    def _end(self, number: int, outcome: object) -> None:
        call = self._pending.pop(number)
        if not self._paused:
            self._calls.append((*call, outcome))


def _call_in_words(verb: str, args: tuple[object, ...], kwargs: dict[str, object]) -> str:
    # The session id comes first everywhere; its end tells the sessions of a check apart.
    session = [_session(args[0])] if args and isinstance(args[0], UUID) else []
    parts = session + [shown(value) for value in args[len(session) :] if value is not None]
    parts += [
        f"{name}={shown(value)}" for name, value in kwargs.items() if value is not None and value is not False
    ]
    return f"{verb}({', '.join(parts)})"


def _session(session_id: UUID) -> str:
    try:
        return f"…{str(session_id)[-4:]}"
    except Exception:  # noqa: BLE001 - one that fails whoever asks for its number is how a driver is made to fail
        return "…"


def _in_words(verb: str, args: tuple[object, ...], kwargs: dict[str, object], outcome: object) -> str:
    answer = f"raised {type(outcome).__name__}" if isinstance(outcome, BaseException) else shown(outcome)
    return f"{_call_in_words(verb, args, kwargs)} -> {answer}"
