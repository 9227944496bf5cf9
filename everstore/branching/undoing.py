"""What a call that failed has begun is taken back; and what is not to be changed is not begun with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.clock import now_ns
from everstore.errors import ReadOnlySessionError, StoreContextError, UnsupportedError
from everstore.models import is_checkpoint
from everstore.waiting import running_loop, to_the_end

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from uuid import UUID

__all__ = ["LEFT", "asyncio_loop", "changeable", "seconds_left", "undone"]

LEFT = "what it had made by then could not be removed again; 'everstore prune' does it"
"""What is told where taking back has failed."""


def changeable(session_id: UUID) -> UUID:
    """The id of a session; ``ReadOnlySessionError`` when it is a checkpoint's."""
    if is_checkpoint(session_id):
        raise ReadOnlySessionError.of(session_id)
    return session_id


def asyncio_loop(verb: str) -> asyncio.AbstractEventLoop:
    """The event loop that runs here, for what is done beside it; ``StoreContextError`` when none does."""
    loop = running_loop()
    if loop is None:
        raise StoreContextError(f"{verb}: it needs asyncio, and no event loop of it runs here")
    return loop


def seconds_left(expires_ns: int | None) -> float | None:
    """The time to live that something has still, in seconds; ``None`` when it stays."""
    return None if expires_ns is None else (expires_ns - now_ns()) / 1e9


async def undone(error: BaseException, steps: Sequence[Coroutine[Any, Any, Any]], left: str) -> None:
    """Take back what a failed call has begun, to the end; if that fails, the error says what is ``left``."""

    async def take_back() -> bool:
        is_done = True
        for step in steps:
            try:
                await step
            except Exception as refused:  # noqa: BLE001 - the verb's layer logs it; told is why the call failed
                # What takes no changes, and refuses to remove for that, has refused to make it, too.
                is_harmless = isinstance(refused, UnsupportedError) and isinstance(error, UnsupportedError)
                is_done = is_done and is_harmless
        return is_done

    if running_loop() is None:
        if not await take_back():
            error.add_note(left)
        return
    taking = asyncio.ensure_future(take_back())
    try:
        await to_the_end(taking)
    except asyncio.CancelledError as cancelled:
        error = cancelled  # it takes the place of what went wrong before
        raise
    finally:
        if taking.cancelled() or not taking.result():
            error.add_note(left)
