"""Arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from everstore.errors import InvalidArgumentError

__all__ = [
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

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]

SessionOption = Annotated[
    str | None,
    typer.Option("--session", "-s", metavar="ID", help="The session; EVERSTORE_SESSION when not given."),
]

SessionArgument = Annotated[str, typer.Argument(metavar="ID", help="The session's id.")]

PathArgument = Annotated[str, typer.Argument(metavar="PATH", help="A path in the session.")]

OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]

IgnoreOption = Annotated[
    bool,
    typer.Option(
        "--ignore/--no-ignore", help="Pass over what .gitignore excludes, and .git; or take every file."
    ),
]

TtlOption = Annotated[float | None, typer.Option(metavar="SECONDS", help="Gone after so many seconds.")]

LabelsOption = Annotated[
    list[str] | None,
    typer.Option("--label", "-l", metavar="NAME=TEXT", help="A label; may be given several times."),
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
