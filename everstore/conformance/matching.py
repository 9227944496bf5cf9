"""The model beside a backend: a call goes to both, and both must answer alike."""

from __future__ import annotations

import asyncio
import functools
from collections import defaultdict
from types import NoneType
from typing import TYPE_CHECKING, Any, cast

import msgspec

from everstore.conformance.case import Mismatch
from everstore.conformance.model import Entry, Model, Record, Value
from everstore.conformance.showing import shown
from everstore.errors import EverstoreError, RevisionConflictError
from everstore.models import (
    BytesFile,
    EditedFile,
    FileChange,
    FileInfo,
    FileLines,
    FileStat,
    FileUsage,
    KeyInfo,
    SecretInfo,
    Session,
    SessionFile,
    StorageUsage,
    StoredValue,
    ValueChange,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from uuid import UUID

    from everstore.store import Store

__all__ = ["Matching", "Pair", "Step", "plain"]

_FILE = ("path", "size_bytes", "is_readonly", "is_directory", "content", "encoding")
_ENTRY = ("path", "size_bytes", "is_readonly", "is_directory")
_SESSION = ("id", "title", "created_ns", "labels", "parent")
_RECORDS: dict[str, tuple[type, tuple[str, ...]]] = {
    **dict.fromkeys(("read_file", "write_file", "write_file_if_content_matches"), (SessionFile, _FILE)),
    "seed_initial_file": (SessionFile, _FILE),
    "edit_file": (EditedFile, (*_FILE, "replaced")),
    **dict.fromkeys(("create_directory", "copy_file", "move_file"), (FileInfo, _ENTRY)),
    **dict.fromkeys(("write_bytes", "append_bytes", "append_file"), (FileInfo, _ENTRY)),
    **dict.fromkeys(("list_directory", "list_tree", "glob_files", "apply_changes"), (FileInfo, _ENTRY)),
    "stat_file": (FileStat, _ENTRY),
    "read_lines": (FileLines, ("path", "lines", "has_more", "total_lines")),
    **dict.fromkeys(
        ("set_value", "set_values", "change_values", "stat_value", "list_keys"), (KeyInfo, ("key",))
    ),
    **dict.fromkeys(("read_value", "read_values"), (StoredValue, ("key", "text"))),
    "list_secrets": (SecretInfo, ("name",)),
    **dict.fromkeys(("get_session", "list_sessions"), (Session, _SESSION)),
    **dict.fromkeys(("update_session", "update_session_title"), (Session, _SESSION)),
}
"""The record that a verb answers with, and what of it is compared as it is; the rest are marks."""


_OF_MODEL = (Entry, Value, Record)
_USAGES = (FileUsage, StorageUsage)


class Step(msgspec.Struct, frozen=True):
    """One call, as it can be made on a store and on the model. ``role`` is empty for the store's own verbs.

    ``if_revision`` is a mark of the model.
    """

    role: str
    verb: str
    arguments: tuple[Any, ...] = ()
    options: dict[str, Any] = {}

    def on(self, store: Store | Model, **options: Any) -> Any:
        """Make the call; ``options`` win over the step's own."""
        part = getattr(store, self.role) if self.role else store
        return getattr(part, self.verb)(*self.arguments, **{**self.options, **options})


class Pair:
    """A model, and the clients of one storage that it is compared with."""

    def __init__(self, model: Model) -> None:
        """Both know nothing yet."""
        self.model = model
        self._matchings: dict[object, Matching] = defaultdict(Matching)

    async def call(self, store: Store, step: Step, only: Callable[[Any], Any] | None = None) -> object:
        """Make a call on both; the backend's answer or error. ``Mismatch`` unless they are alike.

        ``only`` makes of the backend's answer the part that is the model's business.
        """
        matching = self._matching(step)
        options = {}
        if "if_revision" in step.options:
            options["if_revision"] = matching.revision(step.options["if_revision"])
        expected = self._expected(step)
        got: object
        try:
            got = await step.on(store, **options)
            got = only(got) if only else got
        except EverstoreError as error:
            got = error
        matching.require_alike(step.verb, expected, got)
        return got

    async def look(self, store: Store, *steps: Step) -> None:
        """Make calls that change nothing, on the backend all at a time; ``Mismatch`` if one is not alike."""
        answers = await asyncio.gather(*(step.on(store) for step in steps), return_exceptions=True)
        for step, got in zip(steps, answers, strict=True):
            if isinstance(got, BaseException) and not isinstance(got, EverstoreError):
                raise got
            self._matching(step).require_alike(step.verb, self._expected(step), got)

    def _matching(self, step: Step) -> Matching:
        # Ids are unique within a session, revisions for a path or key of one.
        return self._matchings["records" if step.role == "sessions" else step.arguments[0]]

    def _expected(self, step: Step) -> object:
        try:
            return step.on(self.model)
        except EverstoreError as error:
            return error

    async def look_at_files(self, store: Store, session_id: UUID, paths: Iterable[str]) -> None:
        """Compare the whole tree, and what is at these paths, which may be nothing."""
        looks: list[tuple[str, ...]] = [("usage",)]
        for path, entry in self.model.file_system.tree(session_id).items():
            looks.append(("list_directory" if entry.is_directory else "read_file", path))
        looks += [(verb, path) for path in paths for verb in ("read_file", "stat_file")]
        await self.look(store, *_steps("file_system", session_id, looks))

    async def look_at_values(self, store: Store, session_id: UUID, keys: Iterable[str]) -> None:
        """Compare all values and secrets, and what is under these keys, which may be nothing."""
        storage = self.model.storage
        looks: list[tuple[str, ...]] = [("usage",), ("list_keys",), ("read_values",), ("list_secrets",)]
        looks += [("get_value", value.key) for value in storage.list_keys(session_id)]
        looks += [("get_secret", secret.name) for secret in storage.list_secrets(session_id)]
        verbs = ("get_value", "read_value", "stat_value", "get_secret")
        looks += [(verb, key) for key in keys for verb in verbs]
        await self.look(store, *_steps("storage", session_id, looks))


def _steps(role: str, session_id: UUID, looks: Iterable[tuple[str, ...]]) -> list[Step]:
    return [Step(role, verb, (session_id, *arguments)) for verb, *arguments in looks]


class Matching:
    """Which id, time or revision of the backend each mark of the model turned out to be.

    One for each session. A mark stands for one of them only, different marks of one place stand for
    different ones, and what is written later has no earlier ``updated_at``.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._found: dict[tuple[str, str], object] = {}
        self._marks: dict[tuple[str, str, object], str] = {}
        self._updated: dict[str, int] = {}

    def revision(self, mark: str) -> str:
        """The backend's revision for a mark; one that never was, for a mark that it never showed."""
        return cast("str", self._found.get(("revision", mark), "no such revision"))

    def require_alike(self, verb: str, expected: object, got: object) -> None:
        """``Mismatch`` unless the backend's answer is what the model's stands for."""
        if isinstance(expected, EverstoreError) or isinstance(got, EverstoreError):
            self._require_same_error(expected, got)
            return
        _require_equal(plain(verb, expected), plain(verb, got))
        if isinstance(expected, list) and isinstance(got, list):
            for one, other in zip(expected, got, strict=True):
                self._bind(one, other)
        else:
            self._bind(expected, got)

    def _require_same_error(self, expected: object, got: object) -> None:
        if type(expected) is not type(got):
            raise Mismatch(_outcome(expected), _outcome(got))
        place, told = getattr(expected, "index", None), getattr(got, "index", None)
        if told != place:
            raise Mismatch(f"{_outcome(expected)} with index={place!r}", f"{told!r}", field="index")
        if isinstance(expected, RevisionConflictError) and isinstance(got, RevisionConflictError):
            self._require_same_revision(expected.current_revision, got.current_revision)

    def _require_same_revision(self, mark: str | None, got: str | None) -> None:
        known: str | None = "a new one"
        if mark is None or ("revision", mark) in self._found:
            known = None if mark is None else self.revision(mark)
        elif got not in {None, *self._found.values()}:
            return  # of a change before it in the same list: nobody ever sees it otherwise
        if got != known:
            raise Mismatch(f"RevisionConflictError with current_revision={known!r}", repr(got))

    def _bind(self, expected: object, got: Any) -> None:
        """Learn the marks of two records that are alike, or find that they stand for something else."""
        if isinstance(expected, Entry):
            self._is("id", expected.identity, "session", got.id)
            self._is("created_at", expected.identity, None, got.created_ns)
            if not expected.is_directory:
                self._is_revision(expected, f"file {expected.path}", got)
        elif isinstance(expected, Value):
            self._is("created_at", expected.identity, None, got.created_ns)
            if (expected.expires is None) != (got.expires_at is None):
                wanted = f"{expected.key!r} {'without' if expected.expires is None else 'with'} expires_at"
                raise Mismatch(wanted, str(got.expires_at), field="expires_at")
            kind = "value" if isinstance(got, KeyInfo) else "secret"
            self._is_revision(expected, f"{kind} {expected.key}", got)
        elif isinstance(expected, Record):
            self._is("updated_at", expected.revision, None, got.updated_ns)
        elif isinstance(expected, FileLines):
            self._is("revision", expected.revision, f"file {expected.path}", got.revision)

    def _is_revision(self, expected: Entry | Value, place: str, got: Any) -> None:
        self._is("revision", expected.revision, place, got.revision)
        self._is("updated_at", expected.revision, None, got.updated_ns)
        last = self._updated.get(expected.identity, 0)
        if got.updated_ns < last:
            raise Mismatch(f"updated_at of {last} ns or later", f"{got.updated_ns} ns", field="updated_at")
        self._updated[expected.identity] = got.updated_ns

    def _is(self, kind: str, mark: str, place: str | None, value: object) -> None:
        found = self._found.setdefault((kind, mark), value)
        if found != value:
            raise Mismatch(f"{kind} {found} as before", f"{value}, though nothing wrote it", field=kind)
        if place is not None and self._marks.setdefault((kind, place, value), mark) != mark:
            raise Mismatch(f"another {kind} than {value}", f"{value} again, for something else", field=kind)


def plain(verb: str, answer: object) -> object:
    """An answer without times, ids and revisions, the model's and the backend's in one form."""
    if isinstance(answer, list):
        return [plain(verb, each) for each in answer]
    kind: Any = type(answer)
    told = _teller(verb, kind)
    return answer if told is None else told(answer)


@functools.cache
def _teller(verb: str, kind: type) -> Callable[[Any], object] | None:
    """How an answer of a type is put; ``None`` where it stays as it is. Races ask a million times."""
    if issubclass(kind, _USAGES):
        return _of_usage
    if issubclass(kind, FileChange):
        return lambda change: _of_change(change, change.path, "move_file")
    if issubclass(kind, ValueChange):
        return lambda change: _of_change(change, change.key, "stat_value")
    if verb not in _RECORDS or issubclass(kind, (int, NoneType)):
        return None
    record, fields = _RECORDS[verb]
    name = record.__name__ if issubclass(kind, _OF_MODEL) else kind.__name__
    if issubclass(kind, BytesFile):  # a SessionFile, whatever keeps its content
        name = SessionFile.__name__
    return lambda answer: (name, *[getattr(answer, field, "missing") for field in fields])


def _of_usage(usage: Any) -> object:
    return usage if usage.last_write_ns is None else msgspec.structs.replace(usage, last_write_ns=0)


def _of_change(change: Any, place: str, verb: str) -> object:
    return type(change).__name__, place, change.kind, plain(verb, change.before), plain(verb, change.after)


def _require_equal(expected: object, got: object) -> None:
    # 1 == True, and a bool where a number belongs is not the same answer.
    if expected != got or type(expected) is not type(got):
        raise Mismatch.of(expected, got)


def _outcome(answer: object) -> str:
    if isinstance(answer, EverstoreError):
        # The model's errors have no words worth showing.
        return type(answer).__name__
    return shown(answer)
