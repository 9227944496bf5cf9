"""The command ``everstore prune``: sessions that nobody needs any more are deleted."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Annotated, Self

import msgspec
import typer

from everstore.cli.options import JsonOption, LabelsOption, labels_of
from everstore.cli.output import note, one_line, shown_usage, write
from everstore.cli.running import in_store
from everstore.errors import InvalidArgumentError
from everstore.models import SessionUsage, to_dict
from everstore.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from everstore.pruning import Pruned
    from everstore.store import Store

__all__ = ["prune"]

_BEGIN = '{"sessions": ['
_UNITS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([dhms])")


def prune(
    *,
    idle: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Delete those that were not written to for this long, such as 30d, 12h, 90m or 45s.",
        ),
    ] = None,
    label: LabelsOption = None,
    orphans: Annotated[
        bool, typer.Option("--orphans", help="Delete only sessions without a record; needs --idle.")
    ] = False,
    checkpoints: Annotated[
        bool,
        typer.Option(
            "--checkpoints", help="Delete checkpoints, not sessions: those taken longer ago than --idle."
        ),
    ] = False,
    keep: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="With --checkpoints: leave the newest N of each session."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted, and delete nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before deleting.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete sessions that nobody uses any more: those that are idle, or have a label, or both.

    A session is idle when nothing of it was written to since: record, files, values or secrets. Each one is
    looked at again right before it is deleted. Its checkpoints are deleted with it; --checkpoints deletes
    old checkpoints of sessions that stay.
    """
    seconds, labels = None if idle is None else _seconds(idle), labels_of(label)
    what = "checkpoint" if checkpoints else "session"
    if checkpoints or keep is not None:
        _require_checkpoints(seconds, keep, is_asked=checkpoints, has_others=bool(labels) or orphans)
    else:
        _require_choice(seconds, labels, without_record=orphans)
    if not dry_run and not yes and _is_terminal():
        typer.confirm(f"Delete these {what}s for good? --dry-run shows them", abort=True, err=True)
    with _Told("would be deleted" if dry_run else "deleted", what, as_json=as_json) as told:
        if checkpoints:
            in_store(lambda store: _prune_checkpoints(store, told, seconds, keep))
        else:
            in_store(lambda store: _prune(store, told, seconds, labels, without_record=orphans))


def _require_checkpoints(idle: float | None, keep: int | None, *, is_asked: bool, has_others: bool) -> None:
    """Refuse what says nothing of checkpoints, or too much."""
    if not is_asked:
        raise InvalidArgumentError("--keep is about checkpoints; give --checkpoints, too")
    if has_others:
        raise InvalidArgumentError(
            "--checkpoints goes with --idle and --keep only, not with --label or --orphans"
        )
    if idle is None and keep is None:
        raise InvalidArgumentError("which checkpoints are to go? give --idle, --keep or both")


def _require_choice(idle: float | None, labels: Mapping[str, str], *, without_record: bool) -> None:
    """Nobody is asked about what will be refused."""
    from everstore.pruning import require_choice  # noqa: PLC0415 - loads when needed

    require_choice(idle, labels, without_record=without_record)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


async def _prune(
    store: Store, told: _Told, idle: float | None, labels: Mapping[str, str], *, without_record: bool
) -> None:
    from everstore.pruning import prune as pruned  # noqa: PLC0415 - loads when needed

    dry_run = told.outcome != "deleted"
    async for one in pruned(store, idle=idle, labels=labels, without_record=without_record, dry_run=dry_run):
        told.tell(one)
    told.is_finished = True


async def _prune_checkpoints(store: Store, told: _Told, idle: float | None, keep: int | None) -> None:
    from everstore.pruning import prune_checkpoints  # noqa: PLC0415 - loads when needed

    dry_run = told.outcome != "deleted"
    async for one in prune_checkpoints(store, idle=idle, keep=keep, dry_run=dry_run):
        told.tell(one)
    told.is_finished = True


class _Told:
    """What became of each session, told as soon as it is known, and the sum, however it ends."""

    def __init__(self, outcome: str, what: str, *, as_json: bool) -> None:
        """``outcome`` is what is counted, of sessions or other things."""
        self.outcome = outcome
        self._what = what
        self.is_finished = False
        self._as_json = as_json
        self._count = self._kept = 0
        self._gone = SessionUsage()

    def tell(self, one: Pruned) -> None:
        """Write a line of one session."""
        title = one.record.title if one.record else None
        if self._as_json:
            document = {"id": str(one.id), "outcome": one.outcome, "title": title, **to_dict(one.usage)}
            write(f"{',' if self._seen else _BEGIN}\n{json.dumps(document, sort_keys=True)}")
        else:
            write(
                f"{one.outcome} {one.id}: {shown_usage(one.usage)}{f'; {one_line(title)}' if title else ''}\n"
            )
        if one.outcome == "kept":
            self._kept += 1
        else:
            self._count += 1
            self._gone = _sum(self._gone, one.usage)

    @property
    def _seen(self) -> int:
        return self._count + self._kept

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Sum up; nothing is written where it never came to look."""
        del traceback
        if isinstance(error, KeyboardInterrupt):
            note(f"interrupted: {counted(self._count, self._what)} {self.outcome}; run it again to go on")
        if not self._seen and not self.is_finished:
            return
        if self._as_json:
            facts = {"count": self._count, "kept": self._kept, "outcome": self.outcome}
            end = json.dumps(
                {**facts, "finished": self.is_finished, "usage": _numbers(self._gone)}, sort_keys=True
            )
            write(f"{'' if self._seen else _BEGIN}\n], {end[1:]}\n")
            return
        kept = f"; {self._kept:,} kept, as written to meanwhile" if self._kept else ""
        write(f"{counted(self._count, self._what)} {self.outcome}: {shown_usage(self._gone)}{kept}\n")


def _numbers(usage: SessionUsage) -> dict[str, object]:
    return {name: number for name, number in to_dict(usage).items() if name != "last_write_at"}


def _sum(one: SessionUsage, other: SessionUsage) -> SessionUsage:
    pairs = zip(msgspec.structs.astuple(one)[:-1], msgspec.structs.astuple(other)[:-1], strict=True)
    return SessionUsage(*map(sum, pairs))


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text)
    if found is None:
        raise InvalidArgumentError(f"--idle is a number and its unit, 30d, 12h, 90m or 45s, not {text!r}")
    return float(found[1]) * _UNITS[found[2]]
