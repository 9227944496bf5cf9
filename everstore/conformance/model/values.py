"""Values, secrets and session records of the reference model."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import asdict

from everstore.changes import SetValue, TouchValue
from everstore.conformance.model.changes import require_one_condition
from everstore.conformance.model.entries import ModelLimits, kind_of
from everstore.conformance.model.plain import page_of
from everstore.conformance.model.refusals import (
    require_condition,
    require_empty,
    require_fork,
    require_limit,
    require_text,
)
from everstore.errors import (
    EverstoreError,
    InvalidArgumentError,
    InvalidContentError,
    InvalidKeyError,
)
from everstore.models import StorageUsage, ValueChange

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from uuid import UUID

    from everstore.changes import AnyValueChange, SecretTimes, ValueTimes

__all__ = ["Value", "ValueModel"]


class Value(msgspec.Struct, frozen=True):
    """A value or a secret under its key; ``expires`` is when it is over, by the model's clock."""

    key: str
    text: str
    identity: str
    revision: str
    expires: float | None = None

    @property
    def name(self) -> str:
        """The key, as secrets call it."""
        return self.key


class _Namespace:
    """Texts by key for every session: what values and secrets have in common."""

    def __init__(self, now: Callable[[], float], marks: Iterator[str]) -> None:
        self._now = now
        self._marks = marks
        self._values: dict[UUID, dict[str, Value]] = defaultdict(dict)

    def all(self, session_id: UUID) -> list[Value]:
        return [
            value
            for _, value in sorted(self._values[session_id].items())
            if value.expires is None or self._now() < value.expires
        ]

    def get(self, session_id: UUID, key: str) -> Value | None:
        if not key or "\0" in key or require_text(key, InvalidKeyError) > 1024:
            raise InvalidKeyError(key)
        return {value.key: value for value in self.all(session_id)}.get(key)

    def set(self, session_id: UUID, key: str, text: str, expires: float | None) -> Value:
        old = self.get(session_id, key)
        identity = old.identity if old else next(self._marks)
        self._values[session_id][key] = Value(key, text, identity, next(self._marks), expires)
        return self._values[session_id][key]

    @contextmanager
    def all_or_nothing(self, session_id: UUID) -> Iterator[None]:
        """What an error ends leaves the session as it was."""
        before = dict(self._values[session_id])
        try:
            yield
        except EverstoreError:
            self._values[session_id] = before
            raise

    def touch(self, session_id: UUID, key: str, expires: float | None) -> bool:
        found = self.get(session_id, key)
        if found:
            self._values[session_id][key] = msgspec.structs.replace(found, expires=expires)
        return found is not None

    def delete(self, session_id: UUID, key: str) -> bool:
        found = self.get(session_id, key)
        self._values[session_id].pop(key, None)
        return found is not None

    def fork(self, source: UUID, target: UUID) -> None:
        """All that is there, as others."""
        self._values[target] = {
            value.key: msgspec.structs.replace(value, identity=next(self._marks), revision=next(self._marks))
            for value in self.all(source)
        }

    def sessions(self) -> list[UUID]:
        return [session_id for session_id in [*self._values] if self.all(session_id)]

    def purge(self, session_id: UUID) -> bool:
        had = bool(self.all(session_id))
        del self._values[session_id]
        return had


class ValueModel:
    """Values and secrets. A record of either is a ``Value``, whose text only ``get_...`` shows."""

    def __init__(self, now: Callable[[], float], marks: Iterator[str], limits: ModelLimits) -> None:
        """Empty; ``now`` tells the time, new marks come from ``marks``."""
        self._now = now
        self._limits = limits
        self._values = _Namespace(now, marks)
        self._secrets = _Namespace(now, marks)

    def set_value(
        self,
        session_id: UUID,
        key: str,
        value: str,
        *,
        ttl: float | None = None,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> Value:
        """The value as it then is."""
        old = self._values.get(session_id, key)
        require_text(value, InvalidContentError)
        expires = self._end(ttl)
        require_one_condition(if_revision, if_absent=if_absent)
        require_condition(old.revision if old else None, if_revision, if_absent=if_absent)
        self._require_room(session_id, old, key, value)
        return self._values.set(session_id, key, value, expires)

    def set_values(
        self,
        session_id: UUID,
        values: dict[str, str],
        *,
        ttl: float | None = None,
        if_absent: bool = False,
    ) -> list[Value]:
        """The values as they then are."""
        self._end(ttl)
        answers = []
        for index, (key, value) in enumerate(values.items()):  # what no key or value is, is refused first
            with _placed(index):
                self._values.get(session_id, key)
                require_text(value, InvalidContentError)
        with self._values.all_or_nothing(session_id):
            for index, (key, value) in enumerate(values.items()):
                with _placed(index):
                    answers.append(self.set_value(session_id, key, value, ttl=ttl, if_absent=if_absent))
        return answers

    def change_values(self, session_id: UUID, changes: list[AnyValueChange]) -> list[Any]:
        """What each verb answers; arguments are refused before any change is tried."""
        for index, change in enumerate(changes):
            with _placed(index):
                self._values.get(session_id, change.key)
                if isinstance(change, SetValue):
                    require_text(change.value, InvalidContentError)
                    require_one_condition(change.if_revision, if_absent=change.if_absent)
                if isinstance(change, (SetValue, TouchValue)):
                    self._end(change.ttl)
        answers = []
        with self._values.all_or_nothing(session_id):
            for index, change in enumerate(changes):
                with _placed(index):
                    answers.append(getattr(self, change.verb)(session_id, **asdict(change)))
        return answers

    def get_value(self, session_id: UUID, key: str) -> str | None:
        """The text, or ``None``."""
        found = self._values.get(session_id, key)
        return found.text if found else None

    def stat_value(self, session_id: UUID, key: str) -> Value | None:
        """The value, or ``None``."""
        return self._values.get(session_id, key)

    def delete_value(self, session_id: UUID, key: str, *, if_revision: str | None = None) -> bool:
        """Whether there was one."""
        old = self._values.get(session_id, key)
        require_condition(old.revision if old else None, if_revision, if_absent=False)
        return self._values.delete(session_id, key)

    read_value = stat_value

    def get_values(self, session_id: UUID, keys: Collection[str]) -> dict[str, str]:
        """The texts of those that there are, in the order that was asked for."""
        found = {key: self.get_value(session_id, key) for key in keys}
        return {key: text for key, text in found.items() if text is not None}

    def list_keys(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[Value]:
        """Every value, sorted by key; then those of them that are wanted."""
        for key in (prefix or None, after):
            if key is not None:
                self._values.get(session_id, key)  # refuses what is none
        values = [each for each in self._values.all(session_id) if each.key.startswith(prefix)]
        if reverse:
            values = [each for each in values[::-1] if after is None or each.key < after]
        else:
            values = [each for each in values if after is None or each.key > after]
        return values if limit is None else values[:limit]

    read_values = list_keys

    def touch_value(self, session_id: UUID, key: str, *, ttl: float | None) -> bool:
        """Whether there is one."""
        return self._values.touch(session_id, key, self._end(ttl))

    def restore_times(self, session_id: UUID, times: Sequence[ValueTimes | SecretTimes]) -> list[bool]:
        """Whether each is there; times are not among what the model keeps."""
        spaces = {"values": self._values, "secrets": self._secrets}
        return [
            spaces[each.space].get(session_id, place) is not None for each in times for place in each.places()
        ]

    def increment_value(self, session_id: UUID, key: str, amount: int = 1) -> int:
        """The sum."""
        old = self._values.get(session_id, key)
        if old and not re.fullmatch("-?[0-9]+", old.text):
            raise InvalidContentError(key)
        total = int(old.text if old else "0") + amount
        if not -(2**63) <= total < 2**63:
            raise InvalidContentError(key)
        self._require_room(session_id, old, key, str(total))
        self._values.set(session_id, key, str(total), old.expires if old else None)
        return total

    def set_secret(self, session_id: UUID, name: str, value: str, *, ttl: float | None = None) -> None:
        """Nothing."""
        old = self._secrets.get(session_id, name)
        require_text(value, InvalidContentError)
        self._require_room(session_id, old, name, value)
        self._secrets.set(session_id, name, value, self._end(ttl))

    def get_secret(self, session_id: UUID, name: str) -> str | None:
        """The text, or ``None``."""
        found = self._secrets.get(session_id, name)
        return found.text if found else None

    def delete_secret(self, session_id: UUID, name: str) -> bool:
        """Whether there was one."""
        return self._secrets.delete(session_id, name)

    def list_secrets(self, session_id: UUID) -> list[Value]:
        """Every secret, sorted by name."""
        return self._secrets.all(session_id)

    def usage(self, session_id: UUID) -> StorageUsage:
        """The numbers; of the last write only whether there was one."""
        values, secrets = self._values.all(session_id), self._secrets.all(session_id)
        return StorageUsage(len(values), len(secrets), 0 if values or secrets else None)

    def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
        """Nothing."""
        require_fork(source, target)
        empty = target if replaced is None else replaced
        require_empty(empty, self._values.all(empty))
        if replaced is not None:
            self._values.fork(target, replaced)
        self._values.fork(source, target)

    def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[ValueChange]:
        """What differs, by comparing all with all; the sides are values."""
        before, now = ({value.key: value for value in self._values.all(each)} for each in (a, b))
        found = [
            ValueChange(key, kind_of(before.get(key), now.get(key)), before.get(key), now.get(key))  # type: ignore[arg-type]  # values
            for key in sorted(before.keys() | now.keys())
            if (after is None or key > after) and _shown(before.get(key)) != _shown(now.get(key))
        ]
        return found if limit is None else found[:limit]

    def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        """A page, ascending."""
        known = {*self._values.sessions(), *self._secrets.sessions()}
        return page_of(known, after, limit)

    def purge_session(self, session_id: UUID) -> bool:
        """Whether there was anything."""
        gone = [self._values.purge(session_id), self._secrets.purge(session_id)]
        return any(gone)

    def _require_room(self, session_id: UUID, old: Value | None, key: str, text: str) -> None:
        """Refuse what is over a limit. Of a secret it is the text that counts here, as in memory."""
        before = [*self._values.all(session_id), *self._secrets.all(session_id)]
        after = [value for value in before if value is not old] + [Value(key, text, "", "")]
        require_limit(self._limits.session_keys, len(before), len(after))
        require_limit(self._limits.session_value_bytes, _bytes(before), _bytes(after))

    def _end(self, ttl: float | None) -> float | None:
        if ttl is not None and not 0 < ttl < math.inf:
            raise InvalidArgumentError("a time to live is above 0")
        return None if ttl is None else self._now() + ttl


def _shown(value: Value | None) -> object:
    """What of a value counts as a difference."""
    return value and (value.text, value.expires)


@contextmanager
def _placed(index: int) -> Iterator[None]:
    """An error says that it is of this one of several."""
    try:
        yield
    except EverstoreError as error:
        error.tell(index=index)
        raise


def _bytes(values: list[Value]) -> int:
    return sum(len(value.key.encode()) + len(value.text.encode()) for value in values)
