"""What is read from a row is looked at before it is believed (contract §7.2.5).

The server keeps types and sizes right, and tells a broken page by itself; bytes that are to be a text it
does not look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.content import content_of
from everstore.errors import DataDamagedError

if TYPE_CHECKING:
    from everstore.models import Encoding

__all__ = ["content_at", "text_at"]


def content_at(path: str, size: int, data: bytes | None, encoding: Encoding | None) -> str:
    """The content that a file's bytes are; ``DataDamagedError`` when they cannot be."""
    if data is None or encoding is None:
        reason = "its content is missing, or of no kind that is kept"
    elif len(data) != size:
        reason = f"its content has {len(data)} bytes where there were {size}"
    else:
        try:
            return content_of(data, encoding)
        except UnicodeDecodeError:
            reason = "its text is no UTF-8"
    raise DataDamagedError.found(path, reason, path=path)


def text_at(key: str, data: bytes) -> str:
    """The text of a value; ``DataDamagedError`` when it is none."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    raise DataDamagedError.found(key, "its value is no UTF-8", key=key)
