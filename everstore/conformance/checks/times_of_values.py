"""restore_times of values and secrets: they get the times that they had elsewhere, and nothing else."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from everstore.changes import SecretTimes, ValueTimes
from everstore.clock import now_ns, stopped, turned
from everstore.conformance.acts import TIMES
from everstore.conformance.case import Mismatch
from everstore.conformance.checks.times import (
    AT_ONCE,
    HOUR_NS,
    LATEST_NS,
    TURNS,
    marked,
    require_moved_on,
    restore_texts,
    stamps_of,
)
from everstore.conformance.registry import check
from everstore.conformance.scene import LARGE

if TYPE_CHECKING:
    from everstore.conformance.case import Case


async def _fill_storage(case: Case) -> None:
    await asyncio.gather(
        case.storage.set_value("k", "text\0"),
        case.storage.set_value("large", LARGE),
        case.storage.set_value("n", "5"),
        case.storage.set_secret("s", "secret"),
        case.storage.set_secret("k", "of the same name"),
    )
    if case.capabilities.time_to_live:
        await case.storage.set_value("brief", "x", ttl=3600)
        await case.storage.set_secret("brief", "x", ttl=3600)


@check("times.storage", "6.7.1", since="1.3", likely="secrets, or what is kept in pieces, are left out")
async def storage(case: Case) -> None:
    """Values and secrets have the times that they are given, in every answer, of the same name too."""
    await _fill_storage(case)
    await restore_texts(
        case,
        ValueTimes("k", *TIMES),
        SecretTimes("k", 1, 2),
        ValueTimes("large", 3, 4),
        SecretTimes("s", 5, 6),
    )
    values = {each.key: each for each in (*await case.storage.read_values(), *await case.storage.list_keys())}
    for key, times in {"k": TIMES, "large": (3, 4)}.items():
        for info in (await case.storage.stat_value(key), await case.storage.read_value(key), values[key]):
            if stamps_of(info) != times:
                raise Mismatch(f"value {key!r} with {times}", f"{stamps_of(info)}", field="updated_at")
    secrets = {info.name: stamps_of(info) for info in await case.storage.list_secrets()}
    found = {name: secrets[name] for name in "ks"}
    if found != {"k": (1, 2), "s": (5, 6)}:
        raise Mismatch("secrets with the times (1, 2) and (5, 6)", f"{found}", field="updated_at")


@check(
    "times.storage.nothing_else", "6.7.2", "3.2.8", "4.6.1", since="1.3",
    likely="it is a set of the same text, with a new revision, or one that never ends",
)  # fmt: skip
async def storage_nothing_else(case: Case) -> None:
    """Texts, ends and revisions stay, so that a condition holds, and so do all others."""
    await _fill_storage(case)
    before = await marked(case)
    brief: list[ValueTimes | SecretTimes] = []
    if case.capabilities.time_to_live:
        brief = [ValueTimes("brief", *TIMES), SecretTimes("brief", *TIMES)]
    await restore_texts(
        case, ValueTimes("k", *TIMES), SecretTimes("s", *TIMES), ValueTimes("large", *TIMES), *brief
    )
    after = await marked(case)
    assert before.keys() == after.keys()
    changed = {"value k", "secret s", "value large", "value brief", "secret brief"}
    for place, (info, text) in after.items():
        was, had = before[place]
        one, other = (was.revision, was.expires_ns, had), (info.revision, info.expires_ns, text)
        if one != other:
            raise Mismatch(f"revision, end and text of {place!r} as before", "others")
        if place not in changed and was != info:
            raise Mismatch.of(was, info, f"{place} untouched")
    await case.storage.set_value("k", "y", if_revision=before["value k"][0].revision)


@check(
    "times.storage.absent", "6.7.3", since="1.3",
    likely="what is missing is made, a value stands for a secret, or the first of two counts",
)  # fmt: skip
async def storage_absent(case: Case) -> None:
    """Where nothing is it is False, and nothing is made; of two of one key the last counts."""
    await _fill_storage(case)
    wrong = ValueTimes("s", 1, 2), SecretTimes("n", 1, 2), ValueTimes("K", 1, 2)
    async with case.untouched():
        assert await restore_texts(case) == []
        assert await restore_texts(case, *wrong) == [False, False, False]
        assert await case.store.storage.restore_times(case.new_id(), [ValueTimes("k", 1, 2)]) == [False]
    answer = await restore_texts(
        case, ValueTimes("n", 3, 4), wrong[0], SecretTimes("s", 5, 6), ValueTimes("n", 7, 8)
    )
    assert answer == [True, False, True, True]
    info = await case.storage.stat_value("n")
    if stamps_of(info) != (7, 8):
        raise Mismatch("the last times of 'n', (7, 8)", f"{stamps_of(info)}")


@check(
    "times.storage.over", "6.7.3", "6.5.1", "6.5.6", since="1.3", needs=("time_to_live",),
    likely="what is over and not swept yet is found, or comes back",
)  # fmt: skip
async def storage_over(case: Case) -> None:
    """What is past its time is not there for it, at its very end neither."""
    with stopped():
        await case.storage.set_value("k", "x", ttl=1)
        await case.storage.set_secret("s", "x", ttl=1)
        with turned(1):
            assert await restore_texts(case, ValueTimes("k", 1, 2), SecretTimes("s", 1, 2)) == [False, False]
            assert await case.storage.get_value("k") is None
            assert await case.storage.get_secret("s") is None
            info = await case.storage.set_value("k", "y")
            assert info.created_ns == info.updated_ns > TIMES[1]


@check(
    "times.storage.go_on", "6.7.4", "6.1.6", "3.2.6", since="1.3",
    likely="what is set next is as old as what was restored, or is created anew",
)  # fmt: skip
async def storage_go_on(case: Case) -> None:
    """What is set next keeps created_at; updated_at moves to the clock's time, or on from a later one."""
    for updated_ns in (TIMES[1], now_ns() + 2 * HOUR_NS, LATEST_NS):
        await case.storage.set_value("n", "1")
        await case.storage.set_secret("s", "x")
        for change in (partial(case.storage.set_value, "n", "2"), partial(case.storage.increment_value, "n")):
            await restore_texts(case, ValueTimes("n", TIMES[0], updated_ns))
            before = await case.storage.stat_value("n")
            await change()
            after = await case.storage.stat_value("n")
            require_moved_on(TIMES[0], before, after, f"of what was updated at {updated_ns}")
        await restore_texts(case, SecretTimes("s", TIMES[0], updated_ns))
        [was] = await case.storage.list_secrets()
        await case.storage.set_secret("s", "y")
        [info] = await case.storage.list_secrets()
        require_moved_on(TIMES[0], was, info, f"of a secret that was updated at {updated_ns}")


@check(
    "times.storage.one_step", "6.7.3", "3.10.1", since="1.3", level="standard", tags=("concurrency",),
    likely="the times are set one after the other, and whoever looks meanwhile sees some of them",
)  # fmt: skip
async def storage_one_step(case: Case) -> None:
    """Whoever lists keys meanwhile sees the times of all from before, or from after, and no set is lost."""
    keys = [f"k{at}" for at in range(AT_ONCE)]
    await case.storage.set_values(dict.fromkeys([*keys, "n"], "0"))
    await restore_texts(case, *(ValueTimes(key, 0, 0) for key in keys))

    async def look() -> None:
        for _ in range(TURNS):
            seen = {stamps_of(info) for info in await case.storage.list_keys("k")}
            assert len(seen) == 1, f"times of {len(seen)} moments in one listing: {sorted(seen)}"
            await asyncio.sleep(0)

    async def restore() -> None:
        for turn in range(1, TURNS):
            await restore_texts(case, *(ValueTimes(key, turn, turn) for key in [*keys, "n"]))

    async def count() -> None:
        for _ in range(TURNS):
            await case.storage.increment_value("n")

    await asyncio.gather(look(), restore(), count())
    assert await case.storage.get_value("n") == str(TURNS)
