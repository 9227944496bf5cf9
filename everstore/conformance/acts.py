"""Every verb of the contract, called in every way that differs, on a session that holds one of everything.

A hazard (a cancelled call, a failing driver, a closed store, what a call leaves behind, ...) is asked of
every act, and not only of the verb where its mistake is likeliest: ``registry.product`` makes a check of
each pair. So a new verb is in all of these tables by its one line here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from everstore.changes import (
    Append,
    Copy,
    Delete,
    DeleteValue,
    Edit,
    FileTimes,
    Increment,
    MakeDirectory,
    Move,
    SecretTimes,
    SetValue,
    TouchValue,
    ValueTimes,
    Write,
)
from everstore.conformance.scene import LABELS, LARGE, RECORD_NS, Scene
from everstore.interfaces import SecretRotation
from everstore.models import InitialFile, Session

if TYPE_CHECKING:
    from everstore.changes import AnyFileChange, AnyValueChange
    from everstore.interfaces import Capabilities

__all__ = [
    "ACTS",
    "CHANGING",
    "LOOKING",
    "NO_ACTS",
    "NO_SESSION",
    "TIMES",
    "Act",
    "asked_of",
]


TIMES = (1_600_000_000_123_456_789, 1_600_000_001_000_000_001)
"""Times of creation and of the last change, that a restoring gives."""


class Act(msgspec.Struct, frozen=True):
    """One way to call a verb. ``changes`` says whether it changes a filled session.

    ``needs`` are capabilities without which the call is refused.
    """

    role: str
    verb: str
    call: Callable[[Scene], Awaitable[Any]]
    changes: bool = True
    needs: tuple[str, ...] = ()


def asked_of(capabilities: Capabilities, acts: dict[str, Act]) -> dict[str, Act]:
    """Those of the acts that a backend with these capabilities does not refuse."""
    return {name: act for name, act in acts.items() if all(getattr(capabilities, need) for need in act.needs)}


def _files(
    verb: str, call: Callable[[Scene], Awaitable[Any]], *, changes: bool = True, needs: tuple[str, ...] = ()
) -> Act:
    return Act("file_system", verb, call, changes, needs)


def _storage(
    verb: str, call: Callable[[Scene], Awaitable[Any]], *, changes: bool = True, needs: tuple[str, ...] = ()
) -> Act:
    return Act("storage", verb, call, changes, needs)


def _records(verb: str, call: Callable[[Scene], Awaitable[Any]], *, changes: bool = True) -> Act:
    return Act("sessions", verb, call, changes)


async def _seal_anew(at: Scene) -> None:
    """Replace a ciphertext by itself, as long as it is there: nobody sees anything change."""
    if isinstance(at.store.storage, SecretRotation):
        await at.store.rotation.swap_secret(at.id, "s", at.sealed, at.sealed)


def _several_values(at: Scene) -> list[AnyValueChange]:
    """A change of each kind, some of them of what others before them have left."""
    return [
        SetValue("k", f"other{at.pad}", if_revision=at.key_revision),
        Increment("n", 2),
        SetValue("new", LARGE, if_absent=True),
        Increment("made"),
        DeleteValue("none"),
        TouchValue("k"),
    ]


def _several(at: Scene) -> list[AnyFileChange]:
    """A change of each kind, some of them of what others before them have left."""
    return [
        Delete("empty"),
        MakeDirectory("new/made", exist_ok=False),
        Write("a", at.text, if_revision=at.revision),
        Edit("a", "two", "three"),
        Copy("a", "new/copy"),
        Append("a", LARGE),
        Write("new/f", "x", if_absent=True),
        Move("a", "new/moved"),
    ]


async def _is_listed(at: Scene, role: str) -> bool:
    """Whether the session is the next that has something behind the one before it."""
    before = UUID(int=at.id.int - 1)
    page: list[UUID] = await getattr(at.store, role).session_ids(after=before, limit=1)
    return page == [at.id]


ACTS: dict[str, Act] = {
    # -- looking at files
    "read_file": _files("read_file", lambda at: at.files.read_file("a"), changes=False),
    "read_base64": _files("read_file", lambda at: at.files.read_file("bytes"), changes=False),
    "read_bytes": _files("read_bytes", lambda at: at.files.read_bytes("bytes"), changes=False),
    "read_range": _files("read_bytes", lambda at: at.files.read_bytes("a", -3, 2), changes=False),
    "stat_file": _files("stat_file", lambda at: at.files.stat_file("a"), changes=False),
    "list_directory": _files("list_directory", lambda at: at.files.list_directory("d"), changes=False),
    "list_tree": _files("list_tree", lambda at: at.files.list_tree(), changes=False),
    "list_tree_page": _files(
        "list_tree",
        lambda at: at.files.list_tree("d", depth=1, after="d/2", limit=2),
        changes=False,
    ),
    "read_lines": _files("read_lines", lambda at: at.files.read_lines("a", 2, 1), changes=False),
    "grep": _files("grep_files", lambda at: at.files.grep_files("two", before=1), changes=False),
    "grep_regex": _files(
        "grep_files", lambda at: at.files.grep_files("t.o", "**/*", regex=True, limit=1), changes=False
    ),
    "glob": _files("glob_files", lambda at: at.files.glob_files("d/**"), changes=False),
    "usage_of_files": _files("usage", lambda at: at.files.usage(), changes=False),
    "ids_of_files": _files("session_ids", lambda at: _is_listed(at, "file_system"), changes=False),
    "diff_files": _files(
        "diff_sessions",
        lambda at: at.store.file_system.diff_sessions(at.id, at.aside, after="b", limit=5),
        changes=False,
        needs=("forks",),
    ),
    # -- changing files
    "write_new": _files("write_file", lambda at: at.files.write_file("new/f", LARGE)),
    "write_onto": _files("write_file", lambda at: at.files.write_file("a", LARGE)),
    "write_base64": _files("write_file", lambda at: at.files.write_file("a", "AP8A", "base64")),
    "write_bytes": _files("write_bytes", lambda at: at.files.write_bytes("a", LARGE.encode())),
    "write_bytes_if_revision": _files(
        "write_bytes", lambda at: at.files.write_bytes("a", b"\0\xff", if_revision=at.revision)
    ),
    "write_bytes_if_absent": _files(
        "write_bytes", lambda at: at.files.write_bytes("new/f", b"\0\xff", if_absent=True)
    ),
    "write_if_revision": _files(
        "write_file", lambda at: at.files.write_file("a", "conditional", if_revision=at.revision)
    ),
    "write_if_absent": _files("write_file", lambda at: at.files.write_file("new/f", "x", if_absent=True)),
    "match": _files(
        "write_file_if_content_matches",
        lambda at: at.files.write_file_if_content_matches("a", at.text, "text", f"three\n{at.pad}", "text"),
    ),
    "seed_new": _files(
        "seed_initial_file", lambda at: at.files.seed_initial_file(InitialFile("new/seed", "x"))
    ),
    "seed_onto": _files(
        "seed_initial_file",
        lambda at: at.files.seed_initial_file(InitialFile("kept/seed", LARGE, is_readonly=True)),
    ),
    "edit": _files("edit_file", lambda at: at.files.edit_file("a", "two", "three")),
    "edit_all": _files("edit_file", lambda at: at.files.edit_file("a", "o", "0", replace_all=True)),
    "append": _files("append_file", lambda at: at.files.append_file("a", "three\n")),
    "append_base64": _files("append_file", lambda at: at.files.append_file("bytes", "AQ==", "base64")),
    "append_bytes": _files("append_bytes", lambda at: at.files.append_bytes("bytes", b"\1")),
    "append_bytes_new": _files("append_bytes", lambda at: at.files.append_bytes("new/log", b"\1")),
    "append_new": _files("append_file", lambda at: at.files.append_file("new/log", "x")),
    "directory": _files("create_directory", lambda at: at.files.create_directory("new/d")),
    "directory_new": _files(
        "create_directory", lambda at: at.files.create_directory("new/d", exist_ok=False)
    ),
    "delete": _files("delete_file", lambda at: at.files.delete_file("a")),
    "delete_empty": _files("delete_file", lambda at: at.files.delete_file("empty")),
    "delete_tree": _files("delete_file", lambda at: at.files.delete_file("d", recursive=True)),
    "delete_strictly": _files(
        "delete_file", lambda at: at.files.delete_file("d", recursive=True, strict=True)
    ),
    "copy": _files("copy_file", lambda at: at.files.copy_file("a", "new/copy")),
    "copy_onto": _files("copy_file", lambda at: at.files.copy_file("a", "d/0", overwrite=True)),
    "copy_tree": _files("copy_file", lambda at: at.files.copy_file("d", "new/d")),
    "move": _files("move_file", lambda at: at.files.move_file("a", "new/moved")),
    "move_onto": _files("move_file", lambda at: at.files.move_file("a", "d/0", overwrite=True)),
    "move_tree": _files("move_file", lambda at: at.files.move_file("d", "new/d")),
    "changes": _files("apply_changes", lambda at: at.files.apply_changes(_several(at))),
    "restore_times_of_files": _files(
        "restore_times",
        lambda at: at.store.file_system.restore_times(
            at.id, [FileTimes(path, *TIMES) for path in ("d", "d/0", "kept/seed", "none", "a")]
        ),
    ),
    "purge_files": _files("purge_session", lambda at: at.store.file_system.purge_session(at.id)),
    "replace_files": _files(
        "fork_session",
        lambda at: at.store.file_system.fork_session(at.nothing, at.id, replaced=at.aside),
        needs=("forks",),
    ),
    # -- values and secrets
    "get_value": _storage("get_value", lambda at: at.storage.get_value("k"), changes=False),
    "stat_value": _storage("stat_value", lambda at: at.storage.stat_value("k"), changes=False),
    "list_keys": _storage("list_keys", lambda at: at.storage.list_keys(), changes=False),
    "read_value": _storage("read_value", lambda at: at.storage.read_value("k"), changes=False),
    "read_values": _storage("read_values", lambda at: at.storage.read_values(), changes=False),
    "get_values": _storage("get_values", lambda at: at.storage.get_values(["n", "none", "k"]), changes=False),
    "list_some_keys": _storage(
        "list_keys", lambda at: at.storage.list_keys("n", after="k", limit=1), changes=False
    ),
    "get_secret": _storage("get_secret", lambda at: at.storage.get_secret("s"), changes=False),
    "list_secrets": _storage("list_secrets", lambda at: at.storage.list_secrets(), changes=False),
    "usage_of_storage": _storage("usage", lambda at: at.storage.usage(), changes=False),
    "ids_of_storage": _storage("session_ids", lambda at: _is_listed(at, "storage"), changes=False),
    "diff_values": _storage(
        "diff_sessions",
        lambda at: at.store.storage.diff_sessions(at.id, at.aside),
        changes=False,
        needs=("forks",),
    ),
    "replace_values": _storage(
        "fork_session",
        lambda at: at.store.storage.fork_session(at.nothing, at.id, replaced=at.aside),
        needs=("forks",),
    ),
    "set_new": _storage("set_value", lambda at: at.storage.set_value("new", LARGE)),
    "set_onto": _storage("set_value", lambda at: at.storage.set_value("k", f"other{at.pad}")),
    "set_for_a_while": _storage(
        "set_value", lambda at: at.storage.set_value("k", "brief", ttl=3600), needs=("time_to_live",)
    ),
    "set_if_revision": _storage(
        "set_value", lambda at: at.storage.set_value("k", "conditional", if_revision=at.key_revision)
    ),
    "set_if_absent": _storage("set_value", lambda at: at.storage.set_value("new", "x", if_absent=True)),
    "set_many": _storage(
        "set_values", lambda at: at.storage.set_values({"new": LARGE, "k": f"other{at.pad}"})
    ),
    "set_many_new": _storage(
        "set_values", lambda at: at.storage.set_values({"new": "x", "newer": "y"}, if_absent=True)
    ),
    "change_values": _storage("change_values", lambda at: at.storage.change_values(_several_values(at))),
    "touch": _storage(
        "touch_value", lambda at: at.storage.touch_value("k", ttl=3600), needs=("time_to_live",)
    ),
    "increment": _storage("increment_value", lambda at: at.storage.increment_value("n", 3)),
    "increment_new": _storage("increment_value", lambda at: at.storage.increment_value("new")),
    "delete_value": _storage("delete_value", lambda at: at.storage.delete_value("k")),
    "delete_if_revision": _storage(
        "delete_value", lambda at: at.storage.delete_value("k", if_revision=at.key_revision)
    ),
    "set_secret_new": _storage("set_secret", lambda at: at.storage.set_secret("new", LARGE)),
    "set_secret_onto": _storage("set_secret", lambda at: at.storage.set_secret("s", f"new{at.pad}")),
    "set_secret_for_a_while": _storage(
        "set_secret", lambda at: at.storage.set_secret("s", "brief", ttl=3600), needs=("time_to_live",)
    ),
    "delete_secret": _storage("delete_secret", lambda at: at.storage.delete_secret("s")),
    "restore_times_of_storage": _storage(
        "restore_times",
        lambda at: at.store.storage.restore_times(
            at.id, [SecretTimes("s", *TIMES), ValueTimes("none", *TIMES), ValueTimes("k", *TIMES)]
        ),
    ),
    "purge_storage": _storage("purge_session", lambda at: at.store.storage.purge_session(at.id)),
    "swap": _storage("swap_secret", _seal_anew, changes=False, needs=("durable",)),
    # -- records
    "get_record": _records("get_session", lambda at: at.store.sessions.get_session(at.id), changes=False),
    "list_records": _records(
        "list_sessions", lambda at: at.store.sessions.list_sessions(limit=1), changes=False
    ),
    "list_labelled": _records(
        "list_sessions", lambda at: at.store.sessions.list_sessions(limit=1, labels=LABELS), changes=False
    ),
    "ids_of_records": _records("session_ids", lambda at: _is_listed(at, "sessions"), changes=False),
    "add_record": _records(
        "add_session",
        lambda at: at.store.sessions.add_session(Session(at.id, f"another{at.pad}", RECORD_NS)),
    ),
    "relabel": _records(
        "update_session", lambda at: at.store.sessions.update_session(at.id, labels={"kind": "relabelled"})
    ),
    "retitle": _records(
        "update_session_title", lambda at: at.store.sessions.update_session_title(at.id, f"renamed{at.pad}")
    ),
    "delete_record": _records("delete_session", lambda at: at.store.sessions.delete_session(at.id)),
}
"""Every act by name."""

CHANGING = {name: act for name, act in ACTS.items() if act.changes}
LOOKING = {name: act for name, act in ACTS.items() if not act.changes}

NO_SESSION = dict.fromkeys(
    ("list_records", "list_labelled", "ids_of_files", "ids_of_storage", "ids_of_records"),
    "it takes no session id",
)
"""Acts that are of no session, for hazards that a session's id brings about."""

NO_ACTS = {
    "limit_session": "what it keeps is seen by what is refused later, which session_limits.* look at",
    "scan_secrets": "it is how `swap` finds what to replace",
}
"""Verbs without an act, and why."""
