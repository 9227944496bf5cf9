"""The ``everstore`` command; what it needs comes with the extra ``cli``.

Nothing heavy is imported here, so that a missing extra is told in one line.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

__all__ = ["main"]

_EXTRA = {"rich", "rignore", "shellingham", "typer"}


def main() -> None:
    """Run the command line and exit with its status."""
    _stand_in_for_closed_streams()
    _have_answers_written_whole()
    try:
        from everstore.cli.app import run  # noqa: PLC0415 - needs the extra

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # while all that was still loading
        raise SystemExit(130) from None
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing not in _EXTRA:
            raise
        from everstore.installing import command_to_install  # noqa: PLC0415 - only for this

        sys.stderr.write(f"everstore: error: {missing} is missing: {command_to_install('cli')}\n")
        raise SystemExit(2) from None
    finally:
        _let_go_of_full_stderr()
    raise SystemExit(status)


def _let_go_of_full_stderr() -> None:
    """Keep what cannot be told out of the exit status: the interpreter flushes once more at its end."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _have_answers_written_whole() -> None:
    """Give stdout the buffer that ``PYTHONUNBUFFERED`` took: without it, half an answer counts as written."""
    if isinstance(raw := getattr(sys.stdout, "buffer", None), io.RawIOBase):
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), sys.stdout.encoding, sys.stdout.errors)


def _stand_in_for_closed_streams() -> None:
    """Keep the numbers of closed streams from the files of a store, and have something in their place."""
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(spare)
    nowhere = Path(os.devnull)
    sys.stdout = sys.stdout or nowhere.open()  # for reading: what is written to it fails, and is told
    sys.stderr = sys.stderr or nowhere.open("w")
    sys.stdin = sys.stdin or nowhere.open("w")  # which reads no empty text where there is none to read
