"""A file that comes in pieces, put together to what is written of it."""

from __future__ import annotations

import codecs
from base64 import b64encode
from typing import cast

from everstore.changes import Append, AppendBytes, Write, WriteBytes
from everstore.errors import InvalidContentError
from everstore.models import InitialFile
from everstore.transfer.items import PIECE, File

__all__ = ["AnyChange", "AnySent", "Assembly"]

AnyChange = Append | AppendBytes | Write | WriteBytes
"""What is written of a file that may be written: its beginning, or what follows."""

AnySent = AnyChange | InitialFile


class Assembly:
    """The file that is coming. What is read-only is written in one piece, whatever its size."""

    def __init__(self) -> None:
        """No file is coming yet."""
        self._file: File | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._data = bytearray()
        self._left = 0
        self._is_begun = False

    @property
    def is_whole(self) -> bool:
        """Whether no bytes are to come of the last file that was begun."""
        return not self._left

    def begin(self, file: File) -> AnySent | None:
        """A file whose bytes follow; what is to be written, which an empty one has at once."""
        self._file, self._left, self._is_begun = file, file.size_bytes, False
        self._decoder.reset()
        return None if file.size_bytes else self._taken(file)

    def add(self, piece: bytes) -> AnySent | None:
        """More of its bytes; what is to be written by now, if anything.

        ``InvalidContentError`` when it is said to be text, and is none.
        """
        file = cast("File", self._file)
        self._data += piece
        self._left -= len(piece)
        is_enough = not file.is_readonly and len(self._data) >= PIECE
        return self._taken(file) if is_enough or not self._left else None

    def _taken(self, file: File) -> AnySent:
        """What has come and was not written."""
        data = bytes(self._data)
        self._data.clear()
        content = data if file.encoding == "base64" else self._decoded(file, data)
        if file.is_readonly:
            text = content if isinstance(content, str) else b64encode(content).decode()
            return InitialFile(file.path, text, file.encoding, is_readonly=True)
        is_begun, self._is_begun = self._is_begun, True
        if isinstance(content, str):
            return (Append if is_begun else Write)(file.path, content)
        return (AppendBytes if is_begun else WriteBytes)(file.path, content)

    def _decoded(self, file: File, data: bytes) -> str:
        """Text, without a character that is cut in two: its end comes with the next piece."""
        try:
            return self._decoder.decode(data, final=not self._left)
        except UnicodeDecodeError:
            pass  # chained to nothing: the error carries the text
        raise InvalidContentError(f"{file.path!r} is said to be text, and is no UTF-8", path=file.path)
