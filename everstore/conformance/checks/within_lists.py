"""Within a list of changes: what each sees of those before it, and what is left of one that is refused."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from everstore.changes import (
    Append,
    AppendBytes,
    Copy,
    Delete,
    DeleteValue,
    Edit,
    Increment,
    MakeDirectory,
    Move,
    SetValue,
    TouchValue,
    Write,
    WriteBytes,
)
from everstore.clock import turned
from everstore.conformance.case import Mismatch, refused
from everstore.conformance.checks.limits import limited
from everstore.conformance.registry import check as any_check
from everstore.conformance.registry import table as any_table
from everstore.errors import InvalidContentError, PathNotFoundError, QuotaExceededError, RevisionConflictError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from everstore.changes import AnyFileChange, AnyValueChange
    from everstore.conformance.case import Case

check = partial(any_check, since="1.3")
table = partial(any_table, since="1.3")

_HOUR = 3600
_LIKELY = "a condition is held against what there was before all of the changes"

# What is done to "a" first, and a change whose condition held before that; then one that holds behind it.
_OF_FILES: dict[str, tuple[Callable[[str], Sequence[AnyFileChange]], Sequence[AnyFileChange]]] = {
    "write_if_revision": (
        lambda revision: [Append("a", "x"), Write("a", "y", if_revision=revision)],
        [Delete("a"), Write("a", "y", if_absent=True)],
    ),
    "write_bytes_if_revision": (
        lambda revision: [Write("a", "x"), WriteBytes("a", b"y", if_revision=revision)],
        [Move("a", "b"), WriteBytes("a", b"y", if_absent=True)],
    ),
    "write_if_absent": (
        lambda _: [Copy("a", "new"), Write("new", "y", if_absent=True)],
        [Edit("a", "one", "two"), Move("a", "b"), Write("a", "y", if_absent=True)],
    ),
    "write_bytes_if_absent": (
        lambda _: [AppendBytes("new", b"x"), WriteBytes("new", b"y", if_absent=True)],
        [Delete("a"), WriteBytes("a", b"y", if_absent=True)],
    ),
}


@table("changes.conditions.{row}", "4.7.1", "4.7.5", "4.2.1", "4.2.2", rows=_OF_FILES, likely=_LIKELY)
async def conditions_on_files(
    case: Case, outdated: Callable[[str], Sequence[AnyFileChange]], held: Sequence[AnyFileChange]
) -> None:
    """A condition is held against what the changes before it have left: {row}."""
    revision = (await case.files.write_file("a", "one")).revision
    async with case.untouched():
        with refused(RevisionConflictError) as caught:
            await case.files.apply_changes(outdated(revision))
    assert (getattr(caught.error, "index", None), caught.error.current_revision is None) == (1, False)
    await case.files.apply_changes(held)
    assert await case.files.read_bytes("a") == b"y"


_OF_VALUES: dict[str, tuple[Callable[[str], Sequence[AnyValueChange]], Sequence[AnyValueChange]]] = {
    "set_if_revision": (
        lambda revision: [Increment("k"), SetValue("k", "2", if_revision=revision)],
        [DeleteValue("k"), SetValue("k", "2", if_absent=True)],
    ),
    "set_if_absent": (
        lambda _: [Increment("new"), SetValue("new", "2", if_absent=True)],
        [SetValue("k", "3"), DeleteValue("k"), SetValue("k", "2", if_absent=True)],
    ),
    "delete_if_revision": (
        lambda revision: [SetValue("k", "1"), DeleteValue("k", if_revision=revision)],
        [DeleteValue("k"), Increment("k", 2)],
    ),
}


@table("values.changes.conditions.{row}", "4.8.1", "4.8.4", "4.6.1", "4.6.9", rows=_OF_VALUES, likely=_LIKELY)
async def conditions_on_values(
    case: Case, outdated: Callable[[str], Sequence[AnyValueChange]], held: Sequence[AnyValueChange]
) -> None:
    """A condition is held against what the changes before it have left: {row}."""
    old = await case.storage.set_value("k", "1")
    async with case.untouched():
        with refused(RevisionConflictError) as caught:
            await case.storage.change_values(outdated(old.revision))
    assert (getattr(caught.error, "index", None), caught.error.current_revision is None) == (1, False)
    await case.storage.change_values(held)
    info = await case.storage.stat_value("k")
    assert await case.storage.get_value("k") == "2"
    assert info is not None
    assert (info.created_ns, info.revision) != (old.created_ns, old.revision)
    assert info.created_ns == info.updated_ns, "what was deleted and set again begins anew"


@check(
    "changes.times", "4.7.1", "3.2.3", "3.2.6", "4.1.1",
    likely="a list of changes has one time, or one revision, for all",
)  # fmt: skip
async def times_within(case: Case) -> None:
    """Each of several changes of a file moves revision and updated_at; what was deleted is another then."""
    kept: list[AnyFileChange] = [
        Write("a", "one"),
        Append("a", "two"),
        Edit("a", "two", "three"),
        Write("b", "x"),
        Copy("a", "b", overwrite=True),
        Move("a", "c"),
        Delete("b"),
        Write("b", "x"),
    ]
    found = await case.files.apply_changes(kept)
    of_a = [info for place, info in enumerate(found) if place in {0, 1, 2, 5} and info is not None]
    times = [info.updated_ns for info in of_a]
    assert all(later - earlier >= 1000 for earlier, later in pairwise(times)), times
    assert len({info.created_ns for info in of_a}) == len({info.id for info in of_a}) == 1
    of_b = [info for place, info in enumerate(found) if place in {3, 4, 7} and info is not None]
    assert len({info.id for info in of_b}) == len({info.revision for info in of_b}) == len(of_b)


_ROOM = {"session_entries": 6, "session_bytes": 100, "session_keys": 3, "session_value_bytes": 100}


@check(
    "limits.refused_lists.files", "4.7.2", "7.4.1",
    likely="what was counted along with a list of changes stays counted, or uncounted, where it is refused",
)  # fmt: skip
async def room_of_files(case: Case) -> None:
    """After a list that was refused there is as much room as before it, to the byte."""
    session = await limited(case, **_ROOM)
    await session.files.write_file("d/a", "x" * 40)
    lists: list[list[AnyFileChange]] = [
        [Delete("d", recursive=True)],
        [Write("d/a", "x")],
        [Write("new/f", "x" * 60), Append("d/a", "")],
        [Copy("d", "e"), Move("d/a", "e/a", overwrite=True), MakeDirectory("f")],
    ]
    for changes in lists:
        before = await case.snapshot(session.id)
        with refused(PathNotFoundError):
            await session.files.apply_changes([*changes, Delete("none")])
        assert await case.snapshot(session.id) == before
        for size, entries in ((61, 0), (60, 5)):
            with refused(QuotaExceededError):
                await session.files.apply_changes(
                    [Write("b", "x" * size), *(MakeDirectory(f"m{number}") for number in range(entries))]
                )
        await session.files.write_file("b", "x" * 60)
        await session.files.delete_file("b")


@check(
    "limits.refused_lists.values", "4.8.2", "7.4.1",
    likely="what was counted along with a list of changes stays counted, or uncounted, where it is refused",
)  # fmt: skip
async def room_of_values(case: Case) -> None:
    """After a list that was refused there is as much room as before it, to the byte."""
    session = await limited(case, **_ROOM)
    await session.storage.set_value("word", "x" * 36)
    lists: list[list[AnyValueChange]] = [
        [DeleteValue("word"), SetValue("no", "word")],
        [SetValue("word", "no")],
        [SetValue("new", "x" * 50), SetValue("word", "no")],
    ]
    for changes in lists:
        before = await case.snapshot(session.id)
        with refused(InvalidContentError):
            await session.storage.change_values([*changes, SetValue("z", "no"), Increment("z")])
        assert await case.snapshot(session.id) == before
        with refused(QuotaExceededError):
            await session.storage.set_value("b", "x" * 60)
        with refused(QuotaExceededError):
            await session.storage.set_values({"b": "", "c": "", "d": ""})
        await session.storage.set_values({"b": "x" * 58, "c": ""})
        await session.storage.change_values([DeleteValue("b"), DeleteValue("c")])


_ENDING: dict[str, tuple[Sequence[Any]]] = {
    "touched": ([TouchValue("k", 5 * _HOUR)],),
    "touched_for_ever": ([TouchValue("k")],),
    "set": ([SetValue("k", "y")],),
    "deleted": ([DeleteValue("k")],),
    "deleted_and_set": ([DeleteValue("k"), SetValue("k", "y")],),
}


@table(
    "values.changes.ends.{row}", "4.8.2", "6.5.1", "6.5.4",
    rows=_ENDING,
    needs=("time_to_live",),
    likely="what is put back is put back without its end, or its end is not seen to any more",
)  # fmt: skip
async def ends_within(case: Case, changes: Sequence[AnyValueChange]) -> None:
    """What a refused list would have changed ends when it would have, in every verb: {row}."""
    await case.storage.set_value("k", "x", ttl=_HOUR)
    await case.storage.set_value("word", "x")
    async with case.untouched():
        with refused(InvalidContentError):
            await case.storage.change_values([*changes, Increment("word")])
    with turned(_HOUR / 2):
        await case.storage.set_value("other", "x", ttl=1)
        if (found := await case.storage.get_value("k")) != "x":
            raise Mismatch.of("x", found, "'k', half its time ago")
    with turned(_HOUR + 60):
        await case.storage.set_value("other", "x")
        keys = [info.key for info in await case.storage.list_keys()]
        if keys != ["other", "word"]:
            raise Mismatch.of(["other", "word"], keys, "list_keys, past the end")
