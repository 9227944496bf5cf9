"""The command ``everstore check``: whether the configured backend keeps what it is given."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.cli.options import JsonOption
from everstore.cli.output import print_json, print_table
from everstore.cli.running import FAILED, WrongAnswerError, configured, opened
from everstore.errors import EverstoreError, SecretsKeyMissingError, code_of
from everstore.models import new_session_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from everstore.store import Store

__all__ = ["check"]


class Finding(msgspec.Struct, frozen=True):
    """What came of one probe: ``ok``, ``failed`` or ``not possible``, and why."""

    role: str
    backend: str
    probe: str
    outcome: str
    reason: str = ""


def check(*, as_json: JsonOption = False) -> int:
    """Open the configured backend, round-trip a scratch session in every role, and remove it again."""
    findings = asyncio.run(_check())
    if as_json:
        print_json(msgspec.to_builtins(findings))
    else:
        rows = [(each.role, each.backend, each.probe, each.outcome, each.reason) for each in findings]
        print_table(("role", "backend", "probe", "outcome", "reason"), rows)
    return FAILED if any(each.outcome == "failed" for each in findings) else 0


async def _check() -> list[Finding]:
    session_id = new_session_id()
    async with opened(configured()) as store:
        try:
            findings = [await _probed(store, session_id, *probe) for probe in _PROBES]
        finally:
            removal = await _probed(store, session_id, "sessions", "remove all of it", _remove)
    return [*findings, removal]


async def _probed(
    store: Store, session_id: UUID, role: str, probe: str, work: Callable[[Store, UUID], Awaitable[None]]
) -> Finding:
    backend = store.backends[role]
    try:
        await work(store, session_id)
    except SecretsKeyMissingError as error:
        return Finding(role, backend, probe, "not possible", str(error))
    except EverstoreError as error:
        cause = f" ({type(error.__cause__).__name__})" if error.__cause__ else ""
        return Finding(role, backend, probe, "failed", f"{code_of(error)}: {error}{cause}")
    return Finding(role, backend, probe, "ok")


def _expect(what: str, answer: Any, expected: Any) -> None:
    # The answers themselves stay out of the message: one of them is a secret.
    if answer != expected:
        raise WrongAnswerError(f"{what} is not what was kept")


async def _file(store: Store, session_id: UUID) -> None:
    files = store.session(session_id).files
    path, text = "/check/hello.txt", "hello\n"
    await files.write_file(path, text)
    found = await files.read_file(path)
    _expect("the file read", found and found.content, text)
    _expect("the directory listed", [info.path for info in await files.list_directory("/check")], [path])
    edited = await files.edit_file(path, "hello", "goodbye")
    _expect("the file edited", edited.content, "goodbye\n")
    _expect(
        "the file found by searching", [match.path for match in await files.grep_files("goodbye")], [path]
    )
    await files.delete_file(path)
    _expect("the file deleted", await files.read_file(path), None)


async def _value(store: Store, session_id: UUID) -> None:
    storage = store.session(session_id).storage
    await storage.set_value("check", "41")
    _expect("the value incremented", await storage.increment_value("check"), 42)
    _expect("the value read", await storage.get_value("check"), "42")
    _expect("the keys listed", [info.key for info in await storage.list_keys()], ["check"])


async def _secret(store: Store, session_id: UUID) -> None:
    storage = store.session(session_id).storage
    await storage.set_secret("check", "open sesame")
    _expect("the secret read", await storage.get_secret("check"), "open sesame")
    _expect("the secrets listed", [info.name for info in await storage.list_secrets()], ["check"])


async def _record(store: Store, session_id: UUID) -> None:
    await store.create_session("everstore check", session_id=session_id)
    await store.sessions.update_session_title(session_id, "everstore check, renamed")
    found = await store.sessions.get_session(session_id)
    _expect("the record read", found and found.title, "everstore check, renamed")


async def _remove(store: Store, session_id: UUID) -> None:
    await store.delete_session(session_id)
    work = store.session(session_id)
    left = [
        *await work.files.list_directory("/"),
        *await work.storage.list_keys(),
        *await work.storage.list_secrets(),
    ]
    _expect("the removed session", (left, await store.sessions.get_session(session_id)), ([], None))


_PROBES: tuple[tuple[str, str, Callable[[Store, UUID], Awaitable[None]]], ...] = (
    ("file_system", "a file", _file),
    ("storage", "a value", _value),
    ("storage", "a secret", _secret),
    ("sessions", "a record", _record),
)
