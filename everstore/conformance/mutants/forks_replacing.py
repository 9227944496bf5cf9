"""Mistakes with forks of sessions: what they let be a target, what they replace, and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import (
    EverstoreError,
    InvalidArgumentError,
    QuotaExceededError,
    ReadOnlySessionError,
)
from everstore.models import new_session_id
from everstore.session_limits import SessionLimits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from everstore.middleware.base import Call

    Fork = Callable[..., Awaitable[Any]]

from everstore.conformance.mutants.forks import after_forking, forking

__all__: list[str] = []


def _takes_for_empty(broken: Broken, role: str, is_empty: Callable[[UUID], Awaitable[bool]]) -> None:
    """A target of which this says that it is empty is emptied."""

    async def fork(call: Call, source: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is None and await is_empty(target):
            await call(new_session_id(), target, replaced=new_session_id())
        await call(source, target, replaced=replaced)

    forking(broken, role, fork)


@mutant("forks.not_empty.file")
def forks_onto_what_is_empty(broken: Broken) -> None:
    """A target without a byte is empty."""

    async def is_empty(target: UUID) -> bool:
        usage = await broken.files.usage(target)
        return usage.bytes == 0 and usage.files > 0

    _takes_for_empty(broken, "file_system", is_empty)


@mutant("forks.not_empty.directory")
def forks_onto_directories(broken: Broken) -> None:
    """A target without files is empty."""

    async def is_empty(target: UUID) -> bool:
        return (await broken.files.usage(target)).files == 0

    _takes_for_empty(broken, "file_system", is_empty)


@mutant("forks.not_empty.value")
def forks_onto_values(broken: Broken) -> None:
    """Values are replaced as if they were set."""

    async def is_empty(_: UUID) -> bool:
        return True

    _takes_for_empty(broken, "storage", is_empty)


@mutant("forks.secrets_apart")
def forks_secrets(broken: Broken) -> None:
    """Secrets are values, and are taken with them."""

    async def take(source: UUID, target: UUID, _: UUID | None) -> None:
        for info in await broken.storage.list_secrets(source):
            text = await broken.storage.get_secret(source, info.name)
            await broken.storage.set_secret(target, info.name, text or "")

    after_forking(broken, "storage", take)


@mutant("forks.replaced")
def replaces_what_differs(broken: Broken) -> None:
    """What the source does not have stays where it was."""

    async def keep(source: UUID, target: UUID, replaced: UUID | None) -> None:
        for info in await broken.storage.list_keys(replaced) if replaced else ():
            if await broken.storage.stat_value(source, info.key) is None:
                await broken.storage.set_value(target, info.key, "kept")

    after_forking(broken, "storage", keep)


@mutant("forks.replaced_at_the_ends")
def keeps_the_first_value(broken: Broken) -> None:
    """What is removed is what lies between two keys that stay: the first key has none before it."""

    async def keep(source: UUID, target: UUID, replaced: UUID | None) -> None:
        for info in (await broken.storage.list_keys(replaced))[:1] if replaced else ():
            if await broken.storage.stat_value(source, info.key) is None:
                await broken.storage.set_value(target, info.key, "kept")

    after_forking(broken, "storage", keep)


@mutant("forks.replaced_at_the_ends")
def keeps_the_last_file(broken: Broken) -> None:
    """Both sides are walked until one of them ends: what the target has behind that stays."""

    async def keep(source: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is None:
            return
        there = await broken.entries(source)
        for info in (await broken.entries(replaced))[-1:]:
            if not info.is_directory and all(info.path > each.path for each in there):
                await broken.files.write_file(target, info.path, "kept")

    after_forking(broken, "file_system", keep)


@mutant("forks.replaced_at_the_ends")
def keeps_less_of_what_was_there(broken: Broken) -> None:
    """Of what was there, the last value is not kept where the source has none behind it."""

    async def lose(source: UUID, _: UUID, replaced: UUID | None) -> None:
        if replaced is None:
            return
        there = await broken.storage.list_keys(source)
        for info in (await broken.storage.list_keys(replaced))[-1:]:
            if all(info.key > each.key for each in there):
                await broken.storage.delete_value(replaced, info.key)

    after_forking(broken, "storage", lose)


@mutant("forks.empty")
def replaces_by_something_only(broken: Broken) -> None:
    """Of an empty source there is nothing to do."""

    async def fork(call: Call, source: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is None or await broken.files.list_directory(source):
            await call(source, target, replaced=replaced)

    forking(broken, "file_system", fork)


@mutant("machine.forks")
def replaces_what_is_there_only(broken: Broken) -> None:
    """Where nothing is to be replaced, nothing comes in its place."""

    async def fork(call: Call, source: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is None or await broken.files.list_directory(target):
            await call(source, target, replaced=replaced)

    forking(broken, "file_system", fork)


def _passes_over(broken: Broken, error: type[EverstoreError], *, when_empty: bool | None = None) -> None:
    async def fork(call: Call, source: UUID, target: UUID, replaced: UUID | None) -> None:
        try:
            await call(source, target, replaced=replaced)
        except error:
            is_empty = not await broken.files.list_directory(source)
            if when_empty is not None and is_empty is not when_empty:
                raise

    forking(broken, "file_system", fork)


@mutant("forks.refused.into_itself")
def forks_into_itself(broken: Broken) -> None:
    """A session that is forked into itself is there already."""
    _passes_over(broken, InvalidArgumentError)


@mutant("forks.refused.of_nothing_into_itself")
def forks_nothing_into_itself(broken: Broken) -> None:
    """Of an empty session nobody looks where it goes."""
    _passes_over(broken, InvalidArgumentError, when_empty=True)


@mutant("forks.refused.into_a_checkpoint")
def forks_into_checkpoints(broken: Broken) -> None:
    """A fork into a checkpoint is taken for done."""
    _passes_over(broken, ReadOnlySessionError)


@mutant("capabilities.forks")
def claims_no_forks(broken: Broken) -> None:
    """Forks work, and are not declared."""
    broken.capabilities = replace(broken.sound.file_system.capabilities, forks=False)


# -- limits --------------------------------------------------------------------------------------------------


def _own_limits(broken: Broken) -> dict[UUID, Any]:
    """The limits of their own that sessions were given, from now on."""
    own: dict[UUID, Any] = {}

    def wrap(call: Call) -> Call:
        async def limit_session(session_id: UUID, limits: Any) -> None:
            await call(session_id, limits)
            own[session_id] = limits

        return limit_session

    broken.around(wrap, ["file_system"], ["limit_session"])
    return own


@mutant("forks.limits.taken")
def leaves_limits_behind(broken: Broken) -> None:
    """A fork has no limits of its own."""
    own = _own_limits(broken)

    async def free(_: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is None and target not in own:
            await broken.files.limit_session(target, SessionLimits())

    after_forking(broken, "file_system", free)


@mutant("forks.limits.kept")
def takes_limits_always(broken: Broken) -> None:
    """A fork has its source's limits, whichever it had."""
    own = _own_limits(broken)

    async def limit(source: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is None:
            await broken.files.limit_session(target, own.get(source, SessionLimits()))

    after_forking(broken, "file_system", limit)


@mutant("forks.limits.replaced")
def moves_limits_with_what_is_replaced(broken: Broken) -> None:
    """What is replaced takes the limits along that it had."""
    own = _own_limits(broken)

    async def move(_: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is not None and target in own:
            await broken.files.limit_session(replaced, own[target])

    after_forking(broken, "file_system", move)


@mutant("forks.limits.counted")
def counts_what_was_replaced(broken: Broken) -> None:
    """What a session held before it was replaced is still counted."""
    counted: set[UUID] = set()

    async def count(source: UUID, target: UUID, replaced: UUID | None) -> None:
        if replaced is not None and not await broken.files.list_directory(source):
            counted.add(target)

    after_forking(broken, "file_system", count)

    @broken.verb
    async def write_file(session_id: UUID, path: str, content: str, *args: Any, **options: Any) -> Any:
        usage = await broken.files.usage(session_id)
        if session_id in counted and usage.files > 4:
            raise QuotaExceededError("what was there before is counted")
        return await broken.files.write_file(session_id, path, content, *args, **options)
