"""The checks: what each one proves, and how it becomes known to the suite."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Literal, TypedDict, TypeVar, Unpack

import msgspec

from everstore.conformance.acts import ACTS, Act
from everstore.conformance.ways import WAYS
from everstore.installing import extra

__all__ = [
    "LEVELS",
    "ON_REQUEST",
    "PRODUCTS",
    "TABLES",
    "Check",
    "Level",
    "Product",
    "all_checks",
    "by_id",
    "check",
    "levels_up_to",
    "product",
    "table",
]

Level = Literal["core", "standard", "durable"]
Tag = Literal["chance", "concurrency", "durability", "hostile", "large"]
CheckFunction = Callable[..., Awaitable[None]]
F = TypeVar("F", bound=CheckFunction)

LEVELS: tuple[Level, ...] = ("core", "standard", "durable")
"""From the least to the most; each includes those before it."""

ON_REQUEST = {
    "large": "--large adds them; they take minutes",
    "full": "--full hands over the settings of a small storage to fill",
}
"""What a check may need besides capabilities: what only who runs the suite can give it, and how."""

OWN_FILES = "own_files"
"""What a check needs that measures a storage: files of it on this machine, in which nothing else is.

A server has none: what room it takes is proven by its backend's own tests.
"""

_REGISTRY: dict[str, Check] = {}


TABLES: dict[str, Mapping[str, Any]] = {"act": ACTS, "way": WAYS}
"""What a hazard can be asked of: every verb, or every way in for data."""

PRODUCTS: list[Product] = []
"""Every hazard that all of a table is held against; a page shows which cells are empty, and why."""


class Facts(TypedDict, total=False):
    """What ``check`` and ``table`` may be told besides; see ``Check``."""

    level: Level
    since: str
    tags: tuple[Tag, ...]
    needs: tuple[str, ...]
    unless: tuple[str, ...]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One promise, and the coroutine function that proves it.

    ``sentences`` are those of the contract it proves, ``likely`` is the mistake that most often makes
    it fail, ``since`` the version of the contract that brought it. It runs where all capabilities in
    ``needs`` are declared, or asked for (``ON_REQUEST``), or are ``OWN_FILES`` that were found, and none in
    ``unless`` is. ``arguments`` follow
    the case when the function is called.
    """

    id: str
    promise: str
    sentences: tuple[str, ...]
    likely: str
    level: Level = "core"
    since: str = "1.0"
    tags: tuple[Tag, ...] = ()
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    function: CheckFunction
    arguments: tuple[Any, ...] = ()

    @property
    def family(self) -> str:
        """The first word of the id."""
        return self.id.partition(".")[0]

    def applies_to(self, offered: Collection[str]) -> bool:
        """Whether it runs where these capabilities are declared, or these of ``ON_REQUEST`` asked for."""
        return all(name in offered for name in self.needs) and not any(
            name in offered for name in self.unless
        )


def check(check_id: str, *sentences: str, likely: str, **facts: Unpack[Facts]) -> Callable[[F], F]:
    """Register a coroutine function that takes a ``Case``; its docstring's first line is the promise."""

    def register(function: F) -> F:
        _add(
            Check(
                id=check_id,
                promise=_promise(function),
                sentences=sentences,
                likely=likely,
                function=function,
                **facts,
            )
        )
        return function

    return register


def table(
    check_id: str,
    *sentences: str,
    rows: Mapping[str, tuple[Any, ...]],
    likely: str | Mapping[str, str],
    **facts: Unpack[Facts],
) -> Callable[[F], F]:
    """Register one check a row: ``{row}`` in the id is its name, its tuple follows the case.

    ``{row}`` in the docstring is the row's name in words; ``likely`` may differ from row to row.
    """

    def register(function: F) -> F:
        for row, arguments in rows.items():
            _add(
                Check(
                    id=check_id.format(row=row),
                    promise=_promise(function).format(row=row.replace("_", " ")),
                    sentences=sentences,
                    likely=likely if isinstance(likely, str) else likely[row],
                    function=function,
                    arguments=arguments,
                    **facts,
                )
            )
        return function

    return register


class Product(msgspec.Struct, frozen=True):
    """A hazard, and what it is asked of: ``cells`` are ids of checks by row, ``empty`` reasons by row.

    ``table`` names the one of ``TABLES`` that the rows are of.
    """

    hazard: str
    table: str
    cells: dict[str, str]
    empty: dict[str, str]


def product(
    check_id: str,
    *sentences: str,
    likely: str,
    rows: Mapping[str, Any] | None = None,
    empty: Mapping[str, str] | None = None,
    **facts: Unpack[Facts],
) -> Callable[[F], F]:
    """Register one check for each act, or each way, or, with ``{role}`` in the id, for the acts of each role.

    ``{act}``, ``{way}`` or ``{role}`` in the id and in the docstring is its name. The act, the way, or a
    dictionary of the role's acts by name follows the case, or what ``rows`` has in its place. ``empty`` says
    by name of which the hazard is not asked, and why.
    """
    reasons = dict(empty or {})
    kind = "way" if "{way}" in check_id else "act"
    asked = {name: one for name, one in (rows or TABLES[kind]).items() if name not in reasons}

    def register(function: F) -> F:
        by_row: dict[str, tuple[tuple[str, ...], Any]] = {name: ((name,), one) for name, one in asked.items()}
        if "{role}" in check_id:
            by_row = _by_role(asked)
        cells: dict[str, str] = {}
        for row, (names, argument) in by_row.items():
            needs = getattr(TABLES[kind].get(row), "needs", ())
            words = dict.fromkeys(("act", "way", "role"), row.replace("_", " "))
            one = Check(
                id=check_id.format(act=row, way=row, role=row),
                promise=_promise(function).format(**words),
                sentences=sentences,
                likely=likely,
                function=function,
                arguments=(argument,),
                **facts,
            )
            _add(msgspec.structs.replace(one, needs=(*one.needs, *needs)))
            cells |= dict.fromkeys(names, one.id)
        PRODUCTS.append(Product(check_id, kind, cells, reasons))
        return function

    return register


def _by_role(acts: Mapping[str, Act]) -> dict[str, tuple[tuple[str, ...], Any]]:
    """The acts of each role, by name."""
    found: dict[str, dict[str, Act]] = {}
    for name, act in acts.items():
        found.setdefault(act.role, {})[name] = act
    return {role: (tuple(group), group) for role, group in found.items()}


def _promise(function: CheckFunction) -> str:
    return (inspect.getdoc(function) or function.__name__).partition("\n")[0].rstrip(".")


def _add(one: Check) -> None:
    if one.id in _REGISTRY:
        raise ValueError(f"two checks are called {one.id!r}")
    _REGISTRY[one.id] = one


@functools.cache
def _import_checks() -> None:
    from everstore.conformance import checks  # noqa: PLC0415 - they import this module

    with extra("conformance"):
        for module in pkgutil.iter_modules(checks.__path__):
            importlib.import_module(f"{checks.__name__}.{module.name}")


def all_checks() -> list[Check]:
    """Every check of the suite, by level, then family, then in the order they are written in."""
    _import_checks()
    return sorted(_REGISTRY.values(), key=lambda one: (LEVELS.index(one.level), one.family))


def by_id(check_id: str) -> Check:
    """The check of this id; ``KeyError`` when there is none."""
    return {one.id: one for one in all_checks()}[check_id]


def levels_up_to(level: Level) -> tuple[Level, ...]:
    """The level and those below it."""
    return LEVELS[: LEVELS.index(level) + 1]
