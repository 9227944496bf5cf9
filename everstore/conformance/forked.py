"""What a fork has to have of its source, and what it must not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.case import Mismatch, snapshot
from everstore.conformance.scene import Scene
from everstore.models import InitialFile, SessionFile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from everstore.conformance.case import Case
    from everstore.store import Store

__all__ = ["LARGE", "Held", "fork_both", "forked", "held", "marks", "require_held", "several_of_everything"]

LARGE = "".join(f"{number}\u00e9\r\n" for number in range(40_000))
"""A content of several pieces, whatever their size."""

Held = dict[str, tuple[object, ...]]


async def fork_both(store: Store, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
    """Fork files and values."""
    await store.file_system.fork_session(source, target, replaced=replaced)
    await store.storage.fork_session(source, target, replaced=replaced)


async def forked(case: Case, source: UUID | None = None, store: Store | None = None) -> Scene:
    """A fork of a session (the check's own), files and values."""
    target = case.new_id()
    await fork_both(store or case.store, source or case.id, target)
    return Scene(case.store, target)


async def held(case: Case, session_id: UUID) -> Held:
    """Everything that a fork has as its source has it, by place: all but ids, revisions and secrets."""
    with case.trace.paused():
        seen: dict[str, Any] = await snapshot(case.store.session(session_id))
    found: Held = {}
    for place, (info, kept) in seen.items():
        times = (info.created_ns, info.updated_ns)
        if isinstance(kept, SessionFile):
            found[place] = (kept.content, kept.encoding, kept.is_readonly, kept.size_bytes, *times)
        elif place.startswith("value "):
            found[place] = (kept, info.expires_ns, *times)
    return found


def require_held(expected: Held, got: Held, about: str) -> None:
    """``Mismatch`` that names the first place where they differ."""
    for place in sorted(expected.keys() | got.keys()):
        if expected.get(place) != got.get(place):
            raise Mismatch.of(expected.get(place), got.get(place), f"{about}: {place}")


async def marks(case: Case, session_ids: Iterable[UUID]) -> dict[str, set[object]]:
    """Ids of entries, and revisions of files and values by their place, of several sessions."""
    found: dict[str, set[object]] = {"ids": set()}
    with case.trace.paused():
        for session_id in session_ids:
            seen: dict[str, Any] = await snapshot(case.store.session(session_id))
            for place, (info, _) in seen.items():
                if place.startswith("file "):
                    found["ids"].add(info.id)
                if not place.startswith("secret ") and not getattr(info, "is_directory", False):
                    found.setdefault(place, set()).add(info.revision)
    return found


async def several_of_everything(scene: Scene) -> None:
    """Entries and values of every kind and size, in the session of a scene."""
    await scene.fill()
    files, storage = scene.files, scene.storage
    for path, content in {
        "no bytes": "",
        "NUL": "a\0b\0",
        "line ends": "a\r\nb\rc\n\n",
        "names/\u00e9": "composed",
        "names/e\u0301": "decomposed",
        "names/A": "upper",
        "names/a": "lower",
        "names/a b.txt": "\ufeffbom",
        "large": LARGE,
        "deep/" + "d/" * 40 + "f": "far down",
    }.items():
        await files.write_file(path, content)
    await files.write_file("empty base64", "", "base64")
    await files.write_bytes("large bytes", LARGE.encode() + b"\xff\0")
    await files.seed_initial_file(InitialFile("kept/bytes", "AP8=", "base64", is_readonly=True))
    await files.create_directory("none/below/this")
    await files.append_file("grown", "one\n")
    await files.append_file("grown", "two\n")
    await files.copy_file("large", "copied")
    for key, value in {
        "": "",
        "\u00e9": "composed",
        "e\u0301": "decomposed",
        "K": "\0",
        "large": LARGE,
    }.items():
        await storage.set_value(f"key {key}", value)
    if scene.store.storage.capabilities.time_to_live:
        await storage.set_value("for an hour", "brief", ttl=3600)
