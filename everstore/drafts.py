"""Files of this machine that are there whole or not at all: written beside their place, then put into it."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from everstore.errors import InvalidArgumentError, PathExistsError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["draft", "publish", "require_place"]


def require_place(part: Path, *, overwrite: bool) -> None:
    """Refuse a place where no file can be written, or where something is that is not to be replaced.

    ``InvalidArgumentError``, and ``PathExistsError`` for a file without ``overwrite``.
    """
    try:
        has_folder, is_there, is_file = part.parent.is_dir(), os.path.lexists(part), part.is_file()
    except OSError as error:  # a name that is too long
        raise InvalidArgumentError(f"{str(part)!r} cannot be written: {error.strerror}") from error
    if not has_folder:
        raise InvalidArgumentError(f"{str(part)!r} is no place for a file; its folder must exist")
    if is_there and not is_file:  # a device or a pipe would be gone
        raise InvalidArgumentError(f"{str(part)!r} is there, and no file; choose another place")
    if is_there and not overwrite:
        raise _exists(part)


def _exists(part: Path) -> PathExistsError:
    return PathExistsError.at(str(part), "it exists already; --overwrite replaces it")


@contextmanager
def draft(part: Path) -> Iterator[Path]:
    """An empty file beside its later place, its owner's only; gone afterwards, with all beside it."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{part.name}.", suffix=".part", dir=part.parent)
    except OSError as error:
        raise InvalidArgumentError(f"{str(part)!r} cannot be written: {error.strerror}") from error
    os.close(handle)
    unfinished = Path(name)
    try:
        yield unfinished
    finally:
        for left in part.parent.iterdir():
            if left.name.startswith(unfinished.name):
                left.unlink(missing_ok=True)


def publish(unfinished: Path, part: Path, *, overwrite: bool) -> None:
    """Put a finished draft in its place, on the disk; never over a file that came meanwhile."""
    _flush(unfinished)
    if overwrite:
        unfinished.replace(part)
    else:
        try:
            part.hardlink_to(unfinished)
        except FileExistsError as error:
            raise _exists(part) from error
        except OSError:  # no links on this file system
            require_place(part, overwrite=False)
            unfinished.replace(part)
    _flush(part.parent)


def _flush(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
