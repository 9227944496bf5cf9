"""What a backend's own code or its driver throws, brought about on any backend (see ``faults``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.conformance.acts import NO_SESSION, Act, asked_of
from everstore.conformance.case import gather
from everstore.conformance.faults import Unreadable
from everstore.conformance.registry import check, product
from everstore.conformance.scene import Scene
from everstore.errors import BackendError, BackendUnavailableError

if TYPE_CHECKING:
    from everstore.conformance.case import Case


def _told(outcome: object) -> str:
    """What a call that had to fail ended with, in words; ``""`` where that is what it had to end with."""
    if not isinstance(outcome, BaseException):
        return "an answer"
    if not isinstance(outcome, BackendError):
        return type(outcome).__name__
    return "" if isinstance(outcome.__cause__, Exception) else f"{type(outcome).__name__} without a cause"


@product(
    "failures.thrown.{role}",
    "7.2.2",
    empty={"add_record": "the record brings its id, which a guard reads", **NO_SESSION},
    likely="an exception is caught and answered, or translated without 'raise ... from'",
)
async def thrown(case: Case, acts: dict[str, Act]) -> None:
    """A failure in the midst of a call is BackendError with its cause, and the store works on: {role}."""
    await case.files.write_file("a", "x")
    await case.storage.set_value("k", "x")
    failing = Scene(case.store, Unreadable())
    async with case.untouched():
        with case.trace.paused():  # a trace shows session ids
            ended = {
                name: _told(*await gather(act.call(failing)))
                for name, act in asked_of(case.capabilities, acts).items()
            }
    assert {name: outcome for name, outcome in ended.items() if outcome} == {}
    await case.files.append_file("a", "y")
    assert (await case.read("a")).content == "xy"
    assert await case.storage.increment_value("n") == 1


@check(
    "failures.beside_others",
    "7.2.2",
    "3.10.1",
    level="standard",
    tags=("concurrency",),
    likely="calls that share a transaction or a connection fail together",
)
async def beside_others(case: Case) -> None:
    """A call that fails takes none of those with it that are made at the same time."""
    outcomes = await gather(
        *(
            case.store.file_system.write_file(Unreadable() if n % 3 == 1 else case.id, f"d/{n}", "x")
            for n in range(12)
        )
    )
    failed = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, BackendError)]
    assert failed == [1, 4, 7, 10]
    listed = [info.path for info in await case.files.list_directory("d")]
    assert listed == sorted(f"/d/{n}" for n in range(12) if n % 3 != 1)


@check(
    "failures.happened",
    "7.2.4",
    level="standard",
    since="1.1",
    tags=("concurrency",),
    likely="an error that a transaction ended with is told to calls of it that were committed",
)
async def happened(case: Case) -> None:
    """Beside calls that fail, an increment counts if it was answered, and not if told it did not happen."""
    outcomes = await gather(
        *(case.store.storage.increment_value(Unreadable() if n % 3 == 1 else case.id, "n") for n in range(30))
    )
    told = [outcome.happened for outcome in outcomes if isinstance(outcome, BackendUnavailableError)]
    assert [one for one in told if one is not False and one is not None] == []
    done = sum(isinstance(outcome, int) for outcome in outcomes)
    undone = sum(one is False for one in told)
    total = int(await case.storage.get_value("n") or 0)
    assert done <= total <= len(outcomes) - undone
