"""Mistakes that a kill -9 shows, with verbs that are seldom thought of."""

from __future__ import annotations

import asyncio
from typing import Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.conformance.mutants.processes import A_WHILE, Behind

__all__: list[str] = []


@mutant("durability.killed.storage", durable=True)
def keeps_ends_behind(broken: Broken) -> None:
    """A value is kept at once, and its time to live a little later."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, *, ttl: Any = None, **options: Any) -> Any:
        info = await broken.storage.set_value(session_id, key, value, **options)
        if ttl is not None:
            await asyncio.sleep(A_WHILE)
            info = await broken.storage.set_value(session_id, key, value, ttl=ttl)
        return info


@mutant("durability.killed.storage", durable=True)
def counts_behind(broken: Broken) -> None:
    """The first count of a counter is acknowledged, and kept a little later."""
    behind = Behind()

    @broken.verb
    async def increment_value(session_id: Any, key: str, amount: int = 1) -> int:
        if await broken.storage.stat_value(session_id, key) is not None:
            return await broken.storage.increment_value(session_id, key, amount)
        behind.do(lambda: broken.storage.increment_value(session_id, key, amount))
        return amount


@mutant("durability.killed.file_system", durable=True)
def makes_parents_in_their_own_step(broken: Broken) -> None:
    """The parents of a directory are made in a step of their own."""

    @broken.verb
    async def create_directory(session_id: Any, path: str) -> Any:
        parent = ("/" + path.strip("/")).rpartition("/")[0]
        if parent and await broken.files.stat_file(session_id, parent) is None:
            await broken.files.create_directory(session_id, parent)
            await asyncio.sleep(A_WHILE)
        return await broken.files.create_directory(session_id, path)


@mutant("durability.killed.file_system", durable=True)
def copies_onto_nothing(broken: Broken) -> None:
    """A copy onto a file deletes that first."""

    @broken.verb
    async def copy_file(session_id: Any, source: str, destination: str, *, overwrite: bool = False) -> Any:
        if overwrite and await broken.files.delete_file(session_id, destination):
            await asyncio.sleep(A_WHILE)
        return await broken.files.copy_file(session_id, source, destination, overwrite=overwrite)


@mutant("durability.killed.sessions", durable=True)
def replaces_records_in_two_steps(broken: Broken) -> None:
    """A record that is added again is deleted first."""

    @broken.verb
    async def add_session(session: Any) -> None:
        if await broken.sessions.delete_session(session.id):
            await asyncio.sleep(A_WHILE)
        await broken.sessions.add_session(session)
