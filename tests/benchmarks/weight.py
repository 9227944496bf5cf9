"""What a file weighs in memory, and what importing everstore costs: each in processes of its own."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import subprocess
import sys
import tempfile
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from contenders import open_contender
from workloads import KIB, call, path_of

__all__ = ["ImportTime", "bytes_a_file", "import_time", "weigh"]

FILES = 100_000


async def weigh(name: str, how: str) -> float:
    """Bytes that each of 100,000 files of 1 KiB takes, all different; ``how``: ``traced`` or ``resident``."""
    async with open_contender(name) as contender:
        session = contender.new_session()
        await call(contender, "write_file", session, "/first.txt", KIB)
        gc.collect()
        if how == "traced":
            tracemalloc.start()
        before = _resident()
        for number in range(FILES):
            await call(contender, "write_file", session, path_of(number), f"{number:06}{KIB[6:]}")
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0] if how == "traced" else _resident() - before
        tracemalloc.stop()
        answer = await call(contender, "read_file", session, path_of(FILES - 1))
        assert contender.text_of(answer) == f"{FILES - 1:06}{KIB[6:]}"
    return taken / FILES


def _resident() -> int:
    """The most bytes this process has had in memory."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def bytes_a_file(name: str, how: str) -> float:
    """``weigh`` in a process of its own."""
    command = [sys.executable, str(Path(__file__).parent), "--weigh", name, how]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


@dataclass
class ImportTime:
    """Milliseconds of processor time: asyncio alone, what everstore adds, and what it adds by the clock."""

    asyncio: float
    added: float
    added_wall: float


def import_time(times: int) -> ImportTime:
    """The medians of fresh interpreters, whose modules are compiled already, one with and one without."""
    with tempfile.TemporaryDirectory() as compiled:
        environment = os.environ | {"PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        _run("import asyncio, everstore", environment)
        pairs = [
            (_run("import asyncio", environment), _run("import asyncio, everstore", environment))
            for _ in range(times)
        ]
    return ImportTime(
        median(alone[0] for alone, _ in pairs),
        median(both[0] - alone[0] for alone, both in pairs),
        median(both[1] - alone[1] for alone, both in pairs),
    )


def _run(code: str, environment: dict[str, str]) -> tuple[float, float]:
    """Milliseconds of processor time and of wall time that an interpreter takes."""
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    wall = perf_counter() - clock
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return processor * 1e3, wall * 1e3


def weigh_here(name: str, how: str) -> None:
    """What ``bytes_a_file`` runs."""
    sys.stdout.write(f"{asyncio.run(weigh(name, how))}\n")
