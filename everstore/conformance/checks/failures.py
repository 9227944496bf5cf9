"""What a backend's own code or its driver throws, brought about on any backend and without its storage.

A session id reaches the storage in every verb, as text, bytes or a number. One that fails whoever asks it
for any of these makes a call fail where no guard can see it coming: in the backend, or in its driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.compat import override
from everstore.conformance.case import gather
from everstore.conformance.registry import check, table
from everstore.errors import BackendError, BackendUnavailableError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.store import Store

    Calls = Callable[[Store, Any], dict[str, Awaitable[Any]]]


class _Fault(Exception):  # noqa: N818 - it stands for what is no error of everstore's
    """What no backend can have foreseen."""


class _Unreadable(UUID):
    """A session id, as far as a guard can see. Text, bytes and hash of a UUID all come from its number."""

    def __init__(self) -> None:
        """There is no number."""

    @override
    def __getattribute__(self, name: str) -> object:
        """Fail when the number is asked for, by whatever part of a UUID."""
        if name == "int":
            raise _Fault
        return super().__getattribute__(name)


_CALLS: dict[str, tuple[Calls]] = {
    "file_system": (
        lambda store, one: {
            "read_file": store.file_system.read_file(one, "a"),
            "write_file": store.file_system.write_file(one, "b", "y"),
            "write_file_if_content_matches": store.file_system.write_file_if_content_matches(
                one, "a", "x", "text", "y", "text"
            ),
            "create_directory": store.file_system.create_directory(one, "d"),
            "list_directory": store.file_system.list_directory(one),
            "stat_file": store.file_system.stat_file(one, "a"),
            "delete_file": store.file_system.delete_file(one, "a"),
            "seed_initial_file": store.file_system.seed_initial_file(one, InitialFile("b", "y")),
            "edit_file": store.file_system.edit_file(one, "a", "x", "y"),
            "append_file": store.file_system.append_file(one, "a", "y"),
            "copy_file": store.file_system.copy_file(one, "a", "b"),
            "move_file": store.file_system.move_file(one, "a", "b"),
            "read_lines": store.file_system.read_lines(one, "a"),
            "grep_files": store.file_system.grep_files(one, "x"),
            "glob_files": store.file_system.glob_files(one, "*"),
            "purge_session": store.file_system.purge_session(one),
        },
    ),
    "storage": (
        lambda store, one: {
            "set_value": store.storage.set_value(one, "k", "y"),
            "get_value": store.storage.get_value(one, "k"),
            "delete_value": store.storage.delete_value(one, "k"),
            "list_keys": store.storage.list_keys(one),
            "stat_value": store.storage.stat_value(one, "k"),
            "increment_value": store.storage.increment_value(one, "n"),
            "set_secret": store.storage.set_secret(one, "s", "y"),
            "get_secret": store.storage.get_secret(one, "s"),
            "delete_secret": store.storage.delete_secret(one, "s"),
            "list_secrets": store.storage.list_secrets(one),
            "purge_session": store.storage.purge_session(one),
        },
    ),
    "sessions": (
        lambda store, one: {
            "get_session": store.sessions.get_session(one),
            "update_session_title": store.sessions.update_session_title(one, "t"),
            "delete_session": store.sessions.delete_session(one),
        },
    ),
}


def _told(outcome: object) -> str:
    """What a call that had to fail ended with, in words; ``""`` where that is what it had to end with."""
    if not isinstance(outcome, BaseException):
        return "an answer"
    if not isinstance(outcome, BackendError):
        return type(outcome).__name__
    return "" if isinstance(outcome.__cause__, Exception) else f"{type(outcome).__name__} without a cause"


@table(
    "failures.thrown.{row}",
    "7.2.2",
    rows=_CALLS,
    likely="an exception is caught and answered, or translated without 'raise ... from'",
)
async def thrown(case: Case, calls: Calls) -> None:
    """A failure in the midst of a call is BackendError with its cause, and the store works on: {row}."""
    await case.files.write_file("a", "x")
    await case.storage.set_value("k", "x")
    async with case.untouched():
        with case.trace.paused():  # a trace shows session ids
            ended = {
                verb: _told(*await gather(call)) for verb, call in calls(case.store, _Unreadable()).items()
            }
    assert {verb: outcome for verb, outcome in ended.items() if outcome} == {}
    assert (await case.files.append_file("a", "y")).content == "xy"
    assert await case.storage.increment_value("n") == 1


@check(
    "failures.beside_others",
    "7.2.2",
    "3.10.1",
    level="standard",
    tags=("concurrency",),
    likely="calls that share a transaction or a connection fail together",
)
async def beside_others(case: Case) -> None:
    """A call that fails takes none of those with it that are made at the same time."""
    with case.trace.paused():
        outcomes = await gather(
            *(
                case.store.file_system.write_file(_Unreadable() if n % 3 == 1 else case.id, f"d/{n}", "x")
                for n in range(12)
            )
        )
    failed = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, BackendError)]
    assert failed == [1, 4, 7, 10]
    listed = [info.path for info in await case.files.list_directory("d")]
    assert listed == sorted(f"/d/{n}" for n in range(12) if n % 3 != 1)


@check(
    "failures.happened",
    "7.2.4",
    level="standard",
    since="1.1",
    tags=("concurrency",),
    likely="an error that a transaction ended with is told to calls of it that were committed",
)
async def happened(case: Case) -> None:
    """Beside calls that fail, an increment counts if it was answered, and not if told it did not happen."""
    with case.trace.paused():
        outcomes = await gather(
            *(
                case.store.storage.increment_value(_Unreadable() if n % 3 == 1 else case.id, "n")
                for n in range(30)
            )
        )
    told = [outcome.happened for outcome in outcomes if isinstance(outcome, BackendUnavailableError)]
    assert [one for one in told if one is not False and one is not None] == []
    done = sum(isinstance(outcome, int) for outcome in outcomes)
    undone = sum(one is False for one in told)
    total = int(await case.storage.get_value("n") or 0)
    assert done <= total <= len(outcomes) - undone
