"""Mistakes that only show when several work at the same time, or when something is written over and over."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.content import add_to_counter
from everstore.errors import EditError, PathNotFoundError, RevisionConflictError

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []

_SHOWING = (
    "read_file",
    "write_file",
    "stat_file",
    "list_directory",
    "glob_files",
    "edit_file",
    "append_file",
    "seed_initial_file",
)


@mutant("revisions.condition.stale_revision")
def ignores_revisions(broken: Broken) -> None:
    """write_file does not look at if_revision."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        options.pop("if_revision", None)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("revisions.condition.not_absent")
def ignores_if_absent(broken: Broken) -> None:
    """write_file does not look at if_absent."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        options.pop("if_absent", None)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("revisions.condition.revision_of_missing")
def creates_whatever_the_revision(broken: Broken) -> None:
    """if_revision is looked at only where a file is."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        try:
            return await broken.files.write_file(session_id, path, content, encoding, **options)
        except RevisionConflictError as conflict:
            if conflict.current_revision is not None:
                raise
            return await broken.files.write_file(session_id, path, content, encoding)


@mutant("revisions.content_matches.differs.other_case")
def matches_content_without_case(broken: Broken) -> None:
    """write_file_if_content_matches compares without regard to case and blanks."""

    @broken.verb
    async def write_file_if_content_matches(
        session_id: Any, path: str, expected: str, expected_encoding: Any, content: str, encoding: Any
    ) -> Any:
        found = await broken.files.read_file(session_id, path)
        text = found.content if found is not None and found.encoding == expected_encoding == "text" else None
        if text and text.strip().casefold() == expected.strip().casefold():
            expected = text
        return await broken.files.write_file_if_content_matches(
            session_id, path, expected, expected_encoding, content, encoding
        )


def _with_versions(broken: Broken, version: Any) -> None:
    def changed(record: Any) -> Any:
        return replace(record, version=version(record)) if hasattr(record, "version") else record

    def wrap(call: Call) -> Call:
        async def versioned(*args: Any, **kwargs: Any) -> Any:
            answer = await call(*args, **kwargs)
            return [changed(each) for each in answer] if isinstance(answer, list) else changed(answer)

        return versioned

    broken.around(wrap, ["file_system"], _SHOWING)


@mutant("revisions.changes")
def hashes_content(broken: Broken) -> None:
    """A file's revision is a hash of its content, as an ETag, so the same content has it again."""

    @broken.verb
    async def read_file(session_id: Any, path: str) -> Any:
        return _hashed(await broken.files.read_file(session_id, path))

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        return _hashed(await broken.files.write_file(session_id, path, content, encoding, **options))


def _hashed(file: Any) -> Any:
    if file is None or file.content is None:
        return file
    digest = hashlib.sha256(file.content.encode()).digest()
    return replace(file, version=int.from_bytes(digest[:8], "big"))


@mutant("revisions.not_after_delete")
def counts_writes_since_creation(broken: Broken) -> None:
    """A file's revision counts its writes, and begins again after a delete."""
    counts: dict[Any, dict[int, int]] = {}

    def version(record: Any) -> int:
        if not record.version:
            return 0
        seen = counts.setdefault((record.session_id, record.path, record.serial), {})
        return seen.setdefault(record.version, len(seen) + 1)

    _with_versions(broken, version)


@mutant("revisions.stable")
def counts_in_the_session(broken: Broken) -> None:
    """Every read gives a file another revision."""
    ticks = iter(range(1, 1 << 62))
    _with_versions(broken, lambda record: record.version + next(ticks))


@mutant("edits.refused.twice")
def replaces_the_first(broken: Broken) -> None:
    """An ambiguous edit replaces the first match."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        try:
            return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)
        except EditError as error:
            found = await broken.files.read_file(session_id, path)
            if not error.matches or found is None or found.content is None:
                raise
            return await broken.files.write_file(session_id, path, found.content.replace(old, new, 1))


@mutant("edits.refused.missing")
def edits_in_silence(broken: Broken) -> None:
    """An edit that finds nothing is no error."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        try:
            return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)
        except EditError:
            return await broken.files.read_file(session_id, path)


@mutant("edits.refused.other_line_end")
def edits_across_line_ends(broken: Broken) -> None:
    """An edit takes LF for CR LF."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is not None and found.content and "\r\n" in found.content and "\r\n" not in old:
            old = old.replace("\n", "\r\n")
        return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)


@mutant("edits.replaces.no_pattern")
def edits_by_regex(broken: Broken) -> None:
    """The text to replace is a regular expression."""
    import re  # noqa: PLC0415 - nobody else here needs it

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        found = await broken.files.read_file(session_id, path)
        if (
            replace_all
            or found is None
            or found.content is None
            or found.is_readonly
            or found.encoding != "text"
        ):
            return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)
        matches = len(re.findall(old, found.content))
        if matches != 1:
            raise EditError("not once", path=path, matches=matches)
        return await broken.files.write_file(session_id, path, re.sub(old, new, found.content))


@mutant("edits.replace_all")
def replaces_all_but_one(broken: Broken) -> None:
    """replace_all stops after the second match."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        found = await broken.files.read_file(session_id, path)
        if replace_all and found is not None and found.content and found.content.count(old) > 2:
            return await broken.files.write_file(session_id, path, found.content.replace(old, new, 2))
        return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)


@mutant("edits.missing_file")
def edits_into_being(broken: Broken) -> None:
    """Editing a missing file creates it."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        try:
            return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)
        except PathNotFoundError:
            return await broken.files.write_file(session_id, path, new)


@mutant("edits.append.text.word")
def appends_lines(broken: Broken) -> None:
    """An append begins a new line."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        found = await broken.files.read_file(session_id, path)
        if encoding == "text" and found is not None and found.content and not found.content.endswith("\n"):
            content = "\n" + content
        return await broken.files.append_file(session_id, path, content, encoding)


@mutant("edits.append.creates")
def appends_only_to_files(broken: Broken) -> None:
    """Appending to a missing file is an error."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        if await broken.files.stat_file(session_id, path) is None:
            raise PathNotFoundError.at(path, "no such file")
        return await broken.files.append_file(session_id, path, content, encoding)


@mutant("edits.append.base64.after_padding")
def joins_base64_as_text(broken: Broken) -> None:
    """Appending in base64 drops the bits behind the first padding."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        found = await broken.files.read_file(session_id, path)
        if encoding == "base64" and found is not None and found.content and found.content.endswith("="):
            return found
        return await broken.files.append_file(session_id, path, content, encoding)


@mutant("concurrency.edits_survive")
def loses_updates(broken: Broken) -> None:
    """An edit reads, thinks and writes, whoever wrote meanwhile."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is None or not found.content or found.content.count(old) != 1 or found.is_readonly:
            return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)
        await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, found.content.replace(old, new))


@mutant("concurrency.appends_survive")
def loses_appends(broken: Broken) -> None:
    """An append reads, thinks and writes."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is None or encoding != "text" or found.encoding != "text" or found.is_readonly:
            return await broken.files.append_file(session_id, path, content, encoding)
        await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, (found.content or "") + content)


@mutant("concurrency.counter_exact")
def loses_counts(broken: Broken) -> None:
    """An increment reads, adds and writes."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        found = await broken.storage.get_value(session_id, key)
        if await broken.storage.stat_value(session_id, key) is None or not isinstance(amount, int):
            return await broken.storage.increment_value(session_id, key, amount)
        total = add_to_counter(found, amount)
        await asyncio.sleep(0)
        await broken.storage.set_value(session_id, key, str(total))
        return total


@mutant("concurrency.one_winner.create_file")
def has_two_winners(broken: Broken) -> None:
    """if_absent looks first and writes later."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        if options.pop("if_absent", False):
            found = await broken.files.stat_file(session_id, path)
            if found is not None:
                raise RevisionConflictError.found(path, None, found.revision)
            await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("concurrency.compare_and_set.file")
def compares_then_sets(broken: Broken) -> None:
    """if_revision looks first and writes later."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        wanted = options.pop("if_revision", None)
        if wanted is not None:
            found = await broken.files.stat_file(session_id, path)
            if found is None or found.revision != wanted:
                raise RevisionConflictError.found(path, wanted, found.revision if found else None)
            await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("concurrency.no_torn_read")
def tears_writes(broken: Broken) -> None:
    """A long text is written in two halves, which readers can see."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        if encoding == "text" and isinstance(content, str) and len(content) > 1 and not any(options.values()):
            await broken.files.write_file(session_id, path, content[: len(content) // 2])
            await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("concurrency.no_half_deleted_tree")
def deletes_one_by_one(broken: Broken) -> None:
    """A recursive delete takes one entry after the other, for all to see."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        for info in await broken.files.list_directory(session_id, path) if recursive and path != "/" else ():
            await broken.files.delete_file(session_id, info.path, recursive=True)
            await asyncio.sleep(0)
        return await broken.files.delete_file(session_id, path, recursive)


@mutant("concurrency.no_torn_tree")
def moves_in_two_steps(broken: Broken) -> None:
    """A move copies, and deletes a moment later."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)
        await asyncio.sleep(0)
        await broken.files.delete_file(session_id, destination, recursive=True)
        return await broken.files.move_file(session_id, source, destination, overwrite=overwrite)


@mutant("histories.tasks.file")
def reads_from_a_cache(broken: Broken) -> None:
    """A read may come from a cache that a write clears only later."""
    cache: dict[Any, Any] = {}

    @broken.verb
    async def read_file(session_id: Any, path: str) -> Any:
        if (session_id, path) not in cache:
            cache[session_id, path] = await broken.files.read_file(session_id, path)
        return cache[session_id, path]

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        answer = await broken.files.write_file(session_id, path, content, encoding, **options)
        asyncio.get_running_loop().call_later(0.005, cache.pop, (session_id, path), None)
        return answer


@mutant("lifecycle.cancelled.overwrite")
def tears_when_cancelled(broken: Broken) -> None:
    """An overwrite deletes, waits and writes: a call that is cancelled between leaves nothing."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is not None and found.content and not found.is_readonly and not any(options.values()):
            await broken.files.write_file(session_id, path, "")
            await asyncio.sleep(0)
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("durability.kill.values", durable=True)
def writes_behind(broken: Broken) -> None:
    """A write is acknowledged at once and made a little later."""
    tasks: set[Any] = set()

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> None:
        async def later() -> None:
            await asyncio.sleep(0.05)
            await broken.storage.set_value(session_id, key, value, **options)

        task = asyncio.create_task(later())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
