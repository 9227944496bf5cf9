"""Verbs beside raw asyncpg doing the same work, in turn, on one server.

    python plugins/everstore-postgres/tests/server.py \\
        python plugins/everstore-postgres/tests/benchmarks/verbs.py
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time

import asyncpg

import everstore

SCHEMA = "everstore_benchmark"
TABLES = f"""
DROP SCHEMA IF EXISTS {SCHEMA} CASCADE;
DROP SCHEMA IF EXISTS {SCHEMA}_raw CASCADE;
CREATE SCHEMA {SCHEMA}_raw;
CREATE TABLE {SCHEMA}_raw.files (session_id uuid, path text COLLATE "C", version bigint, updated_ns bigint,
    content bytea, PRIMARY KEY (session_id, path));
CREATE TABLE {SCHEMA}_raw.entries (session_id uuid, key text COLLATE "C", value bytea, version bigint,
    PRIMARY KEY (session_id, key));
"""
WRITE = f"""INSERT INTO {SCHEMA}_raw.files AS f VALUES ($1, $2, 1, $3, $4) ON CONFLICT (session_id, path)
DO UPDATE SET version = f.version + 1, updated_ns = $3, content = $4 RETURNING version"""
READ = f"SELECT version, updated_ns, content FROM {SCHEMA}_raw.files WHERE session_id = $1 AND path = $2"
STAT = f"SELECT version, updated_ns FROM {SCHEMA}_raw.files WHERE session_id = $1 AND path = $2"
SET = f"""INSERT INTO {SCHEMA}_raw.entries AS e VALUES ($1, $2, $3, 1) ON CONFLICT (session_id, key)
DO UPDATE SET version = e.version + 1, value = $3"""
GET = f"SELECT value FROM {SCHEMA}_raw.entries WHERE session_id = $1 AND key = $2"


async def main(rounds: int) -> None:
    raw = await asyncpg.connect(os.environ["EVERSTORE_POSTGRES_URL"])
    await raw.execute(TABLES)
    session_id, path, text = everstore.new_session_id(), "/src/a.txt", "x" * 1024
    async with everstore.open_store(backend="postgres", postgres_schema_name=SCHEMA) as store:
        files, storage = store.file_system, store.storage
        pairs = {
            "write 1 KiB": (
                lambda: raw.fetchrow(WRITE, session_id, path, time.time_ns(), text.encode()),
                lambda: files.write_file(session_id, path, text),
            ),
            "read 1 KiB": (
                lambda: raw.fetchrow(READ, session_id, path),
                lambda: files.read_file(session_id, path),
            ),
            "stat": (lambda: raw.fetchrow(STAT, session_id, path), lambda: files.stat_file(session_id, path)),
            "set": (
                lambda: raw.fetchrow(SET, session_id, "key", b"value"),
                lambda: storage.set_value(session_id, "key", "value"),
            ),
            "get": (
                lambda: raw.fetchrow(GET, session_id, "key"),
                lambda: storage.get_value(session_id, "key"),
            ),
        }
        sys.stdout.write("verb          raw us  everstore us  ratio   at best: raw  everstore  ratio\n")
        for name, calls in pairs.items():
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(rounds):
                for call, taken in zip(calls, times, strict=True):
                    for _ in range(20):
                        started = time.perf_counter()
                        await call()
                        taken.append((time.perf_counter() - started) * 1e6)
            one, two = map(statistics.median, times)
            best, ours = map(min, times)
            row = f"{name:12} {one:7.0f} {two:13.0f} {two / one:6.2f}"
            sys.stdout.write(f"{row} {best:14.0f} {ours:10.0f} {ours / best:6.2f}\n")
    await raw.execute(f"DROP SCHEMA {SCHEMA} CASCADE; DROP SCHEMA {SCHEMA}_raw CASCADE")
    await raw.close()


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
