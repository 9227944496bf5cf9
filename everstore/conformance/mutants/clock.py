"""Mistakes with time: another clock than everstore's, or one that is trusted to go forward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec.structs import replace

from everstore.clock import now_ns, shift_ns, turned
from everstore.conformance.mutants.broken import Broken, mutant

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []

_KEYS = ("list_keys", "stat_value")


@mutant("clock.read")
def reads_its_own_clock(broken: Broken) -> None:
    """The time is the machine's, read past everstore."""

    def wrap(call: Call) -> Call:
        async def unmoved(*args: Any, **kwargs: Any) -> Any:
            with turned(-shift_ns() / 1e9):
                return await call(*args, **kwargs)

        return unmoved

    broken.around(wrap)


@mutant("clock.expired.get_secret")
def sweeps_by_its_own_clock(broken: Broken) -> None:
    """What is past its time is looked for by the machine's clock."""

    def wrap(call: Call) -> Call:
        async def unmoved(*args: Any, **kwargs: Any) -> Any:
            with turned(-shift_ns() / 1e9):
                return await call(*args, **kwargs)

        return unmoved

    broken.around(
        wrap,
        ["storage"],
        [*_KEYS, "get_value", "get_secret", "list_secrets", "delete_value", "delete_secret"],
    )


def _with_updated(broken: Broken, roles: tuple[str, ...], stamp: Any) -> None:
    """Every record's ``updated_ns`` is what the function makes of it."""

    def changed(record: Any) -> Any:
        return replace(record, updated_ns=stamp(record)) if hasattr(record, "updated_ns") else record

    def wrap(call: Call) -> Call:
        async def stamped(*args: Any, **kwargs: Any) -> Any:
            answer = await call(*args, **kwargs)
            return [changed(each) for each in answer] if isinstance(answer, list) else changed(answer)

        return stamped

    broken.around(wrap, roles)


@mutant("clock.still")
def trusts_the_clock(broken: Broken) -> None:
    """updated_at is the time of the change, also when the clock went back."""
    times: dict[Any, int] = {}

    def stamp(record: Any) -> int:
        return times.setdefault((type(record).__name__[:4], record.version), now_ns())

    _with_updated(broken, ("file_system", "storage"), stamp)


@mutant("clock.turned.retitle")
def trusts_the_clock_for_titles(broken: Broken) -> None:
    """updated_at of a record is the time of the change, also when the clock went back."""

    @broken.verb
    async def update_session_title(session_id: Any, title: str) -> Any:
        record = await broken.sessions.update_session_title(session_id, title)
        record = replace(record, updated_ns=now_ns())
        await broken.sessions.add_session(record)
        return record


@mutant("clock.time_to_live.ahead")
def counts_from_the_last_change(broken: Broken) -> None:
    """A time to live counts from updated_at, which never goes back."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> Any:
        found = await broken.storage.stat_value(session_id, key)
        if found is not None and ttl is not None:
            ttl += max(0, found.updated_ns - now_ns()) / 1e9
        return await broken.storage.set_value(session_id, key, value, ttl=ttl, **options)


@mutant("clock.time_to_live.behind")
def extends_what_is_there(broken: Broken) -> None:
    """A time to live that is set again counts from the time of creation."""

    @broken.verb
    async def set_secret(session_id: Any, name: str, value: str, *, ttl: Any = None) -> None:
        infos = await broken.storage.list_secrets(session_id)
        created = next((info.created_ns for info in infos if info.name == name), now_ns())
        if ttl is not None:
            ttl = max(1e-9, ttl - (now_ns() - created) / 1e9)
        await broken.storage.set_secret(session_id, name, value, ttl=ttl)


def _with_versions_of_the_time(broken: Broken, roles: tuple[str, ...], name: str) -> None:
    """A version is the time, or one more than the last of a place, which its end makes forgotten."""
    versions: dict[Any, int] = {}
    latest: dict[Any, int] = {}

    def changed(record: Any, session_id: Any) -> Any:
        if not getattr(record, "version", 0):
            return record
        place = session_id, getattr(record, name)
        if (place, record.version) not in versions:
            latest[place] = max(now_ns(), latest.get(place, 0) + 1)
            versions[place, record.version] = latest[place]
        return replace(record, version=versions[place, record.version])

    def wrap(call: Call) -> Call:
        async def versioned(*args: Any, **kwargs: Any) -> Any:
            answer = await call(*args, **kwargs)
            if answer is True:  # something was deleted
                for place in [place for place in latest if place[0] == args[0]]:
                    del latest[place]
            records = answer if isinstance(answer, list) else [answer]
            records = [changed(each, args[0]) for each in records]
            return records if isinstance(answer, list) else records[0]

        return versioned

    broken.around(wrap, roles)


@mutant("clock.revisions.delete")
def takes_the_time_for_a_version(broken: Broken) -> None:
    """A file's revision is the time, moved on only while the session remembers the last one."""
    _with_versions_of_the_time(broken, ("file_system",), "path")


@mutant("clock.revisions.delete_session")
def takes_the_time_for_a_version_of_values(broken: Broken) -> None:
    """A value's revision is the time, moved on only while the session remembers the last one."""
    _with_versions_of_the_time(broken, ("storage",), "key")


@mutant("clock.ids")
def takes_the_time_for_an_id(broken: Broken) -> None:
    """What tells two entries apart is the microsecond in which they were made."""

    def changed(record: Any) -> Any:
        return replace(record, serial=record.created_ns) if hasattr(record, "serial") else record

    def wrap(call: Call) -> Call:
        async def stamped(*args: Any, **kwargs: Any) -> Any:
            answer = await call(*args, **kwargs)
            return [changed(each) for each in answer] if isinstance(answer, list) else changed(answer)

        return stamped

    broken.around(wrap, ["file_system"])


@mutant("clock.records")
def lists_by_arrival(broken: Broken) -> None:
    """Records are listed in the order in which they came in, the last one first."""
    arrived: list[Any] = []

    @broken.verb
    async def add_session(session: Any) -> None:
        await broken.sessions.add_session(session)
        arrived.insert(0, session.id)

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, **_: Any) -> Any:
        start = 1 + arrived.index(after.id) if after else 0
        return [await broken.sessions.get_session(each) for each in arrived[start : start + limit]]


@mutant("durability.restored", durable=True)
def counts_versions_in_the_storage(broken: Broken) -> None:
    """Revisions are counted in the storage, so that a restored backup counts on from where it was made."""
    place = UUID(int=7)

    def wrap(call: Call) -> Call:
        async def counted(*args: Any, **kwargs: Any) -> Any:
            answer = await call(*args, **kwargs)
            return replace(answer, version=await broken.storage.increment_value(place, "last"))

        return counted

    broken.around(wrap, ["file_system"], ["write_file"])


@mutant("clock.processes", durable=True)
def remembers_the_last_time_itself(broken: Broken) -> None:
    """What updated_at must not go back behind is known to the open store, not to the storage."""
    times: dict[Any, int] = {}
    last = 0

    def stamp(record: Any) -> int:
        nonlocal last
        place = type(record).__name__[:4], record.version
        if place not in times:
            last = times[place] = max(now_ns(), last + 1000)
        return times[place]

    _with_updated(broken, ("file_system", "storage"), stamp)


@mutant("values.expired.at_the_end")
def is_there_at_its_end(broken: Broken) -> None:
    """A value is there as long as its end is not before the clock's time."""
    ends: dict[Any, tuple[int, str]] = {}

    @broken.verb
    async def set_value(
        session_id: Any, key: str, value: str, *, ttl: float | None = None, **options: Any
    ) -> Any:
        info = await broken.storage.set_value(session_id, key, value, ttl=ttl, **options)
        ends.pop((session_id, key), None)
        if ttl is not None:
            ends[session_id, key] = (now_ns() + int(ttl * 1e9), value)
        return info

    @broken.verb
    async def get_value(session_id: Any, key: str) -> str | None:
        end, value = ends.get((session_id, key), (0, ""))
        return value if end == now_ns() else await broken.storage.get_value(session_id, key)
