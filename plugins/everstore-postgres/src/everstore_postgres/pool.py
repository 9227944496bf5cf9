"""Connections, shared by the calls of one store.

asyncpg's own pool adds more than half of a local round trip to every call: a proxy object, two timers,
and a reset query that this plugin does not need, for no call leaves anything in its connection's
session. This one keeps the same promises at the price of a list: at most so many connections, first
come, first served, dead ones are replaced, and a connection whose call was cancelled is proven
sound before it is used again, as is one that nobody has used for longer than a call may take. Where one
does not answer, those not heard of since are let go of, too.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import weakref
from collections import deque
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import asyncpg

from everstore.clock import shift_ns
from everstore.errors import StoreClosedError, StoreContextError
from everstore.waiting import note_wait, to_the_end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

__all__ = [
    "CONNECTION_LOST",
    "DRIVER_ERRORS",
    "Link",
    "NotSentError",
    "Pool",
    "PoolExhaustedError",
    "elsewhere",
]

_IDLE_SECONDS = 300.0  # a connection unused for so long is closed, down to the pool's least size
_PROOF_SECONDS = 2.0  # how long a connection may take to show that it is sound
_FULL_SECONDS = 1.0  # how long a server that takes no more connections is not asked for one
CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,
    ConnectionError,
)
"""The connection is gone; another one may be had at once."""
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""Everything that a call may throw, when it is not our own mistake; ``TimeoutError`` is an ``OSError``."""


class PoolExhaustedError(Exception):
    """No connection was free in time."""


class NotSentError(Exception):
    """The call certainly did not happen: nothing of it was sent. Its ``__cause__`` is what was in the way."""


class Link:
    """A connection, and how statements are sent over it: ``fetch(statement, *args)`` and ``fetchrow``.

    Each statement is prepared once a connection. Without ``keeps_statements``, nothing is expected to be
    in the session on the server: what is remembered are a statement's types, and its text goes along
    in the same round trip, so that a proxy may send it anywhere.
    """

    def __init__(self, connection: Any, *, keeps_statements: bool) -> None:
        """Around an open connection."""
        self.connection = connection
        self.since = 0.0  # when it was last taken or given back
        self.overdue = False
        self.sent = False  # whether anything was sent that may have changed something
        self._name = None if keeps_statements else ""  # the driver makes one up, or there is none
        self._statements: dict[str, Any] = {}
        self._shift_ns = 0  # of the clock, as the session on the server knows it
        _links.add(self)

    def begin(self) -> None:
        """The running task starts to use the connection."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._task = task
        self._cancelled = task.cancelling()
        self.sent = False
        self.renew()

    def renew(self) -> None:
        """From now on, the task may have it for as long as a call may take."""
        self.since = time.monotonic()

    def expire(self) -> None:
        """The task has had the connection for too long."""
        self.overdue = True
        self._task.cancel()

    def in_time(self, error: BaseException) -> BaseException:
        """The error to raise for one that ended the call: the end of its time is no cancellation."""
        if not self.overdue:
            return error
        self.overdue = False
        if self._task.uncancel() <= self._cancelled and isinstance(error, asyncio.CancelledError):
            return TimeoutError()
        return error

    async def fetch(self, statement: str, *args: object) -> Any:
        """All rows."""
        if self._shift_ns != shift_ns():
            await self._turn_clock()
        prepared = self._statements.get(statement) or await self._prepare(statement)
        self.sent = True
        try:
            return await prepared.fetch(*args)
        except asyncpg.InvalidCachedStatementError:
            return await (await self._prepare(statement)).fetch(*args)

    async def fetchrow(self, statement: str, *args: object) -> Any:
        """The first row, or ``None``."""
        if self._shift_ns != shift_ns():
            await self._turn_clock()
        prepared = self._statements.get(statement) or await self._prepare(statement)
        self.sent = True
        try:
            return await prepared.fetchrow(*args)
        except asyncpg.InvalidCachedStatementError:  # nothing was done: the schema has changed meanwhile
            return await (await self._prepare(statement)).fetchrow(*args)

    async def cursor(self, statement: str, *args: object) -> Any:
        """A cursor over the rows of a statement; for inside a transaction."""
        if self._shift_ns != shift_ns():
            await self._turn_clock()
        prepared = self._statements.get(statement) or await self._prepare(statement)
        self.sent = True
        return await prepared.cursor(*args)

    async def _turn_clock(self) -> None:
        """Have the session's clock turned as ours is; where sessions are shared, nobody's is."""
        shift = shift_ns()
        if self._name is None:
            await self.connection.execute(f"SET everstore.clock_shift_ns = '{shift}'")
        self._shift_ns = shift

    async def _prepare(self, statement: str) -> Any:
        prepared = await self.connection.prepare(statement, name=self._name)
        self._statements[statement] = prepared
        return prepared


class Pool:
    """Connections to one database, made when they are needed. For one event loop."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Any]],
        *,
        keeps_statements: bool,
        min_size: int,
        max_size: int,
        wait_seconds: float,
        call_seconds: float,
    ) -> None:
        """``connect`` makes a connection, as ``keeps_statements`` has it. Nothing is opened yet."""
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._keeps_statements = keeps_statements
        self._min_size = min(min_size, max_size)
        self.max_size = max_size
        self.wait_seconds = wait_seconds
        self._call_seconds = call_seconds
        self._size = 0  # connections that are open, being opened, or promised to a waiting call
        self._idle: deque[Link] = deque()  # the longest unused on the left
        self._busy: set[Link] = set()
        self._full_until = 0.0  # until when no further connection is asked for, where there are some
        self._watch: asyncio.TimerHandle | None = None
        self._waiting: deque[asyncio.Future[Link | None]] = deque()
        self._all_back = asyncio.Event()
        self._closed = False

    async def fill(self) -> None:
        """Open as many connections as the pool always has; raises what the driver raises."""
        while self._size < self._min_size:
            self._size += 1
            link = await self._open()
            if link is None:  # the server has no more: those that are there will do
                return
            self._give_back(link)

    async def call(self, method: str, statement: str, *args: object) -> Any:
        """One statement on a free connection, within the time that a call may take.

        Raises what the driver raises, ``TimeoutError`` when the time is over, and ``NotSentError`` where
        either came before the statement was sent.
        """
        if asyncio.get_running_loop() is not self._loop:
            raise elsewhere()
        link = self._idle.pop() if self._idle else None
        if link is None or self._is_doubtful(link):
            link = await self._waited_for(link)
        self._begin(link)
        try:
            answer = await getattr(link, method)(statement, *args)
        except BaseException as error:
            await self._fail(link, error)
            raise
        self._end(link)
        return answer

    @asynccontextmanager
    async def link(self, *, unhurried: bool = False, until: float | None = None) -> AsyncIterator[Link]:
        """A connection for several statements: together within the time that a call may take, or not.

        It is waited for ``until`` then, of ``time.monotonic()``, or as long as a call waits.
        """
        if asyncio.get_running_loop() is not self._loop:
            raise elsewhere()
        link = await self._waited_for(None, until)
        if not unhurried:
            self._begin(link)
        try:
            yield link
        except BaseException as error:
            await self._fail(link, error)
            raise
        if link.connection.is_in_transaction():  # whoever had it has not ended what was begun
            link.connection.terminate()
        self._end(link)

    def _begin(self, link: Link) -> None:
        link.begin()
        self._busy.add(link)
        if self._watch is None:
            self._look_later()

    def _end(self, link: Link) -> None:
        self._busy.discard(link)
        self._give_back(link)

    async def _fail(self, link: Link, error: BaseException) -> None:
        """End a call with its error, or with ``TimeoutError`` when it was stopped for having no more time."""
        self._busy.discard(link)
        told = link.in_time(error)
        await self._recover(link, told)
        if not link.sent and isinstance(told, DRIVER_ERRORS):
            raise NotSentError from told
        if told is not error:
            raise told from error

    def _look_later(self) -> None:
        # One timer for all calls: one for each would cost more than all else that is done here.
        often = min(self._call_seconds / 4, 1.0)
        self._watch = asyncio.get_running_loop().call_later(often, self._stop_overdue)

    def _stop_overdue(self) -> None:
        """Stop the calls whose time is over, and look again as long as there are calls."""
        self._watch = None
        until = time.monotonic() - self._call_seconds
        for link in self._busy:
            if link.since < until and not link.overdue:
                link.expire()
        if self._busy:
            self._look_later()

    def _is_doubtful(self, link: Link) -> bool:
        """Whether the connection has to be looked at before it is used."""
        return link.connection.is_closed() or time.monotonic() - link.since > self._call_seconds

    async def _waited_for(self, link: Link | None, until: float | None = None) -> Link:
        """A free connection, as ``_take`` has it; whoever watches the call is told how long that took."""
        began = time.perf_counter_ns()
        try:
            return await self._take(link, time.monotonic() + self.wait_seconds if until is None else until)
        finally:
            note_wait(time.perf_counter_ns() - began)

    async def _take(self, link: Link | None, until: float) -> Link:
        """A free connection, which may have to be waited for or opened; ``link`` is a doubtful one."""
        try:
            while True:
                link = link or (self._idle.pop() if self._idle else None)
                if link is not None:
                    if not self._is_doubtful(link) or await self._is_sound(link):
                        return link
                elif self._closed:
                    raise _store_closed()
                elif self._may_open():
                    self._size += 1
                else:
                    link = await self._wait(until)
                    if link is not None:
                        return link
                # From here on, a place is ours.
                link = await self._open()
                if link is not None:
                    return link
        except (*DRIVER_ERRORS, PoolExhaustedError) as error:
            raise NotSentError from error

    def _may_open(self) -> bool:
        is_full = self._size > 0 and time.monotonic() < self._full_until
        return self._size < self.max_size and not is_full

    async def _wait(self, until: float) -> Link | None:
        """The next connection that is free, or ``None``: then one may be opened in its place."""
        turn: asyncio.Future[Link | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                return await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on(turn.result())  # it came at the last moment
            if isinstance(error, TimeoutError):
                raise PoolExhaustedError from error
            raise

    async def _open(self) -> Link | None:
        """A new connection, in a place already counted.

        ``None``, and the place given up, when the server takes no more and there are others to wait for.
        """
        try:
            connection = await self._connect()
        except asyncpg.TooManyConnectionsError:
            if self._size > 1:
                self._size -= 1
                self._full_until = time.monotonic() + _FULL_SECONDS
                return None
            self._pass_on(None)
            raise
        except BaseException as error:
            self._pass_on(None)
            if isinstance(error, OSError):  # of a socket that is not there it comes at once: who tries
                await asyncio.sleep(0)  # again and again must not hold the event loop
            raise
        return Link(connection, keeps_statements=self._keeps_statements)

    async def _is_sound(self, link: Link) -> bool:
        """Whether a doubtful connection answers; else it is gone, and its place stays the caller's."""
        if link.connection.is_closed():
            return False
        try:
            return await self._prove(link)
        except BaseException:
            self._pass_on(None)
            raise

    def _give_back(self, link: Link) -> None:
        if link.connection.is_closed():
            self._pass_on(None)
            return
        link.since = time.monotonic()
        self._pass_on(link)
        if self._idle and self._idle[0].since < link.since - _IDLE_SECONDS and self._size > self._min_size:
            self._idle.popleft().connection.terminate()
            self._size -= 1

    def _pass_on(self, link: Link | None) -> None:
        """Hand a connection, or the place of one, to whoever waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(link)
                return
        if link is not None and not self._closed:
            self._idle.append(link)
            return
        if link is not None:
            link.connection.terminate()
        self._size -= 1
        if not self._size:
            self._all_back.set()

    async def _recover(self, link: Link, error: BaseException) -> None:
        """Take back a connection whose call failed: sound, or not at all.

        What the server refused has left no trace. A cancelled call may still be under way there: the
        driver has asked for it to be stopped, and lets the next statement wait for that. So do we, however
        often the caller is cancelled: a connection that is cut meanwhile leaves the statement to the
        server, which may run it after what the caller writes next.
        """
        connection = link.connection
        try:
            if isinstance(error, CONNECTION_LOST):
                connection.terminate()
                self._drop_idle(time.monotonic())
            elif not isinstance(error, asyncpg.PostgresError):
                await to_the_end(asyncio.ensure_future(self._settle(link, error)))
        finally:
            if not connection.is_closed() and connection.is_in_transaction():
                connection.terminate()
            self._give_back(link)

    async def _settle(self, link: Link, error: BaseException) -> None:
        """See that nothing of a call is under way in the server any more, or end what is."""
        number = None if link.connection.is_closed() else link.connection.get_server_pid()
        if await self._prove(link) or number is None or not isinstance(error, asyncio.CancelledError):
            return
        # The request to cancel was lost, or came before the statement. A pooler's numbers are no server's.
        if self._keeps_statements:
            with suppress(*DRIVER_ERRORS):
                async with asyncio.timeout(self._call_seconds):
                    await self._end_in_server(number)

    async def _end_in_server(self, number: int) -> None:
        connection = await self._connect()
        try:
            await connection.execute(
                f"SELECT pg_terminate_backend({number}, 5000)"
            )  # returns when it has ended
        finally:
            connection.terminate()

    async def _prove(self, link: Link) -> bool:
        """See that a connection answers; else, or when there is no time for that, it is terminated."""
        asked = time.monotonic()
        try:
            async with asyncio.timeout(_PROOF_SECONDS):
                await link.connection.execute("SELECT")
        except BaseException as error:
            link.connection.terminate()
            if not isinstance(error, DRIVER_ERRORS):
                raise
            self._drop_idle(asked)
            return False
        return True

    def _drop_idle(self, unheard_since: float) -> None:
        """Let go of what nobody uses and has not been heard of since: what ended one has ended all."""
        for link in [link for link in self._idle if link.since < unheard_since]:
            self._idle.remove(link)
            link.connection.terminate()
            self._size -= 1

    async def close(self) -> None:
        """Close every connection, those in use when their calls are done; to the end, though cancelled."""
        if asyncio.get_running_loop() is self._loop:
            await to_the_end(asyncio.ensure_future(self._close()))
        elif self._loop.is_running():
            closing = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
            await to_the_end(asyncio.wrap_future(closing))
        else:
            self._closed = True
            for link in (*self._idle, *self._busy):
                _cut(link.connection)

    async def _close(self) -> None:
        self._closed = True
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(_store_closed())
        while self._idle:
            await _hang_up(self._idle.pop().connection)
            self._size -= 1
        if self._size:
            await self._all_back.wait()
        if self._watch is not None:
            self._watch.cancel()


def elsewhere() -> StoreContextError:
    """The error of a call on another event loop than that of its store."""
    return StoreContextError("postgres: the store belongs to another event loop; open one on this one")


def _store_closed() -> StoreClosedError:
    """The error of a call that came before its store was closed, and had not got a connection by then."""
    return StoreClosedError("the store is closed")


_links: weakref.WeakSet[Link] = weakref.WeakSet()


def _let_go_after_fork() -> None:
    # The sockets are the parent's. What the child does to its copy of the connections, as at its end, must
    # not reach the server: no goodbye, no request to cancel, and no answer read that the parent waits for.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for link in _links:
        with suppress(Exception):
            os.dup2(nowhere, _socket(link.connection).fileno(), inheritable=False)
            link.connection._addr = os.devnull  # noqa: SLF001 - where a request to cancel would go
    os.close(nowhere)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_after_fork)


def _socket(connection: Any) -> Any:
    return connection._transport.get_extra_info("socket")  # noqa: SLF001 - no public way


def _cut(connection: Any) -> None:
    """End a connection whose event loop runs no more: nothing can be said, but the server sees the end."""
    with suppress(Exception):
        _socket(connection).shutdown(socket.SHUT_RDWR)


async def _hang_up(connection: Any) -> None:
    """Say goodbye, if the server still listens."""
    try:
        await connection.close(timeout=_PROOF_SECONDS)
    except DRIVER_ERRORS:
        connection.terminate()
