"""Mistakes with copying and moving."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant

__all__: list[str] = []


@mutant("transfers.move.source_is_gone")
def moves_by_copying(broken: Broken) -> None:
    """A move leaves the source where it was."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        return await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)


@mutant("transfers.move.keeps_id")
def moves_to_a_new_id(broken: Broken) -> None:
    """A move copies and deletes, so what is moved has another id."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        answer = await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)
        await broken.files.delete_file(session_id, source, recursive=True)
        return answer


@mutant("transfers.tree.move")
def moves_files_only(broken: Broken) -> None:
    """An empty directory is left behind by a move, as object stores do."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        answer = await broken.files.move_file(session_id, source, destination, overwrite=overwrite)
        for info in reversed(await broken.entries(session_id)):
            if info.is_directory and info.path.startswith("/" + destination.strip("/") + "/"):
                await broken.files.delete_file(session_id, info.path)
        return answer


@mutant("transfers.copy.own_id")
def copies_the_id(broken: Broken) -> None:
    """A copied file has the id of its source."""
    ids: dict[Any, Any] = {}

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        before = await broken.entries(session_id)
        answer = await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)
        top = "/" + source.strip("/")
        for info in before:
            if info.path == top or info.path.startswith(top + "/"):
                ids[session_id, answer.path + info.path[len(top) :]] = (info.serial, info.created_ns)
        return answer

    @broken.verb
    async def read_file(session_id: Any, path: str) -> Any:
        found = await broken.files.read_file(session_id, path)
        if found is None or (session_id, found.path) not in ids:
            return found
        serial, created_ns = ids[session_id, found.path]
        return replace(found, serial=serial, created_ns=created_ns)


@mutant("transfers.refuses_to_replace.copy")
def always_overwrites(broken: Broken) -> None:
    """copy_file and move_file replace whatever file is there."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        del overwrite
        return await broken.files.copy_file(session_id, source, destination, overwrite=True)

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        del overwrite
        return await broken.files.move_file(session_id, source, destination, overwrite=True)


@mutant("transfers.directory_stays.copy")
def replaces_empty_directories(broken: Broken) -> None:
    """A copy takes the place of an empty directory."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        if overwrite and await broken.files.stat_file(session_id, source) is not None:
            found = await broken.files.stat_file(session_id, destination)
            if found is not None and found.is_directory:
                await broken.files.delete_file(session_id, destination)
        return await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)


@mutant("transfers.into_itself.move")
def moves_into_itself(broken: Broken) -> None:
    """Moving something onto itself does nothing, and is no error."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        if source.strip("/") == destination.strip("/"):
            found = await broken.files.read_file(session_id, source)
            return found.info() if found else None
        return await broken.files.move_file(session_id, source, destination, overwrite=overwrite)
