"""The kinds of data, as content or as a name: what cannot be of a kind, and where it shows what is."""

from __future__ import annotations

import base64
import functools
from typing import TYPE_CHECKING, Any

from everstore.conformance.model.plain import canonical, lines_of
from everstore.errors import InvalidPathError
from everstore.models import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.scene import Scene
    from everstore.models import Encoding

__all__ = ["KINDS", "PATH", "RECORD_NS", "as_bytes", "encoded"]

PATH = "/d/f"
"""Where content comes to, whatever the way."""
RECORD_NS = 1_700_000_000_000_000_000
_SAMPLES = 256  # kept in other forms at a time; they have 20 MB together
_LONGEST_TITLE = 10_000  # a title's size is nowhere bounded, but nobody has longer ones

_Pair = tuple[dict[str, Any], dict[str, Any]]


def as_bytes(data: Any) -> bytes:
    """Text in UTF-8, or the bytes themselves."""
    return _in_utf8(data) if isinstance(data, str) else data


def encoded(data: Any, encoding: Encoding) -> str:
    """Text, or bytes, as the content of a file of this encoding."""
    return data if encoding == "text" else _in_base64(data)


# Every way in takes the same few samples, some of which are long.
@functools.lru_cache(_SAMPLES)
def _in_utf8(text: str) -> bytes:
    return text.encode()


@functools.lru_cache(_SAMPLES)
def _in_base64(data: str | bytes) -> str:
    return base64.b64encode(as_bytes(data)).decode()


@functools.lru_cache(_SAMPLES)
def _lines(text: str) -> list[str]:
    return lines_of(text)


async def _look_at_text(scene: Scene, data: Any) -> _Pair:
    return await _look_at_file(scene, data, "text")


async def _look_at_bytes(scene: Scene, data: Any) -> _Pair:
    return await _look_at_file(scene, data, "base64")


async def _look_at_file(scene: Scene, data: Any, encoding: Encoding) -> _Pair:
    found, stat = await scene.files.read_file(PATH), await scene.files.stat_file(PATH)
    listed = await scene.files.list_directory("d")
    size = len(as_bytes(data))
    expected: dict[str, Any] = {
        "read_file": (encoded(data, encoding), encoding, size),
        "read_bytes": as_bytes(data),
        "stat_file": size,
        "list_directory": [(PATH, size)],
    }
    got: dict[str, Any] = {
        "read_file": found and (found.content, found.encoding, found.size_bytes),
        "read_bytes": await scene.files.read_bytes(PATH),
        "stat_file": stat and stat.size_bytes,
        "list_directory": [(info.path, info.size_bytes) for info in listed],
    }
    if encoding == "text":
        read = await scene.files.read_lines(PATH)
        expected["read_lines"], got["read_lines"] = _lines(data), read and [one.text for one in read.lines]
    return expected, got


async def _look_at_value(scene: Scene, data: str) -> _Pair:
    found, [last] = await scene.storage.read_value("k"), await scene.storage.read_values("k", reverse=True)
    expected = {"get_value": data, "read_value": data, "get_values": {"k": data}, "read_values": data}
    return expected, {
        "get_value": await scene.storage.get_value("k"),
        "read_value": found and found.value,
        "get_values": await scene.storage.get_values(["k"]),
        "read_values": last.value,
    }


async def _look_at_secret(scene: Scene, data: str) -> _Pair:
    return {"get_secret": data}, {"get_secret": await scene.storage.get_secret("k")}


async def _look_at_title(scene: Scene, data: str) -> _Pair:
    # One that was created just after it leads the page.
    page = await scene.store.sessions.list_sessions(limit=1, after=Session(scene.id, None, RECORD_NS + 1))
    found = await scene.store.sessions.get_session(scene.id)
    titles = [record.title for record in page if record.id == scene.id] or [data]
    return {"get_session": data, "list_sessions": [data]}, {
        "get_session": found and found.title,
        "list_sessions": titles,
    }


async def _look_at_label(scene: Scene, data: str) -> _Pair:
    labels = {data: data}
    after = Session(scene.id, None, RECORD_NS + 1)
    found = await scene.store.sessions.get_session(scene.id)
    page = await scene.store.sessions.list_sessions(limit=1, after=after, labels=labels)
    listed = [record.labels for record in page if record.id == scene.id]
    return {"get_session": labels, "list_sessions": [labels]}, {
        "get_session": found and found.labels,
        "list_sessions": listed,
    }


async def _look_at_path(scene: Scene, data: str) -> _Pair:
    path = f"/d/{data}"
    found, stat = await scene.files.read_file(path), await scene.files.stat_file(path)
    listed = [(info.path, info.name) for info in await scene.files.list_directory("/d")]
    globbed = [info.path for info in await scene.files.glob_files("/d/*")]
    files = [] if found is not None and found.is_directory else [path]
    return {"read_file": path, "stat_file": path, "list_directory": [(path, data)], "glob_files": files}, {
        "read_file": found and found.path,
        "stat_file": stat and stat.path,
        "list_directory": listed,
        "glob_files": globbed,
    }


async def _look_at_key(scene: Scene, data: str) -> _Pair:
    stat, found = await scene.storage.stat_value(data), await scene.storage.read_value(data)
    keys = dict.fromkeys(("stat_value", "read_value"), data)
    lists = {verb: [data] for verb in ("list_keys", "list_keys of a prefix", "read_values")}
    return {"get_value": "1", "get_values": {data: "1"}, **keys, **lists}, {
        "get_value": await scene.storage.get_value(data),
        "get_values": await scene.storage.get_values([data]),
        "stat_value": stat and stat.key,
        "read_value": found and found.key,
        "list_keys": [info.key for info in await scene.storage.list_keys()],
        "list_keys of a prefix": [info.key for info in await scene.storage.list_keys(data)],
        "read_values": [info.key for info in await scene.storage.read_values(limit=5)],
    }


async def _look_at_name(scene: Scene, data: str) -> _Pair:
    return {"get_secret": "1", "list_secrets": [data]}, {
        "get_secret": await scene.storage.get_secret(data),
        "list_secrets": [info.name for info in await scene.storage.list_secrets()],
    }


def _only_text(data: Any) -> str | None:
    return None if isinstance(data, str) else "bytes are no text"


def _only_titles(data: Any) -> str | None:
    is_title = isinstance(data, str) and "\0" not in data and len(data) <= _LONGEST_TITLE
    return None if is_title else "no title is bytes, holds a NUL, or has a mebibyte"


def _only_keys(data: Any) -> str | None:
    is_key = isinstance(data, str) and 0 < len(data.encode()) <= 1024 and "\0" not in data
    return None if is_key else "no key is bytes, empty, holds a NUL, or has more than 1024 bytes"


def _only_segments(data: Any) -> str | None:
    try:
        is_segment = isinstance(data, str) and canonical(f"/d/{data}").removeprefix("/d/") == data != ""
    except InvalidPathError:
        is_segment = False
    is_segment = is_segment and "/" not in data
    return None if is_segment else "no segment is bytes, empty, has control characters, or over 255 bytes"


KINDS: dict[str, tuple[Callable[[Any], str | None], Callable[[Scene, Any], Awaitable[_Pair]]]] = {
    "text": (_only_text, _look_at_text),
    "bytes": (lambda _: None, _look_at_bytes),
    "value": (_only_text, _look_at_value),
    "secret": (_only_text, _look_at_secret),
    "title": (_only_titles, _look_at_title),
    "label": (_only_keys, _look_at_label),
    "path": (_only_segments, _look_at_path),
    "key": (_only_keys, _look_at_key),
    "name": (_only_keys, _look_at_name),
}
"""Why data cannot be of a kind, and what is looked at where it is, expected and got."""
