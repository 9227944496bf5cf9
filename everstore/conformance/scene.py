"""The session that acts are done in, which holds one of everything."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

from everstore.interfaces import SecretRotation
from everstore.models import InitialFile, Session, new_session_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from everstore.session import BoundFiles, BoundStorage
    from everstore.store import Store

__all__ = ["LABELS", "LARGE", "RECORD_NS", "SEEDED", "Scene", "asides_of"]

LARGE = "\u00e9" * 25_000
"""A content that takes a storage more than one page."""

LABELS = {"kind": "act", "\u00e9": "\U0001f600"}
"""The labels of the session's record."""

SEEDED = InitialFile("kept/seed", "fixed", is_readonly=True)
RECORD_NS = 1_700_000_000_000_000_000


_ASIDES: dict[UUID, UUID] = {}


def asides_of(session_ids: Iterable[UUID]) -> list[UUID]:
    """The sessions beside these that acts have put something into; they are told of once."""
    return [_ASIDES.pop(each) for each in {*session_ids} & _ASIDES.keys()]


def _beside(session_id: UUID, number: int) -> UUID:
    """A session that nobody else knows of, the same each time."""
    try:
        return UUID(int=session_id.int ^ number)
    except Exception:  # noqa: BLE001 - one that fails whoever asks for its number
        return new_session_id()


class Scene:
    """A session to act in. ``fill`` puts one of everything into it."""

    def __init__(self, store: Store, session_id: UUID, pad: str = "") -> None:
        """``store`` is open; the session may be empty, or one that nothing can be asked of.

        Contents and values of text end in ``pad``, for who wants large ones; it holds no line end.
        """
        self.store = store
        self.id = session_id
        self.pad = pad
        session = store.session(session_id)
        self.files: BoundFiles = session.files
        self.storage: BoundStorage = session.storage
        self.revision = "0"
        """The revision of the file ``a`` when it was filled."""
        self.key_revision = "0"
        """The revision of the value ``k``."""
        self.sealed = f"es1.none.{'A' * 54}.{'A' * 38}"
        """What the secret ``s`` was kept as, where it is encrypted."""

    @property
    def aside(self) -> UUID:
        """The session that what is replaced here is put aside in."""
        found = _beside(self.id, 1)
        if type(self.id) is UUID:
            _ASIDES[self.id] = found
        return found

    @property
    def nothing(self) -> UUID:
        """A session that is empty."""
        return _beside(self.id, 2)

    def through(self, store: Store) -> Scene:
        """The same session, filled as it is, in another store."""
        other = Scene(store, self.id, self.pad)
        other.revision, other.key_revision, other.sealed = self.revision, self.key_revision, self.sealed
        return other

    @property
    def text(self) -> str:
        """The content of the file ``a``."""
        return f"one\ntwo\n{self.pad}"

    async def fill(self, *, record: bool = True) -> None:
        """Put files, directories, values, a secret and a record into the session."""
        await asyncio.gather(self.fill_files(), self.fill_storage())
        if record:
            await self.fill_record()

    async def fill_files(self) -> None:
        """Put files and directories into the session."""
        await asyncio.gather(
            self.files.write_file("a", self.text),
            self.files.write_file("bytes", "AP8=", "base64"),
            self.files.write_file("d/0", f"0\n{self.pad}"),
            *(self.files.write_file(f"d/{number}", f"{number}\n") for number in range(1, 5)),
            self.files.write_file("d/sub/f", "x"),
            self.files.seed_initial_file(SEEDED),
            self.files.create_directory("empty"),
        )
        file = await self.files.stat_file("a")
        self.revision = file.revision if file else "0"

    async def fill_storage(self) -> None:
        """Put values and a secret into the session."""
        await asyncio.gather(
            self.storage.set_value("k", f"text{self.pad}"),
            self.storage.set_value("n", "5"),
            self.storage.set_secret("s", f"old{self.pad}"),
        )
        key = await self.storage.stat_value("k")
        self.key_revision = key.revision if key else "0"
        if isinstance(self.store.storage, SecretRotation):
            [stored] = await self.store.rotation.scan_secrets(after=(self.id, "r"), limit=1)
            self.sealed = stored.ciphertext

    async def fill_record(self) -> None:
        """Add the session's record."""
        record = Session(self.id, f"a title{self.pad}", RECORD_NS, labels=LABELS)
        await self.store.sessions.add_session(record)
