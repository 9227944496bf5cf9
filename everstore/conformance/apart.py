"""Storages for checks that run side by side: each process has one of its own, where one can be made."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from everstore.conformance.leftovers import note_folder
from everstore.errors import EverstoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from everstore.conformance.subject import Subject

__all__ = ["apart"]

_NAME = ".everstore-conformance-"


@contextmanager
def apart(subject: Subject, count: int) -> Iterator[list[Subject]]:
    """So many subjects: this one, and those of new and empty storages beside its own.

    They are on the same disk, and go with the block. Where none can be made, as on a server, the others
    are this one, too.
    """
    places = subject.own_places()
    if count == 1 or not places:
        yield [subject] * count
        return
    with _folder_beside(places[0]) as folder:
        note_folder(folder)
        yield [subject, *(_in_folder(subject, folder / str(number)) for number in range(1, count))]


@contextmanager
def _folder_beside(place: Path) -> Iterator[Path]:
    """A new folder next to a file or directory; with temporary files where nothing may be written there."""
    try:
        made = tempfile.TemporaryDirectory(prefix=_NAME, dir=place.parent, ignore_cleanup_errors=True)
    except OSError:
        made = tempfile.TemporaryDirectory(prefix=_NAME, ignore_cleanup_errors=True)
    with made as folder:
        yield Path(folder)


def _in_folder(subject: Subject, folder: Path) -> Subject:
    folder.mkdir()
    other = subject.moved(folder)
    return other if asyncio.run(_opens(other)) else subject


async def _opens(subject: Subject) -> bool:
    try:
        async with subject.open():
            return True
    except EverstoreError:  # a setting names a file that is no place of the storage
        return False
