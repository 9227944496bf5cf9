"""Someone who makes calls at a place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.histories import Recorder
    from everstore.session import BoundSession

__all__ = ["Party"]


class Party:
    """Someone at a place. ``verbs`` are the calls it makes, the same one twice as often."""

    verbs: tuple[str, ...]

    def __init__(self, me: Recorder, session: BoundSession, *, can_end: bool) -> None:
        """Nobody knows anything yet. ``can_end``: a time to live may be asked for."""
        self.can_end = can_end
        self.me = me
        self.place = me.plan.place
        self.files = session.files
        self.storage = session.storage
        self._written = 0

    async def act(self) -> None:
        """Make one call."""
        verb: Callable[[], Awaitable[None]] = getattr(self, self.me.random.choice(self.verbs))
        await verb()

    def fresh(self) -> str:
        """A content that nobody else writes."""
        self._written += 1
        return f"{self.me.plan.client}.{self._written}"
