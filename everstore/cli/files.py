"""Commands on files: the verbs of the session file system, under the names that a shell gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text
from rich.tree import Tree

from everstore.cli import completing
from everstore.cli.directories.commands import put_tree
from everstore.cli.local import content_from, read_source
from everstore.cli.options import IgnoreOption, JsonOption, OverwriteOption, PathArgument, SessionOption
from everstore.cli.output import (
    one_line,
    print_facts,
    print_json,
    print_rich,
    print_table,
    shown_time,
    write,
    write_bytes,
)
from everstore.cli.running import FILES, in_session
from everstore.errors import InvalidArgumentError, PathNotFoundError
from everstore.models import FileInfo, SessionFile, to_dict
from everstore.paths import normalize_path
from everstore.wording import counted, shown_size

if TYPE_CHECKING:
    from everstore.session import BoundFiles, BoundSession

__all__ = ["cat", "cp", "ls", "mkdir", "mv", "print_entry", "put", "rm", "stat", "tree"]

SourceArgument = Annotated[
    str, typer.Argument(metavar="SOURCE", help="A path in the session.", autocompletion=completing.paths)
]
DestinationArgument = Annotated[
    str,
    typer.Argument(
        metavar="DESTINATION", help="The new path in the session.", autocompletion=completing.paths
    ),
]


def ls(path: PathArgument = "/", session: SessionOption = None, *, as_json: JsonOption = False) -> None:
    """List a directory, sorted by path."""
    entries = in_session(session, lambda work: _entries(work.files, path))
    if as_json:
        print_json([to_dict(entry) for entry in entries])
        return
    rows = [
        (
            "" if entry.is_directory else shown_size(entry.size_bytes),
            shown_time(entry.updated_at),
            "read-only" if entry.is_readonly else "",
            _name(entry),
        )
        for entry in entries
    ]
    print_table(("size", "updated", "mode", "name"), rows, right=("size",))


async def _entries(files: BoundFiles, path: str) -> list[FileInfo]:
    children = await files.list_directory(path)
    if children:
        return children
    found = await _existing(files, path)
    return [] if found.is_directory else [found]


async def _existing(files: BoundFiles, path: str) -> FileInfo:
    found = await files.stat_file(path)
    if found is None:
        raise PathNotFoundError.at(normalize_path(path))
    return found


def _name(entry: FileInfo) -> str:
    return f"{entry.name}/" if entry.is_directory and entry.path != "/" else entry.name


def tree(
    path: PathArgument = "/",
    session: SessionOption = None,
    *,
    depth: Annotated[
        int | None,
        typer.Option("--depth", "-L", metavar="N", min=1, help="Show at most N levels of directories."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show everything in a directory, and in its directories."""
    entries = in_session(session, lambda work: _below(work.files, path, depth))
    if as_json:
        print_json([to_dict(entry) for entry in entries[1:]])
        return
    root = Tree(one_line(entries[0].path), guide_style="dim")
    branches = {entries[0].path: root}
    for entry in entries[1:]:
        parent = entry.path.rpartition("/")[0] or "/"
        branches[entry.path] = branches[parent].add(Text(one_line(_name(entry))))
    print_rich(root)
    directories = sum(entry.is_directory for entry in entries[1:])
    files = counted(len(entries) - 1 - directories, "file")
    write(f"{counted(directories, 'directory')}, {files}\n")


async def _below(files: BoundFiles, path: str, depth: int | None) -> list[FileInfo]:
    """The entry itself and all below it, sorted by path; parents come before their children."""
    return [await _existing(files, path), *await files.list_tree(path, depth=depth)]


def cat(path: PathArgument, session: SessionOption = None, *, as_json: JsonOption = False) -> None:
    """Print a file, exactly as it was put."""
    found = in_session(session, lambda work: work.files.read_file(path, strict=True))
    if as_json:
        print_json(to_dict(found))
    else:
        write_bytes(found.data or b"")


def put(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A local file, or - for standard input; with -r a local directory."
        ),
    ],
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="PATH",
            help="A path in the session [default with -r: /].",
            autocompletion=completing.paths,
        ),
    ] = None,
    session: SessionOption = None,
    *,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Put a local directory with all that is in it.")
    ] = False,
    encoding: Annotated[
        Literal["text", "base64"] | None,
        typer.Option(
            metavar="text|base64", help="How to keep it [default: text if it is UTF-8, base64 if not]."
        ),
    ] = None,
    if_revision: Annotated[
        str | None, typer.Option(metavar="REVISION", help="Put it only if the file has this revision.")
    ] = None,
    if_absent: Annotated[
        bool, typer.Option("--if-absent", help="Put it only if there is no such file.")
    ] = False,
    ignore: IgnoreOption = True,
    as_json: JsonOption = False,
) -> None:
    """Put a local file into the session, or with -r a directory. Directories that are missing are created.

    With -r, files that are the same already are not written again, and nothing is removed. Links and special
    files are left out, and named. Files are written in batches: after an interruption, run it again, and it
    goes on.
    """
    if recursive:
        _require_none(encoding, if_revision, if_absent=if_absent)
        put_tree(source, path or "/", session, ignore=ignore, as_json=as_json)
        return
    if path is None:
        raise typer.BadParameter("missing argument 'PATH': where in the session is it to be?")
    content, kept_as = content_from(read_source(source), encoding)
    print_entry(
        in_session(
            session,
            lambda work: work.files.write_file(
                path, content, kept_as, if_revision=if_revision, if_absent=if_absent
            ),
            keeps=FILES,
        ),
        as_json=as_json,
    )


def _require_none(encoding: str | None, if_revision: str | None, *, if_absent: bool) -> None:
    if encoding is not None or if_revision is not None or if_absent:
        raise InvalidArgumentError("--encoding, --if-revision and --if-absent are of one file, not of -r")


def print_entry(entry: SessionFile | FileInfo, *, as_json: bool) -> None:
    """What a command left at a path, in one line; its content is not repeated."""
    info = entry.info() if isinstance(entry, SessionFile) else entry
    if as_json:
        print_json(to_dict(info))
        return
    kind = "directory" if info.is_directory else shown_size(info.size_bytes)
    write(f"{one_line(info.path)}  {kind}  revision {info.revision}\n")


def rm(
    path: PathArgument,
    session: SessionOption = None,
    *,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Remove a directory with all that is in it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a file or a directory."""
    in_session(session, lambda work: work.files.delete_file(path, recursive, strict=True))
    if as_json:
        print_json({"path": path, "removed": True})


def mkdir(path: PathArgument, session: SessionOption = None, *, as_json: JsonOption = False) -> None:
    """Create a directory, and those above it that are missing."""
    print_entry(
        in_session(session, lambda work: work.files.create_directory(path), keeps=FILES), as_json=as_json
    )


def mv(
    source: SourceArgument,
    destination: DestinationArgument,
    session: SessionOption = None,
    *,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Move a file, or a directory with all that is in it."""

    async def move(work: BoundSession) -> FileInfo:
        return await work.files.move_file(source, destination, overwrite=overwrite)

    print_entry(in_session(session, move, keeps=FILES), as_json=as_json)


def cp(
    source: SourceArgument,
    destination: DestinationArgument,
    session: SessionOption = None,
    *,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Copy a file, or a directory with all that is in it."""

    async def copy(work: BoundSession) -> FileInfo:
        return await work.files.copy_file(source, destination, overwrite=overwrite)

    print_entry(in_session(session, copy, keeps=FILES), as_json=as_json)


def stat(path: PathArgument, session: SessionOption = None, *, as_json: JsonOption = False) -> None:
    """Show kind, size, times and revision of a file or directory."""
    found = in_session(session, lambda work: _existing(work.files, path))
    if as_json:
        print_json(to_dict(found))
    else:
        print_facts(
            {
                "path": found.path,
                "kind": "directory" if found.is_directory else "file",
                "size": counted(found.size_bytes, "byte"),
                "read-only": "yes" if found.is_readonly else "no",
                "revision": found.revision,
                "created": shown_time(found.created_at),
                "updated": shown_time(found.updated_at),
                "id": str(found.id),
            }
        )
