"""What copying and moving do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from everstore.clock import now_ns
from everstore.errors import PathExistsError, PathIsDirectoryError, PathNotFoundError, ReadOnlyFileError
from everstore.paths import require_room as require_path_room
from everstore.rules.files import info_of, make_directories, missing_above, require_room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from everstore.models import FileInfo
    from everstore.rules.tree import E, Tree

__all__ = ["copy", "move"]


def copy(tree: Tree[E], source: str, destination: str, overwrite: bool = False) -> FileInfo:  # noqa: FBT001, FBT002 - the fields of the change
    """``copy_file``."""
    entry, target, missing = _ends(tree, source, destination, overwrite=overwrite, is_move=False)
    taken = [entry, *tree.below(source)] if entry.is_directory else [entry]
    if tree.limits is not None:
        sizes = [each.size_bytes for each in taken]
        more = 0 if target is not None else len(taken) + len(missing)
        more_bytes = sum(sizes) - (target.size_bytes if target is not None else 0)
        require_room(tree, destination, more, more_bytes, max(sizes))
    make_directories(tree, missing)
    copies: list[E] = []
    now = now_ns()
    for each in taken:
        version = tree.next_version()
        copied = replace(
            each, version=version, created_ns=now, updated_ns=now, serial=tree.new_serial(version),
            path=destination + each.path[len(source) :], is_readonly=False,
        )  # fmt: skip
        tree.put_copy(copied, each, target)
        copies.append(copied)
    return info_of(copies[0])


def move(tree: Tree[E], source: str, destination: str, overwrite: bool = False) -> FileInfo:  # noqa: FBT001, FBT002 - a change's fields
    """``move_file``."""
    entry, target, missing = _ends(tree, source, destination, overwrite=overwrite, is_move=True)
    require_room(tree, destination, len(missing), 0)
    make_directories(tree, missing)
    return info_of(tree.move(entry, destination, target))


def _ends(
    tree: Tree[E], source: str, destination: str, *, overwrite: bool, is_move: bool
) -> tuple[E, E | None, Sequence[str]]:
    """What is at both ends, and what is missing above the destination, unless it is refused."""
    entry = tree.get(source)
    if entry is None:
        raise PathNotFoundError.at(source)
    target = tree.get(destination)
    is_tree = entry.is_directory
    missing: Sequence[str] = ()
    if target is None:
        missing = missing_above(tree, destination)
    elif target.is_directory and not is_tree:
        raise PathIsDirectoryError.at(destination)
    if is_move:
        stuck = source if entry.is_readonly else tree.readonly_below(source) if is_tree else None
        if stuck is not None:
            raise ReadOnlyFileError.at(stuck)
    if target is not None:
        replaces = overwrite and not is_tree
        if target.is_readonly and replaces:
            raise ReadOnlyFileError.at(destination)
        if not replaces:
            raise PathExistsError.at(destination)
    require_path_room(source, destination, tree.paths_below(source) if is_tree else ())
    return entry, target, missing
