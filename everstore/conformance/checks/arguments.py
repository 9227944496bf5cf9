"""Arguments that nothing could keep or carry: every verb, every parameter, a zoo of wrong values."""

from __future__ import annotations

import inspect
from array import array
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.changes import (
    Append,
    Copy,
    Delete,
    DeleteSecret,
    DeleteValue,
    Edit,
    FileTimes,
    Increment,
    MakeDirectory,
    Move,
    SecretTimes,
    Seed,
    SetSecret,
    SetValue,
    TouchValue,
    ValueTimes,
    Write,
)
from everstore.conformance.case import refused
from everstore.conformance.registry import table
from everstore.conformance.showing import shown
from everstore.errors import InvalidArgumentError
from everstore.interfaces import OpenFileSystem, SecretRotation, SessionStorageStore, SessionStore
from everstore.middleware.base import verbs_of
from everstore.models import InitialFile, Session, new_session_id

if TYPE_CHECKING:
    from everstore.conformance.case import Case

_ROLES = {
    "file_system": OpenFileSystem,
    "storage": SessionStorageStore,
    "sessions": SessionStore,
    "rotation": SecretRotation,
}
_HUGE = 10**5000  # has more digits than Python would print
_LONE = "a\ud800"
_NO_TEXT: tuple[Any, ...] = (b"a", bytearray(b"a"), 1, 1.5, True, [], {}, {"a"}, object(), str, UUID(int=1))
_NO_NUMBER: tuple[Any, ...] = ("1", b"1", 1.0, float("nan"), True, False, Decimal(1), [], object())
_NO_NAMES: tuple[Any, ...] = ("", "a\0b", _LONE, "k" * 1025, "é" * 513, None, 1, b"a", True)
_NO_LABELS: tuple[Any, ...] = (
    *("", "ab", b"", 0, 1.5, True, [], [("a", "b")], (), {"a"}, object(), dict, UUID(int=1)),
    *({name: "x"} for name in _NO_NAMES),
    *({"a": text} for text in _NO_NAMES[1:]),
    {str(number): "" for number in range(65)},
)
_NO_RECORD: tuple[Any, ...] = ("a", b"a", 1, {}, [], ("a", "b"), object())


def _records() -> tuple[Any, ...]:
    times = (-1, 2**63, _HUGE, "2026", True, 1.5, None, Decimal(1))
    record: dict[str, Any] = {"id": new_session_id(), "title": "a", "created_ns": 5, "updated_ns": 6}
    return (
        *(Session(**{**record, "id": wrong}) for wrong in _WRONG["session_id"]),
        *(Session(**{**record, "title": wrong}) for wrong in (*_NO_TEXT, _LONE, "a\0b")),
        *(Session(**{**record, "labels": wrong}) for wrong in (None, *_NO_LABELS)),
        *(Session(**{**record, "parent": wrong}) for wrong in _WRONG["session_id"][1:]),
        *(
            Session(**{**record, name: time})
            for name in ("created_ns", "updated_ns")
            for time in times
            if time
        ),
    )


def _seeds() -> tuple[Any, ...]:
    fields = ("path", "content", "encoding", "is_readonly")
    seed: dict[str, Any] = {"path": "new", "content": "x", "encoding": "text", "is_readonly": False}
    wrong = {name: _WRONG[name] for name in fields}
    return tuple(
        InitialFile(**{**seed, name: value}) for name in fields for value in wrong[name] if value is not None
    )


_FLAGS: tuple[Any, ...] = (None, 0, 1, "yes", "", [], object())
_COUNTS: tuple[Any, ...] = (*_NO_NUMBER, -1, -(2**63), 2**63, 10**30, _HUGE)
_PATTERNS: tuple[Any, ...] = (None, *_NO_TEXT, _LONE, "\udfff*")
_TEXTS: tuple[Any, ...] = (None, *_NO_TEXT, _LONE)
_KEYS: tuple[Any, ...] = (None, *_NO_TEXT, _LONE, "", "a\0b", "k" * 1025, "é" * 513)

_WRONG: dict[str, tuple[Any, ...]] = {
    "session_id": (None, "", str(new_session_id()), b"0" * 16, 1, _HUGE, [], object(), UUID),
    "path": (None, *_NO_TEXT, _LONE, "a\0b", "..", "x" * 256),
    "content": _TEXTS,
    "data": (None, "a", "", *_NO_TEXT[2:], [1], array("I", [1])),
    "encoding": (None, *_NO_TEXT, "", "utf-8", "TEXT", "text ", _LONE, "x" * 100_000),
    "if_revision": (*_NO_TEXT, _LONE, "1" * 10_000_000),
    "flag": _FLAGS,
    "count": _COUNTS,
    "pattern": _PATTERNS,
    "glob": (*_PATTERNS, "a\0*", "\0"),
    "path_pattern": (*_NO_TEXT, _LONE, "a\0", "*\0*"),
    "key": _KEYS,
    "values": (
        *(None, *_NO_RECORD[:3], *_NO_RECORD[4:], [("k", "x")]),
        *({"k2": "x", key: "y"} for key in _KEYS if key.__hash__),
        *({"k2": "x", "k": text} for text in _TEXTS),
    ),
    "ttl": (*_NO_NUMBER[:2], *_NO_NUMBER[3:], 0, 0.0, -1, float("inf"), float("-inf"), 1e300, _HUGE),
    "amount": (*_NO_NUMBER, None, 2**64, -(2**64), 10**30, -_HUGE),
    "title": (None, *_NO_TEXT, _LONE, "a\0b"),
    "labels": _NO_LABELS,
    "is_readonly": _FLAGS,
}
_CHANGES: tuple[Any, ...] = (
    *(None, 1, "", "Write", b"", {}, object(), Write, Write("b", "x"), iter([Write("b", "x")])),
    *([Write("b", "x"), wrong] for wrong in (None, "b", {}, Write, object(), Seed(InitialFile("b", "x")))),
    *([Write("b", "x"), Write(wrong, "x")] for wrong in _WRONG["path"]),
    *([Append("b", wrong)] for wrong in _TEXTS),
    *([Append("b", "x", wrong)] for wrong in _WRONG["encoding"]),
    *([Write("b", "x", if_absent=wrong)] for wrong in _FLAGS),
    *([Write("b", "x", if_revision=wrong)] for wrong in _WRONG["if_revision"]),
    *([Delete("a", recursive=wrong)] for wrong in _FLAGS),
    *([MakeDirectory("b", exist_ok=wrong)] for wrong in _FLAGS),
    *([Edit("a", wrong, "x")] for wrong in _TEXTS),
    *([Edit("a", "x", "y", replace_all=wrong)] for wrong in _FLAGS),
    *([Move("a", wrong)] for wrong in _WRONG["path"]),
    *([Copy("a", "b", overwrite=wrong)] for wrong in _FLAGS),
)
_VALUE_CHANGES: tuple[Any, ...] = (
    *(None, 1, "", "SetValue", b"", {}, object(), SetValue, SetValue("b", "x"), iter([SetValue("b", "x")])),
    *([SetValue("b", "x"), wrong] for wrong in (None, "b", {}, SetValue, object(), SetSecret("b", "x"))),
    *([SetValue("b", "x"), wrong] for wrong in (DeleteSecret("s"), Write("b", "x"))),
    *([SetValue("b", "x"), SetValue(wrong, "x")] for wrong in _KEYS),
    *([Increment("b"), DeleteValue(wrong)] for wrong in _KEYS),
    *([SetValue("b", wrong)] for wrong in _TEXTS),
    *([SetValue("b", "x", if_absent=wrong)] for wrong in _FLAGS),
    *([SetValue("b", "x", if_revision=wrong)] for wrong in _WRONG["if_revision"]),
    *([DeleteValue("k", if_revision=wrong)] for wrong in _WRONG["if_revision"]),
    *([SetValue("b", "x", ttl=wrong)] for wrong in _WRONG["ttl"]),
    *([TouchValue("k", ttl=wrong)] for wrong in _WRONG["ttl"]),
    *([Increment("b", wrong)] for wrong in _WRONG["amount"]),
)
_NO_TIMES: tuple[Any, ...] = (*_NO_NUMBER, None, -1, 9 * 10**18 + 1, 2**63, 10**30, _HUGE)
_TIMES: tuple[Any, ...] = (
    *(None, 1, "", "FileTimes", b"", {}, object(), FileTimes, FileTimes("a", 0, 0), ValueTimes("k", 0, 0)),
    *([wrong] for wrong in (None, "a", FileTimes, object(), Write("a", "x"), SetValue("k", "x"))),
    *([FileTimes(wrong, 0, 0)] for wrong in _WRONG["path"]),
    *([kind(wrong, 0, 0)] for kind in (ValueTimes, SecretTimes) for wrong in _KEYS),
    *(
        [kind("a", *times)]
        for kind in (FileTimes, ValueTimes, SecretTimes)
        for wrong in _NO_TIMES
        for times in ((wrong, 0), (0, wrong))
    ),
)
_KINDS = {
    **dict.fromkeys(("path", "source", "destination"), "path"),
    **dict.fromkeys(
        ("content", "expected_content", "old", "new", "value", "expected", "replacement"), "content"
    ),
    **dict.fromkeys(("encoding", "expected_encoding"), "encoding"),
    **dict.fromkeys(("if_absent", "recursive", "overwrite", "replace_all", "regex", "ignore_case"), "flag"),
    **dict.fromkeys(("reverse", "strict", "exist_ok"), "flag"),
    **dict.fromkeys(("start", "length", "limit", "before", "after", "depth"), "count"),
    **dict.fromkeys(("key", "name"), "key"),
}
# What two verbs call by the same name is not the same thing.
_SPECIAL: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("read_values.after", "list_keys.after"), _KEYS[1:]),
    **dict.fromkeys(("read_values.prefix", "list_keys.prefix"), tuple(key for key in _KEYS if key != "")),
    "get_values.keys": ("k", b"k", 1, None, object(), *(["k", wrong] for wrong in _KEYS)),
    "glob_files.pattern": _WRONG["glob"],
    "read_bytes.start": (*_NO_NUMBER, -(2**63) - 1, 2**63, 10**30, -_HUGE),
    "read_lines.start": (*_NO_NUMBER, 0, -(2**63) - 1, 2**63, 10**30, -_HUGE),
    "list_sessions.after": (*_NO_RECORD, *_records()),
    "list_sessions.checkpoints_of": _WRONG["session_id"][1:],
    "session_ids.after": _WRONG["session_id"][1:],
    "fork_session.source": _WRONG["session_id"],
    "fork_session.target": _WRONG["session_id"],
    "fork_session.replaced": _WRONG["session_id"][1:],
    "diff_sessions.a": _WRONG["session_id"],
    "diff_sessions.b": _WRONG["session_id"],
    "diff_sessions.after": (*_NO_TEXT, _LONE, "a\0b"),
    "limit_session.limits": (
        *(None, 5, "session_bytes", ["session_bytes"], {5: 5}, {"file_bytes": 5}, {"session_files": 5}),
        *({"session_bytes": wrong} for wrong in (0, -1, True, 1.5, "5", 1 << 63)),
    ),
    "restore_times.times": _TIMES,
    "scan_secrets.after": (
        *_NO_RECORD[:-2],
        (),
        (new_session_id(),),
        ("a", "b"),
        *((new_session_id(), key) for key in _KEYS),
        object(),
    ),
    "update_session.title": (*_NO_TEXT, _LONE, "a\0b"),
    "update_session.labels": (None, *_NO_LABELS),
    "add_session.session": (None, *_NO_RECORD, *_records()),
    "apply_changes.changes": _CHANGES,
    "change_values.changes": _VALUE_CHANGES,
    "list_tree.after": _WRONG["path"][1:],
    "list_tree.depth": (*_COUNTS, 0),
    "seed_initial_file.file": (None, *_NO_RECORD, *_seeds()),
}
_RIGHT: dict[str, Any] = {
    "changes": [],
    "path": "a",
    "source": "a",
    "destination": "b",
    "content": "new",
    "data": b"new",
    "encoding": "text",
    "expected_content": "other",
    "expected_encoding": "text",
    "old": "x",
    "new": "y",
    "pattern": "x",
    "key": "k",
    "keys": ["k"],
    "limits": {"session_bytes": 1 << 40},
    "name": "s",
    "value": "new",
    "values": {"k": "new"},
    "ttl": None,
    "times": [],
    "title": "new",
    "file": InitialFile("new", "x"),
    "session": Session(created_ns=5),
    "expected": "x",
    "replacement": "y",
}


_ENDS = {name: new_session_id() for name in ("source", "target", "a", "b")}
_RIGHT_OF = {
    "fork_session": {name: _ENDS[name] for name in ("source", "target")},
    "diff_sessions": {name: _ENDS[name] for name in "ab"},
}
"""What is right for these verbs only."""


def _wrong(verb: str, parameter: str) -> tuple[Any, ...]:
    special = _SPECIAL.get(f"{verb}.{parameter}")
    return special if special is not None else _WRONG[_KINDS.get(parameter, parameter)]


def _verbs(*roles: str) -> dict[str, tuple[str, str]]:
    found = {}
    for role in roles:
        interface = _ROLES[role]
        for verb in verbs_of(interface, role, ""):
            if verb.name != "purge_session":  # it takes an id only, which every other verb takes too
                found[f"{role}_{verb.name}"] = (role, verb.name)
    return found


@table(
    "arguments.{row}",
    "3.11.2",
    rows=_verbs("file_system", "storage", "sessions"),
    since="1.1",
    level="standard",
    tags=("hostile",),
    likely="a driver is handed what it cannot carry, or a wrong record is kept",
)
@table(
    "arguments.{row}",
    "3.11.2",
    rows=_verbs("rotation"),
    since="1.1",
    level="standard",
    tags=("hostile",),
    needs=("durable",),
    likely="a driver is handed what it cannot carry, or what is no place is gone on from",
)
async def wrong_arguments(case: Case, role: str, verb: str) -> None:
    """Whatever wrong value any parameter has is InvalidArgumentError, and nothing changes: {row}."""
    await case.files.write_file("a", "x")
    await case.storage.set_value("k", "x")
    await case.storage.set_secret("s", "x")
    call = getattr(getattr(case.store, role), verb)
    parameters = [
        name for name in inspect.signature(getattr(_ROLES[role], verb)).parameters if name != "self"
    ]
    right = {name: _RIGHT[name] for name in parameters if name in _RIGHT} | _RIGHT_OF.get(verb, {})
    if "session_id" in parameters:
        right["session_id"] = case.id
    async with case.untouched():
        for parameter in parameters:
            for wrong in _wrong(verb, parameter):
                with refused(InvalidArgumentError, about=f" for {parameter}={shown(wrong)}") as caught:
                    await call(**{**right, parameter: wrong})
                assert str(caught.error)[:300].isprintable(), f"{parameter}: not one line"
                assert len(str(caught.error)) < 300, f"{parameter}: not a short line"
