"""The command ``everstore conformance``: what level of the contract a backend proves."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - typer reads annotations at run time
from typing import Annotated, Literal

import typer

from everstore.cli import completing
from everstore.cli.local import file_named
from everstore.errors import SettingsError
from everstore.installing import command_to_install

__all__ = ["conformance"]

_EXTRA = {"hypothesis", "pytest"}

Level = Literal["core", "standard", "durable"]


def conformance(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="BACKEND",
            help="The backend, as 'everstore backends' lists it.",
            autocompletion=completing.backends,
        ),
    ] = None,
    *,
    level: Annotated[
        Level, typer.Option(metavar="core|standard|durable", help="The level to reach.")
    ] = "standard",
    json_file: Annotated[
        Path | None, typer.Option("--json", parser=file_named, metavar="FILE", help="Write a report as JSON.")
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(parser=file_named, metavar="FILE", help="Write a report as a page of Markdown."),
    ] = None,
    badge: Annotated[
        Path | None, typer.Option(parser=file_named, metavar="FILE.svg", help="Write a badge of the level.")
    ] = None,
    seed: Annotated[
        int,
        typer.Option(metavar="N", help="The seed for random choices; the same seed makes the same choices."),
    ] = 0,
    expression: Annotated[
        str | None,
        typer.Option(
            "-k",
            metavar="EXPR",
            help="Run only the checks whose id, level or tags match, such as 'limits and not large'.",
        ),
    ] = None,
    stop: Annotated[bool, typer.Option("-x", help="Stop at the first check that fails.")] = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=1, help="End a check that takes longer than this.")
    ] = 120,
    jobs: Annotated[
        int | None,
        typer.Option(
            "-j",
            "--jobs",
            metavar="N",
            min=1,
            help="Run so many checks at a time, in a process each [default: as many as help].",
        ),
    ] = None,
    large: Annotated[
        bool,
        typer.Option("--large", help="Run the large checks, too (12,000 files, 64 MiB); they take minutes."),
    ] = False,
    full: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help="Run the checks that fill a storage, with these settings; {directory} stands for a new one.",
        ),
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="List the checks, and run none.")] = False,
) -> int:
    """Run the conformance suite on an installed backend, as it is configured.

    The exit status is 0 only when the level is reached; a selection (-k) that leaves out checks of it does
    not reach it.

    It works in sessions of its own and removes them, so it may run on a storage in use. What a killed run
    left there, the next one removes first.
    """
    try:
        from everstore.cli import proving  # noqa: PLC0415 - needs the extra, and loads pytest
        from everstore.conformance.patience import leave_if_stuck  # noqa: PLC0415 - so does this

        checks = proving.chosen(level, expression)
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] not in _EXTRA:
            raise
        raise SettingsError(f"{error.name} is missing: {command_to_install('conformance')}") from None
    if list_only:
        proving.print_checks(checks)
        return 0
    if name is None:
        raise typer.BadParameter("which backend? 'everstore backends' lists them", param_hint="NAME")
    small = proving.settings_of(full)
    proving.require_asked(checks, large=large, full=small)
    proving.require_writable(json_file, markdown, badge)
    report = proving.prove(
        name, checks, level, seed, timeout, jobs=jobs, stop_at_failure=stop, large=large, full=small
    )
    proving.save(report, json_file, markdown, badge)
    proving.tell(report)
    status = 0 if report.is_reached else 1
    leave_if_stuck(status)
    return status
