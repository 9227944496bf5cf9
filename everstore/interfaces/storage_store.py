"""Values and secrets of a session."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar, cast

from everstore.changes import (
    NO_CHANGES_FAULT,
    DeleteSecret,
    DeleteValue,
    Increment,
    SetSecret,
    SetValue,
    TouchValue,
)
from everstore.errors import BackendUnavailableError, EverstoreError, UnsupportedError
from everstore.interfaces.capabilities import Capabilities
from everstore.models import StorageUsage, ValueChange
from everstore.paging import shared_beginning

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from uuid import UUID

    from everstore.changes import AnyValueChange, SecretTimes, ValueMutation, ValueTimes
    from everstore.models import KeyInfo, SecretInfo, StoredValue
    from everstore.session_limits import SessionLimits

__all__ = ["SessionStorageStore"]

Answer = TypeVar("Answer")

_MOST_LOOKS = 100  # at keys that change meanwhile


class SessionStorageStore(ABC):
    """Values and secrets: two namespaces of text by text for every session.

    Keys, names, values and times to live reach a backend validated. ``ttl`` is in seconds, of which
    fractions count: until then the entry is there, past it absent from every verb at once; setting
    again without it clears it. It counts from the time of ``everstore.clock`` at the call; revisions and
    ``updated_at`` are as those of files. Every verb is atomic. A backend whose ``capabilities.durable``
    is true is handed ciphertext for secrets.

    What grows a session (``set_value``, ``set_values``, ``change_values``, ``increment_value``,
    ``set_secret``) may be refused by a limit (``QuotaExceededError``), as the last reason of all:
    ``context.limits.require`` knows.

    Implementers: six abstract methods are enough, and ``everstore.rules`` makes ``apply`` of what a storage
    can do. A durable backend implements ``DurableStorageStore``, which adds what changing keys takes.
    """

    capabilities: Capabilities = Capabilities()

    # -- what a backend has -------------------------------------------------------------------------

    @abstractmethod
    async def apply(self, session_id: UUID, changes: Sequence[ValueMutation[Answer]]) -> list[Answer]:
        """Make changes (``everstore.changes``), one or several; what the verb of each answers, in order.

        All or nothing, and one step to whoever looks; each sees those before it. What refuses one of them is
        raised, and says as ``error.index`` which it was, from 0, where there are several.

        For the verbs here and for other backends' code: an open store is changed by its verbs.
        """

    @abstractmethod
    async def read_value(self, session_id: UUID, key: str) -> StoredValue | None:
        """A value with its revision and times, all of one moment; ``None`` when absent.

        To update a value without losing somebody else's: read it here, then
        ``set_value(..., if_revision=found.revision)``.
        """

    @abstractmethod
    async def read_values(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[StoredValue]:
        """The values whose keys begin with ``prefix``, of one moment, sorted by key by code point.

        Those behind the key ``after``, which may be gone, and ``limit`` at most; ``None`` is all. With
        ``reverse`` from the last key on, and those before ``after``. What it costs follows the answer, not
        what the session holds: ten of many are a quick call.

        Implementers: ``everstore.paging.KeyPage`` makes one range of these.
        """

    @abstractmethod
    async def get_secret(self, session_id: UUID, name: str) -> str | None:
        """The secret; ``None`` when absent."""

    @abstractmethod
    async def list_secrets(self, session_id: UUID) -> list[SecretInfo]:
        """Names and times, never values, sorted by name by code point."""

    @abstractmethod
    async def purge_session(self, session_id: UUID) -> bool:
        """Remove every value and secret of the session; whether there was anything.

        The session's limits go with them, and are not counted as anything.
        """

    async def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        """Keep limits of the session's values and secrets, in place of those it had, until it is purged.

        They hold for every client from then on, each beside the store's: the lower one counts. What is there
        already stays. ``limits.of_values`` is what concerns these; where that is ``None``, none are kept.

        Implementers: they are read in the transaction of a change; ``context.limits.of_values_with`` is what
        the rules then take. Without it, limiting a session's values is ``UnsupportedError``.
        """
        del session_id
        if limits.of_values is not None:
            so = "so that the values and secrets of one session cannot be limited"
            raise UnsupportedError.lacks(self, "limit_session", so)

    async def close(self) -> None:
        """Release what this object holds. Called once, when the store closes."""

    # -- verbs over these ---------------------------------------------------------------------------

    async def set_value(
        self,
        session_id: UUID,
        key: str,
        value: str,
        *,
        ttl: float | None = None,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> KeyInfo:
        """Set a value, and answer with the revision and times that it got; ``created_at`` survives an update.

        With ``if_revision`` the current revision must be that one, with ``if_absent`` nothing may
        be there: otherwise ``RevisionConflictError``, and nothing is written.
        """
        [answer] = await self.apply(session_id, (SetValue(key, value, ttl, if_revision, if_absent),))
        return answer

    async def set_values(
        self,
        session_id: UUID,
        values: Mapping[str, str],
        *,
        ttl: float | None = None,
        if_absent: bool = False,
    ) -> list[KeyInfo]:
        """Set many values, all or nothing, in one step; what ``set_value`` answers for each, in order.

        With ``if_absent`` nothing may be at any of the keys. The error is that of the first key that is
        refused, and tells its place among them, from 0, as ``error.index``; each counts towards the limits
        with those before it, and one that is too large by itself is told of before what the session as a
        whole may not hold. No values are set without asking the storage, and answered with ``[]``.
        """
        sets = [SetValue(key, value, ttl, None, if_absent) for key, value in values.items()]
        return await self.apply(session_id, sets) if sets else []

    async def change_values(
        self, session_id: UUID, changes: Sequence[AnyValueChange]
    ) -> list[KeyInfo | bool | int]:
        """Make several changes (``everstore.changes``), in their order: all or nothing, one atomic step.

        ``SetValue``, ``DeleteValue``, ``TouchValue`` and ``Increment`` are what their verbs do, conditions
        included; each sees those before it. The answer has what each verb answers, ``[]`` of no changes. An
        entry of a log and the mark that counts it, or a move from one key to another, are one call so.

        The error is that of the first change that is refused, with its place in the list, from 0, as
        ``error.index``; then nothing was changed. All arguments are looked at before any change is tried,
        and so is whether a key or a value is too large by itself.
        """
        if not changes:
            return []
        several = cast("Sequence[ValueMutation[Any]]", changes)
        try:
            return await self.apply(session_id, several)
        except EverstoreError as error:
            if len(changes) == 1 and not isinstance(error, NO_CHANGES_FAULT):
                error.tell(index=0)  # ``apply`` tells it of several only
            raise

    async def delete_value(self, session_id: UUID, key: str, *, if_revision: str | None = None) -> bool:
        """Remove a value; whether there was one.

        With ``if_revision`` the current revision must be that one: otherwise, where nothing is there too,
        ``RevisionConflictError``, and nothing is removed.
        """
        [answer] = await self.apply(session_id, (DeleteValue(key, if_revision),))
        return answer

    async def touch_value(self, session_id: UUID, key: str, *, ttl: float | None) -> bool:
        """Give a value a new time to live, or none with ``None``; ``False`` where nothing is there.

        Nothing else of it changes, neither its revision nor ``updated_at``: no conditional write fails for
        it, and no write that is made at the same moment is lost.
        """
        [answer] = await self.apply(session_id, (TouchValue(key, ttl),))
        return answer

    async def increment_value(self, session_id: UUID, key: str, amount: int = 1) -> int:
        """Add to an integer kept as decimal text, and return the sum; absent counts as 0.

        Exact under any number of writers. A time to live stays. ``InvalidContentError``, and the
        value stays, when it is no integer or the sum leaves 64 bits. The digits, 20 bytes at most with
        their sign, are not held against any limit of a value's size.
        """
        [answer] = await self.apply(session_id, (Increment(key, amount),))
        return answer

    async def set_secret(self, session_id: UUID, name: str, value: str, *, ttl: float | None = None) -> None:
        """Set a secret; ``created_at`` survives an update."""
        await self.apply(session_id, (SetSecret(name, value, ttl),))

    async def delete_secret(self, session_id: UUID, name: str) -> bool:
        """Remove a secret; whether there was one."""
        [answer] = await self.apply(session_id, (DeleteSecret(name),))
        return answer

    async def restore_times(self, session_id: UUID, times: Sequence[ValueTimes | SecretTimes]) -> list[bool]:
        """Give values and secrets the times that they had elsewhere; of each whether it is there.

        All in one step; of several of one key or name the last counts. Nothing else changes, neither texts,
        ends nor revisions, so no condition fails for it. ``False`` where nothing is, or what is past its
        time. From then on times move as ever: an update keeps ``created_at``.

        For trusted host code that brings a session back, as an import does.
        """
        return await self.apply(session_id, times) if times else []

    async def get_value(self, session_id: UUID, key: str) -> str | None:
        """The value; ``None`` when absent (the empty value is not)."""
        found = await self.read_value(session_id, key)
        return None if found is None else found.value

    async def get_values(self, session_id: UUID, keys: Collection[str]) -> dict[str, str]:
        """The values of these keys, all of one moment, in the order of ``keys``; what is absent is left out.

        As many keys as wanted: one call, and a key that is given twice counts once. Backends are handed each
        key once.
        """
        if not keys:
            return {}
        beside = await self.read_values(session_id, shared_beginning(keys))  # one call, for one moment
        found = {each.key: each.value for each in beside}
        return {key: found[key] for key in keys if key in found}

    async def stat_value(self, session_id: UUID, key: str) -> KeyInfo | None:
        """A key's times and revision; ``None`` when absent."""
        found = await self.read_value(session_id, key)
        return None if found is None else found.info()

    async def list_keys(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[KeyInfo]:
        """The keys that begin with ``prefix``, with times and revisions, sorted by key by code point.

        Those behind the key ``after``, which may be gone, and ``limit`` at most; ``None`` is all. With
        ``reverse`` from the last key on, and those before ``after``. What it costs follows the answer.
        """
        found = await self.read_values(session_id, prefix, after=after, limit=limit, reverse=reverse)
        return [each.info() for each in found]

    async def usage(self, session_id: UUID) -> StorageUsage:
        """How many values and secrets the session has, and the latest write of any of them.

        All of one moment; what is past its time does not count. Of an empty session both are 0, and
        ``last_write_at`` is ``None``.
        """
        keys = await self.list_keys(session_id)
        for _ in range(_MOST_LOOKS):
            secrets = await self.list_secrets(session_id)
            before, keys = keys, await self.list_keys(session_id)
            if keys == before:  # so they were the same when the secrets were listed
                return StorageUsage.of(keys, secrets)
        raise BackendUnavailableError(
            "the values changed whenever they were counted: ask again", happened=False
        )

    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        """A page of the ids of all sessions that have a value or a secret, ascending.

        What is past its time does not count. For the next page pass the last id of this one as ``after``: it
        need not hold anything any more. Fewer than ``limit`` only when no more follow, ``[]`` when there are
        none.

        Implementers: no default can be made of other verbs; without it no one finds the values of a session
        whose id is lost, and asking is ``UnsupportedError``.
        """
        del after, limit
        so = "so that sessions with values or secrets cannot be listed"
        raise UnsupportedError.lacks(self, "session_ids", so)

    async def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
        """Let a session have, from one moment on, the values that another had at one moment; atomic.

        ``target`` gets every value of ``source`` with its text, times and expiry, each with a revision that
        nothing ever had; what is past its time is not taken, and no secret ever is. From then on neither sees
        what is done to the other.

        ``target`` must hold no values (secrets may be there, and stay), else ``SessionNotEmptyError``, and
        nothing happens. With ``replaced`` it may: all values that it held are then that session's, which must
        hold none, in the same step, and none of them is left where ``source`` holds none.

        No limit refuses a fork. Without ``replaced`` a ``target`` that has no limits of its own gets those
        of ``source``; with it nobody's limits change.

        ``InvalidArgumentError`` for the same id twice.

        Implementers: claimed as ``capabilities.forks``; without it forking a session's values is
        ``UnsupportedError``.
        """
        del source, target, replaced
        raise UnsupportedError.lacks(self, "fork_session", "so that the values of a session cannot be forked")

    async def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[ValueChange]:
        """How the values of ``b`` differ from those of ``a``, both of one moment, sorted by key.

        Those behind the key ``after``, and ``limit`` at most; ``None`` is all. A value is changed where its
        text or its expiry differs; times and revisions tell nothing, and of secrets nothing is told.
        """
        ones = await self.read_values(a, after=after)
        for _ in range(_MOST_LOOKS):
            others = await self.read_values(b, after=after)
            before, ones = ones, await self.read_values(a, after=after)
            if ones == before:  # so they were the same when the others were read
                return _differences(ones, others)[:limit]
        raise BackendUnavailableError(
            "the values changed whenever they were compared: ask again", happened=False
        )


def _differences(ones: list[StoredValue], others: list[StoredValue]) -> list[ValueChange]:
    """How some values differ from some others, sorted by key."""
    found = {each.key: each for each in ones}, {each.key: each for each in others}
    changes: list[ValueChange] = []
    for key in sorted(found[0].keys() | found[1].keys()):
        one, other = (each.get(key) for each in found)
        if one is None or other is None or (one.value, one.expires_ns) != (other.value, other.expires_ns):
            changes.append(ValueChange.between(key, one and one.info(), other and other.info()))
    return changes
