"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["JsonOption", "OverwriteOption", "PathArgument", "SessionArgument", "SessionOption", "TtlOption"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]

SessionOption = Annotated[
    str | None,
    typer.Option("--session", "-s", metavar="ID", help="The session; EVERSTORE_SESSION when not given."),
]

SessionArgument = Annotated[str, typer.Argument(metavar="ID", help="The session's id.")]

PathArgument = Annotated[str, typer.Argument(metavar="PATH", help="A path in the session.")]

OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]

TtlOption = Annotated[float | None, typer.Option(metavar="SECONDS", help="Gone after so many seconds.")]
