"""Values, secrets and session records in a ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from acme_ledger.ledger import Change, Note, new_version, time_after
from everstore import Capabilities, DurableStorageStore, KeyInfo, SecretInfo, Session, SessionStore
from everstore.clock import now_ns
from everstore.compat import override
from everstore.content import add_to_counter
from everstore.errors import RevisionConflictError, SessionNotFoundError
from everstore.models import StoredSecret

if TYPE_CHECKING:
    from uuid import UUID

    from acme_ledger.ledger import Ledger
    from everstore.settings import Limits

Info = TypeVar("Info", KeyInfo, SecretInfo)


def _size(name: str, text: str) -> int:
    return len(name.encode()) + len(text.encode())


class LedgerStorageStore(DurableStorageStore):
    """Values and secrets; of a secret the ledger only ever sees the ciphertext."""

    capabilities = Capabilities(durable=True)

    def __init__(self, ledger: Ledger, limits: Limits) -> None:
        self._ledger = ledger
        self._limits = limits

    @override
    async def set_value(
        self,
        session_id: UUID,
        key: str,
        value: str,
        *,
        ttl: float | None = None,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> None:
        old = self._find("value", session_id, key)
        current = None if old is None else format(old.version, "x")
        if (if_absent or if_revision is not None) and current != if_revision:
            raise RevisionConflictError.found(key, if_revision, current)
        self._put("value", session_id, key, value, self._expiry(ttl))

    @override
    async def get_value(self, session_id: UUID, key: str) -> str | None:
        found = self._find("value", session_id, key)
        return None if found is None else found.text

    @override
    async def delete_value(self, session_id: UUID, key: str) -> bool:
        return self._drop("value", session_id, key)

    @override
    async def list_keys(self, session_id: UUID) -> list[KeyInfo]:
        return self._list("value", session_id, KeyInfo)

    @override
    async def increment_value(self, session_id: UUID, key: str, amount: int = 1) -> int:
        old = self._find("value", session_id, key)
        total = add_to_counter(old.text if old else None, amount)
        self._put("value", session_id, key, str(total), old.expires_ns if old else None)
        return total

    @override
    async def set_secret(self, session_id: UUID, name: str, value: str, *, ttl: float | None = None) -> None:
        self._put("secret", session_id, name, value, self._expiry(ttl))

    @override
    async def get_secret(self, session_id: UUID, name: str) -> str | None:
        found = self._find("secret", session_id, name)
        return None if found is None else found.text

    @override
    async def delete_secret(self, session_id: UUID, name: str) -> bool:
        return self._drop("secret", session_id, name)

    @override
    async def list_secrets(self, session_id: UUID) -> list[SecretInfo]:
        return self._list("secret", session_id, SecretInfo)

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
    async def swap_secret(self, session_id: UUID, name: str, expected: str, replacement: str) -> bool:
        old = self._find("secret", session_id, name)
        if old is None or old.text != expected:
            return False
        swapped = Note(old.version, old.created_ns, old.updated_ns, replacement, old.expires_ns)
        self._ledger.write(Change("secret", session_id, name, swapped))
        return True

    @override
    async def purge_session(self, session_id: UUID) -> bool:
        there = [
            (kind, name)
            for kind in ("value", "secret")
            for name, note in self._ledger.page(kind, session_id).items()
        ]
        alive = [name for kind, name in there if self._find(kind, session_id, name) is not None]
        if there:
            self._ledger.write(*(Change(kind, session_id, name, None) for kind, name in there))
        return bool(alive)

    def _find(self, kind: str, session_id: UUID, name: str) -> Note | None:
        found: Note | None = self._ledger.page(kind, session_id).get(name)
        return None if found is None or found.is_over else found

    @staticmethod
    def _expiry(ttl: float | None) -> int | None:
        return None if ttl is None else now_ns() + int(ttl * 1e9)

    def _put(self, kind: str, session_id: UUID, name: str, text: str, expires_ns: int | None) -> None:
        old = self._find(kind, session_id, name)
        self._require_room(session_id, name, text, old)
        now = now_ns()
        created, updated = (old.created_ns, time_after(old.updated_ns)) if old else (now, now)
        note = Note(new_version(), created, updated, text, expires_ns)
        self._ledger.write(Change(kind, session_id, name, note))

    def _require_room(self, session_id: UUID, name: str, text: str, old: Note | None) -> None:
        sizes = [
            _size(each, note.text)
            for kind in ("value", "secret")
            for each, note in self._ledger.page(kind, session_id).items()
            if not note.is_over
        ]
        more = _size(name, text) - (_size(name, old.text) if old else 0)
        self._limits.require(
            name, session_keys=(len(sizes), int(old is None)), session_value_bytes=(sum(sizes), more)
        )

    def _drop(self, kind: str, session_id: UUID, name: str) -> bool:
        there = self._find(kind, session_id, name) is not None
        if there:
            self._ledger.write(Change(kind, session_id, name, None))
        return there

    def _list(self, kind: str, session_id: UUID, info: type[Info]) -> list[Info]:
        return [
            info(note.version, note.created_ns, note.updated_ns, name, note.expires_ns)
            for name, note in sorted(self._ledger.page(kind, session_id).items())
            if not note.is_over
        ]


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
    async def update_session_title(self, session_id: UUID, title: str) -> Session:
        record = await self.get_session(session_id)
        if record is None:
            raise SessionNotFoundError(f"session {session_id} has no record", session_id=session_id)
        retitled = record.retitled(title, now_ns())
        await self.add_session(retitled)
        return retitled

    @override
    async def list_sessions(self, *, limit: int = 100, after: Session | None = None) -> list[Session]:
        records = [page["record"] for _, page in self._ledger.pages("session") if page]
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
