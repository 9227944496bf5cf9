"""Looking for a text in the bytes of a storage, in every form that it would plausibly have there."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["files_holding", "traces_of"]

_CHUNK = 1 << 20


def _forms(text: str) -> set[bytes]:
    data = text.encode()
    forms = {
        data,
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        data.hex().encode(),
        data.hex().upper().encode(),
    }
    for lead in range(
        3
    ):  # base64 of the text at any place in a longer one: without what depends on neighbours
        encoded = base64.b64encode(b"\0" * lead + data)
        inner = encoded[4 if lead else 0 : -4]
        forms |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}
    return forms


def traces_of(text: str, data: bytes) -> bool:
    """Whether the bytes hold the text in UTF-8, UTF-16, base64 or hexadecimal."""
    return any(form in data for form in _forms(text))


def files_holding(text: str, places: Iterable[Path]) -> list[str]:
    """The names of the files at or below these places, or beside them with a longer name, that hold it."""
    files = sorted({path for place in places for path in _files_at(place)})
    return [path.name for path in files if _holds(path, text)]


def _holds(path: Path, text: str) -> bool:
    tail = b""
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if traces_of(text, tail + chunk):
                    return True
                tail = chunk[-512:]
    except FileNotFoundError:
        pass  # a server at work removes files
    return False


def _files_at(place: Path) -> list[Path]:
    if place.is_dir():
        paths = [Path(folder, name) for folder, _, names in os.walk(place) for name in names]
    else:
        # A database has its journals beside it, with its own name in front.
        paths = list(place.parent.glob(f"{place.name}*"))
    return [path for path in paths if path.is_file()]
