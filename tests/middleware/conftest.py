"""What every test here needs."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from everstore import Capabilities
from everstore.backends.memory import InMemorySessionStorageStore
from everstore.models import StoredSecret

sys.path.append(str(Path(__file__).parent))  # what the tests of policies share is a module there


@pytest.fixture(autouse=True)
def _nowhere(in_empty_folder):
    """No settings file of the developer's is read."""


class Shelf(InMemorySessionStorageStore):
    """Storage that claims to outlive the process, and lets tests see and change what it holds."""

    capabilities = Capabilities(durable=True)

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[Any, str], str] = {}

    async def set_secret(self, session_id, name, value, *, ttl=None):
        self.held[session_id, name] = value

    async def get_secret(self, session_id, name):
        return self.held.get((session_id, name))

    async def scan_secrets(self, *, after=None, limit=100):
        places = sorted(place for place in self.held if after is None or place > after)
        return [StoredSecret(*place, self.held[place]) for place in places[:limit]]

    async def swap_secret(self, session_id, name, expected, replacement):
        await asyncio.sleep(0)
        if self.held.get((session_id, name)) != expected:
            return False
        self.held[session_id, name] = replacement
        return True


@pytest.fixture
def shelf(install_plugin) -> Shelf:
    """The storage of a plugin ``shelf``, which is installed for one test."""
    shelf = Shelf()
    install_plugin("shelf", everstore_storage_store=lambda: shelf)
    return shelf
