"""The command ``everstore migrate``: what is stored brought up to date with the installed plugins."""

from __future__ import annotations

from everstore.cli.ending import carry_out
from everstore.cli.options import JsonOption
from everstore.cli.output import print_json, write
from everstore.cli.running import configured

__all__ = ["migrate"]


def migrate(*, as_json: JsonOption = False) -> None:
    """Bring the configured backends up to date, where opening a store does not do that."""
    from everstore.building import migrate as migrate_all  # noqa: PLC0415 - loads pydantic and structlog

    done = carry_out(migrate_all(configured()))
    if as_json:
        print_json(done)
        return
    for plugin, lines in done.items():
        for line in ["has nothing to migrate"] if lines is None else lines or ["is up to date"]:
            write(f"{plugin}: {line}\n")
