"""Several changes of values in one call: in order, all or nothing, and whose fault it was."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from everstore.changes import DeleteValue, Increment, SetValue, TouchValue
from everstore.conformance.case import Mismatch, refused
from everstore.conformance.checks.limits import limited
from everstore.conformance.registry import check as any_check
from everstore.conformance.registry import table as any_table
from everstore.errors import (
    EverstoreError,
    InvalidContentError,
    InvalidKeyError,
    QuotaExceededError,
    RevisionConflictError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from everstore.changes import AnyValueChange
    from everstore.conformance.case import Case
    from everstore.telling.observing import CallRecord

check = partial(any_check, since="1.2")
table = partial(any_table, since="1.2")

_AT_ONCE = 12
_TURNS = 25
_LONE: Any = "\ud800"


@check("values.changes.in_order", "4.8.1", likely="each change looks at what there was before all of them")
async def in_order(case: Case) -> None:
    """Each kind of change does what its verb does, to what those before it have left."""
    old = await case.storage.set_value("old", "x")
    await case.storage.change_values(
        [
            DeleteValue("old", if_revision=old.revision),
            SetValue("old", "new", if_absent=True),
            SetValue("n", "40"),
            Increment("n", 2),
            SetValue("gone", "x"),
            DeleteValue("gone"),
            Increment("gone", -1),
            SetValue("\u00e9", "\r\n\0"),
        ]
    )
    keys = [info.key for info in await case.storage.list_keys()]
    assert await case.storage.get_values(keys) == {"gone": "-1", "n": "42", "old": "new", "\u00e9": "\r\n\0"}


@check(
    "values.changes.answers", "4.8.3", likely="the answers are all of one kind, or of what is there at last"
)
async def answers(case: Case) -> None:
    """It answers what each verb answers, then, and nothing of nothing."""
    await case.storage.set_value("k", "x")
    first, total, touched, untouched, gone, absent, last = await case.storage.change_values(
        [
            SetValue("k", "y"),
            Increment("n", 5),
            TouchValue("k"),
            TouchValue("none"),
            DeleteValue("n"),
            DeleteValue("n"),
            SetValue("k", "z"),
        ]
    )
    assert (total, touched, untouched, gone, absent) == (5, True, False, True, False)
    assert [type(answer).__name__ for answer in (first, total, gone, last)] == [
        "KeyInfo",
        "int",
        "bool",
        "KeyInfo",
    ]
    assert last == await case.storage.stat_value("k")
    assert getattr(first, "revision", "") != getattr(last, "revision", "")
    async with case.untouched():
        assert await case.storage.change_values([]) == []


@check(
    "values.changes.for_a_while", "4.8.1", needs=("time_to_live",),
    likely="ends are of single sets only, or a touch among others is dropped",
)  # fmt: skip
async def for_a_while(case: Case) -> None:
    """What is set or touched for a while among others gets its end, and a touch without takes it away."""
    await case.storage.set_value("k", "x", ttl=3600)
    await case.storage.change_values(
        [SetValue("new", "x", ttl=3600), Increment("n"), TouchValue("n", ttl=3600), TouchValue("k")]
    )
    ends = {info.key: info.expires_ns is not None for info in await case.storage.list_keys()}
    assert ends == {"k": False, "n": True, "new": True}


_REFUSED: dict[str, tuple[AnyValueChange, type[EverstoreError]]] = {
    "set_if_revision": (SetValue("k", "x", if_revision="0"), RevisionConflictError),
    "set_if_absent": (SetValue("new", "x", if_absent=True), RevisionConflictError),
    "delete_if_revision": (DeleteValue("gone", if_revision="0"), RevisionConflictError),
    "increment": (Increment("k"), InvalidContentError),
}


@table(
    "values.changes.nothing.{row}",
    "4.8.2", "4.8.4",
    rows=_REFUSED,
    likely="what was changed before the refusal stays, or is put back by further changes",
)  # fmt: skip
async def nothing(case: Case, change: AnyValueChange, error: type[EverstoreError]) -> None:
    """Where one is refused nothing is changed, and its error tells its place: {row}."""
    await case.storage.set_value("k", "text")
    await case.storage.set_value("gone", "x")
    before: list[AnyValueChange] = [
        SetValue("new", "x"),
        DeleteValue("gone"),
        Increment("n"),
        SetValue("k", "y"),
    ]
    async with case.untouched():
        with refused(error) as caught:
            await case.storage.change_values([*before, change, SetValue("never", "x")])
    _require_index(caught.error, len(before))


@check("values.changes.alone", "4.8.4", likely="of one change no place is told")
async def alone(case: Case) -> None:
    """The error of a change that is alone has its place, too."""
    await case.storage.set_value("k", "text")
    async with case.untouched():
        with refused(RevisionConflictError) as caught:
            await case.storage.change_values([SetValue("k", "x", if_absent=True)])
    _require_index(caught.error, 0)


@table(
    "values.changes.first.{row}",
    "4.8.5",
    rows={
        "key": (InvalidKeyError, SetValue("", "x")),
        "value": (InvalidContentError, SetValue("b", _LONE)),
    },
    likely="a change is looked at when those before it are made",
)
async def before_any(case: Case, error: type[EverstoreError], change: AnyValueChange) -> None:
    """What no state would allow is told of before a condition that does not hold: {row}."""
    await case.storage.set_value("k", "text")
    async with case.untouched():
        with refused(error) as caught:
            await case.storage.change_values([SetValue("k", "x", if_absent=True), change])
    _require_index(caught.error, 1)


@check(
    "values.changes.too_large", "4.8.5", "7.4.2", likely="the size is looked at one change after the other"
)
async def too_large(case: Case) -> None:
    """A value that is too large by itself is told of before a condition that does not hold."""
    session = await limited(case, value_bytes=3)
    await session.storage.set_value("k", "0")
    before = await case.snapshot(session.id)
    with refused(QuotaExceededError) as caught:
        await session.storage.change_values([SetValue("k", "x", if_absent=True), SetValue("b", "1234")])
    _require_index(caught.error, 1)
    assert await case.snapshot(session.id) == before


@check(
    "values.changes.one_step", "4.8.2", "3.10.1", level="standard", tags=("concurrency",),
    likely="the changes are made one after another",
)  # fmt: skip
async def one_step(case: Case) -> None:
    """Nobody sees some of the changes without the others."""
    done = False

    async def write() -> None:
        nonlocal done
        for number in range(_TURNS):
            await case.storage.change_values(
                [SetValue("a", str(number)), SetValue("b", str(number)), Increment("n")]
            )
        done = True

    async def look() -> None:
        while not done:
            found = await case.storage.get_values(["a", "b", "n"])
            if found and {found.get("a"), found.get("b")} != {str(int(found.get("n", "0")) - 1)}:
                raise Mismatch("values of one moment", f"{found}")
            await asyncio.sleep(0)

    await asyncio.gather(write(), look(), look())


@check(
    "values.changes.beside", "4.8.2", "4.1.1", level="standard", tags=("concurrency",),
    likely="the condition is looked at in one step, and the changes behind it are made in another",
)  # fmt: skip
async def beside(case: Case) -> None:
    """Of many who add an entry to a log under one condition, each time exactly one does."""
    mark = await case.storage.set_value("mark", "0")

    async def add(number: int) -> bool:
        entry, head = (
            SetValue(f"entry {number}", "x"),
            SetValue("mark", str(number), if_revision=mark.revision),
        )
        try:
            await case.storage.change_values([entry, head])
        except RevisionConflictError:
            return False
        return True

    done = await asyncio.gather(*(add(number) for number in range(_AT_ONCE)))
    there = await case.storage.list_keys("entry ")
    if (sum(done), len(there)) != (1, 1):
        raise Mismatch("one entry", f"{sum(done)} acknowledged and {len(there)} there")
    assert there[0].key == f"entry {await case.storage.get_value('mark')}"


@check("values.changes.told", "4.8.6", likely="bytes are told of answers with one text only")
async def told(case: Case) -> None:
    """Who watches sees one call, with the bytes of the values that it sets."""
    seen: list[CallRecord] = []
    await case.store.close()
    case.store = await case.open(on_call=seen.append)
    changes: Sequence[AnyValueChange] = [SetValue("a", "xxx"), SetValue("b", "\u00e9"), Increment("n")]
    await case.store.storage.change_values(case.id, changes)
    await case.store.close()
    told = [(record.verb, record.role, record.outcome, record.bytes) for record in seen[-1:]]
    assert told == [("change_values", "storage", "ok", 5)]


def _require_index(error: EverstoreError, index: int) -> None:
    found = getattr(error, "index", None)
    if found != index:
        raise Mismatch(f"index={index}", f"{found!r}", field="index")
