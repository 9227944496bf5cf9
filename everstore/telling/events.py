"""Where events go. Telling never decides an answer: what goes wrong on the way there stays there."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import structlog

from everstore.waiting import to_the_end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["HOST", "STANDARD_LOG", "EventLog", "Level"]

_MOST_WAITING = 20_000  # events that wait for an asynchronous logger; a call's takes some kilobytes
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "off": 50}
Level = Literal["debug", "info", "warning", "error"]

STANDARD_LOG = logging.getLogger("everstore")
"""Where events go when the host has configured no structlog, and asked for no output of everstore's own."""


class _Asked:
    """What tells of the host's configuration where a structlog keeps it in another way."""

    @property
    def is_configured(self) -> bool:
        return structlog.is_configured()


HOST: Any = getattr(structlog._config, "_CONFIG", _Asked())  # noqa: SLF001 - see below
"""``HOST.is_configured`` is ``structlog.is_configured()`` for a fifth of its price, which every call pays."""

_IN_WORDS = structlog.processors.LogfmtRenderer(key_order=["event"])


class EventLog:
    """Where events go: to the host's structlog configuration when there is one.

    Else to stderr when a level was asked for, and otherwise to the standard library's logger ``everstore``.
    The host's configuration is taken as it is when the first event after it comes up.
    """

    def __init__(self, level: str | None, log_format: str) -> None:
        """``level`` and ``log_format`` count only while the host has configured no structlog."""
        self._threshold = None if level is None else _LEVELS[level]
        self._format = log_format
        self._host: Any = None
        self._has_complained = False
        self._later = _Later(self._complain)

    @property
    def debug_goes(self) -> Literal["nowhere", "own", "standard"]:
        """Where debug events go when the host has configured no structlog."""
        if self._threshold is None:
            return "standard"
        return "own" if self._threshold <= _LEVELS["debug"] else "nowhere"

    def tell(self, level: Level, event: str, fields: Callable[[], dict[str, object]]) -> None:
        """Write one event, if one of this level goes anywhere; only then are its fields asked for.

        Raises nothing but what ends the process: a processor that fails, or a stream that is closed or
        full, is told of on stderr, once.
        """
        try:
            if not structlog.is_configured():
                self._tell_without_host(_LEVELS[level], level, event, fields)
            elif _takes(host := self._host_logger(), level):
                answer = _method(host, level)(event, **fields())
                if inspect.isawaitable(answer):
                    self._later.add(answer)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - a cancellation too: nothing here is awaited
            self._complain(error)

    def _tell_without_host(
        self, number: int, level: Level, event: str, fields: Callable[[], dict[str, object]]
    ) -> None:
        if self._threshold is None:
            if STANDARD_LOG.isEnabledFor(number):
                told = structlog.contextvars.merge_contextvars(None, level, fields())
                words = _IN_WORDS(None, level, {"event": event, **told})
                STANDARD_LOG.log(number, "%s", words, extra={"everstore": {"event": event, **told}})
        elif number >= self._threshold and sys.stderr is not None:
            self._write(level, event, fields())

    async def drain(self) -> None:
        """Wait until the events of an asynchronous logger are written."""
        if self._later.waits:  # no task without need: this is asked where no event loop runs, too
            await to_the_end(asyncio.get_running_loop().create_task(self._later.drain()))
        if lost := self._later.take_dropped():
            _say(f"{lost} events were dropped while the host's asynchronous logger was too far behind")

    def _host_logger(self) -> Any:
        if self._host is None:
            self._host = structlog.get_logger("everstore").bind()
        return self._host

    def _write(self, level: Level, event: str, fields: dict[str, object]) -> None:
        # Made for each event: rare, and stderr may have been replaced since the last one.
        renderer: Any = structlog.processors.JSONRenderer()
        if self._format == "console":
            renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        logger = structlog.wrap_logger(
            structlog.PrintLogger(sys.stderr),
            processors=[
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                renderer,
            ],
        )
        getattr(logger, level)(event, **fields)

    def _complain(self, error: BaseException) -> None:
        """Say once that events are lost, and by what kind of error: its words may hold what no log may."""
        if self._has_complained:
            return
        self._has_complained = True
        _say(
            f"events cannot be logged: {type(error).__name__}; see to the host's"
            " configuration of structlog or logging (calls are not affected)"
        )


def _say(line: str) -> None:
    with suppress(Exception):
        sys.stderr.write(f"everstore: {line}\n")


def _takes(host: Any, level: str) -> bool:
    """Whether the host's logger wants events of this level."""
    # structlog's own filtering loggers and those around the standard library name it differently. Asked
    # of the class: a generic logger makes up a method of any name, which would log the question.
    for name in ("is_enabled_for", "isEnabledFor"):
        if inspect.isfunction(getattr(type(host), name, None)):
            answer = getattr(host, name)(_LEVELS[level])
            if not inspect.isawaitable(answer):
                return bool(answer)
            if inspect.iscoroutine(answer):
                answer.close()
    return True


def _method(host: Any, level: str) -> Any:
    """What logs at this level; ``msg``, or ``log`` with the level, of a logger that has no word for it."""
    method = getattr(host, level, None) or getattr(host, "msg", None)
    if method is not None:
        return method
    return lambda event, **fields: host.log(_LEVELS[level], event, **fields)


class _Later:
    """Events of an asynchronous logger: one after the other, each in the context of its call."""

    def __init__(self, complain: Callable[[BaseException], None]) -> None:
        self._complain = complain
        self._waiting: deque[tuple[Awaitable[object], contextvars.Context]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._dropped = 0

    @property
    def waits(self) -> bool:
        """Whether anything is not written yet."""
        return bool(self._waiting or self._tasks)

    def take_dropped(self) -> int:
        """How many events were dropped since this was asked last."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def add(self, event: Awaitable[object]) -> None:
        """Let an event be written as soon as the loop comes to it, or at once where there is none.

        It is dropped, and counted, when too many wait: a logger that hangs must not take all memory.
        """
        if len(self._waiting) >= _MOST_WAITING:
            if not self._dropped:
                _say(f"the asynchronous logger is {_MOST_WAITING} events behind; further ones are dropped")
            self._dropped += 1
            if inspect.iscoroutine(event):
                event.close()
            return
        self._waiting.append((event, contextvars.copy_context()))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            asyncio.run(self._all())
            return
        if not any(task.get_loop() is loop and not task.done() for task in self._tasks):
            self._start()

    async def drain(self) -> None:
        """Write whatever still waits."""
        loop = asyncio.get_running_loop()
        while self._waiting or any(task.get_loop() is loop for task in self._tasks):
            mine = [task for task in self._tasks if task.get_loop() is loop] or [self._start()]
            await asyncio.wait(mine)
            self._tasks.difference_update(mine)

    def _start(self) -> asyncio.Task[None]:
        task = asyncio.ensure_future(self._all())
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() and self._waiting:
            # Somebody cancels all tasks, as a loop does at its end: nothing is lost for that.
            elsewhere = threading.Thread(target=lambda: asyncio.run(self._all()))
            elsewhere.start()
            elsewhere.join()

    async def _all(self) -> None:
        while self._waiting:
            event, context = self._waiting.popleft()
            try:
                await asyncio.get_running_loop().create_task(_awaited(event), context=context)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    if _is_untouched(event):
                        self._waiting.appendleft((event, context))
                    raise
            except Exception as error:  # noqa: BLE001 - the next event may come through
                self._complain(error)


async def _awaited(event: Awaitable[object]) -> None:
    await event


def _is_untouched(event: Awaitable[object]) -> bool:
    return inspect.iscoroutine(event) and inspect.getcoroutinestate(event) == inspect.CORO_CREATED
