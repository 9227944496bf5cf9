"""Labels of session records, and lists of those that have some."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import InvalidArgumentError, SessionNotFoundError
from everstore.models import Session
from everstore.paths import session_id_of

if TYPE_CHECKING:
    from everstore.conformance.case import Case

_NOW = 1_700_000_000_123_456_789
_MANY = {f"name {number}": str(number) for number in range(64)}


async def _listed(case: Case, labels: dict[str, str], **options: Any) -> list[Session]:
    return await case.store.sessions.list_sessions(labels=labels, **options)


def _own(case: Case, **labels: str) -> dict[str, str]:
    """Labels that no other session has, whatever else the storage holds."""
    return {"run": case.id.hex, **labels}


@table(
    "sessions.labels.{row}",
    "1.4.12",
    "1.4.13",
    rows={
        "none": ({},),
        "one": ({"user": "u1"},),
        "empty_text": ({"a": "", "b": ""},),
        "unicode": ({"Zu\u0308rich": "Z\u00fcrich", "Z\u00fcrich": "\U0001f600", "\u2028": " "},),
        "quotes": ({'"': "'; DROP TABLE sessions; --", "\\": "\\u0041", "a.b[0]": "{}", "null": "null"},),
        "unordered": ({"b": "1", "a": "2", "\uffff": "3", "\U00010000": "4", "B": "5"},),
        "longest": ({"\u00e9" * 512: "\U0001f600" * 256, "x" * 1024: "y" * 1024},),
        "most": (_MANY,),
    },
    since="1.2",
    likely="labels are kept in a column that is too narrow, or not at all",
)
async def kept(case: Case, labels: dict[str, str]) -> None:
    """A record keeps its labels, in the order of their names, whichever way they came: {row}."""
    record = Session(case.id, "a title", _NOW, labels=labels)
    await case.store.sessions.add_session(record)
    created = await case.store.create_session(session_id=case.new_id(), labels=labels)
    updated = await case.store.create_session("a title", session_id=case.new_id(), labels={"old": "1"})
    updated = await case.store.sessions.update_session(updated.id, labels=labels)
    for each in (record, created, updated):
        found = await case.store.sessions.get_session(each.id)
        assert found == each
        assert found is not None
        assert [*found.labels.items()] == sorted(labels.items())
        after = Session(each.id, created_ns=each.created_ns + 1)
        assert each in await _listed(case, labels, after=after, limit=1000)


@check("sessions.labels.unchanged", "1.4.12", since="1.2", likely="a record shares a dict with the storage")
async def unchanged(case: Case) -> None:
    """Who was given a record, or gave its labels, cannot change what is kept."""
    given = {"a": "1"}
    record = Session(case.id, None, _NOW, labels=given)
    await case.store.sessions.add_session(record)
    given["b"] = "2"
    found = await case.store.sessions.get_session(case.id)
    assert found is not None
    try:
        cast("dict[str, str]", found.labels)["c"] = "3"
    except TypeError:
        pass
    else:
        raise AssertionError("the labels of a record could be changed")
    assert hash(found) == hash(record)
    again = await case.store.sessions.get_session(case.id)
    assert again == Session(case.id, None, _NOW, labels={"a": "1"})


@check(
    "sessions.update.both",
    "1.4.10",
    since="1.2",
    likely="what is not given becomes None, or labels are added",
)
async def update_both(case: Case) -> None:
    """A title, all labels, or both are set; what is not given stays, and updated_at moves."""
    old = await case.store.create_session("one", session_id=case.id, labels={"a": "1", "b": "1"})
    steps: list[tuple[dict[str, Any], str | None, dict[str, str]]] = [
        ({"title": "two"}, "two", {"a": "1", "b": "1"}),
        ({"labels": {"b": "2"}}, "two", {"b": "2"}),
        ({"title": "", "labels": {"c": "3", "d": ""}}, "", {"c": "3", "d": ""}),
        ({"title": None}, None, {"c": "3", "d": ""}),
        ({"title": "three", "labels": {}}, "three", {}),
        ({"labels": {"a": "1"}}, "three", {"a": "1"}),
    ]
    for changes, title, labels in steps:
        new = await case.store.sessions.update_session(case.id, **changes)
        assert (new.id, new.title, new.labels, new.created_ns) == (case.id, title, labels, old.created_ns)
        assert new.updated_ns > old.updated_ns
        assert await case.store.sessions.get_session(case.id) == new
        old = new
    retitled = await case.store.sessions.update_session_title(case.id, "four")
    assert (retitled.title, retitled.labels) == ("four", {"a": "1"})


@check("sessions.update.missing", "1.4.11", since="1.2", likely="the record is created, or nothing is told")
async def update_missing(case: Case) -> None:
    """Without a record it is SessionNotFoundError, and makes none, nor is it found by the labels."""
    await case.files.write_file("a", "x")
    with refused(SessionNotFoundError):
        await case.store.sessions.update_session(case.id, title="two", labels=_own(case))
    assert await case.store.sessions.get_session(case.id) is None
    assert await _listed(case, _own(case)) == []


@check("sessions.update.nothing", "1.4.11", since="1.2", likely="a call without a change moves updated_at")
async def update_nothing(case: Case) -> None:
    """A call that sets nothing is refused, with a record and without."""
    created = await case.store.create_session("one", session_id=case.id)
    for each in (case.id, case.new_id()):
        with refused(InvalidArgumentError):
            await case.store.sessions.update_session(each)
    assert await case.store.sessions.get_session(case.id) == created


@check(
    "sessions.labelled.exactly",
    "1.4.14",
    since="1.2",
    likely="names and texts are joined, folded or compared by a pattern, or one label of several is enough",
)
async def exactly(case: Case) -> None:
    """A list has the records with all of the labels, byte for byte, and no others."""
    case_of = [
        {"user": "u1"}, {"user": "U1"}, {"User": "u1"}, {"user": "u1 "}, {"user": "u"}, {"use": "ru1"},
        {"user": "u%"}, {"u_er": "u1"}, {"user": "u1", "app": "x"}, {"app": "x"}, {"u1": "user"},
        {"name": "Z\u00fcrich"}, {"name": "Zu\u0308rich"}, {"user": "x", "app": "u1"}, {"user": ""}, {},
        *(labels for mark in "=:/,;| \t\x1f" for labels in ({"a": f"b{mark}c"}, {f"a{mark}b": "c"})),
    ]  # fmt: skip
    records = [
        Session(case.new_id(), str(number), _NOW - number, labels=_own(case, **labels))
        for number, labels in enumerate(case_of)
    ]
    for record in records:
        await case.store.sessions.add_session(record)
    for wanted in [*case_of, {"user": "u1", "name": "x"}, {"nobody": "has it"}, {"app": "x", "user": "u1"}]:
        expected = [record for record in records if wanted.items() <= record.labels.items()]
        assert await _listed(case, _own(case, **wanted)) == expected


@table(
    "sessions.labelled.pages_of_{row}",
    "1.4.14",
    rows={"1": (1,), "2": (2,), "7": (7,)},
    since="1.2",
    likely="a page is cut before the labels are looked at, or goes on where its last record has no label",
)
async def pages(case: Case, size: int) -> None:
    """Pages have every record with the labels once, newest first, full while there are more: {row}."""
    records: list[Session] = []
    for number in range(24):
        extra = {"even": "1"} if number % 2 == 0 else {}
        extra |= {"third": "1"} if number % 3 == 0 else {}
        # Several are of one time.
        records.append(Session(case.new_id(), str(number), _NOW + number // 4, labels=_own(case, **extra)))
        await case.store.sessions.add_session(records[-1])
    records.sort(key=lambda record: (record.created_ns, record.id), reverse=True)
    for wanted in (_own(case), _own(case, even="1"), _own(case, third="1", even="1")):
        expected = [record for record in records if wanted.items() <= record.labels.items()]
        listed: list[Session] = []
        while page := await _listed(case, wanted, limit=size, after=listed[-1] if listed else None):
            listed += page
            assert len(listed) <= len(expected)  # or it would go on for ever
            assert len(page) == size or len(listed) == len(expected)
        assert listed == expected
    # A page may follow a record that has none of the labels, and one that is no more.
    for before, last in pairwise(records):
        await case.store.sessions.delete_session(before.id)
        newest = await _listed(case, _own(case), limit=1, after=before)
        assert newest == [last]


@check(
    "sessions.labelled.now",
    "1.4.15",
    "1.4.14",
    since="1.2",
    likely="the index is added to, and what a record had before stays in it",
)
async def now(case: Case) -> None:
    """A record that is updated, replaced, or deleted is found by what it has now, where it is now."""
    one, two = (Session(case.new_id(), None, _NOW - age, labels=_own(case, a="1", b="1")) for age in (0, 5))
    for record in (one, two):
        await case.store.sessions.add_session(record)
    sessions = case.store.sessions

    async def listed(**labels: str) -> list[Any]:
        return [record.id for record in await _listed(case, _own(case, **labels))]

    await sessions.update_session(one.id, labels=_own(case, a="2", b="1"))
    assert [await listed(a="1"), await listed(a="2"), await listed(b="1")] == [
        [two.id],
        [one.id],
        [one.id, two.id],
    ]
    await sessions.update_session(one.id, title="titled")
    assert await listed(a="2", b="1") == [one.id]
    await sessions.add_session(Session(one.id, None, _NOW - 9, labels=_own(case, a="1", b="1")))
    assert [await listed(a="2"), await listed(a="1", b="1")] == [[], [two.id, one.id]]
    await sessions.add_session(Session(two.id, None, _NOW - 5))
    assert [await listed(), await listed(a="1")] == [[one.id], [one.id]]
    await sessions.update_session(one.id, labels={})
    assert await listed() == []
    await sessions.update_session(one.id, labels=_own(case, a="1"))
    assert await listed(a="1") == [one.id]
    await sessions.delete_session(one.id)
    assert await listed() == []
    await sessions.add_session(Session(one.id, None, _NOW))
    assert [await listed(), await listed(a="1")] == [[], []]


@check(
    "sessions.labelled.none", "1.4.14", since="1.2", likely="a list without labels is of those without any"
)
async def listed_by_none(case: Case) -> None:
    """A list with no label is the list of all records, those without labels too."""
    records = [
        Session(case.new_id(), None, _NOW - age, labels=labels)
        for age, labels in enumerate([{}, {"a": "1"}, {}])
    ]
    for record in records:
        await case.store.sessions.add_session(record)
    after = Session(case.id, None, _NOW + 1)
    expected = await case.store.sessions.list_sessions(limit=1000, after=after)
    assert [record for record in expected if record in records] == records
    assert await _listed(case, {}, limit=1000, after=after) == expected


@check("sessions.id_of_text", "1.1.4", since="1.2", likely="text becomes an id in another way than elsewhere")
async def id_of_text(case: Case) -> None:
    """A framework's own name makes the same id everywhere, under which a session is what it is under any."""
    vectors = {
        ("thread-42",): "b7304d9f-adeb-55df-ae39-55a56669ea68",
        ("a", "bc"): "09589e5e-df93-5c54-bf6c-9453badd26b0",
    }
    assert {parts: str(session_id_of(*parts)) for parts in vectors} == vectors
    parts = [("a", "bc"), ("ab", "c"), ("abc",), ("a", "b", "c"), ("1:a,2:bc,",), ("Z\u00fc",), ("Zu\u0308",)]
    assert len({session_id_of(*each) for each in parts}) == len(parts)
    for wrong in ((), (1,), (b"a",), ("a", None), ("\ud800",)):
        with refused(InvalidArgumentError):
            session_id_of(*cast("tuple[str, ...]", wrong))
    work = case.store.session(session_id_of("everstore conformance", case.id.hex))
    await work.files.write_file("a", "x")
    root = await work.files.stat_file("/")
    assert root is not None
    assert [info.path for info in await work.files.list_directory("/")] == ["/a"]
    assert await case.store.delete_session(work.id) is True
