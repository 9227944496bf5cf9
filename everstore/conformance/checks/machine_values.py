"""The state machine of values and secrets, verb after verb beside the model."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from everstore.changes import DeleteValue, Increment, SetValue, TouchValue
from everstore.compat import override
from everstore.conformance.machine import Machine, run_machine, step
from everstore.conformance.matching import Step
from everstore.conformance.model import ModelLimits
from everstore.conformance.registry import check

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.changes import AnyValueChange
    from everstore.conformance.case import Case
    from everstore.store import Store

__all__ = ["ValueMachine"]

by_chance = partial(check, tags=("chance",))

_VALUES = ("", "0", "-7", "12", "x", "1.5", str(2**63 - 1), "\u00e9")
_ODD_KEYS = ("", "a\0", "x" * 1025, "\ud800")
_KEYS = ("a", "A", "ab", "a%", "a_", "/\u00e9", "/e\u0301", "a/b", "a ", "0")


_AT = st.integers(0, 3)
_FLAG = st.booleans()
_NAME = st.integers(0, 15)
_VALUE = st.sampled_from(_VALUES)
_KIND = st.sampled_from(["set", "delete", "touch", "increment"])
_CONDITION = st.sampled_from([None, None, None, "current", "outdated", "never", "absent"])


class ValueMachine(Machine):
    """Every verb of values and secrets, on a few keys that are easily taken for each other."""

    def key(self, which: int) -> str:
        """One of the run's keys."""
        return self.name(which, _KEYS, _ODD_KEYS)

    @override
    async def look(self, store: Store, session_id: UUID) -> None:
        await super().look(store, session_id)
        await self.pair.look_at_values(store, session_id, self.some(_KEYS))

    @step(at=_AT, key=_NAME, value=_VALUE, condition=_CONDITION)
    def set_value(self, at: int, key: int, value: str, condition: str | None) -> None:
        """Set, perhaps under a condition."""
        found = [one for one in self.model.storage.list_keys(self.session(at)) if one.key == self.key(key)]
        options = self.condition(at, self.key(key), condition, found[0].revision if found else None)
        self.call(at, "storage", "set_value", self.key(key), value, **options)

    @step(
        at=_AT,
        verb=st.sampled_from(["list_keys", "read_values"]),
        prefix=st.none() | _NAME,
        after=st.none() | _NAME,
        limit=st.sampled_from([None, 0, 1, 2]),
        reverse=_FLAG,
    )
    def look_at_page(
        self, at: int, verb: str, prefix: int | None, after: int | None, limit: int | None, *, reverse: bool
    ) -> None:
        """Look at a page."""
        begin = "" if prefix is None else self.key(prefix)[:2]
        last = None if after is None else self.key(after)
        self.call(at, "storage", verb, begin, after=last, limit=limit, reverse=reverse)

    @step(at=_AT, keys=st.lists(_NAME, max_size=4))
    def get_values(self, at: int, keys: list[int]) -> None:
        """Get several."""
        self.call(at, "storage", "get_values", [*map(self.key, keys)])

    @step(at=_AT, key=_NAME, amount=st.sampled_from([1, -1, 40, 2**62]))
    def increment_value(self, at: int, key: int, amount: int) -> None:
        """Increment."""
        self.call(at, "storage", "increment_value", self.key(key), amount)

    @step(at=_AT, keys=st.lists(_NAME, max_size=3), value=_VALUE, if_absent=_FLAG)
    def set_values(self, at: int, keys: list[int], value: str, *, if_absent: bool) -> None:
        """Set several, perhaps only where nothing is."""
        values = {self.key(key): f"{value}{place}" for place, key in enumerate(keys)}
        self.call(at, "storage", "set_values", values, if_absent=if_absent)

    @step(at=_AT, drawn=st.lists(st.tuples(_KIND, _NAME, _VALUE, _FLAG), max_size=4))
    def change_values(self, at: int, drawn: list[tuple[str, int, str, bool]]) -> None:
        """Make several changes."""
        changes = [_change(kind, self.key(key), value, flag=flag) for kind, key, value, flag in drawn]
        self.call(at, "storage", "change_values", changes)

    @step(at=_AT, key=_NAME, condition=_CONDITION.filter(lambda drawn: drawn != "absent"))
    def delete_value(self, at: int, key: int, condition: str | None) -> None:
        """Delete a value, perhaps under a condition."""
        found = [one for one in self.model.storage.list_keys(self.session(at)) if one.key == self.key(key)]
        options = self.condition(at, self.key(key), condition, found[0].revision if found else None)
        self.call(at, "storage", "delete_value", self.key(key), **options)

    @step(at=_AT, key=_NAME, ends=_FLAG)
    def touch_value(self, at: int, key: int, *, ends: bool) -> None:
        """Give a value a time to live that does not pass here, or take it away."""
        ends = ends and self.bench.case.capabilities.time_to_live
        self.call(at, "storage", "touch_value", self.key(key), ttl=1000 if ends else None)

    @step(at=_AT, name=_NAME, value=_VALUE)
    def set_secret(self, at: int, name: int, value: str) -> None:
        """Set a secret."""
        self.call(at, "storage", "set_secret", self.key(name), value)

    @step(at=_AT, name=_NAME)
    def delete_secret(self, at: int, name: int) -> None:
        """Delete a secret."""
        self.call(at, "storage", "delete_secret", self.key(name))

    @step(at=_AT, verb=st.sampled_from(["set_value", "set_secret"]), key=_NAME, value=_VALUE, short=_FLAG)
    def set_with_time_to_live(self, at: int, verb: str, key: int, value: str, *, short: bool) -> None:
        """Set for a thousand seconds, which do not pass here, or for one moment, which does."""
        if not self.bench.case.capabilities.time_to_live:
            return
        ttl = 0.002 if short else 1000
        call = Step("storage", verb, (self.session(at), self.key(key), value), {"ttl": ttl})
        if short:
            self.does(f"{self.line(at, call)}; await asyncio.sleep(0.01)", self.call_and_wait(at, call))
        else:
            self.make(at, call)

    async def call_and_wait(self, at: int, call: Step) -> object:
        """Make a call, and wait until what it set is over."""
        answer = await self.pair.call(self.client(at), call)
        await asyncio.sleep(0.01)
        self.model.now += 0.01
        return answer


@by_chance(
    "machine.values",
    "4.1.2", "4.6.1", "4.6.2", "6.1.1", "6.1.3", "6.1.11", "6.1.12", "6.1.13", "6.2.1", "6.2.3",
    "6.5.1", "6.5.2", "6.5.3",
    likely="two verbs disagree about a state that only a third one makes; the lines show how to get there",
)  # fmt: skip
async def values(case: Case) -> None:
    """Whatever is done with values and secrets, in whatever order, is answered and seen as by the model."""
    await run_machine(case, ValueMachine, runs=50, steps=20)


@by_chance(
    "machine.value_limits",
    "7.4.2", "7.4.6", "7.4.8", since="1.1",
    likely="keys are counted up and down by deltas, and one verb, or a time to live, counts wrongly",
)  # fmt: skip
async def value_limits(case: Case) -> None:
    """Whatever is done with values and secrets, exactly what exceeds a limit is refused."""
    await run_machine(case, ValueMachine, runs=40, steps=20, limits=ModelLimits(session_keys=3))


def _change(kind: str, key: str, value: str, *, flag: bool) -> AnyValueChange:
    """A change of a kind, of what was drawn."""
    kinds: dict[str, AnyValueChange] = {
        "set": SetValue(key, value, if_absent=flag),
        "delete": DeleteValue(key),
        "touch": TouchValue(key),
        "increment": Increment(key, -1 if flag else 3),
    }
    return kinds[kind]
