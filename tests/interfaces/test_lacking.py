"""What an author left out is refused by name, and nothing is called."""

from __future__ import annotations

import pytest

from everstore import Session, SessionFileSystem, SessionStorageStore, SessionStore, errors, new_session_id
from everstore.backends.memory.sessions import MemorySessions
from everstore.session_limits import SessionLimits

ONE, OTHER = new_session_id(), new_session_id()
LIMITS = SessionLimits(session_entries=1, session_keys=1)


def bare(interface: type) -> object:
    """A backend with nothing but what an interface has itself."""

    async def never(*_: object, **__: object) -> None:
        raise AssertionError

    return type("Bare", (interface,), dict.fromkeys(interface.__abstractmethods__, never))()


@pytest.mark.parametrize(
    ("interface", "verb", "arguments"),
    [
        (SessionFileSystem, "limit_session", (ONE, LIMITS)),
        (SessionFileSystem, "fork_session", (ONE, OTHER)),
        (SessionFileSystem, "diff_sessions", (ONE, OTHER)),
        (SessionFileSystem, "session_ids", ()),
        (SessionStorageStore, "limit_session", (ONE, LIMITS)),
        (SessionStorageStore, "fork_session", (ONE, OTHER)),
        (SessionStorageStore, "session_ids", ()),
    ],
)
async def test_a_verb_without_a_default_is_refused_by_its_name(interface, verb, arguments):
    with pytest.raises(errors.UnsupportedError, match=rf"Bare lacks {verb}, so that .*; its author"):
        await getattr(bare(interface), verb)(*arguments)


@pytest.mark.parametrize("interface", [SessionFileSystem, SessionStorageStore])
async def test_to_take_limits_away_that_nobody_keeps_is_done(interface):
    assert await bare(interface).limit_session(ONE, SessionLimits()) is None


async def test_the_ids_of_records_can_be_had_from_their_list():
    class Listing(MemorySessions):
        session_ids = SessionStore.session_ids

    sessions = Listing()
    ids = sorted(new_session_id() for _ in range(5))
    for session_id in reversed(ids):
        await sessions.add_session(Session(session_id))
    assert await sessions.session_ids(limit=3) == ids[:3]
    assert await sessions.session_ids(after=ids[2]) == ids[3:]
