"""Open files: what is read is of one revision, what is written is there when the file is closed."""

from __future__ import annotations

import errno
import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from everstore.adapters.fsspec.framework import AbstractAsyncStreamedFile, AbstractBufferedFile, Transaction
from everstore.compat import override

if TYPE_CHECKING:
    from everstore.adapters.fsspec.filesystem import EverstoreFileSystem

__all__ = ["AsyncFile", "EverstoreFile", "TextFile", "WholeTransaction", "Written", "changed_meanwhile"]


class Written(NamedTuple):
    """What is to become of a file: the bytes that ``wb`` or ``xb`` sets it to, or ``ab`` adds."""

    path: str
    mode: str
    data: bytes

    def discard(self) -> None:
        """Nothing was done yet."""


def changed_meanwhile(path: str) -> OSError:
    """The refusal to go on with a file that is another one by now."""
    return OSError(errno.ESTALE, "the file was changed meanwhile; open it again", path)


class EverstoreFile(AbstractBufferedFile):
    """An open file, in bytes.

    A file of no more than ``block_size`` bytes (5 MiB) is read when it is opened, in one step. Of a larger
    one ranges are read, all of the same revision: ``OSError`` (``ESTALE``) once it was changed.

    What is written becomes the file in one step when it is closed. A ``with`` block that ends with an
    exception writes nothing.
    """

    fs: EverstoreFileSystem

    def __init__(
        self,
        fs: EverstoreFileSystem,
        path: str,
        mode: str = "rb",
        block_size: int | str | None = "default",
        autocommit: bool = True,
        cache_type: str | None = None,
        cache_options: dict[str, Any] | None = None,
        size: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Made by ``EverstoreFileSystem.open``."""
        self._is_aborted = False
        if mode == "rb" and cache_type is None and size is None:
            most = block_size if isinstance(block_size, int) else self.DEFAULT_BLOCK_SIZE
            data, self._details = fs.store.run(fs.beginning(path, most))
            if self._details is None:  # all of it
                cache_type, cache_options = "all", {"data": data}
                size = len(data)
            else:
                size = self._details["size"]
        elif mode == "xb" and fs.exists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
        super().__init__(
            fs, path, mode, block_size, autocommit,
            cache_type=cache_type or "readahead", cache_options=cache_options, size=size, **kwargs,
        )  # fmt: skip
        if mode == "ab":  # what tell() answers decides whether a header is written
            with suppress(FileNotFoundError):
                self.loc = fs.info(path)["size"]

    def _fetch_range(self, start: int, end: int) -> bytes:
        data: bytes = self.fs.store.run(self.fs.fetch(self.path, start, end, self.details["revision"]))
        return data

    def _upload_chunk(self, final: bool = False) -> bool:
        if final and self.autocommit and not self._is_aborted:
            self.commit()
        return final and self.autocommit  # else what was written so far is kept

    def written(self) -> list[Written]:
        """What the file was told to write; nothing when it was given up."""
        return [] if self._is_aborted else [Written(self.path, self.mode, self.buffer.getvalue())]

    def commit(self) -> None:
        self.fs.store.run(self.fs.write_all(self.written()))

    def discard(self) -> None:
        self._is_aborted = True

    def __exit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        if exc_type is not None:
            self.discard()
        self.close()


class TextFile(io.TextIOWrapper):
    """An open file, in text. A ``with`` block that ends with an exception writes nothing."""

    @override
    def __exit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        discard = getattr(self.buffer, "discard", None)
        if exc_type is not None and discard is not None and self.writable():
            discard()
        self.close()


class AsyncFile(AbstractAsyncStreamedFile):
    """An open file whose ``read``, ``write`` and ``close`` are awaited: see ``open_async``."""

    fs: EverstoreFileSystem
    is_exclusive = False

    async def _fetch_range(self, start: int, end: int) -> bytes:
        return await self.fs.fetch(self.path, start, end, self.details["revision"])

    async def _upload_chunk(self, final: bool = False) -> bool:
        if final:
            mode = "xb" if self.is_exclusive else self.mode
            await self.fs.write_all([Written(self.path, mode, self.buffer.getvalue())])
        return final

    async def close(self) -> None:
        """Write what was written, once."""
        try:
            await super().close()
        finally:
            self.closed = True

    async def __aexit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        if exc_type is None:
            await self.close()
        self.closed = True

    def __del__(self) -> None:
        """Write nothing: nobody could await it."""
        self.closed = True


class WholeTransaction(Transaction):
    """A transaction that is made in one step for each session: all of its files, or none."""

    fs: EverstoreFileSystem | None

    def complete(self, commit: bool = True) -> None:
        fs, files = self.fs, [*self.files]
        try:
            if commit and fs is not None:
                fs.store.run(fs.write_all([each for file in files for each in _written(file)]))
        finally:
            for file in files:
                file.discard()
            self.files.clear()
            if fs is not None:
                fs.end_of_transaction()
            self.fs = None


def _written(file: EverstoreFile | Written) -> list[Written]:
    if isinstance(file, Written):
        return [file]
    file.close()
    return file.written()
