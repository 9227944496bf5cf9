"""Mistakes with opening, closing, errors and limits, and backends that do nothing at all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import (
    BackendError,
    EverstoreError,
    QuotaExceededError,
    StoreClosedError,
    StoreContextError,
    UnsupportedError,
)
from everstore.models import new_session_id

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []

_LEFT: list[asyncio.Task[Any]] = []  # what ``leaves_a_task`` leaves


@mutant("lifecycle.after_close.file_system")
def works_when_closed(broken: Broken) -> None:
    """A closed store answers with nothing."""

    def wrap(call: Call) -> Call:
        async def answered(*args: Any, **kwargs: Any) -> Any:
            try:
                return await call(*args, **kwargs)
            except StoreClosedError:
                return None

        return answered

    broken.around(wrap)


@mutant("lifecycle.close_twice")
def closes_once(broken: Broken) -> None:
    """Closing again is an error."""
    closed: list[bool] = []

    async def close() -> None:
        if closed:
            raise BackendError("already closed")
        closed.append(True)
        await broken.sound.close()

    broken.close = close


@mutant("lifecycle.cancelled_again")
def closes_if_left_in_peace(broken: Broken) -> None:
    """Closing stops where it is cancelled."""

    async def close() -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        await broken.sound.close()

    broken.close = close


@mutant("lifecycle.nothing_left")
def leaves_a_task(broken: Broken) -> None:
    """Every write leaves a task that waits for ever."""

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        _LEFT.append(asyncio.create_task(asyncio.Event().wait()))
        return await broken.files.write_file(session_id, path, content, encoding, **options)


@mutant("lifecycle.errors.typed")
def raises_bare_errors(broken: Broken) -> None:
    """Refusals are errors of Python's own."""

    def wrap(call: Call) -> Call:
        async def bare(*args: Any, **kwargs: Any) -> Any:
            try:
                return await call(*args, **kwargs)
            except EverstoreError as error:
                raise ValueError(str(error)) from error

        return bare

    broken.around(wrap)


@mutant("lifecycle.errors.no_content")
def shows_content_in_errors(broken: Broken) -> None:
    """A refusal quotes what it was given."""

    def wrap(call: Call) -> Call:
        async def quoting(*args: Any, **kwargs: Any) -> Any:
            try:
                return await call(*args, **kwargs)
            except EverstoreError as error:
                error.args = (f"{error} (called with {args[1:]!r} {kwargs!r})",)
                raise

        return quoting

    broken.around(wrap)


@mutant("limits.exact.write_new", without=("limits",))
def knows_no_limits(broken: Broken) -> None:
    """The limits of the settings never reach the backend."""
    del broken


@mutant("limits.file_bytes.edit_nul")
def forgets_the_limit_beside_a_nul(broken: Broken) -> None:
    """A text that holds a NUL is edited in another way, which has no limit."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, **options: Any) -> Any:
        try:
            return await broken.files.edit_file(session_id, path, old, new, **options)
        except QuotaExceededError:
            if "\0" not in old:
                raise
            return await broken.files.read_file(session_id, path)


@mutant("limits.session_entries.deep")
def makes_directories_for_nothing(broken: Broken) -> None:
    """A directory that does not fit is said to be there, and nothing was made."""

    @broken.verb
    async def create_directory(session_id: Any, path: str) -> Any:
        try:
            return await broken.files.create_directory(session_id, path)
        except QuotaExceededError:
            return await broken.files.stat_file(session_id, "/")


@mutant("limits.told.file_bytes")
def says_too_much_is_too_much(broken: Broken) -> None:
    """A refusal names the limit, and nothing else."""

    def wrap(call: Call) -> Call:
        async def terse(*args: Any, **kwargs: Any) -> Any:
            try:
                return await call(*args, **kwargs)
            except QuotaExceededError as error:
                facts = {"limit": error.limit, "allowed": error.allowed, "wanted": error.wanted}
                raise QuotaExceededError("too much", **facts, unit="bytes", place="/d/a") from None

        return terse

    broken.around(wrap)


@mutant("limits.order.file_bytes_write_directory")
def looks_at_sizes_first(broken: Broken) -> None:
    """What is too large is refused before anybody looks at what is there."""

    def wrap(call: Call) -> Call:
        async def hasty(session_id: Any, *args: Any, **kwargs: Any) -> Any:
            texts = [text for text in args if isinstance(text, str)]
            nowhere = new_session_id()
            await broken.files.write_file(nowhere, "/probe", max(texts, key=len, default=""))
            await broken.storage.set_value(nowhere, "probe", max(texts, key=len, default=""))
            await broken.sound.delete_session(nowhere)
            return await call(session_id, *args, **kwargs)

        return hasty

    broken.around(wrap, names=["write_file", "write_file_if_content_matches", "append_file", "set_value"])


@mutant("opening.named_file", without=("config_file",))
def reads_no_settings_file(broken: Broken) -> None:
    """The settings file that is named is never read."""
    del broken


@mutant("opening.environment", without=("environment",))
def has_an_environment_of_its_own(broken: Broken) -> None:
    """Whatever environment it is given, the store takes that of the process."""
    del broken


@mutant("opening.backend_clears_roles", without=("backend",))
def keeps_weaker_roles(broken: Broken) -> None:
    """The roles that the environment names win over the backend of whoever opens the store."""
    del broken


@mutant("opening.disagreement", lenient=True)
def opens_in_spite_of_a_disagreement(broken: Broken) -> None:
    """Two settings that disagree open a store, on the word of one of them."""
    del broken


@mutant("opening.unasked", lenient=True)
def drops_what_it_is_given(broken: Broken) -> None:
    """A value that nobody asks for is dropped."""
    del broken


@mutant("files.write.answer_is_stored")
def implements_nothing(broken: Broken) -> None:
    """Every verb does nothing and answers None."""

    def wrap(call: Call) -> Call:
        del call

        async def nothing(*args: Any, **kwargs: Any) -> None:
            del args, kwargs

        return nothing

    broken.around(wrap)


@mutant("content.kept.set")
def supports_nothing(broken: Broken) -> None:
    """Every verb is UnsupportedError."""

    def wrap(call: Call) -> Call:
        del call

        async def unsupported(*args: Any, **kwargs: Any) -> None:
            del args, kwargs
            raise UnsupportedError("not offered")

        return unsupported

    broken.around(wrap)


def _answer_in_a_child(broken: Broken, role: str, *names: str) -> None:
    """These verbs of a role are answered with nothing in a forked child."""

    def wrap(call: Call) -> Call:
        async def answered(*args: Any, **kwargs: Any) -> Any:
            try:
                return await call(*args, **kwargs)
            except StoreContextError:
                return None

        return answered

    broken.around(wrap, [role], names)


@mutant("contexts.forked.file_system")
def answers_in_a_child(broken: Broken) -> None:
    """A forked child is answered with nothing, whatever it does to files."""
    _answer_in_a_child(broken, "file_system")


@mutant("contexts.forked.storage")
def counts_in_a_child(broken: Broken) -> None:
    """A forked child is answered with nothing when it counts."""
    _answer_in_a_child(broken, "storage", "increment_value")


@mutant("contexts.forked.sessions")
def lists_in_a_child(broken: Broken) -> None:
    """A forked child is answered with nothing when it lists records."""
    _answer_in_a_child(broken, "sessions", "list_sessions")


@mutant("contexts.other_loop")
def belongs_to_a_loop(broken: Broken) -> None:
    """Every call needs the event loop of the first one."""
    loops: list[asyncio.AbstractEventLoop] = []

    def wrap(call: Call) -> Call:
        async def bound(*args: Any, **kwargs: Any) -> Any:
            loops.append(asyncio.get_running_loop())
            if loops[-1] is not loops[0]:
                raise BackendError("attached to a different loop")
            return await call(*args, **kwargs)

        return bound

    broken.around(wrap)


@mutant("contexts.log_fails")
def tells_unguarded(broken: Broken) -> None:
    """Every answer waits for an event that nobody guards."""

    def wrap(call: Call) -> Call:
        async def told(*args: Any, **kwargs: Any) -> Any:
            answer = await call(*args, **kwargs)
            structlog.get_logger("mutant").debug("answered")
            return answer

        return told

    broken.around(wrap)
