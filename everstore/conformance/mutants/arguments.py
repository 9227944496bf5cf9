"""Mistakes with arguments that nothing could keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import InvalidArgumentError, InvalidPatternError

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []


@mutant("arguments.sessions_add_session")
def drops_what_is_wrong(broken: Broken) -> None:
    """A call with a wrong argument does nothing, and does not say so."""

    def wrap(call: Call) -> Call:
        async def lenient(*args: Any, **kwargs: Any) -> Any:
            try:
                return await call(*args, **kwargs)
            except InvalidArgumentError:
                return None

        return lenient

    broken.around(wrap)


@mutant("arguments.file_system_glob_files")
def finds_nothing_by_a_nul(broken: Broken) -> None:
    """A glob that no path could match is answered with nothing."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: Any) -> Any:
        try:
            return await broken.files.glob_files(session_id, pattern)
        except InvalidPatternError:
            return []


@mutant("arguments.of_own_kinds")
def knows_plain_text_only(broken: Broken) -> None:
    """A text that is not of the very type str is refused."""

    def wrap(call: Call) -> Call:
        async def strict(*args: Any, **kwargs: Any) -> Any:
            if any(isinstance(value, str) and type(value) is not str for value in args):
                raise InvalidArgumentError("no text")
            return await call(*args, **kwargs)

        return strict

    broken.around(wrap)


@mutant("arguments.largest")
def counts_with_32_bits(broken: Broken) -> None:
    """A page of more records than 32 bits count is refused."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, **rest: Any) -> Any:
        if isinstance(limit, int) and limit >= 1 << 31:
            raise InvalidArgumentError("limit is too large")
        return await broken.sessions.list_sessions(limit=limit, after=after, **rest)
