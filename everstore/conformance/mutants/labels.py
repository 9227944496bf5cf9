"""Mistakes with the labels of session records."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET
from msgspec.structs import force_setattr, replace

from everstore.clock import now_ns
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import SessionNotFoundError
from everstore.models import Session

__all__: list[str] = []


def _keeps(broken: Broken, keep: Any) -> None:
    """``keep`` makes of the labels of a record what is kept of them, whichever verb brings them."""

    @broken.verb
    async def add_session(session: Any) -> None:
        if isinstance(session, Session):
            session = replace(session, labels=keep(session.labels))
        await broken.sessions.add_session(session)

    @broken.verb
    async def update_session(session_id: Any, *, title: Any = UNSET, labels: Any = UNSET) -> Any:
        if isinstance(labels, dict):
            labels = keep(labels)
        return await broken.sessions.update_session(session_id, title=title, labels=labels)


def _lists(broken: Broken, has: Any, pages: int = 1) -> None:
    """A list with labels has the records that ``has`` says to have them."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, labels: Any = None) -> Any:
        if not labels or not isinstance(labels, dict):
            return await broken.sessions.list_sessions(limit=limit, after=after, labels=labels)
        page = await broken.sessions.list_sessions(limit=limit * pages, after=after)
        return [record for record in page if has(record.labels, labels)][:limit]


@mutant("sessions.labels.one")
def forgets_labels(broken: Broken) -> None:
    """Labels are taken, and not kept."""
    _keeps(broken, lambda _: {})


@mutant("sessions.labels.empty_text")
def drops_empty_labels(broken: Broken) -> None:
    """A label without a text is none."""
    _keeps(broken, lambda labels: {name: text for name, text in labels.items() if text})


@mutant("sessions.labels.unicode")
def composes_labels(broken: Broken) -> None:
    """Labels are normalised."""

    def composed(labels: Any) -> Any:
        pairs = ((unicodedata.normalize("NFC", each) for each in pair) for pair in labels.items())
        return {name: text for name, text in pairs}  # noqa: C416 - pairs are generators

    _keeps(broken, composed)


@mutant("sessions.labels.quotes")
def unescapes_labels(broken: Broken) -> None:
    """Labels go through JSON that is made by hand, without escapes."""

    def kept(labels: Any) -> Any:
        text = ",".join(f'"{name}":"{text}"' for name, text in labels.items())
        try:
            return msgspec.json.decode(f"{{{text}}}", type=dict[str, str])
        except msgspec.DecodeError:
            return {}

    _keeps(broken, kept)


@mutant("sessions.labels.unordered")
def turns_labels_around(broken: Broken) -> None:
    """A record has its labels in the order of their names, the last one first."""

    @broken.verb
    async def get_session(session_id: Any) -> Any:
        found = await broken.sessions.get_session(session_id)
        if found is not None:
            found = msgspec.structs.replace(found)
            force_setattr(found, "labels", dict([*found.labels.items()][::-1]))
        return found


@mutant("sessions.labels.longest")
def cuts_labels(broken: Broken) -> None:
    """A label's text is cut to the 255 characters of its column."""
    _keeps(broken, lambda labels: {name: text[:255] for name, text in labels.items()})


@mutant("sessions.labels.most")
def keeps_sixteen_labels(broken: Broken) -> None:
    """A record has sixteen columns for labels."""
    _keeps(broken, lambda labels: dict([*labels.items()][:16]))


@mutant("sessions.labels.none")
def labels_what_has_none(broken: Broken) -> None:
    """A record without labels gets one that says so."""
    _keeps(broken, lambda labels: labels or {"none": ""})


@mutant("sessions.labels.unchanged")
def shares_labels(broken: Broken) -> None:
    """The labels of a record are the very dict that the storage has."""
    kept: dict[Any, dict[str, str]] = {}

    @broken.verb
    async def get_session(session_id: Any) -> Any:
        found = await broken.sessions.get_session(session_id)
        if found is not None:
            force_setattr(found, "labels", kept.setdefault(session_id, dict(found.labels)))
        return found


@mutant("sessions.update.both")
def adds_labels(broken: Broken) -> None:
    """New labels come to those that there are."""

    @broken.verb
    async def update_session(session_id: Any, *, title: Any = UNSET, labels: Any = UNSET) -> Any:
        found = await broken.sessions.get_session(session_id)
        if found is not None and isinstance(labels, dict):
            labels = {**found.labels, **labels}
        return await broken.sessions.update_session(session_id, title=title, labels=labels)


@mutant("sessions.update.missing")
def labels_into_being(broken: Broken) -> None:
    """An update of a missing record makes one."""

    @broken.verb
    async def update_session(session_id: Any, **changes: Any) -> Any:
        try:
            return await broken.sessions.update_session(session_id, **changes)
        except SessionNotFoundError:
            known = {name: value for name, value in changes.items() if value is not UNSET}
            await broken.sessions.add_session(Session(id=session_id, **known))
            return await broken.sessions.get_session(session_id)


@mutant("sessions.update.nothing")
def updates_nothing(broken: Broken) -> None:
    """An update that sets nothing answers with the record."""

    @broken.verb
    async def update_session(session_id: Any, **changes: Any) -> Any:
        return await broken.sessions.update_session(session_id, **(changes or {"title": "one"}))


@mutant("sessions.labelled.exactly")
def lists_by_any_label(broken: Broken) -> None:
    """One label of several is enough to be listed."""
    _lists(broken, lambda has, wanted: any(has.get(name) == text for name, text in wanted.items()), 1000)


@mutant("sessions.labelled.pages_of_1")
def starts_pages_anew(broken: Broken) -> None:
    """With labels, the next page begins with the first record again when the last one has them."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, labels: Any = None) -> Any:
        if isinstance(after, Session) and isinstance(labels, dict) and labels:
            after = replace(after, id=UUID(int=min(after.id.int + 1, (1 << 128) - 1)))
        return await broken.sessions.list_sessions(limit=limit, after=after, labels=labels)


@mutant("sessions.labelled.pages_of_2")
def cuts_then_looks(broken: Broken) -> None:
    """A page is cut first, and then looked through for the labels."""
    _lists(broken, lambda has, wanted: wanted.items() <= has.items())


@mutant("sessions.labelled.pages_of_7")
def pages_labels_by_time_alone(broken: Broken) -> None:
    """With labels, the next page begins with the next older time."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, labels: Any = None) -> Any:
        if isinstance(after, Session) and isinstance(labels, dict) and labels:
            after = replace(after, id=UUID(int=0))
        return await broken.sessions.list_sessions(limit=limit, after=after, labels=labels)


@mutant("sessions.labelled.now")
def never_forgets_labels(broken: Broken) -> None:
    """A record is still found by a label that it had."""
    had: dict[Any, dict[str, str]] = {}

    @broken.verb
    async def add_session(session: Any) -> None:
        if isinstance(session, Session):
            had[session.id] = {**had.get(session.id, {}), **session.labels}
        await broken.sessions.add_session(session)

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, labels: Any = None) -> Any:
        if not isinstance(labels, dict) or not labels:
            return await broken.sessions.list_sessions(limit=limit, after=after, labels=labels)
        page = await broken.sessions.list_sessions(limit=1000, after=after)
        some = [each for each in page if labels.items() <= {**had.get(each.id, {}), **each.labels}.items()]
        return some[:limit]


@mutant("sessions.labelled.none")
def lists_those_without(broken: Broken) -> None:
    """A list with no label is of the records that have none."""

    @broken.verb
    async def list_sessions(*, limit: int = 100, after: Any = None, labels: Any = None) -> Any:
        page = await broken.sessions.list_sessions(limit=limit, after=after, labels=labels)
        return page if labels != {} else [record for record in page if not record.labels]


@mutant("sessions.id_of_text")
def names_sessions_loosely(broken: Broken) -> None:
    """A session whose id was made of text is taken by its time alone, which such an id has not."""
    broken.around(_by_version_alone, ["file_system"], ["list_directory"])


def _by_version_alone(call: Any) -> Any:
    async def listed(session_id: Any, *args: Any, **options: Any) -> Any:
        if getattr(session_id, "version", 7) == 5:
            session_id = UUID(int=session_id.int >> 80 << 80)
        return await call(session_id, *args, **options)

    return listed


@mutant("content.kept.label")
def composes_names_of_labels(broken: Broken) -> None:
    """The names of a record's labels are normalised when it is added."""

    @broken.verb
    async def add_session(session: Any) -> None:
        if isinstance(session, Session) and isinstance(session.labels, dict):
            pairs = session.labels.items()
            labels = {unicodedata.normalize("NFC", name): text for name, text in pairs}
            session = replace(session, labels=labels)
        await broken.sessions.add_session(session)


@mutant("content.kept.relabel")
def strips_new_labels(broken: Broken) -> None:
    """New labels lose the white space around them."""

    @broken.verb
    async def update_session(session_id: Any, **changes: Any) -> Any:
        if isinstance(changes.get("labels"), dict) and all(changes["labels"].values()):
            changes["labels"] = {name: str(text).strip() for name, text in changes["labels"].items()}
        return await broken.sessions.update_session(session_id, **changes)


@mutant("races.relabel")
def relabels_what_it_read(broken: Broken) -> None:
    """Labels are put into the record that was read, which is then added again."""

    @broken.verb
    async def update_session(session_id: Any, **changes: Any) -> Any:
        found = await broken.sessions.get_session(session_id)
        if found is None:
            return await broken.sessions.update_session(session_id, **changes)
        await asyncio.sleep(0)
        await broken.sessions.add_session(found.updated(now_ns(), **changes))
        return await broken.sessions.get_session(session_id)


@mutant("sessions.labelled.exactly")
def joins_labels(broken: Broken) -> None:
    """A label is looked for as its name, an equals sign and its text, which another's may be, too."""

    def joined(labels: Any) -> set[str]:
        return {f"{name}={text}" for name, text in labels.items()}

    @broken.verb
    async def list_sessions(*, limit: int = 100, labels: Any = None, **page: Any) -> Any:
        if not labels:
            return await broken.sessions.list_sessions(limit=limit, labels=labels, **page)
        found = await broken.sessions.list_sessions(limit=1000, **page)
        return [record for record in found if joined(labels) <= joined(record.labels)][:limit]
