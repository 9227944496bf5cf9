"""Backends that are broken on purpose, and checks that are made for one test."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from everstore import SessionFileSystem, SessionStorageStore, open_store
from everstore.conformance import Check, Subject
from everstore.errors import UnsupportedError
from everstore.interfaces import SessionStore
from everstore.middleware.base import assemble, verbs_of
from everstore.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable


def rebuilt(store, replaced):
    """The store with some verbs replaced: ``{"write_file": function}``."""

    def part(interface, backend):
        calls = {verb.name: getattr(backend, verb.name) for verb in verbs_of(interface, "", "")}
        return assemble(
            interface, backend, {**calls, **{name: replaced[name] for name in calls if name in replaced}}
        )

    return Store(
        part(SessionFileSystem, store.file_system),
        part(SessionStorageStore, store.storage),
        part(SessionStore, store.sessions),
        store.backends,
        store.close,
    )


@asynccontextmanager
async def open_stripping(**settings):
    """Memory that strips what it is given to write."""
    async with open_store(**settings) as store:

        async def write_file(session_id, path, content, *rest, **options):
            return await store.file_system.write_file(session_id, path, content.strip(), *rest, **options)

        yield rebuilt(store, {"write_file": write_file})


@asynccontextmanager
async def open_stuck(**settings):
    """Memory that cannot be closed."""
    async with open_store(**settings) as store:
        yield store
    raise ZeroDivisionError("stuck")


def _everywhere(answer):
    @asynccontextmanager
    async def opener(**settings):
        async with open_store(**settings) as store:
            interfaces = (SessionFileSystem, SessionStorageStore, SessionStore)
            yield rebuilt(
                store, {verb.name: answer for kind in interfaces for verb in verbs_of(kind, "", "")}
            )

    return opener


async def _nothing(*args, **kwargs):
    """What a verb does that nobody implemented."""


async def _unsupported(*args, **kwargs):
    raise UnsupportedError("not here")


@pytest.fixture(autouse=True)
def _openers(monkeypatch):
    """The module that subjects of these tests name: ``broken_stores:open_stripping``."""
    module = ModuleType("broken_stores")
    module.open_stripping = open_stripping
    module.open_stuck = open_stuck
    module.open_nothing = _everywhere(_nothing)
    module.open_unsupported = _everywhere(_unsupported)
    monkeypatch.setitem(sys.modules, "broken_stores", module)


@pytest.fixture(scope="session")
def generate_page() -> SimpleNamespace:
    """The script that writes docs/conformance.md."""
    return SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("generate_page.py"))))


@pytest.fixture
def everstore(in_empty_folder):
    """Run the command in a process of its own: there nothing but the suite rewrites assertions."""

    def command(*arguments, **variables):
        done = subprocess.run(
            [Path(sys.executable).with_name("everstore"), "conformance", *map(str, arguments)],
            capture_output=True, text=True, check=False, cwd=in_empty_folder, timeout=300,
            env={**os.environ, "PYTHONPATH": str(in_empty_folder), **variables},
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return command


@pytest.fixture
def memory() -> Subject:
    return Subject({"backend": "memory"})


@pytest.fixture
def stripping() -> Subject:
    return Subject({"backend": "memory"}, opener="broken_stores:open_stripping")


@pytest.fixture
def a_check() -> Callable[..., Check]:
    """A check that is no part of the suite: ``a_check(function, id="x.y", level="core")``."""

    def make(function, **facts):
        known = {"id": "made.here", "promise": "It holds", "sentences": ("3.1.1",), "likely": "a mistake"}
        return Check(**{**known, "function": function, **facts})

    return make
