"""A run of the conformance suite from the command line: what is tested, and what a person sees of it."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter
from contextlib import contextmanager
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from everstore.cli.output import one_line, print_table, write
from everstore.cli.running import CONFIG_FILE
from everstore.configuration import Configuration, configure
from everstore.conformance import (
    Report,
    Subject,
    all_checks,
    badge_of,
    markdown_of,
    report_of,
    run,
    selected,
)
from everstore.conformance.apart import apart
from everstore.conformance.leftovers import journal, remove
from everstore.conformance.patience import Hang, bounded
from everstore.conformance.registry import LEVELS, ON_REQUEST, levels_up_to
from everstore.conformance.runner import offered
from everstore.conformance.side_by_side import ended_by_sigterm, run_side_by_side
from everstore.errors import BackendError, InvalidPatternError, SettingsError
from everstore.interfaces import Capabilities
from everstore.plugins import ROLES, Plugins
from everstore.settings import table_name_of
from everstore.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from everstore.conformance import Check, Level, Result
    from everstore.conformance.report import CheckReport

__all__ = [
    "chosen",
    "print_checks",
    "prove",
    "require_asked",
    "require_writable",
    "save",
    "settings_of",
    "tell",
]

_STAND_IN = "memory"
_NOT_ASKED = re.compile(r"EVERSTORE_(LIMITS(__\w+)?|MIDDLEWARE|WORKSPACE_ALIAS)", re.IGNORECASE)
"""What a host has core do around its backend: what is proven is the backend, and the checks set their own."""
_FINE = {"passed", "not applicable"}
_LONG = {"concurrency", "durability", "histories", "machine"}  # families that try much before they are sure
_NEWS = 10  # seconds between two lines of progress where there is no terminal
_MOST_AT_ONCE = 8  # processes; more would wait for each other
_WORTH_A_PROCESS = 50  # checks, which take longer than starting one
_TOLD = 2  # failures of one cause that are told whole
_VARYING = re.compile(r"\d+|'[^']*'|[0-9a-f]{8,}")


def chosen(level: Level, expression: str | None) -> list[Check]:
    """The checks of a level and those below it, or what an expression selects of all.

    ``InvalidPatternError`` when it selects none.
    """
    if expression is None:
        return [check for check in all_checks() if check.level in levels_up_to(level)]
    selects = selected(expression)
    found = [check for check in all_checks() if selects(check)]
    if not found:
        hint = "'everstore conformance --list' shows ids and levels"
        raise InvalidPatternError(f"-k {expression!r:.80} selects no check; {hint}", pattern=expression)
    return found


def require_writable(*files: Path | None) -> None:
    """``SettingsError`` for a file that could not be written; said before a run, which takes minutes."""
    for file in files:
        if file is None:
            continue
        is_new = not file.exists()
        try:
            file.open("ab").close()
        except OSError as error:
            raise SettingsError(f"{file} cannot be written: {error.strerror}") from None
        if is_new:
            file.unlink()


def print_checks(checks: Sequence[Check]) -> None:
    """A table of checks."""
    rows = [(check.level, check.id, " ".join(check.sentences), check.promise) for check in checks]
    print_table(("level", "id", "proves", "promise"), rows)


def settings_of(text: str | None) -> dict[str, Any]:
    """The settings of the storage to fill, a JSON object; ``SettingsError`` when it is none."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, Any])
    except msgspec.DecodeError:
        example = """--full '{"acme_path": "{directory}/small", "acme_max_bytes": 1000000}'"""
        raise SettingsError(f"--full takes settings as a JSON object: {example}") from None


def require_asked(checks: Sequence[Check], *, large: bool, full: Mapping[str, Any]) -> None:
    """``SettingsError`` when none of the checks can run without an option that was not given."""
    given = {name for name, is_given in (("large", large), ("full", bool(full))) if is_given}
    missing = [ON_REQUEST.keys() & set(check.needs) - given for check in checks]
    if all(missing):
        hints = "; ".join(ON_REQUEST[name] for name in sorted(set.union(*missing)))
        raise SettingsError(f"these checks run on request only: {hints}")


def prove(
    name: str,
    checks: Sequence[Check],
    level: Level,
    seed: int,
    seconds: float,
    *,
    jobs: int | None,
    stop_at_failure: bool,
    large: bool,
    full: Mapping[str, Any],
) -> Report:
    """Run the checks on the backend of this name, as the environment configures it.

    ``jobs`` is how many processes do so; ``None`` for as many as help.
    """
    checks = _soonest_first(checks)
    subject = msgspec.structs.replace(_subject(name), full=dict(full))
    storage = f"{name} {_place(name, subject.settings)}"
    try:
        with bounded(seconds, lambda: None):
            given = offered(subject, large=large)
            asyncio.run(_remove_leftovers(subject, storage))
    except Hang:
        message = f"backend {name!r} was not opened and closed again within {seconds:g} s"
        raise BackendError(message, backend=name) from None
    at_once = min(jobs or _as_many_as_help(len(checks), waits="durable" in given), max(1, len(checks)))
    _bound_memory(at_once)
    began = time.monotonic()
    with (
        journal(storage),
        ended_by_sigterm(),
        _progress(checks) as told,
        apart(subject, at_once) as subjects,
    ):
        doing = partial(run, subject) if at_once == 1 else partial(run_side_by_side, subjects, storage)
        results = doing(
            checks,
            seed=seed,
            capabilities=given,
            seconds=seconds,
            stop_at_failure=stop_at_failure,
            progress=told,
        )
    took = time.monotonic() - began
    ran = {result.check for result in results}
    plugins = {
        used: _distribution(used)
        for used in dict.fromkeys((name, *subject.settings.values()))
        if _is_plugin(used)
    }
    return report_of(
        subject,
        [check for check in checks if check.id in ran],
        results,
        asked=level,
        seed=seed,
        seconds=took,
        capabilities=given.intersection(Capabilities.__struct_fields__),
        plugins=plugins,
    )


def _subject(name: str) -> Subject:
    """The backend as it is configured; what it cannot keep is kept in memory meanwhile."""
    for setting in [name for name in os.environ if _NOT_ASKED.fullmatch(name)]:
        del os.environ[setting]  # of the processes that checks start, too
    settings = {"backend": name}
    config_file = CONFIG_FILE.get()
    if config_file is not None:
        settings["config_file"] = str(Path(config_file).absolute())  # other processes open it, too
    can = Plugins().load(name).roles
    if not can:  # all of it would be kept in memory, which would then be what is proven
        raise SettingsError(f"plugin {name!r} keeps nothing by itself, so there is nothing to prove of it")
    settings |= dict.fromkeys((role for role in ROLES if role not in can), _STAND_IN)
    configuration = configure({**settings, "log_level": "off"})
    settings |= _places(name, configuration)
    # What a setting names is where the storage is, whatever source the setting came from; it may not be there
    # before the storage is opened for the first time.
    named = [origin.value for origin in configuration.origins if origin.value]
    return Subject(settings, own_files=tuple(named))


def _places(name: str, configuration: Configuration) -> dict[str, str]:
    """The keywords of a backend's own settings that are paths, whatever source they came from."""
    own = configuration.plugin_settings.get(name)
    found = {} if own is None else own.model_dump()
    return {
        f"{table_name_of(name)}_{key}": str(_meant(value))
        for key, value in found.items()
        if isinstance(value, Path)
    }


def _place(name: str, keywords: Mapping[str, Any]) -> str:
    """What the settings in force say of a backend's storage, wherever they come from; only ever hashed."""
    own = configure({**keywords, "log_level": "off"}).plugin_settings.get(name)
    said = {} if own is None else own.model_dump()
    return repr([(key, _meant(value)) for key, value in sorted(said.items())])


def _meant(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value.expanduser().absolute() if isinstance(value, Path) else value


async def _remove_leftovers(subject: Subject, storage: str) -> None:
    async with subject.open() as store:
        removed = await remove(storage, store)
    if removed:
        write(f"removed {counted(removed, 'session')} that an earlier run left, which was killed\n")


def _as_many_as_help(checks: int, *, waits: bool) -> int:
    """How many processes: one for each core, three where they wait for a disk; few for few checks."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores * (3 if waits else 1), _MOST_AT_ONCE, checks // _WORTH_A_PROCESS))


def _is_plugin(name: object) -> bool:
    return isinstance(name, str) and bool(entry_points(group="everstore", name=name))


def _distribution(name: str) -> str:
    """The distribution that a plugin comes from, with its version."""
    [point, *_] = entry_points(group="everstore", name=name)
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"


def _soonest_first(checks: Sequence[Check]) -> list[Check]:
    """In the order of levels; within one a check of every family, then the others, what takes long last."""
    seen: set[tuple[str, str]] = set()
    ranks: dict[str, tuple[int, int]] = {}
    for check in checks:
        group = _group(check)
        rank = 0 if group not in seen and check.family not in _LONG else 1 + (check.family in _LONG)
        seen.add(group)
        ranks[check.id] = (LEVELS.index(check.level), rank)
    return sorted(checks, key=lambda check: ranks[check.id])


def _bound_memory(at_once: int) -> None:
    """No check may take more than its part of half the machine's memory: only the backend fails then."""
    try:
        import resource  # noqa: PLC0415 - Unix only

        half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 // at_once
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (half if hard < 0 else min(half, hard), hard))
    except (ImportError, OSError, ValueError):  # a system without such a limit
        return


@contextmanager
def _progress(checks: Sequence[Check]) -> Iterator[Callable[[Check, Result], None]]:
    """A bar on stderr when that is a terminal, and a line on stdout for every group that is done."""
    left = Counter(map(_group, checks))
    outcomes: dict[tuple[str, str], list[str]] = {group: [] for group in left}
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[name]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(checks), name="")

        last = time.monotonic()

        def told(check: Check, result: Result) -> None:
            nonlocal last
            group = _group(check)
            outcomes[group].append(result.outcome)
            if not console.is_terminal and time.monotonic() - last > _NEWS:
                last = time.monotonic()
                console.print(f"{group[0]} {group[1]}: {len(outcomes[group])} of {left[group]}", style=None)
            progress.update(task, advance=1, name=check.id)
            if len(outcomes[group]) == left[group]:
                write(f"{group[0]:<9} {group[1]:<13} {_counted(outcomes[group])}\n")

        yield told


def _group(check: Check) -> tuple[str, str]:
    return check.level, check.family


def _counted(outcomes: Sequence[str]) -> str:
    """How often each outcome came, the good one first: ``12 passed, 1 failed``."""
    found = {outcome: outcomes.count(outcome) for outcome in ("passed", *sorted(set(outcomes)))}
    return ", ".join(f"{count} {outcome}" for outcome, count in found.items() if count)


def save(report: Report, json_file: Path | None, markdown: Path | None, badge: Path | None) -> None:
    """Write the files that were asked for: the report, and what is made of it alone."""
    text = report.to_json()
    if json_file is not None:
        json_file.write_text(text, encoding="utf-8")
    if markdown is not None:
        markdown.write_text(markdown_of(text), encoding="utf-8")
    if badge is not None:
        badge.write_text(badge_of(text), encoding="utf-8")


def tell(report: Report) -> None:
    """Every failure, then the level."""
    for failed in _by_cause([check for check in report.checks if check.outcome not in _FINE]):
        for check in failed[:_TOLD]:
            _tell_failure(check)
        rest = [check.id for check in failed[_TOLD:]]
        if rest:
            write(f"\n... and so fail {len(rest)} more: {', '.join(rest)}\n")
    total = ", ".join(f"{count} {outcome}" for outcome, count in sorted(report.counts.items()))
    write(f"\n{counted(len(report.checks), 'check')} in {report.seconds} s, seed {report.seed}: {total}\n")
    plugins = ", ".join(f"{name} ({owner})" for name, owner in report.plugins.items())
    write(f"backend: {plugins}; it declares {', '.join(report.capabilities) or 'no capability'}\n")
    write(
        f"level reached: {report.level or 'none'}" + (f" ({report.missing})" if report.missing else "") + "\n"
    )


def _by_cause(failed: Sequence[CheckReport]) -> list[list[CheckReport]]:
    """Those that fail, with what looks like one cause together: one answer, but for numbers and names."""
    causes: dict[tuple[str, ...], list[CheckReport]] = {}
    for check in failed:
        failure = check.failure
        cause = (failure.kind, failure.expected, _VARYING.sub("", failure.got)) if failure else (check.id,)
        causes.setdefault(cause, []).append(check)
    return list(causes.values())


def _tell_failure(check: CheckReport) -> None:
    sections = ", ".join(f"§{sentence}" for sentence in check.sentences)
    lines = [("promise", check.promise)]
    if check.failure is not None:
        lines += [("did", call) for call in check.failure.did]
        lines += [
            ("expected", check.failure.expected),
            ("got", check.failure.got),
            ("where", check.failure.where),
        ]
    lines += [("reason", check.reason or ""), ("likely", check.likely)]
    lines += [*(("alike", mistake) for mistake in check.alike)]
    if check.without_chance:
        lines += [("by chance", "the same seed makes the same choices; these ask for it without chance:")]
        lines += [("", f"  {each}") for each in check.without_chance]
    lines += [("replay", check.replay)]
    write(f"\n{check.outcome.upper()} {check.id} (contract {sections}; level {check.level})\n")
    for label, text in lines:
        if text:
            write(f"  {label:<9} {one_line(text)}\n")
