"""What every verb may hold of the event loop, in a large session and while somebody else holds a lock."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import signal
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from everstore.compat import override
from everstore.conformance.acts import Act, asked_of
from everstore.conformance.case import Mismatch, gather
from everstore.conformance.children import Job, Nursery
from everstore.conformance.orders import filled
from everstore.conformance.registry import check, product
from everstore.conformance.scene import Scene
from everstore.conformance.turns import Turns, require_short_turns
from everstore.models import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.store import Store

_BYTES = 1 << 20
_NESTED = 2560
_FLAT = 2000
_KEYS = 2000
_SECRETS = 500
_RECORDS = 500
_AT_ONCE = 100
_LONGEST = 1.0  # seconds that one kind may take to be put there, or to be read one by one

_LAST = ("delete_tree", "delete_strictly", "purge_files", "purge_storage", "delete_record")
"""What leaves little behind."""


async def _put(count: int, put: Callable[[int], Awaitable[Any]]) -> None:
    """Put so many there; fewer in a storage where that takes long, and so does the rest."""
    until = time.monotonic() + _LONGEST
    done, more = 0, 10
    while done < count and time.monotonic() < until:
        await asyncio.gather(*map(put, range(done, min(count, done + more))))
        done, more = done + more, min(2 * more, _AT_ONCE)


class _Large(Scene):
    """A session with thousands of everything. ``ready`` makes it so again after an act."""

    def __init__(self, case: Case, store: Store) -> None:
        """Nothing is there yet."""
        super().__init__(store, case.new_id())
        most = case.capabilities.max_file_bytes or _BYTES
        self._text = "one\ntwo\n" + "some more\n" * ((min(_BYTES, most) - 100) // 10)
        self._value = "v" * (min(_BYTES, case.capabilities.max_value_bytes or _BYTES) - 100)
        self._records = [
            Session(case.new_id(), f"{number}", 1_600_000_000_000_000_000) for number in range(_RECORDS)
        ]
        self.ready = {
            "file_system": self._ready_files,
            "storage": self._ready_storage,
            "sessions": super().fill_record,
        }

    @override
    async def fill_files(self) -> None:
        await super().fill_files()
        self.revision = (await self.files.write_file("a", self._text)).revision
        await self.files.write_file("bytes", base64.b64encode(self._text.encode()).decode(), "base64")
        await _put(_FLAT, lambda number: self.files.write_file(f"d/{number}", f"{number}\n"))
        await self._nest()

    async def _nest(self) -> None:
        """Double a tree until it is large, which takes few calls; or so large as can be searched."""
        await asyncio.gather(*(self.files.write_file(f"d/t/{n}", f"text {n}\n") for n in range(9)))
        began = time.monotonic()
        await self.files.read_file("d/t/0")
        most = min(_NESTED, _LONGEST / (time.monotonic() - began))
        for turn in itertools.count():
            if 10 << turn > most:
                break
            await self.files.copy_file("d/t", "twin")
            await self.files.move_file("twin", f"d/t/t{turn}")

    @override
    async def fill_storage(self) -> None:
        await super().fill_storage()
        await _put(_KEYS, lambda number: self.storage.set_value(f"k{number}", "text"))
        await _put(_SECRETS, lambda number: self.storage.set_secret(f"s{number}", "text"))

    @override
    async def fill_record(self) -> None:
        await super().fill_record()
        await _put(_RECORDS, lambda number: self.store.sessions.add_session(self._records[number]))

    async def _ready_files(self) -> None:
        files = self.files
        if await files.stat_file("new/d"):
            to = "spare" if await files.stat_file("d") else "d"
            await files.delete_file(to, recursive=True)
            await files.move_file("new/d", to)
        elif not await files.stat_file("d"):
            if await files.stat_file("spare"):
                await files.move_file("spare", "d")
            else:
                await self.fill_files()
        await files.delete_file("new", recursive=True)
        await self.store.file_system.purge_session(self.aside)
        await files.create_directory("empty")
        found = await files.stat_file("a")
        if found is None or found.revision != self.revision:
            self.revision = (await files.write_file("a", self._text)).revision

    async def _ready_storage(self) -> None:
        storage = self.storage
        if await storage.stat_value("k1") is None:
            await self.fill_storage()
        await self.store.storage.purge_session(self.aside)
        await storage.delete_value("new")
        await storage.delete_value("newer")
        await storage.delete_secret("new")
        found = await storage.stat_value("k")
        if found is None or found.revision != self.key_revision:
            await storage.set_value("k", self._value)
            found = await storage.stat_value("k")
            self.key_revision = found.revision if found else "0"


def _many_records(at: Scene) -> Awaitable[Any]:
    return at.store.sessions.list_sessions(limit=1000)


def _many_ciphertexts(at: Scene) -> Awaitable[Any]:
    return at.store.rotation.scan_secrets(limit=1000)


_MORE = {
    "list_many_records": Act("sessions", "list_sessions", _many_records, changes=False),
    "scan_secrets": Act("storage", "scan_secrets", _many_ciphertexts, changes=False, needs=("durable",)),
}
"""What the acts do not ask, since they are small."""


@product(
    "contexts.turns.{role}",
    "7.6.3",
    level="standard",
    since="1.1",
    tags=("hostile",),
    likely="a long pass, a disk, a lock or a pause is waited for on the event loop's own thread",
)
async def turns(case: Case, acts: dict[str, Act]) -> None:
    """No verb holds the event loop for long where there are thousands of everything: {role}."""
    role = next(iter(acts.values())).role
    scene = _Large(case, case.store)
    more = {name: act for name, act in _MORE.items() if act.role == role}
    asked = asked_of(case.capabilities, acts | more)
    with case.trace.paused():
        await filled(scene, role)
        for name in sorted(asked, key=_LAST.__contains__):
            act = asked[name]
            await scene.ready[role]()
            await require_short_turns(f"{act.verb} ({name})", partial(act.call, scene), scene.ready[role])


@check(
    "contexts.turns_of_forks",
    "7.6.3",
    level="standard",
    since="1.3",
    tags=("hostile",),
    needs=("forks",),
    likely="a fork, or what looks for differences, goes through all entries on the event loop's own thread",
)
async def turns_of_forks(case: Case) -> None:
    """No fork, comparison or rewind holds the event loop for long where there are thousands of everything."""
    scene = _Large(case, case.store)
    with case.trace.paused():
        await asyncio.gather(scene.fill_files(), scene.fill_storage())
        for role in ("file_system", "storage"):
            await _require_short_forks(case, getattr(case.store, role), scene.id)


async def _require_short_forks(case: Case, part: Any, source: UUID) -> None:
    target, aside = case.new_id(), case.new_id()

    async def emptied() -> None:
        await part.purge_session(target)

    async def back() -> None:
        await part.purge_session(aside)

    about = "fork_session of thousands"
    await require_short_turns(about, partial(part.fork_session, source, target), emptied)
    await require_short_turns("diff_sessions of the same", partial(part.diff_sessions, source, target))
    await require_short_turns("diff_sessions of all", partial(part.diff_sessions, source, aside))
    replace = partial(part.fork_session, source, target, replaced=aside)
    await require_short_turns(f"{about}, and of what is replaced", replace, back)
    await require_short_turns("purge_session of a fork", emptied)


_STOPPED = 0.5  # seconds
_ATTEMPTS = 10
_OFTEN = 2  # once may have been a slow machine
_WRITERS = 4


@product(
    "contexts.waits.{role}",
    "7.6.3",
    level="standard",
    since="1.1",
    tags=("concurrency",),
    needs=("shared",),
    likely="a lock of the storage is waited for on the event loop's own thread",
)
async def waits(case: Case, acts: dict[str, Act]) -> None:
    """While another process is stopped in the middle of a write, every verb waits beside the loop: {role}."""
    role = next(iter(acts.values())).role
    scene = Scene(case.store, case.new_id())
    async with Nursery(case.subject) as nursery:
        [pid] = await nursery.start(
            Job(f"{__name__}:write_for_ever", {"session": str(scene.id), "role": role})
        )
        waited = 0
        for _ in range(_ATTEMPTS):
            await filled(scene, role)
            async with Turns() as turns:
                waited += await _act_while_stopped(pid, scene, acts)
            if turns.longest > _STOPPED * 0.8:
                raise Mismatch(
                    "the event loop to go on while calls wait for another process",
                    f"that its thread {turns.held}",
                )
            if waited == _OFTEN:
                return


async def _act_while_stopped(pid: int, scene: Scene, acts: dict[str, Act]) -> bool:
    """Make all calls at once while a process is stopped; whether any of them waited for it."""
    going_on = threading.Timer(_STOPPED, os.kill, (pid, signal.SIGCONT))  # also where the loop is held
    os.kill(pid, signal.SIGSTOP)
    going_on.start()
    calls = [asyncio.ensure_future(act.call(scene)) for act in acts.values()]
    _, waiting = await asyncio.wait(calls, timeout=_STOPPED * 0.8)
    if waiting:
        await asyncio.to_thread(going_on.join)
    going_on.cancel()
    os.kill(pid, signal.SIGCONT)
    await gather(*calls)
    return bool(waiting)


async def write_for_ever(store: Store, _: object, session: str, role: str) -> None:
    """Write large contents into a session until the process is killed, as the job of one."""
    text, one = "x" * (_BYTES // 2), store.session(UUID(session))
    record = Session(UUID(session), text[:1000], 1)
    write: dict[str, Callable[[int], Awaitable[Any]]] = {
        "file_system": lambda number: one.files.write_file(f"busy/{number}", text),
        "storage": lambda number: one.storage.set_value(f"busy{number}", text),
        "sessions": lambda _: store.sessions.add_session(record),
    }
    while True:  # several at once: there is always one under way
        await gather(*map(write[role], range(_WRITERS)))
