"""Sessions, and the checkpoints of them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET, UnsetType

from everstore.clock import now_ns
from everstore.ids import new_session_id
from everstore.labels import NO_LABELS, Labels, frozen_labels
from everstore.models.stamps import moment_of

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "Checkpoint",
    "Session",
]


class Session(msgspec.Struct, frozen=True, gc=False):
    """A session's record. The id and the times are made when they are not given.

    ``labels`` is a ``dict`` of text by name, in the order of the names, that cannot be changed. ``parent`` is
    the session that this one was forked from, of a checkpoint the one that it is of; that may be gone.
    """

    id: uuid.UUID = msgspec.field(default_factory=new_session_id)
    title: str | None = None
    created_ns: int = msgspec.field(default_factory=now_ns)
    updated_ns: int = 0
    labels: Mapping[str, str] = NO_LABELS
    parent: uuid.UUID | None = None

    def __post_init__(self) -> None:
        if type(self.labels) is not Labels:
            msgspec.structs.force_setattr(self, "labels", frozen_labels(self.labels))
        if not self.updated_ns:
            msgspec.structs.force_setattr(self, "updated_ns", self.created_ns)

    @property
    def created_at(self) -> datetime:
        """When the session was created, in UTC."""
        return moment_of(self.created_ns)

    @property
    def updated_at(self) -> datetime:
        """When the record last changed, in UTC."""
        return moment_of(self.updated_ns)

    def has_labels(self, labels: Mapping[str, str]) -> bool:
        """Whether it has all of these."""
        return labels.items() <= self.labels.items()

    def updated(
        self,
        now_ns: int,
        *,
        title: str | UnsetType | None = UNSET,
        labels: Mapping[str, str] | UnsetType = UNSET,
    ) -> Session:
        """The record with another title, or labels, or both; ``updated_at`` moves, and never backwards."""
        return Session(
            self.id,
            self.title if title is UNSET else title,
            self.created_ns,
            max(now_ns, self.updated_ns + 1000),
            self.labels if labels is UNSET else labels,
            self.parent,
        )


class Checkpoint(msgspec.Struct, frozen=True, gc=False):
    """What a session was at one moment: a session of its own, which every verb reads and none changes."""

    id: uuid.UUID
    session_id: uuid.UUID
    label: str
    created_ns: int

    @property
    def created_at(self) -> datetime:
        """When it was taken, in UTC."""
        return moment_of(self.created_ns)
