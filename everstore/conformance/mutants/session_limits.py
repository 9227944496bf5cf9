"""Mistakes with the limits that one session has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.compat import override
from everstore.conformance.mutants.broken import INTERFACES, Broken, mutant
from everstore.errors import QuotaExceededError
from everstore.session_limits import SessionLimits
from everstore.store import Store

if TYPE_CHECKING:
    from everstore.middleware.base import Call
    from everstore.models import Session

__all__: list[str] = []

_NONE = SessionLimits()
_PARTS = ("file_system", "storage")
_IN_THE_PROCESS: set[Any] = set()


def _noting(broken: Broken) -> dict[Any, SessionLimits]:
    """The limits that sessions are given, from now on."""
    own: dict[Any, SessionLimits] = {}

    def wrap(call: Call) -> Call:
        async def noted(session_id: Any, limits: SessionLimits) -> None:
            await call(session_id, limits)
            own[session_id] = limits

        return noted

    broken.around(wrap, _PARTS, ["limit_session"])
    return own


def _before_all(broken: Broken, do: Any) -> None:
    """Do something before each call about a session, with its part, but before those about its limits."""
    for role in _PARTS:
        part = getattr(broken.sound, role)
        names = {name for name in dir(INTERFACES[role]) if not name.startswith("_")}

        def wrap(call: Call, part: Any = part) -> Call:
            async def after(*args: Any, **options: Any) -> Any:
                if args:
                    await do(part, args[0])
                return await call(*args, **options)

            return after

        broken.around(wrap, [role], names - {"limit_session", "session_ids", "scan_secrets"})


def _passes_by(broken: Broken, role: str, *names: str, when: Any = lambda: True) -> None:
    """These verbs do not look for limits of the session."""
    own, part = _noting(broken), getattr(broken.sound, role)

    def wrap(call: Call) -> Call:
        async def unlimited(session_id: Any, *args: Any, **options: Any) -> Any:
            if session_id not in own or not when():
                return await call(session_id, *args, **options)
            await part.limit_session(session_id, _NONE)
            try:
                return await call(session_id, *args, **options)
            finally:
                await part.limit_session(session_id, own[session_id])

        return unlimited

    broken.around(wrap, [role], names)


@mutant("session_limits.races.keys_set")
def keeps_no_limits(broken: Broken) -> None:
    """The limits that a session is given are held against nothing."""

    def wrap(_: Call) -> Call:
        async def ignored(*_: Any) -> None:
            pass

        return ignored

    broken.around(wrap, _PARTS, ["limit_session"])


@mutant("session_limits.races.keys_set_many")
def sets_many_past_its_limits(broken: Broken) -> None:
    """Setting many values looks for the limits of the store only."""
    _passes_by(broken, "storage", "set_values")


@mutant("session_limits.races.keys_change")
def changes_values_past_its_limits(broken: Broken) -> None:
    """Several changes of values look for the limits of the store only."""
    _passes_by(broken, "storage", "change_values")


@mutant("session_limits.races.keys_increment")
def counts_past_its_limits(broken: Broken) -> None:
    """A counter looks for the limits of the store only."""
    _passes_by(broken, "storage", "increment_value")


@mutant("session_limits.races.keys_secret")
def keeps_secrets_past_its_limits(broken: Broken) -> None:
    """A secret is held to the limits of the store only."""
    _passes_by(broken, "storage", "set_secret")


@mutant("session_limits.races.entries_apply_changes")
def patches_past_its_limits(broken: Broken) -> None:
    """A patch of several files looks for the limits of the store only."""
    _passes_by(broken, "file_system", "apply_changes")


@mutant("session_limits.races.entries_copy_tree")
def copies_past_its_limits(broken: Broken) -> None:
    """A copy looks for the limits of the store only."""
    _passes_by(broken, "file_system", "copy_file")


@mutant("session_limits.races.entries_move")
def moves_past_its_limits(broken: Broken) -> None:
    """The directories that a move makes are held to the limits of the store only."""
    _passes_by(broken, "file_system", "move_file")


@mutant("session_limits.races.bytes_write_bytes")
def writes_bytes_past_its_limits(broken: Broken) -> None:
    """Bytes are written under the limits of the store only."""
    _passes_by(broken, "file_system", "write_bytes")


@mutant("session_limits.races.bytes_append_bytes")
def appends_bytes_past_its_limits(broken: Broken) -> None:
    """Bytes are appended under the limits of the store only."""
    _passes_by(broken, "file_system", "append_bytes")


@mutant("session_limits.many")
def shares_past_its_limits(broken: Broken) -> None:
    """Calls that share a statement with others are not held to the limits of their sessions."""
    under_way = 0

    def wrap(call: Call) -> Call:
        async def counted(*args: Any, **options: Any) -> Any:
            nonlocal under_way
            under_way += 1
            try:
                await asyncio.sleep(0)  # the others come
                return await call(*args, **options)
            finally:
                under_way -= 1

        return counted

    _passes_by(broken, "storage", "set_value", when=lambda: under_way > 16)
    broken.around(wrap, ["storage"], ["set_value"])


@mutant("session_limits.apart")
def limits_every_session(broken: Broken) -> None:
    """The limits that one session is given are those of all others, too."""
    own = _noting(broken)

    async def limit(part: Any, session_id: Any) -> None:
        if own and session_id not in own:
            await part.limit_session(session_id, [*own.values()][-1])

    _before_all(broken, limit)


@mutant("session_limits.refused.another")
def leaves_out_what_is_no_limit(broken: Broken) -> None:
    """What is no limit of a session is left out without a word."""

    class Lenient(Store):
        @override
        async def create_session(self, *args: Any, limits: Any = None, **options: Any) -> Session:
            given = limits if isinstance(limits, Mapping) else {}
            names = SessionLimits.__struct_fields__
            sound = {
                name: value
                for name, value in given.items()
                if name in names and type(value) is int and 0 < value < 1 << 63
            }
            return await super().create_session(*args, limits=sound, **options)

    broken.kind = Lenient


@mutant("session_limits.looser.session_bytes", without=("limits__",))
def takes_higher_limits(_broken: Broken) -> None:
    """A session's limit is not compared with the store's."""


@mutant("session_limits.lower_counts", durable=True, without=("limits__session_value_bytes",))
def holds_to_its_own_limits_only(_broken: Broken) -> None:
    """A limit of the store's is not held against a session that has one of its own."""


@mutant("session_limits.reopened", durable=True)
def forgets_limits_at_reopening(broken: Broken) -> None:
    """The limits of a session are known to the store that made it, until it is closed."""
    own = _noting(broken)

    async def forget(part: Any, session_id: Any) -> None:
        if session_id not in own:
            await part.limit_session(session_id, _NONE)

    _before_all(broken, forget)


@mutant("session_limits.races_of_processes", durable=True)
def keeps_limits_in_the_process(broken: Broken) -> None:
    """The limits of a session are known to the process that made it."""

    def wrap(call: Call) -> Call:
        async def noted(session_id: Any, limits: SessionLimits) -> None:
            await call(session_id, limits)
            _IN_THE_PROCESS.add(session_id)

        return noted

    async def forget(part: Any, session_id: Any) -> None:
        if session_id not in _IN_THE_PROCESS:
            await part.limit_session(session_id, _NONE)

    broken.around(wrap, _PARTS, ["limit_session"])
    _before_all(broken, forget)


def _purging(broken: Broken, role: str, after: Any) -> None:
    """Do something with what a purge answers and the limits of the session, for another answer."""
    own = _noting(broken)

    def wrap(call: Call) -> Call:
        async def purged(session_id: Any) -> Any:
            return await after(session_id, await call(session_id), own.pop(session_id, None))

        return purged

    broken.around(wrap, [role], ["purge_session"])


@mutant("session_limits.purged.files")
def purges_no_limits(broken: Broken) -> None:
    """A purge of files leaves the session's limits where they are."""

    async def after(session_id: Any, answer: Any, limits: SessionLimits | None) -> Any:
        if limits is not None:
            await broken.files.limit_session(session_id, limits)
        return answer

    _purging(broken, "file_system", after)


@mutant("session_limits.purged.storage")
def purges_all_limits(broken: Broken) -> None:
    """A purge of values takes the limits of files along."""

    async def after(session_id: Any, answer: Any, _: SessionLimits | None) -> Any:
        await broken.files.limit_session(session_id, _NONE)
        return answer

    _purging(broken, "storage", after)


@mutant("session_limits.deleted")
def purges_limits_with_something(broken: Broken) -> None:
    """Limits are purged with what there is, and stay where there is nothing."""

    async def after(session_id: Any, answer: Any, limits: SessionLimits | None) -> Any:
        if limits is not None and not answer:
            await broken.storage.limit_session(session_id, limits)
        return answer

    _purging(broken, "storage", after)


@mutant("session_limits.replaced.none")
def keeps_limits_without_new_ones(broken: Broken) -> None:
    """A session that is made again without limits keeps those that it had."""

    def wrap(call: Call) -> Call:
        async def kept(session_id: Any, limits: SessionLimits) -> None:
            if limits != _NONE:
                await call(session_id, limits)

        return kept

    broken.around(wrap, _PARTS, ["limit_session"])


@mutant("session_limits.replaced.unsaid")
def takes_limits_away(broken: Broken) -> None:
    """A session that is made again loses its limits where nothing is said of them."""

    class Bare(Store):
        @override
        async def create_session(self, *args: Any, limits: Any = None, **options: Any) -> Session:
            return await super().create_session(*args, limits=limits or {}, **options)

    broken.kind = Bare


@mutant("session_limits.replaced.storage")
def adds_new_limits(broken: Broken) -> None:
    """The limits of a session that is made again are added to those that it had."""
    own: dict[Any, dict[str, Any]] = {}

    def wrap(call: Call) -> Call:
        async def added(session_id: Any, limits: SessionLimits) -> None:
            new = {name: most for name, most in msgspec.structs.asdict(limits).items() if most is not None}
            both = own[session_id] = {**own.get(session_id, {}), **new}
            await call(session_id, SessionLimits(**both))

        return added

    broken.around(wrap, _PARTS, ["limit_session"])


@mutant("session_limits.replaced.one_of_each")
def keeps_the_limit_that_is_not_named(broken: Broken) -> None:
    """A limit of files that is not among the new ones stays where the other one is."""
    own: dict[Any, SessionLimits] = {}

    def wrap(call: Call) -> Call:
        async def limited(session_id: Any, limits: SessionLimits) -> None:
            before, own[session_id] = own.get(session_id), limits
            if before is not None and limits.session_entries is not None and limits.session_bytes is None:
                limits = msgspec.structs.replace(limits, session_bytes=before.session_bytes)
            await call(session_id, limits)

        return limited

    broken.around(wrap, ["file_system"], ["limit_session"])


@mutant("session_limits.what_is_there")
def locks_what_is_over(broken: Broken) -> None:
    """In a session that has more than its limits allow, nothing is written any more."""
    own = _noting(broken)

    @broken.verb
    async def write_file(session_id: Any, path: str, *args: Any, **options: Any) -> Any:
        most = own.get(session_id, _NONE).session_entries
        found = len(await broken.entries(session_id))
        if most is not None and found > most:
            raise QuotaExceededError("too much", limit="session_entries", allowed=most, wanted=found)
        return await broken.files.write_file(session_id, path, *args, **options)


@mutant("session_limits.seeds")
def limits_after_the_files(broken: Broken) -> None:
    """A session gets its limits when its files are there."""

    class Late(Store):
        @override
        async def create_session(self, *args: Any, limits: Any = None, **options: Any) -> Session:
            session = await super().create_session(*args, **options)
            own = SessionLimits(**(limits or {}))
            for part in (self.file_system, self.storage):
                await part.limit_session(session.id, own)
            return session

    broken.kind = Late


def _counts_as_something(broken: Broken, role: str) -> None:
    """Limits are something that a purge of this part finds."""

    async def after(_: Any, answer: Any, limits: SessionLimits | None) -> Any:
        return answer or limits is not None

    _purging(broken, role, after)


@mutant("session_limits.nothing.file_system")
def finds_limits_of_files(broken: Broken) -> None:
    """A purge of files answers that there was something, where limits were."""
    _counts_as_something(broken, "file_system")


@mutant("session_limits.nothing.storage")
def finds_limits_of_values(broken: Broken) -> None:
    """A purge of values answers that there was something, where limits were."""
    _counts_as_something(broken, "storage")
