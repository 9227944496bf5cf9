"""An archive into a session."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from everstore.arguments import check_session_id
from everstore.errors import InvalidArgumentError
from everstore.models import is_checkpoint
from everstore.transfer.items import Counts
from everstore.transfer.reading import ArchiveReader
from everstore.transfer.sealing import Seals
from everstore.transfer.target import making

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from everstore.interfaces import KeyRing
    from everstore.store import Store
    from everstore.transfer.items import Progress

__all__ = ["Imported", "import_session"]


class Imported(msgspec.Struct, frozen=True):
    """What an import has made: a session with this id, which holds so much.

    ``expired`` are values and secrets that were over by then, ``sealed`` secrets that stayed in the archive.
    """

    session_id: UUID
    counts: Counts
    expired: int
    sealed: int


async def import_session(
    store: Store,
    file: str | os.PathLike[str] | BinaryIO,
    *,
    session_id: UUID | None = None,
    secrets: str | KeyRing | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Make the session that an archive holds, under its own id or another one; what was made.

    It has the archive's files, values and record, labels and parent included, all with the times that they
    had. What ends by itself ends when it would have; what is over is left out. With ``secrets``, keys as
    ``EVERSTORE_SECRETS_KEYS`` has them or a ``KeyRing``, the archive's secrets are opened, and sealed anew by
    the store.

    Nothing counts before all has come, its digest is right and the session was read back: the record comes
    last, and what goes wrong before leaves nothing. ``InvalidArchiveError`` for what is no archive, is
    damaged, cut off or of a later format; ``SessionNotEmptyError``, and nothing happens, when anything is
    under the id already. What an import that was killed has left there is removed.
    """
    if session_id is not None:
        check_session_id(session_id)
    with _opened(file) as opened:
        reader = ArchiveReader(opened)
        manifest = await reader.begin()
        wanted = manifest.session if session_id is None else session_id
        if session_id is None and is_checkpoint(wanted):
            raise InvalidArgumentError(
                "the archive is of a checkpoint, which nobody writes: import it as new"
            )
        seals = None if secrets is None else Seals.of(secrets, manifest.session)
        async with making(store, wanted) as target:
            async for item in reader.items(seals):
                await target.add(item)
                if progress is not None and isinstance(item, bytes):
                    progress(len(item))
            await target.finish(manifest.record_for(wanted))
    sealed = 0 if seals is not None else reader.counts.secrets
    return Imported(wanted, target.counts, target.expired, sealed)


@contextmanager
def _opened(file: str | os.PathLike[str] | BinaryIO) -> Iterator[BinaryIO]:
    if not isinstance(file, (str, os.PathLike)):
        yield file
        return
    try:
        opened = Path(file).open("rb")  # noqa: SIM115 - what is raised later is not about opening
    except OSError as error:
        raise InvalidArgumentError(f"{str(file)!r} cannot be read: {error.strerror}") from error
    with opened:
        yield opened
