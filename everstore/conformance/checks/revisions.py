"""Revisions, and writes that hold only under a condition."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import InvalidArgumentError, InvalidContentError, RevisionConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.conformance.case import Case
    from everstore.models import Encoding


@check(
    "revisions.changes", "4.1.1", "4.1.2", likely="the revision is a hash of the content, or a coarse clock"
)
async def revision_changes(case: Case) -> None:
    """Every write gives a file a revision it never had, also one that changes nothing."""
    seen = [(await case.files.write_file("a", "same" if n % 2 else str(n))).revision for n in range(60)]
    assert all(isinstance(revision, str) for revision in seen)
    assert len(set(seen)) == len(seen)


@check("revisions.stable", "4.1.1", likely="reading counts as writing")
async def revision_stable(case: Case) -> None:
    """The revision of a file stays while only others are written, and while it is read."""
    written = await case.files.write_file("d/a", "x")
    await case.files.write_file("d/b", "y")
    await case.files.delete_file("d/b")
    await case.files.list_directory("d")
    assert (await case.read("d/a")).revision == written.revision


@check("revisions.same_everywhere", "4.1.3", likely="a listing keeps an old revision")
async def revision_same(case: Case) -> None:
    """SessionFile, FileInfo, FileStat, read_lines and glob_files show the same revision."""
    await case.files.write_file("d/a", "x")
    written = await case.files.write_file("d/a", "y")
    [listed] = await case.files.list_directory("d")
    stat = await case.files.stat_file("d/a")
    lines = await case.files.read_lines("d/a")
    [globbed] = await case.files.glob_files("a")
    found = [one and one.revision for one in (await case.read("d/a"), listed, stat, lines, globbed)]
    assert found == [written.revision] * 5


@check(
    "revisions.not_after_delete", "4.1.2", likely="the counter lives in the record and starts again with it"
)
async def revision_not_after_delete(case: Case) -> None:
    """A file that is deleted and written again never has an old revision."""
    seen = []
    for _ in range(4):
        seen += [(await case.files.write_file("d/a", "x")).revision for _ in range(3)]
        await case.files.delete_file("d", recursive=True)
    assert len(set(seen)) == len(seen)


@check(
    "revisions.not_after_session",
    "4.1.2",
    "1.5.3",
    likely="the counter lives in the session and starts again with it",
)
async def revision_not_after_session(case: Case) -> None:
    """A session that is deleted and used again gives no old revision, to no file and to no value."""
    files, values = [], []
    for turn in range(6):
        files.append((await case.files.write_file("a", "x")).revision)
        await case.storage.set_value("k", "x")
        info = await case.storage.stat_value("k")
        assert info is not None
        values.append(info.revision)
        if turn % 2:
            await case.store.delete_session(case.id)
    assert len(set(files)) == len(files)
    assert len(set(values)) == len(values)


@check(
    "revisions.not_after_move",
    "4.1.2",
    "4.5.7",
    likely="a moved file brings the revision of its old path along",
)
async def revision_not_after_move(case: Case) -> None:
    """A path that files are moved onto, away from and back again never repeats a revision."""
    await case.files.write_file("b", "y")
    seen = [(await case.files.write_file("a", "x")).revision]
    for _ in range(3):
        await case.files.move_file("a", "c")
        await case.files.copy_file("b", "a")
        seen.append((await case.read("a")).revision)
        seen.append((await case.files.move_file("c", "a", overwrite=True)).revision)
    assert len(set(seen)) == len(seen)


@check(
    "revisions.condition.revision_holds",
    "4.2.1",
    likely="if_revision is compared in another form than it is shown",
)
async def revision_holds(case: Case) -> None:
    """A write with the current revision writes, again and again."""
    current = await case.files.write_file("a", "0")
    for number in range(1, 5):
        current = await case.files.write_file("a", str(number), if_revision=current.revision)
    assert (await case.read("a")).content == "4"


@check("revisions.condition.stale_revision", "4.2.1", "4.2.3", likely="if_revision is ignored")
async def stale_revision(case: Case) -> None:
    """A write with an older revision is refused, tells the current one, and writes nothing."""
    old = await case.files.write_file("a", "one")
    new = await case.files.write_file("a", "two")
    async with case.untouched():
        with refused(RevisionConflictError) as caught:
            await case.files.write_file("a", "three", if_revision=old.revision)
    assert caught.error.current_revision == new.revision


@check(
    "revisions.condition.revision_of_missing",
    "4.2.1",
    "4.2.3",
    likely="a condition on nothing is taken as fulfilled",
)
async def revision_of_missing(case: Case) -> None:
    """A write with a revision where nothing is, is refused and creates nothing."""
    gone = await case.files.write_file("a", "one")
    await case.files.delete_file("a")
    async with case.untouched():
        with refused(RevisionConflictError) as caught:
            await case.files.write_file("a", "two", if_revision=gone.revision)
    assert caught.error.current_revision is None


@check(
    "revisions.condition.recreated", "4.2.1", "4.1.2", likely="a recreated file starts with the old revision"
)
async def revision_of_recreated(case: Case) -> None:
    """A revision from before a delete does not hold for what was written since."""
    before = await case.files.write_file("a", "one")
    await case.files.delete_file("a")
    await case.files.write_file("a", "one")
    async with case.untouched():
        with refused(RevisionConflictError):
            await case.files.write_file("a", "two", if_revision=before.revision)


@table(
    "revisions.condition.opaque.{row}",
    "4.1.1",
    "4.2.1",
    rows={
        "empty": (lambda _: "",),
        "word": (lambda _: "not-a-revision",),
        "zero": (lambda _: "0",),
        "negative": (lambda current: f"-{current}",),
        "leading_zero": (lambda current: f"0{current}",),
        "prefixed": (lambda current: f"0x{current}",),
        "space_behind": (lambda current: f"{current} ",),
        "plus": (lambda current: f"+{current}",),
        "longer": (lambda current: f"{current}0",),
        "cut": (lambda current: current[:-1],),
        "huge": (lambda _: "f" * 40,),
        "quote": (lambda _: "' OR '1'='1",),
        "nul": (lambda current: f"{current}\0",),
    },
    likely="if_revision is parsed, so that it fails or means a revision it is not",
)
async def opaque_revision(case: Case, other: Callable[[str], str]) -> None:
    """A revision is opaque text: one that is not the current one is a conflict, whatever its form: {row}."""
    current = (await case.files.write_file("a", "x")).revision
    await case.storage.set_value("k", "x")
    [key] = await case.storage.list_keys()
    async with case.untouched():
        with refused(RevisionConflictError):
            await case.files.write_file("a", "y", if_revision=other(current))
        with refused(RevisionConflictError):
            await case.storage.set_value("k", "y", if_revision=other(key.revision))


@check("revisions.condition.absent", "4.2.2", likely="if_absent is ignored where nothing is")
async def absent_holds(case: Case) -> None:
    """if_absent creates a file, with its parents, where nothing is."""
    created = await case.files.write_file("d/a", "x", if_absent=True)
    assert await case.read("d/a") == created


@check("revisions.condition.not_absent", "4.2.2", "4.2.3", likely="if_absent is ignored where something is")
async def absent_fails(case: Case) -> None:
    """if_absent where a file is, even an empty one, is refused and tells its revision."""
    found = await case.files.write_file("a", "")
    async with case.untouched():
        with refused(RevisionConflictError) as caught:
            await case.files.write_file("a", "y", if_absent=True)
    assert caught.error.current_revision == found.revision


@check("revisions.condition.absent_after_delete", "4.2.2", likely="a deleted file's marker counts as there")
async def absent_after_delete(case: Case) -> None:
    """if_absent holds again once a file is deleted."""
    await case.files.write_file("a", "x", if_absent=True)
    await case.files.delete_file("a")
    await case.files.write_file("a", "y", if_absent=True)
    assert (await case.read("a")).content == "y"


@check(
    "revisions.condition.both", "4.2.1", "4.2.2", likely="one of two conditions that cannot both hold wins"
)
async def both_conditions(case: Case) -> None:
    """Both conditions at once are an InvalidArgumentError, for files and for values."""
    async with case.untouched():
        with refused(InvalidArgumentError):
            await case.files.write_file("a", "x", if_revision="1", if_absent=True)
        with refused(InvalidArgumentError):
            await case.storage.set_value("k", "x", if_revision="1", if_absent=True)


@check("revisions.content_matches.holds", "4.3.1", likely="the answer, or the new encoding, is lost")
async def content_matches(case: Case) -> None:
    """Where content and encoding are as expected the file is written and returned."""
    first = await case.files.write_file("a", "YWJj", "base64")
    await asyncio.sleep(0.005)
    second = await case.files.write_file_if_content_matches("a", "YWJj", "base64", "new\r\n", "text")
    assert second is not None
    assert await case.read("a") == second
    assert (second.content, second.encoding, second.id) == ("new\r\n", "text", first.id)
    assert second.revision != first.revision
    assert second.updated_at > first.updated_at


@table(
    "revisions.content_matches.differs.{row}",
    "4.3.2",
    rows={
        "same_text_as_base64": ("b", "YWJj", "base64"),
        "same_bytes_as_text": ("c", "abc", "text"),
        "nothing": ("a", "", "text"),
        "missing": ("missing", "", "text"),
        "directory": ("directory", "", "text"),
        "root": ("/", "", "text"),
    },
    likely="contents are compared loosely, or what is missing counts as empty",
)
async def content_differs(case: Case, path: str, expected: str, encoding: Encoding) -> None:
    """Where anything is not as expected the answer is None, and nothing is written: {row}."""
    await case.files.write_file("a", "Content")
    await case.files.write_file("b", "YWJj")
    await case.files.write_file("c", "YWJj", "base64")
    await case.files.create_directory("directory")
    async with case.untouched():
        found = await case.files.write_file_if_content_matches(path, expected, encoding, "new", "text")
    assert found is None


@check("revisions.content_matches.refused", "3.3.3", likely="only the new content is validated")
async def content_matches_refused(case: Case) -> None:
    """Wrong content, expected or new, is InvalidContentError, and nothing is written."""
    await case.files.write_file("a", "x")
    async with case.untouched():
        with refused(InvalidContentError):
            await case.files.write_file_if_content_matches("a", "x", "text", "%%%", "base64")
        with refused(InvalidContentError):
            await case.files.write_file_if_content_matches("a", "%%%", "base64", "y", "text")
