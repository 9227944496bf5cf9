"""Time: every backend reads everstore's clock, and does right when that is turned or stands still."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.clock import now_ns, stopped, turned
from everstore.conformance.acts import CHANGING, LOOKING, Act
from everstore.conformance.case import Mismatch, snapshot
from everstore.conformance.checks.expiry import names, require_an_end, require_end
from everstore.conformance.children import Job, Nursery
from everstore.conformance.registry import check, product, table
from everstore.conformance.scene import Scene
from everstore.conformance.showing import shown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.models import Session
    from everstore.session import BoundStorage
    from everstore.store import Store

_DAY = 86_400
_MONTH = 30 * _DAY
_HOUR_NS = 3600 * 10**9  # a server's clock is not ours, but not so far from it either
_LEAST_NS = 1000
_SEAM = "the time is read elsewhere: take everstore.clock.now_ns() for time.time_ns()"

_STAMPS_NOTHING = {
    **dict.fromkeys(LOOKING, "it stamps nothing"),
    **{name: "it stamps nothing" for name in CHANGING if name.startswith(("delete", "purge", "replace"))},
    "touch": "it stamps nothing",
    **dict.fromkeys(
        ("restore_times_of_files", "restore_times_of_storage"), "the times that it gives are the caller's"
    ),
    "add_record": "a record's times are the caller's",
}


async def _stamped(scene: Scene) -> dict[str, Any]:
    """All that has times in the session; files by their id, so that what is moved is the same thing."""
    seen: dict[str, Any] = await snapshot(scene.store.session(scene.id))
    found = {str(info.id) if place.startswith("file ") else place: info for place, (info, _) in seen.items()}
    found["record"] = await scene.store.sessions.get_session(scene.id)
    return found


def _require_times(before: dict[str, Any], after: dict[str, Any]) -> None:
    """What is new has the clock's time; what changed was moved on, to the clock's time if that is later."""
    now = now_ns()
    for place, info in after.items():
        was = before.get(place)
        if info == was:
            continue
        earliest = _LEAST_NS + was.updated_ns if was else now - _HOUR_NS
        latest = _HOUR_NS + max(now, earliest)
        if not max(earliest, now - _HOUR_NS) <= info.updated_ns <= latest:
            raise Mismatch(
                f"{place!r} with updated_at a microsecond after {was.updated_at}, or at the clock's time"
                if was
                else f"a new {place!r} at the clock's time, {now}",
                f"{info.updated_at}, {info.updated_ns}",
                field="updated_at" if was and info.updated_ns <= was.updated_ns else None,
            )
        created = was.created_ns if was else info.updated_ns
        if info.created_ns != created:
            raise Mismatch(f"{place!r} with created_at {created}", f"{info.created_ns}")


@product(
    "clock.turned.{act}",
    "3.2.6",
    "6.1.6",
    "7.7.1",
    likely=_SEAM,
    empty=_STAMPS_NOTHING,
    level="standard",
    since="1.1",
)
async def times_when_turned(case: Case, act: Act) -> None:
    """New things have the clock's time and changed ones move on, whichever way it was turned: {act}."""
    for seconds in (_DAY, -_DAY):
        scene = Scene(case.store, case.new_id())
        await scene.fill()
        await case.store.sessions.update_session_title(scene.id, "changed today")
        before = await _stamped(scene)
        with turned(seconds):
            await act.call(scene)
            _require_times(before, await _stamped(scene))


@check("clock.read", "7.7.1", likely=_SEAM, since="1.1")
async def read(case: Case) -> None:
    """Files, values, secrets and titles are stamped with everstore's clock, into which hour it is turned."""
    for seconds in (_MONTH, -_MONTH):
        session = case.session()
        with turned(seconds):
            record = await case.store.create_session("one", session_id=session.id)
            with turned(seconds):
                retitled = await case.store.sessions.update_session_title(session.id, "two")
            await session.storage.set_value("k", "x")
            await session.storage.set_secret("s", "x")
            [key], [secret] = await session.storage.list_keys(), await session.storage.list_secrets()
            written = await session.files.write_file("d/a", "x")
            [parent] = await session.files.list_directory()
            for each in (written, parent, key, secret, record):
                for at in (each.created_ns, each.updated_ns):
                    if abs(at - now_ns()) > _HOUR_NS:
                        raise Mismatch(
                            f"{shown(each)} of {now_ns()} ns", f"{at} ns, {(at - now_ns()) / 1e9:g} s off"
                        )
        if seconds > 0:
            assert abs(retitled.updated_ns - record.created_ns - seconds * 10**9) < _HOUR_NS
        assert retitled.updated_ns > record.updated_ns


@check(
    "clock.still", "3.2.6", "6.1.6", "1.4.3", likely="updated_at is the time, or later than it only by luck",
    since="1.1",
)  # fmt: skip
async def still(case: Case) -> None:
    """While the clock stands still, or is set back between two of them, every change moves updated_at on."""
    seen: dict[str, list[int]] = {"file": [], "value": [], "secret": [], "title": []}
    await case.store.create_session("title", session_id=case.id)
    with stopped():
        for turn in range(12):
            with turned(-turn % 3 * _DAY):
                await case.storage.set_value("k", "x")
                await case.storage.set_secret("s", "x")
                [key], [secret] = await case.storage.list_keys(), await case.storage.list_secrets()
                seen["file"].append((await case.files.write_file("a", "x")).updated_ns)
                seen["value"].append(key.updated_ns)
                seen["secret"].append(secret.updated_ns)
                renamed = await case.store.sessions.update_session_title(case.id, f"title {turn}")
                seen["title"].append(renamed.updated_ns)
    for what, times in seen.items():
        steps = [later - earlier for earlier, later in pairwise(times)]
        if min(steps) < _LEAST_NS:
            raise Mismatch(f"updated_at of a {what} to move on by a microsecond each time", f"{steps}")


@table(
    "clock.expired.{row}",
    "6.5.1",
    "6.5.4",
    "7.7.1",
    rows={
        "get_value": (lambda storage: storage.get_value("gone"), "7", None),
        "stat_value": (lambda storage: storage.stat_value("gone"), ..., None),
        "list": (names, ["gone", "kept", "gone", "kept"], ["kept", "kept"]),
        "get_secret": (lambda storage: storage.get_secret("gone"), "7", None),
        "increment_value": (lambda storage: storage.increment_value("gone"), 8, 1),
        "delete_value": (lambda storage: storage.delete_value("gone"), True, False),
        "delete_secret": (lambda storage: storage.delete_secret("gone"), True, False),
    },
    likely=_SEAM,
    needs=("time_to_live",),
    since="1.1",
)
async def expired(
    case: Case, call: Callable[[BoundStorage], Awaitable[object]], there: object, over: object
) -> None:
    """A second before its time a value or secret is there, a second after it is absent: {row}."""
    for seconds, expected in ((3599, there), (3601, over)):
        storage = case.session().storage
        for name, ttl in (("gone", 3600), ("kept", None)):
            await storage.set_value(name, "7", ttl=ttl)
            await storage.set_secret(name, "7", ttl=ttl)
        await require_an_end(storage, "gone")
        with turned(seconds):
            answer = await call(storage)
        assert answer is not None if expected is ... else answer == expected


@table(
    "clock.time_to_live.{row}",
    "6.5.5",
    rows={"ahead": (_MONTH,), "behind": (-_MONTH,)},
    likely="the time to live is added to updated_at, which never goes back",
    needs=("time_to_live",),
    since="1.1",
)
async def counts_from_the_clock(case: Case, seconds: float) -> None:
    """A time to live counts from the clock's time, whenever the value was touched before: {row}."""
    with turned(seconds):
        await case.storage.set_value("k", "1")
        await case.storage.set_value("k", "1", ttl=4 * _MONTH)
        await case.storage.set_secret("s", "1")
        await case.storage.increment_value("k")
    await case.storage.set_value("k", "1", ttl=3600)
    await case.storage.set_secret("s", "1", ttl=3600)
    await case.storage.increment_value("k")
    assert await names(case.storage) == ["k", "s"]
    [key], [secret] = await case.storage.list_keys(), await case.storage.list_secrets()
    for what, info in (("value", key), ("secret", secret)):
        require_end(info.expires_ns, 3600, f"the {what}")
    with turned(3599):
        assert (await case.storage.get_value("k"), await case.storage.get_secret("s")) == ("2", "1")
    with turned(3601):
        assert (await case.storage.get_value("k"), await case.storage.get_secret("s")) == (None, None)


async def _revision(case: Case) -> str:
    await case.storage.set_value("k", "x")
    info = await case.storage.stat_value("k")
    return info.revision if info else ""


@table(
    "clock.revisions.{row}",
    "4.1.2",
    rows={
        "delete": (lambda case: case.files.delete_file("/d", recursive=True),),
        "move_away": (lambda case: case.files.move_file("/d", f"/{case.random.random()}"),),
        "delete_session": (lambda case: case.store.delete_session(case.id),),
    },
    likely="revisions are the time, moved on while there is something that remembers the last one",
    since="1.1",
)
async def revisions_of_one_moment(case: Case, remove: Callable[[Case], Awaitable[object]]) -> None:
    """No revision comes back where the clock stands still or shows a moment again: {row}."""
    files, values = [], []
    with stopped():
        for turn in range(12):
            with turned(turn % 3):
                files.append((await case.files.write_file("d/a", "x")).revision)
                values.append(await _revision(case))
                await remove(case)
                await case.storage.delete_value("k")
    for what, revisions in (("file", files), ("value", values)):
        again = [revision for revision, count in Counter(revisions).items() if count > 1]
        if again:
            raise Mismatch(f"{len(revisions)} revisions of one {what}", f"{shown(again)} more than once")


@check("clock.ids", "3.2.5", likely="ids are made of the time", since="1.1")
async def ids_of_one_moment(case: Case) -> None:
    """Entries of one moment have ids of their own: written, copied, seeded or made on the way."""
    with stopped():
        for number in range(40):
            await case.files.write_file(f"d/{number}/a", "x")
            if number % 8 == 7:
                await case.files.copy_file("d", f"copy {number}")
                await case.files.delete_file(f"d/{number}/a")
                await case.files.write_file(f"d/{number}/a", "x")
    seen: dict[str, Any] = await case.snapshot()
    ids = [info.id for info, _ in seen.values()]
    assert len(ids) > 200
    again = [one for one, count in Counter(ids).items() if count > 1]
    if again:
        same = [place for place, (info, _) in seen.items() if info.id == again[0]]
        raise Mismatch(f"ids of their own for {len(ids)} entries", f"{again[0]} for {shown(same, 300)}")


@check(
    "clock.records", "1.4.5", "1.4.6", "1.4.8",
    likely="records are listed by when they came in, or times that are equal end a page",
    level="standard",
    since="1.1",
)  # fmt: skip
async def records_of_a_turned_clock(case: Case) -> None:
    """Records are listed by their time of creation and then id, whichever way the clock went meanwhile."""
    made = []
    with stopped(), turned(100 * 365 * _DAY):  # so they come first, whatever else the storage holds
        for turn in range(12):
            with turned(-turn % 3 * _DAY):
                made.append(await case.store.create_session(f"{turn}"))
                case.new_id(made[-1].id)
    expected = sorted(made, key=lambda each: (each.created_ns, each.id), reverse=True)
    listed: list[Session] = []
    while len(listed) < len(made):
        page = await case.store.sessions.list_sessions(limit=5, after=listed[-1] if listed else None)
        assert page, "a page that is empty before the last record"
        listed += page
    assert [each for each in listed if each in made] == expected


_CHANGES = "everstore.conformance.checks.clock:change_all"


async def change_all(store: Store, tell: Callable[[object], None], session: str, ttl: float | None) -> None:
    """What a process does whose clock differs: change one of each, and tell their times and revisions."""
    tell(await _changed(store, UUID(session), ttl))


async def _changed(store: Store, session_id: UUID, ttl: float | None) -> dict[str, Any]:
    session = store.session(session_id)
    written = await session.files.write_file("a", "x")
    await session.storage.set_value("k", "x", ttl=ttl)
    await session.storage.set_secret("s", "x", ttl=ttl)
    if await store.sessions.get_session(session_id) is None:
        await store.create_session("title", session_id=session_id)
    record = await store.sessions.update_session_title(session_id, "title")
    [key], [secret] = await session.storage.list_keys(), await session.storage.list_secrets()
    return {
        "updated": [each.updated_ns for each in (written, key, secret, record)],
        "revisions": [each.revision for each in (written, key, secret)],
        "expires": [key.expires_ns, secret.expires_ns],
    }


@check(
    "clock.processes", "3.2.6", "4.1.2", "6.1.6", "6.5.5",
    likely="what keeps times in order is known to one process only",
    level="durable",
    needs=("durable", "time_to_live"),
    tags=("durability",),
    since="1.1",
)  # fmt: skip
async def processes_with_other_clocks(case: Case) -> None:
    """Processes whose clocks differ by months change the same things, in the order of their changes."""
    changes: list[dict[str, Any]] = []
    await case.store.close()
    async with Nursery(case.subject) as nursery:
        for seconds in (_MONTH, 0, -_MONTH):
            arguments = {"session": str(case.id), "ttl": 3 * _MONTH}
            await nursery.start(Job(_CHANGES, arguments, seconds))
            changes += [told async for told in nursery.told()]
            case.store = await case.open()
            changes.append(await _changed(case.store, case.id, 3600))
            await case.store.close()
    ours = changes[1::2]
    for earlier, later in pairwise(changes):
        steps = [two - one for one, two in zip(earlier["updated"], later["updated"], strict=True)]
        if min(steps) < _LEAST_NS:
            raise Mismatch("updated_at of file, value, secret and record to move on", f"{steps}")
    for end in [end for change in ours for end in change["expires"]]:
        require_end(end, 3600, "what was set by another process")
    revisions = [each for change in changes for each in change["revisions"]]
    assert len(set(revisions)) == len(revisions)
