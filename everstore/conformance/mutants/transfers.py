"""Mistakes with trees whose paths become too long when they are copied or moved."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import EverstoreError, InvalidPathError, QuotaExceededError
from everstore.paths import MAX_PATH_BYTES, normalize_path

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Otherwise = Callable[[Any, str, str], Awaitable[Any]]

__all__: list[str] = []


def _otherwise(broken: Broken, verb: str, do: Otherwise) -> None:
    """Where a copy or move is refused because a path would become too long, do something else."""
    sound = getattr(broken.files, verb)

    async def transfer(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        try:
            return await sound(session_id, source, destination, overwrite=overwrite)
        except InvalidPathError:
            if f"{normalize_path(destination)}/".startswith(f"{normalize_path(source)}/"):
                raise
            return await do(session_id, normalize_path(source), normalize_path(destination))

    transfer.__name__ = verb
    broken.verb(transfer)


async def _tree(broken: Broken, session_id: Any, top: str) -> list[Any]:
    """An entry and all that is below it, parents before children."""
    found: list[Any] = [await broken.files.stat_file(session_id, top)]
    for entry in found:
        if entry.is_directory:
            found += await broken.files.list_directory(session_id, entry.path)
    return found


def _one_by_one(broken: Broken, verb: str, *, forgiven: tuple[type[EverstoreError], ...] = ()) -> Otherwise:
    """Copy or move entry by entry; directories for which there is no room may be ``forgiven``."""
    transfer = getattr(broken.files, verb)

    async def do(session_id: Any, source: str, destination: str) -> Any:
        for entry in await _tree(broken, session_id, source):
            place = destination + entry.path[len(source) :]
            if entry.is_directory:
                with suppress(*forgiven):
                    await broken.files.create_directory(session_id, place)
            else:
                await transfer(session_id, entry.path, place)
        return await broken.files.stat_file(session_id, destination)

    return do


@mutant("transfers.too_long.copy")
def copies_until_too_long(broken: Broken) -> None:
    """A tree is copied entry by entry until the path of one becomes too long."""
    _otherwise(broken, "copy_file", _one_by_one(broken, "copy_file"))


@mutant("transfers.too_long.move")
def moves_until_too_long(broken: Broken) -> None:
    """A tree is moved entry by entry until the path of one becomes too long."""
    _otherwise(broken, "move_file", _one_by_one(broken, "move_file"))


@mutant("transfers.too_long.copy_directory")
def measures_copied_files_only(broken: Broken) -> None:
    """Directories whose paths become too long are left out of a copy."""
    _otherwise(broken, "copy_file", _one_by_one(broken, "copy_file", forgiven=(InvalidPathError,)))


@mutant("transfers.too_long.move_directory")
def measures_moved_files_only(broken: Broken) -> None:
    """Directories whose paths become too long are lost in a move."""
    _otherwise(broken, "move_file", _one_by_one(broken, "move_file", forgiven=(InvalidPathError,)))


@mutant("transfers.too_long.move")
def measures_what_grows_by_two(broken: Broken) -> None:
    """What grows by a byte is not measured, and beyond the end of a column it is cut away."""

    async def otherwise(session_id: Any, source: str, destination: str, **_: Any) -> Any:
        if len(normalize_path(destination).encode()) - len(normalize_path(source).encode()) != 1:
            raise InvalidPathError("too long", path=destination)
        await broken.files.delete_file(session_id, source, recursive=True)
        return await broken.files.create_directory(session_id, destination)

    _otherwise(broken, "move_file", otherwise)


def _measures_first(broken: Broken, verb: str) -> None:
    sound = getattr(broken.files, verb)

    async def transfer(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        if await broken.files.stat_file(session_id, source) is not None:
            growth = len(destination.encode()) - len(source.encode())
            entries = await _tree(broken, session_id, normalize_path(source))
            if any(len(entry.path.encode()) + growth > MAX_PATH_BYTES for entry in entries):
                raise InvalidPathError("too long", path=destination)
        return await sound(session_id, source, destination, overwrite=overwrite)

    transfer.__name__ = verb
    broken.verb(transfer)


@mutant("transfers.too_long.read_only_first")
def measures_before_a_move(broken: Broken) -> None:
    """What becomes too long is refused before a read-only file is."""
    _measures_first(broken, "move_file")


@mutant("transfers.too_long.exists_first")
def measures_before_a_copy(broken: Broken) -> None:
    """What becomes too long is refused before what is in the way is."""
    _measures_first(broken, "copy_file")


@mutant("transfers.too_long.before_a_limit")
def counts_before_it_measures(broken: Broken) -> None:
    """A limit is refused for before a path that becomes too long is."""

    async def do(session_id: Any, source: str, destination: str) -> Any:
        with suppress(QuotaExceededError):
            spare = f"{source}~"
            await broken.files.copy_file(session_id, source, spare)
            await broken.files.delete_file(session_id, spare, recursive=True)
            raise InvalidPathError("too long", path=destination)
        raise QuotaExceededError("too many", limit="session_entries", allowed=0)

    _otherwise(broken, "copy_file", do)
