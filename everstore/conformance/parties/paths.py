"""Those who work at one path: a file of text or of bytes, or a directory."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from everstore.compat import override
from everstore.conformance.parties.base import Party
from everstore.errors import EditError, PathExistsError, PathNotFoundError, RevisionConflictError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.models import Encoding, FileInfo, SessionFile

__all__ = ["AtBytes", "AtDirectory", "AtFile"]


class AtFile(Party):
    """Does to a file whatever can be done to one, often on condition that it is as when it was last read."""

    verbs: tuple[str, ...] = (
        *("read", "read", "write", "write_if", "write_if", "match", "match", "append", "append", "create"),
        *("edit", "edit", "seed", "copy_onto", "move_onto", "copy_away", "move_away", "delete"),
    )
    encoding: Encoding = "text"
    known: tuple[str, str] = ("nothing", "never")

    def stored(self, text: str) -> str:
        """How a text is handed to the store."""
        return text

    def told(self, content: str | None) -> str | None:
        """The text that is stored in this form."""
        return content

    async def read(self) -> None:
        """Read."""

        async def call() -> list[Any] | None:
            file = await self.files.read_file(self.place)
            return [self.told(file.content), file.revision] if file else None

        seen = await self.me.record("read", None, call())
        if seen:
            self.known = seen[0], seen[1]

    async def _replace(self, replace: Callable[[str], Awaitable[SessionFile | FileInfo]]) -> None:
        """Put a fresh text there, whatever is there."""
        text = self.fresh()

        async def call() -> str:
            return (await replace(self.stored(text))).revision

        revision = await self.me.record("write", text, call())
        if revision:
            self.known = text, revision

    async def write(self) -> None:
        """Write."""
        await self._replace(lambda content: self.files.write_file(self.place, content, self.encoding))

    async def seed(self) -> None:
        """Seed."""
        await self._replace(
            lambda content: self.files.seed_initial_file(InitialFile(self.place, content, self.encoding))
        )

    def _aside(self) -> str:
        """A path that nobody else uses."""
        return f"{self.place} of {self.fresh()}"

    async def copy_onto(self) -> None:
        """Copy a file of one's own there."""
        aside = self._aside()

        async def call(content: str) -> FileInfo:
            await self.files.write_file(aside, content, self.encoding)
            return await self.files.copy_file(aside, self.place, overwrite=True)

        await self._replace(call)

    async def move_onto(self) -> None:
        """Move a file of one's own there."""
        aside = self._aside()

        async def call(content: str) -> FileInfo:
            await self.files.write_file(aside, content, self.encoding)
            return await self.files.move_file(aside, self.place, overwrite=True)

        await self._replace(call)

    async def _to_aside(self, action: str, transfer: Callable[[str, str], Awaitable[FileInfo]]) -> None:
        aside = self._aside()

        async def call() -> str | None:
            try:
                await transfer(self.place, aside)
            except PathNotFoundError:
                return None
            file = await self.files.read_file(aside)
            return self.told(file.content) if file else "lost on the way"

        await self.me.record(action, None, call())

    async def copy_away(self) -> None:
        """Copy it to a place of one's own, and look there."""
        await self._to_aside("get", self.files.copy_file)

    async def move_away(self) -> None:
        """Move it to a place of one's own, and look there."""
        await self._to_aside("take", self.files.move_file)

    async def write_if(self) -> None:
        """Write if nobody else has written since."""
        await self._write_on_condition(self.known[1])

    async def create(self) -> None:
        """Write if nothing is there."""
        await self._write_on_condition(None)

    async def _write_on_condition(self, revision: str | None) -> None:
        text = self.fresh()

        async def call() -> dict[str, str | None]:
            try:
                file = await self.files.write_file(
                    self.place,
                    self.stored(text),
                    self.encoding,
                    if_revision=revision,
                    if_absent=revision is None,
                )
            except RevisionConflictError as error:
                return {"conflict": error.current_revision}
            return {"revision": file.revision}

        await self.me.record("write_if", [text, revision], call())

    async def match(self) -> None:
        """Write if the content is what it was."""
        expected, text = self.known[0], self.fresh()

        async def call() -> str | None:
            file = await self.files.write_file_if_content_matches(
                self.place, self.stored(expected), self.encoding, self.stored(text), self.encoding
            )
            return file.revision if file else None

        await self.me.record("match", [expected, text], call())

    async def append(self) -> None:
        """Append."""
        more = f",{self.fresh()}"

        async def call() -> list[Any]:
            file = await self.files.append_file(self.place, self.stored(more), self.encoding)
            return [file.size_bytes, file.revision]

        await self.me.record("append", more, call())

    async def edit(self) -> None:
        """Replace what was last seen."""
        old, new = self.known[0], self.fresh()

        async def call() -> list[Any] | str:
            try:
                file = await self.files.edit_file(self.place, old, new)
            except PathNotFoundError:
                return "missing"
            except EditError:
                return "no match"
            return [file.content, file.revision]

        await self.me.record("edit", [old, new], call())

    async def delete(self) -> None:
        """Delete."""
        await self.me.record("delete", None, self.files.delete_file(self.place))


class AtBytes(AtFile):
    """Does to a file of bytes what can be done to one."""

    verbs = tuple(verb for verb in AtFile.verbs if verb != "edit")
    encoding = "base64"

    @override
    def stored(self, text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    @override
    def told(self, content: str | None) -> str | None:
        return None if content is None else base64.b64decode(content).decode()


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
