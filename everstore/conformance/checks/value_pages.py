"""Values looked at together: with their revisions, by their keys, page by page."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import Mismatch
from everstore.conformance.registry import check, table
from everstore.errors import RevisionConflictError

if TYPE_CHECKING:
    from everstore.conformance.case import Case

_LAST = "\U0010ffff"
# More than an index holds of a key is the same; in the order of code points.
_LONG = sorted(f"l{'k' * size}{end}" for size in (600, 1000) for end in ("", "a", "b", "\u00e9"))
# In the order of code points, which neither UTF-16 nor a locale has; what ends a range is among them.
_KEYS = [
    *(" ", "0", "10", "9", "A", "a", "a%", "a*", "a0", "aB", "a_", "aa", "ab", "ab\x01", "abc", "b"),
    *_LONG,
    *("\u00e9", "\ud7ff", "\ud7ff.", "\ue000", "\uffff", "\U0001f600", "\U0001f600a"),
    *(_LAST, f"{_LAST}.", _LAST * 2),
]


async def _fill(case: Case) -> None:
    for key in case.random.sample(_KEYS, len(_KEYS)):
        await case.storage.set_value(key, f"value of {key}")


@check("values.read", "6.1.10", since="1.2", likely="text, revision and times are three looks")
async def read(case: Case) -> None:
    """read_value answers with the text, and with what stat_value shows; absent is None."""
    assert await case.storage.read_value("k") is None
    for text in ("one", "", "e\u0301"):
        await case.storage.set_value("k", text)
        found = await case.storage.read_value("k")
        assert found is not None
        assert (found.key, found.value, found.text) == ("k", text, text)
        assert found.info() == await case.storage.stat_value("k")
    await case.storage.delete_value("k")
    assert await case.storage.read_value("k") is None


@check(
    "values.read_of_one_moment",
    "6.1.10",
    "6.1.12",
    since="1.2",
    level="standard",
    tags=("concurrency",),
    likely="the text is of another moment than the revision, and an update that believes it loses one",
)
async def read_of_one_moment(case: Case) -> None:
    """Who reads a value, alone or in a page, and sets it under that revision, loses nobody's update."""
    for turn in range(4):  # on a busy machine those who read alone may come after the others
        key = f"n{turn}"
        await case.storage.set_value(key, "0")
        await asyncio.gather(*(_add(case, key, paged=number % 2 > 0) for number in range(4)))
        assert await case.storage.get_value(key) == "20"


async def _add(case: Case, key: str, *, paged: bool) -> None:
    """Add one five times, each time to what was read under its revision."""
    for _ in range(5):
        while True:
            page = await case.storage.read_values(key, limit=1) if paged else []
            found = page[0] if paged else await case.storage.read_value(key)
            assert found is not None
            await asyncio.sleep(0)
            try:
                await case.storage.set_value(key, str(int(found.value) + 1), if_revision=found.revision)
            except RevisionConflictError:
                continue
            break


@check(
    "values.get_several",
    "6.1.11",
    since="1.2",
    likely="they come as they are stored, or the first is missing",
)
async def get_several(case: Case) -> None:
    """get_values answers with the keys there are, in the order asked for, each once; of none with nothing."""
    await _fill(case)
    wanted = [*reversed(_KEYS), "none", _KEYS[0]]
    found = await case.storage.get_values(wanted)
    assert [*found.items()] == [(key, f"value of {key}") for key in reversed(_KEYS)]
    assert await case.storage.get_values([]) == {}
    assert await case.storage.get_values(["none"]) == {}
    assert await case.storage.get_values(("b",)) == {"b": "value of b"}


@table(
    "values.{row}.of_one_moment",
    "6.1.11",
    "6.1.12",
    rows={"get_several": ("get",), "page": ("read",)},
    since="1.2",
    level="standard",
    tags=("concurrency",),
    likely="each key is looked at by itself",
)
async def several_of_one_moment(case: Case, way: str) -> None:
    """What one call answers with was there at one moment: {row}."""
    await case.storage.set_value("b", "0")
    done = asyncio.Event()

    async def write() -> None:
        # At every moment "a" is as far as "b", or one ahead.
        for number in range(1, 40):
            for key in "ab":
                await case.storage.set_value(key, str(number))
                await asyncio.sleep(0)
        done.set()

    async def look() -> None:
        while not done.is_set():
            if way == "get":
                found = await case.storage.get_values(["b", "a"])
            else:
                found = {each.key: each.value for each in await case.storage.read_values(reverse=True)}
            a, b = int(found.get("a", "0")), int(found["b"])
            if a not in {b, b + 1}:
                raise Mismatch(f"a of {b} or {b + 1}, b being {b}", f"a of {a}")
            await asyncio.sleep(0)

    await asyncio.gather(write(), look(), look())


_PREFIXES = ("", *_KEYS, "none", "\ud7ff.z", _LAST * 3)


@table(
    "values.page.{row}",
    "6.1.12",
    "6.1.13",
    rows={
        "prefix": (_PREFIXES, (None,), (None,)),
        "after": (("", "a"), (None, *_KEYS, "aC", "gone", _LAST * 3), (None, 1)),
        "limit": (("", "a"), (None, "a"), (None, 0, 1, 5, len(_KEYS), 2**63 - 1)),
    },
    since="1.2",
    likely={
        "prefix": "a wildcard in a prefix counts, or its end is made of the next UTF-16 unit or byte",
        "after": "after has to be there, is answered with again, or counts within the prefix",
        "limit": "limit 0 is none, or is cut before what does not count is left out",
    },
)
async def pages(case: Case, prefixes: Any, afters: Any, limits: Any) -> None:
    """list_keys and read_values answer with the keys asked for, in both directions: {row}."""
    await _fill(case)
    await case.storage.set_value("gone", "")
    await case.storage.delete_value("gone")
    for prefix in prefixes:
        for after in afters:
            for limit in limits:
                for reverse in (False, True):
                    keys = [key for key in _KEYS if key.startswith(prefix)]
                    if after is not None:
                        keys = [key for key in keys if (key < after if reverse else key > after)]
                    keys = (keys[::-1] if reverse else keys)[:limit]
                    asked: dict[str, Any] = {"after": after, "limit": limit, "reverse": reverse}
                    listed = await case.storage.list_keys(prefix, **asked)
                    read = await case.storage.read_values(prefix, **asked)
                    about = f"prefix {prefix!r}, {asked}"
                    assert [info.key for info in listed] == keys, about
                    assert [(each.key, each.value) for each in read] == [
                        (key, f"value of {key}") for key in keys
                    ], about
                    assert [each.info() for each in read] == listed, about


@check(
    "values.page.expired",
    "6.1.13",
    "6.5.1",
    since="1.2",
    needs=("time_to_live",),
    likely="what is over is left out after the page is cut",
)
async def page_without_expired(case: Case) -> None:
    """What is past its time takes no place in a page, nor in get_values."""
    for number in range(6):
        await case.storage.set_value(f"k{number}", "x", ttl=0.001 if number % 2 else None)
    await asyncio.sleep(0.02)
    for reverse, keys in ((False, ["k0", "k2"]), (True, ["k4", "k2"])):
        assert [info.key for info in await case.storage.list_keys("k", limit=2, reverse=reverse)] == keys
        assert [each.key for each in await case.storage.read_values(limit=2, reverse=reverse)] == keys
    assert await case.storage.get_values(["k1", "k2"]) == {"k2": "x"}
    assert await case.storage.read_value("k1") is None


@check(
    "values.page.as_they_change",
    "6.1.12",
    "6.1.13",
    since="1.2",
    level="standard",
    tags=("chance",),
    likely="an order of keys is kept beside them, and misses one that came or went",
)
async def pages_as_they_change(case: Case) -> None:
    """Between pages keys come, go and come again, a few or many: each page is of those there are."""
    kept: dict[str, str] = {}
    for number, many in enumerate((3, 1, 200, 2, 150, 1, 4)):
        for _ in range(many):
            key = f"k{case.random.randrange(250)}"
            if key in kept and case.random.random() < 0.6:
                del kept[key]
                await case.storage.delete_value(key)
            else:
                kept[key] = str(number)
                await case.storage.set_value(key, kept[key])
        page = {each.key: each.value for each in await case.storage.read_values("k")}
        assert [*page.items()] == sorted(kept.items())
        last = [info.key for info in await case.storage.list_keys(limit=3, reverse=True)]
        assert last == sorted(kept)[:-4:-1]
