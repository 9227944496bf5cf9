"""Changes of several callers that come at the same moment, made in one step."""

from __future__ import annotations

import asyncio
from copy import copy
from typing import TYPE_CHECKING

from everstore.errors import EverstoreError
from everstore.waiting import to_the_end

if TYPE_CHECKING:
    from collections.abc import Mapping

    from everstore.changes import AnyValueChange
    from everstore.session import BoundStorage

    Turns = dict[asyncio.Future[bool], list[AnyValueChange]]
    """The changes of each caller, by what it waits for: whether they are made, or it has to make them."""

__all__ = ["Together"]

_MOST = 100  # changes that a step has, unless one caller has more


class _Step:
    """Changes that are made together."""

    def __init__(self) -> None:
        self.turns: Turns = {}
        self.size = 0
        self.work: asyncio.Task[None] | None = None


class Together:
    """The changes of one session's values; those that come in one turn of the event loop are one step."""

    def __init__(self, storage: BoundStorage) -> None:
        """Nothing waits yet."""
        self._storage = storage
        self._open: _Step | None = None

    async def change(self, changes: list[AnyValueChange]) -> None:
        """Make changes, all or none, in one step, which others may have a part in.

        The changes of who is alone are a call of its own, and so are those that come with others when any of
        them is refused: nobody is told of another one's refusal. Who is cancelled takes its changes away
        while nothing is sent, and later waits for the end of the step.
        """
        loop = asyncio.get_running_loop()
        step = self._open
        if step is None or step.size + len(changes) > _MOST:
            step = self._open = _Step()
            loop.call_soon(self._send, step)
        turn: asyncio.Future[bool] = loop.create_future()
        step.turns[turn] = changes
        step.size += len(changes)
        try:
            is_made = await turn
        except asyncio.CancelledError:
            if step.work is not None:
                await to_the_end(step.work)
            raise
        if not is_made:
            await self._storage.change_values(changes)

    def _send(self, step: _Step) -> None:
        if self._open is step:
            self._open = None
        turns = {turn: changes for turn, changes in step.turns.items() if not turn.cancelled()}
        if len(turns) > 1:
            step.work = asyncio.get_running_loop().create_task(self._make(turns))
        else:
            _settle(turns, is_made=False)

    async def _make(self, turns: Turns) -> None:
        try:
            await self._storage.change_values([each for changes in turns.values() for each in changes])
        except EverstoreError as error:
            if "index" in error.facts:  # one of them is refused, and none is made
                _settle(turns, is_made=False)
            else:
                _fail(turns, error)
        except BaseException as error:
            _fail(turns, error)
            raise
        else:
            _settle(turns, is_made=True)


def _settle(turns: Mapping[asyncio.Future[bool], object], *, is_made: bool) -> None:
    for turn in turns:
        if not turn.done():
            turn.set_result(is_made)


def _fail(turns: Mapping[asyncio.Future[bool], object], error: BaseException) -> None:
    """Tell each of what became of the step: an error of its own, for each adds its traceback to it."""
    for turn in turns:
        if turn.done():
            continue
        if isinstance(error, asyncio.CancelledError):
            turn.cancel()
            continue
        told = copy(error)
        told.__cause__ = error.__cause__
        turn.set_exception(told)
