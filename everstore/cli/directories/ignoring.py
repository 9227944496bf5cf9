"""What ``.gitignore`` files leave of a tree, looked up for many directories at once.

Who asks for one directory reads the rules of all above it again, so that a deep tree costs the cube of its
depth. How much is looked up ahead is bounded.
"""

from __future__ import annotations

import os
from contextlib import suppress
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING

import rignore

from everstore.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    Names = set[str | None]

__all__ = ["Wanted", "is_text"]

_MOST_AHEAD = 20_000  # names
_RULES = (".gitignore", ".git", ".git/commondir", ".git/info/exclude")


class Wanted:
    """The names in the directories of a tree that nothing excludes; each directory is asked for once."""

    def __init__(self, root: Path) -> None:
        """Nothing is looked up yet."""
        self._root = root
        self._known: dict[str, Names] = {}

    def names(self, path: str, below: Iterable[str]) -> Names:
        """Those in the directory at a path below the root; ``None`` stands for such as are not UTF-8.

        ``below`` are the directories in it, whose rules are read, too.
        """
        known = self._known.pop(path, None)
        if known is None:
            self._known |= {
                "/".join(filter(None, (path, inner))): names
                for inner, names in _looked_up(self._root / path).items()
            }
            known = self._known.pop(path, None)
        return self._of_one(path, below) if known is None else known

    def _of_one(self, path: str, below: Iterable[str]) -> Names:
        directory = self._root / path
        for entered in (path, *below):
            _require_files(self._root / entered)
        names: Names = set()
        entries = _entries(directory, 1)
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


def _entries(directory: Path, levels: int) -> Iterator[Path]:
    """What nothing excludes in so many levels of a directory, each before what is in it."""
    return iter(
        rignore.walk(
            directory, ignore_hidden=False, read_ignore_files=False, require_git=False,
            follow_links=False, overrides=["!.git"], max_depth=levels,
        )
    )  # fmt: skip


def _looked_up(directory: Path) -> dict[str, Names]:
    """The names in a directory and in those below it, by their paths from there; ``{}`` if it cannot be."""
    levels, inner = _levels(directory)
    names: dict[str, Names] = {}
    try:
        for entry in _entries(directory, levels) if levels else ():
            path = entry.relative_to(directory).as_posix()
            if path == ".":
                names[""] = set()
                continue
            parent, _, name = path.rpartition("/")
            names[parent].add(name)
            if path in inner:
                names[path] = set()
    except ValueError:  # something became unreadable meanwhile
        return {}
    return names


def _levels(directory: Path) -> tuple[int, set[str]]:
    """How many levels of a directory can be looked up at once, and the directories in all but the last."""
    inner: set[str] = set()
    level, levels, count = [""], 0, 0
    while level:
        below: list[str] = []
        try:
            for path in level:
                with os.scandir(directory / path) as entries:
                    for entry in entries:
                        count += 1
                        if count > _MOST_AHEAD or not is_text(entry.name):
                            return levels, inner
                        if entry.is_dir(follow_symlinks=False):
                            _require_files(directory / path / entry.name)
                            below.append(f"{path}/{entry.name}".lstrip("/"))
        except (OSError, InvalidArgumentError):
            return levels, inner
        inner.update(level)
        level, levels = below, levels + 1
    return levels, inner


def _require_files(directory: Path) -> None:
    """Refuse rules in what is no file: reading a pipe would wait for ever."""
    for name in _RULES:
        with suppress(FileNotFoundError, NotADirectoryError):
            rules = directory / name
            if not (S_ISREG(mode := rules.stat().st_mode) or S_ISDIR(mode)):
                raise InvalidArgumentError(f"{str(rules)!r} is no file, so nobody knows what it excludes")


def is_text(name: str) -> bool:
    """Whether a name of this machine is UTF-8."""
    try:
        return bool(os.fsencode(name).decode())
    except UnicodeDecodeError:
        return False
