"""Mistakes with searches that end early, and with calls beside searches."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import BackendError, BackendUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call

__all__: list[str] = []

_CONNECTIONS = 3


def _after_searches(
    broken: Broken, *, spoils: Callable[[BaseException | None, Any], bool], most: int
) -> None:
    """More than ``most`` searches that end in this way, and no write is taken any more."""
    spoilt: list[None] = []

    def searching(call: Call) -> Call:
        async def grep(*args: Any, **kwargs: Any) -> Any:
            ended: BaseException | None = None
            try:
                return await call(*args, **kwargs)
            except BaseException as error:
                ended = error
                raise
            finally:
                if spoils(ended, kwargs.get("limit")):
                    spoilt.append(None)

        return grep

    def writing(call: Call) -> Call:
        async def write(*args: Any, **kwargs: Any) -> Any:
            if len(spoilt) > most:
                raise BackendUnavailableError("the server takes no writes")
            return await call(*args, **kwargs)

        return write

    broken.around(searching, ["file_system"], ["grep_files"])
    broken.around(writing, ["file_system", "storage"], ["write_file", "append_file", "increment_value"])


@mutant("search.left_early.limit")
def keeps_its_transaction_at_the_limit(broken: Broken) -> None:
    """A search that stops at its limit hands its connection back within a transaction that only reads."""
    _after_searches(broken, spoils=lambda _ended, limit: limit is not None, most=0)


@mutant("search.left_early.error")
def loses_a_connection_at_an_error(broken: Broken) -> None:
    """A search that fails never gives its connection back, and there are three."""
    _after_searches(broken, spoils=lambda ended, _limit: isinstance(ended, BackendError), most=_CONNECTIONS)


@mutant("search.left_early.cancelled")
def loses_a_connection_at_a_cancellation(broken: Broken) -> None:
    """A search that is cancelled never gives its connection back, and there are three."""
    _after_searches(
        broken, spoils=lambda ended, _limit: isinstance(ended, asyncio.CancelledError), most=_CONNECTIONS
    )


@mutant("search.holds_nothing_up")
def queues_behind_searches(broken: Broken) -> None:
    """Calls of all kinds wait in one line for two connections."""
    free = asyncio.Semaphore(2)

    def wrap(call: Call) -> Call:
        async def waiting(*args: Any, **kwargs: Any) -> Any:
            async with free:
                return await call(*args, **kwargs)

        return waiting

    broken.around(wrap)
