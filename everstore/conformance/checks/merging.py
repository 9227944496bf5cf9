"""Merging what a fork has changed: what is taken, what is a conflict, and that nothing is lost."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from everstore.changes import Append, Write
from everstore.conformance.case import Mismatch, refused
from everstore.conformance.forked import LARGE, held
from everstore.conformance.registry import check as any_check
from everstore.conformance.registry import table as any_table
from everstore.errors import (
    BackendError,
    CheckpointNotFoundError,
    MergeConflictError,
    RevisionConflictError,
)
from everstore.models import Merged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundSession

    Change = Callable[[BoundSession], Awaitable[Any]]

check = partial(any_check, since="1.3", needs=("forks",))
table = partial(any_table, since="1.3", needs=("forks",))


async def begun(case: Case) -> BoundSession:
    """A session of files and values."""
    session = case.store.session(case.id)
    await session.files.apply_changes(
        [
            *(Write(path, f"{path}\n") for path in ("a", "b", "c", "d/x", "d/y", "e/x")),
            Write("large", LARGE),
            Write("bytes", "AP8=", "base64"),
        ]
    )
    await session.files.create_directory("empty")
    await session.storage.set_values(dict.fromkeys(("k", "l", "m"), "x"))
    return session


async def forked_anew(case: Case, **options: Any) -> BoundSession:
    """A fork of the check's own session, that goes when the check ends, with its base."""
    made = await case.store.fork_session(case.id, **options)
    for base in await case.store.list_checkpoints(made.id):
        case.new_id(base.id)
    return case.store.session(case.new_id(made.id))


async def _plain(case: Case, session: BoundSession) -> dict[str, object]:
    """Contents alone, with encodings and marks."""
    seen = await held(case, session.id)
    return {place: kept[:3] if place.startswith("file ") else kept[0] for place, kept in seen.items()}


@check(
    "merge.takes", "1.9.11",
    likely="what the fork does not have is deleted, what is new is left out, or the whole fork is copied",
)  # fmt: skip
async def takes(case: Case) -> None:
    """What only the fork changed is taken, the rest stays, and the answer says what was changed."""
    own, fork = await begun(case), await forked_anew(case)
    await fork.files.edit_file("a", "a", "A")
    await fork.files.write_file("new/f", "new")
    await fork.files.delete_file("b")
    await fork.files.delete_file("e", recursive=True)
    await fork.files.write_bytes("c", b"\0")
    await fork.files.edit_file("large", "20000", "20001")
    await fork.files.move_file("d/x", "moved")
    await fork.files.delete_file("empty")
    await fork.storage.set_value("k", "y")
    await fork.storage.delete_value("l")
    await fork.storage.set_value("new", "y")
    await own.files.write_file("d/y", "of the session")
    await own.files.write_file("own", "x")
    await own.storage.set_value("m", "of the session")
    expected = await _plain(case, fork)
    expected |= {
        "file /d/y": ("of the session", "text", False),
        "file /own": ("x", "text", False),
        "value m": "of the session",
    }
    merged = await case.store.merge(fork.id)
    got = await _plain(case, own)
    if got != expected:
        raise Mismatch.of(expected, got, "what a merge makes")
    assert type(merged) is Merged
    files = {change.path: change.kind for change in merged.files}
    assert files == {
        **dict.fromkeys(("/a", "/c", "/large"), "changed"),
        **dict.fromkeys(("/b", "/d/x", "/e", "/e/x", "/empty"), "removed"),
        **dict.fromkeys(("/moved", "/new", "/new/f"), "added"),
    }
    assert [change.path for change in merged.files] == sorted(files)
    assert [(change.key, change.kind) for change in merged.values] == [
        *[("k", "changed"), ("l", "removed"), ("new", "added")]
    ]


@check(
    "merge.nothing", "1.9.11",
    likely="what the session alone changed is undone, or what is the same is written again",
)  # fmt: skip
async def nothing(case: Case) -> None:
    """Of a fork that changed nothing, or the same, nothing is taken, and nothing in the session moves."""
    own = await begun(case)
    fork = await forked_anew(case)
    await own.files.write_file("a", "own")
    await own.files.delete_file("b")
    async with case.untouched():
        assert await case.store.merge(fork.id) == Merged([], [])
    for session in (own, fork):
        await session.files.write_file("both", "the same")
        await session.files.delete_file("c")
        await session.storage.set_value("k", "the same")
        await session.storage.delete_value("l")
    async with case.untouched():
        assert await case.store.merge(fork.id) == Merged([], [])


def _write(path: str, text: str) -> Change:
    return lambda one: one.files.write_file(path, text)


def _delete(path: str) -> Change:
    return lambda one: one.files.delete_file(path)


_CONFLICTS: dict[str, tuple[Change, Change, list[str], list[str]]] = {
    "both_changed": (_write("a", "fork"), _write("a", "own"), ["/a"], []),
    "changed_and_deleted": (_write("a", "fork"), _delete("a"), ["/a"], []),
    "deleted_and_changed": (_delete("a"), _write("a", "own"), ["/a"], []),
    "both_added": (_write("new", "fork"), _write("new", "own"), ["/new"], []),
    "other_encoding": (lambda one: one.files.write_bytes("new", b"x"), _write("new", "x"), ["/new"], []),
    "far_down": (
        lambda one: one.files.edit_file("large", "20000", "f"),
        lambda one: one.files.edit_file("large", "20000", "s"),
        ["/large"],
        [],
    ),
    "values": (
        lambda one: one.storage.set_value("k", "fork"),
        lambda one: one.storage.set_value("k", "own"),
        [],
        ["k"],
    ),
    "value_changed_and_deleted": (
        lambda one: one.storage.set_value("k", "fork"),
        lambda one: one.storage.delete_value("k"),
        [],
        ["k"],
    ),
}


@table(
    "merge.conflict.{row}", "1.9.12",
    rows=_CONFLICTS,
    likely="the later one wins, or what was merged before the conflict stays",
)  # fmt: skip
async def conflict(case: Case, in_fork: Change, own: Change, paths: list[str], keys: list[str]) -> None:
    """What both changed differently is told, and nothing is changed; or one side is preferred: {row}."""
    session = await begun(case)
    fork = await forked_anew(case)
    for one, change in ((fork, in_fork), (session, own)):
        await change(one)
    await fork.files.write_file("c", "taken")
    await fork.storage.set_value("m", "taken")
    await session.files.write_file("d/y", "stays")
    forks, ours = await _plain(case, fork), await _plain(case, session)
    async with case.untouched(), case.untouched(fork.id):
        with refused(MergeConflictError) as caught:
            await case.store.merge(fork.id)
        assert (caught.error.paths, caught.error.keys) == (tuple(paths), tuple(keys))
    places = [f"file {path}" for path in paths] + [f"value {key}" for key in keys]
    taken = {"file /c": ("taken", "text", False), "value m": "taken"}
    await case.store.merge(fork.id, prefer="target")
    expected = {**ours, **taken}
    got = await _plain(case, session)
    if got != expected:
        raise Mismatch.of(expected, got, "with prefer='target'")
    await case.store.merge(fork.id, prefer="fork")
    for place in places:
        expected.pop(place, None)
        expected |= {place: forks[place]} if place in forks else {}
    got = await _plain(case, session)
    if got != expected:
        raise Mismatch.of(expected, got, "with prefer='fork'")


@check(
    "merge.all_conflicts", "1.9.12",
    likely="the first conflict ends the search, or files are merged before values are compared",
)  # fmt: skip
async def all_conflicts(case: Case) -> None:
    """A conflict names every path and every key, in order, and none besides."""
    own = await begun(case)
    fork = await forked_anew(case)
    for session, text in ((own, "own"), (fork, "fork")):
        await session.files.apply_changes(
            [Write("c", text), Write("a", text), Append("d/x", text), Write("both", "same")]
        )
        await session.storage.set_values({"m": text, "k": text, "same": "same"})
        await session.files.write_file(text, "only here")
    async with case.untouched():
        with refused(MergeConflictError) as caught:
            await case.store.merge(fork.id)
    assert caught.error.paths == ("/a", "/c", "/d/x")
    assert caught.error.keys == ("k", "m")


@check(
    "merge.into", "1.9.11", "1.9.10",
    likely="the base is that of the other session, or is moved by a merge",
)  # fmt: skip
async def into(case: Case) -> None:
    """A fork is merged into its source, or into a session that is named, such as another fork of it."""
    own = await begun(case)
    forks = [await forked_anew(case) for _ in range(2)]
    for fork, name in zip(forks, "ab", strict=True):
        await fork.files.write_file(name, f"by {name}")
        await fork.storage.set_value(name, f"by {name}")
    before = await _plain(case, own)
    await case.store.merge(forks[0].id, forks[1].id)
    assert await _plain(case, own) == before
    expected = {
        **before,
        "file /a": ("by a", "text", False), "file /b": ("by b", "text", False),
        "value a": "by a", "value b": "by b",
    }  # fmt: skip
    assert await _plain(case, forks[1]) == expected
    await case.store.merge(forks[1].id)
    assert await _plain(case, own) == expected


@check(
    "merge.without_base", "1.9.10", "1.9.11", "1.9.9",
    likely="what the source has now is taken for what it had, and its changes are undone",
)  # fmt: skip
async def without_base(case: Case) -> None:
    """What a fork began with stays as it was, whatever becomes of both, and without it nothing is merged."""
    own = await begun(case)
    fork = await forked_anew(case, base=False)
    await fork.files.write_file("a", "fork")
    async with case.untouched():
        with refused(CheckpointNotFoundError):
            await case.store.merge(fork.id)
        with refused(CheckpointNotFoundError):
            await case.store.merge(case.id, fork.id)
    with_base = await forked_anew(case)
    await own.files.write_file("b", "own")
    await with_base.files.write_file("c", "fork")
    await case.store.merge(with_base.id)
    found = await _plain(case, own)
    assert [found[f"file /{name}"] for name in "abc"] == [
        (f"{text}", "text", False) for text in ("a\n", "own", "fork")
    ]


@any_check(
    "merge.under_writers", "1.9.13", "3.10.1",
    level="standard",
    since="1.3",
    tags=("concurrency",),
    needs=("forks",),
    likely="what is there is compared in one step, and overwritten in another",
)  # fmt: skip
async def under_writers(case: Case) -> None:
    """What others write while a fork is merged is not lost, and what is merged comes in one step."""
    own = await begun(case)
    for turn in range(16):
        fork = await forked_anew(case)
        await fork.files.apply_changes([Write("a", f"fork {turn}"), Write("d/x", f"fork {turn}")])
        kept: list[str] = []

        async def append(kept: list[str] = kept, turn: int = turn) -> None:
            for _ in range(turn):  # so that it comes before, within and behind the merge
                await asyncio.sleep(0)
            for number in range(2):
                text = f"own {number}"
                info = await own.files.append_file("a", text)
                assert info.path == "/a"
                kept.append(text)
                await asyncio.sleep(0)

        async def look(text: str = f"fork {turn}") -> None:
            for _ in range(16):
                lines = await own.files.grep_files("fork")
                where = {match.path for match in lines if text in match.line}
                assert where in (set(), {"/a", "/d/x"}), "a part of a merge is visible"
                await asyncio.sleep(0)

        async def merge(fork: BoundSession = fork) -> None:
            try:
                await case.store.merge(fork.id)
            except (MergeConflictError, RevisionConflictError, BackendError):
                return  # somebody else was first, which is told

        await asyncio.gather(append(), merge(), look())
        content = (await case.read("a")).content or ""
        lost = [text for text in kept if text not in content]
        if lost:
            # An append that came before the merge looked is in what both changed: a conflict.
            raise Mismatch("what was acknowledged beside a merge", f"{content!r} without {lost}")
        await own.files.write_file("a", "a\n")
