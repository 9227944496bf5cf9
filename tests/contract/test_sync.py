"""The verbs without ``await``: the same answers, from many threads at once."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from everstore import InitialFile, Session, errors, new_session_id, sync

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

THREADS = 20
OF_ONE_SESSION = {
    *("id", "session_id", "serial", "version", "revision"),
    *("created_ns", "updated_ns", "expires_ns", "last_write_ns"),
}


@pytest.fixture
def waiting(backend) -> Iterator[sync.Store]:
    with sync.open_store(**backend) as opened:
        yield opened


def furnish(store: sync.Store, session_id: UUID) -> None:
    work = store.session(session_id)
    store.sessions.add_session(Session(id=session_id, title="kept"))
    work.files.write_file("kept.txt", "kept")
    work.files.write_file("kept.bin", "AAE=", "base64")
    work.files.seed_initial_file(InitialFile("rules.txt", "rules", is_readonly=True))
    work.storage.set_value("kept", "kept")
    work.storage.set_value("counter", "41")
    work.storage.set_secret("kept", "kept")


def plain(answer: Any) -> Any:
    """An answer without what is of one session only."""
    if isinstance(answer, (list, tuple)):
        return [plain(each) for each in answer]
    if isinstance(answer, msgspec.Struct):
        names = [name for name in answer.__struct_fields__ if name not in OF_ONE_SESSION]
        return type(answer), {name: plain(getattr(answer, name)) for name in names}
    return answer


def outcome(call: Callable[[], object], session_id: UUID) -> object:
    try:
        return plain(call())
    except errors.EverstoreError as error:
        return type(error), str(error).replace(str(session_id), "the session")


def test_each_verb_answers_what_awaiting_it_answers(waiting, calls):
    for call in calls:
        one, other = new_session_id(), new_session_id()
        if call.verb != "add_session":
            furnish(waiting, one)
            furnish(waiting, other)
        awaited = outcome(lambda: waiting.run(call.on(waiting.asynchronous, one)), one)  # noqa: B023 - called at once
        assert outcome(partial(call.on, waiting, other), other) == awaited, call.verb
        if not call.is_of_all_sessions:
            assert plain(waiting.usage(one)) == plain(waiting.usage(other)), call.verb


def test_each_verb_refuses_and_its_traceback_leads_to_the_caller(waiting, calls):
    for call in calls:
        if call.verb not in {"add_session", "list_sessions", "session_ids"}:
            with pytest.raises(errors.InvalidSessionIdError) as refused:
                call.on(waiting, "no session id")
            assert Path(__file__) in [entry.path for entry in refused.traceback]


def at_once(work: Callable[[int], object]) -> list[Any]:
    """What each of many threads gets, which all begin at the same moment."""
    together = threading.Barrier(THREADS)

    def begin(number: int) -> object:
        together.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS)))


def test_threads_that_increment_lose_nothing(waiting, session_id):
    work = waiting.session(session_id)
    counts = at_once(lambda _: [work.storage.increment_value("n") for _ in range(10)])
    assert sorted(chain.from_iterable(counts)) == list(range(1, THREADS * 10 + 1))
    assert all(own == sorted(own) for own in counts)


def test_threads_that_edit_one_file_lose_nothing(waiting, session_id):
    work = waiting.session(session_id)
    work.files.write_file("a", "".join(f"<{number}>\n" for number in range(THREADS)))
    at_once(lambda number: work.files.edit_file("a", f"<{number}>", f"thread {number}"))
    content = work.files.read_file("a", strict=True).content
    assert content == "".join(f"thread {number}\n" for number in range(THREADS))


def test_of_threads_that_write_where_nothing_may_be_one_does(waiting, session_id):
    work = waiting.session(session_id)

    def write(number: int) -> bool:
        try:
            work.files.write_file("a", str(number), if_absent=True)
        except errors.RevisionConflictError:
            return False
        return True

    written = at_once(write)
    assert written.count(True) == 1
    assert work.files.read_file("a", strict=True).content == str(written.index(True))


def test_closing_while_threads_call_loses_nothing_that_was_answered(backend, session_id):
    store = sync.open_store(**backend)
    begun = threading.Barrier(THREADS + 1)

    def count(_: int) -> list[int]:
        answers = [store.storage.increment_value(session_id, "n")]
        begun.wait()
        try:
            while True:
                answers.append(store.storage.increment_value(session_id, "n"))
        except errors.StoreClosedError:
            return answers

    with ThreadPoolExecutor(THREADS) as pool:
        counting = [pool.submit(count, number) for number in range(THREADS)]
        begun.wait()
        store.close()
        answers = list(chain.from_iterable(each.result(timeout=60) for each in counting))
    assert len(set(answers)) == len(answers)
    if backend["backend"] not in {"memory", "minimal"}:
        with sync.open_store(**backend) as again:
            left = int(again.storage.get_value(session_id, "n"))
            assert max(answers) <= left <= len(answers) + THREADS


async def test_other_event_loops_use_it_through_futures(waiting, session_id):
    work = waiting.asynchronous.session(session_id)
    adding = [waiting.submit(work.storage.increment_value("n")) for _ in range(THREADS)]
    counts = await asyncio.gather(*map(asyncio.wrap_future, adding))
    assert sorted(counts) == list(range(1, THREADS + 1))
    assert waiting.storage.get_value(session_id, "n") == str(THREADS)  # waits, and the loop here with it
