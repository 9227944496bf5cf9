"""Copies, moves and deletions in steps, each about one entry that was seen: nothing else is taken along.

The steps are one ``apply_changes``: all or nothing, one step to everybody else. Where what was seen has
changed meanwhile, one of them is refused, and somebody looks again. A file is put onto an empty one that was
made before, since a tree is put onto nothing: so what was a file is one still. A directory is deleted when
nothing is in it any more, so what came meanwhile is not deleted with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.changes import Copy, Delete, MakeDirectory, Move, Write
from everstore.errors import (
    DirectoryNotEmptyError,
    EverstoreError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    ReadOnlyFileError,
    RevisionConflictError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from everstore.changes import AnyFileChange
    from everstore.models import FileInfo

__all__ = ["CHANGED", "as_file", "as_file_refused", "deletion", "moved_path", "transfer", "without_index"]

CHANGED = (
    DirectoryNotEmptyError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    ReadOnlyFileError,
    RevisionConflictError,
)
"""What a step is refused with where what was seen has changed."""


def as_file(change: Copy | Move) -> list[AnyFileChange]:
    """The steps of a change whose source is a file."""
    return [
        Write(change.destination, "", if_absent=not change.overwrite),
        type(change)(change.source, change.destination, overwrite=True),
    ]


def as_file_refused(change: Copy | Move, error: EverstoreError) -> EverstoreError:
    """What the verb would say where the first of these steps was refused."""
    is_in_the_way = isinstance(error, (RevisionConflictError, ReadOnlyFileError)) and not change.overwrite
    return PathExistsError.at(change.destination) if is_in_the_way else error


def transfer(change: Copy | Move, tree: Sequence[FileInfo]) -> list[AnyFileChange]:
    """The steps of a change whose source is a directory; ``tree`` is that and all below it, by path."""
    steps: list[AnyFileChange] = [MakeDirectory(change.destination, exist_ok=False)]
    for entry in tree[1:]:
        path = moved_path(change, entry.path)
        if entry.is_directory:
            steps.append(MakeDirectory(path))
        else:
            steps += as_file(type(change)(entry.path, path))
    if isinstance(change, Move):
        steps += deletion(entry for entry in tree if entry.is_directory)
    return steps


def deletion(tree: Iterable[FileInfo]) -> list[AnyFileChange]:
    """The steps that delete entries, which are sorted by path; a directory is one still."""
    steps: list[AnyFileChange] = []
    for entry in sorted(tree, key=lambda entry: entry.path, reverse=True):
        if entry.is_directory:
            steps.append(MakeDirectory(entry.path))
        steps.append(Delete(entry.path, recursive=False, strict=True))
    return steps


def moved_path(change: Copy | Move, path: str) -> str:
    """Where an entry at or below the source will be."""
    return change.destination + path[len(change.source) :]


def without_index(error: EverstoreError) -> EverstoreError:
    """The error of a call that was no list of changes to its caller."""
    error.facts.pop("index", None)
    error.__dict__.pop("index", None)
    return error
