"""Running checks: each has its outcome, and a level takes all of them."""

from __future__ import annotations

import asyncio

import pytest

from everstore import Capabilities, SessionFileSystemFactory, errors
from everstore.backends.memory import (
    InMemorySessionFileStore,
    InMemorySessionStorageStore,
    InMemorySessionStore,
)
from everstore.conformance import Result, Subject, all_checks, by_id, run
from everstore.conformance.case import Mismatch, refused
from everstore.conformance.runner import declared, least, level_of


async def holds(case):
    await case.files.write_file("a", "x")


async def breaks(case):
    await case.files.write_file("a", "x")
    answer = await case.files.read_file("b")
    assert answer == "something"


async def is_refused(case):
    await case.files.edit_file("missing", "x", "y")


async def raises(case):
    raise ZeroDivisionError("by zero")


def outcome(subject, check, **options):
    [result] = run(subject, [check], **options)
    return result


def test_a_check_that_holds_passes(memory, a_check):
    result = outcome(memory, a_check(holds))
    assert (result.check, result.outcome, result.failure) == ("made.here", "passed", None)
    assert result.seconds > 0


def test_a_check_that_does_not_hold_fails_and_tells_what_it_did(memory, a_check):
    failure = outcome(memory, a_check(breaks)).failure
    assert failure.kind == "assertion"
    assert [call.split("(")[0] for call in failure.did] == ["write_file", "read_file"]
    assert failure.did[-1].endswith("'b') -> None")


def test_a_check_that_is_refused_expected_an_answer(memory, a_check):
    failure = outcome(memory, a_check(is_refused)).failure
    assert (failure.kind, failure.expected) == ("assertion", "an answer")
    assert failure.got == "PathNotFoundError: no such file or directory: '/missing'"
    assert failure.did[-1].endswith("-> raised PathNotFoundError")


def test_a_check_that_raises_fails_with_the_error(memory, a_check):
    failure = outcome(memory, a_check(raises)).failure
    assert (failure.kind, failure.expected, failure.got) == (
        "error",
        "no error",
        "ZeroDivisionError: by zero",
    )


def test_what_is_not_declared_is_not_run(memory, a_check):
    result = outcome(memory, a_check(breaks, needs=("durable",)))
    assert (result.outcome, result.failure) == ("not applicable", None)
    assert outcome(memory, a_check(breaks, unless=("time_to_live",))).outcome == "not applicable"
    assert outcome(memory, a_check(breaks, needs=("durable",)), capabilities={"durable"}).outcome == "failed"


def test_a_known_failure_is_told_with_its_reason_and_must_fail(memory, a_check):
    known = {"made.here": "waits for a release"}
    result = outcome(memory, a_check(breaks), known_failures=known)
    assert (result.outcome, result.reason) == ("known failure", "waits for a release")
    assert outcome(memory, a_check(holds), known_failures=known).outcome == "unexpected pass"


def test_every_result_is_told_as_it_comes(memory, a_check):
    told = []
    checks = [a_check(holds, id="made.one"), a_check(breaks, id="made.two")]
    results = run(memory, checks, progress=lambda check, result: told.append((check, result)))
    assert told == list(zip(checks, results, strict=True))


def test_chance_comes_from_the_seed_and_the_check_alone(memory, a_check):
    drawn = []

    async def draws(case):
        drawn.append(case.random.random())

    for seed, name in ((1, "made.one"), (1, "made.one"), (2, "made.one"), (1, "made.two")):
        run(memory, [a_check(draws, id=name)], seed=seed)
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


def test_a_check_that_hangs_fails(memory, a_check):
    async def hangs(case):
        await asyncio.Event().wait()

    [result] = run(memory, [a_check(hangs)], seconds=0.05)
    failure = result.failure
    assert (failure.kind, failure.expected, failure.got) == (
        "assertion",
        "an end",
        "none within 0.05 s; no call waits",
    )


def test_the_declared_capabilities_are_those_of_every_part(memory):
    assert declared(memory) == {"forks", "time_to_live"}


def test_a_level_takes_every_check_of_it_and_of_those_below():
    checks = [check for check in all_checks() if check.applies_to(declared_by_all())]
    passed = [Result(check.id, "passed", 0.1) for check in checks]
    assert level_of(passed, checks) == "durable"
    for level, below in (("core", None), ("standard", "core"), ("durable", "standard")):
        at = next(n for n, check in enumerate(checks) if check.level == level)
        for outcome in ("failed", "known failure", "unexpected pass"):
            assert (
                level_of([*passed[:at], Result(checks[at].id, outcome, 0.1), *passed[at + 1 :]], checks)
                == below
            )
        assert level_of(passed[:at] + passed[at + 1 :], checks) == below


def declared_by_all():
    return frozenset({"time_to_live", "durable", "shared"})


def test_a_level_takes_a_number_of_checks_that_ran():
    checks = [check for check in all_checks() if check.level == "core"]
    enough = [Result(check.id, "passed", 0.1) for check in checks[: least("core")]]
    absent = [Result(check.id, "not applicable", 0.0) for check in checks[least("core") :]]
    assert level_of(enough + absent, checks) == "core"
    assert level_of([*enough[1:], Result(checks[0].id, "not applicable", 0.0), *absent], checks) is None
    assert level_of([], []) is None


@pytest.mark.parametrize("opener", ["open_nothing", "open_unsupported"])
def test_a_backend_that_does_nothing_or_refuses_everything_has_no_level(opener):
    subject = Subject({"backend": "memory"}, opener=f"broken_stores:{opener}")
    some = [check for check in all_checks() if check.level == "core"][::25]
    results = run(subject, some)
    assert level_of(results, some) is None
    assert sum(result.outcome == "failed" for result in results) > len(results) // 2


def test_a_broken_backend_fails_by_the_assertion_of_a_check(stripping, memory):
    check = by_id("files.text.crlf")
    assert outcome(memory, check).outcome == "passed"
    failure = outcome(stripping, check).failure
    assert failure.kind == "assertion"


def test_a_refusal_must_come_and_be_the_one_expected():
    with refused(errors.PathNotFoundError, errors.EditError) as caught:
        raise errors.EditError("no", path="/a", matches=0)
    assert caught.error.path == "/a"
    with pytest.raises(Mismatch, match="expected EditError, got no error"), refused(errors.EditError):
        pass
    with (
        pytest.raises(Mismatch, match="expected EditError, got PathNotFoundError: none"),
        refused(errors.EditError),
    ):
        raise errors.PathNotFoundError("none", path="/a")
    with pytest.raises(Mismatch, match="got ZeroDivisionError"), refused(errors.EditError):
        raise ZeroDivisionError
    with pytest.raises(AssertionError, match="its own"), refused(errors.EditError):
        raise AssertionError("its own")


def test_what_a_check_wrote_is_gone_after_it(a_check, tmp_path, install_plugin):
    kept = []

    async def writes(case):
        other = case.session()
        await case.files.write_file("a", "x")
        await other.storage.set_secret("s", "x")
        await case.store.create_session("t", session_id=case.new_id())
        kept.extend([case.id, other.id])

    shared = Capabilities(shared=True)
    parts = [InMemorySessionFileStore(), InMemorySessionStorageStore(), InMemorySessionStore()]
    for part in parts:
        part.capabilities = shared

    class Factory(SessionFileSystemFactory):
        async def create_session_file_system(self, context):
            return parts[0]

    install_plugin(
        "lasting",
        everstore_file_system_factory=lambda: Factory(),  # noqa: PLW0108 - a hook is a function
        everstore_storage_store=lambda: parts[1],
        everstore_session_store=lambda: parts[2],
    )
    assert outcome(Subject({"backend": "lasting"}), a_check(writes)).outcome == "passed"

    async def left():
        files, storage, records = parts
        found = [await files.list_directory(one) + await storage.list_secrets(one) for one in kept]
        return found, await records.list_sessions()

    assert asyncio.run(left()) == ([[], []], [])


@pytest.mark.parametrize("function", [holds, breaks])
def test_a_store_that_cannot_be_closed_fails_a_check_but_hides_none(a_check, function):
    subject = Subject({"backend": "memory"}, opener="broken_stores:open_stuck")
    failure = outcome(subject, a_check(function), capabilities=frozenset()).failure
    assert failure.got == ("ZeroDivisionError: stuck" if function is holds else failure.got)
    assert failure.kind == ("error" if function is holds else "assertion")
