"""Mistakes with calls that go on when they are cancelled."""

from __future__ import annotations

import asyncio
from typing import Any

from everstore.conformance.mutants.broken import Broken, mutant

__all__: list[str] = []

_TURNS = 40


def _made_by_a_worker(broken: Broken, *names: str, waits: bool) -> None:
    """A worker makes these calls after some turns; ``waits``: who is cancelled waits for it, once."""

    def wrap(call: Any) -> Any:
        async def made(*args: Any, **options: Any) -> Any:
            async def work() -> Any:
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                return await call(*args, **options)

            working = asyncio.ensure_future(work())
            try:
                return await asyncio.shield(working)
            except asyncio.CancelledError:
                working.add_done_callback(asyncio.Future.exception)
                if waits:
                    await asyncio.wait([working])
                raise

        return made

    broken.around(wrap, names=names)


@mutant("lifecycle.overtaken.file_system")
def settles_files_for_the_patient(broken: Broken) -> None:
    """Who is cancelled waits until a worker has made the write; who is cancelled again does not."""
    _made_by_a_worker(broken, "write_file", "seed_initial_file", waits=True)


@mutant("lifecycle.overtaken.storage")
def settles_values_for_the_patient(broken: Broken) -> None:
    """The same of values and secrets that are set."""
    _made_by_a_worker(broken, "set_value", "increment_value", "set_secret", waits=True)


@mutant("lifecycle.overtaken.sessions")
def adds_records_for_nobody(broken: Broken) -> None:
    """A worker adds the record whoever waits."""
    _made_by_a_worker(broken, "add_session", waits=False)
