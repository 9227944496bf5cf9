"""A session that is made of items: marked while it is made, read back, and only then there."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from everstore.branching.undoing import changeable, seconds_left, undone
from everstore.changes import (
    AppendBytes,
    FileTimes,
    MakeDirectory,
    SecretTimes,
    SetValue,
    ValueTimes,
    WriteBytes,
)
from everstore.clock import now_ns
from everstore.errors import (
    DataDamagedError,
    EverstoreError,
    RevisionConflictError,
    SessionNotEmptyError,
)
from everstore.models import InitialFile, SessionUsage
from everstore.paths import aliased
from everstore.transfer.assembling import Assembly
from everstore.transfer.digests import Digest
from everstore.transfer.items import MARK, PIECE, Counts, Directory, File, Secret, Value, times_of
from everstore.transfer.source import Source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from uuid import UUID

    from everstore.models import KeyInfo, Session
    from everstore.store import Store
    from everstore.transfer.assembling import AnyChange, AnySent
    from everstore.transfer.items import Item

__all__ = ["Target", "held", "is_kept", "making", "sealed", "unmark"]

_MOST_CHANGES = 500  # of one batch
_MOST_BYTES = 4 * PIECE


async def held(store: Store, session_id: UUID) -> Literal["nothing", "leftovers", "something"]:
    """What is under an id: ``leftovers`` are those of a transfer that did not end."""
    if await store.sessions.get_session(session_id) is not None:
        return "something"
    if await store.storage.stat_value(session_id, MARK) is not None:
        return "leftovers"
    return "nothing" if await store.usage(session_id) == SessionUsage() else "something"


async def unmark(store: Store, session_id: UUID) -> None:
    """Take the mark from a session that is whole: its process ended just before that."""
    await store.storage.delete_value(session_id, MARK)


async def is_kept(store: Store, session_id: UUID, item: Value | Secret) -> bool:
    """Whether a value or a secret is there as it should be, or is over, as it may be by now.

    Of a secret its times are not looked at: who lists them all does that.
    """
    if isinstance(item, Value):
        found = await store.storage.read_value(session_id, item.key)
        if found is not None:
            is_same = found.value == item.value and times_of(found) == times_of(item)
            return is_same and (found.expires_ns is None) == (item.expires_ns is None)
    else:
        text = await store.storage.get_secret(session_id, item.name)
        if text is not None:
            return text == item.value
    return _is_over(item)


async def sealed(store: Store, session_id: UUID, secret: Secret) -> bool:
    """Have a secret kept with its times; false when it is over by now.

    ``DataDamagedError`` when it is not there then.
    """
    left = seconds_left(secret.expires_ns)
    if left is not None and left <= 0:
        return False
    await store.storage.set_secret(session_id, secret.name, secret.value, ttl=left)
    await store.storage.restore_times(session_id, [SecretTimes(secret.name, *times_of(secret))])
    if not await is_kept(store, session_id, secret):
        raise _differs(session_id, f"secret {secret.name!r}")
    return True


def _is_over(item: Value | Secret) -> bool:
    return item.expires_ns is not None and item.expires_ns <= now_ns()


class Target:
    """A session on its way; ``making`` gives one."""

    def __init__(self, store: Store, session_id: UUID, mark: KeyInfo) -> None:
        """The session has the mark, and nothing else."""
        self.session_id = session_id
        self.counts = Counts()
        """What was kept."""
        self.is_taken = False
        """Whether somebody else has the session now, as was found when it was to be removed."""
        self.expired = 0
        """How many values and secrets were over before they came."""
        self._store = store
        self._mark = mark
        self._digest = Digest()
        self._assembly = Assembly()
        self._changes: list[AnyChange | MakeDirectory] = []
        self._seeds: list[InitialFile] = []
        self._values: list[Value] = []
        self._times: list[FileTimes] = []
        self._secret_times: dict[str, tuple[int, int]] = {}
        self._file: File | None = None
        self._size = 0

    async def add(self, item: Item) -> None:
        """Keep the next item; items come in the order of ``everstore.transfer.items``."""
        self._digest.add(item)
        if isinstance(item, bytes):
            await self._send(self._assembly.add(item))
            self._note_times()
            return
        if isinstance(item, Secret):
            await self._seal(item)
            return
        self.counts.add(item)
        if isinstance(item, File):
            self._file = item
            await self._send(self._assembly.begin(item))
            self._note_times()
        elif isinstance(item, Directory):
            self._changes.append(MakeDirectory(item.path))
            self._times.append(FileTimes(item.path, item.created_ns, item.updated_ns))
            await self._grow(0)
        else:
            self._values.append(item)
            await self._grow(len(item.value))

    async def finish(self, record: Session | None) -> None:
        """Look whether all is there, and have the session count as one: the record comes last.

        ``DataDamagedError`` when something is not there, or somebody else wrote to the session.
        """
        await self._flush()
        back = Digest()
        async for item in Source(self._store, self.session_id, None, self.session_id, is_still=True).items():
            back.add(item)
        if back.value() != self._digest.value():
            raise _differs(self.session_id, "files or values")
        await self._require_secret_times()
        if not await self._is_ours():
            raise _overtaken(self.session_id)
        if record is not None:
            await self._store.sessions.add_session(record)
        await self._store.storage.delete_value(self.session_id, MARK, if_revision=self._mark.revision)

    async def _require_secret_times(self) -> None:
        infos = await self._store.storage.list_secrets(self.session_id) if self._secret_times else []
        for info in infos:
            if self._secret_times.get(info.name) != times_of(info):
                raise _differs(self.session_id, f"times of secret {info.name!r}")

    async def remove(self) -> None:
        """Remove what was made, unless somebody else has taken the session over."""
        if await self._is_ours():
            await self._store.delete_session(self.session_id, keep_checkpoints=True)
        else:
            self.is_taken = True

    async def _is_ours(self) -> bool:
        mark = await self._store.storage.stat_value(self.session_id, MARK)
        return mark is not None and mark.revision == self._mark.revision

    async def _send(self, sent: AnySent | None) -> None:
        """Collect what is to be written of a file, if there is anything by now."""
        if isinstance(sent, InitialFile):
            self._seeds.append(sent)
            await self._grow(len(sent.content))
        elif sent is not None:
            self._changes.append(sent)
            await self._grow(len(sent.data if isinstance(sent, (AppendBytes, WriteBytes)) else sent.content))

    def _note_times(self) -> None:
        """Have the times of a file restored once all of it was sent: what is sent moves them."""
        if self._file is not None and self._assembly.is_whole:
            self._times.append(FileTimes(self._file.path, self._file.created_ns, self._file.updated_ns))
            self._file = None

    async def _seal(self, secret: Secret) -> None:
        if await sealed(self._store, self.session_id, secret):
            self.counts.add(secret)
            self._secret_times[secret.name] = times_of(secret)
        else:
            self.expired += 1

    async def _grow(self, size: int) -> None:
        """Send what has been collected when it is enough; so many bytes have come to it."""
        self._size += size
        collected = len(self._changes) + len(self._seeds) + len(self._values)
        if collected >= _MOST_CHANGES or self._size >= _MOST_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        """Send what has been collected: files in one step, what is read-only at once, values in one step.

        Behind each of these come their times: what is written moves them.
        """
        changes, seeds, values, times = self._changes, self._seeds, self._values, self._times
        self._changes, self._seeds, self._values, self._times, self._size = [], [], [], [], 0
        files = self._store.file_system
        if not await self._is_ours():  # or this would be added to what another transfer has made since
            raise _overtaken(self.session_id)
        if changes:
            answers = await files.apply_changes(self.session_id, changes)
            for change, answer in zip(changes, answers, strict=True):
                self._require_path(change.path, None if answer is None else answer.path)
        seeding = (files.seed_initial_file(self.session_id, seed) for seed in seeds)
        for seed, seeded in zip(seeds, await asyncio.gather(*seeding, return_exceptions=True), strict=True):
            if isinstance(seeded, BaseException):
                raise seeded
            self._require_path(seed.path, seeded.path)
        if times:
            await files.restore_times(self.session_id, times)
        await self._flush_values(values)

    async def _flush_values(self, values: list[Value]) -> None:
        """Set values, but for those that are over."""
        sets = {value: SetValue(value.key, value.value, seconds_left(value.expires_ns)) for value in values}
        over = [value for value, each in sets.items() if each.ttl is not None and each.ttl <= 0]
        for value in over:
            del sets[value]
        self.expired += len(over)
        self.counts.values -= len(over)
        if sets:
            await self._store.storage.change_values(self.session_id, list(sets.values()))
            times = [ValueTimes(value.key, *times_of(value)) for value in sets]
            await self._store.storage.restore_times(self.session_id, times)
        for value in sets:
            if value.expires_ns is not None and not await is_kept(self._store, self.session_id, value):
                raise _differs(self.session_id, f"value {value.key!r}")

    def _require_path(self, sent: str, kept: str | None) -> None:
        """Refuse a store that has another name for a path: two files would become one."""
        if kept != sent:
            raise aliased(sent)


def _differs(session_id: UUID, what: str) -> DataDamagedError:
    return DataDamagedError(
        f"session {session_id} does not hold what was sent, {what} differ: somebody wrote to it"
        " meanwhile, or the backend keeps it otherwise",
        session_id=session_id,
    )


def _overtaken(session_id: UUID) -> RevisionConflictError:
    return RevisionConflictError(
        f"session {session_id} was taken over by another transfer, or deleted, while it was made;"
        " look what is there, and do it again",
        place=MARK, expected_revision=None, current_revision=None,
    )  # fmt: skip


@asynccontextmanager
async def making(store: Store, session_id: UUID) -> AsyncIterator[Target]:
    """Make a session: on the way out it is whole, and was finished, or it is gone.

    What a transfer that did not end has left under this id is removed first. ``SessionNotEmptyError``, and
    nothing happens, when anything else is there; ``RevisionConflictError`` when another transfer is faster.
    """
    changeable(session_id)
    before = await held(store, session_id)
    if before == "something":
        raise SessionNotEmptyError(
            f"session {session_id} is there already, and nothing of it is replaced; delete it first, or give"
            " another id",
            session_id=session_id,
        )
    if before == "leftovers":
        await store.delete_session(session_id, keep_checkpoints=True)
    try:
        mark = await store.storage.set_value(session_id, MARK, str(uuid4()), if_absent=True)
    except RevisionConflictError as error:
        raise _overtaken(session_id) from error
    target = Target(store, session_id, mark)
    try:
        yield target
    except BaseException as error:
        left = f"session {session_id} could not be removed again; run this again, or delete it"
        await undone(error, [target.remove()], left)
        if target.is_taken and isinstance(error, EverstoreError):
            raise _overtaken(session_id) from error
        raise
