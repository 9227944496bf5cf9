"""What becomes of forks: chains of them, one deleted and the other whole, ends on both sides."""

from __future__ import annotations

from functools import partial
from itertools import permutations
from typing import TYPE_CHECKING, Any

from everstore.changes import Write, WriteBytes
from everstore.clock import turned
from everstore.conformance.case import Mismatch, each
from everstore.conformance.forked import (
    LARGE,
    fork_both,
    forked,
    held,
    require_held,
    several_of_everything,
)
from everstore.conformance.registry import OWN_FILES
from everstore.conformance.registry import check as any_check
from everstore.conformance.registry import table as any_table
from everstore.conformance.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from everstore.conformance.case import Case
    from everstore.store import Store

    Remove = Callable[[Case, Scene], Awaitable[Any]]

check = partial(any_check, since="1.3", needs=("forks",))
table = partial(any_table, since="1.3", needs=("forks",))


async def _purge(case: Case, scene: Scene) -> None:
    await case.store.file_system.purge_session(scene.id)
    await case.store.storage.purge_session(scene.id)


async def _delete(_: Case, scene: Scene) -> None:
    for info in await scene.files.list_directory():
        if info.name != "kept":  # which is read-only
            await scene.files.delete_file(info.path, recursive=True, strict=True)
    for key in await scene.storage.list_keys():
        await scene.storage.delete_value(key.key)


async def _overwrite(_: Case, scene: Scene) -> None:
    for info in await scene.files.glob_files("**"):
        if not info.is_readonly:
            await scene.files.write_file(info.path, "overwritten")
    for key in await scene.storage.list_keys():
        await scene.storage.set_value(key.key, "overwritten")


async def _delete_session(case: Case, scene: Scene) -> None:
    await case.store.delete_session(scene.id)


async def _replace(case: Case, scene: Scene) -> None:
    aside = case.new_id()
    await fork_both(case.store, case.new_id(), scene.id, replaced=aside)
    await _purge(case, Scene(case.store, aside))


@table(
    "forks.gone.{row}",
    "3.14.3", "6.6.2", "1.5.1",
    rows={
        "purged": (_purge,),
        "deleted": (_delete,),
        "overwritten": (_overwrite,),
        "session_deleted": (_delete_session,),
        "replaced": (_replace,),
    },
    likely="a content is freed with the first who has it, or only with the one who brought it",
)  # fmt: skip
async def gone(case: Case, remove: Remove) -> None:
    """Whichever of a session, its fork and the fork's goes first, the others stay whole: {row}."""
    await each(partial(_require_whole, case, remove), [*permutations(range(3))])


async def _require_whole(case: Case, remove: Remove, order: tuple[int, ...]) -> None:
    """Remove them in an order; what is left of them must be as it was."""
    first = Scene(case.store, case.new_id())
    await first.fill(record=False)
    await first.files.apply_changes(
        [Write("large", LARGE), WriteBytes("large bytes", LARGE.encode() + b"\xff")]
    )
    scenes = [first, await forked(case, first.id)]
    scenes.append(await forked(case, scenes[1].id))
    await scenes[2].files.append_file("large", "more")
    before = [await held(case, scene.id) for scene in scenes]
    for number, which in enumerate(order):
        await remove(case, scenes[which])
        for other in order[number + 1 :]:
            require_held(before[other], await held(case, scenes[other].id), f"fork {other} after {which}")


@check(
    "forks.chain", "3.14.1", "3.14.3",
    likely="a fork shows its source through what lies between, and what changes there shows, too",
)  # fmt: skip
async def chain(case: Case) -> None:
    """In a chain of forks each has what its source had then, whatever was done to any of them later."""
    scenes, kept = [Scene(case.store, case.id)], list[dict[str, Any]]()
    await scenes[0].fill()
    for turn in range(6):
        now = scenes[-1]
        await now.files.append_file("a", f"{turn}")
        await now.files.move_file(f"d{turn - 1}" if turn else "d", f"d{turn}")
        await now.files.write_file(f"new {turn}", "x")
        await now.files.delete_file("empty" if turn == 2 else "none")
        await now.storage.increment_value("n")
        scenes.append(await forked(case, now.id))
        kept.append(await held(case, now.id))
    await _purge(case, scenes[3])
    kept[3] = {}
    for turn in (0, 2, 4):
        await scenes[turn].files.write_file("new 0", "later")
        await scenes[turn].files.append_file("a", "later")
        await scenes[turn].storage.set_value("k", "later")
        kept[turn] = await held(case, scenes[turn].id)
    for turn, before in enumerate(kept):
        require_held(before, await held(case, scenes[turn].id), f"number {turn} of a chain of forks")
    require_held(kept[5], await held(case, scenes[6].id), "the last of a chain of forks")


@check(
    "forks.again", "3.14.4", "3.14.3", "1.5.3",
    likely="what a session shared once is still known of it when it begins anew",
)  # fmt: skip
async def again(case: Case) -> None:
    """A fork that was emptied takes another fork, in both directions, and again."""
    one, other = Scene(case.store, case.id), Scene(case.store, case.new_id())
    await several_of_everything(one)
    for turn in range(4):
        await fork_both(case.store, one.id, other.id)
        await other.files.write_file("turn", f"{turn}")
        await _purge(case, one)
        one, other = other, one
    got = await held(case, one.id)
    for place, text in (("file /turn", "3"), ("file /large", LARGE)):
        if place not in got or got[place][0] != text:
            raise Mismatch.of(text, got.get(place), place)


@any_check(
    "forks.ends", "6.6.1", "6.6.2", "6.6.3", "6.5.1", "6.5.8",
    since="1.3",
    needs=("forks", "time_to_live"),
    likely="an end is kept beside the text, and stays behind, is counted anew, or is shared",
)  # fmt: skip
async def ends(case: Case) -> None:
    """Values end on each side when they did at the fork, whatever the other does, and none comes back."""
    source, gone_already = Scene(case.store, case.id), case.new_id()
    for key, ttl in (("over", 60), ("hour", 3600), ("touched", 3600), ("kept", None)):
        await source.storage.set_value(key, "x", ttl=ttl)
    await case.store.session(gone_already).storage.set_value("over", "x", ttl=60)
    with turned(120):
        target = Scene(case.store, gone_already)  # whose only value is over
        await fork_both(case.store, source.id, target.id)
        assert [key.key for key in await target.storage.list_keys()] == ["hour", "kept", "touched"]
        ends = [(key.key, key.expires_ns) for key in await target.storage.list_keys()]
        assert ends == [(key.key, key.expires_ns) for key in await source.storage.list_keys()]
        await target.storage.touch_value("touched", ttl=None)
        await source.storage.touch_value("kept", ttl=600)
        assert await target.storage.increment_value("over") == 1
    with turned(3500):
        assert [key.key for key in await source.storage.list_keys()] == ["hour", "touched"]
        names = ["hour", "kept", "over", "touched"]
        assert [key.key for key in await target.storage.list_keys()] == names
    with turned(3700):
        assert await source.storage.list_keys() == []
        assert [key.key for key in await target.storage.list_keys()] == ["kept", "over", "touched"]
        assert await target.storage.get_value("hour") is None
        assert await case.store.storage.purge_session(source.id) is False


_MANY, _EACH = 24, 60_000


def _room(case: Case) -> int:
    """Bytes that the storage's files take."""
    files = {
        file
        for place in case.subject.own_places()
        for file in ([*place.rglob("*")] if place.is_dir() else place.parent.glob(f"{place.name}*"))
    }
    return sum(file.stat().st_blocks * 512 for file in files if file.is_file())


async def _fork_some(store: Store, source: UUID, targets: list[UUID]) -> None:
    for target in targets:
        await fork_both(store, source, target)


async def _copy_some(store: Store, source: UUID, targets: list[UUID]) -> None:
    for target in targets:
        await store.file_system.copy_file(source, "d", f"copy {target}")


@any_check(
    "durability.space_of_forks",
    "3.14.7", "7.4.10",
    level="durable",
    since="1.3",
    tags=("durability",),
    needs=("durable", "forks", OWN_FILES),
    likely="contents are written again for each who has them, or stay when the last one goes",
)  # fmt: skip
async def space(case: Case) -> None:
    """Forks and copies of contents take little room, and when all are gone their room is used again."""
    sizes = list[int]()
    for turn, make in enumerate((_fork_some, _copy_some, _fork_some)):
        scene = Scene(case.store, case.new_id())
        with case.trace.paused():
            for number in range(_MANY):
                await scene.files.write_bytes(f"d/{number}", case.random.randbytes(_EACH))
            await case.reopen()
            before = _room(case)
            targets = [case.new_id() for _ in range(4)]
            await make(case.store, scene.id, targets)
            await case.reopen()
            more = _room(case) - before
            if more > _MANY * _EACH:
                raise Mismatch(
                    f"little room for four times {_MANY * _EACH} bytes that are there already", f"{more}"
                )
            for session_id in (scene.id, *targets):
                await case.store.delete_session(session_id)
        sizes.append(before)
        assert turn == 0 or sizes[-1] < sizes[0] + _MANY * _EACH, f"room that is not used again: {sizes}"
