"""The head of a history: a value that each change of it replaces, under a condition.

A history is entries, one key each, and a head that counts them. Who adds entries sets the head in the same
call, so the entries of two who add at once never mix, and none is lost or counted twice. Tasks of one process
take turns; those of others are told by the condition, and then the head is read again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakValueDictionary

from everstore.changes import DeleteValue, SetValue
from everstore.errors import RevisionConflictError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from uuid import UUID

    from everstore.changes import AnyValueChange
    from everstore.models import KeyInfo
    from everstore.session import BoundStorage
    from everstore.store import Store

    Change = tuple[str | None, Iterable[AnyValueChange]]
    """The head's new text, and what else changes with it."""

__all__ = ["Head", "entry_key", "head_of"]


class Head:
    """What this process knows of one head: its text, at which revision; and whose turn it is to change it."""

    def __init__(self, storage: BoundStorage, key: str) -> None:
        """Made by ``head_of``."""
        self._storage = storage
        self._key = key
        self._is_known = False
        self._text: str | None = None
        self._revision: str | None = None
        self.turn = asyncio.Lock()

    def note(self, found: KeyInfo | None) -> None:
        """Somebody has read it, or, in its turn, has seen its revision."""
        self._is_known = True
        self._text = getattr(found, "value", None)
        self._revision = None if found is None else found.revision

    async def text(self) -> str | None:
        """Its text, as far as this process knows: who changes it is told the one that counts."""
        if not self._is_known:
            self.note(await self._storage.read_value(self._key))
        return self._text

    async def change(
        self, make: Callable[[str | None], Change], begin: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        """Change the history in one step: ``make`` tells the head's new text, and what else changes with it.

        It is called with the text as it is, ``None`` where there is none, and again when somebody else was
        faster. A new text of ``None`` deletes the head. ``begin`` is awaited where there is no head: before
        it is made, and again behind it, for who deletes a history may have undone what it did in between.
        """
        async with self.turn:
            while True:
                text = await self.text()
                beginning = begin if text is None else None
                if beginning is not None:
                    await beginning()
                if await self.replace(*make(text)):
                    break
            if beginning is not None:
                await beginning()

    async def read(self) -> str | None:
        """Its text as it is stored now; ``None`` where there is none."""
        self._is_known = False
        return await self.text()

    async def replace(self, text: str | None, changes: Iterable[AnyValueChange]) -> bool:
        """Set the head that is known, or delete it, with further changes; for who has the turn.

        ``False``, and nothing is changed, where somebody else was faster.
        """
        self._is_known = False  # whether it was changed is not known when the call fails or is cancelled
        try:
            answer, *_ = await self._storage.change_values([*self._heads(text), *changes])
        except RevisionConflictError:
            return False
        self._text, self._revision = text, getattr(answer, "revision", None)
        self._is_known = True
        return True

    def _heads(self, text: str | None) -> list[AnyValueChange]:
        if text is not None:
            is_new = self._revision is None
            return [SetValue(self._key, text, if_revision=self._revision, if_absent=is_new)]
        return [] if self._revision is None else [DeleteValue(self._key, if_revision=self._revision)]


_heads: WeakKeyDictionary[Store, WeakValueDictionary[tuple[UUID, str], Head]] = WeakKeyDictionary()


def head_of(store: Store, session_id: UUID, key: str) -> Head:
    """The one head of this key in this process, as long as anybody holds it."""
    heads = _heads.setdefault(store, WeakValueDictionary())
    head = heads.get((session_id, key))
    if head is None:
        head = heads[session_id, key] = Head(store.session(session_id).storage, key)
    return head


def entry_key(prefix: str, number: int) -> str:
    """The key of an entry: in the order of the keys the numbers ascend."""
    return f"{prefix}{number:019d}"
