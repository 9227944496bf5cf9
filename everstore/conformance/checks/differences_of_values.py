"""Differences of values, pages of differences, and differences while others write."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from everstore.changes import Append, Edit, Move, Write
from everstore.clock import turned
from everstore.conformance.case import refused
from everstore.conformance.differing import require_differences
from everstore.conformance.forked import fork_both, forked
from everstore.conformance.registry import check as any_check
from everstore.conformance.scene import Scene
from everstore.errors import InvalidArgumentError, InvalidPathError
from everstore.models import KeyInfo

if TYPE_CHECKING:
    from everstore.conformance.case import Case

check = partial(any_check, since="1.3", needs=("forks",))

_PATHS = ("a", "e\u0301", "\u00e9", "B", "b", "a0", "\uffff", "\U0001f600")


@check(
    "diff.after", "3.15.4", "6.6.4",
    likely="a page begins where a difference is found again, or in the order of another alphabet",
)  # fmt: skip
async def after_anything(case: Case) -> None:
    """A page follows any path or key in order, whether anything differs or is there or not."""
    other = Scene(case.store, case.new_id())
    await other.files.apply_changes([Write(f"{path}/f" if path == "a" else path, "x") for path in _PATHS])
    await other.storage.set_values(dict.fromkeys(_PATHS, "x"))
    files, values = case.store.file_system.diff_sessions, case.store.storage.diff_sessions
    whole = [change.path for change in await files(case.id, other.id)]
    for place in (*whole, "/", "/0", "/a/e", "/a/g", "/a!", "/zz", "/\U0001f601", "/workspace/b", "e\u0301"):
        start = place.removeprefix("/workspace")
        start = start if start.startswith("/") else f"/{start}"
        following = [path for path in whole if path > start]
        for limit in (None, 2):
            page = await files(case.id, other.id, after=place, limit=limit)
            assert [change.path for change in page] == following[:limit], (place, limit)
    for key in (*_PATHS, "!", "a!", "z", "\U0001f601"):
        following = sorted(each for each in _PATHS if each > key)
        for limit in (None, 2):
            found = await values(case.id, other.id, after=key, limit=limit)
            assert [change.key for change in found] == following[:limit], (key, limit)
    assert await files(case.id, other.id, limit=0) == []
    assert await values(case.id, other.id, limit=0) == []
    for call in (files, values):
        with refused(InvalidArgumentError):
            await call(case.id, other.id, limit=-1)
    with refused(InvalidPathError):
        await files(case.id, other.id, after="..")


@any_check(
    "diff.values", "6.6.4", "6.5.1",
    since="1.3",
    needs=("forks", "time_to_live"),
    likely="an end is no difference, what is over is one, or secrets are compared, too",
)  # fmt: skip
async def values(case: Case) -> None:
    """Values differ by their text and their end, and what is past its time is not there."""
    one = Scene(case.store, case.id)
    for key, ttl in (("over", 60), ("end", 3600), ("same", 3600), ("text", None), ("gone", None)):
        await one.storage.set_value(key, "x", ttl=ttl)
    other = await forked(case)
    await other.storage.set_secret("s", "x")
    await one.storage.set_value("same", "y", ttl=None)
    await one.storage.set_value("same", "x", ttl=None)
    await other.storage.touch_value("same", ttl=None)
    await other.storage.touch_value("end", ttl=7200)
    await other.storage.set_value("text", "X")
    await other.storage.delete_value("gone")
    await other.storage.touch_value("over", ttl=None)
    await other.storage.set_value("new", "x")
    with turned(120):
        changes = await case.store.storage.diff_sessions(one.id, other.id)
        told = [(each.key, each.kind) for each in changes]
        assert told == [
            *[("end", "changed"), ("gone", "removed"), ("new", "added")],
            *[("over", "added"), ("text", "changed")],
        ]
        sides = {type(side) for each in changes for side in (each.before, each.after)}
        assert sides == {KeyInfo, type(None)}
        await require_differences(case, one.id, other.id)


@any_check(
    "diff.one_moment", "3.15.3", "6.6.4", "3.10.1",
    level="standard",
    since="1.3",
    tags=("concurrency",),
    needs=("forks",),
    likely="one side is read after the other, or page after page of the storage",
)  # fmt: skip
async def one_moment(case: Case) -> None:
    """While a file moves, and a rewind makes both sides alike, each difference is of one moment."""
    other, store = Scene(case.store, case.new_id()), case.store
    if case.capabilities.shared:
        store = await case.open()
    await case.files.apply_changes([Write(f"{name}/{n}", "x") for name in "az" for n in range(8)])
    await case.files.write_file("a/moving", "x")
    await case.storage.set_values({f"k{n}": "0" for n in range(20)})
    await fork_both(case.store, case.id, other.id)
    done = False

    async def change() -> None:
        nonlocal done
        for turn in range(30):
            source, destination = ("a/moving", "z/moving") if turn % 2 == 0 else ("z/moving", "a/moving")
            await other.files.apply_changes([Move(source, destination), Append(destination, ".")])
            await other.storage.set_values(dict.fromkeys(("k0", "k19"), f"{turn}"))
            await asyncio.sleep(0)
            if turn % 5 == 4:
                await fork_both(case.store, case.id, other.id, replaced=case.new_id())
                if turn % 2 == 0:
                    await other.files.move_file("a/moving", "z/moving")
        done = True

    async def look() -> None:
        allowed: tuple[list[tuple[str, str]], ...] = (
            [],
            [("/a/moving", "changed")],
            [("/a/moving", "removed"), ("/z/moving", "added")],
        )
        while not done:
            changes = await store.file_system.diff_sessions(case.id, other.id)
            told = [(each.path, each.kind) for each in changes]
            assert told in allowed, f"a difference that never was: {told}"
            keys = [each.key for each in await store.storage.diff_sessions(case.id, other.id)]
            assert keys in ([], ["k0", "k19"]), f"a difference that never was: {keys}"
            await asyncio.sleep(0)

    await asyncio.gather(change(), look(), look())


@check(
    "diff.text", "3.15.5",
    likely="bytes are shown as text, a directory is read, or lines are cut where they do not end",
)  # fmt: skip
async def as_text(case: Case) -> None:
    """With text=True there is a unified difference of what is text, and of other contents a word."""
    await case.files.apply_changes(
        [
            Write("a", "one\ntwo\nthree\n"),
            Write("gone", "x\n"),
            Write("b", "AP8=", "base64"),
            Write("c", "c\n"),
        ]
    )
    other = await forked(case)
    await other.files.apply_changes(
        [
            Edit("a", "two", "2"),
            Write("new/f", "y\n"),
            Write("b", "AAA=", "base64"),
            Write("c", "AAA=", "base64"),
        ]
    )
    await other.files.delete_file("gone")
    plain = await case.store.diff(case.id, other.id)
    assert plain == await case.store.file_system.diff_sessions(case.id, other.id)
    changes = await case.store.diff(case.id, other.id, text=True)
    assert [(each.path, each.kind) for each in changes] == [(each.path, each.kind) for each in plain]
    shown = {each.path: each.text for each in changes}
    assert shown["/new"] == ""
    assert [path for path, text in shown.items() if text and "@@" not in text] == ["/b", "/c"]
    for path, lines in {"/a": ["-two", "+2", " three"], "/gone": ["-x"], "/new/f": ["+y"]}.items():
        assert [line for line in lines if line not in (shown[path] or "").split("\n")] == []
    page = await case.store.diff(case.id, other.id, after="a", limit=1, text=True)
    assert page == changes[1:2]
    assert await case.store.diff_values(case.id, other.id) == []
