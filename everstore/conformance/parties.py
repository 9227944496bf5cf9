"""Those who work at one place at the same time: a file, a value, a counter or a directory.

Each makes calls as its seed will have it, and knows no more of the others than what it has read.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.conformance.histories import Plan, Recorder, Seen
from everstore.conformance.objects import counter, names, register
from everstore.errors import PathExistsError, PathNotFoundError, RevisionConflictError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.linearizability import Apply
    from everstore.session import BoundSession
    from everstore.store import Store

__all__ = ["OBJECTS", "in_process", "take_part"]


class Party:
    """Someone at a place. ``verbs`` are the calls it makes, the same one twice as often."""

    verbs: tuple[str, ...]

    def __init__(self, me: Recorder, session: BoundSession) -> None:
        """Nobody knows anything yet."""
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


class AtFile(Party):
    """Reads, writes and deletes a file, often on condition that it is as when it was last read."""

    verbs = ("read", "read", "write", "write_if", "write_if", "match", "match", "append", "create", "delete")
    known: tuple[str, str] = ("nothing", "never")

    async def read(self) -> None:
        """Read."""

        async def call() -> list[Any] | None:
            file = await self.files.read_file(self.place)
            return [file.content, file.revision] if file else None

        seen = await self.me.record("read", None, call())
        if seen:
            self.known = seen[0], seen[1]

    async def write(self) -> None:
        """Write, whatever is there."""
        content = self.fresh()

        async def call() -> str:
            return (await self.files.write_file(self.place, content)).revision

        revision = await self.me.record("write", content, call())
        if revision:
            self.known = content, revision

    async def write_if(self) -> None:
        """Write if nobody else has written since."""
        await self._write_on_condition(self.known[1])

    async def create(self) -> None:
        """Write if nothing is there."""
        await self._write_on_condition(None)

    async def _write_on_condition(self, revision: str | None) -> None:
        content = self.fresh()

        async def call() -> dict[str, str | None]:
            try:
                file = await self.files.write_file(
                    self.place, content, if_revision=revision, if_absent=revision is None
                )
            except RevisionConflictError as error:
                return {"conflict": error.current_revision}
            return {"revision": file.revision}

        await self.me.record("write_if", [content, revision], call())

    async def match(self) -> None:
        """Write if the content is what it was."""
        expected, content = self.known[0], self.fresh()

        async def call() -> str | None:
            file = await self.files.write_file_if_content_matches(
                self.place, expected, "text", content, "text"
            )
            return file.revision if file else None

        await self.me.record("match", [expected, content], call())

    async def append(self) -> None:
        """Append."""
        more = f",{self.fresh()}"

        async def call() -> list[Any]:
            file = await self.files.append_file(self.place, more)
            return [file.content, file.revision]

        await self.me.record("append", more, call())

    async def delete(self) -> None:
        """Delete."""
        await self.me.record("delete", None, self.files.delete_file(self.place))


class AtValue(Party):
    """Gets, sets and deletes a value, often on condition that it is as when it was last looked at."""

    verbs = ("get", "get", "stat", "stat", "set", "set_if", "set_if", "create", "delete")
    known = "never"

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
        await self.me.record("write", text, self.storage.set_value(self.place, text))

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
                await self.storage.set_value(
                    self.place, text, if_revision=revision, if_absent=revision is None
                )
            except RevisionConflictError as error:
                return {"conflict": error.current_revision}
            return {"revision": None}

        await self.me.record("write_if", [text, revision], call())

    async def delete(self) -> None:
        """Delete."""
        await self.me.record("delete", None, self.storage.delete_value(self.place))


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


class AtDirectory(Party):
    """Makes, renames, removes and lists files in a directory."""

    verbs = ("add", "add", "remove", "rename", "rename", "list", "list")
    names = ("a", "b", "c")

    async def add(self) -> None:
        """Create a file, only if it is not there."""
        name = self.me.random.choice(self.names)

        async def call() -> bool:
            try:
                await self.files.write_file(f"{self.place}/{name}", "", if_absent=True)
            except RevisionConflictError:
                return False
            return True

        await self.me.record("add", name, call())

    async def remove(self) -> None:
        """Delete a file."""
        name = self.me.random.choice(self.names)
        await self.me.record("remove", name, self.files.delete_file(f"{self.place}/{name}"))

    async def rename(self) -> None:
        """Move a file to a name that is not taken."""
        source, destination = self.me.random.sample(self.names, 2)

        async def call() -> str:
            try:
                await self.files.move_file(f"{self.place}/{source}", f"{self.place}/{destination}")
            except PathNotFoundError:
                return "missing"
            except PathExistsError:
                return "exists"
            return "done"

        await self.me.record("rename", [source, destination], call())

    async def list(self) -> None:
        """List the directory."""

        async def call() -> list[str]:
            return [info.name for info in await self.files.list_directory(self.place)]

        await self.me.record("list", None, call())


_PARTIES: dict[str, type[Party]] = {
    "file": AtFile,
    "value": AtValue,
    "counter": AtCounter,
    "directory": AtDirectory,
}
OBJECTS: dict[str, Apply] = {"file": register, "value": register, "counter": counter, "directory": names}
"""What a place of each kind should be to those who share it."""


async def take_part(store: Store, plan: Plan, tell: Callable[[Seen], object]) -> None:
    """Make the calls of a plan, and tell of each."""
    party = _PARTIES[plan.kind](Recorder(plan, tell), store.session(plan.session))
    for _ in range(plan.rounds):
        await asyncio.sleep(0)  # a store that never waits would let nobody else have a turn
        await party.act()


async def in_process(store: Store, tell: Callable[[Any], None], plans: list[dict[str, Any]]) -> None:
    """Make the calls of several plans at the same time, as the job of a child process."""

    def tell_parent(seen: Seen) -> None:
        tell(msgspec.to_builtins(seen))

    await asyncio.gather(*(take_part(store, msgspec.convert(plan, Plan), tell_parent) for plan in plans))
