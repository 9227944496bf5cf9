"""Checks side by side: processes of their own, each of which runs one check after the other.

Most of a run waits, for a disk or a server, or works on one core of several. Each process gets the next check
as soon as it has told of the last one, and so all of them end at about the same time. What a check finds
does not depend on how many there are: each one has a storage of its own where one can be made, and where it
cannot, checks work in sessions of their own, as beside a host.

A process that dies has failed its check, and another one takes its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from everstore.conformance.leftovers import journal
from everstore.conformance.patience import leave_if_stuck
from everstore.conformance.registry import all_checks
from everstore.conformance.runner import FAILURES, Failure, Result, run
from everstore.conformance.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from everstore.conformance.registry import Check

__all__ = ["ended_by_sigterm", "run_side_by_side"]

_LINE_BYTES = 1 << 24
_GRACE = 30.0  # seconds for what a process does besides its check: to start, to end a check that hangs


class _Task(msgspec.Struct, frozen=True):
    """What a process is started for; ``storage`` is what its journal is called by, if it keeps one."""

    subject: str
    storage: str | None
    seed: int
    capabilities: frozenset[str]
    seconds: float


def run_side_by_side(
    subjects: Sequence[Subject],
    storage: str,
    checks: Sequence[Check],
    *,
    seed: int,
    capabilities: frozenset[str],
    seconds: float,
    stop_at_failure: bool,
    progress: Callable[[Check, Result], None],
) -> list[Result]:
    """Run the checks, in a process for each subject; their results in the order of the checks.

    The subjects may be one and the same. ``storage`` names that of the first, whose sessions are noted.
    ``stop_at_failure`` makes the first one that fails the last one: those at work end, and have no result.
    Interrupted, it ends the processes as Ctrl-C ends a run, and waits for them.
    """
    first = subjects[0]
    tasks = [
        _Task(subject.to_json(), storage if subject == first else None, seed, capabilities, seconds)
        for subject in subjects
    ]
    crew = _Crew(checks, seconds, progress, stop_at_failure=stop_at_failure)
    asyncio.run(crew.work(tasks))
    return [crew.results[check.id] for check in checks if check.id in crew.results]


class _Crew:
    """The processes at work, and what is left for them to do."""

    def __init__(
        self,
        checks: Sequence[Check],
        seconds: float,
        progress: Callable[[Check, Result], None],
        *,
        stop_at_failure: bool,
    ) -> None:
        self.results: dict[str, Result] = {}
        self._left = deque(checks)
        self._bound = 2 * seconds + _GRACE  # the process itself ends its check sooner
        self._seconds = seconds
        self._progress = progress
        self._stop_at_failure = stop_at_failure
        self._is_over = False

    async def work(self, tasks: Sequence[_Task]) -> None:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(self._go_on(task))

    async def _go_on(self, task: _Task) -> None:
        """One process after the other, as long as there is something to do: mostly one."""
        while self._left:
            process = await _started(task)
            try:
                while self._left and process.returncode is None:
                    self._note(await self._one(process, self._left.popleft()))
            finally:
                await self._ended(process)

    async def _one(self, process: asyncio.subprocess.Process, check: Check) -> tuple[Check, Result]:
        assert process.stdin is not None
        assert process.stdout is not None
        began = time.perf_counter()
        line, end = b"", f"none within {self._bound:g} s, however it was interrupted"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._bound):
                process.stdin.write(check.id.encode() + b"\n")
                line = await process.stdout.readline()
                if line.endswith(b"\n"):
                    return check, msgspec.json.decode(line, type=Result)
                end = _death(await process.wait())
        _send(process, signal.SIGKILL)
        await process.wait()
        failure = Failure("error", (), "an end", end, "")
        return check, Result(check.id, "failed", time.perf_counter() - began, failure)

    def _note(self, done: tuple[Check, Result]) -> None:
        check, result = done
        if self._is_over:
            return
        self.results[check.id] = result
        self._progress(check, result)
        if self._stop_at_failure and result.outcome in FAILURES:
            self._is_over = True
            self._left.clear()

    async def _ended(self, process: asyncio.subprocess.Process) -> None:
        """One that waits ends with its input; one that works is interrupted, and removes its sessions."""
        assert process.stdin is not None
        process.stdin.close()
        interrupted = asyncio.current_task()
        if interrupted is not None and interrupted.cancelling():
            _send(process, signal.SIGTERM)
        try:
            async with asyncio.timeout(self._seconds + _GRACE):
                await process.wait()
        except TimeoutError:
            _send(process, signal.SIGKILL)
            await process.wait()


async def _started(task: _Task) -> asyncio.subprocess.Process:
    # A session of its own: a terminal's Ctrl-C is for this process, which ends the others.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # the working directory is no place of modules, as it is none of the command's
        "-m",
        "everstore.conformance.side_by_side",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(task) + b"\n")
    return process


def _send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    # Its own methods look first whether it has ended, and who waits for it would not learn how it did.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _death(status: int) -> str:
    if status >= 0:
        return f"the process that ran the check ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"the process that ran the check died of {signal.Signals(-status).name}"
    return f"the process that ran the check died of signal {-status}"


# -- in each process -----------------------------------------------------------------------------------


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does: the check at work removes its sessions first."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_: int, frame: FrameType | None) -> None:
    """What Ctrl-C does now: asyncio cancels the check, whose event loop is then left in order."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):  # ignored, as in a shell's background jobs
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)


def _serve() -> None:
    """Run each check whose id comes, and tell of it, until no more come."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a backend prints is no answer
    task = msgspec.json.decode(sys.stdin.readline(), type=_Task)
    subject = Subject.from_json(task.subject)
    checks = {check.id: check for check in all_checks()}
    kept = journal(task.storage) if task.storage is not None else contextlib.nullcontext()
    with kept, ended_by_sigterm():
        while line := sys.stdin.readline():
            check = checks[line.rstrip("\n")]
            [result] = run(
                subject, [check], seed=task.seed, capabilities=task.capabilities, seconds=task.seconds
            )
            answers.write(msgspec.json.encode(result) + b"\n")


if __name__ == "__main__":
    try:
        _serve()
    except KeyboardInterrupt:
        leave_if_stuck(130)
        sys.exit(130)
    leave_if_stuck(0)
