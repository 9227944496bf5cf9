"""The blocks of a PAX tar: headers that are written, and headers that are read from whoever wrote them.

Headers are made and taken apart by ``tarfile.TarInfo``. Everything else of ``tarfile`` is for archives that
one trusts: it follows links, keeps all members, and reads extended headers of any size.
"""

from __future__ import annotations

import re
import tarfile
from typing import TYPE_CHECKING, Literal

import msgspec

from everstore.arguments import LATEST_NS
from everstore.errors import InvalidArchiveError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["BLOCK", "END", "Member", "header", "next_member", "padding"]

BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
"""What follows the last member."""

_MOST_EXTENDED = 64 << 10  # bytes of an extended header: four longest paths
_NUMBER = re.compile(r"[0-9]{1,18}")
_NS = 1_000_000_000


class Member(msgspec.Struct, frozen=True):
    """A member of an archive, without its content."""

    name: str
    size: int
    kind: Literal["file", "directory"] = "file"
    mode: int = 0o644
    updated_ns: int = 0
    comment: str | None = None


def padding(size: int) -> int:
    """How many zeros follow a content, so that blocks are whole."""
    return -size % BLOCK


def header(member: Member) -> bytes:
    """The header of a member, with an extended one before it where it takes one."""
    info = tarfile.TarInfo(member.name)
    info.size = member.size
    info.mode = member.mode
    info.type = tarfile.DIRTYPE if member.kind == "directory" else tarfile.REGTYPE
    seconds, rest = divmod(member.updated_ns, _NS)
    info.mtime = seconds
    extended = {"mtime": f"{seconds}.{rest:09d}"} if rest else {}
    if member.comment is not None:
        extended["comment"] = member.comment
    info.pax_headers = extended
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


async def next_member(read: Callable[[int], Awaitable[bytes]]) -> Member | None:
    """The next member, read by ``read``, which answers with so many bytes; ``None`` at the end.

    ``InvalidArchiveError`` for what is no header, and for what no session has: links, devices, pipes, sparse
    files, headers for all members.
    """
    info = _parsed(await read(BLOCK))
    told: dict[str, str] = {}
    if info is not None and info.type == tarfile.XHDTYPE:
        if info.size > _MOST_EXTENDED:
            raise InvalidArchiveError(f"the archive has an extended header of {info.size:,} bytes")
        data = await read(info.size + padding(info.size))
        told = _records(data[: info.size])
        info = _parsed(await read(BLOCK))
        if info is None:
            raise InvalidArchiveError("the archive ends behind an extended header; it is damaged")
    if info is None:
        return None
    if info.type not in {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE} or any(
        each.startswith("GNU.sparse.") for each in told
    ):
        raise InvalidArchiveError(f"the archive has {_shown(info.name)}, which is neither file nor directory")
    size = told.get("size")
    if size is not None and not _NUMBER.fullmatch(size):
        raise InvalidArchiveError("the archive has an extended header with a size that is no number")
    name = told.get("path", info.name).removesuffix("/")
    return Member(
        name,
        info.size if size is None else int(size),
        "directory" if info.type == tarfile.DIRTYPE else "file",
        info.mode,
        _nanoseconds(told.get("mtime"), info.mtime),
        told.get("comment"),
    )


def _parsed(block: bytes) -> tarfile.TarInfo | None:
    """A header; ``None`` for the block of zeros at the end."""
    if block == END[:BLOCK]:
        return None
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, ValueError):  # ValueError: what is no UTF-8
        info = None
    if info is None or info.size < 0:
        raise InvalidArchiveError("the archive has a block that is no header: it is no tar, or it is damaged")
    return info


def _records(data: bytes) -> dict[str, str]:
    """What an extended header says: ``<size> <name>=<text>`` and a line end, over and over."""
    told: dict[str, str] = {}
    while data:
        digits, _, _ = data[:20].partition(b" ")
        size = int(digits) if digits.isdigit() else 0
        name, mark, text = data[len(digits) + 1 : size].partition(b"=")
        if not mark or size > len(data) or not text.endswith(b"\n"):
            raise InvalidArchiveError("the archive has an extended header that cannot be read; it is damaged")
        try:
            told[name.decode()] = text[:-1].decode()
        except UnicodeDecodeError:
            raise InvalidArchiveError("the archive has an extended header that is no UTF-8") from None
        data = data[size:]
    return told


def _nanoseconds(told: str | None, seconds: float) -> int:
    """A time of last change; that of the header where none is told, or one that is no time.

    What no session has as a time becomes the nearest one that it may have.
    """
    whole, _, part = (told or "").partition(".")
    if not _NUMBER.fullmatch(whole) or (part and not _NUMBER.fullmatch(part)):
        time_ns = int(seconds) * _NS
    else:
        time_ns = int(whole) * _NS + int(part[:9].ljust(9, "0") or 0)
    return min(max(time_ns, 0), LATEST_NS)


def _shown(name: str) -> str:
    return f"{name[:100]!r}"
