"""Mistakes with what a driver throws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import BackendError, BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call

__all__: list[str] = []


def _when_it_fails(broken: Broken, role: str, instead: Callable[[BackendError], Any]) -> None:
    """Where a driver's failure was told, do this in place of it."""

    def wrap(call: Call) -> Call:
        async def failing(*args: Any, **kwargs: Any) -> Any:
            try:
                return await call(*args, **kwargs)
            except BackendError as error:
                return instead(error)

        return failing

    broken.around(wrap, [role])


@mutant("failures.thrown.file_system")
def lets_drivers_throw(broken: Broken) -> None:
    """What the driver throws reaches the host as it is."""

    def instead(error: BackendError) -> Any:
        raise error.__cause__ or error

    _when_it_fails(broken, "file_system", instead)


@mutant("failures.thrown.storage")
def takes_failures_for_absence(broken: Broken) -> None:
    """A failure of the driver reads as if nothing were there."""
    _when_it_fails(broken, "storage", lambda _error: None)


@mutant("failures.thrown.sessions")
def loses_the_cause(broken: Broken) -> None:
    """A failure is told without what the driver threw."""

    def instead(error: BackendError) -> Any:
        raise BackendError(str(error), **error.facts) from None

    _when_it_fails(broken, "sessions", instead)


@mutant("failures.beside_others")
def fails_together(broken: Broken) -> None:
    """After a failure the connection is good for nothing until it is opened anew."""
    failed: list[BackendError] = []

    def wrap(call: Call) -> Call:
        async def shared(*args: Any, **kwargs: Any) -> Any:
            if failed:
                raise BackendError("the connection is broken") from failed[0]
            try:
                return await call(*args, **kwargs)
            except BackendError as error:
                failed.append(error)
                raise

        return shared

    broken.around(wrap, ["file_system"], ["write_file"])


@mutant("failures.happened")
def is_too_certain(broken: Broken) -> None:
    """Calls beside one that failed are told that they did not happen, and did."""
    failed: list[BackendError] = []

    def wrap(call: Call) -> Call:
        async def shared(*args: Any, **kwargs: Any) -> Any:
            try:
                answer = await call(*args, **kwargs)
            except BackendError as error:
                failed.append(error)
                raise
            if failed:
                raise BackendUnavailableError("the transaction was lost", happened=False)
            return answer

        return shared

    broken.around(wrap, ["storage"], ["increment_value"])
