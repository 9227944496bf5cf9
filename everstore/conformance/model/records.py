"""Records of sessions in the reference model."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from everstore.conformance.model.plain import page_of
from everstore.conformance.model.refusals import require_text
from everstore.errors import (
    InvalidArgumentError,
    InvalidContentError,
    InvalidKeyError,
    SessionNotFoundError,
)
from everstore.models import is_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from everstore.models import Session

__all__ = ["Record", "RecordModel"]


class Record(msgspec.Struct, frozen=True):
    """A session's record; ``revision`` stands for its ``updated_at``."""

    id: UUID
    title: str | None
    created_ns: int
    revision: str
    labels: dict[str, str] = {}
    parent: UUID | None = None


class RecordModel:
    """The records of sessions."""

    def __init__(self, marks: Iterator[str]) -> None:
        """Empty; new marks come from ``marks``."""
        self._marks = marks
        self._records: dict[UUID, Record] = {}

    def add_session(self, session: Session) -> None:
        """Nothing."""
        if session.title is not None:
            _title(session.title)
        labels = _labels(session.labels)
        self._records[session.id] = Record(
            session.id, session.title, session.created_ns, next(self._marks), labels, session.parent
        )

    def get_session(self, session_id: UUID) -> Record | None:
        """The record, or ``None``."""
        return self._records.get(session_id)

    def update_session_title(self, session_id: UUID, title: str) -> Record:
        """The record as it then is."""
        _title(title)
        return self.update_session(session_id, title=title)

    def update_session(
        self,
        session_id: UUID,
        *,
        title: str | UnsetType | None = UNSET,
        labels: Mapping[str, str] | UnsetType = UNSET,
    ) -> Record:
        """The record as it then is."""
        if title is UNSET and labels is UNSET:
            raise InvalidArgumentError("nothing to set")
        if isinstance(title, str):
            _title(title)
        wanted = labels if labels is UNSET else _labels(labels)
        if session_id not in self._records:
            raise SessionNotFoundError(str(session_id))
        old = self._records[session_id]
        self._records[session_id] = Record(
            session_id,
            old.title if title is UNSET else title,
            old.created_ns,
            next(self._marks),
            old.labels if wanted is UNSET else wanted,
            old.parent,
        )
        return self._records[session_id]

    def list_sessions(
        self,
        *,
        limit: int = 100,
        after: Session | None = None,
        labels: Mapping[str, str] | None = None,
        checkpoints_of: UUID | None = None,
    ) -> list[Record]:
        """A page, newest first."""
        if limit < 1:
            raise InvalidArgumentError("a page of nothing")
        wanted = _labels(labels or {})
        newest = sorted(self._records.values(), key=_age, reverse=True)
        older = [record for record in newest if after is None or _age(record) < _age(after)]
        return [
            record
            for record in older
            if wanted.items() <= record.labels.items()
            and is_checkpoint(record.id) == (checkpoints_of is not None)
            and (checkpoints_of is None or record.parent == checkpoints_of)
        ][:limit]

    def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        """A page, ascending."""
        return page_of(self._records, after, limit)

    def delete_session(self, session_id: UUID) -> bool:
        """Whether there was one."""
        return self._records.pop(session_id, None) is not None


def _age(record: Record | Session) -> tuple[int, int]:
    return record.created_ns, record.id.int


def _title(title: str) -> None:
    if require_text(title, InvalidContentError) and "\0" in title:
        raise InvalidContentError("NUL in a title")


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    for name, text in labels.items():
        if not name or "\0" in name or require_text(name, InvalidKeyError) > 1024:
            raise InvalidKeyError(name)
        if "\0" in text or require_text(text, InvalidContentError) > 1024:
            raise InvalidContentError(text)
    if len(labels) > 64:
        raise InvalidContentError("too many labels")
    return dict(labels)
