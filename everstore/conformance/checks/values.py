"""Values: set, get, delete, list, conditions, counters."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import InvalidContentError, InvalidKeyError, RevisionConflictError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.models import KeyInfo

_MAX_64 = (1 << 63) - 1


async def _info(case: Case, key: str) -> KeyInfo:
    found = await case.storage.stat_value(key)
    assert found is not None, f"{key!r} is missing"
    return found


@check("values.absent", "6.1.1", "6.1.2", likely="what is absent is an error, or the empty value")
async def absent(case: Case) -> None:
    """An absent key is None, has no entry, and cannot be deleted."""
    await case.storage.set_value("other", "x")
    assert await case.storage.get_value("k") is None
    assert await case.storage.stat_value("k") is None
    assert await case.storage.delete_value("k") is False


@table(
    "values.overwrite.{row}",
    "6.1.1",
    rows={"longer": ("a", "a longer one"), "shorter": ("a longer one", "a"), "by_nothing": ("a", "")},
    likely="a part of the old value survives",
)
async def overwrite(case: Case, before: str, after: str) -> None:
    """Setting again replaces the whole value: {row}."""
    await case.storage.set_value("k", before)
    await case.storage.set_value("k", after)
    assert await case.storage.get_value("k") == after


@check("values.delete", "6.1.2", likely="keys are deleted by prefix or pattern")
async def delete(case: Case) -> None:
    """delete_value removes exactly that key, and is True once."""
    keys = ["a", "a:b", "a/b", "aa", "A", "a*", "a%", "a_"]
    for key in keys:
        await case.storage.set_value(key, key)
    for key in list(keys):
        assert await case.storage.delete_value(key) is True
        assert await case.storage.delete_value(key) is False
        keys.remove(key)
        assert [info.key for info in await case.storage.list_keys()] == sorted(keys)


@check("values.list.sorted", "6.1.3", likely="keys are sorted by locale, by case folding or by UTF-16")
async def list_sorted(case: Case) -> None:
    """list_keys has every key, sorted by code point."""
    keys = [
        "b",
        "a",
        "B",
        "a b",
        "a-b",
        "a.b",
        "a/b",
        "é",
        "e\u0301",
        "\uffff",
        "\U0001f600",
        "10",
        "9",
        "~",
        " ",
    ]
    for key in keys:
        await case.storage.set_value(key, "x")
    assert [info.key for info in await case.storage.list_keys()] == sorted(keys)


@table(
    "values.keys.{row}",
    "6.1.7",
    "6.1.4",
    "6.2.1",
    rows={
        "slashes": ("/a", "a", "a/", "a//b", "/"),
        "dots": (".", "..", "a/../b", "./a"),
        "spaces": (" ", "a ", " a", "a"),
        "case": ("Key", "key", "KEY"),
        "normal_forms": ("\u00e9", "e\u0301"),
        "separators": ("a:b", "a", "b", ":", "a::b", "a|b", "a\nb", "a\tb"),
        "wildcards": ("*", "%", "_", "a*", "?", "[a]"),
        "quotes": ("'", '"', "`", "';--", "\\", "\\\\"),
        "zero_width": ("a", "a\u200b", "\ufeffa"),
        "longest": ("k" * 1024, "k" * 1023, "é" * 512),
    },
    likely="keys are normalised, joined with a separator, or cut",
)
async def keys(case: Case, *names: str) -> None:
    """Keys, and names of secrets, are compared byte for byte, and any text will do: {row}."""
    for name in names:
        await case.storage.set_value(name, f"value of {name}")
        await case.storage.set_secret(name, f"secret of {name}")
    assert [await case.storage.get_value(name) for name in names] == [f"value of {name}" for name in names]
    assert [await case.storage.get_secret(name) for name in names] == [f"secret of {name}" for name in names]
    assert [info.key for info in await case.storage.list_keys()] == sorted(names)
    assert [info.name for info in await case.storage.list_secrets()] == sorted(names)


@table(
    "values.refused_keys.{row}",
    "6.1.4",
    rows={
        "empty": ("",),
        "nul": ("a\0b",),
        "too_long": ("k" * 1025,),
        "too_long_in_bytes": ("é" * 513,),
        "lone_surrogate": ("a\ud800",),
        "no_text": (7,),
    },
    likely="keys are not validated, or are measured in characters",
)
async def refused_keys(case: Case, key: Any) -> None:
    """What cannot be a key, or a secret's name, is InvalidKeyError in every verb: {row}."""
    storage = case.storage
    calls: list[Callable[[], Awaitable[Any]]] = [
        partial(storage.set_value, key, "x"),
        partial(storage.set_values, {"new": "x", key: "x"}),
        partial(storage.touch_value, key, ttl=None),
        partial(storage.set_secret, key, "x"),
    ]
    taking_a_key = (
        *(storage.get_value, storage.delete_value, storage.stat_value, storage.increment_value),
        *(storage.get_secret, storage.delete_secret),
    )
    calls.extend(partial(verb, key) for verb in taking_a_key)
    async with case.untouched():
        for call in calls:
            with refused(InvalidKeyError):
                await call()


@check("values.refused_values", "6.1.4", likely="values are not validated")
async def refused_values(case: Case) -> None:
    """A lone surrogate, or what is no text, is no value and no secret."""
    await case.storage.set_value("k", "before")
    not_text: Any = b"x"
    async with case.untouched():
        for value in ("a\ud800", not_text):
            with refused(InvalidContentError):
                await case.storage.set_value("k", value)
            with refused(InvalidContentError):
                await case.storage.set_values({"new": "x", "k": value})
            with refused(InvalidContentError):
                await case.storage.set_secret("k", value)


@check("values.times", "6.1.6", likely="an update deletes and creates, or leaves updated_at")
async def times(case: Case) -> None:
    """An update keeps created_at and moves updated_at and the revision."""
    await case.storage.set_value("k", "one")
    first = await _info(case, "k")
    assert first.created_at == first.updated_at
    await asyncio.sleep(0.005)
    await case.storage.set_value("k", "two")
    second = await _info(case, "k")
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at
    assert second.revision != first.revision


@check("values.created_after_delete", "6.1.6", "4.1.2", likely="a deleted key's record is revived")
async def created_after_delete(case: Case) -> None:
    """A key that is set again after a delete is a new one, with a revision it never had."""
    seen = []
    for _ in range(3):
        await case.storage.set_value("k", "x")
        seen.append((await _info(case, "k")).revision)
        await asyncio.sleep(0.002)
        await case.storage.delete_value("k")
    await case.storage.set_value("k", "x")
    last = await _info(case, "k")
    assert last.created_at == last.updated_at
    assert last.revision not in seen
    assert len(set(seen)) == 3


@check("values.stat", "6.1.8", "4.1.3", likely="stat_value and list_keys are kept apart")
async def stat(case: Case) -> None:
    """stat_value answers with what list_keys shows."""
    for key in ("a", "b"):
        await case.storage.set_value(key, key)
    await case.storage.increment_value("c")
    listed = await case.storage.list_keys()
    assert [await case.storage.stat_value(info.key) for info in listed] == listed


@check("values.condition.holds", "4.6.1", likely="if_revision is compared in another form than it is shown")
async def condition_holds(case: Case) -> None:
    """A value is set under the conditions that hold."""
    await case.storage.set_value("k", "0", if_absent=True)
    for number in range(1, 4):
        await case.storage.set_value("k", str(number), if_revision=(await _info(case, "k")).revision)
    assert await case.storage.get_value("k") == "3"


@check("values.condition.fails", "4.6.1", "4.2.3", likely="a condition on a value is ignored")
async def condition_fails(case: Case) -> None:
    """A value is not set under a condition that does not hold, and the current revision is told."""
    await case.storage.set_value("k", "")
    old = await _info(case, "k")
    await case.storage.set_value("k", "two")
    current = await _info(case, "k")
    async with case.untouched():
        with refused(RevisionConflictError) as stale:
            await case.storage.set_value("k", "x", if_revision=old.revision)
        with refused(RevisionConflictError) as taken:
            await case.storage.set_value("k", "x", if_absent=True)
        with refused(RevisionConflictError) as missing:
            await case.storage.set_value("none", "x", if_revision=old.revision)
    found = [caught.error.current_revision for caught in (stale, taken, missing)]
    assert found == [current.revision, current.revision, None]


@check("values.increment.from_nothing", "4.6.2", likely="an absent counter is refused, or counts from 1")
async def increment_from_nothing(case: Case) -> None:
    """An absent key counts as 0, and the sum is kept as decimal text."""
    answers = [await case.storage.increment_value("k"), await case.storage.increment_value("k", 41)]
    assert answers == [1, 42]
    assert await case.storage.get_value("k") == "42"


@table(
    "values.increment.{row}",
    "4.6.2",
    "4.6.5",
    rows={
        "nothing_by_nothing": (None, 0, 0),
        "nothing_by_the_largest": (None, _MAX_64, _MAX_64),
        "nothing_by_the_smallest": (None, -_MAX_64 - 1, -_MAX_64 - 1),
        "by_more_than_53_bits": ("1", (1 << 53) + 1, (1 << 53) + 2),
        "down_by_more_than_53_bits": ("-1", -(1 << 62) - 1, -(1 << 62) - 2),
        "zeros_in_front": ("007", 1, 8),
        "zeros_behind_the_sign": ("-0010", 3, -7),
        "negative_zero": ("-0", 0, 0),
        "twenty_digits": ("0" * 19 + "5", 0, 5),
        "twenty_digits_and_a_sign": ("-" + "0" * 18 + "10", 1, -9),
        "to_zero": ("-7", 7, 0),
        "from_end_to_end": (str(-_MAX_64 - 1), _MAX_64, -1),
        "from_the_largest_by_the_smallest": (str(_MAX_64), -_MAX_64 - 1, -1),
        "the_largest_by_nothing": (str(_MAX_64), 0, _MAX_64),
        "the_smallest_by_nothing": (str(-_MAX_64 - 1), 0, -_MAX_64 - 1),
        "back_from_beyond": (str(_MAX_64 + 1), -1, _MAX_64),
        "down": ("5", -7, -2),
        "by_nothing": ("5", 0, 5),
        "from_negative": ("-1", 1, 0),
        "beyond_32_bits": ("2147483647", 1, 2_147_483_648),
        "beyond_53_bits": ("9007199254740992", 1, 9_007_199_254_740_993),
        "to_the_largest": (str(_MAX_64 - 1), 1, _MAX_64),
        "to_the_smallest": (str(-_MAX_64), -1, -_MAX_64 - 1),
    },
    likely="the counter is a float, or has too few bits",
)
async def increment(case: Case, before: str | None, amount: int, after: int) -> None:
    """increment_value adds any amount to any integer of 64 bits, or to none, and keeps the sum: {row}."""
    if before is not None:
        await case.storage.set_value("k", before)
    assert await case.storage.increment_value("k", amount) == after
    assert await case.storage.get_value("k") == str(after)


@table(
    "values.increment_refused.{row}",
    "4.6.4",
    "4.6.5",
    rows={
        "plus": ("+5", 1),
        "only_a_sign": ("-", 1),
        "two_signs": ("--5", 1),
        "sign_behind": ("5-", 1),
        "space_behind_the_sign": ("- 5", 1),
        "space_behind": ("5 ", 1),
        "tab": ("\t5", 1),
        "no_break_space": ("\xa05", 1),
        "nul_behind": ("5\0", 1),
        "bom": ("\ufeff5", 1),
        "other_minus": ("\u22125", 1),
        "full_width_digits": ("\uff15", 1),
        "digit_of_another_script": ("1\u0967", 1),
        "superscript": ("5\xb2", 1),
        "binary": ("0b1", 1),
        "octal": ("0o7", 1),
        "whole_fraction": ("5.0", 1),
        "thousands": ("1,000", 1),
        "true": ("True", 1),
        "infinite": ("inf", 1),
        "quoted": ('"5"', 1),
        "twenty_one_digits": ("0" * 20 + "5", 1),
        "largest_and_one": (str(_MAX_64), _MAX_64),
        "smallest_and_one": (str(-_MAX_64 - 1), -_MAX_64 - 1),
        "word": ("abc", 1),
        "empty": ("", 1),
        "fraction": ("1.5", 1),
        "exponent": ("1e3", 1),
        "space": (" 1", 1),
        "newline": ("1\n", 1),
        "hexadecimal": ("0x10", 1),
        "underscore": ("1_000", 1),
        "other_digits": ("\u0661", 1),
        "too_large": (str(_MAX_64), 1),
        "too_small": (str(-_MAX_64 - 1), -1),
        "amount_too_large": ("1", _MAX_64 + 1),
        "far_too_large": ("9" * 40, 1),
    },
    likely="int() or the database's cast decides what is an integer, or the sum wraps",
)
async def increment_refused(case: Case, value: str, amount: int) -> None:
    """What is no integer, or leaves 64 bits, is InvalidContentError, and the value stays: {row}."""
    await case.storage.set_value("k", value)
    async with case.untouched():
        with refused(InvalidContentError):
            await case.storage.increment_value("k", amount)
