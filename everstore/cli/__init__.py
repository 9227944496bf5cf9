"""The ``everstore`` command; what it needs comes with the extra ``cli``.

Nothing heavy is imported here, so that a missing extra is told in one line.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

_EXTRA = {"rich", "rignore", "typer"}


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        from everstore.cli.app import run  # noqa: PLC0415 - needs the extra

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # while all that was still loading
        raise SystemExit(130) from None
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing not in _EXTRA:
            raise
        sys.stderr.write(f"everstore: error: {missing} is missing: pip install 'everstore[cli]'\n")
        raise SystemExit(2) from None
    raise SystemExit(status)
