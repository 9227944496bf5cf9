"""Running checks on a subject, and what level their results reach."""

from __future__ import annotations

import asyncio
import functools
import gc
import time
from typing import TYPE_CHECKING, Literal

import msgspec

from everstore.conformance.case import Case, Mismatch
from everstore.conformance.explain import explain
from everstore.conformance.patience import SECONDS, Hang, bounded
from everstore.conformance.registry import LEVELS, OWN_FILES, Check, Level, all_checks
from everstore.errors import EverstoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from everstore.conformance.subject import Subject

__all__ = [
    "FAILURES",
    "Failure",
    "Outcome",
    "Result",
    "declared",
    "execute",
    "least",
    "level_of",
    "offered",
    "run",
]

Outcome = Literal["passed", "failed", "known failure", "unexpected pass", "not applicable"]

FAILURES: frozenset[Outcome] = frozenset({"failed", "unexpected pass"})
"""What makes a run fail."""

_GRACE = 2.0  # seconds for what ends by itself once it is cancelled
_MOMENT = 0.05
_LIKELY_OF_A_HANG = (
    "a call waits for what is never given back or done: a lock, a connection, a task, a thread"
)
_SHOWN = 6  # calls shown of a failure


class Failure(msgspec.Struct, frozen=True):
    """Why a check failed. ``did`` is what it called last, ``where`` the assertion: file, line and words.

    ``likely`` is the mistake that the failure itself speaks for, which may be another than the check's;
    ``verb`` and ``field`` are what was called, and what of its answer differs, where that is known.
    """

    kind: Literal["assertion", "error"]
    did: tuple[str, ...]
    expected: str
    got: str
    where: str
    likely: str | None = None
    verb: str | None = None
    field: str | None = None


class Result(msgspec.Struct, frozen=True):
    """What became of one check."""

    check: str
    outcome: Outcome
    seconds: float
    failure: Failure | None = None
    reason: str | None = None


def declared(subject: Subject) -> frozenset[str]:
    """The capabilities that every role of the subject declares, by name; limits count when they are set."""

    async def look() -> frozenset[str]:
        async with subject.open() as store:
            parts = (store.file_system, store.storage, store.sessions)
            sets = [
                frozenset(name for name, value in msgspec.structs.asdict(part.capabilities).items() if value)
                for part in parts
            ]
            return frozenset.intersection(*sets)

    return asyncio.run(look())


def offered(subject: Subject, *, large: bool = False) -> frozenset[str]:
    """What checks may need: what is declared, what was asked for of ``ON_REQUEST``, and ``OWN_FILES``."""
    capabilities = declared(subject)  # opening makes the files that are not there yet
    more = {"large": large, "full": bool(subject.full), OWN_FILES: bool(subject.own_places())}
    return capabilities | {name for name, is_there in more.items() if is_there}


def execute(subject: Subject, check: Check, seed: int, seconds: float = SECONDS) -> Case:
    """Run one check; an error that leaves it is raised, with what the check did as its ``did``.

    What takes longer than ``seconds`` hangs, and closing takes no longer: whatever hangs then, a call, a
    thread or a loop that is held, is ended, and the calls that waited are named.
    """
    __tracebackhide__ = True
    _set_aside()
    case = Case(subject, check.id, seed, patience=seconds)
    attempt = _Attempt(case, check, seconds)
    try:
        with bounded(2 * seconds + _GRACE, attempt.look):
            asyncio.run(attempt.run())
    except Hang:
        raise attempt.failure(None) from None
    except Exception as error:  # noqa: BLE001 - whatever leaves a check is its failure
        raised = attempt.failure(error)
        raise raised from (error if raised is not error else error.__cause__)
    return case


@functools.cache
def _set_aside() -> None:
    """Let collecting garbage pass over what is there before the first check.

    That is all that was imported, and checks for what is left behind collect thousands of times.
    """
    gc.collect()
    gc.freeze()


class _Attempt:
    """One run of a check, and what it waited for when its time was over."""

    def __init__(self, case: Case, check: Check, seconds: float) -> None:
        self._case = case
        self._check = check
        self._seconds = seconds
        self._waiting: tuple[str, ...] | None = None

    async def run(self) -> None:
        __tracebackhide__ = True
        watch = asyncio.get_running_loop().call_later(self._seconds, self.look)
        try:
            async with asyncio.timeout(self._seconds + _MOMENT), self._case:
                await self._check.function(self._case, *self._check.arguments)
        finally:
            watch.cancel()

    def look(self) -> None:
        """Remember the calls that wait now: whoever is cancelled does not wait any more."""
        if self._waiting is None:
            self._waiting = self._case.trace.pending()

    def failure(self, error: Exception | None) -> Exception:
        """What the check ends with: an assertion, where the contract promises something else."""
        raised = error
        if error is None or (isinstance(error, TimeoutError) and self._waiting is not None):
            hang = Mismatch("an end", self._told(), likely=_LIKELY_OF_A_HANG)
            raised = hang.with_traceback(error.__traceback__ if error else None)
        elif isinstance(error, EverstoreError):
            # A refusal where the contract promises an answer is what the check is there to tell.
            refusal = Mismatch("an answer", f"{type(error).__name__}: {error}")
            raised = refusal.with_traceback(error.__traceback__)
        assert raised is not None
        raised.__dict__["did"] = self._case.trace.latest(_SHOWN)
        return raised

    def _told(self) -> str:
        waiting = self._waiting or ()
        calls = f"these calls wait: {'; '.join(waiting[:_SHOWN])}" if waiting else "no call waits"
        more = f" and {len(waiting) - _SHOWN} more" if len(waiting) > _SHOWN else ""
        return f"none within {self._seconds:g} s; {calls}{more}"


def _failure(error: Exception) -> Failure:
    trace = error.__dict__.get("did", ())
    if isinstance(error, AssertionError):
        told = explain(error)
        verb = error.__dict__.get("verb")
        return Failure("assertion", trace, told.expected, told.got, told.where, told.likely, verb, told.field)
    return Failure("error", trace, "no error", f"{type(error).__name__}: {error}", "")


def run(
    subject: Subject,
    checks: Iterable[Check],
    *,
    seed: int = 0,
    known_failures: Mapping[str, str] | None = None,
    capabilities: frozenset[str] | None = None,
    seconds: float = SECONDS,
    stop_at_failure: bool = False,
    progress: Callable[[Check, Result], None] = lambda _check, _result: None,
) -> list[Result]:
    """Run the checks, one after the other; a result for each, in order.

    Those that do not apply to ``capabilities``, all that is ``offered`` unless told otherwise, are not run
    and say so. A known failure
    that passes is an ``unexpected pass``, which is a failure of the run. A check has ``seconds`` until it
    counts as hanging; ``stop_at_failure`` makes the first one that fails the last one.
    """
    known = known_failures or {}
    given = offered(subject) if capabilities is None else capabilities
    results = []
    for check in checks:
        result = _one(subject, check, seed, given, known.get(check.id), seconds)
        progress(check, result)
        results.append(result)
        if stop_at_failure and result.outcome in FAILURES:
            break
    return results


def _one(
    subject: Subject, check: Check, seed: int, given: frozenset[str], reason: str | None, patience: float
) -> Result:
    if not check.applies_to(given):
        return Result(check.id, "not applicable", 0.0)
    started = time.perf_counter()
    failure = None
    try:
        execute(subject, check, seed, patience)
    except Exception as error:  # noqa: BLE001 - whatever leaves a check is its failure
        failure = _failure(error)
    seconds = time.perf_counter() - started
    if reason is not None:
        return Result(check.id, "known failure" if failure else "unexpected pass", seconds, failure, reason)
    return Result(check.id, "failed" if failure else "passed", seconds, failure)


@functools.cache
def least(level: Level) -> int:
    """How many checks of a level must have run and passed: so many as there are whatever is declared.

    Fewer prove nothing. What is durable is asked of those only who declare it.
    """
    granted = {"durable"} if level == "durable" else set()
    found = [check for check in all_checks() if check.level == level and not check.unless]
    return sum(set(check.needs) <= granted for check in found)


def level_of(results: Iterable[Result], checks: Iterable[Check]) -> Level | None:
    """The highest level reached; ``None`` when not even the least.

    ``checks`` is the whole suite: a check of it without a result keeps its level out of reach, and
    so does one whose capability is not declared where too few others of its level are left.
    """
    outcomes = {result.check: result.outcome for result in results}
    reached: Level | None = None
    for level in LEVELS:
        found = [outcomes.get(check.id) for check in checks if check.level == level]
        if any(outcome not in {"passed", "not applicable"} for outcome in found):
            break
        if found.count("passed") < least(level):
            break
        reached = level
    return reached
