"""The commands ``everstore get`` and ``everstore diff``, and ``everstore put -r``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from everstore.cli.branching import print_file_change, shown_change
from everstore.cli.directories.comparing import compare_directory
from everstore.cli.directories.getting import directory_at, get_directory, get_file
from everstore.cli.directories.local_directory import LocalDirectory
from everstore.cli.directories.putting import put_directory
from everstore.cli.directories.telling import LeftOut, Told, progress_of
from everstore.cli.directories.writable_directory import WritableDirectory
from everstore.cli.options import IgnoreOption, JsonOption, PathArgument, SessionOption
from everstore.cli.output import write
from everstore.cli.running import FILES, in_session
from everstore.errors import InvalidArgumentError
from everstore.models import to_dict

if TYPE_CHECKING:
    from everstore.models import FileChange
    from everstore.session import BoundSession

__all__ = ["diff", "get", "put_tree"]

_BEGIN = '{"files": ['


def put_tree(source: str, path: str, session: str | None, *, ignore: bool, as_json: bool) -> None:
    """``everstore put -r``."""
    with LocalDirectory(_named(source)) as directory, Told("put", as_json=as_json) as told:

        async def put(work: BoundSession) -> None:
            with progress_of("putting", quiet=as_json) as progress:
                await put_directory(work.files, directory, path, told, progress, ignore=ignore)

        in_session(session, put, keeps=FILES)


def get(
    path: PathArgument,
    target: Annotated[str, typer.Argument(metavar="FILE", help="A local file; with -r a directory.")],
    session: SessionOption = None,
    *,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="A directory with all in it, into a local one.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a file of the session to a local file, or with -r a directory and all in it.

    A local file that is there is replaced, unless it is the same; one that the session does not have stays.
    Nothing is written outside of the directory, and no link is followed. Each file is written at once or
    not at all: run it again after an interruption, and it goes on.
    """
    if target == "-":
        raise InvalidArgumentError("'-' is no local file; 'everstore cat' writes to standard output")
    with Told("written", as_json=as_json) as told:

        async def write_tree(work: BoundSession) -> None:
            base = await directory_at(work.files, path)
            with (
                WritableDirectory(_named(target)) as directory,
                progress_of("getting", quiet=as_json) as progress,
            ):
                await get_directory(work.files, base, directory, told, progress)

        async def write_one(work: BoundSession) -> None:
            with WritableDirectory(Path(target).parent) as directory:
                await get_file(work.files, path, directory, Path(target).name, told)

        in_session(session, write_tree if recursive else write_one)


def diff(
    source: Annotated[str, typer.Argument(metavar="DIR", help="A local directory.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="A directory of the session.")] = "/",
    session: SessionOption = None,
    *,
    names: Annotated[bool, typer.Option("--names", help="Only the paths that differ.")] = False,
    ignore: IgnoreOption = True,
    as_json: JsonOption = False,
) -> None:
    """Show what is different in the session from a local directory, line by line.

    A is what only the session has, D what only the directory has, M what both have and is not the same in
    bytes. Exit status: 0 nothing differs; 1 something does; 2 and more as of every command.
    """
    left_out = LeftOut(quiet=as_json)
    count = 0

    def tell(change: FileChange) -> None:
        if not as_json:
            print_file_change(change)
            return
        document = shown_change(change)
        if change.before is not None:
            document["before"] = _shown_local(change)
        write(f"{',' if count else _BEGIN}\n{json.dumps(document, sort_keys=True)}")

    async def compare(work: BoundSession) -> None:
        nonlocal count
        base = await directory_at(work.files, path)
        # On a terminal the differences themselves show how far it is; a bar would stand in their lines.
        with progress_of("comparing", quiet=as_json or sys.stdout.isatty()) as progress:
            async for change in compare_directory(
                work.files, base, directory, left_out, progress, ignore=ignore, text=not names
            ):
                tell(change)
                count += 1

    with LocalDirectory(_named(source)) as directory:
        in_session(session, compare)
    if as_json:
        told = [{"name": name, "reason": reason} for name, reason in left_out.names]
        write(f'{"" if count else _BEGIN}\n], "left_out": {json.dumps(told)}}}\n')
    left_out.raise_failures()
    raise typer.Exit(1 if count else 0)


def _named(name: str) -> Path:
    """The local directory of this name; a variable of the shell that is not set names none."""
    if not name:
        raise InvalidArgumentError("directory '' has no name; give . for the one you are in")
    return Path(name)


def _shown_local(change: FileChange) -> dict[str, object] | None:
    """The local side of a difference: what only a session knows of an entry is left out."""
    before = change.before
    return (
        None
        if before is None
        else {
            "is_directory": before.is_directory,
            "path": before.path,
            "size_bytes": before.size_bytes,
            "updated_at": to_dict(before)["updated_at"],
        }
    )
