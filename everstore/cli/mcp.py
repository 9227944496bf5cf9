"""The command ``everstore mcp``: a session served to clients of the Model Context Protocol."""

from __future__ import annotations

import asyncio
import re
import signal
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from everstore.adapters.naming import id_of_names, named_session
from everstore.cli import completing
from everstore.cli.options import LabelsOption, labels_of
from everstore.cli.output import note
from everstore.cli.running import (
    EVERYTHING,
    AbsentError,
    configured,
    nothing_yet,
    opened,
    own_settings,
    refuse_what_is_lost,
    tell_what_is_lost,
    unmade,
)
from everstore.errors import InvalidArgumentError, SettingsError
from everstore.models import new_session_id
from everstore.paths import parse_session_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType
    from uuid import UUID

    from everstore.store import Store

__all__ = ["mcp"]

_FRAMEWORK = "mcp"
_LAST_PORT = 65535
_MEANT_AS_ID = re.compile(r"(?:session_)?[0-9a-fA-F-]{30,}")


def mcp(
    *,
    session: Annotated[
        str | None,
        typer.Option(
            "--session",
            "-s",
            metavar="NAME",
            autocompletion=completing.sessions,
            help="The session, by its id or any text [default: EVERSTORE_SESSION, or a new one].",
        ),
    ] = None,
    label: LabelsOption = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Offer no tool that changes something.")
    ] = False,
    http: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Serve over streamable HTTP, at /mcp [default: standard input and output].",
        ),
    ] = None,
) -> None:
    """Serve a session to MCP clients: its files as resources, and tools to work on them.

    A session that is named by a text or by labels is made if there is none, unless it is only read.

    On an address other than loopback, each request must carry the token of EVERSTORE_MCP_TOKEN or
    EVERSTORE_MCP_TOKEN_FILE.
    """
    labels = labels_of(label)
    if labels and session is not None:
        raise InvalidArgumentError("--session and --label both name the session; leave out one of both")
    asyncio.run(_serve(session, labels, None if http is None else _address(http), read_only=read_only))


async def _serve(
    session: str | None, labels: Mapping[str, str], http: tuple[str, int] | None, *, read_only: bool
) -> None:
    configuration = configured("warning")
    settings = own_settings(configuration)
    refuse_what_is_lost(configuration, () if read_only else EVERYTHING)
    if read_only:
        for backend, place in unmade(configuration).items():
            raise AbsentError(f"backend {backend} has {nothing_yet(place)}")
    try:
        from everstore.adapters.mcp import listening, serve  # noqa: PLC0415 - needs the extra
    except ModuleNotFoundError as error:
        if str(error.name).startswith("everstore"):
            raise
        raise SettingsError(str(error)) from None
    with ExitStack() as stack:
        address = None if http is None else stack.enter_context(listening(*http, settings.mcp_token))
        async with opened(configuration) as store:
            tell_what_is_lost(store, EVERYTHING)
            served = await _session(store, session, labels, settings.session, read_only=read_only)
            ending = stack.enter_context(_ending())
            await serve(
                store,
                served,
                read_only=read_only,
                http=address,
                ending=ending,
                on_ready=lambda where: note(f"session {served} is served {where}"),
            )


@contextmanager
def _ending() -> Iterator[asyncio.Event]:
    """What is set when somebody ends the process; who does so twice does not wait."""
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(ending.set)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _session(
    store: Store,
    named: str | None,
    labels: Mapping[str, str],
    in_force: UUID | None,
    *,
    read_only: bool = False,
) -> UUID:
    """The session to serve; made if there is none, unless it is only read: what is not there has no files."""
    if labels:
        return await _labelled(store, labels, read_only=read_only)
    if named is not None:
        if _MEANT_AS_ID.fullmatch(named):
            return parse_session_id(named)
        names = {"session": named}
        if read_only:
            return id_of_names(_FRAMEWORK, names)
        return (await named_session(store, _FRAMEWORK, names, named)).id
    if in_force is not None:
        return in_force
    if read_only:
        raise AbsentError("which session is to be read? name it with --session, --label or EVERSTORE_SESSION")
    made = await store.create_session()
    note(f"note: session {made.id} is new; --session {made.id} goes on with it")
    return made.id


async def _labelled(store: Store, labels: Mapping[str, str], *, read_only: bool) -> UUID:
    """The session that has these labels; two that make it at the same moment make the same one."""
    found = await store.sessions.list_sessions(labels=labels, limit=2)
    if len(found) > 1:
        raise InvalidArgumentError(
            f"several sessions have these labels, {found[0].id} and {found[1].id} among them; "
            "name one with --session, or add a --label that tells them apart"
        )
    if found:
        return found[0].id
    if read_only:
        raise AbsentError("no session has these labels, and none is made to be read only")
    session_id = id_of_names(_FRAMEWORK, {"labels": "", **dict(sorted(labels.items()))})
    there = await store.sessions.get_session(session_id)
    if there is not None:
        if labels.items() <= there.labels.items():  # made since the look
            return session_id
        session_id = new_session_id()  # for it was given other labels
    return (await store.create_session(session_id=session_id, labels=labels)).id


def _address(text: str) -> tuple[str, int]:
    host, mark, port = text.rpartition(":")
    if not mark or not host or not port.isascii() or not port.isdecimal() or int(port) > _LAST_PORT:
        raise InvalidArgumentError(f"--http takes HOST:PORT, 127.0.0.1:8000 for example, not {text!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)
