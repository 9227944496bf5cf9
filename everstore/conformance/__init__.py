"""The conformance suite: proof, for any backend, that it keeps the storage contract.

Run it on an installed backend with ``everstore conformance NAME``, or put it into a plugin's own
tests; this is the whole file::

    from everstore.conformance import Subject, pytest_suite

    def subject(directory):
        return Subject({"backend": "acme", "acme_path": str(directory / "acme.db")})

    TestConformance = pytest_suite(subject, level="standard")

How the parts fit together:

- A **check** (``registry.Check``) is one promise of the contract: a coroutine function under
  ``checks/``, registered by ``@check`` with a stable id (``files.write.crlf``), the sentences of
  ``docs/contract.md`` it proves (``3.3.1``), a level, tags and the likely mistake behind a failure.
  ``@table`` registers one check a row. A check fails by ``AssertionError``, or by any other error
  that leaves it. In ``assert got == expected`` the left side is what the backend did.
- A **case** (``case.Case``) is what a check works with: an open store whose calls are recorded, fresh
  session ids (that is the isolation, so that a suite can run beside other data), further clients of
  the same storage, and helpers (``refused``, ``untouched``).
- A **subject** (``subject.Subject``) says how to open the storage under test: ``open_store`` keywords
  that JSON can carry, so that another process can open the same one, and the name of the function
  that opens it (``"everstore:open_store"``).
- **Levels** are ``core``, then ``standard`` (adds concurrency and hostile input), then ``durable`` (adds
  crashes). A backend reaches one when every check of it and of the levels below passed, and enough
  of them ran. A check that needs a capability runs where it is declared; its counterpart, where not.
- The **runner** (``runner.run``) runs checks on a subject, each in an event loop and a store of its own,
  and gives a ``Result`` for each; ``report`` makes JSON of them, and Markdown and a badge of the JSON.
- A **mutant** is a subject whose opener breaks a sound backend in one way:
  ``Subject({"backend": "memory", "mutant": "..."}, opener="everstore.conformance.mutants:open_mutant")``.
  ``runner.run(mutant, [by_id("sessions.isolation.read_file")])`` must then fail in the check.
"""

from everstore.installing import extra

with extra("conformance"):
    import pytest

if not __debug__:
    raise RuntimeError("the conformance suite is made of assertions: run it without -O and PYTHONOPTIMIZE")

from everstore.conformance.assertions import remember

_ASSERTING = ("everstore.conformance.case", "everstore.conformance.checks")
pytest.register_assert_rewrite(*_ASSERTING)
remember(*_ASSERTING)

from everstore.conformance.case import Case  # noqa: E402 - assertions are rewritten from here on
from everstore.conformance.registry import LEVELS, Check, Level, all_checks, by_id, check, table  # noqa: E402
from everstore.conformance.report import CONTRACT_VERSION, Report, badge_of, markdown_of, report_of  # noqa: E402
from everstore.conformance.runner import Result, run  # noqa: E402
from everstore.conformance.selection import selected  # noqa: E402
from everstore.conformance.subject import Subject  # noqa: E402
from everstore.conformance.testing import pytest_suite  # noqa: E402

__all__ = [
    "CONTRACT_VERSION",
    "LEVELS",
    "Case",
    "Check",
    "Level",
    "Report",
    "Result",
    "Subject",
    "all_checks",
    "badge_of",
    "by_id",
    "check",
    "markdown_of",
    "pytest_suite",
    "report_of",
    "run",
    "selected",
    "table",
]
