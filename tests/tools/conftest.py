"""What the tests of tools share: a session in memory, and a toolbox on it."""

from __future__ import annotations

import pytest

import everstore
from everstore.tools import Toolbox


@pytest.fixture
async def store():
    async with everstore.open_store(backend="memory") as opened:
        yield opened


@pytest.fixture
def work(store):
    return store.session(everstore.new_session_id())


@pytest.fixture
def toolbox(work):
    return Toolbox(work)
