"""What a change of files is to the server's functions, and what their answer means."""

from __future__ import annotations

from itertools import accumulate, repeat
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple

from everstore.changes import (
    Append,
    AppendBytes,
    CompareAndWrite,
    Copy,
    Delete,
    Edit,
    MakeDirectory,
    Move,
    Seed,
    Write,
    WriteBytes,
)
from everstore.content import content_bytes
from everstore.models import EditedFile, FileInfo, file_of, root_of
from everstore.paths import require_room, root_stays
from everstore_postgres.damage import content_at
from everstore_postgres.outcomes import DIRECTORY, refusal, version_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from everstore.changes import FileMutation
    from everstore.models import Encoding, SessionFile

__all__ = ["Order", "answer_to", "is_long", "order_of"]

_TEXT_WITH_NUL, _BYTES = b"z", b"b"
_CUTS_AT_ONCE = 4096  # take a millisecond


class Order(NamedTuple):
    """A change as ``apply_changes`` in changing.sql takes it; the fields are its columns.

    ``put_file`` in writing.sql says what its verbs and their columns mean. The others are 'directory'
    (``option``: exist_ok), 'delete' and 'delete strictly' (``option``: recursive), 'copy' and 'move'
    (``option``: overwrite), and 'nothing', of what the root is asked.
    """

    verb: str
    path: str
    kind: bytes | None = None
    data: bytes | None = None
    condition: int | None = None
    option: bool = False
    other_kind: bytes | None = None
    other_data: bytes | None = None
    destination: str | None = None


def order_of(change: FileMutation[Any]) -> Order:  # noqa: C901, PLR0911 - one a change
    """What the server is asked for a change."""
    match change:
        case Write(path, content, encoding, if_revision, if_absent):
            condition = 0 if if_absent else version_of(if_revision)
            return _put("write", path, content, encoding)._replace(condition=condition)
        case WriteBytes(path, data, if_revision, if_absent):
            condition = 0 if if_absent else version_of(if_revision)
            return Order("write", path, _BYTES, data, condition)
        case Seed(file):
            return _put("seed", file.path, file.content, file.encoding)._replace(option=file.is_readonly)
        case CompareAndWrite(path, expected, expected_encoding, content, encoding):
            other_kind, other_data = _stored_as(expected, expected_encoding)
            return _put("swap", path, content, encoding)._replace(
                other_kind=other_kind, other_data=other_data
            )
        case Edit(path, old, new, replace_all):
            order = _put("edit", path, old, "text")
            other_kind, other_data = _stored_as(new, "text")
            return order._replace(option=replace_all, other_kind=other_kind, other_data=other_data)
        case Append(path, content, encoding):
            return _put("append", path, content, encoding)._replace(option=True)
        case AppendBytes(path, data):
            return Order("append", path, _BYTES, data)
        case MakeDirectory(path, exist_ok):
            return Order("nothing" if path == "/" and exist_ok else "directory", path, option=exist_ok)
        case Delete(path, recursive, strict):
            verb = "nothing" if path == "/" else "delete"
            return Order("delete strictly" if strict else verb, path, option=recursive)
        case Copy(source, destination, overwrite):
            return Order("copy", source, option=overwrite, destination=destination)
        case Move(source, destination, overwrite):
            return Order("move", source, option=overwrite, destination=destination)
        case _:
            raise TypeError(f"{type(change).__name__} is no change of files")


def _put(verb: str, path: str, content: str, encoding: Encoding) -> Order:
    return Order(verb, path, *_stored_as(content, encoding))


def _stored_as(content: str, encoding: Encoding) -> tuple[bytes, bytes]:
    """The kind and the bytes of a content."""
    data = content_bytes(content, encoding)
    if encoding == "base64":
        return _BYTES, data
    return (_TEXT_WITH_NUL if "\0" in content else b"t"), data


def answer_to(  # noqa: C901, PLR0911 - one a change
    change: FileMutation[Any], row: Any, session_id: UUID
) -> Any:
    """What the row that the server answered with means; the typed error when it is a refusal."""
    match change:
        case Delete() if row["outcome"] in {"done", "nothing"}:
            return row["outcome"] == "done"
        case MakeDirectory("/", True):
            return root_of(session_id).info()
        case CompareAndWrite() if row["outcome"] == "different":
            return None
        case _ if row["outcome"] != "done":
            raise _refused(change, row)
        case MakeDirectory(path):
            return _info(row, session_id, path, 0, is_directory=True)
        case WriteBytes(path) | Append(path) | AppendBytes(path):
            return _info(row, session_id, path, row["size"], is_directory=False)
        case Copy(_, path, _) | Move(_, path, _):
            return _info(row, session_id, path, row["size"], is_directory=row["kind"] == DIRECTORY)
        case Seed(file):
            return _file(row, session_id, file.path, file.content, file.encoding, file.is_readonly)
        case Edit(path):
            whole = content_at(path, row["size"], row["content"], "text")
            edited = _file(row, session_id, path, whole, "text")
            return EditedFile.of(edited, _lines_of(row["content"], row["cuts"], change.new.encode()))
        case Write(path, content, encoding) | CompareAndWrite(path, _, _, content, encoding):
            return _file(row, session_id, path, content, encoding)
        case _:
            raise TypeError(f"{type(change).__name__} is no change of files")


def is_long(changes: Sequence[FileMutation[Any]], rows: Sequence[Any]) -> bool:
    """Whether making the answers out of the rows takes too long for the event loop's thread."""
    return any(
        isinstance(change, Edit) and len(row["cuts"] or ()) > _CUTS_AT_ONCE
        for change, row in zip(changes, rows, strict=False)  # a refusal's row is the last
    )


def _lines_of(content: bytes, cuts: list[int], new: bytes) -> tuple[int, ...]:
    """The numbers of the lines where a content has what is ``new``, each so many bytes after the last.

    Everything runs in C, for there may be hundreds of thousands.
    """
    if len(cuts) == 1:
        return (content.count(b"\n", 0, cuts[0]) + 1,)
    of_new = new.count(b"\n")
    starts = list(accumulate(map(add, cuts, repeat(len(new))), initial=0))
    line_ends = map(content.count, repeat(b"\n"), starts, map(add, starts, cuts))
    return tuple(accumulate(map(add, line_ends, repeat(of_new)), initial=1 - of_new))[1:]


def _refused(change: FileMutation[Any], row: Any) -> Exception:
    match change:
        case Delete("/"):
            return root_stays()
        case Copy(source, destination, _) | Move(source, destination, _):
            if row["outcome"] == "too long":
                require_room(source, destination, [row["fact"]])
            return refusal(row, source if row["outcome"] == "missing" else destination)
        case Seed(file):
            return refusal(row, file.path)
        case Write(path, _, _, if_revision) | WriteBytes(path, _, if_revision):
            return refusal(row, path, if_revision)
        case Append(path) | AppendBytes(path):
            return refusal(row, path, appended=getattr(change, "encoding", "base64"))
        case _:
            return refusal(row, next(change.places()))


def _file(
    row: Any,
    session_id: UUID,
    path: str,
    content: str | bytes,
    encoding: Encoding,
    is_readonly: bool = False,  # noqa: FBT001, FBT002 - as in the record
) -> SessionFile:
    return file_of(
        row["version"], row["created_ns"], row["updated_ns"], session_id, path, row["serial"], row["size"],
        is_readonly, content, encoding,
    )  # fmt: skip


def _info(row: Any, session_id: UUID, path: str, size: int, *, is_directory: bool) -> FileInfo:
    return FileInfo(
        row["version"], row["created_ns"], row["updated_ns"], session_id, path, row["serial"], size,
        is_readonly=False, is_directory=is_directory,
    )  # fmt: skip
