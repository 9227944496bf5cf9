"""What a run of the suite that was killed left: written down beforehand, removed by the next run.

Each session id that a run makes, and each folder of storages beside the one under test, is noted in a file
of the machine's folder for temporary files before it is used. A run that ends, however it ends, removes its
sessions and then its file; where a run was killed its file stays, and the next run on the same storage
removes what it names. So nobody else may have put a file there: that folder's place is known to every user
of the machine.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING
from uuid import UUID

from everstore.errors import SettingsError, UnsupportedError
from everstore.models import is_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from everstore.store import Store

__all__ = ["delete", "folder_of_ours", "journal", "note", "note_folder", "remove"]

_open: list[IO[str]] = []

_FOLDER, _END = "folder ", "/"  # a line without its end is torn


def folder_of_ours() -> Path:
    """A folder for what outlives a run; ``SettingsError`` when others could write there, too."""
    who = os.getuid() if hasattr(os, "getuid") else 0
    ours = Path(tempfile.gettempdir(), f"everstore-conformance-{who}")
    with suppress(FileExistsError):
        ours.mkdir(mode=0o700)
    found = ours.lstat()
    if not stat.S_ISDIR(found.st_mode) or (
        hasattr(os, "getuid") and (found.st_uid != who or found.st_mode & 0o022)
    ):
        raise SettingsError(
            f"{str(ours)!r} is no folder of yours alone; remove it, or let TMPDIR name another"
        )
    return ours


def _folder(storage: str) -> Path:
    """Where the runs on a storage keep their notes."""
    folder = folder_of_ours() / hashlib.sha256(storage.encode()).hexdigest()
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def journal(storage: str) -> Iterator[None]:
    """Note the ids of a run on ``storage``, whatever names it; the note goes when the run has ended."""
    path = _folder(storage) / str(os.getpid())
    with path.open("w", encoding="utf-8", errors="surrogateescape") as file:
        _open.append(file)
        try:
            yield
        finally:
            _open.remove(file)
    path.unlink()


def note(session_id: UUID) -> None:
    """Write an id down, when a run keeps a journal."""
    _note(str(session_id))


def note_folder(folder: Path) -> None:
    """Write a folder down that goes with all that is in it, when a run keeps a journal."""
    _note(f"{_FOLDER}{folder.absolute()}{_END}")


def _note(line: str) -> None:
    for file in _open:
        file.write(f"{line}\n")
        file.flush()


async def delete(store: Store, session_id: UUID) -> bool:
    """Delete a session or a checkpoint, whichever the id is of; whether there was anything."""
    if not is_checkpoint(session_id):
        return await store.delete_session(session_id)
    with suppress(UnsupportedError):  # where there are no checkpoints
        return await store.delete_checkpoint(session_id)
    return False


async def remove(storage: str, store: Store) -> int:
    """Remove what runs on this storage left that live no more; how many sessions had anything."""
    removed = 0
    for path in _dead(_folder(storage)):
        for line in path.read_text(encoding="utf-8", errors="surrogateescape").split("\n"):
            if line.startswith(_FOLDER) and line.endswith(_END):
                shutil.rmtree(line.removeprefix(_FOLDER), ignore_errors=True)
            elif len(line) == 36:  # the last one may be torn
                removed += await delete(store, UUID(line))
        path.unlink()
    return removed


def _dead(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if path.name.isdigit() and not _lives(int(path.name))]


def _lives(process: int) -> bool:
    if process == os.getpid():
        return bool(_open)  # else it is that of a run before, whose number came round again
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
