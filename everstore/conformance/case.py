"""What a check works with: an open store whose calls are recorded, fresh sessions, helpers."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import structlog

from everstore.conformance import leftovers
from everstore.conformance.patience import SECONDS
from everstore.conformance.scene import Scene, asides_of
from everstore.conformance.showing import apart
from everstore.conformance.storage_scan import files_holding
from everstore.conformance.trace import Trace
from everstore.errors import EverstoreError
from everstore.models import new_session_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
    from uuid import UUID

    from everstore.conformance.subject import Subject
    from everstore.interfaces import Capabilities
    from everstore.models import SessionFile
    from everstore.session import BoundFiles, BoundSession, BoundStorage
    from everstore.store import Store

__all__ = ["Case", "Caught", "Mismatch", "carried_by", "each", "gather", "logged", "refused", "snapshot"]

S = TypeVar("S")
T = TypeVar("T")

_AT_ONCE = 100


class Mismatch(AssertionError):  # noqa: N818 - an assertion, not an error of everstore's
    """An assertion that knows what was expected and what came instead.

    ``field`` is the one of a record that differs, ``likely`` the mistake where it is not the check's.
    """

    def __init__(
        self, expected: str, got: str, *, field: str | None = None, likely: str | None = None
    ) -> None:
        """Both in words or as a ``repr``."""
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got
        self.field = field
        self.likely = likely

    @classmethod
    def of(cls, expected: object, got: object, about: str = "", *, likely: str | None = None) -> Self:
        """Two values that differ, of which only that is told where they are long; ``about`` comes first."""
        told = apart(expected, got)
        words = f"{about}: {told.expected}" if about else told.expected
        return cls(words, told.got, field=told.field, likely=likely)


class Caught:
    """The error that ``refused`` waited for, once its block is left."""

    error: Any = None


@contextmanager
def refused(*errors: type[BaseException], about: str = "") -> Iterator[Caught]:
    """The block must be refused with one of these errors; any other error is a failure.

    ``about`` says of what, where the calls do not show it.
    """
    caught = Caught()
    expected = " or ".join(error.__name__ for error in errors) + about
    try:
        yield caught
    except errors as error:
        caught.error = error
    except AssertionError:
        raise
    except Exception as error:
        raise Mismatch(expected, f"{type(error).__name__}: {error}") from error
    else:
        raise Mismatch(expected, "no error")


def carried_by(error: BaseException) -> str:
    """Everything that an error and all it is chained to hold, in words: what any handler could print."""
    told, waiting, seen = [], [error], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        own = {name: getattr(each, name, None) for name in dir(each) if not name.startswith("__")}
        told.append(f"{each} {each!r} {each.args!r} {own!r} {getattr(each, '__notes__', '')!r}")
        waiting += [linked for linked in (each.__cause__, each.__context__) if linked is not None]
        waiting += getattr(each, "exceptions", ())
    return " ".join(told)


@contextmanager
def logged() -> Iterator[list[Any]]:
    """Every log event of the block, at any level; what the host has configured stays as it was."""
    was_configured = structlog.is_configured()
    try:
        with structlog.testing.capture_logs() as events:
            yield events
    finally:
        if not was_configured:
            structlog.reset_defaults()


async def gather(*calls: Awaitable[T]) -> list[T | BaseException]:
    """Await the calls at the same time; each answer, or the error it ended with, in order."""
    return list(await asyncio.gather(*calls, return_exceptions=True))


async def each(call: Callable[[S], Awaitable[T]], things: Sequence[S]) -> list[T]:
    """Await the call for each thing, a hundred at a time; the answers in order, or the first error.

    What does not depend on each other is done so: the suite waits for storages more than it works, and most
    storages get many calls done in the time of one.
    """
    answers: list[T] = []
    for start in range(0, len(things), _AT_ONCE):
        some = things[start : start + _AT_ONCE]
        for thing, answer in zip(some, await gather(*map(call, some)), strict=True):
            if isinstance(answer, BaseException):
                await call(thing)  # alone, so that the trace ends with what led to it
                raise answer
            answers.append(answer)
    return answers


async def snapshot(session: BoundSession) -> dict[str, object]:
    """Everything in a session, by place, with revisions and times."""
    seen: dict[str, object] = {}
    directories = ["/"]
    while directories:
        for info in await session.files.list_directory(directories.pop()):
            if info.is_directory:
                directories.append(info.path)
            seen[f"file {info.path}"] = (info, await session.files.read_file(info.path))
    for key in await session.storage.list_keys():
        seen[f"value {key.key}"] = (key, await session.storage.get_value(key.key))
    for secret in await session.storage.list_secrets():
        seen[f"secret {secret.name}"] = (secret, await session.storage.get_secret(secret.name))
    return seen


class Case:
    """One run of one check. ``store`` is open, ``files`` and ``storage`` are those of a fresh session."""

    def __init__(self, subject: Subject, name: str, seed: int, patience: float = SECONDS) -> None:
        """``name`` and ``seed`` make ``random``, the only source of chance; closing may take ``patience``."""
        self._patience = patience
        self.subject = subject
        self.seed = seed
        self.random = random.Random(f"{seed}:{name}")  # noqa: S311 - reproducible, not secret
        self.trace = Trace()
        self.id: UUID = new_session_id()
        self._ids = [self.id]
        leftovers.note(self.id)
        self._stack = AsyncExitStack()
        self.store: Store

    async def __aenter__(self) -> Self:
        self.store = await self.open()
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        try:
            await self._leave(error)
        except asyncio.CancelledError as cancelled:
            # The run is ended, just while this removed what the check wrote.
            with suppress(Exception):
                await self._leave(cancelled)
            raise
        except Exception:
            # What the check found out matters more than what follows from it.
            if error is None:
                raise

    async def _leave(self, error: BaseException | None) -> None:
        """Close everything, and leave nothing in the storage."""
        self._ids += asides_of(self._ids)
        async with asyncio.timeout(self._patience):
            is_left = self.capabilities.durable or self.capabilities.shared
            # Opening once more takes as long as most checks do; after a failure it is the safer way.
            if is_left and error is None:
                is_left = not await self._removed()
            with self.trace.waiting("close"):
                await self._stack.aclose()
            if is_left:
                async with self.subject.open() as store:
                    await each(partial(leftovers.delete, store), self._ids)

    async def _removed(self) -> bool:
        """Remove whatever the check wrote, by its own client; whether that one could do it."""
        with self.trace.paused(), suppress(EverstoreError):
            await each(partial(leftovers.delete, self.store), self._ids)
            return True
        return False

    async def open(self, *provided: object, **settings: Any) -> Store:
        """A further client of the same storage, closed when the check ends; its calls are recorded."""
        with self.trace.waiting("open_store"):
            store = await self._stack.enter_async_context(self.subject.open(*provided, **settings))
        return self.trace.around(store)

    async def reopen(self) -> None:
        """Close ``store`` and open the storage again in its place."""
        await self.store.close()
        self.store = await self.open()

    async def renew(self) -> None:
        """Go on with a new and empty storage, where one can be had: free room would hide what stays."""
        await self.store.close()
        used = self.subject
        self._stack.callback(setattr, self, "subject", used)
        self.subject = self._stack.enter_context(used.renewed())
        try:
            self.store = await self.open()
        except EverstoreError:  # a setting names a file that is no place of the storage
            self.subject = used
            self.store = await self.open()

    @property
    def capabilities(self) -> Capabilities:
        """What the backend of the files declares."""
        return self.store.file_system.capabilities

    @property
    def files(self) -> BoundFiles:
        """The files of the check's own session."""
        return self.store.session(self.id).files

    @property
    def storage(self) -> BoundStorage:
        """The values and secrets of the check's own session."""
        return self.store.session(self.id).storage

    def places_with(self, text: str) -> list[str]:
        """The names of the storage's own files that hold the text in any plausible form."""
        return files_holding(text, self.subject.places())

    def new_id(self, session_id: UUID | None = None) -> UUID:
        """A fresh session id, or the one given; what is written under it goes when the check ends."""
        self._ids.append(session_id or new_session_id())
        leftovers.note(self._ids[-1])
        return self._ids[-1]

    def note_asides(self, session_ids: Iterable[UUID]) -> None:
        """What another process puts aside of these goes when the check ends, too."""
        for session_id in session_ids:
            self.new_id(Scene(self.store, session_id).aside)

    def session(self) -> BoundSession:
        """Another fresh session."""
        return self.store.session(self.new_id())

    async def read(self, path: str) -> SessionFile:
        """What is at the path, which must be there."""
        found = await self.files.read_file(path)
        assert found is not None, f"{path!r} is missing"
        return found

    async def paths(self, session: BoundSession | None = None) -> list[str]:
        """Every path that listings of a session (the check's own) lead to; directories end with ``/``."""
        files = session.files if session else self.files
        found: list[str] = []
        directories = ["/"]
        while directories:
            for info in await files.list_directory(directories.pop()):
                found.append(info.path + "/" * info.is_directory)
                if info.is_directory:
                    directories.append(info.path)
        return sorted(found)

    async def snapshot(self, session_id: UUID | None = None) -> dict[str, object]:
        """Everything in a session (the check's own), by place, with revisions and times."""
        with self.trace.paused():
            return await snapshot(self.store.session(session_id or self.id))

    @asynccontextmanager
    async def untouched(self, session_id: UUID | None = None) -> AsyncIterator[None]:
        """The block must leave everything in the session (the check's own) as it was."""
        before = await self.snapshot(session_id)
        yield
        after = await self.snapshot(session_id)
        assert after == before, "a refused call changed something"
