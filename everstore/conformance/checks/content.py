"""Every way in, every text: whatever brings data, it is kept byte for byte.

Each check is one way with every sample that can come that way; a sample that fails is named.
"""

from __future__ import annotations

import unicodedata
from functools import partial
from typing import TYPE_CHECKING

from everstore.conformance.case import Mismatch, each
from everstore.conformance.registry import product, table
from everstore.conformance.scene import Scene
from everstore.conformance.ways import WAYS, Sample, Way
from everstore.errors import EditError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from everstore.conformance.case import Case
    from everstore.models import SessionFile
    from everstore.session import BoundFiles

_KI = 1 << 10
_EDGES = (4 * _KI, 8 * _KI, 32 * _KI, 64 * _KI, 256 * _KI)
_PAGE = 4 * _KI  # every other edge is a multiple of it

SAMPLES: dict[str, Sample] = {
    name: Sample(data)
    for name, data in {
        "plain": "hello\nworld",
        "empty": "",
        "a space": " ",
        "blanks around": "  a \t",
        "CR LF": "a\r\nb\r\n",
        "only CR LF": "\r\n",
        "lone CR": "a\rb\r",
        "LF and CR": "a\n\rb",
        "trailing newlines": "a\n\n\n",
        "leading newlines": "\n\na",
        "NUL inside": "a\0b",
        "NUL at the end": "ab\0\0",
        "NUL first": "\0ab",
        "BOM": "\ufeffa",
        "only BOM": "\ufeff",
        "BOM inside": "a\ufeffb\ufeff",
        "swapped BOM": "\ufffea",
        "Unicode line ends": "a\u2028b\u2029c\x85d",
        "form feeds": "a\x0bb\x0cc\x1cd",
        "control characters": "".join(map(chr, range(1, 32))) + "\x7f\x80\x9f",
        "end of file": "a\x1ab\x04",
        "beyond 16 bits": "\U00010348 \U0001f600 \U0010ffff",
        "one beyond 16 bits": "\U0001f600",
        "noncharacters": "\uffff \ufdd0 \U0001fffe",
        "composed": "\u00e9 \u00c5 \u1e69",
        "decomposed": "e\u0301 A\u030a s\u0323\u0307",
        "compatible": "\u212b \ufb01 \uff12 \u2126 \u00b5",
        "joined": "\U0001f469\u200d\U0001f4bb \U0001f1e8\U0001f1ed \u2764\ufe0f",
        "invisible": "a\u200bb\u00adc\u202ed\u2060",
        "other cases": "\u0130\u0131\u017f\u1e9e\u00df\u03c2\u01c5",
        "Latin-1": "\xa0\xe4\xff",
        "replacement characters": "\ufffd?\ufffd",
        "looks escaped": "\\n \\x00 %00 &amp; &#0; \\u0041 %s {0} ${a} \\",
        "looks like SQL": "'; DROP TABLE files; --",
        "looks like JSON": '{"a": [1, null]}',
        "looks like null": "null",
        "looks like an integer": "007",
        "looks like a number": "0012.50",
        "looks like base64": "aGVsbG8=",
        "looks like an envelope": "es1.k.AAAA",
        "looks quoted": "\"a\" 'b' `c`",
        "a path": "a..b",
        "a pattern": "*?[a]{b,c}%_\\1$0^",
    }.items()
} | {
    name: Sample(data)
    for name, data in {
        "every byte": bytes(range(256)),
        "every byte backwards": bytes(range(255, -1, -1)),
        "no UTF-8": b"\xc3\x28\xed\xa0\x80\xf8",
        "half a character": b"a\xf0\x9f\x98",
        "UTF-16": "\ufeffab".encode("utf-16-le"),
        "zero bytes": b"\0\0\0\0",
        "one byte": b"\xff",
        "two bytes": b"\xfe\xff",
    }.items()
}
"""Texts and bytes that something between a caller and a storage may take for something else, by name."""


def _across(what: str, size: int, step: int, shift: int) -> str:
    """A text of some size with ``what`` across each multiple of ``step`` bytes, some of its own before."""
    width = len(what.encode())
    first = "x" * (step - shift) + what
    return first + ("y" * (step - width) + what) * (size // step) + "end"


_CROSSING = {
    f"{name} across every {_PAGE} bytes, {shift} before": Sample(_across(what, 72 * _KI, _PAGE, shift), at)
    for name, what, shift, at in (
        ("CR LF", "\r\n", 1, 2 * _PAGE),  # parted in the middle
        ("two bytes", "\u00e9", 1, 2 * _PAGE - 2),
        *(("four bytes", "\U0001f600", shift, 2 * _PAGE - shift - 3) for shift in (1, 2, 3)),
    )
}
_SIZED = {
    f"{edge + more} bytes of {name}": Sample((unit * (edge // len(unit) + 1))[: edge + more], at=edge - 1)
    for name, unit in (("lines", "a line of text\n"), ("one line", "x"))
    for edge in _EDGES
    for more in (-1, 0, 1)
}
_FAR = {
    f"{name} across {edge // _KI} KiB, {shift} before": Sample("x" * (edge - shift) + what + "\nend", at)
    for name, what, shift, back in (("CR LF", "\r\n", 1, 0), ("four bytes", "\U0001f600", 2, 2))
    for edge in (64 * _KI, 256 * _KI)
    for at in (edge - back,)
}
_MIB = {
    "a mebibyte less one": Sample("x" * (_KI * _KI - 2) + "y"),
    "a mebibyte": Sample("x" * (_KI * _KI - 2) + "\r\n"),
    "CR LF across a mebibyte": Sample("x" * (_KI * _KI - 1) + "\r\n", at=_KI * _KI),
    "two bytes across a mebibyte": Sample("x" + "\u00e9" * (_KI * _KI // 2)),
}

_LIKELY = "what comes this way is decoded, normalised, stripped or cut, though the plain write is not"


def coming(case: Case, way: Way, samples: Mapping[str, Sample]) -> list[str]:
    """The names of the samples that can come this way, and fit."""
    room = case.capabilities.max_file_bytes
    if way.kind in {"value", "secret"}:
        room = case.store.storage.capabilities.max_value_bytes
    # Some ways put more than the sample there: an edit has it twice.
    return [
        name
        for name, sample in samples.items()
        if not way.refuses(sample) and (room is None or len(sample.data) * 8 + 64 <= room)
    ]


async def _require(case: Case, way: Way, samples: Mapping[str, Sample]) -> None:
    """Every sample that can come this way, each into a session of its own, is there as it must be."""

    async def require(name: str) -> None:
        scene = Scene(case.store, case.new_id())
        for where, (expected, got) in (await way.differences(scene, samples[name])).items():
            raise Mismatch.of(expected, got, f"{name}, by {where}")

    await each(require, coming(case, way, samples))


@product(
    "content.kept.{way}",
    "3.3.1", "3.3.2", "3.3.4", "3.3.5", "6.1.1", "6.1.5", "6.2.1",
    likely=_LIKELY, since="1.1",
)  # fmt: skip
async def kept(case: Case, way: Way) -> None:
    """Every text, and every byte, is kept as it came: {way}."""
    await _require(case, way, SAMPLES)


@product(
    "content.edges.{way}",
    "3.3.1",
    "3.3.2",
    "7.4.2",
    likely="content goes through a buffer, a column or a chunk, and this way is cut or decoded at its edge",
    empty={
        name: "no name, and no title that anybody has, is so long"
        for name, way in WAYS.items()
        if way.kind in {"path", "key", "name", "title", "label"}
    },
    since="1.1",
)
async def edges(case: Case, way: Way) -> None:
    """What has the size of a buffer, or a character across its edge, is kept: {way}."""
    await _require(case, way, _CROSSING | _SIZED | _FAR | _MIB)


_LOOSELY: tuple[Callable[[str], str], ...] = (
    lambda text: text.removeprefix("\ufeff"),
    lambda text: text.replace("\r\n", "\n"),
    lambda text: text + "\n",
    str.strip,
    str.casefold,
    partial(unicodedata.normalize, "NFC"),
    partial(unicodedata.normalize, "NFKD"),
    lambda text: text.partition("\0")[0],
    lambda text: text.encode("ascii", "replace").decode(),
    lambda text: text[:-1],
)
"""What a comparison must not do to either side."""


def _alike() -> Iterator[tuple[str, str, str]]:
    """Two texts that are not the same, and what they are, each pair in both orders."""
    for name, sample in SAMPLES.items():
        text = sample.data
        if isinstance(text, str):
            for other in {change(text) for change in _LOOSELY} - {text}:
                yield name, text, other
                yield name, other, text
    for edge in (255, *_EDGES, _KI * _KI):
        yield f"the last of {edge} and one", "x" * edge + "1", "x" * edge + "2"


async def _matches(files: BoundFiles, given: str) -> bool:
    return await files.write_file_if_content_matches("f", given, "text", "new", "text") is not None


async def _edits(files: BoundFiles, given: str) -> bool:
    try:
        await files.edit_file("f", given, "new")
    except EditError:
        return False
    return True


@table(
    "content.alike.{row}",
    "4.3.2",
    "4.4.2",
    "4.4.4",
    rows={"match": (_matches, str.__eq__), "edit": (_edits, str.__contains__)},
    likely="contents are compared loosely: decoded, normalised, stripped, or by their beginnings",
    since="1.1",
)
async def alike(
    case: Case, call: Callable[[BoundFiles, str], Awaitable[bool]], holds: Callable[[str, str], bool]
) -> None:
    """A text that is almost the one there is another, and nothing is written: {row}."""
    kept: SessionFile | None = None
    for name, there, given in _alike():
        if not given or holds(there, given):
            continue
        if kept is None or kept.content != there:
            kept = await case.files.write_file("f", there)
        if await call(case.files, given) or await case.files.read_file("f") != kept:
            raise Mismatch.of(there, given, f"{name}, a write only for")
