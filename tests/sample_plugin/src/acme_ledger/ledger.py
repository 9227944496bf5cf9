"""The ledger: a text file to which every change adds a line."""

from __future__ import annotations

import hmac
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from everstore.clock import now_ns
from everstore.errors import SettingsError
from everstore.models import Session, SessionFile
from everstore.rules import Stamps
from everstore.session_limits import SessionLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pydantic import SecretStr

    from acme_ledger.audit import Audit


class Note(Stamps, frozen=True):
    """A value or a secret."""

    text: str

    @property
    def is_over(self) -> bool:
        return self.expires_ns is not None and self.expires_ns <= now_ns()


def new_version() -> int:
    """A number that no write had before, in this ledger or in one that a backup was made of."""
    return secrets.randbits(63)


class Change(msgspec.Struct, frozen=True, array_like=True):
    """One entry that is set, or dropped when ``record`` is ``None``."""

    kind: str
    session_id: UUID
    name: str
    record: Any


_RECORDS: dict[str, type] = {
    "file": SessionFile,
    "value": Note,
    "secret": Note,
    "session": Session,
    "limits of files": SessionLimits,
    "limits of values": SessionLimits,
}


class Ledger:
    """What reading all the lines gives. A line holds changes that happen together."""

    def __init__(self, path: Path, seal: str) -> None:
        """Open the file at ``path``, or make it; ``SettingsError`` when that cannot be."""
        self._pages: dict[tuple[str, UUID], dict[str, Any]] = {}
        try:
            self._file = path.open("a+b")
        except OSError as error:
            reason = error.strerror
            raise SettingsError(f"EVERSTORE_LEDGER_PATH: {path} cannot be opened: {reason}") from error
        try:
            self._read(hmac.digest(seal.encode(), b"ledger", "sha256").hex())
        except BaseException:
            self._file.close()
            raise

    def _read(self, seal: str) -> None:
        self._file.seek(0)
        text = self._file.read()
        # What follows the last line end is a line that was torn when its writer was killed.
        whole = text.rfind(b"\n") + 1
        self._file.truncate(whole)
        lines = text[:whole].splitlines() or [seal.encode()]
        if not whole:
            self._file.write(lines[0] + b"\n")
        if not hmac.compare_digest(lines[0], seal.encode()):
            raise SettingsError("EVERSTORE_LEDGER_SEAL is not the seal of this ledger; set the right one")
        for line in lines[1:]:
            self._apply(msgspec.json.decode(line, type=list[Change]))

    def page(self, kind: str, session_id: UUID) -> dict[str, Any]:
        """The entries of one kind in one session, by name; not to be changed."""
        return self._pages.get((kind, session_id), {})

    def pages(self, kind: str) -> list[tuple[UUID, dict[str, Any]]]:
        """The pages of one kind, of all sessions."""
        return [(session_id, page) for (other, session_id), page in self._pages.items() if other == kind]

    def limits(self, kind: str, session_id: UUID) -> SessionLimits:
        """What one session is limited to."""
        found: SessionLimits = self.page(kind, session_id).get("", SessionLimits())
        return found

    def write(self, *changes: Change) -> None:
        """Make changes that happen together: no await, one line, one write."""
        self._file.write(msgspec.json.encode(changes) + b"\n")
        self._file.flush()
        self._apply(changes)

    def _apply(self, changes: tuple[Change, ...] | list[Change]) -> None:
        for change in changes:
            page = self._pages.setdefault((change.kind, change.session_id), {})
            if change.record is None:
                page.pop(change.name, None)
                continue
            record: Any = msgspec.convert(msgspec.to_builtins(change.record), _RECORDS[change.kind])
            page[change.name] = record

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@asynccontextmanager
async def opened(path: Path, seal: SecretStr | None, audit: Audit | None) -> AsyncIterator[Ledger]:
    """The ledger at ``path``, for as long as a store is open."""
    ledger = Ledger(path, seal.get_secret_value() if seal else "")
    if audit:
        audit.ledger.append("opened")
    try:
        yield ledger
    finally:
        ledger.close()
        if audit:
            audit.ledger.append("closed")
