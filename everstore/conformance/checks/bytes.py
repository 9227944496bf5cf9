"""Files of bytes, and ranges of bytes of any file."""

from __future__ import annotations

import asyncio
from array import array
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from everstore.changes import AppendBytes, Copy, Write, WriteBytes
from everstore.compat import override
from everstore.conformance.case import Mismatch, each, refused
from everstore.conformance.registry import check, table
from everstore.errors import InvalidContentError
from everstore.models import FileInfo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case

_KI = 1 << 10
_EDGES = (4 * _KI, 8 * _KI, 32 * _KI - 16, 64 * _KI, 256 * _KI, 1 << 20)
_SIZE = (1 << 20) + 1
_NOT_TEXT = b"\0\xff\x80"


def _within(data: bytes, start: int, length: int | None) -> bytes:
    """What a range has to be, by Python's slices alone."""
    rest = data[start:] if start >= 0 else data[-min(-start, len(data)) :] if data else b""
    return rest if length is None else rest[:length]


async def _require_ranges(case: Case, data: bytes, ranges: list[tuple[int, int | None]]) -> None:
    """Each range of the file ``a``, which has these bytes, is answered as it must be."""

    async def require(at: tuple[int, int | None]) -> None:
        expected, got = _within(data, *at), await case.files.read_bytes("a", *at)
        if expected != got:
            raise Mismatch.of(expected, got, f"the range {at}")

    await each(require, ranges)


def _long_text(unit: str) -> str:
    """A text of about a mebibyte, no two places of which are alike."""
    numbered = "".join(f"{number}{unit}" for number in range(_SIZE // 6))
    return numbered.encode()[:_SIZE].decode(errors="ignore")


def _long_bytes() -> bytes:
    return b"".join(number.to_bytes(3) for number in range(_SIZE // 3 + 1))[:_SIZE]


async def _write_text(case: Case) -> bytes:
    return (await case.files.write_file("a", _long_text("."))).data or b""


async def _write_wide(case: Case) -> bytes:
    text = _long_text("\U0001f600")
    await case.files.write_file("a", text)
    return text.encode()


async def _write_base64(case: Case) -> bytes:
    await case.files.write_file("a", b64encode(_long_bytes()).decode(), "base64")
    return _long_bytes()


async def _write_bytes(case: Case) -> bytes:
    await case.files.write_bytes("a", _long_bytes())
    return _long_bytes()


async def _append_bytes(case: Case) -> bytes:
    await case.files.write_bytes("a", _long_bytes()[: 64 * _KI + 1])
    await case.files.append_bytes("a", _long_bytes()[64 * _KI + 1 :])
    return _long_bytes()


async def _move_bytes(case: Case) -> bytes:
    await case.files.write_bytes("b", _long_bytes())
    await case.files.copy_file("b", "c")
    await case.files.move_file("c", "a")
    return _long_bytes()


@table(
    "bytes.ranges.{row}",
    "3.12.4", "3.12.5",
    rows={
        "text": (_write_text,),
        "text_of_wide_characters": (_write_wide,),
        "base64": (_write_base64,),
        "bytes": (_write_bytes,),
        "appended": (_append_bytes,),
        "moved": (_move_bytes,),
    },
    likely="a range is counted in characters, or cut where a page, a piece or a buffer ends",
    since="1.2",
)  # fmt: skip
async def ranges(case: Case, put: Callable[[Case], Awaitable[bytes]]) -> None:
    """A range of a mebibyte is what was asked for, also across edges of pieces and characters: {row}."""
    data = await put(case)
    wanted: list[tuple[int, int | None]] = [(0, None), (1, None), (-3, None), (0, len(data)), (len(data), 1)]
    for edge in _EDGES:
        wanted += [(edge + more, length) for more in (-2, -1, 0, 1) for length in (1, 2, 5)]
        wanted += [(edge - len(data), 2), (edge - 1 - len(data), 3), (0, edge), (1, edge), (edge - 3, edge)]
    await _require_ranges(case, data, wanted)


@table(
    "bytes.every_range.{row}",
    "3.12.5",
    rows={
        "text": (b"a\xc3\xa9\xf0\x9f\x98\x80", True),
        "bytes": (b"\0\xff\1a\0\0\xfe", False),
        "no_bytes": (b"", False),
    },
    likely="a start before the beginning or behind the end, or a length that goes on, is taken for another",
    since="1.2",
)
async def every_range(case: Case, data: bytes, is_text: bool) -> None:  # noqa: FBT001 - a row's
    """Every range of a small file, and beyond it, is what was asked for: {row}."""
    if is_text:
        await case.files.write_file("a", data.decode())
    else:
        await case.files.write_bytes("a", data)
    far = len(data) + 3
    lengths = (None, *range(far), 2**63 - 1)
    starts = (*range(-far, far), -(2**63), 2**63 - 1)
    await _require_ranges(case, data, [(start, length) for start in starts for length in lengths])


@check(
    "bytes.absent",
    "3.12.4",
    likely="no bytes are answered where there is no file",
    since="1.2",
)
async def absent(case: Case) -> None:
    """read_bytes answers None where nothing or a directory is, and with no bytes for an empty file."""
    await case.files.write_file("d/empty", "")
    for path in ("/", "d", "missing", "d/missing", "d/empty/below"):
        for start, length in ((0, None), (0, 0), (5, 1), (-5, 1)):
            assert await case.files.read_bytes(path, start, length) is None, path
    assert await case.files.read_bytes("d/empty") == b""
    assert await case.store.file_system.read_bytes(case.new_id(), "d/empty") is None
    file = await case.read("d")
    assert file.data is None


@check(
    "bytes.as_base64",
    "3.12.1", "3.12.4",
    likely="what write_bytes made is kept as something of its own, or answered with what was there before",
    since="1.2",
)  # fmt: skip
async def as_base64(case: Case) -> None:
    """What write_bytes made is in nothing another file than what write_file makes in base64."""
    for data in (_NOT_TEXT, b"plain text\n", b""):
        content = b64encode(data).decode()
        info = await case.files.write_bytes("d/bytes", data)
        other = await case.files.write_file("d/base64", content, "base64")
        file = await case.read("d/bytes")
        assert type(info) is FileInfo
        assert info == file.info() == (await case.files.list_directory("d"))[1]
        assert file.stat() == await case.files.stat_file("d/bytes")
        assert (file.content, file.encoding, file.data) == (content, "base64", data)
        assert (other.content, other.encoding, other.data) == (content, "base64", data)
        assert info.size_bytes == len(data)
        assert await case.files.grep_files("plain") == []
        with refused(InvalidContentError):
            await case.files.read_lines("d/bytes")
        with refused(InvalidContentError):
            await case.files.edit_file("d/bytes", "plain", "x")
        match = case.files.write_file_if_content_matches
        assert await match("d/bytes", "plain text\n", "text", "x", "text") is None
        assert await match("d/bytes", content, "base64", content, "base64") is not None


@check(
    "bytes.append",
    "3.12.2",
    likely="bytes that happen to be a text are appended to one, or make one",
    since="1.2",
)
async def append(case: Case) -> None:
    """append_bytes makes a file of bytes, adds to one, and adds nothing to a text."""
    first = await case.files.append_bytes("d/a", b"plain")
    again = await case.files.append_bytes("d/a", _NOT_TEXT)
    assert type(again) is FileInfo
    assert (again.id, again.size_bytes) == (first.id, 5 + len(_NOT_TEXT))
    assert again.revision != first.revision
    file = await case.read("d/a")
    assert (file.encoding, file.data, file.info()) == ("base64", b"plain" + _NOT_TEXT, again)
    for text in ("", "text"):
        await case.files.write_file("text", text)
        async with case.untouched():
            for data in (b"", b"plain", _NOT_TEXT):
                with refused(InvalidContentError):
                    await case.files.append_bytes("text", data)


class _Bytes(bytes):
    """Bytes of somebody's own, which answer for themselves."""

    @override
    def __bytes__(self) -> bytes:
        return b"something else"


@check(
    "bytes.buffers",
    "3.12.3",
    level="standard",
    tags=("hostile",),
    likely="the caller's buffer is kept, or items of it are counted where bytes are meant",
    since="1.2",
)
async def buffers(case: Case) -> None:
    """Whatever buffer bytes come in, they are copied, and stay what they were at the call."""
    buffer = bytearray(b"abcdef")
    numbers = array("I", [1, 2, 3])
    given: list[tuple[Any, bytes]] = [
        (buffer, b"abcdef"),
        (memoryview(buffer), b"abcdef"),
        (memoryview(buffer)[::2], b"ace"),
        (memoryview(b"abc").toreadonly(), b"abc"),
        (memoryview(numbers), numbers.tobytes()),
        (_Bytes(b"own"), b"own"),
    ]
    for data, expected in given:
        info = await case.files.write_bytes("a", data)
        assert info.size_bytes == len(expected)
        await case.files.append_bytes("a", data)
        await case.files.write_file("text", "")
        buffer[:] = b"??????"
        got = await case.files.read_bytes("a")
        assert got == expected * 2
        assert type(got) is bytes
        buffer[:] = b"abcdef"
    with memoryview(b"a") as released:
        pass
    async with case.untouched():
        for call in (case.files.write_bytes, case.files.append_bytes):
            with refused(InvalidContentError):
                await call("a", released)


@check(
    "bytes.one_moment",
    "3.12.6",
    level="standard",
    tags=("concurrency",),
    likely="a range is read piece by piece, and another write comes in between",
    since="1.2",
)
async def one_moment(case: Case) -> None:
    """A range has bytes of one content, whoever writes meanwhile."""
    contents = [bytes([65 + number]) * (200_000 + number * 20_000) for number in range(2)]
    await case.files.write_bytes("a", contents[0])

    async def write() -> None:
        for number in range(1, 9):
            await case.files.write_bytes("a", contents[number % 2])
            await asyncio.sleep(0)

    async def read() -> None:
        for start in range(0, 100_000, 10_000):
            got = await case.files.read_bytes("a", start, 90_000)
            whole = await case.files.read_bytes("a")
            assert got is not None
            assert whole in contents, "a mixture"
            assert len({*got}) == 1, "a mixture"
            assert len(got) == 90_000

    await asyncio.gather(write(), read(), read())


@check(
    "bytes.changes",
    "3.12.7",
    likely="only the changes of texts are known",
    since="1.2",
)
async def changes(case: Case) -> None:
    """WriteBytes and AppendBytes are changes among others, and all of them are made or none."""
    [made, _, grown, copied] = await case.files.apply_changes(
        [
            WriteBytes("d/a", b"ab", if_absent=True),
            Write("d/text", "x"),
            AppendBytes("d/a", _NOT_TEXT),
            Copy("d/a", "d/b"),
        ]
    )
    assert made is not None
    assert grown is not None
    assert copied is not None
    assert (made.id, made.size_bytes, grown.size_bytes) == (grown.id, 2, 2 + len(_NOT_TEXT))
    assert (await case.read("d/a")).info() == grown
    assert await case.files.read_bytes("d/b") == b"ab" + _NOT_TEXT
    async with case.untouched():
        with refused(InvalidContentError) as caught:
            await case.files.apply_changes([WriteBytes("new", b"x"), AppendBytes("d/text", b"x")])
        assert caught.error.index == 1
        with refused(InvalidContentError) as caught:
            await case.files.apply_changes([WriteBytes("new", b"x"), WriteBytes("d/a", "x")])  # type: ignore[arg-type]  # wrong
        assert caught.error.index == 1
