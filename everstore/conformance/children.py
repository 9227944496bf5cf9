"""Processes of their own that work on the storage of a subject, and may be killed while they do.

Starting an interpreter and importing everstore takes half a second; forking one that has done so takes
milliseconds. So one process is started, the *nursery*, which opens nothing and forks a child for each
job. A child opens the storage itself, waits until the others are as far, and works. What it tells
goes through one pipe, a line of JSON at a time, also while it is being killed: short writes are whole.

A job's function is a coroutine function that takes the open store, a function that tells the parent
something that JSON can carry, and the job's arguments.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Self

import msgspec

from everstore.clock import turned
from everstore.conformance.subject import Subject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

__all__ = ["Job", "Nursery"]

_LINE_BYTES = 1 << 20


class Job(msgspec.Struct, frozen=True):
    """What a child does: ``function`` is ``"module:name"``, ``arguments`` are what JSON can carry.

    Its clock is ``turned`` by so many seconds.
    """

    function: str
    arguments: dict[str, Any] = {}
    turned: float = 0


class Nursery:
    """The parent's side. All processes end with the ``async with`` block, whatever they do."""

    def __init__(self, subject: Subject) -> None:
        """For children that work on this subject."""
        if not hasattr(os, "fork"):
            raise RuntimeError("checks with processes of their own need fork(): run them on Linux or macOS")
        self._subject = subject
        self._process: asyncio.subprocess.Process

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "everstore.conformance.children",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
            start_new_session=True,  # a group of their own, to be killed as one
        )
        self._send(self._subject.to_json().encode())
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        # Reads to the end, closes the pipes and waits.
        await self._process.communicate()

    async def start(self, *jobs: Job) -> list[int]:
        """Start a child for each job; their process ids, once all of them have opened the storage."""
        self._send(msgspec.json.encode(jobs))
        async for message in self._messages():
            if "started" in message:
                pids: list[int] = message["started"]
                return pids
        raise AssertionError("no message of the nursery's is the last")

    def kill(self, pid: int) -> None:
        """Kill a child, which has no chance to do anything about it."""
        os.kill(pid, signal.SIGKILL)

    async def told(self) -> AsyncIterator[Any]:
        """What the children tell, until all of them have ended."""
        async for message in self._messages():
            if "over" in message:
                return
            yield message["told"]

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")

    async def _messages(self) -> AsyncIterator[dict[str, Any]]:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message: dict[str, Any] = msgspec.json.decode(line)
            if "error" in message:
                raise AssertionError(f"a process that works on the storage failed: {message['error']}")
            yield message
        raise AssertionError("the process that starts the others has died")


# -- in the nursery, and in its children ---------------------------------------------------------------


def _tell(**message: object) -> None:
    os.write(1, msgspec.json.encode(message) + b"\n")


def _serve() -> None:
    """Fork a child for each job of a line, wait until all of them have ended, and go on to the next line."""
    importlib.import_module("everstore.configuration")
    importlib.import_module("everstore.building")  # all that opening a store imports, once for all children
    subject = Subject.from_json(sys.stdin.readline())
    while line := sys.stdin.readline():
        jobs = msgspec.json.decode(line, type=list[Job])
        works = [(_function(job), job) for job in jobs]
        start = _Start()
        pids = [start.fork(subject, function, job) for function, job in works]
        start.await_all(len(pids))
        _tell(started=pids)
        start.let_go()
        for pid in pids:
            os.waitpid(pid, 0)
        _tell(over=True)


def _function(job: Job) -> Callable[..., Awaitable[None]]:
    module, _, name = job.function.partition(":")
    function: Callable[..., Awaitable[None]] = getattr(importlib.import_module(module), name)
    return function


class _Start:
    """Where children wait for each other: each writes into one pipe, and reads another until it is closed."""

    def __init__(self) -> None:
        self._arrivals, self._arrive = os.pipe()
        self._gate, self._closed_gate = os.pipe()

    def fork(self, subject: Subject, function: Callable[..., Awaitable[None]], job: Job) -> int:
        """The process id of a new child."""
        pid = os.fork()
        if pid:
            return pid
        try:
            os.close(self._closed_gate)
            with turned(job.turned):
                asyncio.run(self._work(subject, function, job.arguments))
        except BaseException as error:  # noqa: BLE001 - the parent is told
            _tell(error=f"{type(error).__name__}: {error}")
        finally:
            os._exit(0)

    async def _work(
        self, subject: Subject, function: Callable[..., Awaitable[None]], arguments: dict[str, Any]
    ) -> None:
        async with subject.open() as store:
            os.write(self._arrive, b".")
            os.read(self._gate, 1)
            await function(store, lambda message: _tell(told=message), **arguments)

    def await_all(self, count: int) -> None:
        """Wait until so many have arrived; or all have died, of which they have told."""
        os.close(self._arrive)
        while count > 0 and (arrived := os.read(self._arrivals, count)):
            count -= len(arrived)

    def let_go(self) -> None:
        """Let them work."""
        for descriptor in (self._closed_gate, self._gate, self._arrivals):
            os.close(descriptor)


if __name__ == "__main__":
    _serve()
