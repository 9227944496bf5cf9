"""Measure everstore-postgres: ``python plugins/everstore-postgres/tests/benchmarks [--markdown FILE]``.

On a server of its own, or on the one that EVERSTORE_TEST_POSTGRES_URL names.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import sys
from pathlib import Path

import asyncpg
from bench import Bench
from crowd import measure_crowd
from forking import measure_forks
from page import Page
from peers import measure_peers
from purging import measure_purge
from searching import measure_search
from sizes import measure_sizes
from verbs import measure_verbs

sys.path.insert(0, str(Path(__file__).parents[1]))
from server import server_url

PARTS = {
    "verbs": measure_verbs,
    "crowd": measure_crowd,
    "peers": measure_peers,
    "sizes": measure_sizes,
    "search": measure_search,
    "purge": measure_purge,
    "forks": measure_forks,
}
SETTINGS = ("fsync", "synchronous_commit", "shared_buffers", "max_wal_size")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python plugins/everstore-postgres/tests/benchmarks", description=__doc__
    )
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=40, help="of the verbs; the rest follows (default: 40)")
    parser.add_argument("--connections", type=int, default=10, help="of each contender (default: 10)")
    parser.add_argument(
        "--files", type=int, default=1_000_000, help="of the large session (default: 1000000)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figures there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    return parser.parse_args()


async def _server(bench: Bench) -> str:
    async with bench.connection() as connection:
        version = await connection.fetchval("SHOW server_version")
        settings = [f"{name} {await connection.fetchval(f'SHOW {name}')}" for name in SETTINGS]
    return f"PostgreSQL {version} ({', '.join(settings)})"


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


async def _measure(options: argparse.Namespace, url: str) -> None:
    page = Page()
    bench = Bench(url, page, options.rounds, options.connections, options.files)
    machine = f"Python {platform.python_version()}, asyncpg {asyncpg.__version__}, {os.cpu_count()} cores"
    page.say(f"{await _server(bench)}; {machine}; {platform.system()}.\n")
    gc.freeze()  # what was imported is looked at no more, or each turn's collection would take longer than it
    for part in options.part or PARTS:
        before = _load()
        await PARTS[part](bench)
        page.say(f"Load average: {before} before, {_load()} after.\n")
        page.write(options.markdown, options.json)  # what there is stays, whatever comes


def main() -> None:
    """Measure, tell, write."""
    options = _arguments()
    with server_url() as url:
        asyncio.run(_measure(options, url))


if __name__ == "__main__":
    main()
