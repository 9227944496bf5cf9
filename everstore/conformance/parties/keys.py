"""Those who work at one key: a value, a secret or a counter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.compat import override
from everstore.conformance.objects import LINEAGE
from everstore.conformance.parties.base import Party
from everstore.errors import RevisionConflictError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from everstore.models import KeyInfo

__all__ = ["AtCounter", "AtSecret", "AtValue"]

_BRIEF = 0.002  # seconds


class AtValue(Party):
    """Sets, counts and deletes a value, often on condition that it is as when it was last looked at."""

    verbs = (
        *("get", "get", "stat", "stat", "stat", "set", "set_if", "set_if", "set_if", "create", "create"),
        *("add", "add", "add", "set_briefly", "set_many", "delete", "delete", "delete_if", "touch"),
    )
    known = "never"

    @override
    def fresh(self) -> str:
        self._written += 1
        return str((int(self.me.plan.client) + 1) * LINEAGE * 1000 + self._written * LINEAGE)

    async def get(self) -> None:
        """Get the text."""
        await self.me.record("get", None, self.storage.get_value(self.place))

    async def stat(self) -> None:
        """Get the revision."""

        async def call() -> str | None:
            info = await self.storage.stat_value(self.place)
            return info.revision if info else None

        revision = await self.me.record("stat", None, call())
        self.known = revision or self.known

    async def set(self) -> None:
        """Set, whatever is there."""
        text = self.fresh()
        await self.me.record("write", text, _revision(self.storage.set_value(self.place, text)))

    async def set_briefly(self) -> None:
        """Set for a moment, where that can be asked for."""
        text = self.fresh()
        ttl = _BRIEF if self.can_end else None
        self.me.may_happen("end", text)
        await self.me.record("write", text, _revision(self.storage.set_value(self.place, text, ttl=ttl)))

    async def set_many(self) -> None:
        """Set this one with another."""
        text = self.fresh()

        async def call() -> str:
            _, info = await self.storage.set_values({f"{self.place} too": text, self.place: text})
            return info.revision

        await self.me.record("write", text, call())

    async def touch(self) -> None:
        """Let it stay for ever, if it is there."""
        await self.me.record("touch", None, self.storage.touch_value(self.place, ttl=None))

    async def add(self) -> None:
        """Increment."""
        amount = self.me.random.randint(1, 3)
        await self.me.record("add", amount, self.storage.increment_value(self.place, amount))

    async def set_if(self) -> None:
        """Set if nobody else has set it since."""
        await self._set_on_condition(self.known)

    async def create(self) -> None:
        """Set if nothing is there."""
        await self._set_on_condition(None)

    async def _set_on_condition(self, revision: str | None) -> None:
        text = self.fresh()

        async def call() -> dict[str, str | None]:
            try:
                info = await self.storage.set_value(
                    self.place, text, if_revision=revision, if_absent=revision is None
                )
            except RevisionConflictError as error:
                return {"conflict": error.current_revision}
            return {"revision": info.revision}

        await self.me.record("write_if", [text, revision], call())

    async def delete(self) -> None:
        """Delete."""
        await self.me.record("delete", None, self.storage.delete_value(self.place))

    async def delete_if(self) -> None:
        """Delete if nobody else has set it since."""
        revision = self.known

        async def call() -> dict[str, str | None]:
            try:
                await self.storage.delete_value(self.place, if_revision=revision)
            except RevisionConflictError as error:
                return {"conflict": error.current_revision}
            return {}

        await self.me.record("delete_if", revision, call())


async def _revision(call: Awaitable[KeyInfo]) -> str:
    """The revision that a call tells."""
    return (await call).revision


class AtSecret(Party):
    """Sets, gets and deletes a secret."""

    verbs = ("get", "get", "set", "set", "set_briefly", "delete")

    async def get(self) -> None:
        """Get the text."""
        await self.me.record("get", None, self.storage.get_secret(self.place))

    async def set(self, ttl: float | None = None) -> None:
        """Set, whatever is there."""
        text = self.fresh()
        if ttl is not None:
            self.me.may_happen("end", text)
        await self.me.record("write", text, self.storage.set_secret(self.place, text, ttl=ttl))

    async def set_briefly(self) -> None:
        """Set for a moment, where that can be asked for."""
        await self.set(_BRIEF if self.can_end else None)

    async def delete(self) -> None:
        """Delete."""
        await self.me.record("delete", None, self.storage.delete_secret(self.place))


class AtCounter(Party):
    """Counts."""

    verbs = ("add", "add", "add", "read")

    async def add(self) -> None:
        """Increment."""
        amount = self.me.random.randint(1, 9)
        await self.me.record("add", amount, self.storage.increment_value(self.place, amount))

    async def read(self) -> None:
        """Read the number."""

        async def call() -> int | None:
            text = await self.storage.get_value(self.place)
            return None if text is None else int(text)

        await self.me.record("read", None, call())
