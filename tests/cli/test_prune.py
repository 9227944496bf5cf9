"""prune: which sessions go, what is told of them, and what stops it."""

from __future__ import annotations

import asyncio
import os
import signal
from uuid import UUID

import pytest
import typer

from everstore import Session, new_checkpoint_id, new_session_id
from everstore.backends.memory.files import MemoryFiles
from everstore.clock import now_ns, turned

DAY = 86_400


@pytest.fixture(autouse=True)
def _kept(kept):
    pass


@pytest.fixture
def made(kept):
    """Sessions by name, of days ago, with labels, each with a file and a value."""

    def make(days: float = 0, labels: dict[str, str] | None = None, *, record: bool = True) -> str:
        with turned(-days * DAY):
            session_id = new_session_id()

        async def fill() -> None:
            if record:
                created = now_ns()
                await kept.sessions.add_session(Session(session_id, f"{days} days", created, 0, labels or {}))
            await kept.files.write_file(session_id, "d/a", "12345")
            await kept.storage.set_value(session_id, "k", "x")

        with turned(-days * DAY):
            asyncio.run(fill())
        return str(session_id)

    return make


def ids(kept) -> set[str]:
    """The sessions that hold anything."""

    async def look() -> set[str]:
        parts = (kept.files, kept.storage, kept.sessions)
        return {str(each) for part in parts for each in await part.session_ids(limit=1000)}

    return asyncio.run(look())


def test_idle_sessions_go_with_all_that_they_hold(cli, kept, made):
    old, older, fresh = made(31), made(400), made(29)
    answer = cli("prune", "--idle", "30d")
    assert (answer.status, answer.err) == (0, "")
    *lines, total = answer.out.splitlines()
    assert {line.split(":")[0] for line in lines} == {f"deleted {old}", f"deleted {older}"}
    assert all("1 file (5 B), 1 directory, 1 value, 0 secrets, last written" in line for line in lines)
    assert total == "2 sessions deleted: 2 files (10 B), 2 directories, 2 values, 0 secrets"
    assert ids(kept) == {fresh}


def test_a_dry_run_deletes_nothing_and_says_what_would_go(cli, kept, made):
    old, fresh = made(31), made(1)
    answer = cli("prune", "--idle", "30d", "--dry-run")
    assert answer.out.startswith(f"would be deleted {old}: ")
    assert "1 session would be deleted" in answer.out
    assert ids(kept) == {old, fresh}


@pytest.mark.parametrize("what", ["file", "directory", "value", "secret", "record"])
def test_what_was_written_lately_is_not_idle(cli, kept, made, what):
    session = made(31)
    write = {
        "file": lambda one: kept.files.write_file(one, "d/a", "new"),
        "directory": lambda one: kept.files.create_directory(one, "new"),
        "value": lambda one: kept.storage.set_value(one, "k", "new"),
        "secret": lambda one: kept.storage.set_secret(one, "s", "new"),
        "record": lambda one: kept.sessions.update_session_title(one, "new"),
    }
    asyncio.run(write[what](UUID(session)))
    assert cli("prune", "--idle", "30d").out == "0 sessions deleted: 0 files, 0 values, 0 secrets\n"
    assert ids(kept) == {session}


def test_labels_choose_and_narrow(cli, kept, made):
    made(31, {"a": "1", "b": "2"})
    one, old = made(31, {"a": "1"}), made(31)
    fresh = made(0, {"a": "1", "b": "2"})
    assert cli("prune", "--idle", "30d", "--label", "a=1", "--label", "b=2").status == 0
    assert ids(kept) == {one, old, fresh}
    assert cli("prune", "--label", "a=1").status == 0
    assert ids(kept) == {old}


def test_orphans_go_only_when_asked_for_and_alone(cli, kept, made):
    orphan, fresh, old = made(31, record=False), made(0, record=False), made(31)
    assert cli("prune", "--idle", "40d", "--orphans").status == 0
    assert cli("prune", "--idle", "30d", "--dry-run", "--json").json["count"] == 1
    document = cli("prune", "--idle", "30d", "--orphans", "--json").json
    assert [each["id"] for each in document["sessions"]] == [orphan]
    assert document["sessions"][0]["title"] is None
    assert ids(kept) == {fresh, old}


def test_the_document_has_the_sessions_and_the_sum(cli, made):
    empty = cli("prune", "--idle", "30d", "--json").json
    assert empty == {
        "sessions": [], "count": 0, "kept": 0, "outcome": "deleted", "finished": True,
        "usage": {"files": 0, "directories": 0, "bytes": 0, "values": 0, "secrets": 0},
    }  # fmt: skip
    made(31)
    made(32)
    document = cli("prune", "--idle", "30d", "--json").json
    assert [(each["outcome"], each["bytes"]) for each in document["sessions"]] == [("deleted", 5)] * 2
    assert (document["count"], document["finished"], document["usage"]["bytes"]) == (2, True, 10)


def test_many_pages_go(cli, kept, made):
    for _ in range(250):
        made(31)
    for _ in range(120):
        made(31, record=False)
    stays = made(1)
    assert "250 sessions deleted" in cli("prune", "--idle", "30d").out
    assert "120 sessions deleted" in cli("prune", "--idle", "30d", "--orphans").out
    assert ids(kept) == {stays}


def test_what_is_written_between_two_looks_is_kept_and_told(cli, kept, made, monkeypatch):
    session = made(31)
    looks = []
    usage = type(kept.storage).usage

    async def look(storage, session_id):
        found = await usage(storage, session_id)
        looks.append(session_id)
        if len(looks) == 1:
            await storage.set_value(session_id, "k", "new")
        return found

    monkeypatch.setattr(type(kept.storage), "usage", look)
    answer = cli("prune", "--idle", "30d")
    assert answer.out.startswith(f"kept {session}: ")
    assert answer.out.endswith("; 1 kept, as written to meanwhile\n")
    assert ids(kept) == {session}


@pytest.mark.parametrize("as_json", [True, False])
def test_ctrl_c_tells_how_far_it_came(cli, kept, made, monkeypatch, as_json):
    for _ in range(3):
        made(31)
    purge, gone = type(kept.storage).purge_session, []

    async def purge_session(storage, session_id):
        gone.append(session_id)
        if len(gone) == 2:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        return await purge(storage, session_id)

    with monkeypatch.context() as patched:
        patched.setattr(type(kept.storage), "purge_session", purge_session)
        answer = cli("prune", "--idle", "30d", *(["--json"] if as_json else []))
    told = "interrupted: 1 session deleted; run it again to go on"
    assert answer.status == 130
    assert answer.err == (f'{{"note": "{told}"}}\n' if as_json else f"everstore: {told}\n")
    if as_json:
        assert (answer.json["count"], answer.json["finished"]) == (1, False)
    else:
        assert answer.out.endswith("1 session deleted: 1 file (5 B), 1 directory, 1 value, 0 secrets\n")
    assert len(ids(kept)) == 2
    assert cli("prune", "--idle", "30d", "--json").json["count"] == 2
    assert ids(kept) == set()


def test_a_terminal_is_asked_once_before_anything(cli, kept, made, monkeypatch):
    made(31)
    asked = []

    def confirm(text, **_):
        asked.append(text)
        raise typer.Abort

    monkeypatch.setattr("everstore.cli.prune.typer.confirm", confirm)
    monkeypatch.setattr("everstore.cli.prune._is_terminal", lambda: True)
    assert cli("prune", "--idle", "30d", "--dry-run").out.startswith("would be deleted")
    assert cli("prune", "--idle", "30d").status == 130
    assert asked == ["Delete these sessions for good? --dry-run shows them"]
    assert len(ids(kept)) == 1
    assert cli("prune", "--idle", "30d", "--yes").status == 0
    assert (len(asked), ids(kept)) == (1, set())


def test_a_terminal_is_not_asked_about_what_is_refused(cli, monkeypatch):
    monkeypatch.setattr("everstore.cli.prune.typer.confirm", lambda *_, **__: pytest.fail("it asked"))
    monkeypatch.setattr("everstore.cli.prune._is_terminal", lambda: True)
    assert "which sessions are to go?" in cli("prune").err
    assert "sessions without a record have no labels" in cli("prune", "--orphans", "--label", "a=1").err


def test_sessions_made_while_orphans_are_looked_for_make_no_orphans(cli, kept, made, monkeypatch):
    orphan, recorded = made(31, record=False), {made(31) for _ in range(150)}
    list_ids = type(kept.sessions).session_ids
    looks = []

    async def session_ids(sessions, **page):
        looks.append(page)
        if len(looks) == 2:  # between the ids and the records: they come before all that is there
            for number in range(120):
                await sessions.add_session(Session(UUID(int=number)))
        return await list_ids(sessions, **page)

    monkeypatch.setattr(type(kept.sessions), "session_ids", session_ids)
    listed = cli("session", "ls", "--orphans", "--json").json["sessions"]
    assert [each["id"] for each in listed] == [orphan]
    assert recorded < ids(kept)


def test_a_prune_takes_a_choice(cli, kept, made):
    session = made(400)
    for arguments, told in (
        ((), "which sessions are to go? give --idle, --label or both"),
        (("--checkpoints",), "which checkpoints are to go? give --idle, --keep or both"),
        (("--orphans",), "which sessions are to go"),
        (("--orphans", "--label", "a=1"), "sessions without a record have no labels"),
        (("--orphans", "--idle", "1d", "--label", "a=1"), "sessions without a record have no labels"),
        (("--idle", "30"), "--idle is a number and its unit"),
        (("--idle", "x"), "--idle is a number and its unit"),
        (("--idle", "-1d"), "--idle is a number and its unit"),
        (("--idle", "0s"), "idle is a number of seconds above 0"),
        (("--idle", "999999999d"), "no more than since 1970"),
        (("--label", "a"), "a label is NAME=TEXT"),
        (("--label", "a=1", "--label", "a=2"), "is given two texts"),
    ):
        answer = cli("prune", *arguments)
        assert (answer.status, answer.out) == (2, ""), arguments
        assert answer.err.startswith("everstore: error: invalid_argument: ")
        assert told in answer.err
    assert ids(kept) == {session}


@pytest.mark.parametrize(
    ("spelled", "seconds"), [("45s", 45), ("90m", 5400), ("12h", 43_200), ("1.5d", 129_600)]
)
def test_times_have_units(cli, kept, made, spelled, seconds):
    made((seconds + 60) / DAY)
    stays = made((seconds - 30) / DAY)
    assert "1 session deleted" in cli("prune", "--idle", spelled).out
    assert ids(kept) == {stays}


# -- checkpoints ------------------------------------------------------------------------------------


@pytest.fixture
def taken(cli):
    """Takes a checkpoint of a session, of days ago."""

    def take(session: str, days: float) -> str:
        with turned(-days * DAY):
            return cli("session", "checkpoint", session, f"{days} days").out.strip()

    return take


def test_old_checkpoints_go_but_for_the_newest_and_where_a_fork_began(cli, kept, made, taken):
    session, other = made(50), made(50)
    with turned(-40 * DAY):
        fork = cli("session", "fork", session).out.strip()
    [base] = cli("session", "checkpoints", fork, "--json").json["checkpoints"]
    old = [taken(session, days) for days in (45, 44, 43)]
    fresh, lonely = taken(session, 1), taken(other, 45)
    there = ids(kept)
    assert cli("prune", "--checkpoints", "--idle", "30d", "--keep", "2", "--dry-run").status == 0
    assert ids(kept) == there
    answer = cli("prune", "--checkpoints", "--idle", "30d", "--keep", "2", "--yes")
    assert (answer.status, answer.err) == (0, "")
    *lines, total = answer.out.splitlines()
    assert {line.split(":")[0] for line in lines} == {f"deleted {each}" for each in old[:2]}
    assert total.startswith("2 checkpoints deleted: ")
    assert ids(kept) == there - {*old[:2]}
    assert cli("prune", "--checkpoints", "--idle", "30d", "--json").json["count"] == 2
    assert ids(kept) == {session, other, fork, base["id"], fresh}
    assert lonely not in ids(kept)


def test_a_session_that_was_checkpointed_or_rewound_lately_is_not_idle(cli, kept, made, taken):
    session, other = made(50), made(50)
    checkpoint = taken(session, 45)
    taken(other, 45)
    assert cli("session", "rewind", session, checkpoint).status == 0
    assert cli("prune", "--idle", "30d").out.startswith(f"deleted {other}: ")
    assert cli("prune", "--idle", "30d").out.startswith("0 sessions deleted")
    assert {session, checkpoint} <= ids(kept)


def test_what_a_rewind_is_making_stays_for_an_hour(cli, kept, made, taken):
    session = made(50)
    taken(session, 1)

    async def record(hours: float) -> str:
        with turned(-hours * 3600):
            making = Session(
                new_checkpoint_id(), "before", now_ns(), labels={"state": "making"}, parent=UUID(session)
            )
        await kept.sessions.add_session(making)
        return str(making.id)

    fresh, left = asyncio.run(record(0.5)), asyncio.run(record(1.5))
    answer = cli("prune", "--checkpoints", "--keep", "1", "--json").json
    assert [each["id"] for each in answer["sessions"]] == [left]
    assert fresh in ids(kept)


def test_where_a_fork_began_goes_when_the_fork_is_gone(cli, kept, made):
    session = made(50)

    async def left(hours: float, **fork: bool) -> str:
        """Where a fork of so long ago began, of which there is nothing, only a record or only a file."""
        with turned(-hours * 3600):
            fork_id = new_session_id()
            base = Session(new_checkpoint_id(), "base", now_ns(), labels={"base": "1"}, parent=fork_id)
            await kept.sessions.add_session(base)
            if fork.get("record"):
                await kept.sessions.add_session(Session(fork_id, "fork"))
            if fork.get("file"):
                await kept.files.write_file(fork_id, "a", "")
        return str(base.id)

    fresh, gone = asyncio.run(left(0.5)), asyncio.run(left(1.5))
    used = {asyncio.run(left(1.5, record=True)), asyncio.run(left(1.5, file=True))}
    answer = cli("prune", "--checkpoints", "--keep", "0", "--json").json
    assert [each["id"] for each in answer["sessions"]] == [gone]
    assert {session, fresh, *used} <= ids(kept)


def test_sessions_that_go_take_their_checkpoints_along(cli, kept, made, taken):
    session = made(50)
    taken(session, 45)
    assert cli("prune", "--idle", "30d").out.startswith(f"deleted {session}: ")
    assert ids(kept) == set()


def test_what_a_crash_left_of_forks_and_checkpoints_is_an_orphan_by_the_age_of_its_id(cli, kept, made):
    session = made(50)

    async def fork(days: float) -> str:
        with turned(-days * DAY):
            left = new_checkpoint_id()
        await MemoryFiles.fork_session(kept.files, UUID(session), left)
        return str(left)

    fresh, old = asyncio.run(fork(0.01)), asyncio.run(fork(40))
    listed = cli("prune", "--orphans", "--idle", "1h", "--json").json
    assert [each["id"] for each in listed["sessions"]] == [old]
    assert ids(kept) == {session, fresh}


@pytest.mark.parametrize(
    "options",
    [["--checkpoints"], ["--keep", "3"], ["--checkpoints", "--orphans", "--idle", "1d"],
     ["--checkpoints", "--label", "a=b", "--idle", "1d"]],
)  # fmt: skip
def test_what_is_no_choice_of_checkpoints_is_refused(cli, options):
    answer = cli("prune", *options)
    assert (answer.status, answer.out, answer.err.count("\n")) == (2, "", 1)
