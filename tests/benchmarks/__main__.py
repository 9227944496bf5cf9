"""Measure everstore beside a floor, the ancestor's algorithm and its peers: ``python tests/benchmarks``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from contenders import CONTENDERS
from crowd import measure_crowd
from holding import measure_hold
from report import Report
from rounds import measure
from weight import bytes_a_file, import_time, weigh_here
from workloads import WORKLOADS

PARTS = ("speed", "hold", "crowd", "weight", "import")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tests/benchmarks", description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, help="only this one; may be repeated")
    parser.add_argument("--calls", action="append", metavar="TEXT", help="only those with TEXT in their name")
    parser.add_argument("--rounds", type=int, default=31, help="rounds of each workload (default: 31)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    parser.add_argument("--weigh", nargs=2, help=argparse.SUPPRESS)  # what the part weight starts
    return parser.parse_args()


def _report(options: argparse.Namespace) -> Report:
    parts = options.part or PARTS
    report = Report([], [], [], {}, None)
    if "speed" in parts:
        for workload in WORKLOADS:
            if not options.calls or any(text in workload.name for text in options.calls):
                _tell(workload.name)
                report.speeds.append(asyncio.run(measure(workload, options.rounds)))
    if "hold" in parts:
        for files in (1000, 8000):
            _tell(f"a task beside a search of {files:,} files")
            report.holds.append(asyncio.run(measure_hold(files, times=options.rounds)))
    if "crowd" in parts:
        for name, times in (("everstore", 100), ("floor", 100), ("ancestor", 1)):
            _tell(f"{name} among a million files")
            report.crowds.append(asyncio.run(measure_crowd(name, 1_000_000, options.rounds, times)))
    if "weight" in parts:
        for name in CONTENDERS:
            _tell(f"the weight of a file in {name}")
            report.weights[name] = {how: bytes_a_file(name, how) for how in ("traced", "resident")}
    if "import" in parts:
        _tell("import everstore")
        report.imports = import_time(options.rounds)
    return report


def _tell(what: str) -> None:
    sys.stderr.write(f"measuring: {what}\n")


def main() -> int:
    """Measure, print, write."""
    options = _arguments()
    if options.weigh:
        weigh_here(*options.weigh)
        return 0
    report = _report(options)
    sys.stdout.write(report.text() + "\n")
    if options.json:
        options.json.write_text(report.json())
    if options.markdown:
        options.markdown.write_text(report.markdown())
    return 1 if options.strict and report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
