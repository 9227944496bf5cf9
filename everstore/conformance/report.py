"""What a run found out, as one JSON document; its Markdown and its badge are made of that alone."""

from __future__ import annotations

import platform
import shlex
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING

import msgspec

from everstore.conformance.registry import LEVELS, Check, Level, all_checks, levels_up_to
from everstore.conformance.runner import Failure, Outcome, Result, least, level_of
from everstore.conformance.without_chance import CHANCE, without_chance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from everstore.conformance.subject import Subject

__all__ = ["CheckReport", "Report", "badge_of", "markdown_of", "replay_of", "report_of"]

_MOST_ALIKE = 60
_OPTIONS = {"large": "--large", "full": "--full SETTINGS"}  # of ON_REQUEST; settings may hold passwords

CONTRACT_VERSION = "1.3"
"""The version of ``docs/contract.md`` that the checks prove."""


class CheckReport(msgspec.Struct, frozen=True):
    """One check of the run: what it promises, what became of it, and how to see that again.

    Of one that failed ``likely`` is the mistake that its failure speaks for, ``alike`` has those of the
    mutants that fail here in the same way, and, where chance has found it, ``without_chance`` the checks that
    ask for it without chance, and what became of them in this run.
    """

    id: str
    level: Level
    family: str
    promise: str
    sentences: tuple[str, ...]
    tags: tuple[str, ...]
    outcome: Outcome
    seconds: float
    likely: str
    replay: str
    failure: Failure | None = None
    reason: str | None = None
    alike: tuple[str, ...] = ()
    without_chance: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True):
    """A whole run. ``level`` is the one reached; ``complete``: no check of ``asked`` was left out."""

    backend: str
    plugins: dict[str, str]
    suite: str
    contract: str
    python: str
    platform: str
    finished_at: str
    seed: int
    seconds: float
    capabilities: tuple[str, ...]
    asked: Level
    level: Level | None
    complete: bool
    missing: str | None
    counts: dict[str, int]
    checks: tuple[CheckReport, ...]

    def to_json(self) -> str:
        """The report as JSON, indented for people."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """The report of ``to_json``."""
        return msgspec.json.decode(text, type=cls)

    @property
    def is_reached(self) -> bool:
        """Whether the level asked for, or a higher one, is reached."""
        return self.level is not None and LEVELS.index(self.level) >= LEVELS.index(self.asked)


def report_of(
    subject: Subject,
    checks: Sequence[Check],
    results: Sequence[Result],
    *,
    asked: Level,
    seed: int,
    seconds: float,
    capabilities: Iterable[str],
    plugins: Mapping[str, str],
) -> Report:
    """The report of a run of these checks, with their results in the same order; it took ``seconds``."""
    whole = [check for check in all_checks() if check.level in levels_up_to(asked)]
    complete = len({check.id for check in whole} - {result.check for result in results}) == 0
    level = level_of(results, all_checks()) if complete else None
    outcomes: dict[str, Outcome] = {result.check: result.outcome for result in results}
    alike = _alike(checks, results)
    replays = {check.id: replay_of(subject.name, check, seed) for check in checks}
    counts: dict[str, int] = {}
    for result in results:
        counts[result.outcome] = counts.get(result.outcome, 0) + 1
    return Report(
        backend=subject.name,
        plugins=dict(plugins),
        suite=metadata.version("everstore"),
        contract=CONTRACT_VERSION,
        python=platform.python_version(),
        platform=platform.system().lower(),
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        seconds=round(seconds, 1),
        capabilities=tuple(sorted(capabilities)),
        asked=asked,
        level=level,
        complete=complete,
        missing=_missing(asked, level, results, whole, complete=complete),
        counts=counts,
        checks=tuple(
            _check_report(check, result, replays[check.id], outcomes, alike.get(check.id, ()))
            for check, result in zip(checks, results, strict=True)
        ),
    )


def _alike(checks: Sequence[Check], results: Sequence[Result]) -> dict[str, tuple[str, ...]]:
    """By check the mistakes that fail alike, for the first checks that failed: finding them takes time."""
    from everstore.conformance.mutants.alike import alike  # noqa: PLC0415 - many, and rarely needed

    pairs = zip(checks, results, strict=True)
    failed = [(check, result.failure) for check, result in pairs if result.failure]
    return {
        check.id: tuple(f"{mutant.mistake} (mutant {mutant.name})" for mutant in alike(check, failure))
        for check, failure in failed[:_MOST_ALIKE]
    }


def _check_report(
    check: Check,
    result: Result,
    replay: str,
    outcomes: Mapping[str, Outcome],
    alike: tuple[str, ...],
) -> CheckReport:
    failure = result.failure
    return CheckReport(
        id=check.id,
        level=check.level,
        family=check.family,
        promise=check.promise,
        sentences=check.sentences,
        tags=check.tags,
        outcome=result.outcome,
        seconds=round(result.seconds, 3),
        likely=(failure and failure.likely) or check.likely,
        replay=replay,
        failure=failure,
        reason=result.reason,
        alike=alike,
        without_chance=_without_chance(check, failure, outcomes) if failure else (),
    )


def _without_chance(check: Check, failure: Failure, outcomes: Mapping[str, Outcome]) -> tuple[str, ...]:
    if CHANCE not in check.tags:
        return ()
    failed = [each for each, outcome in outcomes.items() if outcome == "failed"]
    found = without_chance(check, failure.verb, failure.field, failed)
    return tuple(f"{each} ({outcomes.get(each, 'not in this run')})" for each in found)


def replay_of(backend: str, check: Check, seed: int) -> str:
    """The command that runs one check again."""
    asked = "".join(f" {option}" for name, option in _OPTIONS.items() if name in check.needs)
    return f"everstore conformance {shlex.quote(backend)} --seed {seed} -k {check.id}{asked}"


def _missing(
    asked: Level, level: Level | None, results: Iterable[Result], whole: Iterable[Check], *, complete: bool
) -> str | None:
    """Why the level asked for is not reached; ``None`` when it is."""
    if not complete:
        return "a selection of checks reaches no level"
    reached = level is not None and LEVELS.index(level) >= LEVELS.index(asked)
    if reached:
        return None
    outcomes = {result.check: result.outcome for result in results}
    for each in levels_up_to(asked):
        found = [outcomes[check.id] for check in whole if check.level == each]
        wrong = [outcome for outcome in found if outcome not in {"passed", "not applicable"}]
        if wrong:
            return f"{len(wrong)} of the checks of level {each!r} did not pass"
        if found.count("passed") < least(each):
            return (
                f"level {each!r} takes {least(each)} checks that pass; "
                f"what the backend declares allowed {found.count('passed')}"
            )
    return None


def markdown_of(text: str) -> str:
    """A page that shows a report, given as its JSON."""
    report = Report.from_json(text)
    level = f"**{report.level}**" if report.level else "**none**"
    plugins = ", ".join(f"{name} ({owner})" for name, owner in report.plugins.items())
    lines = [
        f"# Conformance of {report.backend}",
        "",
        f"Level reached: {level}" + (f": {report.missing}" if report.missing else "") + ".",
        "",
        "| | |",
        "|---|---|",
        f"| plugins | {_cell(plugins)} |",
        f"| suite, contract | everstore {report.suite}, contract {report.contract} |",
        f"| declared | {_cell(', '.join(report.capabilities) or 'nothing')} |",
        f"| run | {report.finished_at}, seed {report.seed}, {report.seconds} s |",
        f"| on | Python {report.python}, {report.platform} |",
        "",
        "| level | family | passed | not applicable | failed |",
        "|---|---|--:|--:|--:|",
    ]
    for (each, family), outcomes in _groups(report).items():
        passed, absent = outcomes.count("passed"), outcomes.count("not applicable")
        lines.append(f"| {each} | {family} | {passed} | {absent} | {len(outcomes) - passed - absent} |")
    failed = [check for check in report.checks if check.outcome not in {"passed", "not applicable"}]
    for check in failed:
        lines += ["", *_failed_in_markdown(check)]
    return "\n".join(lines) + "\n"


def _groups(report: Report) -> dict[tuple[str, str], list[str]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for check in report.checks:
        groups.setdefault((check.level, check.family), []).append(check.outcome)
    return groups


def _failed_in_markdown(check: CheckReport) -> list[str]:
    lines = [
        f"## `{check.id}`: {check.outcome}",
        "",
        f"{_cell(check.promise)} (contract {', '.join(f'§{each}' for each in check.sentences)}).",
        "",
    ]
    if check.reason:
        lines.append(f"- reason: {_cell(check.reason)}")
    if check.failure:
        lines += [f"- did: `{_code(call)}`" for call in check.failure.did]
        lines += [f"- expected: `{_code(check.failure.expected)}`", f"- got: `{_code(check.failure.got)}`"]
    lines += [
        f"- likely: {_cell(check.likely)}",
        *(f"- fails alike: {_cell(mistake)}" for mistake in check.alike),
        *(f"- without chance: `{each}`" for each in check.without_chance),
    ]
    return [*lines, f"- replay: `{check.replay}`"]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _code(text: str) -> str:
    return text.replace("`", "'").replace("\n", " ")


_COLOURS = {"core": "#3b7a9e", "standard": "#2d7d46", "durable": "#1f6f3a", None: "#a33a2c"}
_CHARACTER = 6.6  # pixels, about, at 11 px


def badge_of(text: str) -> str:
    """A badge (SVG) that shows the level of a report, given as its JSON."""
    report = Report.from_json(text)
    left, right = "everstore conformance", report.level or "none"
    widths = [round(len(word) * _CHARACTER) + 12 for word in (left, right)]
    total = sum(widths)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="20" role="img" \
aria-label="{left}: {right}">
<title>{left}: {right} (contract {report.contract})</title>
<rect width="{total}" height="20" rx="3" fill="#444"/>
<rect x="{widths[0]}" width="{widths[1]}" height="20" rx="3" fill="{_COLOURS[report.level]}"/>
<rect x="{widths[0]}" width="4" height="20" fill="{_COLOURS[report.level]}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="{widths[0] / 2}" y="14">{left}</text>
<text x="{widths[0] + widths[1] / 2}" y="14">{right}</text>
</g>
</svg>
"""
