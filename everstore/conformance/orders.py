"""Calls at the same time, and what the orders in which they can have happened leave, by the model.

What two callers do at once must end as if one had waited for the other, whatever the calls are: with these
answers, and with this left. The model is a store here, so that an act is played on it as on a backend.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from typing import TYPE_CHECKING, Any, cast

from everstore.conformance.case import Mismatch
from everstore.conformance.matching import plain
from everstore.conformance.model import Entry, Model, Record, Value
from everstore.conformance.scene import Scene
from everstore.errors import EverstoreError, UnsupportedError
from everstore.interfaces import OpenFileSystem, SessionStorageStore, SessionStore
from everstore.middleware.base import assemble, verbs_of
from everstore.models import FileInfo, FileLines, FileStat, KeyInfo, SecretInfo, Session, SessionFile
from everstore.models import new_session_id as any_id
from everstore.store import Store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence
    from contextlib import AbstractContextManager

    from everstore.conformance.acts import Act

__all__ = [
    "Outcome",
    "apart_at_once",
    "at_once",
    "filled",
    "left",
    "left_by",
    "on_model",
    "orders",
    "require_an_order",
]

Outcome = tuple[object, ...]
"""What each call answered, and what is there in the end, with every id and revision told apart only."""

_ENTRIES = (Entry, FileInfo, FileStat, SessionFile)
_KEYS = (Value, KeyInfo, SecretInfo)


class _Symbols:
    """Short names for ids and revisions, in the order in which they are met."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, object], str] = {}

    def of(self, kind: str, value: object) -> str | None:
        if value is None:
            return None
        name = self._known.get((kind, value))
        if name is None:
            name = self._known[kind, value] = f"{kind}{len(self._known)}"
        return name

    def told(self, verb: str, answer: Any) -> object:
        """An answer, or an error, in the form in which the model's and a backend's can be compared."""
        if isinstance(answer, list):
            return [self.told(verb, each) for each in answer]
        if isinstance(answer, BaseException):
            return type(answer).__name__, getattr(answer, "current_revision", None) is not None
        if isinstance(answer, (Record, Session)):
            return answer.title, answer.created_ns
        return (plain(verb, answer), *self._marks(verb, answer))

    def _marks(self, verb: str, answer: Any) -> list[object]:
        """What plain answers leave out: which entry it is, in which state, and whether that ends."""
        kind: Any = type(answer)
        is_entry, is_key, is_kept = _what_is(kind)
        marks: list[object] = []
        if is_entry:
            marks.append(self.of("id", getattr(answer, "identity" if isinstance(answer, Entry) else "id")))
        if is_key:
            ends = getattr(answer, "expires" if isinstance(answer, Value) else "expires_at")
            marks.append(ends is not None)
        # A directory has no revision that anything is said of.
        if is_kept and not getattr(answer, "is_directory", False):
            place = (
                getattr(answer, "path", None) or getattr(answer, "key", None) or getattr(answer, "name", None)
            )
            marks.append(self.of("revision", (place, "secret" in verb, answer.revision)))
        return marks


@functools.cache
def _what_is(kind: type) -> tuple[bool, bool, bool]:
    """Whether an answer of a type is an entry, a key, and one of these or a part of one."""
    is_entry, is_key = issubclass(kind, _ENTRIES), issubclass(kind, _KEYS)
    return is_entry, is_key, is_entry or is_key or issubclass(kind, FileLines)


async def filled(scene: Scene, role: str) -> None:
    """Fill what the acts of a role are about."""
    fill = {"file_system": scene.fill_files, "storage": scene.fill_storage, "sessions": scene.fill_record}
    await fill[role]()


async def left(scene: Scene, role: str, symbols: _Symbols | None = None) -> list[object]:
    """What is there, by listing, by reading, and by searching: an orphan shows in one of them only."""
    found: list[object] = []
    symbols = symbols or _Symbols()

    async def look(verb: str, answer: Awaitable[Any], known: dict[str, Any] | None = None) -> Any:
        seen = await answer
        found.append((verb, _told_again(symbols, verb, seen, known) if known else symbols.told(verb, seen)))
        return seen

    if role == "sessions":
        await look("get_session", scene.store.sessions.get_session(scene.id))
    if role == "storage":
        for key in await look("list_keys", scene.storage.list_keys()):
            await look("get_value", scene.storage.get_value(key.key))
        for secret in await look("list_secrets", scene.storage.list_secrets()):
            await look("get_secret", scene.storage.get_secret(secret.name))
    if role == "file_system":
        directories, files, infos = ["/"], list[str](), dict[str, Any]()
        for directory in directories:
            for info in await look("list_directory", scene.files.list_directory(directory)):
                infos[info.path] = info
                directories += [info.path] * info.is_directory
                files += [info.path] * (not info.is_directory)
        contents = await asyncio.gather(*map(scene.files.read_file, files))
        found += [("read_file", symbols.told("read_file", content)) for content in contents]
        await look("glob_files", scene.files.glob_files("**"), infos)
        await look("list_tree", scene.files.list_tree(), infos)
    return found


def _told_again(symbols: _Symbols, verb: str, seen: list[Any], known: dict[str, Any]) -> object:
    """Only the paths, where what is seen is as known: telling it in full is most of the work of a race."""
    before = [known.get(each.path) for each in seen]
    if seen == before or symbols.told(verb, seen) == symbols.told(verb, before):
        return [each.path for each in seen]
    return symbols.told(verb, seen)


async def _call(scene: Scene, act: Act) -> Any:
    try:
        return await act.call(scene)
    except EverstoreError as error:
        return error


async def _outcome(scene: Scene, acts: Sequence[Act], answers: Sequence[object]) -> Outcome:
    symbols = _Symbols()
    told = [symbols.told(act.verb, answer) for act, answer in zip(acts, answers, strict=True)]
    return *told, await left(scene, acts[0].role, symbols)


# -- on the model --------------------------------------------------------------------------------------------


def _awaited(call: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    async def verb(*args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs)

    return verb


def _as_store(model: Model) -> Store:
    parts = []
    for interface, part in (
        (OpenFileSystem, model.file_system),
        (SessionStorageStore, model.storage),
        (SessionStore, model.sessions),
    ):
        names = [verb.name for verb in verbs_of(interface, "", "") if hasattr(part, verb.name)]
        calls = cast("Any", {name: _awaited(getattr(part, name)) for name in names})
        parts.append(assemble(cast("type[Any]", interface), part, calls))

    async def close() -> None:
        """There is nothing to close."""

    return Store(parts[0], parts[1], parts[2], {}, close)


_KNOWN: dict[object, list[Outcome]] = {}


async def orders(one: Act, others: Sequence[Act], declared: Collection[str]) -> list[Outcome]:
    """What the model leaves when ``one`` is called before, among or after the ``others``.

    What needs a capability that is not declared is refused.
    """
    acts = (one, *others)
    refused = [not set(act.needs) <= set(declared) for act in acts]
    known = (*map(id, acts), *refused)
    if known not in _KNOWN:
        _KNOWN[known] = [await _played(acts, refused, place) for place in range(len(acts))]
    return _KNOWN[known]


async def _played(acts: Sequence[Act], refused: Sequence[bool], place: int) -> Outcome:
    scene = await on_model(acts[0].role)
    answers: dict[int, object] = {}
    for number in (*range(1, place + 1), 0, *range(place + 1, len(acts))):
        unsupported = UnsupportedError("not declared")
        answers[number] = unsupported if refused[number] else await _call(scene, acts[number])
    return await _outcome(scene, acts, [answers[number] for number in range(len(acts))])


async def on_model(role: str) -> Scene:
    """A session of a model, filled with what the acts of a role are about."""
    scene = Scene(_some_model(next(_SCENES) // _SESSIONS), any_id())
    await filled(scene, role)
    return scene


_SCENES = itertools.count()
_SESSIONS = 100  # in one model, which looks at all of them where it lists them


@functools.lru_cache(maxsize=1)
def _some_model(_number: int) -> Store:
    """A model for some sessions: it costs as much to make one as to fill a session of it."""
    return _as_store(Model())


async def left_by(role: str, acts: Sequence[Act] = ()) -> list[object]:
    """What the model leaves after these acts of a role."""
    scene = await on_model(role)
    for act in acts:
        await _call(scene, act)
    return await left(scene, role)


# -- on a backend --------------------------------------------------------------------------------------------


async def at_once(
    scene: Scene,
    other: Store,
    one: Act,
    others: Sequence[Act],
    turns: tuple[int, int],
    aside: Callable[[], AbstractContextManager[None]],
) -> Outcome:
    """What a store leaves when ``one`` is called while another client calls the ``others``, of its role.

    ``turns`` are how often the loop goes round before the one, and before the others, begin. What is
    called ``aside`` is no part of it.
    """
    with aside():
        await filled(scene, one.role)
    [mine], answers = await _together(scene, other, [[one], others], turns)
    with aside():
        return await _outcome(scene, (one, *others), [mine, *answers])


async def apart_at_once(
    scene: Scene,
    other: Store,
    acts: Sequence[Act],
    turns: tuple[int, int],
    aside: Callable[[], AbstractContextManager[None]],
) -> list[Outcome]:
    """The same of two acts of different roles: what each of them leaves."""
    with aside():
        for act in acts:
            await filled(scene, act.role)
    answers = await _together(scene, other, [[act] for act in acts], turns)
    with aside():
        return [await _outcome(scene, [act], answer) for act, answer in zip(acts, answers, strict=True)]


async def _together(
    scene: Scene, other: Store, acts: Sequence[Sequence[Act]], turns: tuple[int, int]
) -> list[list[object]]:
    """The answers of two clients, each of which calls its acts one after the other."""
    theirs = scene.through(other)

    async def call(at: Scene, acts: Sequence[Act], turns: int) -> list[object]:
        for _ in range(turns):
            await asyncio.sleep(0)
        return [await _call(at, act) for act in acts]

    return await asyncio.gather(*map(call, (scene, theirs), acts, turns))


def require_an_order(names: Sequence[str], possible: Sequence[Outcome], got: Outcome) -> None:
    """``Mismatch`` unless what calls of these names left is what one of the orders leaves."""
    if got in possible:
        return
    calls = " beside ".join(names)
    nearest = max(possible, key=lambda each: sum(a == b for a, b in zip(each, got, strict=True)))
    for number, (expected, came) in enumerate(zip(nearest, got, strict=True)):
        if expected == came:
            continue
        if number < len(got) - 1:
            raise Mismatch.of(expected, came, f"{calls}: the {number + 1}. call to answer")
        raise Mismatch.of(expected, came, f"{calls}, one after the other, which leaves")
