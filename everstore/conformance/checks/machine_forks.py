"""A state machine of forks: sessions that are forked, replaced and compared, between all other verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import strategies as st

from everstore.compat import override
from everstore.conformance.checks.machine import FileMachine
from everstore.conformance.checks.machine_values import ValueMachine
from everstore.conformance.machine import run_machine, step
from everstore.conformance.matching import Step
from everstore.conformance.registry import check

if TYPE_CHECKING:
    from everstore.conformance.case import Case

_AT = st.integers(0, 5)
_ROLE = st.sampled_from(["file_system", "storage"])


class ForkMachine(FileMachine, ValueMachine):
    """Everything in two sessions, and a third that only forks get into."""

    sessions: ClassVar[int] = 3

    @classmethod
    @override
    def steps(cls) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
        """Every third step is a fork: drawn as evenly as the others there would be none in most runs."""
        forks = st.tuples(st.just("fork_session"), cls.fork_session.__dict__["strategy"])
        others = super().steps()
        return st.integers(0, 2).flatmap(lambda which: others if which else forks)

    @step(at=_AT, to=_AT, role=_ROLE, replaces=st.booleans())
    def fork_session(self, at: int, to: int, role: str, *, replaces: bool) -> None:
        """Fork a session into another, in the place of what is there or where nothing is."""
        options = {"replaced": self.bench.case.new_id()} if replaces else {}
        self.make(at, Step(role, "fork_session", (self.session(at), self.session(to)), options))

    @step(at=_AT, to=_AT, after=st.none() | st.integers(0, 15), limit=st.sampled_from([None, None, 0, 2]))
    def diff_files(self, at: int, to: int, after: int | None, limit: int | None) -> None:
        """Compare the files of two sessions, or of one with itself."""
        options = {"after": None if after is None else self.path(after), "limit": limit}
        self.call(at, "file_system", "diff_sessions", self.session(to), **options)

    @step(at=_AT, to=_AT)
    def diff_values(self, at: int, to: int) -> None:
        """Compare the values of two sessions."""
        self.call(at, "storage", "diff_sessions", self.session(to))

    @step(at=_AT, role=_ROLE)
    def purge_session(self, at: int, role: str) -> None:
        """Remove all files, or all values and secrets, of a session."""
        self.call(at, role, "purge_session")


@check(
    "machine.forks",
    "3.14.1", "3.14.3", "3.14.4", "3.14.5", "3.14.8", "3.15.1", "3.15.2", "6.6.1", "6.6.3", "6.6.4", "1.3.2",
    likely="what two sessions share is changed, counted or freed in a state that only a third verb makes",
    since="1.3",
    tags=("chance",),
    needs=("forks",),
)  # fmt: skip
async def forks(case: Case) -> None:
    """Whatever is forked, replaced and compared, in whatever order, is answered and seen as by the model."""
    await run_machine(case, ForkMachine, runs=12, steps=18)
