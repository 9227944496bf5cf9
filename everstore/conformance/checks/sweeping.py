"""What removes what is over leaves alone what is not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from everstore.conformance.registry import check
from everstore.errors import RevisionConflictError

if TYPE_CHECKING:
    from everstore.conformance.case import Case
    from everstore.session import BoundStorage

_BRIEF = 0.05  # seconds


async def _live_on(storage: BoundStorage) -> None:
    """Values and secrets with an end that they then lose, put off, or never had."""
    for name in ("cleared", "extended", "conditional", "anew"):
        await storage.set_value(name, "brief", ttl=_BRIEF)
        await storage.set_secret(name, "brief", ttl=_BRIEF)
    conditional = await storage.stat_value("conditional")
    try:
        revision = conditional.revision if conditional else "0"
        await storage.set_value("conditional", "live", if_revision=revision)
    except RevisionConflictError:  # on a machine so slow that it was over already
        await storage.set_value("conditional", "live")
    for name, ttl in (("touched", None), ("touched on", 3600)):
        await storage.set_value(name, "live", ttl=_BRIEF)
        if not await storage.touch_value(name, ttl=ttl):  # the same
            await storage.set_value(name, "live", ttl=ttl)
    for name in ("cleared", "anew", "purged"):
        if name == "anew":
            await storage.delete_value(name)
            await storage.delete_secret(name)
        await storage.set_value(name, "live")
        await storage.set_secret(name, "live")
    await storage.set_secret("conditional", "live")
    await storage.set_value("extended", "live", ttl=3600)
    await storage.set_secret("extended", "live", ttl=3600)
    await storage.set_value("counted", "5", ttl=3600)
    await storage.increment_value("counted")
    await storage.set_value("gone", "brief", ttl=_BRIEF)
    await storage.set_secret("gone", "brief", ttl=_BRIEF)
    await storage.set_value("gone number", "7", ttl=_BRIEF)


async def _seen(storage: BoundStorage) -> dict[str, Any]:
    values = {info.key: await storage.get_value(info.key) for info in await storage.list_keys()}
    secrets = {info.name: await storage.get_secret(info.name) for info in await storage.list_secrets()}
    return {"values": values, "secrets": secrets}


@check(
    "values.expiry.sweep",
    "6.5.1", "6.5.2", "6.5.4", "6.5.7", "1.3.2", "1.5.3",
    since="1.1",
    likely="a sweep goes by an end that was put off or cleared, by the name alone, or by one session's",
    needs=("time_to_live",),
)  # fmt: skip
async def sweep(case: Case) -> None:
    """When an end has passed and anything is written, only what is over is gone, there and elsewhere."""
    beside = case.session()
    other = beside.storage
    for one in (case.store.session(case.id), beside):
        await one.storage.set_value("purged", "brief", ttl=_BRIEF)
        await one.storage.set_secret("purged", "brief", ttl=_BRIEF)
        await case.store.storage.purge_session(one.id)
        await _live_on(one.storage)
    for name in ("gone", "gone number"):
        await other.set_value(name, "live")
    await other.set_secret("gone", "live")
    await asyncio.sleep(3 * _BRIEF)
    live = dict.fromkeys(("cleared", "extended", "conditional", "anew", "purged"), "live")
    touched = {"touched": "live", "touched on": "live", "counted": "6"}
    expected = {"values": live | touched, "secrets": live}
    # Whatever a sweep goes with: every verb that writes, and a look.
    for sweeps in (
        lambda: case.storage.set_value("w", "x"),
        lambda: case.storage.set_secret("w", "x"),
        lambda: case.storage.increment_value("gone number"),
        lambda: case.storage.delete_value("gone number"),
        lambda: case.storage.set_value("gone", "x", if_absent=True),
        lambda: case.storage.delete_value("gone"),
        lambda: case.storage.delete_value("w"),
        lambda: case.storage.delete_secret("w"),
        lambda: case.files.write_file("f", "x"),
    ):
        await sweeps()
        seen = await _seen(case.storage)
        kept = {kind: {name: held.get(name) for name in expected[kind]} for kind, held in seen.items()}
        assert kept == expected
    assert await _seen(case.storage) == expected
    values = {**live, **touched, "gone": "live", "gone number": "live"}
    assert await _seen(other) == {"values": values, "secrets": {**live, "gone": "live"}}
