"""What comes from the machine the command runs on: files, standard input, and how it was started."""

from __future__ import annotations

import shlex
import shutil
import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import typer

from everstore.errors import InvalidArgumentError, InvalidContentError

if TYPE_CHECKING:
    from everstore.models import Encoding

__all__ = ["content_from", "file_named", "own_name", "read_source", "read_text", "standard_input"]

_PACKAGE = Path(__file__).parents[1]


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


def file_named(text: str) -> Path:
    """A file that is written at once or not at all, and so none of the streams that ``-`` stands for."""
    if text == "-":
        raise typer.BadParameter("'-' is no file here, for it is written whole or not at all; give a name")
    return Path(text)


def own_name() -> str:
    """What to type to start this command again: its name alone where that finds it, else its path."""
    started = Path(sys.argv[0])
    if started == _PACKAGE / "__main__.py":
        return f"{shlex.quote(sys.executable)} -m {_PACKAGE.name}"
    found = shutil.which(_PACKAGE.name)
    is_script = started.stem == _PACKAGE.name and started.is_file()  # else a host's program runs the command
    if is_script and (found is None or not started.samefile(found)):
        return shlex.quote(str(started.absolute()))
    return _PACKAGE.name
