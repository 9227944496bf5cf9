"""What every verb refuses in every place, which reason of several is told, and with which facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from everstore.conformance.case import Mismatch, refused
from everstore.conformance.registry import check, table
from everstore.errors import (
    DirectoryNotEmptyError,
    EditError,
    EverstoreError,
    InvalidContentError,
    InvalidPathError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
    ReadOnlyFileError,
    RevisionConflictError,
    SessionNotFoundError,
)
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundFiles

_TEXT = "a text, a text"
_PLACES = {
    "below a file": "/d/file/x",
    "far below a file": "/d/file/x/y/z",
    "on a directory": "/d",
    "on an empty directory": "/empty",
    "on the root": "/",
    "on a read-only file": "/kept",
    "on a file": "/d/file",
    "where nothing is": "/new/a",
}
"""The places that a verb is asked to change, or to bring something to."""

_BELOW_ROOT = tuple(place for place in _PLACES if place != "on the root")


class Why(msgspec.Struct, frozen=True):
    """An error, and its facts; ``path`` is the place itself, unless they say another."""

    error: type[EverstoreError]
    facts: dict[str, Any] = {}

    def differences(self, error: EverstoreError, place: str) -> dict[str, tuple[Any, Any]]:
        """What each fact was expected to be, and is, where these differ."""
        expected = {"path": place} | self.facts
        if self.error is RevisionConflictError:
            expected["place"] = expected.pop("path")
        got = {name: getattr(error, name, None) for name in expected}
        return {name: (each, got[name]) for name, each in expected.items() if each != got[name]}


_FILE = {"below a file": Why(ParentNotDirectoryError), "far below a file": Why(ParentNotDirectoryError)}
_DIRECTORIES = dict.fromkeys(
    ("on a directory", "on an empty directory", "on the root"), Why(PathIsDirectoryError)
)
_TREE = {**_FILE, **_DIRECTORIES, "on a read-only file": Why(ReadOnlyFileError)}
_NO_TEXT = Why(InvalidContentError, {"stored": "text"})
_STUCK = Why(ReadOnlyFileError, {"path": "/stuck"})
_STUCK_BELOW = Why(ReadOnlyFileError, {"path": "/t/a/stuck"})
_THERE = dict.fromkeys(
    ("on a directory", "on an empty directory", "on a read-only file", "on a file"), Why(PathExistsError)
)
_CONFLICT = {"expected_revision": "1", "current_revision": None}

_Call = tuple["Callable[[BoundFiles, str], Awaitable[Any]]", dict[str, Why]]


def _transfers(verb: str) -> dict[str, _Call]:
    """A copy or a move, of a file and of a tree, told to replace or not, and of what is missing."""

    def call(source: str, *, overwrite: bool = True) -> Callable[[BoundFiles, str], Awaitable[Any]]:
        return lambda files, place: getattr(files, verb)(source, place, overwrite=overwrite)

    return {
        verb: (call("/other"), _TREE),
        f"{verb}_without_overwrite": (
            call("/other", overwrite=False),
            {**_FILE, **_THERE, **_DIRECTORIES},
        ),
        f"{verb}_tree": (call("/tree"), {**_FILE, **_THERE}),
        f"{verb}_missing": (
            call("/missing", overwrite=False),
            dict.fromkeys(_BELOW_ROOT, Why(PathNotFoundError, {"path": "/missing"})),
        ),
        f"{verb}_below_file": (
            call("/other/x"),
            dict.fromkeys(_BELOW_ROOT, Why(PathNotFoundError, {"path": "/other/x"})),
        ),
    }


_CALLS: dict[str, _Call] = {
    "write": (lambda files, place: files.write_file(place, "y"), _TREE),
    "write_same": (lambda files, place: files.write_file(place, _TEXT), _TREE),
    "write_base64": (lambda files, place: files.write_file(place, "AP8=", "base64"), _TREE),
    "write_bytes": (lambda files, place: files.write_bytes(place, b"\0\xff"), _TREE),
    "write_bytes_if_absent": (
        lambda files, place: files.write_bytes(place, b"y", if_absent=True),
        {**_TREE, "on a file": Why(RevisionConflictError, {"expected_revision": None})},
    ),
    "write_bytes_if_revision": (
        lambda files, place: files.write_bytes(place, b"y", if_revision="1"),
        {
            **_TREE,
            "on a file": Why(RevisionConflictError, {"expected_revision": "1"}),
            "where nothing is": Why(RevisionConflictError, _CONFLICT),
        },
    ),
    "write_if_absent": (
        lambda files, place: files.write_file(place, "y", if_absent=True),
        {**_TREE, "on a file": Why(RevisionConflictError, {"expected_revision": None})},
    ),
    "write_if_revision": (
        lambda files, place: files.write_file(place, "y", if_revision="1"),
        {
            **_TREE,
            "on a file": Why(RevisionConflictError, {"expected_revision": "1"}),
            "where nothing is": Why(RevisionConflictError, _CONFLICT),
        },
    ),
    "match": (
        lambda files, place: files.write_file_if_content_matches(place, _TEXT, "text", "y", "text"),
        {"on a read-only file": Why(ReadOnlyFileError)},
    ),
    "seed": (
        lambda files, place: files.seed_initial_file(InitialFile(place, "y")),
        {**_FILE, **_DIRECTORIES},
    ),
    "append": (lambda files, place: files.append_file(place, "y"), _TREE),
    "append_nothing": (lambda files, place: files.append_file(place, ""), _TREE),
    "append_base64": (
        lambda files, place: files.append_file(place, "AP8=", "base64"),
        {**_TREE, "on a file": _NO_TEXT},
    ),
    "append_bytes": (
        lambda files, place: files.append_bytes(place, b"y"),
        {**_TREE, "on a file": _NO_TEXT},
    ),
    "edit": (
        lambda files, place: files.edit_file(place, ",", "y"),
        {**_TREE, "where nothing is": Why(PathNotFoundError)},
    ),
    "edit_no_match": (
        lambda files, place: files.edit_file(place, "missing", "y"),
        {
            **_TREE,
            "on a file": Why(EditError, {"matches": 0}),
            "where nothing is": Why(PathNotFoundError),
        },
    ),
    "edit_two_matches": (
        lambda files, place: files.edit_file(place, "text", "y"),
        {
            **_TREE,
            "on a file": Why(EditError, {"matches": 2}),
            "where nothing is": Why(PathNotFoundError),
        },
    ),
    "directory": (
        lambda files, place: files.create_directory(place),
        {**_FILE, "on a read-only file": Why(PathExistsError), "on a file": Why(PathExistsError)},
    ),
    **_transfers("copy_file"),
    **_transfers("move_file"),
    "move_file_read_only": (
        lambda files, place: files.move_file("/stuck", place),
        {**dict.fromkeys(_PLACES, _STUCK), **_FILE, **_DIRECTORIES},
    ),
    "move_file_read_only_onto": (
        lambda files, place: files.move_file("/stuck", place, overwrite=True),
        {**dict.fromkeys(_PLACES, _STUCK), **_FILE, **_DIRECTORIES},
    ),
    "move_file_read_only_tree": (
        lambda files, place: files.move_file("/t", place),
        {**dict.fromkeys(_BELOW_ROOT, _STUCK_BELOW), **_FILE},
    ),
}

_ABSENT = {**_FILE, "where nothing is": Why(PathNotFoundError)}
_STRICT = {
    **_ABSENT,
    "on the root": Why(InvalidPathError),
    "on a read-only file": Why(ReadOnlyFileError),
}
_STRICT_CALLS: dict[str, _Call] = {
    "delete": (
        lambda files, place: files.delete_file(place, strict=True),
        {**_STRICT, "on a directory": Why(DirectoryNotEmptyError)},
    ),
    "delete_recursive": (
        lambda files, place: files.delete_file(place, recursive=True, strict=True),
        _STRICT,
    ),
    "read": (lambda files, place: files.read_file(place, strict=True), {**_ABSENT, **_DIRECTORIES}),
    "list": (
        lambda files, place: files.list_directory(place, strict=True),
        {**_ABSENT, **dict.fromkeys(("on a read-only file", "on a file"), Why(PathNotDirectoryError))},
    ),
    "delete_tree": (
        lambda files, _: files.delete_file("/t", recursive=True, strict=True),
        {"on a directory": _STUCK_BELOW},
    ),
}
"""What tells its reason only when it is asked to."""


@table(
    "tree.refuses.{row}",
    "3.4.1", "3.4.2", "3.4.3", "3.4.5", "3.9.2", "3.11.1", "3.11.4", "4.2.3", "4.5.4", "4.5.6", "7.2.6",
    rows=_CALLS,
    likely="this verb looks at less, or looks in another order, or tells another path than it means",
    since="1.1",
)  # fmt: skip
async def refuses(
    case: Case, call: Callable[[BoundFiles, str], Awaitable[Any]], reasons: dict[str, Why]
) -> None:
    """In every place where it must be, this is refused, for the first reason and with its facts: {row}."""
    await _refuses(case, call, reasons)


@table(
    "tree.refuses_strictly.{row}",
    "3.13.1", "3.13.2", "3.13.3", "7.2.6",
    rows=_STRICT_CALLS,
    likely="strict does not get here, or this verb tells another reason than there is",
    since="1.2",
)  # fmt: skip
async def refuses_strictly(
    case: Case, call: Callable[[BoundFiles, str], Awaitable[Any]], reasons: dict[str, Why]
) -> None:
    """What a strict call tells wherever it has a reason, and with which facts: {row}."""
    await _refuses(case, call, reasons)


async def _refuses(
    case: Case, call: Callable[[BoundFiles, str], Awaitable[Any]], reasons: dict[str, Why]
) -> None:
    for path in ("/d/file", "/other", "/tree/f"):
        await case.files.write_file(path, _TEXT)
    await case.files.create_directory("/empty")
    for path in ("/kept", "/stuck", "/t/b/stuck", "/t/a/stuck"):
        await case.files.seed_initial_file(InitialFile(path, _TEXT, is_readonly=True))
    async with case.untouched():
        for name, why in reasons.items():
            with refused(why.error) as caught:
                await call(case.files, _PLACES[name])
            for fact, (expected, got) in why.differences(caught.error, _PLACES[name]).items():
                raise Mismatch.of(expected, got, f"{name}, {fact}")
            if why.error is ParentNotDirectoryError and "'/d/file'" not in str(caught.error):
                raise Mismatch(f"{name}, the file in the way told", str(caught.error))


@check(
    "values.refused_facts",
    "4.6.1", "7.2.6",
    likely="a conflict of values tells the wanted revision for the one found, or none",
    since="1.1",
)  # fmt: skip
async def facts_of_values(case: Case) -> None:
    """A conflict at a key tells the key and both revisions, and a missing record its session."""
    await case.storage.set_value("k", "x")
    stat = await case.storage.stat_value("k")
    current = stat and stat.revision
    for key, found in (("k", current), ("new", None)):
        with refused(RevisionConflictError) as caught:
            await case.storage.set_value(key, "y", if_revision="1")
        error = caught.error
        assert (error.place, error.expected_revision, error.current_revision) == (key, "1", found)
    with refused(RevisionConflictError) as caught:
        await case.storage.set_value("k", "y", if_absent=True)
    assert (caught.error.expected_revision, caught.error.current_revision) == (None, current)
    with refused(SessionNotFoundError) as caught:
        await case.store.sessions.update_session_title(case.id, "title")
    assert caught.error.session_id == case.id
