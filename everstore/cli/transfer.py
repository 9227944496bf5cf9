"""Sessions into archives and out of them: ``everstore export`` and ``everstore import``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Self, cast

import msgspec
import typer
from rich.console import Console
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn

from everstore.cli.ending import carry_out
from everstore.cli.local import standard_input
from everstore.cli.options import JsonOption, OverwriteOption, SessionArgument
from everstore.cli.output import note, print_json, write, write_bytes
from everstore.cli.running import (
    EVERYTHING,
    configured,
    opened,
    reading,
    refuse_what_is_lost,
    tell_what_is_lost,
)
from everstore.errors import InvalidArgumentError, SecretsKeyMissingError
from everstore.ids import new_session_id
from everstore.paths import parse_session_id
from everstore.wording import counted, shown_size

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.configuration import Configuration
    from everstore.transfer import Counts, Imported

__all__ = [
    "SecretsOption",
    "TransferProgress",
    "counts_shown",
    "counts_told",
    "export",
    "import_",
    "keys_of",
]

_STANDARD = "-"

SecretsOption = Annotated[
    bool, typer.Option("--secrets", help="Take the secrets along; they stay encrypted.")
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="NAME",
        help="The key of EVERSTORE_SECRETS_KEYS to encrypt with; the first by default.",
    ),
]


def export(
    session: SessionArgument,
    file: Annotated[str, typer.Argument(metavar="FILE.tar", help="A file to write; - is standard output.")],
    *,
    secrets: SecretsOption = False,
    key: KeyOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a session to an archive: files, values and record, with their times, as they are at one moment.

    The archive is a plain tar, described in docs/transfer.md. Secrets are in it with --secrets only,
    encrypted with a key of EVERSTORE_SECRETS_KEYS. Checkpoints are not in it; the id of one exports it.
    """
    session_id = parse_session_id(session)
    if key is not None and not secrets:
        raise InvalidArgumentError("--key is for secrets; give --secrets, too")
    if file == _STANDARD:
        _require_reader(as_json=as_json)
    configuration = configured()
    keys = keys_of(configuration, key) if secrets else None
    counts, left = carry_out(_export(reading(configuration), session_id, file, keys, overwrite=overwrite))
    if as_json:
        print_json({"id": str(session_id), **counts_told(counts)})
    else:
        note(f"exported session {session_id}: {counts_shown(counts)}")
    if left:
        note(f"note: {counted(left, 'secret')} not exported, for that needs --secrets")


async def _export(
    configuration: Configuration, session_id: UUID, file: str, keys: str | None, *, overwrite: bool
) -> tuple[Counts, int]:
    """What is in the archive, and how many secrets stayed behind."""
    from everstore.transfer import export_session  # noqa: PLC0415 - loads when needed

    place = cast("BinaryIO", _Output()) if file == _STANDARD else Path(file)
    async with opened(configuration) as store:
        with TransferProgress("export") as progress:
            counts = await export_session(
                store, session_id, place, secrets=keys, overwrite=overwrite, progress=progress
            )
        return counts, 0 if keys else len(await store.storage.list_secrets(session_id))


class _Output:
    """Standard output as a file, which ends the command when nobody reads on."""

    def write(self, data: bytes) -> int:
        """Write all of it."""
        write_bytes(data)
        return len(data)


def _require_reader(*, as_json: bool) -> None:
    if as_json:
        raise InvalidArgumentError("--json and the archive are both for standard output; give a file")
    if _is_terminal():
        raise InvalidArgumentError("an archive is nothing for a terminal; give a file, or pipe it on")


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE.tar", help="An archive; - is standard input.")],
    session: Annotated[
        str | None,
        typer.Option("--session", "-s", metavar="ID", help="Make it under this id, not the archive's."),
    ] = None,
    *,
    as_new: Annotated[bool, typer.Option("--as-new", help="Make it under a fresh id.")] = False,
    secrets: SecretsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a session of what 'everstore export' wrote, and print its id.

    It has the id that it had, unless told otherwise, and all times that it had. It is there whole or not at
    all: the archive is checked, and the session is read back. Nothing that is there already is replaced.
    """
    if as_new and session is not None:
        raise InvalidArgumentError("--as-new makes an id, and --session gives one; leave out one of both")
    wanted = new_session_id() if as_new else None if session is None else parse_session_id(session)
    configuration = configured()
    refuse_what_is_lost(configuration, EVERYTHING)
    keys = keys_of(configuration, None) if secrets else None
    done = carry_out(_import(configuration, wanted, file, keys))
    if as_json:
        told = {"expired": done.expired, "sealed": done.sealed}
        print_json({"id": str(done.session_id), **counts_told(done.counts), **told})
        return
    write(f"{done.session_id}\n")
    note(f"imported: {counts_shown(done.counts)}")
    if done.expired:
        note(f"note: {done.expired:,} of its values and secrets left out, as over by now")
    if done.sealed:
        note(f"note: {counted(done.sealed, 'secret')} stayed in the archive; --secrets takes them along")


async def _import(configuration: Configuration, wanted: UUID | None, file: str, keys: str | None) -> Imported:
    from everstore.transfer import import_session  # noqa: PLC0415 - loads when needed

    place = standard_input() if file == _STANDARD else Path(file)
    async with opened(configuration) as store:
        tell_what_is_lost(store, EVERYTHING)
        with TransferProgress("import") as progress:
            return await import_session(store, place, session_id=wanted, secrets=keys, progress=progress)


def keys_of(configuration: Configuration, key: str | None) -> str:
    """The configured keys, the one that is wanted first."""
    keys = configuration.settings.secrets_keys
    if keys is None:
        raise SecretsKeyMissingError(
            "secrets leave a store encrypted only: run 'everstore keys generate', put what it prints into"
            " EVERSTORE_SECRETS_KEYS, and give the same key where they are imported"
        )
    listed = [each.strip() for each in keys.get_secret_value().split(",")]
    if key is not None:
        first = [each for each in listed if each.startswith(f"{key}:")]
        if not first:
            raise InvalidArgumentError(
                f"EVERSTORE_SECRETS_KEYS has no key {key!r}; --key names one by its id"
            )
        listed = first + [each for each in listed if each not in first]
    return ",".join(listed)


def counts_told(counts: Counts) -> dict[str, int]:
    """Counts for a program."""
    told: dict[str, int] = msgspec.to_builtins(counts)
    return told


def counts_shown(counts: Counts) -> str:
    """Counts in words."""
    parts = [
        f"{counted(counts.files, 'file')} ({shown_size(counts.bytes)})",
        counted(counts.directories, "directory"),
        counted(counts.values, "value"),
        counted(counts.secrets, "secret"),
    ]
    return ", ".join(parts)


class TransferProgress:
    """How far a command is, on a terminal: bytes that have gone by, and sessions that are done."""

    def __init__(self, what: str) -> None:
        console = Console(stderr=True)
        columns = SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn()
        self._what = what
        self._sessions = 0
        self._bar = Progress(
            *columns,
            console=console,
            transient=True,
            disable=not console.is_terminal,
            redirect_stdout=sys.stdout.isatty(),  # a file or a pipe gets its lines itself
        )
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, more: int) -> None:
        """So many bytes more."""
        self._bar.advance(self._task, more)

    def one_more(self) -> None:
        """One session more."""
        self._sessions += 1
        self._bar.update(self._task, description=f"{self._what}: {counted(self._sessions, 'session')}")
