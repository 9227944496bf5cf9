"""Calls that wait at the same moment share a statement: one round trip, and one flush of what they write.

While a few calls of a kind are under way, each is sent at once, as if there were no other. Who comes then
waits for the end of the event loop's turn, and for a connection where none is free; all who came until
then go together. What is so small that a round trip costs more than its work is shared, nothing else.

Each still fails by itself. What the server refuses it has rolled back: then each of the calls is made again,
alone. A lock that somebody else keeps for long is a refusal, too, so no call waits long for another one's.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from contextvars import Context
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from everstore.waiting import note_wait, to_the_end
from everstore_postgres import faults
from everstore_postgres.pool import PoolExhaustedError, elsewhere

if TYPE_CHECKING:
    from everstore_postgres.database import Database

__all__ = ["LARGE", "PATIENCE", "Shared"]

LARGE = 1 << 16
"""Bytes past which a call is sent by itself."""

PATIENCE = "50ms"
"""How long a shared statement that writes waits for a lock, much less than until a deadlock is looked for."""

_AT_ONCE = 8  # calls of a kind that go by themselves: among fewer, sharing costs more than it saves
_MOST = 64  # calls that share a statement, with a lock each: the server has room for so many a connection
_ALONE = object()  # the answer to a call that has to be sent by itself


class _Batch:
    """Calls that are sent together, and what has become of them."""

    def __init__(self, until: float) -> None:
        self.until = until  # when the first of them has waited long enough for a connection
        self.args: dict[tuple[Any, ...], tuple[Any, ...]] = {}  # of each call, by what it is about
        self.turns: set[asyncio.Future[None]] = set()  # of those who wait for the answers
        self.task: asyncio.Task[None]
        self.sent_ns: int | None = None
        self.answers: dict[tuple[Any, ...], Any] = {}
        self.error: Exception | None = None


class Shared:
    """The calls of one kind. For one event loop."""

    def __init__(self, database: Database, one: str, many: str, *, about: int, changes: bool) -> None:
        """``one`` is the statement of one call; ``many``, of lists of arguments, answers each with a row.

        A call is about its first so many arguments, which a row of ``many`` has first, too. The column
        ``alone`` says that the call has to be sent by itself, after all.
        """
        self._database = database
        self._send_one = database.change if changes else database.row
        self._one = one
        self._many = many
        self._about = about
        self._changes = changes
        self._loop = asyncio.get_running_loop()
        self._at_once = min(_AT_ONCE, database.pool.max_size)
        self._under_way = 0  # calls
        self._open: _Batch | None = None  # the one that further calls may join

    async def row(self, *args: Any, size: int = 0) -> Any:
        """What the statement of one call answers with: its row, or ``None``. ``size`` is of what is sent."""
        if size <= LARGE and (self._under_way >= self._at_once or self._open is not None):
            answer = await self._with_others(args)
            if answer is not _ALONE:
                return answer
        self._under_way += 1
        try:
            return await self._send_one(self._one, *args)
        finally:
            self._under_way -= 1

    async def _with_others(self, args: tuple[Any, ...]) -> Any:
        """The answer to a call that is sent with others; ``_ALONE`` where it has to be sent by itself."""
        if asyncio.get_running_loop() is not self._loop:
            raise elsewhere()
        until = time.monotonic() + self._database.pool.wait_seconds
        while True:
            batch = await self._sent(args, until)
            error = batch.error
            if error is None:
                return batch.answers.get(args[: self._about])
            if len(batch.args) > 1 and faults.was_refused(error):
                return _ALONE
            # Who came later than the first still has time.
            if not isinstance(error.__cause__, PoolExhaustedError) or time.monotonic() >= until:
                raise copy(error) from error.__cause__

    async def _sent(self, args: tuple[Any, ...], until: float) -> _Batch:
        """The batch with a call in it, when it has its answers."""
        began = time.perf_counter_ns()
        turn = self._loop.create_future()
        batch = self._joined(args, turn, until)
        try:
            await turn
        except asyncio.CancelledError:
            await self._leave(batch, turn, args)
            raise
        finally:
            note_wait((batch.sent_ns or time.perf_counter_ns()) - began)
        return batch

    def _joined(self, args: tuple[Any, ...], turn: asyncio.Future[None], until: float) -> _Batch:
        about = args[: self._about]
        batch = self._open
        # No statement writes a row twice.
        is_full = batch is not None and (len(batch.args) >= _MOST or (self._changes and about in batch.args))
        if batch is None or is_full:
            batch = self._open = _Batch(until)
        batch.args[about] = args
        batch.turns.add(turn)
        self._under_way += 1
        if len(batch.turns) == 1:
            # It is nobody's own: whoever watches the first call must not take it for a part of that.
            batch.task = Context().run(self._loop.create_task, self._send(batch))
        return batch

    async def _leave(self, batch: _Batch, turn: asyncio.Future[None], args: tuple[Any, ...]) -> None:
        """Be gone from a batch: from its writes only when it is certain what has happened."""
        if turn in batch.turns:
            batch.turns.discard(turn)
            self._under_way -= 1
        if batch.sent_ns is None and self._changes:
            del batch.args[args[: self._about]]
        if not batch.turns:
            self._close(batch)
            batch.task.cancel()
        elif batch.sent_ns is None or not self._changes:
            return
        with suppress(asyncio.CancelledError):
            await to_the_end(batch.task)

    def _close(self, batch: _Batch) -> None:
        if self._open is batch:
            self._open = None

    async def _send(self, batch: _Batch) -> None:
        """Send a batch at the next turn of the event loop, and let those who wait for it look."""
        try:
            send = partial(self._on_link, batch)
            batch.answers = await self._database.sent(send, changes=self._changes)
        except asyncio.CancelledError:  # by who ends all tasks, or for nobody waits
            for turn in batch.turns:
                turn.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers get it
            batch.error = error
        finally:
            self._close(batch)
            for turn in batch.turns:
                if not turn.done():
                    turn.set_result(None)
            # Until they have all gone on: those who call again at once are not few.
            self._loop.call_soon(self._forget, batch)

    def _forget(self, batch: _Batch) -> None:
        self._under_way -= len(batch.turns)
        batch.turns.clear()

    async def _on_link(self, batch: _Batch) -> dict[tuple[Any, ...], Any]:
        async with self._database.pool.link(until=batch.until) as link:
            self._close(batch)
            batch.sent_ns = batch.sent_ns or time.perf_counter_ns()
            if len(batch.args) == 1:
                [(about, args)] = batch.args.items()
                return {about: await link.fetchrow(self._one, *args)}
            rows = await link.fetch(self._many, *map(list, zip(*batch.args.values(), strict=True)))
        return {tuple(row[: self._about]): _ALONE if row["alone"] else row for row in rows}
