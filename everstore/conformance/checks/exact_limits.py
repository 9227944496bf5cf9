"""Every act at every limit: what it leaves may be exactly as much as is allowed, and not one more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.acts import CHANGING, LOOKING, Act
from everstore.conformance.case import Mismatch, refused, snapshot
from everstore.conformance.registry import product
from everstore.conformance.scene import Scene
from everstore.errors import QuotaExceededError

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.conformance.case import Case
    from everstore.store import Store

_COUNTS_NOTHING = {
    **dict.fromkeys(LOOKING, "it only looks"),
    **{name: "a record is not counted" for name, act in CHANGING.items() if act.role == "sessions"},
}
_ROOM = {"session_entries": 2, "session_bytes": 50, "session_keys": 2, "session_value_bytes": 50}
"""How much more than there is before and after an act its limits allow."""


async def _used(store: Store, session_id: UUID) -> dict[str, int]:
    """What each limit counts, of the session; secrets as they are stored."""
    seen: dict[str, Any] = await snapshot(store.session(session_id))
    sizes = [info.size_bytes for place, (info, _) in seen.items() if place.startswith("file ")]
    texts = [(place.partition(" ")[2], text) for place, (_, text) in seen.items() if isinstance(text, str)]
    if store.storage.capabilities.durable:
        names = [place.partition(" ")[2] for place in seen if place.startswith("secret ")]
        stored = await store.rotation.scan_secrets(after=(session_id, "\x01"), limit=len(names) or 1)
        ciphertexts = [(each.name, each.ciphertext) for each in stored if each.session_id == session_id]
        texts = [(name, text) for name, text in texts if name not in names] + ciphertexts
    return {
        "file_bytes": max(sizes, default=0),
        "session_entries": len(sizes),
        "session_bytes": sum(sizes),
        "session_keys": len(texts),
        "session_value_bytes": sum(len(key.encode()) + len(text.encode()) for key, text in texts),
    }


@product(
    "limits.exact.{act}",
    "7.4.1",
    "7.4.2",
    "7.4.5",
    "7.4.6",
    "7.4.7",
    "7.4.9",
    likely="this verb does not count, counts characters, or what is replaced, or what it leaves as it was",
    empty=_COUNTS_NOTHING,
    level="standard",
    since="1.1",
)
async def exact(case: Case, act: Act) -> None:
    """With what there is then as the limits it is done, with one less of what grows it is refused: {act}."""
    scene = await _ready(case.store, case.new_id())
    before = await _used(case.store, scene.id)
    await act.call(scene)
    after = await _used(case.store, scene.id)
    most = {limit: max(before[limit], after[limit], 1) for limit in before}
    try:
        await _filled(case, act, most)
    except QuotaExceededError as error:
        raise Mismatch("what is as much as is allowed to be done", str(error)) from error
    for limit in most:
        if after[limit] > before[limit]:
            with refused(QuotaExceededError) as caught:
                await _filled(case, act, {limit: after[limit] - 1})
            told = (caught.error.limit, caught.error.allowed, caught.error.wanted)
            if told != (limit, after[limit] - 1, after[limit]):
                raise Mismatch.of((limit, after[limit] - 1, after[limit]), told)


async def _limited(case: Case, limits: dict[str, int]) -> Store:
    """A client that has these limits, beside the check's own one where the storage can be shared."""
    if not case.capabilities.shared:
        await case.store.close()
    return await case.open(**{f"limits__{name}": value for name, value in limits.items()})


async def _filled(case: Case, act: Act, limits: dict[str, int]) -> None:
    """Act in a session that was filled under limits; a refusal must change nothing there."""
    store = await _limited(case, limits)
    scene = await _ready(store, case.new_id())
    was = await snapshot(store.session(scene.id))
    try:
        await act.call(scene)
    except QuotaExceededError:
        now = await snapshot(store.session(scene.id))
        if now != was:
            raise Mismatch.of(was, now, "refused, and nothing changed") from None
        raise
    finally:
        await store.close()


@product(
    "limits.counted.{act}",
    "7.4.1",
    "7.4.3",
    "7.4.5",
    "7.4.6",
    "7.4.7",
    likely="the usage that is kept is not brought up to date by this verb, or by who has no limits",
    empty=_COUNTS_NOTHING,
    level="standard",
    since="1.1",
)
async def counted(case: Case, act: Act) -> None:
    """When it was done, by one with limits or without, what is left fits to the last, and no more: {act}."""
    scene = await _ready(case.store, case.new_id())
    before = await _used(case.store, scene.id)
    await act.call(scene)
    after = await _used(case.store, scene.id)
    limits = {limit: max(before[limit], after[limit]) + room for limit, room in _ROOM.items()}
    store = await _limited(case, limits)
    try:
        for by_other in (False, True) if case.capabilities.shared else (False,):
            scene = await _ready(store, case.new_id())
            actor = scene
            if by_other:
                actor = Scene(case.store, scene.id)
                actor.revision, actor.key_revision = scene.revision, scene.key_revision
            await act.call(actor)
            whose = "another client, without limits" if by_other else "this client"
            try:
                await (_fill_files if act.role == "file_system" else _fill_keys)(scene, limits)
            except QuotaExceededError as error:
                raise Mismatch(f"room for what fits after what {whose} did", str(error)) from error
    finally:
        await store.close()


async def _ready(store: Store, session_id: UUID) -> Scene:
    """A filled session, where what is replaced may be the larger one, and characters are not bytes."""
    scene = Scene(store, session_id)
    await scene.fill(record=False)
    await scene.files.write_file("d/0", "much more than what comes, \u00e9 and \u20ac")
    await scene.storage.set_value("cl\u00e9", "\u20ac")
    return scene


async def _fill_files(scene: Scene, limits: dict[str, int]) -> None:
    used = await _used(scene.store, scene.id)
    await scene.files.write_file("probe", "x" * (limits["session_bytes"] - used["session_bytes"]))
    with refused(QuotaExceededError):
        await scene.files.append_file("probe", "x")
    for number in range(limits["session_entries"] - used["session_entries"] - 1):
        await scene.files.create_directory(f"probe {number}")
    with refused(QuotaExceededError):
        await scene.files.create_directory("one too many")


async def _fill_keys(scene: Scene, limits: dict[str, int]) -> None:
    used = await _used(scene.store, scene.id)
    key = "probe"
    size = limits["session_value_bytes"] - used["session_value_bytes"] - len(key)
    with refused(QuotaExceededError):
        await scene.storage.set_value(key, "x" * (size + 1))
    await scene.storage.set_value(key, "x" * size)
    await scene.storage.delete_value(key)
    for number in range(limits["session_keys"] - used["session_keys"]):
        await scene.storage.set_value(f"{number}", "x")
    with refused(QuotaExceededError):
        await scene.storage.set_secret("one too many", "x")
