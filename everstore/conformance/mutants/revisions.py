"""Mistakes with revisions, and with writes that hold only under a condition."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import RevisionConflictError

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
