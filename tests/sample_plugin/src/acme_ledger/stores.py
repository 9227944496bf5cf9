"""Values, secrets and session records in a ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from msgspec import UNSET, UnsetType

from acme_ledger.ledger import Change, Note, new_version
from everstore import Capabilities, DurableStorageStore, SecretInfo, Session, SessionStore, StoredValue
from everstore.clock import now_ns
from everstore.compat import override
from everstore.errors import SessionNotFoundError
from everstore.models import StoredSecret
from everstore.paging import KeyPage
from everstore.rules import Space, answered_together, apply_to_space

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from acme_ledger.ledger import Ledger
    from everstore.changes import ValueMutation
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits

T = TypeVar("T")


_KINDS = {"values": "value", "secrets": "secret"}


def _size(name: str, text: str) -> int:
    return len(name.encode()) + len(text.encode())


class LedgerStorageStore(DurableStorageStore):
    """Values and secrets; of a secret the ledger only ever sees the ciphertext."""

    capabilities = Capabilities(durable=True)

    def __init__(self, ledger: Ledger, limits: Limits) -> None:
        self._ledger = ledger
        self._limits = limits

    @override
    async def apply(self, session_id: UUID, changes: Sequence[ValueMutation[T]]) -> list[T]:
        pages = {name: dict(self._ledger.page(kind, session_id)) for name, kind in _KINDS.items()}
        noted: list[Change] = []
        own = self._ledger.limits("limits of values", session_id)
        limits = self._limits.of_values_with(own.of_values)
        spaces = {name: LedgerSpace(session_id, _KINDS[name], pages, noted, limits) for name in _KINDS}
        answers = answered_together(lambda change: apply_to_space(spaces[change.space], change), changes)
        if noted:
            self._ledger.write(*noted)
        return answers

    @override
    async def read_value(self, session_id: UUID, key: str) -> StoredValue | None:
        found = self._find("value", session_id, key)
        return None if found is None else _stored(key, found)

    @override
    async def read_values(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[StoredValue]:
        page = KeyPage.of(prefix, after, limit, reverse=reverse)
        notes = self._ledger.page("value", session_id)
        keys = page.among(sorted(key for key, note in notes.items() if not note.is_over))
        return [_stored(key, notes[key]) for key in page.cut(keys)]

    @override
    async def get_secret(self, session_id: UUID, name: str) -> str | None:
        found = self._find("secret", session_id, name)
        return None if found is None else found.text

    @override
    async def list_secrets(self, session_id: UUID) -> list[SecretInfo]:
        return [
            SecretInfo(note.version, note.created_ns, note.updated_ns, name, note.expires_ns)
            for name, note in sorted(self._ledger.page("secret", session_id).items())
            if not note.is_over
        ]

    @override
    async def scan_secrets(
        self, *, after: tuple[UUID, str] | None = None, limit: int = 100
    ) -> list[StoredSecret]:
        stored = [
            StoredSecret(session_id, name, note.text)
            for session_id, page in self._ledger.pages("secret")
            for name, note in page.items()
            if not note.is_over and (after is None or (session_id, name) > after)
        ]
        return sorted(stored, key=lambda secret: (secret.session_id, secret.name))[:limit]

    @override
    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        holding = {
            session_id
            for kind in ("value", "secret")
            for session_id, page in self._ledger.pages(kind)
            if not all(note.is_over for note in page.values())
        }
        return sorted(each for each in holding if after is None or each > after)[:limit]

    @override
    async def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        kept = None if limits.of_values is None else limits
        self._ledger.write(Change("limits of values", session_id, "", kept))

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        there = [
            (kind, name)
            for kind in ("value", "secret")
            for name, note in self._ledger.page(kind, session_id).items()
        ]
        alive = [name for kind, name in there if self._find(kind, session_id, name) is not None]
        gone = [Change(kind, session_id, name, None) for kind, name in there]
        self._ledger.write(*gone, Change("limits of values", session_id, "", None))
        return bool(alive)

    def _find(self, kind: str, session_id: UUID, name: str) -> Note | None:
        found: Note | None = self._ledger.page(kind, session_id).get(name)
        return None if found is None or found.is_over else found


def _stored(key: str, note: Note) -> StoredValue:
    return StoredValue(note.version, note.created_ns, note.updated_ns, key, note.expires_ns, value=note.text)


class LedgerSpace(Space[Note]):
    """One of a session's pages as the rules see it. What they change is noted for who asked them."""

    def __init__(
        self,
        session_id: UUID,
        kind: str,
        pages: dict[str, dict[str, Note]],
        noted: list[Change],
        limits: Limits | None,
    ) -> None:
        self.limits = limits
        self._id = session_id
        self._kind = kind
        self._pages = pages
        self._page = next(pages[name] for name in _KINDS if _KINDS[name] == kind)
        self._noted = noted

    @override
    def get(self, key: str, /) -> Note | None:
        return self._page.get(key)

    @override
    def text(self, key: str, found: Note) -> str:
        return found.text

    @override
    def usage(self, now: int) -> tuple[int, int]:
        sizes = [
            _size(key, note.text)
            for page in self._pages.values()
            for key, note in page.items()
            if not note.is_over
        ]
        return len(sizes), sum(sizes)

    @override
    def next_version(self) -> int:
        return new_version()

    @override
    def put(
        self, key: str, text: str, version: int, created_ns: int, updated_ns: int, expires_ns: int | None
    ) -> None:
        self._page[key] = note = Note(version, created_ns, updated_ns, expires_ns, text)
        self._noted.append(Change(self._kind, self._id, key, note))

    @override
    def remove(self, key: str, now: int) -> bool:
        gone = self._page.pop(key, None)
        if gone is not None:
            self._noted.append(Change(self._kind, self._id, key, None))
        return gone is not None and not gone.is_over


class LedgerSessionStore(SessionStore):
    """Session records."""

    capabilities = Capabilities(durable=True)

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @override
    async def add_session(self, session: Session) -> None:
        self._ledger.write(Change("session", session.id, "record", session))

    @override
    async def get_session(self, session_id: UUID) -> Session | None:
        return self._ledger.page("session", session_id).get("record")

    @override
    async def update_session(
        self,
        session_id: UUID,
        *,
        title: str | UnsetType | None = UNSET,
        labels: Mapping[str, str] | UnsetType = UNSET,
    ) -> Session:
        record = await self.get_session(session_id)
        if record is None:
            raise SessionNotFoundError.of(session_id)
        updated = record.updated(now_ns(), title=title, labels=labels)
        await self.add_session(updated)
        return updated

    @override
    async def list_sessions(
        self,
        *,
        limit: int = 100,
        after: Session | None = None,
        labels: Mapping[str, str] | None = None,
        checkpoints_of: UUID | None = None,
    ) -> list[Session]:
        del checkpoints_of  # which nobody asks for where forks are not claimed
        records = [page["record"] for _, page in self._ledger.pages("session") if page]
        records = [record for record in records if record.has_labels(labels or {})]
        newest_first = sorted(records, key=_age, reverse=True)
        return [record for record in newest_first if after is None or _age(record) < _age(after)][:limit]

    @override
    async def delete_session(self, session_id: UUID) -> bool:
        there = bool(self._ledger.page("session", session_id))
        if there:
            self._ledger.write(Change("session", session_id, "record", None))
        return there


def _age(session: Session) -> tuple[int, int]:
    return session.created_ns, session.id.int
