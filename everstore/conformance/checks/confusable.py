"""Names that are easily taken for each other: what is done to one must never reach the other.

Every pair is tried in both orders, the same 72 in every run. Random names find such mistakes late or
never; most backends that fold case, match patterns or strip spaces fail at the first pair meant for them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from everstore.conformance.case import each
from everstore.conformance.registry import check
from everstore.models import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.conformance.case import Case

_PAIRS = {
    "case": [
        ("a", "A"), ("notes.txt", "Notes.TXT"), ("stra\u00dfe", "STRASSE"), ("\u0131", "i"), ("\u212a", "k"),
    ],
    "Unicode form": [
        ("\u00e9", "e\u0301"), ("\u212b", "\u00c5"), ("\ufb01", "fi"), ("\uff12", "2"), ("\u00b5", "\u03bc"),
    ],
    "invisible characters": [("a", "a\u200b"), ("a", "\ufeffa"), ("ab", "a\u00adb")],
    "prefix": [("a", "ab"), ("a", "a.txt"), ("x" * 254, "x" * 255), ("x" * 254 + "a", "x" * 254 + "b")],
    "LIKE": [("%", "a"), ("_", "a"), ("a%", "ab"), ("a_", "ab"), ("a\\%", "a%")],
    "glob": [("*", "a"), ("a?", "ab"), ("[ab]", "a"), ("{a,b}", "a")],
    "separator": [("a\\b", "ab"), ("a:b", "a.b"), ("a b", "a_b"), ("a|b", "a,b")],
    "end": [("a", "a."), ("a", "a "), ("a", " a")],
    "number": [("1", "01"), ("1", "1.0")],
    "quote": [("a'b", "a''b")],
}  # fmt: skip
_ORDERED = [pair for pairs in _PAIRS.values() for a, b in pairs for pair in ((a, b), (b, a))]
assert len(_ORDERED) == 72, "the pairs are counted in the documentation"

_LIKELY = "names are folded, normalised, stripped, cut, split or matched as patterns, somewhere"


_PLACES = [("/d", f"/d/{one}", f"/d/{other}") for one, other in _ORDERED]
"""A directory, and two names in it, for each ordered pair: each is tried in a session of its own."""


@check("confusable.files.write", "2.4.1", "2.4.2", "3.1.1", "3.2.1", "3.6.1", "4.2.2", likely=_LIKELY)
async def files_written(case: Case) -> None:
    """Writing, editing or appending to a file neither makes nor changes one with a similar name."""

    async def require(place: tuple[str, str, str]) -> None:
        files, (directory, one, other) = case.session().files, place
        first = await files.write_file(one, "one")
        assert await files.read_file(other) is None
        assert await files.stat_file(other) is None
        second = await files.write_file(other, "other", if_absent=True)
        assert await files.read_file(one) == first
        await files.edit_file(one, "one", "ones")
        changed = await files.append_file(one, "!")
        assert (changed.size_bytes, changed.id) == (5, first.id)
        assert await files.read_file(other) == second
        assert await files.list_directory(directory) == sorted(
            (changed, second.info()), key=lambda info: info.path
        )

    await each(require, _PLACES)


@check("confusable.files.delete", "2.4.1", "2.4.2", "3.8.2", "3.8.7", likely=_LIKELY)
async def files_deleted(case: Case) -> None:
    """Deleting a file, also one that is not there, leaves one with a similar name alone."""

    async def require(place: tuple[str, str, str]) -> None:
        files, (directory, one, other) = case.session().files, place
        kept = await files.write_file(other, "other")
        absent = await files.delete_file(one, recursive=True)
        assert absent is False
        await files.write_file(one, "one")
        present = await files.delete_file(one, recursive=True)
        assert present is True
        assert await files.list_directory(directory) == [kept.info()]
        assert await files.read_file(one) is None
        assert await files.read_file(other) == kept

    await each(require, _PLACES)


@check("confusable.files.transfer", "2.4.1", "2.4.2", "4.5.3", "4.5.6", "4.5.7", likely=_LIKELY)
async def files_transferred(case: Case) -> None:
    """Copying or moving a file to or from a name leaves one with a similar name alone."""

    async def require(place: tuple[str, str, str]) -> None:
        files, (directory, one, other) = case.session().files, place
        kept = await files.write_file(other, "other")
        moved = await files.write_file(f"{directory}/source", "one")
        await files.copy_file(f"{directory}/source", one)
        await files.move_file(f"{directory}/source", one, overwrite=True)
        found = await files.read_file(one)
        assert found is not None
        assert (found.content, found.id) == ("one", moved.id)
        assert await files.read_file(other) == kept
        # From one similar name to the other, and back.
        await files.move_file(one, other, overwrite=True)
        assert await files.read_file(one) is None
        await files.move_file(other, one)
        [left] = await files.list_directory(directory)
        assert (left.path, left.id) == (one, moved.id)

    await each(require, _PLACES)


@check("confusable.directories", "2.4.1", "2.4.2", "3.6.1", "3.8.7", "4.5.3", likely=_LIKELY)
async def directories(case: Case) -> None:
    """Listing, moving or deleting a tree leaves one with a similar name alone."""

    async def require(place: tuple[str, str, str]) -> None:
        files, (directory, one, other) = case.session().files, place
        kept = await files.write_file(f"{other}/x/y", "other")
        assert await files.list_directory(one) == []
        taken = await files.write_file(f"{one}/x/y", "one")
        assert await files.list_directory(f"{one}/x") == [taken.info()]
        await files.move_file(one, f"{directory}/elsewhere")
        assert await files.read_file(f"{one}/x/y") is None
        assert await files.read_file(f"{other}/x/y") == kept
        await files.move_file(f"{directory}/elsewhere", one)
        deleted = await files.delete_file(one, recursive=True)
        assert deleted is True
        assert await files.read_file(f"{other}/x/y") == kept
        assert [info.path for info in await files.list_directory(directory)] == [other]

    await each(require, _PLACES)


@check("confusable.values", "6.1.1", "6.1.2", "6.1.3", "6.1.7", "4.6.1", "4.6.2", likely=_LIKELY)
async def values(case: Case) -> None:
    """Setting, incrementing or deleting a value leaves one with a similar key alone."""

    async def require(pair: tuple[str, str]) -> None:
        storage, (one, other) = case.session().storage, pair
        await storage.set_value(one, "1")
        first = await storage.stat_value(one)
        assert await storage.get_value(other) is None
        absent = await storage.delete_value(other)
        assert absent is False
        total = await storage.increment_value(other, 72)
        assert total == 72
        assert await storage.get_value(one) == "1"
        assert await storage.stat_value(one) == first
        assert [info.key for info in await storage.list_keys()] == sorted((one, other))
        await storage.delete_value(one)
        assert await storage.get_value(other) == "72"
        assert [info.key for info in await storage.list_keys()] == [other]

    await each(require, _ORDERED)


@check("confusable.secrets", "6.2.1", "6.2.2", "6.2.3", "6.1.7", likely=_LIKELY)
async def secrets(case: Case) -> None:
    """Setting or deleting a secret leaves one with a similar name alone, and every value."""

    async def require(pair: tuple[str, str]) -> None:
        storage, (one, other) = case.session().storage, pair
        await storage.set_value(other, "a value")
        await storage.set_secret(one, "one")
        assert await storage.get_secret(other) is None
        await storage.set_secret(other, "other")
        assert await storage.get_secret(one) == "one"
        assert [info.name for info in await storage.list_secrets()] == sorted((one, other))
        deleted = await storage.delete_secret(one)
        assert deleted is True
        assert await storage.get_secret(other) == "other"
        assert [info.name for info in await storage.list_secrets()] == [other]
        assert await storage.get_value(other) == "a value"

    await each(require, _ORDERED)


def _flipped(one: UUID, bits: int) -> UUID:
    return UUID(int=one.int ^ bits)


_HALF = (1 << 64) - 1
_SIMILAR: list[Callable[[UUID], UUID]] = [
    *(partial(_flipped, bits=1 << 4 * digit) for digit in range(32)),
    partial(_flipped, bits=_HALF),
    partial(_flipped, bits=_HALF << 64),
    lambda one: UUID(bytes_le=one.bytes),
    lambda one: UUID(bytes=one.bytes[::-1]),
]
"""Ids that differ in one hexadecimal digit, in all but a half, and in where the same digits stand."""


@check(
    "confusable.sessions",
    "1.1.1", "1.3.1", "1.3.2", "1.3.3", "1.4.2", "1.4.7", "1.5.1",
    likely="ids are cut, compared by prefix, or kept without some of their bits",
)  # fmt: skip
async def sessions(case: Case) -> None:
    """Whatever is done in a session, its deletion too, leaves one with a similar id alone."""

    async def require(similar: Callable[[UUID], UUID]) -> None:
        one = case.new_id()
        other = case.new_id(similar(one))
        await _require_apart(case, one, other)
        await _require_apart(case, other, one)

    await each(require, _SIMILAR)


async def _require_apart(case: Case, one: UUID, other: UUID) -> None:
    taken, kept = case.store.session(one), case.store.session(other)
    await kept.files.write_file("/d/a", "other")
    await kept.storage.set_value("k", "other")
    await kept.storage.set_secret("s", "other")
    await case.store.sessions.add_session(Session(other, "other"))
    before = await case.snapshot(other)
    assert await case.snapshot(one) == {}
    assert await case.store.sessions.get_session(one) is None
    await taken.files.write_file("/d/a", "one")
    await taken.storage.set_value("k", "one")
    await taken.storage.set_secret("s", "one")
    await case.store.sessions.add_session(Session(one, "one"))
    assert await case.snapshot(other) == before
    assert await taken.storage.get_secret("s") == "one"
    await case.store.delete_session(one)
    assert await case.snapshot(other) == before
    record = await case.store.sessions.get_session(other)
    assert record is not None
    assert record.title == "other"
    await case.store.delete_session(other)
