"""When a limit is the reason to refuse for (verbs that grow by earlier reasons), and what is told then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import refused
from everstore.conformance.checks.limits import base64_of, limited
from everstore.conformance.registry import table
from everstore.errors import (
    EditError,
    InvalidContentError,
    InvalidPathError,
    ParentNotDirectoryError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotFoundError,
    QuotaExceededError,
    ReadOnlyFileError,
    RevisionConflictError,
)
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundSession

    Put = Callable[[BoundSession, int], Awaitable[Any]]

_BIG = "x" * 50
_LONG_PATH = "/".join(["y" * 255] * 16)  # 4095 bytes: nothing below it has room


def _orders() -> dict[str, tuple[Any, ...]]:
    """Limit by verb by earlier reason; the session is as ``order`` makes it."""
    put: dict[str, Callable[[BoundSession, str], Awaitable[Any]]] = {
        "write": lambda one, path: one.files.write_file(path, _BIG),
        "write_base64": lambda one, path: one.files.write_file(path, base64_of(50), "base64"),
        "append": lambda one, path: one.files.append_file(path, _BIG),
        "edit": lambda one, path: one.files.edit_file(path, "s", _BIG),
        "seed": lambda one, path: one.files.seed_initial_file(InitialFile(path, _BIG)),
        "copy": lambda one, path: one.files.copy_file("large", path, overwrite=True),
        "move": lambda one, path: one.files.move_file("large", path, overwrite=True),
        "create_directory": lambda one, path: one.files.create_directory(path),
    }
    reasons: dict[str, tuple[str, Any]] = {
        "through_file": ("small/below/it", ParentNotDirectoryError),
        "directory": ("d", PathIsDirectoryError),
        "read_only": ("kept", ReadOnlyFileError),
    }
    rows: dict[str, tuple[Any, ...]] = {}
    for limit in ("file_bytes", "session_bytes", "session_entries"):
        for verb, call in put.items():
            for reason, (path, error) in reasons.items():
                if (verb, reason) != ("seed", "read_only") and verb != "create_directory":
                    rows[f"{limit}_{verb}_{reason}"] = (limit, error, _at(call, path))
        rows[f"{limit}_create_directory_through_file"] = (
            limit, ParentNotDirectoryError, _at(put["create_directory"], "small/below/it"),
        )  # fmt: skip
        rows |= {f"{limit}_{name}": (limit, *row) for name, row in _CONDITIONS.items()}
    for limit in ("value_bytes", "session_keys", "session_value_bytes"):
        rows |= {f"{limit}_{name}": (limit, *row) for name, row in _VALUE_CONDITIONS.items()}
    return rows


def _at(
    call: Callable[[BoundSession, str], Awaitable[Any]], path: str
) -> Callable[[BoundSession], Awaitable[Any]]:
    return lambda one: call(one, path)


def _matches(one: BoundSession, path: str, expected: str) -> Awaitable[Any]:
    return one.files.write_file_if_content_matches(path, expected, "text", _BIG, "text")


_CONDITIONS: dict[str, tuple[Any, Callable[[BoundSession], Awaitable[Any]]]] = {
    "write_other_revision": (
        RevisionConflictError,
        lambda one: one.files.write_file("small", _BIG, if_revision="0"),
    ),
    "write_gone_revision": (
        RevisionConflictError,
        lambda one: one.files.write_file("new", _BIG, if_revision="1"),
    ),
    "write_if_absent": (
        RevisionConflictError,
        lambda one: one.files.write_file("small", _BIG, if_absent=True),
    ),
    "write_if_absent_on_directory": (
        PathIsDirectoryError,
        lambda one: one.files.write_file("d", _BIG, if_absent=True),
    ),
    "matches_missing": (None, lambda one: _matches(one, "new", "small")),
    "matches_through_file": (None, lambda one: _matches(one, "small/new", "small")),
    "matches_directory": (None, lambda one: _matches(one, "d", "small")),
    "matches_root": (None, lambda one: _matches(one, "/", "small")),
    "matches_other": (None, lambda one: _matches(one, "small", "other")),
    "matches_other_read_only": (None, lambda one: _matches(one, "kept", "other")),
    "matches_other_encoding": (None, lambda one: _matches(one, "bytes", "c21hbGw=")),
    "matches_read_only": (ReadOnlyFileError, lambda one: _matches(one, "kept", "small")),
    "append_other_encoding": (
        InvalidContentError,
        lambda one: one.files.append_file("bytes", _BIG),
    ),
    "edit_missing": (PathNotFoundError, lambda one: one.files.edit_file("new", "s", _BIG)),
    "edit_no_match": (EditError, lambda one: one.files.edit_file("small", "z", _BIG)),
    "copy_missing": (PathNotFoundError, lambda one: one.files.copy_file("missing", "new")),
    "copy_onto_file": (PathExistsError, lambda one: one.files.copy_file("large", "small")),
    "copy_too_long": (InvalidPathError, lambda one: one.files.copy_file("d", _LONG_PATH)),
    "move_onto_file": (PathExistsError, lambda one: one.files.move_file("large", "small")),
    "move_too_long": (InvalidPathError, lambda one: one.files.move_file("d", _LONG_PATH)),
}
_VALUE_CONDITIONS: dict[str, tuple[Any, Callable[[BoundSession], Awaitable[Any]]]] = {
    "other_revision": (
        RevisionConflictError,
        lambda one: one.storage.set_value("k", _BIG, if_revision="0"),
    ),
    "gone_revision": (
        RevisionConflictError,
        lambda one: one.storage.set_value("new", _BIG, if_revision="1"),
    ),
    "if_absent": (RevisionConflictError, lambda one: one.storage.set_value("k", _BIG, if_absent=True)),
    "ttl_and_revision": (
        RevisionConflictError,
        lambda one: one.storage.set_value("k", _BIG, ttl=5, if_revision="0"),
    ),
    "many_if_absent": (
        RevisionConflictError,
        lambda one: one.storage.set_values({"k": "x", "new": _BIG}, if_absent=True),
    ),
    "deleted_revision": (RevisionConflictError, lambda one: one.storage.delete_value("k", if_revision="0")),
    "no_integer": (InvalidContentError, lambda one: one.storage.increment_value("k")),
}


_FILLED = {"session_bytes": 40, "session_entries": 6, "session_keys": 1, "session_value_bytes": 10}
"""What each limit must be for the session to be full, or nearly so; the others are of one file or value."""


@table(
    "limits.order.{row}",
    "3.11.1",
    "4.3.2",
    rows=_orders(),
    likely="the limit is looked at before the tree, or by whoever knows the size before anybody looks",
)
async def order(case: Case, limit: str, outcome: Any, call: Callable[[BoundSession], Awaitable[Any]]) -> None:
    """A limit is the last reason to refuse for, and a comparing write finds nothing first: {row}."""
    session = await limited(case, **{limit: _FILLED.get(limit, 15)})
    await asyncio.gather(
        session.files.write_file("d/f", "small"),
        session.files.write_file("small", "small"),
        session.files.write_file("large", "x" * 15),
        session.files.write_file("bytes", base64_of(5), "base64"),
        session.files.seed_initial_file(InitialFile("kept", "small", is_readonly=True)),
        session.storage.set_value("k", "small"),
    )
    async with case.untouched():
        if outcome is None:
            assert await call(session) is None
        else:
            with refused(outcome):
                await call(session)


@table(
    "limits.told.{row}",
    "7.4.9",
    since="1.1",
    rows={
        "file_bytes": (
            "file_bytes",
            5,
            6,
            "bytes",
            "/d/a",
            lambda one, _: one.files.write_file("d/a", "xxxxxx"),
        ),
        "session_entries": (
            "session_entries",
            5,
            6,
            "files and directories",
            "/d/a",
            lambda one, _: one.files.write_file("d/a", "x"),
        ),
        "session_bytes": (
            "session_bytes",
            9,
            10,
            "bytes",
            "/d/a",
            lambda one, _: one.files.write_file("d/a", "xxxxxx"),
        ),
        "key_bytes": (
            "key_bytes",
            5,
            6,
            "bytes",
            "kkkkkk",
            lambda one, _: one.storage.set_value("kkkkkk", "x"),
        ),
        "value_bytes": (
            "value_bytes",
            5,
            6,
            "bytes",
            "k",
            lambda one, _: one.storage.set_value("k", "xxxxxx"),
        ),
        "session_keys": (
            "session_keys",
            1,
            2,
            "values and secrets",
            "k",
            lambda one, _: one.storage.set_value("k", "x"),
        ),
        "session_value_bytes": (
            "session_value_bytes",
            7,
            8,
            "bytes",
            "k",
            lambda one, _: one.storage.set_value("k", "xxxxx"),
        ),
    },
    likely="the driver's or the quota's own words are told",
)
async def told(case: Case, limit: str, allowed: int, wanted: int, unit: str, place: str, put: Put) -> None:
    """A refusal says what, where, how much and in which unit, in words and as facts: {row}."""
    session = await limited(case, **{limit: allowed})
    for name in ("e/f", "e/g", "h"):
        await session.files.write_file(name, "x" if name < "h" else "xx")
    await session.storage.set_value("n", "x")
    async with case.untouched():
        with refused(QuotaExceededError) as caught:
            await put(session, wanted)
    error = caught.error
    assert (error.limit, error.allowed, error.wanted) == (limit, allowed, wanted)
    assert (error.unit, error.place) == (unit, place)
    for part in (f"EVERSTORE_LIMITS__{limit.upper()}", f"{wanted} {unit}", repr(place)):
        assert part in str(error)
