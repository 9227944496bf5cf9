"""State machines: Hypothesis makes up calls, a backend and the model answer them, and both must agree.

Hypothesis is synchronous and a store belongs to the event loop of its check, so Hypothesis runs in a
thread and asks for calls, which the check awaits in its own task. All chance comes from the check's
seed; nothing is kept between runs, neither in memory nor in an example database.

Hypothesis' own ``RuleBasedStateMachine`` is not used. Within the few dozen runs that a check can afford,
it leaves most rules out of most runs, and repeats the others: of the mistakes that take two or three
different verbs to show it found a fifth of what runs of a fixed length find, whose steps are drawn evenly.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import defaultdict
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from zlib import crc32

import msgspec
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir

from everstore.conformance.leftovers import folder_of_ours
from everstore.conformance.matching import Pair, Step
from everstore.conformance.model import Model
from everstore.conformance.showing import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from uuid import UUID

    from everstore.conformance.case import Case
    from everstore.conformance.model import ModelLimits
    from everstore.store import Store

__all__ = ["Bench", "Machine", "run_machine", "step"]

T = TypeVar("T")
F = TypeVar("F", bound="Callable[..., None]")

_SLOW_IS_HEALTHY = (
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
    HealthCheck.large_base_example,
)
_SHRINKING_SECONDS = 10.0
_SELDOM = 4  # steps of other sessions until one is looked at


class _Enough(BaseException):
    """Ends Hypothesis, which catches every ``Exception``."""


class Bench:
    """What all runs of one machine share: the open clients, and the way from Hypothesis' thread to them."""

    def __init__(self, case: Case, limits: ModelLimits | None = None) -> None:
        """``case`` brings the first client."""
        self.case = case
        self.limits = limits
        self.second: Store | None = None
        self.runs = 0
        self.failure: Exception | None = None
        self.lines: list[str] = []
        self._until = 0.0
        self._over = False
        self._loop = asyncio.get_running_loop()
        self._wanted: asyncio.Queue[tuple[Coroutine[Any, Any, Any], Future[Any]] | None] = asyncio.Queue()

    # -- in the check's task ------------------------------------------------------------------------

    async def reopen(self) -> None:
        """Close the first client and open it again, under the limits."""
        settings = msgspec.structs.asdict(self.limits) if self.limits else {}
        await self.case.store.close()
        self.case.store = await self.case.open(**({"limits": settings} if settings else {}))

    async def serve(self, work: Callable[[], None]) -> None:
        """Run ``work`` in a thread, and await here what it asks for, until it returns."""
        thread = asyncio.ensure_future(asyncio.to_thread(work))
        thread.add_done_callback(lambda _: self._wanted.put_nowait(None))
        try:
            while (wanted := await self._wanted.get()) is not None:
                await self._answer(*wanted)
        except BaseException:
            # The check is cancelled, and the thread must not wait for ever.
            self._over = True
            while (wanted := await self._wanted.get()) is not None:
                wanted[0].close()
                wanted[1].set_exception(_Enough())
            raise
        await thread

    async def _answer(self, call: Coroutine[Any, Any, Any], answer: Future[Any]) -> None:
        try:
            answer.set_result(await call)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            answer.set_exception(error)
        except BaseException:
            answer.set_exception(_Enough())
            raise

    # -- in Hypothesis' thread ----------------------------------------------------------------------

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """What the coroutine answers, awaited in the check's task."""
        if self._over:
            call.close()
            raise _Enough
        answer: Future[T] = Future()
        self._loop.call_soon_threadsafe(self._wanted.put_nowait, (call, answer))
        return answer.result()

    def begin(self) -> None:
        """A run begins. Enough of them when the time for making a failure smaller is over."""
        self.runs += 1
        if self.failure is not None and time.monotonic() > self._until:
            raise _Enough

    def failed(self, error: Exception, lines: list[str]) -> None:
        """A run failed; the shortest one is kept."""
        if self.failure is None:
            self._until = time.monotonic() + _SHRINKING_SECONDS
        if self.failure is None or len(lines) <= len(self.lines):
            self.failure, self.lines = error, lines


def step(**arguments: st.SearchStrategy[Any]) -> Callable[[F], F]:
    """Make a method of a machine one of its steps, called with what these strategies draw."""

    def mark(method: F) -> F:
        method.__dict__["strategy"] = st.fixed_dictionaries(arguments)
        return method

    return mark


class Machine:
    """One run: a model and fresh sessions, in the storage that all runs share.

    Its steps are the methods that ``step`` marks. ``at`` says where one happens: by which client and in
    which session. That session is looked at after each step, another one now and then, and all in the end.
    """

    sessions: ClassVar[int] = 1

    def __init__(self, bench: Bench, first: int = 0) -> None:
        """Begin a run, which works with the names from ``first`` on."""
        bench.begin()
        self.bench = bench
        self.model = Model(bench.limits)
        self.pair = Pair(self.model)
        self.ids = [bench.case.new_id() for _ in range(self.sessions)]
        self._lines: list[str] = []
        self._verb = ""
        self._about = ""
        self._touched: set[UUID] = set()
        self._seldom = _SELDOM
        self._first = first
        self._revisions: dict[tuple[UUID, str], list[str]] = defaultdict(list)

    def client(self, at: int) -> Store:
        """The client that makes a call; a second one only where the storage is shared."""
        return self.bench.second if at % 2 and self.bench.second else self.bench.case.store

    def session(self, at: int) -> UUID:
        """The session that a call is made in."""
        return self.ids[at // 2 % len(self.ids)]

    def call(self, at: int, role: str, verb: str, *arguments: object, **options: object) -> None:
        """Make a call in one of the sessions, on the backend and on the model."""
        self.make(at, Step(role, verb, (self.session(at), *arguments), options))

    def make(self, at: int, step: Step, only: Callable[[Any], Any] | None = None) -> None:
        """Make a call on the backend and on the model."""
        self.does(self.line(at, step), self.pair.call(self.client(at), step, only))

    def does(self, line: str, call: Coroutine[Any, Any, object]) -> None:
        """Do something; then everything that can be seen must be as the model says."""
        self._lines.append(line)
        try:
            self.bench.run(self._done(call))
        except Exception as error:
            error.__dict__["verb"] = self._verb
            self.bench.failed(error, self._lines.copy())
            raise

    async def _done(self, call: Coroutine[Any, Any, object]) -> None:
        answer = await call
        raised = isinstance(answer, Exception)
        self._lines[-1] += f"  # {f'raises {type(answer).__name__}' if raised else shown(answer)}"
        # Each client looks in its turn.
        store = self.client(len(self._lines))
        with self.bench.case.trace.paused():
            for session_id in self.ids:
                if session_id in self._touched or self._chance() % self._seldom == 0:
                    await self.look(store, session_id)

    def condition(self, at: int, place: str, wanted: str | None, current: str | None) -> dict[str, Any]:
        """The options for a condition that was drawn; ``current`` is the revision at the place."""
        if wanted is None or wanted == "absent":
            return {"if_absent": True} if wanted else {}
        seen = self._revisions[self.session(at), place]
        outdated = [mark for mark in seen if mark != current]
        marks = {"current": current, "outdated": outdated[-1] if outdated else None}
        return {"if_revision": marks.get(wanted) or "no mark"}

    def name(self, which: int, pool: tuple[str, ...], odd: tuple[str, ...]) -> str:
        """One of five names of the pool, so that calls meet, or now and then an odd one; below 16."""
        if which > 14:
            return odd[self._first % len(odd)]
        return pool[(self._first + which % 5) % len(pool)]

    @step(now=st.sampled_from([False, False, True]))
    def reopen(self, *, now: bool) -> None:
        """Close the first client and open it again, now and then: it is slow."""
        if now and self.bench.case.capabilities.durable:
            self.does("await store.close(); store = ...  # opened again", self.bench.reopen())

    async def look(self, _store: Store, session_id: UUID) -> None:
        """Compare everything in a session. Machines add what they know; here revisions are remembered."""
        tree = self.model.file_system.tree(session_id).values()
        values = self.model.storage.list_keys(session_id)
        for place, mark in [(e.path, e.revision) for e in tree] + [(v.key, v.revision) for v in values]:
            if mark not in self._revisions[session_id, place]:
                self._revisions[session_id, place].append(mark)

    def some(self, pool: tuple[str, ...]) -> tuple[str, ...]:
        """A few of a pool, others for each step: what is not there must not show either.

        They depend on what the step was about and not on how many came before it: a run can be shortened.
        """
        first = self._chance()
        return tuple(pool[(first + i) % len(pool)] for i in range(3))

    def _chance(self) -> int:
        return crc32(repr(self._about).encode())

    def finish(self) -> None:
        """Delete the sessions, and look at all; this too must be answered as by the model."""
        self._seldom = 1
        for at in range(0, 2 * len(self.ids), 2):
            self.call(at, "", "delete_session")

    @classmethod
    def steps(cls) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
        """A step's name and arguments."""
        methods = {name: method for name, method in inspect.getmembers(cls) if hasattr(method, "strategy")}
        return st.one_of([st.tuples(st.just(name), each.strategy) for name, each in methods.items()])

    def line(self, at: int, step: Step) -> str:
        """The call as a line of Python, with names for clients and sessions."""
        self._verb = step.verb
        self._touched = {self.session(at), *(each for each in self.ids if each in step.arguments)}
        self._about = " ".join([step.verb, *(each for each in step.arguments if isinstance(each, str))])
        client = "second" if self.client(at) is self.bench.second else "store"
        names = {str(session_id): "abc"[i] for i, session_id in enumerate(self.ids)}
        words = [names.get(str(each)) or shown(each) for each in step.arguments]
        words += [f"{name}={value!r}" for name, value in step.options.items()]
        verb = ".".join(filter(None, (client, step.role, step.verb)))
        return f"await {verb}({', '.join(words)})"


async def run_machine(
    case: Case, machine: type[Machine], *, runs: int, steps: int, limits: ModelLimits | None = None
) -> None:
    """Let Hypothesis look for calls that are answered otherwise than by the model.

    The error raised is that of the shortest run found, whose lines are the case's trace.
    """
    bench = Bench(case, limits)
    if limits is not None:
        await bench.reopen()
    elif case.capabilities.shared:
        bench.second = await case.open()
    random_seed = case.random.getrandbits(64)
    await bench.serve(partial(_explore, bench, machine, random_seed, runs, steps))
    if bench.failure is not None:
        case.trace.tell(bench.lines)
        bench.failure.add_note("the shortest run found:\n" + "\n".join(f"    {line}" for line in bench.lines))
        raise bench.failure


def _explore(bench: Bench, machine: type[Machine], random_seed: int, runs: int, steps: int) -> None:
    # All runs are equally long, so that they are worth their start; a step that shrinks becomes none.
    programs = st.lists(st.none() | machine.steps(), min_size=steps, max_size=steps)

    @seed(random_seed)
    @settings(
        max_examples=runs,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=_SLOW_IS_HEALTHY,
        verbosity=Verbosity.quiet,
    )
    @given(st.integers(0, 59), programs)
    def run(first: int, program: list[tuple[str, dict[str, Any]] | None]) -> None:
        one = machine(bench, first)
        for name, arguments in filter(None, program):
            getattr(one, name)(**arguments)
        one.finish()

    # What Hypothesis keeps for itself would appear in the working directory of whoever runs the suite. It is
    # what it has read in source files, which takes a second: no process need read them again.
    set_hypothesis_home_dir(folder_of_ours() / "hypothesis")
    try:
        run()
    except (Exception, _Enough):
        if bench.failure is None:
            raise
    finally:
        set_hypothesis_home_dir(None)
