"""The one walk through a directory of this machine, in the order in which a session lists its files."""

from __future__ import annotations

import os
from contextlib import suppress
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING

import rignore

from everstore.cli.directories.local_directory import UNREADABLE, kind_of
from everstore.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from everstore.cli.directories.local_directory import Found, LocalDirectory

    LeaveOut = Callable[[str, str], None]

__all__ = ["PART", "walk"]

PART = ".everstore-part-"
"""What a file is called while it is written; whatever is called so counts nowhere."""

_RULES = (".gitignore", ".git", ".git/commondir", ".git/info/exclude")
_NOT_UTF8 = "refused: name is not UTF-8"


def walk(directory: LocalDirectory, leave_out: LeaveOut, *, ignore: bool = True) -> Iterator[Found]:
    """Files and directories below a directory, sorted by path by code point, as ``list_tree`` is.

    What ``.gitignore`` files exclude (those above the directory count, too), and ``.git``, is passed over,
    unless ``ignore`` is false. ``leave_out`` is told the path of everything else that is passed over and
    why: links, special files, what cannot be read, names that are not UTF-8. Only the names in the
    directories on the way are in memory.
    """
    if ignore and not _is_text(str(directory.path)):
        raise InvalidArgumentError(
            "the path of the directory is not UTF-8; go there, and give . as the directory"
        )
    ahead: list[tuple[str, Found | None]] = [("", None)]
    while ahead:
        path, found = ahead.pop()
        if found is not None:
            yield found
            continue
        entered = path.removesuffix("/")
        below = sorted(_listed(directory, entered, leave_out, ignore=ignore), key=lambda each: each[0])
        ahead += reversed(below)


def _listed(
    directory: LocalDirectory, path: str, leave_out: LeaveOut, *, ignore: bool
) -> Iterator[tuple[str, Found | None]]:
    """What is in a directory, by what it is sorted by; a directory once more where its entries begin."""
    try:
        entries = sorted(directory.entries(path))
        below = [found.path for found in entries if found.is_directory]
        wanted = _wanted(directory.path, path, below) if ignore else None
    except OSError:
        leave_out(path or ".", UNREADABLE)
        return
    for found in entries:
        name = found.path.rpartition("/")[2]
        if name.startswith(PART):
            continue
        if not _is_text(name):
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


def _wanted(root: Path, path: str, below: list[str]) -> set[str | None]:
    """The names in a directory that nothing excludes; ``None`` stands for such as are not UTF-8.

    ``below`` are the directories in it, whose rules are read, too.
    """
    directory = root / path
    for entered in (path, *below):
        _require_files(root / entered)
    entries = iter(
        rignore.walk(
            directory, ignore_hidden=False, read_ignore_files=False, require_git=False,
            follow_links=False, overrides=["!.git"], max_depth=1,
        )
    )  # fmt: skip
    names: set[str | None] = set()
    while True:
        try:
            entry = next(entries)
        except StopIteration:
            return names
        except ValueError:  # what rignore says of a name that is not UTF-8
            names.add(None)
        else:
            if entry != directory:
                names.add(entry.name)


def _require_files(directory: Path) -> None:
    """Refuse rules in what is no file: reading a pipe would wait for ever."""
    for name in _RULES:
        with suppress(FileNotFoundError, NotADirectoryError):
            rules = directory / name
            if not (S_ISREG(mode := rules.stat().st_mode) or S_ISDIR(mode)):
                raise InvalidArgumentError(f"{str(rules)!r} is no file, so nobody knows what it excludes")


def _is_text(name: str) -> bool:
    try:
        return bool(os.fsencode(name).decode())
    except UnicodeDecodeError:
        return False
