"""Mistakes with which of several reasons is told, and with the facts of a refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import (
    EditError,
    EverstoreError,
    InvalidContentError,
    PathExistsError,
    PathNotFoundError,
    ReadOnlyFileError,
    RevisionConflictError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__: list[str] = []


def _refusing(broken: Broken, verb: str, instead: Callable[..., Awaitable[Exception | None]]) -> None:
    """Where this verb is refused, another reason may be told."""

    def wrap(call: Any) -> Any:
        async def refused(*args: Any, **options: Any) -> Any:
            try:
                return await call(*args, **options)
            except EverstoreError as error:
                other = await instead(error, *args, **options)
                raise other or error from None

        return refused

    broken.around(wrap, names=(verb,))


@mutant("tree.refuses.append_base64")
def appends_by_encoding_first(broken: Broken) -> None:
    """An append looks at the encoding before it looks whether the file is read-only."""

    async def instead(error: Any, session_id: Any, path: str, *args: Any, **_: Any) -> Exception | None:
        found = (
            await broken.files.read_file(session_id, path) if isinstance(error, ReadOnlyFileError) else None
        )
        is_other = found is not None and found.encoding != (args[1] if len(args) > 1 else "text")
        return InvalidContentError("another encoding") if is_other else None

    _refusing(broken, "append_file", instead)


@mutant("tree.refuses.copy_file_missing")
def copies_by_destination_first(broken: Broken) -> None:
    """A copy looks at its destination before it looks whether there is a source."""

    async def instead(error: Any, session_id: Any, _: str, destination: str, **__: Any) -> Exception | None:
        is_missing = isinstance(error, PathNotFoundError)
        found = await broken.files.stat_file(session_id, destination) if is_missing else None
        return PathExistsError.at(destination) if found is not None else None

    _refusing(broken, "copy_file", instead)


@mutant("tree.refuses.move_file_read_only")
def moves_by_condition_first(broken: Broken) -> None:
    """A move sees what is in its way before it sees that its source is read-only."""

    async def instead(
        error: Any, session_id: Any, _: str, destination: str, *, overwrite: bool = False
    ) -> Exception | None:
        is_stuck = isinstance(error, ReadOnlyFileError) and not overwrite
        found = await broken.files.stat_file(session_id, destination) if is_stuck else None
        return PathExistsError.at(destination) if found is not None else None

    _refusing(broken, "move_file", instead)


@mutant("tree.refuses.move_file_read_only_tree")
def tells_the_tree(broken: Broken) -> None:
    """Of a tree with a read-only file the tree is told, and not the file."""

    async def instead(error: Any, _: Any, source: str, *__: Any, **___: Any) -> Exception | None:
        return ReadOnlyFileError.at(source) if isinstance(error, ReadOnlyFileError) else None

    _refusing(broken, "move_file", instead)


@mutant("tree.refuses.edit_no_match")
def counts_one_match(broken: Broken) -> None:
    """An edit without a match tells the place of one match, 1, as a function that finds does."""

    async def instead(error: Any, _: Any, path: str, *__: Any, **___: Any) -> Exception | None:
        return (
            EditError(str(error), path=path, matches=max(error.matches, 1))
            if isinstance(error, EditError)
            else None
        )

    _refusing(broken, "edit_file", instead)


@mutant("values.refused_facts")
def tells_what_was_found_twice(broken: Broken) -> None:
    """A conflict of values tells the revision found as the one that was expected."""

    async def instead(error: Any, _: Any, key: str, *__: Any, **___: Any) -> Exception | None:
        if not isinstance(error, RevisionConflictError):
            return None
        return RevisionConflictError.found(key, error.current_revision, error.current_revision)

    _refusing(broken, "set_value", instead)
