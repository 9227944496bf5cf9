"""Sessions from one backend to another: ``everstore copy``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from everstore.cli import completing
from everstore.cli.ending import carry_out
from everstore.cli.options import JsonOption
from everstore.cli.output import note, print_json, write
from everstore.cli.running import REFUSED, configured, fleeting, opened, reading, unmade
from everstore.cli.transfer import SecretsOption, TransferProgress, counts_shown, counts_told, keys_of
from everstore.errors import InvalidArgumentError, SessionNotFoundError
from everstore.paths import parse_session_id
from everstore.wording import counted

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.configuration import Configuration
    from everstore.store import Store
    from everstore.transfer import Copied

__all__ = ["copy"]

_NONE = "there is no session to copy"

OneOption = Annotated[
    str | None,
    typer.Option(
        "--session",
        "-s",
        metavar="ID",
        help="Copy this session, and no other.",
        autocompletion=completing.sessions,
    ),
]


def copy(
    source: Annotated[
        str,
        typer.Option(
            "--from", metavar="BACKEND", help="Where the sessions are.", autocompletion=completing.backends
        ),
    ],
    target: Annotated[
        str,
        typer.Option(
            "--to", metavar="BACKEND", help="Where they are to be.", autocompletion=completing.backends
        ),
    ],
    session: OneOption = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All sessions, those without a record too.")] = False,
    secrets: SecretsOption = False,
    as_json: JsonOption = False,
) -> int:
    """Copy a session, or all, from one backend to another, and read each back there.

    The settings of both come from the environment. Run it again after whatever ended it: what is there
    already is compared and not copied again. A session that differs there stays as it is, and one whose
    secrets do not open is not copied: each is named, and the exit status is 3. Secrets come with --secrets
    only, to sessions that were copied without them, too, and are encrypted anew on the way.
    """
    if every == (session is not None):
        raise InvalidArgumentError("which sessions? give --session ID or --all")
    if source == target:
        raise InvalidArgumentError(
            f"--from and --to are both {source!r}: sessions are copied to another backend"
        )
    wanted = None if session is None else parse_session_id(session)
    there = configured(backend=source)
    configurations = reading(there, backend=source), configured(backend=target)
    if secrets:
        keys_of(configurations[0], None)
    copying = _Copying(secrets=secrets, as_json=as_json)
    if unmade(there).keys() < {*there.roles.values()}:
        carry_out(copying.run(configurations, wanted))
    elif wanted is None:  # and the storage that they were to go to is not made either
        note(_NONE)
    else:
        raise SessionNotFoundError(f"no session {wanted}", session_id=wanted)
    if copying.left_secrets:
        note(f"note: {counted(copying.left_secrets, 'secret')} not copied, for that needs --secrets")
    if as_json:
        print_json([_document(each) for each in copying.kept])
    return REFUSED if copying.has_refused else 0


class _Copying:
    """Sessions that are copied, each told as soon as it is done, or kept for the one JSON document."""

    def __init__(self, *, secrets: bool, as_json: bool) -> None:
        self.kept: list[Copied] = []
        self.has_refused = False
        self.left_secrets = 0
        self._secrets = secrets
        self._as_json = as_json

    async def run(self, configurations: tuple[Configuration, Configuration], wanted: UUID | None) -> None:
        """Copy one session, or all; an error of the one is raised."""
        from everstore.transfer import copy_session, copy_sessions  # noqa: PLC0415 - loads when needed

        options: dict[str, Any] = {"secrets": self._secrets}
        async with opened(configurations[0]) as source, opened(configurations[1]) as target:
            _require_durable(target)
            with TransferProgress("copy") as progress:
                if wanted is not None:
                    done = await copy_session(source, target, wanted, progress=progress, **options)
                    await self._told(source, target, done)
                    return
                sessions = 0
                async for each in copy_sessions(source, target, progress=progress, **options):
                    sessions += 1
                    progress.one_more()
                    await self._told(source, target, each)
        if not sessions:
            note(_NONE)

    async def _told(self, source: Store, target: Store, copied: Copied) -> None:
        """Tell what became of a session, and count the secrets of it that were not asked for."""
        if not self._secrets and copied.outcome != "refused":
            names, there = [
                {info.name for info in await each.storage.list_secrets(copied.session_id)}
                for each in (source, target)
            ]
            self.left_secrets += len(names - there)
        self._tell(copied)

    def _tell(self, copied: Copied) -> None:
        is_refused = copied.outcome == "refused"
        self.has_refused = self.has_refused or is_refused
        if self._as_json:
            self.kept.append(copied)
        elif is_refused:
            note(f"refused: {copied.reason}")
        else:
            word = "copied" if copied.outcome == "copied" else "there already"
            write(f"{copied.session_id}  {word}: {counts_shown(copied.counts)}\n")


def _document(copied: Copied) -> dict[str, object]:
    """A session for a program."""
    return {
        "id": str(copied.session_id),
        "outcome": copied.outcome,
        "reason": copied.reason,
        **counts_told(copied.counts),
    }


def _require_durable(target: Store) -> None:
    """``InvalidArgumentError`` for a target that keeps nothing past the command."""
    if lost := fleeting(target):
        names = " and ".join(lost)
        raise InvalidArgumentError(
            f"backend {names} forgets all at the end of a command; copy to another one"
        )
