"""The one walk through a directory of this machine, in the order in which a session lists its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.cli.directories.ignoring import Wanted, is_text
from everstore.cli.directories.local_directory import UNREADABLE, kind_of
from everstore.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from everstore.cli.directories.local_directory import Found, LocalDirectory

    LeaveOut = Callable[[str, str], None]

__all__ = ["PART", "walk"]

PART = ".everstore-part-"
"""What a file is called while it is written; whatever is called so counts nowhere."""

_NOT_UTF8 = "refused: name is not UTF-8"


def walk(directory: LocalDirectory, leave_out: LeaveOut, *, ignore: bool = True) -> Iterator[Found]:
    """Files and directories below a directory, sorted by path by code point, as ``list_tree`` is.

    What ``.gitignore`` files exclude (those above the directory count, too), and ``.git``, is passed over,
    unless ``ignore`` is false. ``leave_out`` is told the path of everything else that is passed over and
    why: links, special files, what cannot be read, names that are not UTF-8. Only the names in the
    directories on the way are in memory, and of those below some thousands.
    """
    if ignore and not is_text(str(directory.path)):
        raise InvalidArgumentError(
            "the path of the directory is not UTF-8; go there, and give . as the directory"
        )
    unignored = Wanted(directory.path) if ignore else None
    ahead: list[tuple[str, Found | None]] = [("", None)]
    while ahead:
        path, found = ahead.pop()
        if found is not None:
            yield found
            continue
        entered = path.removesuffix("/")
        below = sorted(_listed(directory, entered, leave_out, unignored), key=lambda each: each[0])
        ahead += reversed(below)


def _listed(
    directory: LocalDirectory, path: str, leave_out: LeaveOut, unignored: Wanted | None
) -> Iterator[tuple[str, Found | None]]:
    """What is in a directory, by what it is sorted by; a directory once more where its entries begin."""
    try:
        entries = sorted(directory.entries(path))
        below = [found.path for found in entries if found.is_directory]
        wanted = None if unignored is None else unignored.names(path, below)
    except OSError:
        leave_out(path or ".", UNREADABLE)
        return
    for found in entries:
        name = found.path.rpartition("/")[2]
        if name.startswith(PART):
            continue
        if not is_text(name):
            if wanted is None or None in wanted:
                leave_out(found.path, _NOT_UTF8)
        elif wanted is None or name in wanted:
            reason = kind_of(found.status)
            if reason is not None:
                leave_out(found.path, reason)
                continue
            yield found.path, found
            if found.is_directory:
                yield f"{found.path}/", None
