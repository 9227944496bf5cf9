"""Values: what a set tells of itself, many set at once, and what is deleted on condition."""

from __future__ import annotations

import asyncio
from collections import UserDict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from everstore.compat import override
from everstore.conformance.case import Mismatch, gather, refused
from everstore.conformance.checks.expiry import require_end
from everstore.conformance.checks.limits import limited
from everstore.conformance.registry import check, table
from everstore.errors import (
    InvalidArgumentError,
    InvalidContentError,
    InvalidKeyError,
    QuotaExceededError,
    RevisionConflictError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from everstore.conformance.case import Case
    from everstore.models import KeyInfo
    from everstore.session import BoundStorage

    Set = Callable[[BoundStorage], Awaitable[KeyInfo]]

_AT_ONCE = 12
_HOUR = 3600
_ENDS = ("time_to_live",)


async def _conditional(storage: BoundStorage) -> KeyInfo:
    first = await storage.set_value("k", "one")
    return await storage.set_value("k", "two", if_revision=first.revision)


async def _onto(storage: BoundStorage) -> KeyInfo:
    await storage.set_value("k", "one")
    return await storage.set_value("k", "two")


@table(
    "values.told.{row}",
    "6.1.15",
    "4.1.3",
    since="1.2",
    rows={
        "new": (lambda storage: storage.set_value("k", "x"),),
        "onto": (_onto,),
        "if_absent": (lambda storage: storage.set_value("k", "x", if_absent=True),),
        "if_revision": (_conditional,),
    },
    likely="this way the answer is made of other marks than what is kept",
)
async def told(case: Case, put: Set) -> None:
    """set_value answers with what stat_value then shows: {row}."""
    info = await put(case.storage)
    stat = await case.storage.stat_value("k")
    if info != stat:
        raise Mismatch.of(stat, info, "the answer")


@check(
    "values.told.for_a_while", "6.1.15", since="1.2", needs=_ENDS,
    likely="the end is told as it was asked for, and kept as something else",
)  # fmt: skip
async def told_for_a_while(case: Case) -> None:
    """set_value answers with the end that it gave to the value."""
    info = await case.storage.set_value("k", "x", ttl=_HOUR)
    require_end(info.expires_ns, _HOUR, "what is told of 'k'")
    assert info == await case.storage.stat_value("k")


@check(
    "values.told.beside", "6.1.15", since="1.2", level="standard", tags=("concurrency",),
    likely="the answer is looked up when the write is done",
)  # fmt: skip
async def told_beside(case: Case) -> None:
    """Each of many sets of a key at once is told its own revision."""
    calls = (case.storage.set_value("k", str(number)) for number in range(_AT_ONCE))
    infos = await asyncio.gather(*calls)
    last = await case.storage.stat_value("k")
    revisions = {info.revision for info in infos}
    if len(revisions) < _AT_ONCE:
        raise Mismatch(f"{_AT_ONCE} revisions", f"{len(revisions)}", field="revision")
    assert last in infos


# -- many


@check(
    "values.many", "4.6.6", since="1.2", likely="the answers are in the order of the keys or of the storage"
)
async def many(case: Case) -> None:
    """set_values sets each, and answers with their records in the order of the mapping."""
    await case.storage.set_value("b", "old")
    values = {"z": "", "b": "2\r\n", "a": "3", "é": "\0"}
    infos = await case.storage.set_values(values)
    assert [info.key for info in infos] == list(values)
    assert [await case.storage.stat_value(key) for key in values] == infos
    assert {key: await case.storage.get_value(key) for key in values} == values
    assert len({info.revision for info in infos}) == len(values)


@check(
    "values.many.nothing", "4.6.6", since="1.2", likely="an empty mapping is refused, or answered with None"
)
async def many_of_nothing(case: Case) -> None:
    """No values are set, and answered with an empty list."""
    async with case.untouched():
        assert await case.storage.set_values({}) == []
        assert await case.storage.set_values({}, if_absent=True) == []


@table(
    "values.many.of_{row}",
    "4.6.6",
    since="1.2",
    rows={"a_view": (MappingProxyType,), "another_mapping": (UserDict,)},
    likely="only a dict is taken, or what is no dict is gone through twice",
)
async def many_of(case: Case, kind: Callable[[dict[str, str]], Mapping[str, str]]) -> None:
    """Any mapping may be set: {row}."""
    infos = await case.storage.set_values(kind({"b": "1", "a": "2"}))
    assert [info.key for info in infos] == ["b", "a"]
    assert await case.storage.get_value("a") == "2"


@check(
    "values.many.if_absent", "4.6.7", since="1.2",
    likely="what comes before the one that is there is set, or the condition is asked of the first only",
)  # fmt: skip
async def many_if_absent(case: Case) -> None:
    """With if_absent nothing is set where one of the keys is there, and the conflict tells which."""
    await case.storage.set_values({"a": "1", "b": "2"}, if_absent=True)
    there = await case.storage.stat_value("b")
    assert there is not None
    async with case.untouched():
        with refused(RevisionConflictError) as caught:
            await case.storage.set_values({"new": "x", "b": "x", "a": "x"}, if_absent=True)
    error = caught.error
    assert (error.place, error.current_revision, error.index) == ("b", there.revision, 1)
    await case.storage.delete_value("b")
    await case.storage.set_values({"new": "x", "b": "x"}, if_absent=True)


_LONE: Any = "\ud800"


@table(
    "values.many.refused.{row}",
    "4.6.8",
    since="1.2",
    rows={
        "key": (InvalidKeyError, {"new": "x", "": "y"}, 1),
        "value": (InvalidContentError, {"new": "x", "k": "y", "other": _LONE}, 2),
        "alone": (RevisionConflictError, {"k": "x"}, 0),
        "before_a_conflict": (InvalidKeyError, {"k": "x", "a\0": "y"}, 1),
    },
    likely="the place is counted from 1, or is missing where there is one only or where a guard refuses",
)
async def many_refused(case: Case, error: type[Exception], values: dict[str, str], index: int) -> None:
    """What refuses set_values is of one key, and tells its place: {row}."""
    await case.storage.set_value("k", "there")
    async with case.untouched():
        with refused(error) as caught:
            await case.storage.set_values(values, if_absent=True)
    if getattr(caught.error, "index", None) != index:
        raise Mismatch(f"index={index}", f"{getattr(caught.error, 'index', None)!r}", field="index")


class _Spelled(str):
    """A text that is another key to a dictionary than what it spells."""

    __slots__ = ()
    __hash__ = object.__hash__

    @override
    def __eq__(self, other: object) -> bool:
        return self is other


@check(
    "values.many.twice", "4.6.8", "3.11.3", since="1.2", level="standard", tags=("hostile",),
    likely="of two that are alike one is dropped without a word",
)  # fmt: skip
async def many_twice(case: Case) -> None:
    """A mapping in which two keys are one, being of kinds of their own, is refused."""
    async with case.untouched():
        with refused(InvalidArgumentError):
            await case.storage.set_values({"k": "1", _Spelled("k"): "2"})


@check(
    "values.many.one_step", "4.6.6", "3.10.1", since="1.2", level="standard", tags=("concurrency",),
    likely="the values are set one after another",
)  # fmt: skip
async def many_one_step(case: Case) -> None:
    """Nobody sees some of the values without the others."""
    names, rounds = ("a", "b", "c"), 25
    await case.storage.set_values(dict.fromkeys(names, "0"))
    done = False

    async def write() -> None:
        nonlocal done
        for number in range(1, rounds):
            await case.storage.set_values(dict.fromkeys(names, str(number)))
        done = True

    async def look() -> None:
        while not done:
            first, last = [await case.storage.get_value(name) for name in (names[-1], names[0])]
            # Looked at later, and set with it: so at least as new.
            if int(last or 0) < int(first or 0):
                raise Mismatch(f"{names[0]!r} to be {first!r} or later", f"{last!r}")
            await asyncio.sleep(0)

    await asyncio.gather(write(), look(), look())


@table(
    "limits.many_values.{row}",
    "7.4.1",
    "7.4.2",
    "4.6.8",
    since="1.2",
    rows={
        "session_keys": ({"session_keys": 3}, {"a": "1", "b": "2", "k": "3", "c": "4"}, 3),
        "session_value_bytes": ({"session_value_bytes": 9}, {"a": "123", "b": "1234"}, 1),
        "value_bytes": ({"value_bytes": 3}, {"a": "123", "b": "1234", "c": "12345"}, 1),
        "key_bytes": ({"key_bytes": 3}, {"abc": "1", "abcd": "2"}, 1),
    },
    likely="each value is held against the limit by itself, with what was there before the call",
)
async def many_limited(case: Case, limits: dict[str, int], values: dict[str, str], index: int) -> None:
    """Each of many values counts with those before it, and the first that is too much refuses all: {row}."""
    session = await limited(case, **limits)
    await session.storage.set_value("k", "0")
    *fitting, _ = list(values.items())[: index + 1]
    before = await case.snapshot(session.id)
    with refused(QuotaExceededError) as caught:
        await session.storage.set_values(values)
    assert (caught.error.index, caught.error.place) == (index, list(values)[index])
    assert await case.snapshot(session.id) == before
    await session.storage.set_values(dict(fitting))


@check(
    "limits.many_values.by_itself",
    "4.6.8",
    "7.4.2",
    since="1.2",
    likely="the session's limits are held against each key in turn, together with those of its size",
)
async def many_too_large(case: Case) -> None:
    """What is too large by itself is told of before what the session may not hold, wherever it stands."""
    session = await limited(case, session_keys=1, value_bytes=3)
    await session.storage.set_value("k", "0")
    before = await case.snapshot(session.id)
    with refused(QuotaExceededError) as caught:
        await session.storage.set_values({"new": "1", "k": "1234"})
    assert (caught.error.index, caught.error.place, caught.error.limit) == (1, "k", "value_bytes")
    assert await case.snapshot(session.id) == before


# -- deleting


@check("values.delete.condition", "4.6.9", since="1.2", likely="the condition of a deletion is ignored")
async def delete_condition(case: Case) -> None:
    """delete_value deletes what has the revision, and nothing else; what is absent has none."""
    old = await case.storage.set_value("k", "one")
    new = await case.storage.set_value("k", "two")
    async with case.untouched():
        with refused(RevisionConflictError) as stale:
            await case.storage.delete_value("k", if_revision=old.revision)
        with refused(RevisionConflictError) as absent:
            await case.storage.delete_value("none", if_revision=old.revision)
        with refused(RevisionConflictError):
            await case.storage.delete_value("k", if_revision="no revision")
    told = [(caught.error.place, caught.error.current_revision) for caught in (stale, absent)]
    assert told == [("k", new.revision), ("none", None)]
    assert stale.error.expected_revision == old.revision
    assert await case.storage.delete_value("k", if_revision=new.revision) is True
    assert await case.storage.get_value("k") is None
    with refused(RevisionConflictError):
        await case.storage.delete_value("k", if_revision=new.revision)


@check(
    "values.delete.condition_beside", "4.6.9", since="1.2", level="standard", tags=("concurrency",),
    likely="the revision is compared in one step, and deleted in another",
)  # fmt: skip
async def delete_condition_beside(case: Case) -> None:
    """A set that is acknowledged is not deleted by who knows the revision before it."""
    for number in range(_AT_ONCE):
        old = await case.storage.set_value(f"k{number}", "old")
        deleted, put = await gather(
            case.storage.delete_value(f"k{number}", if_revision=old.revision),
            case.storage.set_value(f"k{number}", "new", if_revision=old.revision),
        )
        done = [answer for answer in (deleted, put) if not isinstance(answer, RevisionConflictError)]
        assert len(done) == 1, f"of a deletion and a set under one condition {len(done)} were done"
        expected = "new" if isinstance(deleted, RevisionConflictError) else None
        assert await case.storage.get_value(f"k{number}") == expected
