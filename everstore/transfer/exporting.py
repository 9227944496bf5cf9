"""A session into an archive."""

from __future__ import annotations

import asyncio
import os
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from everstore.branching.forks import id_of
from everstore.drafts import draft, publish, require_place
from everstore.errors import EverstoreError, InvalidArgumentError
from everstore.transfer.format import manifest_of
from everstore.transfer.sealing import Seals
from everstore.transfer.source import frozen
from everstore.transfer.writing import ArchiveWriter

if TYPE_CHECKING:
    from typing import BinaryIO
    from uuid import UUID

    from everstore.interfaces import KeyRing
    from everstore.models import Checkpoint, Session
    from everstore.store import Store
    from everstore.transfer.items import Counts, Progress

__all__ = ["export_session"]


async def export_session(
    store: Store,
    session: UUID | Session | Checkpoint,
    file: str | os.PathLike[str] | BinaryIO,
    *,
    secrets: str | KeyRing | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Counts:
    """Write a session, or a checkpoint of one, to an archive (docs/transfer.md); how many things are in it.

    Files are of one moment, and so are values, whatever others write meanwhile: where the backends can fork,
    it is a checkpoint that is read, else ``BackendUnavailableError`` says that the session changed. Without
    secrets two archives of the same are the same, byte for byte.

    ``file`` is a path, where the archive then is whole or not at all, readable by its owner only
    (``PathExistsError`` when a file is there, without ``overwrite``), or an open binary file. With
    ``secrets``, keys as ``EVERSTORE_SECRETS_KEYS`` has them or a ``KeyRing``, they come along, sealed with
    the first key or the ring's current one; without, they stay behind. ``progress`` is called with numbers of
    bytes.

    ``SessionNotFoundError`` when there is no such session. Not in it: checkpoints, limits of the session's
    own, ids of entries and revisions.
    """
    session_id = id_of(session)
    if not isinstance(file, (str, os.PathLike)):
        return await _exported(store, session_id, file, secrets, progress)
    place = Path(file)
    require_place(place, overwrite=overwrite)
    with draft(place) as unfinished:
        try:
            with unfinished.open("wb") as opened:
                counts = await _exported(store, session_id, opened, secrets, progress)
        except OSError as error:
            if isinstance(error, EverstoreError):  # some of which are an OSError, too
                raise
            raise InvalidArgumentError(f"{str(place)!r} cannot be written: {error.strerror}") from error
        await asyncio.to_thread(publish, unfinished, place, overwrite=overwrite)
    return counts


async def _exported(
    store: Store,
    session_id: UUID,
    file: BinaryIO,
    secrets: str | KeyRing | None,
    progress: Progress | None,
) -> Counts:
    seals = None if secrets is None else Seals.of(secrets, session_id)
    async with frozen(store, session_id) as source:
        writer = ArchiveWriter(file, seals)
        files = await source.usage()
        version = metadata.version("everstore")
        await writer.begin(manifest_of(version, session_id, source.record, files, secrets=seals is not None))
        async for item in source.items(secrets=seals is not None):
            await writer.add(item)
            if progress is not None and isinstance(item, bytes):
                progress(len(item))
        held = writer.counts
        if (held.files, held.directories, held.bytes) != (files.files, files.directories, files.bytes):
            raise source.changed()
    await writer.end()
    return writer.counts
