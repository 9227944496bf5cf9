"""What an adapter says whose framework is not installed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["extra"]


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import a framework in here: ``ModuleNotFoundError`` says which extra brings it if it is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] == "everstore":  # or an extra's message already
            raise
        message = f"{error.msg}; it comes with an extra: pip install 'everstore[{name}]'"
        raise ModuleNotFoundError(message, name=error.name, path=error.path) from None
