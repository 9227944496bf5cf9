"""What is used of fsspec. It has no types: to type checkers all of it is ``Any``, here and nowhere else."""

from __future__ import annotations

from typing import Any

from fsspec import asyn, callbacks, spec, transaction, utils
from fsspec.implementations import local

__all__ = [
    "DEFAULT_CALLBACK",
    "AbstractAsyncStreamedFile",
    "AbstractBufferedFile",
    "AbstractFileSystem",
    "AsyncFileSystem",
    "Transaction",
    "async_methods",
    "isfilelike",
    "stringify_path",
    "tokenize",
    "trailing_sep",
]

AbstractAsyncStreamedFile: Any = asyn.AbstractAsyncStreamedFile
AbstractBufferedFile: Any = spec.AbstractBufferedFile
AbstractFileSystem: Any = spec.AbstractFileSystem
AsyncFileSystem: Any = asyn.AsyncFileSystem
DEFAULT_CALLBACK: Any = callbacks.DEFAULT_CALLBACK
Transaction: Any = transaction.Transaction
async_methods: Any = asyn.async_methods
isfilelike: Any = utils.isfilelike
stringify_path: Any = utils.stringify_path
tokenize: Any = utils.tokenize
trailing_sep: Any = local.trailing_sep
