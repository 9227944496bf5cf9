"""The command ``everstore conformance``: what level of the contract a backend proves."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import Annotated, Literal

import typer

from everstore.errors import SettingsError

__all__ = ["conformance"]

_EXTRA = {"hypothesis", "pytest"}

Level = Literal["core", "standard", "durable"]


def conformance(
    name: Annotated[
        str | None, typer.Argument(help="The backend, as 'everstore backends' lists it.", show_default=False)
    ] = None,
    *,
    level: Annotated[Level, typer.Option(help="The level to reach.")] = "standard",
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the report.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as a page.")] = None,
    badge: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="Write a badge of the level.")
    ] = None,
    seed: Annotated[int, typer.Option(help="What chance is made of: the same seed, the same choices.")] = 0,
    expression: Annotated[
        str | None,
        typer.Option(
            "-k",
            metavar="EXPR",
            help="Run only these: words of ids, levels, tags; and, or, not. A whole id is that check alone.",
        ),
    ] = None,
    stop: Annotated[bool, typer.Option("-x", help="Stop at the first check that fails.")] = False,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds for one check; what takes longer hangs, and is ended.")
    ] = 120,
    large: Annotated[
        bool,
        typer.Option("--large", help="Run the checks of the tag large, too: 12,000 files, 64 MiB; minutes."),
    ] = False,
    full: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="Settings of a small storage to fill; {directory} is a new one."),
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="List the checks and run none.")] = False,
) -> int:
    """Run the conformance suite on an installed backend, as the configuration in force describes it.

    What fails fastest comes first: a check of every family, and what takes long at the end of its level.

    It works in sessions of its own, which it removes, so it can run on a storage in use.
    What a run that was killed (SIGKILL) left there, the next one on that storage removes first. The exit
    status is 0 only when the level is reached; a selection (-k) that leaves out checks of it does not
    reach it.
    """
    try:
        from everstore.cli import proving  # noqa: PLC0415 - needs the extra, and loads pytest
        from everstore.conformance.patience import leave_if_stuck  # noqa: PLC0415 - so does this
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in _EXTRA:
            raise
        raise SettingsError(f"{error.name} is missing: pip install 'everstore[conformance]'") from None
    checks = proving.chosen(level, expression)
    if list_only:
        proving.print_checks(checks)
        return 0
    if name is None:
        raise typer.BadParameter("which backend? 'everstore backends' lists them", param_hint="NAME")
    small = proving.settings_of(full)
    proving.require_asked(checks, large=large, full=small)
    proving.require_writable(json_file, markdown, badge)
    report = proving.prove(name, checks, level, seed, timeout, stop_at_failure=stop, large=large, full=small)
    proving.save(report, json_file, markdown, badge)
    proving.tell(report)
    status = 0 if report.is_reached else 1
    leave_if_stuck(status)
    return status
