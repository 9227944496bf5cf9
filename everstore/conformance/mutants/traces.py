"""Mistakes with the traces that a write leaves: it was made, and does not show, or only to some."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.content import add_to_counter
from everstore.models import Session

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []


def _leaves_updated_at(broken: Broken, verb: str) -> None:
    """Files that the verb changed show the ``updated_at`` of before."""
    before: dict[Any, int] = {}

    def shown(record: Any) -> Any:
        if isinstance(record, list):
            return [shown(each) for each in record]
        if record is None:
            return None
        at = (record.session_id, record.path, record.version)
        return replace(record, updated_ns=before.get(at, record.updated_ns))

    def looks(call: Call) -> Call:
        async def looked(*args: Any, **kwargs: Any) -> Any:
            return shown(await call(*args, **kwargs))

        return looked

    def writes(call: Call) -> Call:
        async def written(session_id: Any, place: Any, *args: Any, **kwargs: Any) -> Any:
            path = getattr(place, "path", place)
            found = shown(await broken.files.read_file(session_id, path)) if isinstance(path, str) else None
            answer = await call(session_id, place, *args, **kwargs)
            if found is not None and answer is not None:
                before[session_id, answer.path, answer.version] = found.updated_ns
            return shown(answer)

        return written

    broken.around(looks, ["file_system"], ["read_file", "stat_file", "list_directory", "glob_files"])
    broken.around(writes, ["file_system"], [verb])


@mutant("revisions.idle.file_system")
def edits_at_no_time(broken: Broken) -> None:
    """An edit leaves updated_at alone."""
    _leaves_updated_at(broken, "edit_file")


@mutant("revisions.idle.file_system")
def appends_at_no_time(broken: Broken) -> None:
    """An append leaves updated_at alone."""
    _leaves_updated_at(broken, "append_file")


@mutant("tree.readonly.seed_replaces")
def seeds_at_no_time(broken: Broken) -> None:
    """A seed over a file leaves updated_at alone."""
    _leaves_updated_at(broken, "seed_initial_file")


@mutant("revisions.content_matches.holds")
def replaces_at_no_time(broken: Broken) -> None:
    """write_file_if_content_matches leaves updated_at alone."""
    _leaves_updated_at(broken, "write_file_if_content_matches")


@mutant("revisions.idle.file_system")
def saves_idle_edits(broken: Broken) -> None:
    """An edit that changes nothing is not written, so the revision stays."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        found = await broken.files.read_file(session_id, path)
        if (
            old == new
            and found is not None
            and not found.is_readonly
            and (found.content or "").count(old) == 1
        ):
            return found
        return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)


@mutant("revisions.idle.storage")
def saves_idle_increments(broken: Broken) -> None:
    """Adding nothing to a counter is a read, so the revision stays."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        found = await broken.storage.get_value(session_id, key) if amount == 0 else None
        if found is not None:
            return add_to_counter(found, 0)
        return await broken.storage.increment_value(session_id, key, amount)


@mutant("revisions.idle.storage")
def counts_at_no_time(broken: Broken) -> None:
    """An increment leaves updated_at alone."""
    before: dict[Any, int] = {}

    @broken.verb
    async def stat_value(session_id: Any, key: str) -> Any:
        info = await broken.storage.stat_value(session_id, key)
        return info and replace(info, updated_ns=before.get((session_id, key, info.version), info.updated_ns))

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        old = await stat_value(session_id, key)
        total = await broken.storage.increment_value(session_id, key, amount)
        new = await broken.storage.stat_value(session_id, key)
        if old is not None and new is not None:
            before[session_id, key, new.version] = old.updated_ns
        return total


@mutant("revisions.not_after_session")
def counts_values_of_a_session(broken: Broken) -> None:
    """Revisions of values are counted in each session, and begin again once it was deleted."""
    counts: dict[Any, dict[int, int]] = {}

    @broken.verb
    async def stat_value(session_id: Any, key: str) -> Any:
        info = await broken.storage.stat_value(session_id, key)
        if info is None:
            return None
        seen = counts.setdefault(session_id, {})
        return replace(info, version=seen.setdefault(info.version, len(seen) + 1))

    def wrap(call: Call) -> Call:
        async def purge_session(session_id: Any) -> Any:
            counts.pop(session_id, None)
            return await call(session_id)

        return purge_session

    broken.around(wrap, ["storage"], ["purge_session"])


@mutant("values.lives.set_value")
def expires_in_whole_seconds(broken: Broken) -> None:
    """A time to live is cut to whole seconds."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> Any:
        whole = math.floor(ttl) if isinstance(ttl, float) and ttl > 1 else ttl
        return await broken.storage.set_value(session_id, key, value, ttl=whole, **options)


@mutant("values.lives.set_secret")
def expires_secrets_in_whole_seconds(broken: Broken) -> None:
    """The time to live of a secret is cut to whole seconds."""

    @broken.verb
    async def set_secret(session_id: Any, name: str, value: str, *, ttl: Any = None) -> None:
        whole = math.floor(ttl) if isinstance(ttl, float) and ttl > 1 else ttl
        await broken.storage.set_secret(session_id, name, value, ttl=whole)


@mutant("sessions.record.missing")
def lists_what_is_used(broken: Broken) -> None:
    """A session that has files is listed, record or none."""
    used: dict[Any, Any] = {}

    @broken.verb
    async def write_file(
        session_id: Any, path: str, content: str, encoding: Any = "text", **options: Any
    ) -> Any:
        used[session_id] = await broken.files.write_file(session_id, path, content, encoding, **options)
        return used[session_id]

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, **rest: Any) -> Any:
        page = await broken.sessions.list_sessions(limit=limit, after=after, **rest)
        listed = {record.id for record in page}
        return page + [
            Session(id=each, created_ns=file.created_ns)
            for each, file in used.items()
            if each not in listed and after is None
        ]


@mutant("values.expired.revision")
def takes_revisions_of_the_dead(broken: Broken) -> None:
    """A condition is compared with the record, which a sweep has not removed yet."""
    dying: dict[Any, str] = {}

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> Any:
        if options.get("if_revision") and options["if_revision"] == dying.get((session_id, key)):
            options.pop("if_revision")
        info = await broken.storage.set_value(session_id, key, value, ttl=ttl, **options)
        dying[session_id, key] = info.revision if ttl else ""
        return info


@mutant("values.lives.set_if_absent")
def locks_for_ever(broken: Broken) -> None:
    """A value that is set only if absent has no time to live."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> Any:
        given = None if options.get("if_absent") else ttl
        return await broken.storage.set_value(session_id, key, value, ttl=given, **options)


@mutant("values.lives.set_if_revision")
def never_extends(broken: Broken) -> None:
    """A value that is set under a revision has no time to live."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> Any:
        given = None if options.get("if_revision") else ttl
        return await broken.storage.set_value(session_id, key, value, ttl=given, **options)
