"""Opening a store whose verbs wait for their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.opening import Opening
from everstore.opening import open_store as open_asynchronously
from everstore.sync.loop import LoopThread
from everstore.sync.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from everstore import store
    from everstore.telling.observing import Observer

__all__ = ["open_store"]


def open_store(
    *provided: object,
    config_file: str | PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
    wait: float = 0,
    on_call: Observer | Sequence[Observer] | None = None,
    **settings: Any,
) -> Store:
    """Open the store that the keywords, the environment and the settings file describe; waits until it is.

    Either way::

        with open_store() as store: ...

        store = open_store()
        ...
        store.close()

    Takes what ``everstore.open_store`` takes, which says what that is and which errors there are. One that is
    never closed is closed when the process ends.
    """
    opening = open_asynchronously(
        *provided, config_file=config_file, environment=environment, wait=wait, on_call=on_call, **settings
    )
    loop = LoopThread()
    try:
        opened = loop.run(_opened(opening))
    except BaseException:
        loop.close()
        raise
    loop.keep(opened.close)
    return Store(opened, loop)


async def _opened(opening: Opening) -> store.Store:
    return await opening
