"""What every kind of look shows of the places that an act changes, also before there is anything."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from everstore.conformance.case import gather, snapshot
from everstore.conformance.orders import on_model
from everstore.conformance.scene import RECORD_NS
from everstore.models import Session
from everstore.paths import parent_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from everstore.conformance.acts import Act
    from everstore.conformance.scene import Scene

__all__ = ["looked", "looks_at"]

_SHOWN = 400
_AT_PATH = ("read_file", "stat_file", "list_directory", "read_lines")
_AT_KEY = {"value": ("get_value", "read_value", "stat_value"), "secret": ("get_secret",)}
_NEWEST = Session(UUID(int=(1 << 128) - 1), "", RECORD_NS + 1)


async def looks_at(act: Act) -> list[list[str]]:
    """The verbs, and the places, that show what an act changes, as the model has it."""
    scene = await on_model(act.role)
    session = scene.store.session(scene.id)
    before = await snapshot(session)
    await act.call(scene)
    after = await snapshot(session)
    changed = [place for place in before | after if before.get(place) != after.get(place)]
    looks: dict[tuple[str, ...], None] = {}
    for kind, _, name in (place.partition(" ") for place in changed):
        if kind == "file":
            looks |= dict.fromkeys((verb, path) for path in (name, parent_of(name)) for verb in _AT_PATH)
        else:
            looks |= dict.fromkeys((verb, name) for verb in _AT_KEY[kind])
    whole = {
        "file_system": ("list_directory", "list_tree", "grep_files", "glob_files", "usage"),
        "storage": ("list_keys", "read_values", "list_secrets", "usage"),
        "sessions": ("get_session", "list_sessions"),
    }
    return [[*look] for look in (*looks, *((verb,) for verb in whole[act.role]))]


async def looked(scene: Scene, looks: list[list[str]]) -> dict[str, str]:
    """What each look shows, in words."""
    answers = await gather(*(_look(scene, *look) for look in looks))
    return {" ".join(look): _in_words(answer) for look, answer in zip(looks, answers, strict=True)}


def _look(scene: Scene, verb: str, *place: str) -> Awaitable[Any]:
    if verb == "get_session":
        return scene.store.sessions.get_session(scene.id)
    if verb == "list_sessions":
        return _listed(scene)
    if verb == "usage":  # of both parts
        return scene.store.usage(scene.id)
    pattern = {"grep_files": ("",), "glob_files": ("**",)}.get(verb, place)
    part: Any = scene.files if hasattr(scene.files, verb) else scene.storage
    answer: Awaitable[Any] = getattr(part, verb)(*pattern)
    return answer


async def _listed(scene: Scene) -> list[Session]:
    """The record as a listing shows it, which may show others, too."""
    page = await scene.store.sessions.list_sessions(limit=1000, after=_NEWEST)
    return [record for record in page if record.id == scene.id]


def _in_words(answer: object) -> str:
    if isinstance(answer, BaseException):
        return type(answer).__name__
    text = msgspec.json.encode(answer).decode()
    if len(text) <= _SHOWN:
        return text
    return f"{text[:_SHOWN]}... ({len(text)} characters, {hashlib.sha256(text.encode()).hexdigest()})"
