"""State machines: what examples do not think of, verb after verb beside the model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from hypothesis import strategies as st

from everstore.compat import override
from everstore.conformance.checks.machine_values import ValueMachine
from everstore.conformance.machine import Machine, run_machine, step
from everstore.conformance.matching import Step
from everstore.conformance.model import ModelLimits
from everstore.conformance.registry import check
from everstore.conformance.several import SeveralMachine
from everstore.models import InitialFile, Session

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.conformance.case import Case
    from everstore.conformance.machine import Bench
    from everstore.models import Encoding
    from everstore.store import Store

by_chance = partial(check, tags=("chance",))

_NFC, _NFD = "/\u00e9", "/e\u0301"
_PATHS = ("/a", "/a/b", "/a/b/c", "/A", "/ab", "/a/B", "/ab/b", "/a_/b", "/a%", _NFC, _NFD, "/a.")
_ODD_PATHS = (
    "/",
    "a",
    "/workspace/a/b",
    "/a//b/",
    "./A",
    "/a/../A",
    "/workspace/workspace",
    "a\0",
    "/\ud800",
)
_TEXTS = ("", "a", "abcdefg", "b", "a\r\nb\n", "ab\nb", "\u00e9\u2028a", "a\0")
_CONTENTS = [*((text, "text") for text in _TEXTS), ("YQ==", "base64"), ("", "base64"), ("YR==", "base64")]
_GLOBS = (
    "*", "**", "a", "A*", "/a/*", "/a/**", "**/b", "?", "/a?", "[Aab]*", "/[!a]", "%", "/workspace/a/*", "_",
)  # fmt: skip
_AT = st.integers(0, 3)
_FLAG = st.booleans()
_LABELS = st.sampled_from([{}, {}, {"a": "1"}, {"a": "2"}, {"a": "1", "b": "1"}])
_COUNT = st.sampled_from([0, 1, 2])
_NAME = st.integers(0, 15)
_TEXT = st.sampled_from(_TEXTS)
_DATA = st.sampled_from([b"", b"a", b"\0\xff", "\u00e9".encode()])
_CONTENT = st.sampled_from(_CONTENTS)
_CONDITION = st.sampled_from([None, None, None, "current", "outdated", "never", "absent"])


class FileMachine(SeveralMachine):
    """Every verb of files, on a few paths that are easily taken for each other."""

    @override
    def path(self, which: int) -> str:
        """One of the run's paths."""
        return self.name(which, _PATHS, _ODD_PATHS)

    @override
    async def look(self, store: Store, session_id: UUID) -> None:
        await super().look(store, session_id)
        await self.pair.look_at_files(store, session_id, self.some(_PATHS))

    @step(at=_AT, path=_NAME, content=_CONTENT, condition=_CONDITION)
    def write_file(self, at: int, path: int, content: tuple[str, Encoding], condition: str | None) -> None:
        """Write, perhaps under a condition."""
        found = self.model.file_system.tree(self.session(at)).get(self.path(path))
        options = self.condition(at, self.path(path), condition, found.revision if found else None)
        self.call(at, "file_system", "write_file", self.path(path), *content, **options)

    @step(at=_AT, path=_NAME, content=_CONTENT, read_only=_FLAG)
    def seed_initial_file(
        self, at: int, path: int, content: tuple[str, Encoding], *, read_only: bool
    ) -> None:
        """Seed, often read-only."""
        file = InitialFile(self.path(path), *content, is_readonly=read_only)
        self.call(at, "file_system", "seed_initial_file", file)

    @step(at=_AT, path=_NAME, expected=_CONTENT, content=_CONTENT, right=_FLAG)
    def write_file_if_content_matches(
        self,
        at: int,
        path: int,
        expected: tuple[str, Encoding],
        content: tuple[str, Encoding],
        *,
        right: bool,
    ) -> None:
        """Write if what is there is what was drawn, or (``right``) really what is there."""
        found = self.model.file_system.tree(self.session(at)).get(self.path(path))
        if right and found is not None and found.content is not None:
            expected = (found.content, found.encoding)
        self.call(at, "file_system", "write_file_if_content_matches", self.path(path), *expected, *content)

    @step(at=_AT, path=_NAME, old=_TEXT, new=_TEXT, replace_all=_FLAG)
    def edit_file(self, at: int, path: int, old: str, new: str, *, replace_all: bool) -> None:
        """Edit."""
        self.call(at, "file_system", "edit_file", self.path(path), old, new, replace_all=replace_all)

    @step(at=_AT, path=_NAME, content=_CONTENT)
    def append_file(self, at: int, path: int, content: tuple[str, Encoding]) -> None:
        """Append."""
        self.call(at, "file_system", "append_file", self.path(path), *content)

    @step(at=_AT, path=_NAME, data=_DATA, condition=_CONDITION)
    def write_bytes(self, at: int, path: int, data: bytes, condition: str | None) -> None:
        """Write bytes, perhaps under a condition."""
        found = self.model.file_system.tree(self.session(at)).get(self.path(path))
        options = self.condition(at, self.path(path), condition, found.revision if found else None)
        self.call(at, "file_system", "write_bytes", self.path(path), data, **options)

    @step(at=_AT, path=_NAME, data=_DATA)
    def append_bytes(self, at: int, path: int, data: bytes) -> None:
        """Append bytes."""
        self.call(at, "file_system", "append_bytes", self.path(path), data)

    @step(at=_AT, path=_NAME, start=st.sampled_from([0, 1, 9, -1, -2, -9]), length=st.none() | _COUNT)
    def read_bytes(self, at: int, path: int, start: int, length: int | None) -> None:
        """Read some bytes."""
        self.call(at, "file_system", "read_bytes", self.path(path), start, length)

    @step(at=_AT, path=_NAME)
    def create_directory(self, at: int, path: int) -> None:
        """Create a directory."""
        self.call(at, "file_system", "create_directory", self.path(path))

    @step(at=_AT, path=_NAME, recursive=_FLAG)
    def delete_file(self, at: int, path: int, *, recursive: bool) -> None:
        """Delete."""
        self.call(at, "file_system", "delete_file", self.path(path), recursive=recursive)

    @step(at=_AT, verb=st.sampled_from(["copy_file", "move_file"]), a=_NAME, b=_NAME, overwrite=_FLAG)
    def transfer(self, at: int, verb: str, a: int, b: int, *, overwrite: bool) -> None:
        """Copy or move."""
        self.call(at, "file_system", verb, self.path(a), self.path(b), overwrite=overwrite)

    @step(at=_AT, path=_NAME, start=st.sampled_from([1, 2, 9]), limit=st.none() | _COUNT)
    def read_lines(self, at: int, path: int, start: int, limit: int | None) -> None:
        """Read lines."""
        self.call(at, "file_system", "read_lines", self.path(path), start, limit)

    @step(
        at=_AT,
        pattern=st.sampled_from(["", "a", "B", "b", "a|b", "^b", "a.", "\u00e9"]),
        glob=st.none() | st.sampled_from(_GLOBS),
        regex=_FLAG,
        ignore_case=_FLAG,
        around=_COUNT,
        limit=st.none() | _COUNT,
    )
    def grep_files(
        self,
        at: int,
        pattern: str,
        glob: str | None,
        *,
        regex: bool,
        ignore_case: bool,
        around: int,
        limit: int | None,
    ) -> None:
        """Search."""
        options = {"regex": regex, "ignore_case": ignore_case, "before": around, "after": around // 2}
        self.call(at, "file_system", "grep_files", pattern, glob, **options, limit=limit)

    @step(at=_AT, glob=st.sampled_from(_GLOBS))
    def glob_files(self, at: int, glob: str) -> None:
        """List by glob."""
        self.call(at, "file_system", "glob_files", glob)


class RecordMachine(Machine):
    """Every verb of session records. They are of the far future, so that they lead every list."""

    sessions: ClassVar[int] = 2

    def __init__(self, bench: Bench, first: int = 0) -> None:
        """Begin a run; its records are newer than those of any run before."""
        super().__init__(bench, first)
        self.born = 6 * 10**18 + bench.case.random.getrandbits(40) * 10**6 + bench.runs * 10**3

    def ours(self, records: list[Session]) -> list[Session]:
        """Those of a list that are of this run."""
        return [record for record in records if record.created_ns > self.born - 10]

    @override
    async def look(self, store: Store, session_id: UUID) -> None:
        await super().look(store, session_id)
        await self.pair.call(store, Step("sessions", "get_session", (session_id,)))
        await self.pair.call(store, self.page(9, -1), self.ours)

    def page(self, limit: int, age: int, labels: dict[str, str] | None = None) -> Step:
        """A page of the records that are older than so much; -1 for the youngest of the run, and the rest."""
        after = Session(self.ids[0], None, self.born - age)
        options = {"limit": limit, "after": after, **({"labels": labels} if labels else {})}
        return Step("sessions", "list_sessions", (), options)

    @step(at=_AT, age=_COUNT, title=st.sampled_from([None, "", "a", "\u00e9"]), labels=_LABELS)
    def add_session(self, at: int, age: int, title: str | None, labels: dict[str, str]) -> None:
        """Add or replace a record; several may be of one age."""
        record = Session(self.session(at), title, self.born - age, labels=labels)
        self.make(at, Step("sessions", "add_session", (record,)))

    @step(at=_AT, title=st.sampled_from(["", "a", "b\u2028", "a\0"]))
    def update_session_title(self, at: int, title: str) -> None:
        """Set a title."""
        self.call(at, "sessions", "update_session_title", title)

    @step(at=_AT, title=st.sampled_from([None, "b"]), labels=_LABELS)
    def update_session(self, at: int, title: str | None, labels: dict[str, str]) -> None:
        """Set labels and take the title away or set it."""
        self.call(at, "sessions", "update_session", title=title, labels=labels)

    @step(at=_AT, limit=st.integers(1, 3), age=st.integers(-1, 2), labels=_LABELS)
    def list_sessions(self, at: int, limit: int, age: int, labels: dict[str, str]) -> None:
        """List a page, perhaps from within the run's records, perhaps those with some labels."""
        self.make(at, self.page(limit, age, labels), self.ours)

    @step(at=_AT)
    def delete_record(self, at: int) -> None:
        """Delete a record."""
        self.call(at, "sessions", "delete_session")


class StoreMachine(FileMachine, ValueMachine, RecordMachine):
    """Everything in two sessions at once, and what removes them."""

    @step(at=_AT)
    def delete_session(self, at: int) -> None:
        """Delete a session with all that is in it."""
        self.call(at, "", "delete_session")

    @step(at=_AT, role=st.sampled_from(["file_system", "storage"]))
    def purge_session(self, at: int, role: str) -> None:
        """Remove all files, or all values and secrets, of a session."""
        self.call(at, role, "purge_session")


@by_chance(
    "machine.files",
    "3.2.1", "3.4.1", "3.6.1", "3.8.7", "3.10.1", "3.11.1", "4.1.2", "4.5.7",
    likely="two verbs disagree about a state that only a third one makes; the lines show how to get there",
)  # fmt: skip
async def files(case: Case) -> None:
    """Whatever is done with files, in whatever order, is answered and seen as by the model."""
    await run_machine(case, FileMachine, runs=60, steps=20)


@by_chance(
    "machine.records",
    "1.4.1", "1.4.2", "1.4.3", "1.4.5", "1.4.6", "1.4.7",
    likely="records are ordered, paged or replaced in another order than by age and id",
)  # fmt: skip
async def records(case: Case) -> None:
    """Whatever is done with session records, in whatever order, is answered and seen as by the model."""
    await run_machine(case, RecordMachine, runs=80, steps=12)


@by_chance(
    "machine.store",
    "1.2.1", "1.3.1", "1.3.2", "1.5.1", "1.5.3", "3.10.1",
    likely="sessions, or files and values, share something that a verb of one of them changes",
)  # fmt: skip
async def store(case: Case) -> None:
    """Two sessions with files, values, secrets and records are each as the model says."""
    await run_machine(case, StoreMachine, runs=40, steps=25)


@by_chance(
    "machine.limits",
    "7.4.1", "7.4.2",
    likely="files or bytes are counted up and down by deltas, and one verb counts wrongly",
)  # fmt: skip
async def limits(case: Case) -> None:
    """Whatever is done, exactly what exceeds a limit is refused, and leaves no trace."""
    await run_machine(case, FileMachine, runs=60, steps=20, limits=ModelLimits(5, 5, 9))
