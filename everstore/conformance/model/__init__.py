"""The reference model: the contract in plain dictionaries, to be read at one go and believed.

No I/O, no await, no index, and not a line of any backend's: a verb looks at everything, changes a
copy and keeps the copy, so that it is atomic, and changes nothing when it is refused. Verbs have the
names, arguments and errors of the interfaces, and ``Model`` has the shape of ``Store``, so that one
call can be made on both.

A model has no clock and no ids. Where a backend's record has them, the model's has *marks*, texts that
only say what is the same and what is not: ``identity`` stands for ``id`` and ``created_at`` together,
``revision`` for ``revision`` and ``updated_at``. Time passes by ``Model.now``, in seconds.

Not modelled: ``scan_secrets`` and ``swap_secret``, which serve the rotation of keys.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from everstore.conformance.model.entries import Entry, ModelLimits
from everstore.conformance.model.files import FileModel
from everstore.conformance.model.plain import page_of
from everstore.conformance.model.records import Record, RecordModel
from everstore.conformance.model.values import Value, ValueModel
from everstore.models import SessionUsage

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["Entry", "FileModel", "Model", "ModelLimits", "Record", "RecordModel", "Value", "ValueModel"]


class Model:
    """What a ``Store`` should be."""

    def __init__(self, limits: ModelLimits | None = None) -> None:
        """Empty, at time 0."""
        self.now = 0.0
        marks = (f"mark {number}" for number in itertools.count(1))
        limits = limits or ModelLimits()
        self.file_system = FileModel(marks, limits)
        self.storage = ValueModel(lambda: self.now, marks, limits)
        self.sessions = RecordModel(marks)

    def usage(self, session_id: UUID) -> SessionUsage:
        """See ``Store.usage``; of the last write only whether there was one."""
        return SessionUsage.of(self.file_system.usage(session_id), self.storage.usage(session_id))

    def session_ids(self, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        """See ``Store.session_ids``."""
        parts = self.file_system, self.storage, self.sessions
        return page_of({each for part in parts for each in part.session_ids(limit=1 << 62)}, after, limit)

    def delete_session(self, session_id: UUID) -> bool:
        """See ``Store.delete_session``."""
        gone = [
            self.file_system.purge_session(session_id),
            self.storage.purge_session(session_id),
            self.sessions.delete_session(session_id),
        ]
        return any(gone)
