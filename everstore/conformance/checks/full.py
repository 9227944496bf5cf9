"""A storage that is full: what does not fit is refused as a whole, and all the rest goes on.

Its author hands one over, with a size. It is filled from within one session, so that a limit of a session's
bytes is a size, too.
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec

from everstore.changes import Increment, SetValue
from everstore.conformance.acts import ACTS, Act
from everstore.conformance.case import Case, Mismatch, gather, snapshot
from everstore.conformance.registry import check, product
from everstore.conformance.scene import Scene
from everstore.errors import BackendUnavailableError, EverstoreError, QuotaExceededError
from everstore.models import InitialFile, Session, SessionFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from everstore.conformance.registry import Facts

    State = dict[str, Any]

_REFUSED = (QuotaExceededError, BackendUnavailableError)
_LARGEST = 1 << 18
_GAP = 20_000
_MUCH = "x" * 50_000
_MOST = 1 << 30
"""What no storage that is handed over to be filled has."""
_REMOVING = ("delete_file", "delete_value", "delete_secret", "delete_session", "purge_session")
_ROUNDS = 4
_FULL: Facts = {"level": "standard", "since": "1.1", "needs": ("full",)}


def _grown() -> dict[str, Act]:
    """Every act; what grows does so by more than the slack of a page."""
    deep = "/".join("d" * 200 for _ in range(19))
    base64 = _MUCH + "xxxx"  # in whole groups
    calls: dict[str, Callable[[Scene], Awaitable[Any]]] = {
        "write_base64": lambda at: at.files.write_file("a", base64, "base64"),
        "write_bytes": lambda at: at.files.write_bytes("a", _MUCH.encode()),
        "write_bytes_if_revision": lambda at: at.files.write_bytes(
            "a", _MUCH.encode(), if_revision=at.revision
        ),
        "write_bytes_if_absent": lambda at: at.files.write_bytes("new/f", _MUCH.encode(), if_absent=True),
        "write_if_revision": lambda at: at.files.write_file("a", _MUCH, if_revision=at.revision),
        "write_if_absent": lambda at: at.files.write_file("new/f", _MUCH, if_absent=True),
        "match": lambda at: at.files.write_file_if_content_matches("a", "one\ntwo\n", "text", _MUCH, "text"),
        "seed_new": lambda at: at.files.seed_initial_file(InitialFile("new/seed", _MUCH)),
        "edit": lambda at: at.files.edit_file("a", "two", _MUCH),
        "edit_all": lambda at: at.files.edit_file("a", "o", _MUCH, replace_all=True),
        "append": lambda at: at.files.append_file("a", _MUCH),
        "append_base64": lambda at: at.files.append_file("bytes", base64, "base64"),
        "append_bytes": lambda at: at.files.append_bytes("bytes", _MUCH.encode()),
        "append_bytes_new": lambda at: at.files.append_bytes("new/log", _MUCH.encode()),
        "append_new": lambda at: at.files.append_file("new/log", _MUCH),
        "directory": lambda at: at.files.create_directory(deep),
        "copy": lambda at: at.files.copy_file("d/sub/0", "new/copy"),
        "copy_onto": lambda at: at.files.copy_file("d/sub/0", "a", overwrite=True),
        "move": lambda at: at.files.move_file("a", f"{deep}/f"),
        "move_tree": lambda at: at.files.move_file("d", f"{deep}/d"),
        "set_onto": lambda at: at.storage.set_value("k", _MUCH),
        "set_for_a_while": lambda at: at.storage.set_value("k", _MUCH, ttl=3600),
        "set_if_revision": lambda at: at.storage.set_value("k", _MUCH, if_revision=at.key_revision),
        "set_if_absent": lambda at: at.storage.set_value("new", _MUCH, if_absent=True),
        "set_many": lambda at: at.storage.set_values({"new": "x", "k": _MUCH}),
        "set_many_new": lambda at: at.storage.set_values({"new": "x", "newer": _MUCH}, if_absent=True),
        "change_values": lambda at: at.storage.change_values([Increment("n"), SetValue("k", _MUCH)]),
        "set_secret_onto": lambda at: at.storage.set_secret("s", _MUCH),
        "set_secret_for_a_while": lambda at: at.storage.set_secret("s", _MUCH, ttl=3600),
        "add_record": lambda at: at.store.sessions.add_session(Session(at.id, _MUCH, 0)),
        "retitle": lambda at: at.store.sessions.update_session_title(at.id, _MUCH),
    }
    return ACTS | {name: msgspec.structs.replace(ACTS[name], call=call) for name, call in calls.items()}


class _Small(msgspec.Struct):
    """The storage that was handed over, open: ``refusal`` is what it says when it is full."""

    case: Case
    settings: dict[str, Any]
    scene: Scene
    refusal: EverstoreError | None = None

    async def fill(self) -> int:
        """Write until not a byte more is taken; how many were."""
        files, storage = self.scene.files, self.scene.storage
        await files.write_file("filling/gap", "x" * _GAP)
        taken = await self._fill(lambda name, text: files.write_file(f"filling/{name}", text))
        return taken + await self._fill(lambda name, text: storage.set_value(f"filling {name}", text))

    async def _fill(self, put: Callable[[str, str], Awaitable[object]]) -> int:
        taken, number, size = 0, 0, _LARGEST
        while size:
            try:
                await put(str(number), "x" * size)
            except _REFUSED as error:
                self.refusal, size = error, size // 4
            else:
                taken, number = taken + size, number + 1
            if taken > _MOST:
                raise Mismatch("a storage that is full at last", f"one that took {taken} bytes")
        return taken

    async def leave_gap(self) -> None:
        """Make room for something small, where room can be made."""
        with suppress(BackendUnavailableError):
            await self.scene.files.delete_file("filling/gap")

    async def reopen(self) -> None:
        """Close the storage and open it again, where it outlives a store."""
        if self.scene.store.file_system.capabilities.durable:
            await self.scene.store.close()
            self.scene = self.scene.through(await self.case.open(**self.settings))


async def _set(scene: Scene) -> None:
    """One of everything, and a tree that takes room to copy."""
    await scene.fill()
    for number in range(3):
        await scene.files.write_file(f"d/sub/{number}", _MUCH)


@asynccontextmanager
async def _small(case: Case) -> AsyncIterator[_Small]:
    """The storage that was handed over, with a session set; nothing of it stays."""
    with case.subject.small() as settings:
        small = _Small(case, settings, Scene(await case.open(**settings), case.new_id()))
        await _set(small.scene)
        try:
            yield small
        finally:
            with suppress(*_REFUSED):  # a full disk may have no room to delete
                await small.scene.store.delete_session(small.scene.id)
            await small.scene.store.close()


async def _state(scene: Scene) -> State:
    """All there is of a session, with revisions and times."""
    seen = await snapshot(scene.store.session(scene.id))
    return {**seen, "record": (None, await scene.store.sessions.get_session(scene.id))}


def _plain(state: State) -> tuple[State, State]:
    """Contents alone, of what fills the storage and of the rest."""
    parts: tuple[State, State] = {}, {}
    for place, (_, held) in state.items():
        content: object = held
        if isinstance(held, SessionFile):
            content = (held.content, held.encoding, held.is_readonly)
        if isinstance(held, Session):
            content = held.title
        parts["filling" not in place][place] = content
    return parts


def _differing(got: State, expected: State) -> list[str]:
    return sorted(place for place in got.keys() | expected.keys() if got.get(place) != expected.get(place))


async def _with_room(case: Case, act: Act) -> State:
    """What the act makes of the same session where there is room."""
    scene = Scene(case.store, case.id)
    await _set(scene)
    await act.call(scene)
    return _plain(await _state(scene))[1]


def _require_typed(act: Act, outcome: object, refusal: EverstoreError | None) -> None:
    """What does not fit is refused with one of two errors, and only what needs room."""
    if not isinstance(outcome, BaseException):
        return
    told = f"{type(outcome).__name__}: {outcome}"
    if not act.changes:
        raise Mismatch("an answer: looking takes no room", told)
    if not isinstance(outcome, _REFUSED):
        raise Mismatch("an answer, QuotaExceededError or BackendUnavailableError", told)
    if act.verb in _REMOVING and isinstance(refusal, QuotaExceededError):
        raise Mismatch("an answer: a limit that is reached keeps nobody from deleting", told)


@product(
    "full.{act}",
    "7.4.11", "7.4.12", "3.10.2",
    rows=_grown(),
    empty=dict.fromkeys(
        ("replace_files", "replace_values"), "what fills the storage is another session's then"
    ),
    likely="what was begun is left half made, or acknowledged, or the driver's error goes through",
    **_FULL,
)  # fmt: skip
async def full(case: Case, act: Act) -> None:
    """In a full storage a call happens as elsewhere, or is refused wholly and typed: {act}."""
    expected = await _with_room(case, act)
    async with _small(case) as small:
        await small.fill()
        if await _is_refused(small, act, expected):
            # Of what has many parts some may fit now.
            await small.leave_gap()
            await _is_refused(small, act, expected)
        state = await _state(small.scene)
        await small.reopen()
        differs = _differing(await _state(small.scene), state)
        assert differs == [], "these are not kept"


async def _is_refused(small: _Small, act: Act, expected: State) -> bool:
    """Call, and require that it happened as it does where there is room, or not at all."""
    before = await _state(small.scene)
    [outcome] = await gather(act.call(small.scene))
    _require_typed(act, outcome, small.refusal)
    after = await _state(small.scene)
    filling, rest = _plain(after)
    if isinstance(outcome, BaseException):
        uncertain = getattr(outcome, "happened", False) is None and rest == expected
        changed = [] if uncertain else _differing(after, before)
        assert changed == [], "what was refused changed these"
        return True
    wrong = _differing(rest, expected)
    assert wrong == [], "what was answered is not as where there is room"
    lost = _differing(filling, _plain(before)[0])
    assert lost == [] or "purge" in act.verb, "what was there is lost"
    return False


@check(
    "full.goes_on",
    "7.4.10", "7.4.12",
    likely="what was deleted gives no room back, or a refusal leaves some of it taken",
    **_FULL,
)  # fmt: skip
async def goes_on(case: Case) -> None:
    """Filled and emptied again and again, a storage takes as much as at first."""
    async with _small(case) as small:
        taken = [await small.fill()]
        for turn in range(_ROUNDS):
            try:
                await _empty(small.scene, turn)
            except BackendUnavailableError:
                return  # on a full disk a storage may need room to delete; making some is the operator's
            taken.append(await small.fill())
    assert min(taken) > taken[0] // 2, f"bytes taken each time: {taken}"


async def _empty(scene: Scene, turn: int) -> None:
    """Take the filling out again: at once, one by one, or with all that is there."""
    if turn % 3 == 2:
        await scene.store.delete_session(scene.id)
        return
    if turn % 3:
        for info in await scene.files.list_directory("filling"):
            await scene.files.delete_file(info.path)
    await scene.files.delete_file("filling", recursive=True)
    for key in await scene.storage.list_keys():
        await scene.storage.delete_value(key.key)


@check(
    "full.at_once",
    "7.4.11", "3.10.2",
    likely="calls that are kept together fail together, or some are acknowledged that were not kept",
    **_FULL,
)  # fmt: skip
async def at_once(case: Case) -> None:
    """Of forty calls at once in a storage that is nearly full, each is kept or refused for itself."""
    async with _small(case) as small:
        files = small.scene.files
        names = [f"one/{number:02}" for number in range(40)]
        for name in names:
            await files.write_file(name, "old")
        await small.fill()
        with suppress(BackendUnavailableError):
            await files.delete_file("filling/0")
        texts = [f"new {name} " + "x" * (_LARGEST if number % 2 else 0) for number, name in enumerate(names)]
        outcomes = await gather(*map(files.write_file, names, texts))
        await small.reopen()
        for name, text, outcome in zip(names, texts, outcomes, strict=True):
            kept = await small.scene.files.read_file(name)
            assert not isinstance(outcome, BaseException) or isinstance(outcome, _REFUSED)
            wanted = ["old"] if isinstance(outcome, BaseException) else [text]
            if getattr(outcome, "happened", False) is None:
                wanted.append(text)
            assert kept is not None
            assert kept.content in wanted, f"{name} is not as was told"
