"""Writes that are left out, or noted too often, and numbers that are read too freely."""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant

__all__: list[str] = []


def _skips_when_same(broken: Broken, verb: str, at: int) -> None:
    """The verb, whose argument ``at`` is what shall be there, answers with what is there when it is that."""

    def wrap(call: Any) -> Any:
        async def idle(session_id: Any, *args: Any, **options: Any) -> Any:
            path = args[0].path if verb == "seed_initial_file" else args[0]
            found = await broken.files.read_file(session_id, path) if isinstance(path, str) else None
            content = args[0].content if verb == "seed_initial_file" else args[at]
            if found is not None and found.content == content and not options.get("if_absent"):
                return found
            return await call(session_id, *args, **options)

        return idle

    broken.around(wrap, names=(verb,))


@mutant("revisions.idle.file_system")
def skips_idle_seeds(broken: Broken) -> None:
    """A seed of what is there is not made."""
    _skips_when_same(broken, "seed_initial_file", 0)


@mutant("revisions.idle.file_system")
def skips_idle_writes(broken: Broken) -> None:
    """A write of what is there is not made."""
    _skips_when_same(broken, "write_file", 1)


@mutant("revisions.idle.file_system")
def skips_idle_matches(broken: Broken) -> None:
    """What matches and stays the same is not written."""
    _skips_when_same(broken, "write_file_if_content_matches", 3)


@mutant("revisions.idle.file_system")
def skips_idle_edits(broken: Broken) -> None:
    """An edit of every match to the same text is not made."""

    @broken.verb
    async def edit_file(session_id: Any, path: str, old: str, new: str, *, replace_all: bool = False) -> Any:
        if replace_all and old == new:
            return await broken.files.read_file(session_id, path)
        return await broken.files.edit_file(session_id, path, old, new, replace_all=replace_all)


@mutant("revisions.idle.file_system")
def skips_empty_appends(broken: Broken) -> None:
    """No bytes are appended by doing nothing."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        found = await broken.files.read_file(session_id, path)
        if content == "" and encoding == "base64" and found is not None and found.encoding == "base64":
            return found.info()
        return await broken.files.append_file(session_id, path, content, encoding)


@mutant("revisions.idle.file_system")
def skips_idle_copies(broken: Broken) -> None:
    """A copy onto its like is not made."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        one = await broken.files.read_file(session_id, source)
        other = await broken.files.read_file(session_id, destination)
        if overwrite and one is not None and other is not None and one.content == other.content is not None:
            return other.info()
        return await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)


@mutant("revisions.idle.storage")
def skips_idle_sets(broken: Broken) -> None:
    """Setting the value that is there for a while moves its end, and nothing else."""
    last: dict[Any, Any] = {}

    def wrap(call: Any) -> Any:
        async def looked_at(session_id: Any, key: str) -> Any:
            info = await call(session_id, key)
            return info if info is None else last.setdefault((session_id, key, info.created_ns), info)

        return looked_at

    broken.around(wrap, names=("stat_value",))


@mutant("revisions.idle.storage")
def skips_counting_by_nothing(broken: Broken) -> None:
    """An increment by 0 only looks."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> Any:
        found = await broken.storage.get_value(session_id, key) if amount == 0 else None
        if found is not None and re.fullmatch("-?[0-9]{1,19}", found):
            return int(found)
        return await broken.storage.increment_value(session_id, key, amount)


@mutant("revisions.idle.storage")
def skips_idle_secrets(broken: Broken) -> None:
    """Setting the secret that is there does nothing."""

    @broken.verb
    async def set_secret(session_id: Any, name: str, value: str, **options: Any) -> Any:
        if isinstance(name, str) and isinstance(value, str) and not options.get("ttl"):
            kept = {info.name for info in await broken.storage.list_secrets(session_id)}
            if name in kept and await broken.storage.get_secret(session_id, name) == value:
                return None
        return await broken.storage.set_secret(session_id, name, value, **options)


@mutant("revisions.idle.sessions")
def skips_idle_titles(broken: Broken) -> None:
    """The title that a record has already is not set."""

    @broken.verb
    async def update_session_title(session_id: Any, title: str) -> Any:
        found = await broken.sessions.get_session(session_id)
        if found is not None and found.title == title:
            return found
        return await broken.sessions.update_session_title(session_id, title)


@mutant("revisions.idle.file_system")
def counts_revisions_in_a_byte(broken: Broken) -> None:
    """A file's revision is its count of changes, kept in a byte."""
    counts: dict[Any, dict[int, int]] = {}

    def wrap(call: Any) -> Any:
        async def counted(session_id: Any, path: str, *args: Any, **options: Any) -> Any:
            found = await call(session_id, path, *args, **options)
            if found is None or found.is_directory:
                return found
            place = counts.setdefault((session_id, found.path), {})
            turn = place.setdefault(found.version, len(place))
            return replace(found, version=turn % 256)

        return counted

    broken.around(wrap, names=("read_file", "stat_file", "append_file"))


@mutant("revisions.still.file_system")
def touches_parents(broken: Broken) -> None:
    """A directory is touched when something in it is written."""
    touched: dict[Any, int] = {}

    def note(call: Any) -> Any:
        async def noted(session_id: Any, path: str, *args: Any, **options: Any) -> Any:
            answer = await call(session_id, path, *args, **options)
            top = (session_id, answer.path.rpartition("/")[0] or "/")
            touched[top] = touched.get(top, 0) + 1
            return answer

        return noted

    def show(call: Any) -> Any:
        async def shown(session_id: Any, path: str) -> Any:
            found = await call(session_id, path)
            if found is not None and found.is_directory:
                return replace(found, updated_ns=found.updated_ns + touched.get((session_id, found.path), 0))
            return found

        return shown

    broken.around(note, names=("append_file", "edit_file"))
    broken.around(show, names=("read_file", "stat_file"))


@mutant("revisions.still.file_system")
def touches_the_record(broken: Broken) -> None:
    """Writing a file moves the updated_at of the session's record."""

    @broken.verb
    async def append_file(session_id: Any, path: str, content: str, encoding: Any = "text") -> Any:
        answer = await broken.files.append_file(session_id, path, content, encoding)
        record = await broken.sessions.get_session(session_id)
        if record is not None and record.title is not None:
            await broken.sessions.update_session_title(session_id, record.title)
        return answer


@mutant("revisions.still.storage")
def counts_looks(broken: Broken) -> None:
    """A value that is looked at is written again, with when that was."""

    @broken.verb
    async def get_value(session_id: Any, key: str) -> Any:
        value = await broken.storage.get_value(session_id, key)
        if value is not None:
            await broken.storage.set_value(session_id, key, value)
        return value


@mutant("revisions.still.sessions")
def touches_files_of_a_record(broken: Broken) -> None:
    """A session that gets another title has its values touched."""

    @broken.verb
    async def update_session_title(session_id: Any, title: str) -> Any:
        answer = await broken.sessions.update_session_title(session_id, title)
        for info in await broken.storage.list_keys(session_id):
            value = await broken.storage.get_value(session_id, info.key)
            await broken.storage.set_value(session_id, info.key, value or "")
        return answer


def _counts(broken: Broken, pattern: str) -> None:
    """A value that the pattern knows is a number for ``int()``."""

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> Any:
        found = await broken.storage.get_value(session_id, key)
        if found is not None and re.fullmatch(pattern, found):
            await broken.storage.set_value(session_id, key, str(int(found)))
        return await broken.storage.increment_value(session_id, key, amount)


@mutant("values.increment_refused.plus")
def counts_from_plus(broken: Broken) -> None:
    """A plus before the digits is taken."""
    _counts(broken, r"\+[0-9]+")


@mutant("values.increment_refused.full_width_digits")
def counts_in_any_script(broken: Broken) -> None:
    """Digits of any script are taken."""
    _counts(broken, r"\d{1,9}")


@mutant("values.increment_refused.twenty_one_digits")
def counts_any_number_of_digits(broken: Broken) -> None:
    """However many digits are taken."""
    _counts(broken, r"[0-9]{21,}")


def _refuses(broken: Broken, pattern: str) -> None:
    from everstore.errors import InvalidContentError  # noqa: PLC0415 - nobody else here needs it

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> Any:
        found = await broken.storage.get_value(session_id, key)
        if found is not None and re.fullmatch(pattern, found):
            raise InvalidContentError("no integer")
        return await broken.storage.increment_value(session_id, key, amount)


@mutant("values.increment.zeros_in_front")
def counts_without_zeros_in_front(broken: Broken) -> None:
    """A number with zeros in front is none."""
    _refuses(broken, "0[0-9]+")


@mutant("values.increment.negative_zero")
def knows_no_negative_zero(broken: Broken) -> None:
    """-0 is no number."""
    _refuses(broken, "-0+")


@mutant("values.increment.from_end_to_end")
def keeps_counters_away_from_the_end(broken: Broken) -> None:
    """The smallest number of 64 bits is none."""
    _refuses(broken, "-9223372036854775808")
