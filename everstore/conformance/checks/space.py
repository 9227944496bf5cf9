"""What is gone takes no room for good."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from everstore.changes import SetValue, TouchValue
from everstore.clock import turned
from everstore.conformance.acts import LOOKING, Act
from everstore.conformance.case import Mismatch, gather
from everstore.conformance.orders import filled
from everstore.conformance.registry import OWN_FILES, check, product, table
from everstore.conformance.scene import Scene
from everstore.errors import EverstoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from everstore.conformance.case import Case

    Turn = Callable[[Case, int], Awaitable[Any]]

_PAD_BYTES = {"file_system": 48_000, "storage": 48_000, "sessions": 6_000}
_TURNS = 24
_ATTEMPTS = 8
"""A storage that tidies up now and then may grow until it does; one that never does grows on."""

_HELD = 4
"""So many contents, of those that a turn leaves behind one of, a storage may grow by in all its turns."""

_FILES = 8
_LIKELY = "what nothing refers to any more is never removed, or its room is never used again"


def _size(places: list[Path]) -> tuple[int, int]:
    """Bytes and files that the storage takes."""
    files = {file for place in places for file in (place.rglob("*") if place.is_dir() else [place])}
    # What a database keeps beside its file counts, too.
    files |= {beside for place in places if place.is_file() for beside in place.parent.glob(f"{place.name}*")}
    sizes = [file.stat().st_blocks * 512 for file in files if file.is_file()]
    return sum(sizes), len(sizes)


async def _require_no_growth(case: Case, turn: Turn, pad_bytes: int) -> None:
    """``Mismatch`` when the storage, closed, has grown after every so many turns."""
    await case.renew()
    places = case.subject.own_places()
    sizes: list[tuple[int, int]] = []
    numbers = itertools.count()

    async def make_turns(count: int) -> tuple[int, int]:
        for number in itertools.islice(numbers, count):
            await turn(case, number)
        await case.reopen()
        sizes.append(_size(places))
        return sizes[-1]

    with case.trace.paused():
        most, most_files = await make_turns(2)
        for _ in range(_ATTEMPTS):
            now, files = await make_turns(_TURNS)
            if now <= most + _HELD * pad_bytes and files <= most_files + _FILES:
                return
            most, most_files = now, files
    told = ", ".join(f"{size} bytes in {files} files" for size, files in sizes)
    raise Mismatch(f"room for {pad_bytes} bytes to be used again in {_TURNS} turns", told)


def _pad(case: Case, size: int) -> str:
    """Text that no storage can make much smaller, without what acts look for."""
    return case.random.randbytes(size // 2).hex()


async def _clear(scene: Scene, role: str) -> None:
    """Delete one by one what is there: a purge may take along what was left behind before."""
    if role == "file_system":
        for info in await scene.files.list_directory():
            await scene.files.delete_file(info.path, recursive=True)
    if role == "storage":
        for key in await scene.storage.list_keys():
            await scene.storage.delete_value(key.key)
        for secret in await scene.storage.list_secrets():
            await scene.storage.delete_secret(secret.name)
    if role == "sessions":
        await scene.store.sessions.delete_session(scene.id)


@product(
    "durability.space.{act}",
    "7.4.10",
    level="durable",
    since="1.1",
    tags=("durability",),
    needs=("durable", OWN_FILES),
    empty={
        **dict.fromkeys(LOOKING, "it changes nothing"),
        **dict.fromkeys(
            ("replace_files", "replace_values"),
            "it is another session's then: durability.space_of_forks asks it",
        ),
    },
    likely=_LIKELY,
)
async def space(case: Case, act: Act) -> None:
    """What it leaves behind, and what is deleted afterwards, leaves its room to what comes after: {act}."""
    pad_bytes = _PAD_BYTES[act.role]

    async def turn(case: Case, _: int) -> None:
        scene = Scene(case.store, case.id, _pad(case, pad_bytes))
        await filled(scene, act.role)
        await act.call(scene)
        await _clear(scene, act.role)

    await _require_no_growth(case, turn, pad_bytes)


async def _sessions(case: Case, number: int) -> None:
    scene = Scene(case.store, case.new_id(), _pad(case, 6000) if number % 2 else "")
    await scene.fill()
    await case.store.delete_session(scene.id)


def _ending(name: str) -> Turn:
    """Sessions of which each holds something for a second only, and is never asked for it again."""

    async def turn(case: Case, number: int) -> None:
        session = case.session()
        with turned(10 * number):
            await getattr(session.storage, name)("k", _pad(case, _PAD_BYTES["storage"]), ttl=1)

    return turn


async def _touched(case: Case, number: int) -> None:
    storage = case.session().storage
    with turned(10 * number):
        await storage.change_values([SetValue("k", _pad(case, _PAD_BYTES["storage"])), TouchValue("k", 1)])


async def _forked(case: Case, number: int) -> None:
    """A fork of what ends, and of nothing else; its source is emptied."""
    fork, storage = case.new_id(), case.storage
    with turned(10 * number):
        await storage.set_value("k", _pad(case, _PAD_BYTES["storage"]), ttl=1)
        await case.store.storage.fork_session(case.id, fork)
        await storage.delete_value("k")


async def _copied_again(case: Case, _: int) -> None:
    files = case.files
    await files.write_file("a", _pad(case, _PAD_BYTES["file_system"]))
    for _ in range(3):  # onto what has the same content already
        await files.copy_file("a", "b", overwrite=True)
    await files.delete_file("a")
    await files.delete_file("b")


@table(
    "durability.space_of.{row}",
    "7.4.10",
    rows={
        "copies_of_the_same": (_copied_again, _PAD_BYTES["file_system"]),
        "touched_values_that_are_over": (_touched, _PAD_BYTES["storage"]),
        "sessions": (_sessions, 6000),
        "values_that_are_over": (_ending("set_value"), _PAD_BYTES["storage"]),
        "secrets_that_are_over": (_ending("set_secret"), _PAD_BYTES["storage"]),
    },
    level="durable",
    since="1.1",
    tags=("durability",),
    needs=("durable", "time_to_live", OWN_FILES),
    likely=_LIKELY,
)
async def space_of(case: Case, turn: Turn, pad_bytes: int) -> None:
    """What is gone with all of its kind, or over, leaves its room to what comes after: {row}."""
    await _require_no_growth(case, turn, pad_bytes)


@check(
    "durability.space_of_forked_ends",
    "7.4.10",
    level="durable",
    since="1.3",
    tags=("durability",),
    needs=("durable", "time_to_live", "forks", OWN_FILES),
    likely="when the values of a fork are over is not noted for whoever removes what is over",
)
async def space_of_forked_ends(case: Case) -> None:
    """What is over in a fork that nobody asks for it leaves its room to what comes after."""
    await _require_no_growth(case, _forked, _PAD_BYTES["storage"])


async def _cancelled(case: Case, number: int) -> None:
    content = _pad(case, _PAD_BYTES["storage"])
    calls = (
        case.files.write_file("a", content),
        case.files.append_file("b", content),
        case.storage.set_value("k", content),
        case.storage.set_secret("s", content),
    )
    tasks = [asyncio.ensure_future(call) for call in calls]
    for _ in range(number % 6):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await gather(*tasks)
    await case.files.delete_file("b")


async def _refused(case: Case, number: int) -> None:
    content = _pad(case, _PAD_BYTES["storage"])
    files, storage = case.files, case.storage
    await gather(files.write_file("a", "x"), storage.set_value("k", "x"))
    refused = await gather(
        files.write_file("a", content, if_absent=True),
        files.write_file(f"a/{number}", content),
        files.append_file("a", content, "base64"),
        storage.set_value("k", content, if_revision="0"),
    )
    assert all(isinstance(one, EverstoreError) for one in refused)


@table(
    "durability.space_after.{row}",
    "7.4.10",
    rows={"cancelled": (_cancelled,), "refused": (_refused,)},
    level="durable",
    since="1.1",
    tags=("durability",),
    needs=("durable", OWN_FILES),
    likely="what a call had begun to write stays when it ends early",
)
async def space_after(case: Case, turn: Turn) -> None:
    """What a call had begun to write before it ended leaves its room to what comes after: {row}."""
    await _require_no_growth(case, turn, _PAD_BYTES["storage"])
