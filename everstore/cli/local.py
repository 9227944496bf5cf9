"""What comes from the machine the command runs on: files and standard input."""

from __future__ import annotations

import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from everstore.errors import InvalidArgumentError, InvalidContentError

if TYPE_CHECKING:
    from everstore.models import Encoding

__all__ = ["content_from", "read_source", "read_text", "standard_input"]


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


def standard_input() -> BinaryIO:
    """Standard input, for bytes; ``InvalidArgumentError`` when it is closed."""
    if not sys.stdin.readable():
        raise InvalidArgumentError("'-' cannot be read: standard input is closed")
    return sys.stdin.buffer


def read_source(source: str) -> bytes:
    """The bytes of a local file, or of standard input for ``-``."""
    try:
        return standard_input().read() if source == "-" else Path(source).read_bytes()
    except InvalidArgumentError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidArgumentError(f"{source!r} cannot be read: {reason}") from error


def read_text(source: str) -> str:
    """The text of a local file or of standard input; ``InvalidContentError`` when it is not UTF-8."""
    return content_from(read_source(source), "text")[0]
