"""What has come in, whatever the way, is as good for every other verb as what was written.

A storage may keep what a text is like beside it (that it holds a NUL, that it is ASCII, where its lines
begin), and a way in that leaves it as it was shows only when another verb goes by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.case import Mismatch, each
from everstore.conformance.checks.content import SAMPLES, coming
from everstore.conformance.kinds import PATH, encoded
from everstore.conformance.model.plain import lines_of
from everstore.conformance.registry import product
from everstore.conformance.scene import Scene
from everstore.conformance.ways import WAYS, Way

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.models import Encoding

    Answer = tuple[object, object]
    """What was expected, and what came."""

_NAMES = (
    "plain",
    "empty",
    "CR LF",
    "NUL inside",
    "NUL first",
    "BOM",
    "Unicode line ends",
    "one beyond 16 bits",
    "Latin-1",
    "every byte",
    "half a character",
    "zero bytes",
)
_SAMPLES = {name: SAMPLES[name] for name in _NAMES}  # one of each kind: they are asked of each pair
_COPY = "/used/f"


class _Came:
    """What has come into a session, and is at a path that can be written to."""

    def __init__(self, scene: Scene, data: Any, encoding: Encoding) -> None:
        self.files = scene.files
        self.data = data
        self.encoding: Encoding = encoding
        self.path = PATH

    async def make_writable(self) -> None:
        found = await self.files.stat_file(PATH)
        if found is not None and found.is_readonly:
            self.path = _COPY
            await self.files.copy_file(PATH, _COPY)

    async def is_now(self, data: Any, path: str | None = None) -> Answer:
        """Whether the file, or the one at the path, has this content."""
        found = await self.files.read_file(path or self.path)
        size = len(data.encode() if isinstance(data, str) else data)
        expected = (encoded(data, self.encoding), self.encoding, size)
        return expected, found and (found.content, found.encoding, found.size_bytes)


async def _edit(came: _Came) -> Answer:
    last = came.data[-1:]
    if came.encoding != "text" or not last:
        return None, None  # bytes are not edited, and of nothing there is no part
    await came.files.edit_file(came.path, last, "<\u00e9>", replace_all=True)
    return await came.is_now(came.data.replace(last, "<\u00e9>"))


async def _append(came: _Came) -> Answer:
    data: Any = came.data
    more: Any = "\u00e9\n"
    if came.encoding == "base64":
        data, more = data.encode() if isinstance(data, str) else data, b"\xff\0"
    await came.files.append_file(came.path, encoded(more, came.encoding), came.encoding)
    return await came.is_now(data + more)


async def _match(came: _Came) -> Answer:
    content = encoded(came.data, came.encoding)
    await came.files.write_file_if_content_matches(
        came.path, content, came.encoding, encoded("new", came.encoding), came.encoding
    )
    return await came.is_now("new")


async def _grep(came: _Came) -> Answer:
    lines = lines_of(came.data) if came.encoding == "text" else []
    longest = max(lines, key=len, default="")
    found = await came.files.grep_files(longest, came.path)
    expected = [(number, line) for number, line in enumerate(lines, 1) if longest in line]
    return expected, [(match.line_number, match.line) for match in found]


async def _copy(came: _Came) -> Answer:
    await came.files.copy_file(came.path, "/used/copy")
    return await came.is_now(came.data, "/used/copy")


async def _move(came: _Came) -> Answer:
    await came.files.move_file(came.path, "/used/moved")
    return await came.is_now(came.data, "/used/moved")


_USES: dict[str, Callable[[_Came], Awaitable[Answer]]] = {
    "edit_file": _edit,
    "append_file": _append,
    "write_file_if_content_matches": _match,
    "grep_files": _grep,
    "copy_file": _copy,
    "move_file": _move,
}


@product(
    "content.used.{way}",
    "3.3.1", "3.3.2", "4.3.1", "4.4.4", "4.5.1", "4.5.3", "5.1.2",
    likely="what is kept beside a content, as that it holds a NUL, is set by the write and not by this way",
    empty={
        name: "no other verb works on what is in it, but increments, which have checks of their own"
        for name, way in WAYS.items()
        if way.kind not in {"text", "bytes"}
    },
    since="1.1",
)  # fmt: skip
async def used(case: Case, way: Way) -> None:
    """What came in this way is edited, appended to, compared, searched, copied and moved as it is: {way}."""
    encoding: Encoding = "text" if way.kind == "text" else "base64"

    async def use(pair: tuple[str, str]) -> None:
        name, verb = pair
        scene = Scene(case.store, case.new_id())
        came = _Came(scene, await way.bring(scene, _SAMPLES[name]), encoding)
        await came.make_writable()
        expected, got = await _USES[verb](came)
        if expected != got:
            raise Mismatch.of(expected, got, f"{name}, by {verb}")

    await each(use, [(name, verb) for name in coming(case, way, _SAMPLES) for verb in _USES])
