"""What is read from a row is looked at before it is believed (contract §7.2.5).

The server keeps types and sizes right, and tells a broken page by itself; bytes that are to be a text it
does not look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.errors import DataDamagedError

if TYPE_CHECKING:
    from everstore.models import Encoding

__all__ = [
    "ENCODINGS",
    "content_as_text",
    "content_at",
    "damage_of_chunks",
    "damage_of_content",
    "damage_of_value",
    "text_at",
]

ENCODINGS: dict[bytes, Encoding] = {b"t": "text", b"z": "text", b"b": "base64"}
"""How a file of each kind is written."""


def content_at(path: str, size: int, data: bytes | None, encoding: Encoding | None) -> str | bytes:
    """The content that a file's bytes are; ``DataDamagedError`` when they cannot be."""
    if encoding == "base64" and data is not None and len(data) == size:
        return data
    return content_as_text(path, size, data, encoding)


def content_as_text(path: str, size: int, data: bytes | None, encoding: Encoding | None = "text") -> str:
    """The content of a text; ``DataDamagedError`` when the file's bytes are none."""
    if data is not None and encoding == "text" and len(data) == size:
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass  # raised there, the damage would be chained to what holds the content
    raise damage_of_content(path, size, data, encoding)


def damage_of_content(
    path: str, size: int, data: bytes | None, encoding: Encoding | None
) -> DataDamagedError:
    """The error of a file whose bytes are not its content."""
    if data is None or encoding is None:
        reason = "its content is missing, or of no kind that is kept"
    elif len(data) != size:
        reason = f"its content has {len(data)} bytes where there were {size}"
    else:
        reason = "its text is no UTF-8"
    return DataDamagedError.found(path, reason, path=path)


def damage_of_chunks(path: str) -> DataDamagedError:
    """The error of a file whose content can be read, and whose chunks are other ones than it has."""
    return DataDamagedError.found(path, "its chunks are not those of its content", path=path)


def text_at(key: str, data: bytes) -> str:
    """The text of a value; ``DataDamagedError`` when it is none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    raise damage_of_value(key)


def damage_of_value(key: str) -> DataDamagedError:
    """The error of a value whose bytes are no text."""
    return DataDamagedError.found(key, "its value is no UTF-8", key=key)
