"""Mistakes that no verb shows by itself: one verb leaves a state that another takes for something else."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import QuotaExceededError
from everstore.models import Session

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []


@mutant("machine.files")
def caches_what_is_missing(broken: Broken) -> None:
    """That a path is missing is remembered until the path itself is written, not when a tree moves there."""
    missing: set[Any] = set()

    @broken.verb
    async def stat_file(session_id: Any, path: str) -> Any:
        if (session_id, path) in missing:
            return None
        found = await broken.files.stat_file(session_id, path)
        if found is None:
            missing.add((session_id, path))
        return found

    def wrap(call: Call) -> Call:
        async def forgets(session_id: Any, place: Any, *args: Any, **kwargs: Any) -> Any:
            missing.discard((session_id, getattr(place, "path", place)))
            answer = await call(session_id, place, *args, **kwargs)
            missing.discard((session_id, getattr(answer, "path", None)))
            return answer

        return forgets

    writing = ("write_file", "create_directory", "seed_initial_file", "append_file", "copy_file", "move_file")
    broken.around(wrap, ["file_system"], writing)


@mutant("machine.values")
def remembers_the_deleted(broken: Broken) -> None:
    """A value that was deleted and set again shows when its first life began."""
    born: dict[Any, int] = {}

    @broken.verb
    async def list_keys(session_id: Any, *page: Any, **options: Any) -> Any:
        infos = await broken.storage.list_keys(session_id, *page, **options)
        return [
            replace(info, created_ns=born.setdefault((session_id, info.key), info.created_ns))
            for info in infos
        ]


@mutant("machine.records")
def turns_pages_around(broken: Broken) -> None:
    """A page holds the right records, the oldest of them first."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Session | None = None, **rest: Any) -> list[Session]:
        return (await broken.sessions.list_sessions(limit=limit, after=after, **rest))[::-1]


@mutant("machine.store")
def purges_values_and_what_is_with_them(broken: Broken) -> None:
    """Purging looks for values only: a session that has secrets and no values is taken for empty."""

    def wrap(call: Call) -> Call:
        async def purge_session(session_id: Any) -> bool:
            return bool(await broken.storage.list_keys(session_id)) and await call(session_id)

        return purge_session

    broken.around(wrap, ["storage"], ["purge_session"])


@mutant("limits.races.bytes_append")
def drops_what_does_not_fit(broken: Broken) -> None:
    """An append that would exceed a limit is dropped without a word."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        try:
            return await broken.files.append_file(session_id, path, content, encoding)
        except QuotaExceededError:
            found = await broken.files.read_file(session_id, path)
            if found is None:
                raise
            return found


_WITH_PATH = (
    "read_file",
    "write_file",
    "stat_file",
    "list_directory",
    "delete_file",
    "edit_file",
    "append_file",
)


@mutant("confusable.files.write")
def indexes_without_case(broken: Broken) -> None:
    """Paths are kept as written in an index that ignores case: the first spelling stands for all."""
    spellings: dict[Any, str] = {}

    def wrap(call: Call) -> Call:
        async def respelled(session_id: Any, path: str, *args: Any, **kwargs: Any) -> Any:
            known = spellings.setdefault((session_id, path.casefold()), path)
            return await call(session_id, known, *args, **kwargs)

        return respelled

    broken.around(wrap, ["file_system"], _WITH_PATH)


@mutant("confusable.files.delete")
def deletes_what_the_name_selects(broken: Broken) -> None:
    """A deletion takes every file of the directory that its name, as a glob, selects."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the verb's signature
        for info in await broken.files.list_directory(session_id, path.rpartition("/")[0] or "/"):
            if not info.is_directory and fnmatch.fnmatchcase(info.path, path):
                await broken.files.delete_file(session_id, info.path)
        return await broken.files.delete_file(session_id, path, recursive)


@mutant("confusable.files.transfer")
def moves_to_a_tidy_name(broken: Broken) -> None:
    """Dots and blanks at the end of the destination get lost, as on a file system of another kind."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        tidy = destination.rstrip(". ") or destination
        return await broken.files.move_file(session_id, source, tidy, overwrite=overwrite)


@mutant("confusable.directories")
def moves_trees_by_prefix(broken: Broken) -> None:
    """Moving a directory takes along what lies in those beside it whose names begin as its own."""

    @broken.verb
    async def move_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        moved = await broken.files.move_file(session_id, source, destination, overwrite=overwrite)
        if moved.is_directory:
            for info in await broken.files.list_directory(session_id, source.rpartition("/")[0] or "/"):
                if info.path.startswith(source) and info.is_directory:
                    await broken.files.move_file(
                        session_id, info.path, destination + info.path[len(source) :]
                    )
        return moved


def _compared_as_numbers(call: Call) -> Call:
    async def as_number(session_id: Any, key: str, *args: Any, **kwargs: Any) -> Any:
        # A column of numeric affinity does this.
        key = f"{int(key)}" if key.isascii() and key.isdigit() else key
        return await call(session_id, key, *args, **kwargs)

    return as_number


@mutant("confusable.values")
def keeps_keys_as_numbers(broken: Broken) -> None:
    """A key of digits is kept as a number."""
    broken.around(
        _compared_as_numbers,
        ["storage"],
        ["set_value", "get_value", "stat_value", "delete_value", "increment_value"],
    )


@mutant("confusable.secrets")
def keeps_names_as_numbers(broken: Broken) -> None:
    """A secret's name of digits is kept as a number."""
    broken.around(_compared_as_numbers, ["storage"], ["set_secret", "get_secret", "delete_secret"])


@mutant("confusable.sessions")
def stamps_a_version(broken: Broken) -> None:
    """Ids go through ``UUID(..., version=4)``, which writes over six of their bits."""

    def stamped(place: Any) -> Any:
        if isinstance(place, UUID):
            return UUID(int=place.int, version=4)
        return replace(place, id=stamped(place.id)) if isinstance(place, Session) else place

    def wrap(call: Call) -> Call:
        async def in_stamped(*args: Any, **kwargs: Any) -> Any:
            return await call(*map(stamped, args), **kwargs)

        return in_stamped

    broken.around(wrap)
