"""What a merge has to do: three sides compared, path by path and key by key. Nothing is called here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from everstore.models import FileChange, ValueChange
from everstore.paths import parents_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from everstore.models import Prefer

__all__ = ["Plan", "by_room", "plan_of_files", "plan_of_values"]

C = TypeVar("C", FileChange, ValueChange)
S = TypeVar("S")


class Plan(msgspec.Struct, Generic[C], frozen=True):
    """What is taken from the fork, as what is different there from the target; and where both sides clash."""

    taken: list[C]
    conflicts: list[str]


def plan_of_files(
    ours: Iterable[FileChange],
    theirs: Iterable[FileChange],
    apart: Iterable[FileChange],
    prefer: Prefer | None,
) -> Plan[FileChange]:
    """The plan for files.

    ``ours`` is what the fork changed since it began, ``theirs`` what the target did, ``apart`` what is
    different from the target to the fork now.
    """
    mine, yours = {each.path: each for each in ours}, {each.path: each for each in theirs}
    differ = {each.path: each for each in apart}
    clashes = {path for path in mine.keys() & yours.keys() if path in differ}
    # What one side put below a directory that the other took away, or made a file.
    below_mine = _below_what_went(yours, mine, differ)
    below_yours = _below_what_went(mine, yours, differ)
    conflicts = sorted(clashes | below_mine.keys() | below_yours.keys())
    if prefer == "fork":
        wanted = (
            mine.keys() | below_mine.keys() | {above for places in below_yours.values() for above in places}
        )
    else:  # the target's side, or one that nobody will take
        kept = {above for places in below_mine.values() for above in places}
        wanted = mine.keys() - clashes - below_yours.keys() - kept
    taken = [differ[path] for path in sorted(wanted) if path in differ]
    return Plan(taken, conflicts if prefer is None else [])


def _below_what_went(
    added: Mapping[str, FileChange], gone: Mapping[str, FileChange], differ: Mapping[str, FileChange]
) -> dict[str, list[str]]:
    """The paths where one side has something below what is no directory on the other any more; with these."""
    found: dict[str, list[str]] = {}
    for path, change in added.items():
        if change.after is None or path not in differ:
            continue
        above = [parent for parent in parents_of(path) if parent in gone and not _is_directory(gone[parent])]
        if above:
            found[path] = above
    return found


def _is_directory(change: FileChange) -> bool:
    return change.after is not None and change.after.is_directory


def plan_of_values(
    ours: Iterable[ValueChange],
    theirs: Iterable[ValueChange],
    apart: Iterable[ValueChange],
    prefer: Prefer | None,
) -> Plan[ValueChange]:
    """The plan for values, from the same three."""
    mine, yours = {each.key for each in ours}, {each.key for each in theirs}
    differ = {each.key: each for each in apart}
    wanted = mine if prefer == "fork" else mine - yours
    taken = [differ[key] for key in sorted(wanted) if key in differ]
    return Plan(taken, [] if prefer else sorted(mine & yours & differ.keys()))


def by_room(steps: Iterable[S], sizes: Callable[[S], tuple[int | None, int]]) -> list[S]:
    """What takes no more room than what it replaces first, then the rest; else in the order given.

    Limits are held against each step with those before it. In this order, behind all that is removed, what is
    there grows only once it shrinks no more: so what fits in the end fits on the way. ``sizes`` tells of a
    step how large that is which it replaces, ``None`` where nothing is, and how large what comes is.
    """

    def grows(step: S) -> bool:
        before, after = sizes(step)
        return before is None or after > before

    return sorted(steps, key=grows)
