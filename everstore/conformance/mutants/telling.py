"""Mistakes with what is told of calls: to a log, and to who watches."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import structlog

from everstore.compat import override
from everstore.conformance.mutants.broken import INTERFACES, Broken, mutant
from everstore.errors import EverstoreError, InvalidKeyError, InvalidPathError
from everstore.middleware.base import verbs_of
from everstore.models import new_session_id
from everstore.store import Store
from everstore.telling.observing import CallRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call, Verb

__all__: list[str] = []


@mutant("lifecycle.logging")
def warns_of_refusals(broken: Broken) -> None:
    """Whoever runs the host is warned of what its callers do wrong."""

    def wrap(call: Call) -> Call:
        async def warning(*args: Any, **kwargs: Any) -> Any:
            try:
                return await call(*args, **kwargs)
            except EverstoreError as error:
                structlog.get_logger("mutant").warning("everstore.call", verb="?", outcome=error.code)
                raise

        return warning

    broken.around(wrap)


@mutant("telling.standard_log", without=("log_level",))
def keeps_the_standard_log_out(broken: Broken) -> None:
    """The standard library's logger hears of nothing."""

    def wrap(call: Call) -> Call:
        async def silent(*args: Any, **kwargs: Any) -> Any:
            log = logging.getLogger("everstore")
            level = log.level
            log.setLevel(logging.CRITICAL)
            try:
                return await call(*args, **kwargs)
            finally:
                log.setLevel(level)

        return silent

    broken.around(wrap)


def _watch(broken: Broken, is_told: Callable[[BaseException | None], bool]) -> None:
    """Tell the observers, whom the store itself does not know, of some calls, while their callers wait."""
    given = broken.lost.get("on_call", [])
    observers = given if isinstance(given, list) else [given]

    def around(verb: Verb) -> Callable[[Call], Call]:
        def wrap(call: Call) -> Call:
            async def watched(*args: Any, **kwargs: Any) -> Any:
                error: BaseException | None = None
                try:
                    return await call(*args, **kwargs)
                except BaseException as caught:
                    error = caught
                    raise
                finally:
                    if is_told(error):
                        for observer in observers:
                            observer(_record(verb, error))

            return watched

        return wrap

    for role, interface in INTERFACES.items():
        for verb in verbs_of(interface, role, "mutant"):
            broken.around(around(verb), [role], [verb.name])


def _record(verb: Verb, error: BaseException | None) -> CallRecord:
    return CallRecord(
        verb=verb.name,
        role=verb.role,
        backend=verb.backend,
        session_id=None,
        started_ns=1,
        duration_ns=1,
        waited_ns=0,
        outcome="ok" if error is None else "refused",
        error_code=error.code if isinstance(error, EverstoreError) else None,
        bytes=None,
    )


@mutant("telling.observed.storage", without=("on_call",))
def tells_of_answers_only(broken: Broken) -> None:
    """Who watches sees the calls that were answered, and no other."""
    _watch(broken, lambda error: error is None)


@mutant("telling.observed.guarded", without=("on_call",))
def watches_behind_the_guards(broken: Broken) -> None:
    """What a guard refuses is not seen by who watches."""
    _watch(broken, lambda error: not isinstance(error, (InvalidKeyError, InvalidPathError)))


@mutant("telling.beside", without=("on_call",))
def lets_answers_wait_for_who_watches(broken: Broken) -> None:
    """Who watches is called before the answer is given, and what he raises takes its place."""
    _watch(broken, lambda error: True)  # noqa: ARG005 - every call


@mutant("changes.told", without=("on_call",))
def tells_of_no_size(broken: Broken) -> None:
    """Who watches is told how large a record is that answers, and not what several are together."""
    _watch(broken, lambda error: True)  # noqa: ARG005 - every call


class _Writing(Store):
    @override
    async def ping(self) -> None:
        """Write a value, and take it away again."""
        nobody = new_session_id()
        await self.file_system.stat_file(nobody, "/ping")
        await self.storage.set_value(nobody, "ping", "pong")
        await self.storage.delete_value(nobody, "ping")
        await self.sessions.get_session(nobody)


@mutant("opening.ping")
def pings_by_writing(broken: Broken) -> None:
    """A ping writes something, which a storage that is opened for reading only refuses."""
    broken.kind = _Writing
