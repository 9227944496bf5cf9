"""Commands run in this process, on a backend that keeps everything from one command to the next."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from everstore import Capabilities, SessionFileSystemFactory, new_session_id
from everstore.backends.memory import (
    InMemorySessionFileStore,
    InMemorySessionStorageStore,
    InMemorySessionStore,
)
from everstore.cli.app import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DURABLE = Capabilities(durable=True, shared=True, forks=True)


@pytest.fixture(autouse=True)
def _ctrl_c_arrives() -> Iterator[None]:
    """Ctrl-C interrupts, as at a terminal: a shell starts background jobs with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Answer(NamedTuple):
    """How a command ended: its exit status and what it wrote."""

    status: int
    bytes: bytes
    err: str

    @property
    def out(self) -> str:
        return self.bytes.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.bytes)

    @property
    def error(self) -> Any:
        """What a command with ``--json`` says went wrong, on the last line of stderr."""
        return json.loads(self.err.splitlines()[-1])["error"]


@pytest.fixture
def cli(capsysbinary, monkeypatch) -> Callable[..., Answer]:
    """Run one command: ``cli("put", "-", "notes.txt", stdin=b"hello")``."""

    def command(*arguments: object, stdin: bytes = b"") -> Answer:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        status = run([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        return Answer(status, out, err.decode())

    return command


@pytest.fixture
def process(in_empty_folder) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run the installed ``everstore`` script in a process of its own, in an empty folder."""

    def command(*arguments: object, stdin: bytes = b"", **variables: str):
        return subprocess.run(
            [SCRIPT, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env={**os.environ, **variables},
            cwd=in_empty_folder,
            check=False,
            timeout=120,
        )

    return command


SCRIPT = str(Path(sys.executable).with_name("everstore"))


class Kept(NamedTuple):
    """What the backend ``kept`` has in store, for tests that look behind the commands."""

    files: InMemorySessionFileStore
    storage: InMemorySessionStorageStore
    sessions: InMemorySessionStore


class _Files(InMemorySessionFileStore):
    capabilities = DURABLE


class _Storage(InMemorySessionStorageStore):
    capabilities = DURABLE


class _Sessions(InMemorySessionStore):
    capabilities = DURABLE


@pytest.fixture
def kept(install_plugin, in_empty_folder, monkeypatch) -> Kept:
    """A backend that outlives a command, configured for every role."""
    there = Kept(_Files(), _Storage(), _Sessions())

    class Factory(SessionFileSystemFactory):
        async def create_session_file_system(self, context):
            return there.files

    factory = Factory()
    install_plugin(
        "kept",
        everstore_file_system_factory=lambda: factory,
        everstore_storage_store=lambda: there.storage,
        everstore_session_store=lambda: there.sessions,
    )
    monkeypatch.setenv("EVERSTORE_BACKEND", "kept")
    return there


@pytest.fixture
def session(kept, monkeypatch) -> str:
    """The session that commands work in."""
    session_id = str(new_session_id())
    monkeypatch.setenv("EVERSTORE_SESSION", session_id)
    return session_id


@pytest.fixture
def a_key(monkeypatch) -> None:
    """A key, without which a backend that outlives the process takes no secret."""
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", "tests:" + "QUJD" * 10 + "QUI=")
