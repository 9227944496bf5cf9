"""How a storage is laid out, which is noted in it: who knows another layout leaves it alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from everstore.engine.keys import LAYOUT
from everstore.errors import SettingsError, StorageReplacedError

if TYPE_CHECKING:
    from everstore.engine.base import Engine, Transaction

__all__ = ["keep_to_layout", "require_layout"]

_LAYOUT = 2
_OLDER = (1,)  # layouts whose storages are read as they are, and go on in this one
_LARGEST_PIECE = 1 << 16  # one is written anew for whatever is appended to it


def keep_to_layout(engine: Engine, *, begins: bool = True) -> bool:
    """Go on as things were kept when the storage was begun; whether it was.

    ``begins`` notes how, where it was not, and of an older layout that it has this one from now on.
    """
    found = engine.transact(lambda transaction: transaction.get(LAYOUT), write=False)
    if begins and (found is None or _numbers(found)[0] in _OLDER):
        found = engine.transact(partial(_begun, engine), write=True)
    if found is None:
        return False
    layout, *most = _numbers(found)
    if layout not in (_LAYOUT, *_OLDER) or len(most) != 2:
        raise SettingsError(
            f"the storage has layout {found[:40]!r}, and this everstore {_LAYOUT}: use a newer one"
        )
    longest_key, largest_value = most
    if longest_key > engine.longest_key or largest_value > engine.largest_value:
        raise SettingsError(
            "the storage was begun with longer keys or values than its plugin takes: use a newer one"
        )
    engine.longest_key, engine.largest_value = longest_key, largest_value
    return True


def _numbers(layout: bytes) -> list[int]:
    return [int(number) if number.isdigit() else 0 for number in layout.split()] or [0]


def _begun(engine: Engine, transaction: Transaction) -> bytes:
    """How things are kept from now on, unless somebody else was faster: lengths stay as they were."""
    found = transaction.get(LAYOUT)
    new = [0, engine.longest_key, min(engine.largest_value, _LARGEST_PIECE)]
    layout, *most = new if found is None else _numbers(found)
    if found is None or layout in _OLDER:
        found = b" ".join(b"%d" % number for number in (_LAYOUT, *most))
        transaction.put(LAYOUT, found)
    return found


def require_layout(backend: str, transaction: Transaction) -> None:
    """``StorageReplacedError`` when a newer everstore has updated the storage since it was opened.

    What is written by the rules of an older layout takes away what is there by those of a newer one.
    """
    found = transaction.get(LAYOUT)
    if found is None or _numbers(found)[0] != _LAYOUT:
        raise StorageReplacedError(
            f"{backend}: another version of everstore has changed the layout of the storage since it was"
            " opened: nothing is written any more; end this process, and use that version",
            backend=backend,
        )
