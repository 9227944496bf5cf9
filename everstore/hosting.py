"""What the host of a store brings: values for plugins, a key ring, its own layers, and who watches calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from everstore.errors import SettingsError, shown
from everstore.interfaces import KeyRing
from everstore.middleware.base import Middleware
from everstore.telling.observing import Observer, checked_observers

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Host"]


class Host(msgspec.Struct, frozen=True):
    """Objects of the host's, as ``open_store`` was handed them; no setting can name one.

    ``layers`` are what goes around every call, the outermost first: the host's own, and plugins by name.
    """

    provided: tuple[object, ...] = ()
    layers: tuple[Middleware | str, ...] = ()
    observers: tuple[Observer, ...] = ()
    ring: KeyRing | None = None

    @classmethod
    def of(cls, provided: Sequence[object], keywords: dict[str, Any], on_call: object) -> Host:
        """Take what is the host's out of the keywords, and leave the names of plugins there."""
        layers = _listed(keywords.get("middleware"))
        if any(isinstance(layer, Middleware) for layer in layers):
            keywords["middleware"] = [layer for layer in layers if isinstance(layer, str)]
        else:
            layers = ()
        rings = [value for value in provided if isinstance(value, KeyRing)]
        if len(rings) > 1:
            raise SettingsError("open_store() was given two key rings; a store has one")
        others = tuple(value for value in provided if not isinstance(value, KeyRing))
        return cls(others, layers, checked_observers(on_call), rings[0] if rings else None)


def _listed(given: object) -> tuple[Middleware | str, ...]:
    layers: tuple[Any, ...] = ()
    if isinstance(given, (Middleware, type)):
        layers = (given,)
    elif isinstance(given, (list, tuple, set, frozenset)):
        layers = tuple(given)
    for layer in layers:
        if not isinstance(layer, (Middleware, str)):
            what = f"{layer.__name__}, a class" if isinstance(layer, type) else shown(layer)
            raise SettingsError(f"middleware is names of plugins and Middleware objects, not {what}")
    return layers
