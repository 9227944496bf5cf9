"""What comes from the machine the command runs on: files and standard input."""

from __future__ import annotations

import sys
from base64 import b64encode
from io import UnsupportedOperation
from pathlib import Path
from typing import TYPE_CHECKING

from everstore.errors import InvalidArgumentError, InvalidContentError

if TYPE_CHECKING:
    from everstore.models import Encoding

__all__ = ["content_from", "read_source", "read_text"]


def content_from(data: bytes, encoding: Encoding | None = None) -> tuple[str, Encoding]:
    """Bytes as a verb takes them: ``text`` when they are UTF-8, else ``base64``, or as ``encoding`` demands.

    ``InvalidContentError`` when text is demanded of bytes that are not UTF-8.
    """
    if encoding == "base64":
        return b64encode(data).decode(), "base64"
    try:
        return data.decode(), "text"
    except UnicodeDecodeError:
        if encoding == "text":
            raise InvalidContentError(
                "the input is not UTF-8; leave --encoding out to keep its bytes"
            ) from None
        return b64encode(data).decode(), "base64"


def read_source(source: str) -> bytes:
    """The bytes of a local file, or of standard input for ``-``."""
    try:
        return sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except UnsupportedOperation as error:
        raise InvalidArgumentError("'-' cannot be read: standard input is closed") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidArgumentError(f"{source!r} cannot be read: {reason}") from error


def read_text(source: str) -> str:
    """The text of a local file or of standard input; ``InvalidContentError`` when it is not UTF-8."""
    return content_from(read_source(source), "text")[0]
