"""The suite under plain pytest, for the repository of a backend's author."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from everstore.conformance.explain import explain
from everstore.conformance.patience import SECONDS, is_stuck, leave_if_stuck
from everstore.conformance.registry import Check, Level, all_checks, levels_up_to
from everstore.conformance.report import replay_of
from everstore.conformance.runner import execute, least, offered
from everstore.conformance.without_chance import CHANCE, without_chance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from everstore.conformance.subject import Subject

__all__ = ["pytest_suite"]


def pytest_suite(
    subject: Callable[[Path], Subject],
    *,
    level: Level | None = "standard",
    seed: int = 0,
    known_failures: Mapping[str, str] | None = None,
    timeout: float = SECONDS,
    large: bool = False,
) -> type:
    """A test class that holds the whole suite up to ``level``; give it a name that starts with ``Test``.

    ``subject`` makes the storage under test in the directory it is given, a new one for each check.
    ``known_failures`` maps check ids to reasons: such a check must fail, and its level is then not
    reached. ``level=None`` runs everything that applies and claims no level. A check that takes more than
    ``timeout`` seconds hangs, and fails with the calls that wait. ``large`` adds the checks of that tag.
    """
    known = dict(known_failures or {})
    wanted = [check for check in all_checks() if level is None or check.level in levels_up_to(level)]
    unknown = sorted(known.keys() - {check.id for check in wanted})
    if unknown:
        raise ValueError(f"known_failures names checks that are not part of this run: {', '.join(unknown)}")

    class Conformance:
        """The conformance suite of everstore."""

        def pytest_generate_tests(self, metafunc: Any) -> None:
            """One test for each check that applies to what the backend declares."""
            if "check" in metafunc.fixturenames:
                applying = _applying(wanted, _offered(subject, large=large))
                metafunc.parametrize("check", applying, ids=[check.id for check in applying])

        def test_check(self, check: Check, tmp_path: Path, pytestconfig: pytest.Config) -> None:
            """The check passes; a known failure fails."""
            __tracebackhide__ = True
            under_test = subject(tmp_path)
            try:
                execute(under_test, check, seed, timeout)
            except Exception as error:
                _wait_for_no_thread(pytestconfig)
                if check.id in known:
                    pytest.xfail(known[check.id])
                _annotate(error, check, under_test.name, seed)
                raise
            assert check.id not in known, (
                f"{check.id} is a known failure, and passes: take it out of the list"
            )

        def test_level(self) -> None:
            """Enough checks apply, and none is a known failure: if all of them pass, the level is reached."""
            if level is None:
                return
            assert not known, f"level {level!r} is not reached with known failures; level=None claims none"
            applying = _applying(wanted, _offered(subject, large=large))
            for each in levels_up_to(level):
                count = sum(check.level == each for check in applying)
                assert count >= least(each), (
                    f"level {each!r} takes {least(each)} checks; what the backend declares allows {count}"
                )

    return Conformance


def _wait_for_no_thread(config: pytest.Config) -> None:
    """Where a thread hangs, end the process once pytest has told all: it would wait for the thread."""
    if is_stuck():
        config.add_cleanup(lambda: leave_if_stuck(pytest.ExitCode.TESTS_FAILED))


def _offered(subject: Callable[[Path], Subject], *, large: bool) -> frozenset[str]:
    with tempfile.TemporaryDirectory() as directory:
        return offered(subject(Path(directory)), large=large)


def _applying(checks: list[Check], given: frozenset[str]) -> list[Check]:
    return [check for check in checks if check.applies_to(given)]


def _annotate(error: Exception, check: Check, backend: str, seed: int) -> None:
    """What a reader of the failure needs besides the assertion, as notes below it."""
    error.add_note(
        f"{check.id}: {check.promise} (contract {', '.join('§' + each for each in check.sentences)})"
    )
    for call in error.__dict__.get("did", ()):
        error.add_note(f"  did: {call}")
    told = explain(error).likely if isinstance(error, AssertionError) else None
    error.add_note(f"  likely: {told or check.likely}")
    if CHANCE in check.tags:
        near = without_chance(check, error.__dict__.get("verb"), getattr(error, "field", None))
        error.add_note(f"  found by chance; without chance it is asked by: {', '.join(near)}")
    error.add_note(f"  replay: {replay_of(backend, check, seed)}")
