"""A forked child that ends as programs do: its event loop runs on, all calls in it are cancelled."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

PROGRAM = """
import asyncio, os, sys, warnings
import everstore
from everstore import new_session_id

async def main(url, schema):
    session_id, is_over, counts = new_session_id(), False, [0] * 4
    async with everstore.open_store(
        environment={}, log_level="off", backend="postgres", postgres_url=url,
        postgres_schema_name=schema, postgres_partitions=2,
    ) as store:
        async def count(number):
            while not is_over:
                counts[number] += 1
                assert await store.storage.increment_value(session_id, f"n{number}") == counts[number]

        busy = [asyncio.ensure_future(count(number)) for number in range(4)]
        for _ in range(5):
            await asyncio.sleep(0.02)
            child = os.fork()
            if not child:
                warnings.simplefilter("ignore")
                sys.exit(7)
            _, status = await asyncio.to_thread(os.waitpid, child, 0)
            assert os.waitstatus_to_exitcode(status) == 7, status
        is_over = True
        await asyncio.gather(*busy)
        assert all(counts)
    os.write(1, b"sound")

asyncio.run(main(*sys.argv[1:]))
"""


async def test_the_end_of_a_child_reaches_no_call_of_its_parent(settings):
    program = [sys.executable, "-c", PROGRAM, settings["postgres_url"], settings["postgres_schema_name"]]
    done = await asyncio.to_thread(
        subprocess.run, program, capture_output=True, timeout=120, check=False, env=dict(os.environ)
    )
    assert (done.returncode, done.stdout[-5:]) == (0, b"sound"), done.stderr.decode()
