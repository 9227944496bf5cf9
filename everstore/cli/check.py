"""The command ``everstore check``: whether the configured backend keeps what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from everstore.cli.ending import carry_out
from everstore.cli.keys import unopened_secrets
from everstore.cli.options import JsonOption
from everstore.cli.output import print_json, print_table
from everstore.cli.running import FAILED, WrongAnswerError, configured, nothing_yet, opened, unmade
from everstore.errors import EverstoreError, SecretsKeyMissingError, UnsupportedError, code_of
from everstore.middleware.encryption import Envelope
from everstore.models import new_session_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from everstore.store import Store

__all__ = ["check"]

_NOT_POSSIBLE = "not possible"


class Finding(msgspec.Struct, frozen=True):
    """What came of one probe: ``ok``, ``failed`` or ``not possible``, and why."""

    role: str
    backend: str
    probe: str
    outcome: str
    reason: str = ""


def check(
    *,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Look at everything that is stored, and decrypt every secret; this takes time."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Look whether the configured backends are sound, and try them with a session that is then removed.

    The exit status is 0 when all is well, and 4 when anything is not. A backend that is not sound, or is
    opened for reading only, is not written to, and a storage that is not there yet is not made.
    """
    findings = carry_out(_check(deep=deep))
    if as_json:
        print_json(msgspec.to_builtins(findings))
    else:
        rows = [(each.role, each.backend, each.probe, each.outcome, each.reason) for each in findings]
        print_table(("role", "backend", "probe", "outcome", "reason"), rows)
    return FAILED if any(each.outcome == "failed" for each in findings) else 0


async def _check(*, deep: bool) -> list[Finding]:
    from everstore.operating import look  # noqa: PLC0415 - loads pydantic and structlog

    configuration = configured()
    probe = "the whole storage" if deep else "the storage"
    findings = []
    missing = unmade(configuration)
    for backend, problems in (await look(configuration, deep=deep)).items():
        roles = ", ".join(role for role, name in configuration.roles.items() if name == backend)
        if backend in missing and not problems:
            findings.append(Finding(roles, backend, probe, _NOT_POSSIBLE, nothing_yet(missing[backend])))
        elif problems is None:
            if deep:
                findings.append(Finding(roles, backend, probe, _NOT_POSSIBLE, "the plugin offers no look"))
        else:
            damage = [Finding(roles, backend, probe, "failed", problem) for problem in problems]
            findings += damage or [Finding(roles, backend, probe, "ok")]
    if missing or any(each.outcome == "failed" for each in findings):
        return findings
    async with opened(configuration) as store:
        if deep and store.storage.capabilities.durable:
            findings += await _secrets(store, Envelope(configuration.secrets_keys))
        return [*findings, *await _round_trip(store)]


async def _secrets(store: Store, envelope: Envelope) -> list[Finding]:
    """Whether every stored secret opens."""
    where = "storage", store.backends["storage"], "every secret opens"
    try:
        unopened = await unopened_secrets(store.rotation, envelope, lambda _key: None)
    except EverstoreError as error:
        return [Finding(*where, "failed", f"{code_of(error)}: {error}")]
    lost = [Finding(*where, "failed", f"session {each.session}: {each.reason}") for each in unopened]
    return lost or [Finding(*where, "ok")]


async def _round_trip(store: Store) -> list[Finding]:
    session_id = new_session_id()
    findings: list[Finding] = []
    try:
        for probe in _PROBES:
            findings.append(await _probed(store, session_id, *probe))  # noqa: PERF401 - kept when one raises
    finally:
        if len(findings) < len(_PROBES) or any(each.outcome != _NOT_POSSIBLE for each in findings):
            findings.append(await _probed(store, session_id, "sessions", "remove all of it", _remove))
    return findings


async def _probed(
    store: Store, session_id: UUID, role: str, probe: str, work: Callable[[Store, UUID], Awaitable[None]]
) -> Finding:
    backend = store.backends[role]
    try:
        await work(store, session_id)
    except SecretsKeyMissingError as error:
        return Finding(role, backend, probe, _NOT_POSSIBLE, str(error))
    except UnsupportedError as error:  # opened for reading only, say; what was written can be removed
        outcome = "failed" if work is _remove else _NOT_POSSIBLE
        return Finding(role, backend, probe, outcome, str(error))
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
