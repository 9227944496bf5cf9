"""Limits of forks: none refuses one, each session has its own, and counts what it shows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from everstore.conformance.case import Mismatch, refused
from everstore.conformance.forked import fork_both, forked, held, require_held
from everstore.conformance.registry import check as any_check
from everstore.conformance.scene import Scene
from everstore.errors import QuotaExceededError

if TYPE_CHECKING:
    from everstore.conformance.case import Case

check = partial(any_check, since="1.3", needs=("forks",))

_LIMITS = {"session_entries": 6, "session_bytes": 40, "session_keys": 4, "session_value_bytes": 400}


async def _limited(case: Case) -> Scene:
    """A session with limits of its own, which are reached but for one of each."""
    session_id = case.new_id()
    await case.store.create_session(session_id=session_id, limits=_LIMITS)
    scene = Scene(case.store, session_id)
    for number in range(5):
        await scene.files.write_file(f"{number}", "x" * 7)
    for number in range(3):
        await scene.storage.set_value(f"{number}", "x" * 100)
    return scene


async def _require_room(scene: Scene) -> None:
    """There is room for one more of each, of five bytes, and for nothing besides."""
    try:
        await scene.files.write_file("one", "x" * 5)
        await scene.storage.set_value("one", "x" * 90)
    except QuotaExceededError as error:
        raise Mismatch("room for as much as the limits allow", str(error)) from error
    calls = (
        lambda: scene.files.create_directory("two"),
        lambda: scene.files.append_file("one", "x"),
        lambda: scene.storage.set_value("two", ""),
        lambda: scene.storage.set_value("one", "x" * 100),
    )
    for call in calls:
        with refused(QuotaExceededError):
            await call()


@check(
    "forks.limits.taken", "3.14.6", "6.6.2", "1.8.1",
    likely="limits stay with the source, or both count what they share together, or once",
)  # fmt: skip
async def limits_taken(case: Case) -> None:
    """A fork has its source's own limits, and each of the two has room for as much as it would have alone."""
    source = await _limited(case)
    forks = [await forked(case, source.id) for _ in range(2)]
    for scene in (forks[0], source, forks[1]):
        await _require_room(scene)
    usage = await case.store.usage(forks[1].id)
    assert (usage.files, usage.bytes, usage.values) == (6, 40, 4)


@check(
    "forks.limits.kept", "3.14.6", "6.6.2", "7.4.1",
    likely="a fork is refused as a write would be, or the target's own limits are lost with it",
)  # fmt: skip
async def limits_kept(case: Case) -> None:
    """A target's own limits stay, and refuse not the fork but what comes after it."""
    source, target = Scene(case.store, case.id), Scene(case.store, case.new_id())
    await source.fill()
    limits = dict.fromkeys(_LIMITS, 2)
    await case.store.create_session(session_id=target.id, limits=limits)
    await fork_both(case.store, source.id, target.id)
    require_held(await held(case, source.id), await held(case, target.id), "a fork beyond its limits")
    with refused(QuotaExceededError) as caught:
        await target.files.write_file("new", "")
    assert caught.error.allowed == 2
    with refused(QuotaExceededError):
        await target.storage.set_value("new", "")
    await target.files.delete_file("a")
    await source.files.write_file("new", "x" * 100)


@check(
    "forks.limits.replaced", "3.14.6", "6.6.2", "1.8.4",
    likely="limits go with what they were about: into what is replaced, or in from the source",
)  # fmt: skip
async def limits_of_replaced(case: Case) -> None:
    """Where a session is replaced by what it was, all three keep the limits that they had."""
    source, target = await _limited(case), await _limited(case)
    aside, free = Scene(case.store, case.new_id()), Scene(case.store, case.new_id())
    await target.files.delete_file("0")
    await target.storage.delete_value("0")
    await fork_both(case.store, source.id, target.id, replaced=aside.id)
    await _require_room(target)
    await _require_room(source)
    for number in range(9):
        await aside.files.write_file(f"more {number}", "x" * 9)
        await aside.storage.set_value(f"more {number}", "x" * 99)
    await fork_both(case.store, source.id, free.id, replaced=case.new_id())
    await free.files.write_file("more", "x" * 99)
    for number in range(9):
        await free.storage.set_value(f"more {number}", "x" * 99)


@check(
    "forks.limits.counted", "3.14.6", "7.4.1", "7.4.3",
    level="standard",
    likely="what is counted is counted up and down by writes, and a fork or a rewind brings other numbers",
)  # fmt: skip
async def limits_counted(case: Case) -> None:
    """Under limits of the store, what a fork or a rewind leaves has exactly the room that is left."""
    await case.store.close()
    case.store = await case.open(**{f"limits__{name}": most for name, most in _LIMITS.items()})
    source, target = Scene(case.store, case.id), Scene(case.store, case.new_id())
    for number in range(5):
        await source.files.write_file(f"{number}", "x" * 7)
    for number in range(3):
        await source.storage.set_value(f"{number}", "x" * 100)
    await fork_both(case.store, source.id, target.id)
    await _require_room(target)
    await fork_both(case.store, source.id, target.id, replaced=case.new_id())
    await _require_room(target)
    await fork_both(case.store, case.new_id(), target.id, replaced=case.new_id())
    for number in range(5):
        await target.files.write_file(f"{number}", "x" * 7)
    for number in range(3):
        await target.storage.set_value(f"{number}", "x" * 100)
    await _require_room(target)
