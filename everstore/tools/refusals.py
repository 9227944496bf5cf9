"""What a model is told of an error: what is, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.errors import PluginError, SettingsError, StoreClosedError, StoreContextError

if TYPE_CHECKING:
    from everstore.errors import EverstoreError
    from everstore.tools.desk import Desk

__all__ = ["refusal_of"]

_OF_THE_HOST = (StoreClosedError, StoreContextError, SettingsError, PluginError)


async def refusal_of(desk: Desk, error: EverstoreError) -> str:
    """The words for an error; it is raised where it is the host's programming error."""
    del desk
    if isinstance(error, _OF_THE_HOST):
        raise error
    return str(error)
