"""Forks while others write, look and fork, and forks that are cancelled."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from everstore.changes import Append, Increment, Move, SetValue, Write
from everstore.conformance.case import Mismatch, gather
from everstore.conformance.forked import fork_both, held
from everstore.conformance.registry import check as any_check
from everstore.conformance.registry import table as any_table
from everstore.conformance.scene import Scene
from everstore.errors import SessionNotEmptyError

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.conformance.case import Case
    from everstore.conformance.forked import Held
    from everstore.store import Store

concurrent = partial(any_check, level="standard", since="1.3", tags=("concurrency",), needs=("forks",))
concurrent_table = partial(any_table, level="standard", since="1.3", tags=("concurrency",), needs=("forks",))

_TURNS = 24


async def _clients(case: Case) -> list[Store]:
    """Two clients where the storage can be shared."""
    return [case.store, await case.open() if case.capabilities.shared else case.store]


@concurrent(
    "forks.one_moment", "3.14.1", "6.6.1", "3.10.1",
    likely="a fork goes through its source piece by piece, and what is moved or set meanwhile is torn",
)  # fmt: skip
async def one_moment(case: Case) -> None:
    """While a file moves to and fro in a tree, and keys are set together, each fork is whole."""
    stores = await _clients(case)
    files, storage = stores[0].session(case.id).files, stores[0].session(case.id).storage
    await files.apply_changes([Write(f"{name}/sub/{n}", "x" * 2000) for name in "az" for n in range(8)])
    await files.apply_changes([Write("a/0", "0"), Write("m", "0")])
    await storage.set_values({f"k{n:02}": "0" for n in range(20)})
    expected = len(await files.list_tree())
    done = False

    async def move() -> None:
        nonlocal done
        for turn in range(1, _TURNS + 1):
            source, destination = ("a/0", "z/9") if turn % 2 else ("z/9", "a/0")
            text = f".{turn}"
            await files.apply_changes(
                [Move(source, destination), Append(destination, text), Append("m", text)]
            )
            await asyncio.sleep(0)
        done = True

    async def set_keys() -> None:
        turn = 0
        while not done:
            turn += 1
            await storage.set_values({f"k{n:02}": f"{turn}" for n in range(0, 20, 19)})
            await storage.change_values([Increment("k05"), SetValue("k15", f"{turn}")])
            await asyncio.sleep(0)

    async def look(store: Store) -> None:
        while not done:
            target = case.new_id()
            await fork_both(store, case.id, target)
            one = store.session(target)
            infos = {info.path: info for info in await one.files.list_tree()}
            moved = [path for path in ("/a/0", "/z/9") if path in infos]
            assert len(infos) == expected, "a moved file is in a fork twice, or not at all"
            assert infos[moved[0]].size_bytes == infos["/m"].size_bytes, (
                "half of several changes is in a fork"
            )
            read = [await one.files.read_file(path) for path in (moved[0], "m")]
            assert len({file and file.content for file in read}) == 1, (
                "a fork has another content than it lists"
            )
            values = {each.key: each.value for each in await one.storage.read_values()}
            assert values["k00"] == values["k19"], "half of several values is in a fork"
            assert values["k05"] == values["k15"], "half of several values is in a fork"
            await asyncio.sleep(0)

    await asyncio.gather(move(), set_keys(), *map(look, stores))


@concurrent(
    "forks.one_step", "3.14.1", "3.14.5", "6.6.3", "3.10.1",
    likely="a target is filled entry by entry, or emptied in a step of its own",
)  # fmt: skip
async def one_step(case: Case) -> None:
    """Whoever looks at a target meanwhile sees what was there, or all of what is there then."""
    stores = await _clients(case)
    scenes = [Scene(case.store, case.new_id()) for _ in range(2)]
    for scene, name in zip(scenes, "ab", strict=True):
        await scene.files.apply_changes([Write(f"d/{n}", name * 3000) for n in range(30)])
        await scene.files.write_file(f"only/{name}", name)
        await scene.storage.set_values({f"k{n}": name for n in range(30)})
    target = Scene(case.store, case.new_id())
    await fork_both(case.store, scenes[1].id, target.id)
    done = False

    async def fork() -> None:
        nonlocal done
        for turn in range(_TURNS):
            await fork_both(stores[-1], scenes[turn % 2].id, target.id, replaced=case.new_id())
            await asyncio.sleep(0)
        done = True

    async def look(one: Scene) -> None:
        while not done:
            listed = [info.path for info in await one.files.list_tree()]
            assert len(listed) == 33, "a part of a fork is visible"
            found = {match.line[:1] for match in await one.files.grep_files("", limit=100)}
            assert len(found) == 1, "a part of one fork, and a part of another, are visible"
            values = await one.storage.read_values()
            assert len({value.value for value in values}) == 1, "a part of a fork is visible"
            assert len(values) == 30, "a part of a fork is visible"
            await asyncio.sleep(0)

    await asyncio.gather(fork(), *(look(target.through(store)) for store in stores))


@concurrent(
    "forks.nothing_lost", "3.14.5", "6.6.3", "3.10.1",
    likely="what is replaced is copied in one step, and taken away in another",
)  # fmt: skip
async def nothing_lost(case: Case) -> None:
    """All that was acknowledged while a session was replaced is in it, or in what was put aside."""
    stores = await _clients(case)
    source, target = case.new_id(), case.new_id()
    asides: list[UUID] = []
    acknowledged: dict[str, str] = {}
    done = False

    async def fork() -> None:
        nonlocal done
        for _ in range(_TURNS // 2):
            asides.append(case.new_id())
            await fork_both(stores[0], source, target, replaced=asides[-1])
            await asyncio.sleep(0.002)
        done = True

    async def write(store: Store, who: str) -> None:
        session = store.session(target)
        turn = 0
        while not done:
            name = f"{who} {turn}"
            await session.files.write_file(f"{who}/{turn}", name)
            acknowledged[f"file /{who}/{turn}"] = name
            await session.storage.set_value(name, name)
            acknowledged[f"value {name}"] = name
            turn += 1
            await asyncio.sleep(0)

    await asyncio.gather(fork(), *(write(store, f"w{n}") for n, store in enumerate(stores * 2)))
    there: dict[str, list[object]] = {}
    for session_id in (target, *asides):
        for place, kept in (await held(case, session_id)).items():
            if place in acknowledged:
                there.setdefault(place, []).append(kept[0])
    for place, text in acknowledged.items():
        if there.get(place) != [text]:
            raise Mismatch(f"{place}, which was acknowledged, in one session", f"{there.get(place)}")


@concurrent(
    "forks.one_winner", "3.14.4", "6.6.3", "3.10.1",
    likely="whether the target is empty is looked at in one step, and it is filled in another",
)  # fmt: skip
async def one_winner(case: Case) -> None:
    """Of many forks into one session, and a write beside them, one comes first, and nothing is mixed."""
    stores = await _clients(case)
    sources = [Scene(case.store, case.new_id()) for _ in range(4)]
    for number, source in enumerate(sources):
        await source.files.apply_changes([Write(f"d/{n}", f"{number}") for n in range(20)])
        await source.storage.set_values({f"k{n}": f"{number}" for n in range(20)})
    for turn in range(6):
        target = case.new_id()
        for part, role in ((0, "file_system"), (1, "storage")):
            calls = [
                getattr(stores[(n + turn) % 2], role).fork_session(source.id, target)
                for n, source in enumerate(sources)
            ]
            answers = await gather(*calls)
            won = [n for n, answer in enumerate(answers) if answer is None]
            assert len(won) == 1, f"{len(won)} forks into one session were made"
            assert sum(isinstance(answer, SessionNotEmptyError) for answer in answers) == 3
            found = await held(case, target)
            texts = {
                kept[0] for place, kept in found.items() if place.startswith(("file /d/", "value ")[part])
            }
            assert texts == {f"{won[0]}"}, "two forks are mixed"


@concurrent(
    "forks.beside_writes", "3.14.3", "3.14.4", "3.10.1",
    likely="a write that a fork meets is counted, kept or freed with what the fork shares",
)  # fmt: skip
async def beside_writes(case: Case) -> None:
    """Forks and deletions of what shares contents, all at once, leave each session that is left whole."""
    stores = await _clients(case)
    source = Scene(case.store, case.id)
    texts = {f"d/{n}": f"{n}" * 5000 for n in range(6)}
    await source.files.apply_changes([Write(path, text) for path, text in texts.items()])
    kept: list[tuple[UUID, str]] = []

    async def work(store: Store, who: int) -> None:
        for turn in range(8):
            target = case.new_id()
            await store.file_system.fork_session(case.id, target)
            await store.file_system.append_file(target, "d/0", f"by {who}")
            if turn % 2:
                await store.file_system.purge_session(target)
            else:
                kept.append((target, f"by {who}"))
            if turn == 4 and who == 0:
                await store.file_system.delete_file(case.id, "d/5")
                await store.file_system.write_file(case.id, "d/5", texts["d/5"])

    async def copy() -> None:
        for turn in range(8):
            await stores[-1].file_system.copy_file(case.id, "d/1", f"copies/{turn}")
            await stores[0].file_system.delete_file(case.id, f"copies/{turn}")

    await asyncio.gather(*(work(store, who) for who, store in enumerate(stores * 2)), copy())
    await case.store.file_system.purge_session(case.id)
    for session_id, ending in kept:
        await _require_texts(case, session_id, texts | {"d/0": texts["d/0"] + ending})


async def _require_texts(case: Case, session_id: UUID, texts: dict[str, str]) -> None:
    for path, text in texts.items():
        file = await case.store.file_system.read_file(session_id, path)
        if path == "d/5" and file is None:
            continue  # forked in the moment without it
        if file is None or file.content != text:
            raise Mismatch.of(text, file and file.content, path)


_MOMENTS = (0, 1, 2, 4, 7, 0.2, 0.4, 0.6, 0.8)
"""Turns of the loop, and parts of the time that the same call takes, after which a call is cancelled."""


@concurrent(
    "lifecycle.cancelled_forks", "3.10.2", "7.3.1",
    likely="a cancelled fork leaves a part, goes on later, or keeps what it shares from being freed",
)  # fmt: skip
async def cancelled(case: Case) -> None:
    """A fork that is cancelled was made wholly or not at all, and the next one is answered."""
    source, old = Scene(case.store, case.id), Scene(case.store, case.new_id())
    for scene, name in ((source, "new"), (old, "old")):
        await scene.files.apply_changes([Write(f"d/{n}", name * 500) for n in range(100)])
        await scene.storage.set_values({f"k{n}": name for n in range(100)})
    for role in ("file_system", "storage"):
        fork = getattr(case.store, role).fork_session
        wholes = [_of(role, await held(case, one.id)) for one in (source, old)]
        loop = asyncio.get_running_loop()
        began = loop.time()
        await fork(old.id, case.new_id())
        took = loop.time() - began
        for moment in _MOMENTS:
            for replaces in (False, True):
                target, aside = case.new_id(), case.new_id()
                before: Held = {}
                if replaces:
                    await fork(old.id, target)
                    before = _of(role, await held(case, target))
                task = asyncio.ensure_future(fork(source.id, target, replaced=aside if replaces else None))
                for _ in range(moment if isinstance(moment, int) else 0):
                    await asyncio.sleep(0)
                if isinstance(moment, float):
                    await asyncio.sleep(took * moment)
                task.cancel()
                [ended] = await gather(task)
                await case.store.session(target).files.write_file("later", "x")  # settles it
                await case.store.session(target).storage.set_value("later", "x")
                got = _of(role, await held(case, target))
                possible = [before, wholes[0]] if isinstance(ended, asyncio.CancelledError) else [wholes[0]]
                assert got in possible, "half of a cancelled fork is visible"
                put_aside = before if got == wholes[0] else {}
                assert _of(role, await held(case, aside)) == put_aside, (
                    "what was replaced is not put aside whole"
                )
                assert _of(role, await held(case, source.id)) == wholes[0]


def _of(role: str, seen: Held) -> Held:
    """What is of a role, without what settled it, and without times of what was put aside."""
    kind = "file " if role == "file_system" else "value "
    return {place: kept for place, kept in seen.items() if place.startswith(kind) and "later" not in place}
