"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from everstore.cli import completing
from everstore.errors import InvalidArgumentError

__all__ = [
    "CurrentSessionArgument",
    "IgnoreOption",
    "JsonOption",
    "LabelsOption",
    "OverwriteOption",
    "PathArgument",
    "SessionArgument",
    "SessionOption",
    "TtlOption",
    "labels_of",
]

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document, and errors as JSON, for programs.")
]

SessionOption = Annotated[
    str | None,
    typer.Option(
        "--session",
        "-s",
        metavar="ID",
        help="The session to work in [default: EVERSTORE_SESSION].",
        autocompletion=completing.sessions,
    ),
]

SessionArgument = Annotated[
    str, typer.Argument(metavar="SESSION", help="The id of the session.", autocompletion=completing.sessions)
]

CurrentSessionArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="SESSION",
        help="The id of the session [default: EVERSTORE_SESSION].",
        autocompletion=completing.sessions,
    ),
]

PathArgument = Annotated[
    str, typer.Argument(metavar="PATH", help="A path in the session.", autocompletion=completing.paths)
]

OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")]

IgnoreOption = Annotated[
    bool,
    typer.Option(
        "--ignore/--no-ignore", help="Pass over what .gitignore excludes, and .git; or take every file."
    ),
]

TtlOption = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="Remove it after this many seconds.")
]

LabelsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        "-l",
        metavar="NAME=TEXT",
        help="A label; give the option several times for several labels.",
    ),
]


def labels_of(given: list[str] | None) -> dict[str, str]:
    """What ``LabelsOption`` brought: text by name, the text being all behind the first ``=``."""
    labels: dict[str, str] = {}
    for label in given or ():
        name, mark, text = label.partition("=")
        if not mark or not name:
            raise InvalidArgumentError(f"a label is NAME=TEXT, not {label!r}")
        if labels.setdefault(name, text) != text:
            raise InvalidArgumentError(f"label {name!r} is given two texts; give it one")
    return labels
