"""What a check did: every call with its answer, as a reader of the report sees it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from everstore.interfaces import SessionFileSystem, SessionStorageStore, SessionStore
from everstore.middleware.base import Call, Verb, assemble, verbs_of
from everstore.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Trace", "shown"]

T = TypeVar("T")
_LONGEST = 80
_KEPT = 200


def shown(value: object, longest: int = _LONGEST) -> str:
    """A value as one short line."""
    text = repr(value)
    return (
        text
        if len(text) <= longest
        else f"{text[: longest // 2]}...{text[-longest // 4 :]} ({len(text)} characters)"
    )


class Trace:
    """The calls of one case, the latest ``_KEPT`` of them."""

    def __init__(self) -> None:
        """Empty, and recording."""
        self.calls: list[str] = []
        self._paused = 0

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
        return Store(
            self._recorded(SessionFileSystem, store.file_system),
            self._recorded(SessionStorageStore, store.storage),
            self._recorded(SessionStore, store.sessions),
            store.backends,
            store.close,
        )

    def _recorded(self, interface: type[T], part: T) -> T:
        calls = {
            verb.name: self._record(verb, getattr(part, verb.name)) for verb in verbs_of(interface, "", "")
        }
        return assemble(interface, part, calls)

    def _record(self, verb: Verb, call: Call) -> Call:
        async def recorded(*args: Any, **kwargs: Any) -> Any:
            try:
                answer = await call(*args, **kwargs)
            except BaseException as error:
                self._add(verb, args, kwargs, f"raised {type(error).__name__}")
                raise
            self._add(verb, args, kwargs, shown(answer))
            return answer

        return recorded

    def _add(self, verb: Verb, args: tuple[object, ...], kwargs: dict[str, object], outcome: str) -> None:
        if self._paused:
            return
        # The session id comes first everywhere; its end tells sessions of one check apart.
        parts = [
            f"…{str(value)[-4:]}" if i == 0 and hasattr(value, "hex") else shown(value)
            for i, value in enumerate(args)
        ]
        parts += [f"{name}={shown(value)}" for name, value in kwargs.items() if value not in (None, False)]
        self.calls.append(f"{verb.name}({', '.join(parts)}) -> {outcome}")
        del self.calls[:-_KEPT]
