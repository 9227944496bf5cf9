"""What may be stored, how large it is, and how it is edited: the same on every backend."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from itertools import accumulate, compress, count
from operator import add
from typing import TYPE_CHECKING

from everstore.errors import EditError, InvalidContentError, PathIsDirectoryError, ReadOnlyFileError

if TYPE_CHECKING:
    from everstore.models import Encoding, SessionFile

__all__ = [
    "ENVELOPE_FORMAT",
    "add_to_counter",
    "append_content",
    "content_bytes",
    "content_of",
    "content_size",
    "is_envelope",
    "key_id_of",
    "no_counter",
    "no_text",
    "other_encoding",
    "replace_text",
    "require_text",
    "stored_size",
    "sum_too_large",
    "text_size",
    "utf8_size",
]

_ENCODING = re.compile(r"(?i:utf|us|ascii|latin|iso|cp|base|hex|bin|byte|raw|str|text|url|win)[\w.-]{0,12}")
ENVELOPE_FORMAT = "es1"
"""What every ciphertext of a secret begins with."""

# 40 bytes have 54 characters, and the 28 that go with every secret 38.
_ENVELOPE = re.compile(
    rf"{ENVELOPE_FORMAT}\.([A-Za-z0-9_-]{{1,64}})\.[A-Za-z0-9_-]{{54}}\.[A-Za-z0-9_-]{{38,}}"
)
_COUNTER = re.compile(r"-?[0-9]{1,20}")
_COUNTER_LIMIT = 1 << 63


def text_size(text: str, what: str = "content") -> int:
    """The UTF-8 size of a text in bytes; ``InvalidContentError`` when it is no text that UTF-8 can hold."""
    if not isinstance(text, str):  # bytes would pass for text that is ASCII
        raise InvalidContentError(f"{what} is text (str), not {type(text).__name__}")
    if text.isascii():  # one flag to look at, whatever the length
        return len(text)
    size = utf8_size(text)
    if size is None:
        raise InvalidContentError(f"{what} holds a lone surrogate, which no encoding can store")
    return size


def utf8_size(text: str) -> int | None:
    """The bytes that a text has in UTF-8; ``None`` when it holds a lone surrogate.

    No error, for the one that Python raises carries the whole text wherever it is chained to.
    """
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return None


def content_size(content: str, encoding: Encoding) -> int:
    """The number of real bytes of a content; ``InvalidContentError`` when it cannot be stored (§3.3)."""
    if encoding == "text" and isinstance(content, str) and content.isascii():
        return len(content)  # nearly always, and without another call
    size = text_size(content)
    if encoding == "text":
        return size
    if encoding == "base64":
        return len(_decoded(content))
    raise InvalidContentError(f"encoding is 'text' or 'base64', not {_told(encoding)}")


def _told(encoding: object) -> str:
    """A refused encoding: the name of one; anything else may be content in the wrong place."""
    is_name = isinstance(encoding, str) and _ENCODING.fullmatch(encoding)
    return repr(encoding) if is_name else f"another value of type {type(encoding).__name__}"


def _decoded(content: str) -> bytes:
    data = _decoded_or_why(content)
    if isinstance(data, str):
        raise InvalidContentError(f"content is not standard base64: {data}")
    # Python's decoder lets stray bits behind the last character pass, and the bytes alone could
    # not give them back.
    if b64encode(data).decode() != content:
        raise InvalidContentError("content is not standard base64: it has bits that no byte holds")
    return data


def _decoded_or_why(content: str) -> bytes | str:
    """The bytes, or what is wrong in words: Python's own error may carry the content."""
    try:
        return b64decode(content, validate=True)
    except ValueError as error:
        return str(error)


def stored_size(content: str | bytes, encoding: Encoding) -> int:
    """The number of real bytes of a content that is known to be valid."""
    if isinstance(content, bytes):
        return len(content)
    if encoding == "base64":
        return len(content) // 4 * 3 - content[-2:].count("=")
    return len(content) if content.isascii() else len(content.encode())


def content_bytes(content: str | bytes, encoding: Encoding) -> bytes:
    """The real bytes of a valid content, for a backend that keeps bytes."""
    if isinstance(content, bytes):
        return content
    return content.encode() if encoding == "text" else b64decode(content)


def content_of(data: bytes, encoding: Encoding) -> str | bytes:
    """The content that these bytes are, as ``file_of`` takes it: the inverse of ``content_bytes``."""
    return data.decode() if encoding == "text" else data


def require_text(file: SessionFile) -> str:
    """The text of a text file; ``InvalidContentError`` for one in base64."""
    if file.encoding != "text":  # first, for the base64 of bytes would be made to be looked at
        raise no_text(file.path, file.encoding)
    if file.content is None:
        raise PathIsDirectoryError.at(file.path)
    return file.content


def no_text(path: str, stored: str) -> InvalidContentError:
    """The refusal of a file that is ``stored`` in another encoding where a text is needed."""
    return InvalidContentError(
        f"{path!r} is not a text file: it is stored as {stored}", path=path, stored=stored
    )


def other_encoding(path: str, stored: str, given: str) -> InvalidContentError:
    """The refusal to append one encoding to the other."""
    message = f"{path!r} is stored as {stored}; {given} cannot be appended to it"
    return InvalidContentError(message, path=path, stored=stored)


def replace_text(
    path: str, text: str, old: str, new: str, *, replace_all: bool
) -> tuple[str, tuple[int, ...]]:
    """``text`` with ``old`` replaced, and the numbers of the lines where that is now, one for each.

    ``EditError`` when it is missing, or ambiguous without ``replace_all``: overlapping ones count, too.
    """
    at = text.find(old) if old else -1
    if at == -1:
        raise EditError.unless_once(path, 0, text)
    if text.find(old, at + 1) == -1:
        line = text.count("\n", 0, at) + 1
        return f"{text[:at]}{new}{text[at + len(old) :]}", (line,)
    if not replace_all:
        raise EditError.unless_once(path, max(text.count(old), 2), text)
    return text.replace(old, new), _lines_of_all(text, old, new.count("\n"))


_MATCH = b"\xff"  # in no UTF-8
_MARKS = b"\n" + _MATCH
_NO_MARKS = bytes({*range(256)} - {*_MARKS})
_IS_END, _IS_MATCH = (bytes.maketrans(_MARKS, of_each) for of_each in (b"\1\0", b"\0\1"))


def _lines_of_all(text: str, old: str, of_new: int) -> tuple[int, ...]:
    """The numbers of the lines in which replacements of ``old`` begin, with ``of_new`` line ends in each.

    All of it runs in C, for there may be hundreds of thousands: of the text only line ends and matches stay,
    a byte each, and ends are added up as far as each match.
    """
    marks = text.encode().replace(old.encode(), _MATCH).translate(None, _NO_MARKS)
    numbers = compress(accumulate(marks.translate(_IS_END), initial=1), marks.translate(_IS_MATCH))
    return tuple(map(add, numbers, count(0, of_new)) if of_new else numbers)


def append_content(file: SessionFile, content: str | bytes, encoding: Encoding) -> str | bytes:
    """The content of ``file`` with ``content`` behind it; typed errors when that cannot be."""
    kept = file.kept
    if kept is None:
        raise PathIsDirectoryError.at(file.path)
    if file.is_readonly:
        raise ReadOnlyFileError.at(file.path)
    if file.encoding != encoding:
        raise other_encoding(file.path, file.encoding, encoding)
    if encoding == "text" and type(kept) is str and type(content) is str:
        return kept + content
    return b"".join((file.data or b"", content if isinstance(content, bytes) else b64decode(content)))


def add_to_counter(text: str | None, amount: int) -> int:
    """The sum of a stored decimal integer (absent counts as 0) and ``amount``.

    ``InvalidContentError`` when the text is no integer, or the sum does not fit into 64 bits.
    """
    if text is not None and not _COUNTER.fullmatch(text):
        raise no_counter()
    total = (int(text) if text is not None else 0) + amount
    if not -_COUNTER_LIMIT <= total < _COUNTER_LIMIT:
        raise sum_too_large()
    return total


def no_counter() -> InvalidContentError:
    """The refusal to add to what is no integer."""
    return InvalidContentError("the value is not an integer in decimal digits, so it cannot be incremented")


def sum_too_large() -> InvalidContentError:
    """The refusal of a sum that leaves 64 bits."""
    return InvalidContentError("the sum would not fit into 64 bits; the value stays as it was")


def key_id_of(ciphertext: str) -> str | None:
    """The id of the key that sealed it; ``None`` when it is no ciphertext of ours."""
    found = _ENVELOPE.fullmatch(ciphertext)
    return found[1] if found else None


def is_envelope(text: str) -> bool:
    """Whether a text has the form of a ciphertext; whether it opens is another question."""
    return _ENVELOPE.fullmatch(text) is not None
