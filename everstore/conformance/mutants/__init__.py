"""Deliberately broken backends: each must be caught by the check it names, or the suite proves nothing.

A mutant is made of a sound store: some verbs are replaced by ones that make one mistake, in the way a
real backend would make it. ``open_mutant`` opens one in place of ``open_store``::

    Subject({"backend": "memory", "mutant": "drops_trailing_nul"}, opener=OPENER)

Modules of this package hold the mutants, by what they break. ``docs/kill-matrix.md`` shows which check
kills which.
"""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import REGISTRY, Broken, Mutant
from everstore.errors import SettingsError
from everstore.opening import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from everstore.store import Store

__all__ = ["OPENER", "Mutant", "all_mutants", "open_mutant"]

OPENER = "everstore.conformance.mutants:open_mutant"
"""What a ``Subject`` names to open mutants."""


def all_mutants() -> dict[str, Mutant]:
    """Every mutant by name, in the order they are written in."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return REGISTRY


@asynccontextmanager
async def open_mutant(*provided: object, mutant: str, **settings: Any) -> AsyncIterator[Store]:
    """Open a sound store with these settings, and break it."""
    chosen = all_mutants()[mutant]
    kept = chosen.settings(settings)
    async with AsyncExitStack() as stack:
        handed_over = [chosen.provided(value) for value in provided]
        try:
            store = await stack.enter_async_context(open_store(*handed_over, **kept))
        except SettingsError:
            if not chosen.lenient:
                raise
            store = await stack.enter_async_context(open_store(backend="memory"))
        broken = Broken(store, {name: settings[name] for name in settings.keys() - kept})
        chosen.function(broken)
        yield broken.store()
