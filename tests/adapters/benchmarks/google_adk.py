"""ADK's sessions beside its DatabaseSessionService: ``python tests/adapters/benchmarks/google_adk.py``."""

from __future__ import annotations

import asyncio
import runpy
import sys
import tempfile
from pathlib import Path

from google.adk.events.event import Event
from google.adk.events.event_actions import EventActions
from google.adk.sessions import DatabaseSessionService
from google.adk.sessions.base_session_service import GetSessionConfig
from google.genai import types

import everstore
from everstore.adapters.google_adk import EverstoreSessionService

sys.path.insert(0, str(Path(__file__).parent))
from timing import header, row

RECENT = GetSessionConfig(num_recent_events=20)


def _event(turn, *keys):
    content = types.Content(role="user", parts=[types.Part(text="x" * 500)])
    delta = dict.fromkeys(keys, turn)
    return Event(author="user", content=content, actions=EventActions(state_delta=delta))


async def measure(store, own, where):
    """What a turn of an agent does: its session is read, and two events are appended."""

    def turns(service, *keys):
        sessions = {}

        async def turn(task, number):
            at = {"app_name": f"app {task}", "user_id": f"user {task}"}
            if task not in sessions:
                sessions[task] = (await service.create_session(**at)).id
            session = await service.get_session(**at, session_id=sessions[task], config=RECENT)
            await service.append_event(session, _event(number))
            await service.append_event(session, _event(number, *keys))

        return turn

    for tasks in (1, 50):
        ours = EverstoreSessionService(store)
        for what, keys in (("a turn", ("answer",)), ("a turn, state of the user", ("answer", "user:k"))):
            rounds = 31 if tasks == 1 else 9
            await row(f"{where}, {what}", turns(ours, *keys), turns(own, *keys), tasks=tasks, rounds=rounds)


async def main() -> None:
    """Print the table."""
    root = Path(__file__).parents[3]
    header()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"EVERSTORE_SQLITE_PATH": f"{folder}/everstore.db"}
        await beside("sqlite", settings, f"sqlite+aiosqlite:///{folder}/own.db")
    server = runpy.run_path(str(root / "plugins" / "everstore-postgres" / "tests" / "server.py"))
    with server["server_url"]() as url:
        settings = {"EVERSTORE_POSTGRES_URL": url}
        await beside("postgres", settings, url.replace("postgresql://", "postgresql+asyncpg://"))


async def beside(backend, settings, url):
    """Measure both over the same kind of storage."""
    async with (
        everstore.open_store(backend=backend, environment=settings) as store,
        DatabaseSessionService(url) as own,
    ):
        await measure(store, own, backend)


asyncio.run(main())
