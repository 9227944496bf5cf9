"""What core makes of an engine beside its verbs: opening, sharing, and calls that share a transaction."""

from __future__ import annotations

import asyncio
import threading
from uuid import UUID

import pytest
from everstore_sorted_map import SortedMap

import everstore
from everstore.changes import DeleteValue, SetValue, Write
from everstore.clock import now_ns
from everstore.engine import space
from everstore.engine.opening import OpenEngine
from everstore.engine.roles import role_over
from everstore.errors import (
    BackendError,
    BackendUnavailableError,
    InvalidPathError,
    PluginError,
    QuotaExceededError,
    RevisionConflictError,
    SettingsError,
    StorageReplacedError,
)
from everstore.interfaces import SessionStore
from everstore.settings import Limits

SESSION_ID = UUID(int=7)
LONG = "/".join("äb" * 40 for _ in range(12))


@pytest.fixture
def opened(install_plugin):
    """Open a store over an engine, which stays what it was when the store is closed: ``opened(engine)``."""
    engines: list[object] = []
    install_plugin("given", everstore_engine=lambda: engines[-1])

    def open_(engine):
        engines.append(engine)
        return everstore.open_store(backend="given", log_level="off")

    return open_


def files_over(engine):
    """A file system over an engine, for changes that are made together."""

    class Files:
        async def __aenter__(self):
            async def make():
                return engine

            self.opened = OpenEngine("given", make)
            return role_over("file_system", await self.opened.__aenter__(), Limits())

        async def __aexit__(self, *_):
            await self.opened.__aexit__()

    return Files()


async def test_names_and_contents_stay_where_they_are_when_an_engine_takes_longer_ones(opened):
    engine = SortedMap()
    async with opened(engine) as store:
        await store.file_system.write_file(SESSION_ID, LONG, "x" * 20_000)
        await store.storage.set_value(SESSION_ID, "k" * 1000, "v" * 20_000)
    engine.longest_key, engine.largest_value = 512, 1 << 20
    async with opened(engine) as store:
        assert (engine.longest_key, engine.largest_value) == (64, 6144)
        assert (await store.file_system.read_file(SESSION_ID, LONG)).content == "x" * 20_000
        assert await store.storage.get_value(SESSION_ID, "k" * 1000) == "v" * 20_000
        assert [info.key for info in await store.storage.list_keys(SESSION_ID)] == ["k" * 1000]


async def test_an_engine_that_takes_less_than_its_storage_was_begun_with_is_refused(opened):
    engine = SortedMap()
    engine.longest_key = 128
    async with opened(engine):
        pass
    engine.longest_key = 64
    with pytest.raises(SettingsError, match="use a newer one"):
        async with opened(engine):
            pass


async def test_a_layout_that_is_not_known_is_refused(opened):
    engine = SortedMap()
    engine.transact(lambda transaction: transaction.put(b"l", b"3 64 6144"), write=True)
    with pytest.raises(SettingsError, match=r"layout b'3 64 6144'.*use a newer one"):
        async with opened(engine):
            pass


@pytest.mark.parametrize("together", [1, 3])
async def test_what_a_newer_everstore_laid_out_anew_is_not_written_to_by_who_had_it_open(opened, together):
    engine = SortedMap()
    async with opened(engine) as store:
        await store.storage.set_value(SESSION_ID, "k", "before")
        engine.transact(lambda transaction: transaction.put(b"l", b"3 64 6144"), write=True)
        calls = [
            store.storage.set_value(SESSION_ID, f"k{number or ''}", "after") for number in range(together)
        ]
        for refused in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(refused, StorageReplacedError)
            assert "another version of everstore has changed the layout" in str(refused)
        [kept] = await store.storage.read_values(SESSION_ID)
        assert (kept.key, kept.value) == ("k", "before")


async def test_an_engine_whose_keys_are_too_short_is_refused(opened):
    engine = SortedMap()
    engine.longest_key = 63
    with pytest.raises(PluginError, match="64 bytes"):
        async with opened(engine):
            pass


async def test_what_is_no_engine_is_refused(opened):
    with pytest.raises(PluginError, match="its engine is of type dict, not Engine"):
        async with opened({}):
            pass


async def test_an_engine_may_be_made_by_a_coroutine_and_a_role_played_by_something_else(install_plugin):
    class Records(SessionStore):
        async def get_session(self, session_id):
            return everstore.Session(session_id, "made up")

        add_session = update_session = list_sessions = delete_session = get_session

    async def engine(context):
        assert context.settings is None
        return SortedMap()

    records = Records()
    install_plugin("mixed", everstore_engine=engine, everstore_session_store=lambda: records)
    async with everstore.open_store(backend="mixed", log_level="off") as store:
        await store.storage.set_value(SESSION_ID, "key", "value")
        assert (await store.sessions.get_session(SESSION_ID)).title == "made up"


class Placed(SortedMap):
    """A map that a process must not open twice."""

    def __init__(self, place):
        super().__init__()
        self._place = place
        self.is_open = False

    @property
    def place(self):
        return self._place

    def open(self):
        assert not self.is_open
        self.is_open = True

    def close(self):
        assert self.is_open
        self.is_open = False


async def test_stores_at_one_place_share_an_engine(opened):
    first, second, elsewhere = Placed("here"), Placed("here"), Placed("there")
    async with opened(first) as one:
        async with opened(second) as other, opened(elsewhere) as third:
            await one.storage.set_value(SESSION_ID, "key", "value")
            assert await other.storage.get_value(SESSION_ID, "key") == "value"
            assert await third.storage.get_value(SESSION_ID, "key") is None
            assert (first.is_open, second.is_open, elsewhere.is_open) == (True, False, True)
        assert (first.is_open, elsewhere.is_open) == (True, False)
    assert not first.is_open
    async with opened(second) as store:
        assert await store.storage.get_value(SESSION_ID, "key") is None


async def test_an_engine_that_cannot_be_begun_is_closed(opened):
    engine = Placed("here")
    engine.transact(lambda transaction: transaction.put(b"l", b"nothing"), write=True)
    for _ in range(2):
        with pytest.raises(SettingsError):
            async with opened(engine):
                pass
        assert not engine.is_open


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("everstore-given")]


async def test_its_threads_end_with_the_store(opened):
    async with opened(SortedMap()) as store:
        await store.file_system.grep_files(SESSION_ID, "x")
        assert threads()
    assert not threads()


class Held(SortedMap):
    """A map whose next transaction waits, so that calls gather behind it; and that may fail as it commits."""

    def __init__(self):
        super().__init__()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.runs = 0
        self.failure: Exception | None = None
        self.bad = b"never"

    def transact(self, work, *, write):
        if not write:
            return super().transact(work, write=write)
        self.may_go_on.wait()
        self.runs += 1

        def checked(transaction):
            put = transaction.put

            def put_or_not(key, value):
                if self.bad in value:
                    raise QuotaExceededError("full")
                put(key, value)

            transaction.put = put_or_not
            answer = work(transaction)
            if self.failure is not None:
                raise self.failure
            return answer

        return super().transact(checked, write=write)


async def gathered(engine, *calls):
    """What calls answer that all wait when the first of them begins."""
    engine.may_go_on.clear()
    tasks = [asyncio.ensure_future(call) for call in calls]
    await asyncio.sleep(0.05)  # they wait for the thread, which waits
    engine.may_go_on.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_one_of_several_changes_that_is_refused_undoes_its_own_only():
    engine = Held()
    async with files_over(engine) as files:
        await files.write_file(SESSION_ID, "/there", "old")
        torn = [Write("/there", "new"), Write("/dir/new", "new"), Write("/there", "newest", if_absent=True)]
        first, *others, refused, last = await gathered(
            engine,
            files.write_file(SESSION_ID, "/first", "x"),
            *(files.write_file(SESSION_ID, f"/{number}", "x") for number in range(5)),
            files.apply(SESSION_ID, torn),
            files.write_file(SESSION_ID, "/last", "x" * 5000),
        )
        assert isinstance(refused, RevisionConflictError)
        assert refused.index == 2
        assert all(answer.size_bytes for answer in (first, *others, last))
        listed = [info.path for info in await files.list_directory(SESSION_ID, "/")]
        assert listed == ["/0", "/1", "/2", "/3", "/4", "/first", "/last", "/there"]
        assert (await files.read_file(SESSION_ID, "/there")).content == "old"


async def test_only_what_does_not_fit_is_refused():
    engine = Held()
    engine.bad = b"too much"
    async with files_over(engine) as files:
        answers = await gathered(
            engine,
            *(files.write_file(SESSION_ID, f"/{n}", "too much" if n == 3 else "x") for n in range(6)),
        )
        assert [type(answer) is QuotaExceededError for answer in answers] == [n == 3 for n in range(6)]
        assert len(await files.list_directory(SESSION_ID, "/")) == 5


@pytest.mark.parametrize("failure", [OSError("disk"), BackendUnavailableError("busy", happened=False)])
async def test_what_fails_as_it_commits_is_not_made_again(failure):
    engine = Held()
    async with files_over(engine) as files:
        await files.write_file(SESSION_ID, "/there", "old")
        before, engine.failure = engine.runs, failure
        answers = await gathered(engine, *(files.write_file(SESSION_ID, f"/{n}", "x") for n in range(6)))
        engine.failure = None
        assert all(isinstance(answer, BackendError) for answer in answers)
        assert len({id(answer) for answer in answers}) == 6
        assert engine.runs - before <= 2  # the first may have gone alone
        assert [info.path for info in await files.list_directory(SESSION_ID, "/")] == ["/there"]


async def test_who_is_cancelled_before_the_transaction_has_not_called():
    engine = Held()
    async with files_over(engine) as files:
        engine.may_go_on.clear()
        tasks = [asyncio.ensure_future(files.write_file(SESSION_ID, f"/{n}", "x")) for n in range(4)]
        await asyncio.sleep(0.05)
        tasks[2].cancel()
        await asyncio.sleep(0)
        engine.may_go_on.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(done[2], asyncio.CancelledError)
        assert [info.path for info in await files.list_directory(SESSION_ID, "/")] == ["/0", "/1", "/3"]


async def test_a_look_that_fails_fails_by_itself():
    class Broken(SortedMap):
        def at(self, moment, low, high):
            if b"broken" in low:
                raise OSError("broken")
            return super().at(moment, low, high)

    async with files_over(Broken()) as files:
        await files.write_file(SESSION_ID, "/a", "x")
        paths = ["/a", "/broken", "/a", "/b"]
        answers = await asyncio.gather(
            *(files.read_file(SESSION_ID, path) for path in paths), return_exceptions=True
        )
        assert [getattr(answer, "content", type(answer)) for answer in answers] == [
            "x",
            BackendError,
            "x",
            type(None),
        ]


async def test_scans_that_were_left_end_with_the_work_whoever_keeps_the_error():
    class Counting(SortedMap):
        scans = 0  # that are open

        def transact(self, work, *, write):
            def counted(transaction):
                scan = transaction.scan

                def counted_scan(*arguments, **options):
                    self.scans += 1
                    try:
                        yield from scan(*arguments, **options)
                    finally:
                        self.scans -= 1

                transaction.scan = counted_scan
                return work(transaction)

            answer = super().transact(counted, write=write)
            assert self.scans == 0
            return answer

    engine = Counting()
    async with files_over(engine) as files:
        for name in ("a", "b", "c"):
            await files.write_file(SESSION_ID, f"/tree/{'x' * 200}/{name}", "x")
        kept = []
        for _ in range(2):
            answers = await asyncio.gather(
                *(files.copy_file(SESSION_ID, "/tree", "/y" * (1990 + n)) for n in range(3)),
                return_exceptions=True,
            )
            kept += answers
        assert {type(answer) for answer in kept} == {InvalidPathError}
        assert engine.scans == 0


async def test_what_is_over_while_it_is_replaced_is_swept(opened, monkeypatch):
    engine = SortedMap()
    async with opened(engine) as store:
        await store.storage.set_value(SESSION_ID, "count", "1", ttl=60)
        monkeypatch.setattr(space, "now_ns", lambda: now_ns() + 60 * 10**9)
        assert await store.storage.increment_value(SESSION_ID, "count") == 2
        kept = engine.transact(lambda transaction: [*transaction.scan(b"a", b"z")], write=False)
        assert [key for key, _ in kept] == [b"l"]


async def test_keys_that_are_kept_under_a_part_of_them_are_paged_in_their_order(opened):
    """Of those that have the same part, digests are in no order."""
    engine = SortedMap()
    engine.longest_key = 64
    keys = [f"{first}{'ä' * 10}{number}" for first in "ab" for number in range(20)] + ["a", "b", "aä"]
    async with opened(engine) as store:
        storage = store.session(SESSION_ID).storage
        for key in keys:
            await storage.set_value(key, key)
        for reverse in (False, True):
            seen, last = [], None
            while page := await storage.read_values(after=last, limit=3, reverse=reverse):
                seen += [each.value for each in page]
                last = page[-1].key
            assert seen == sorted(keys, reverse=reverse)
            for prefix in ("a", "aä", f"a{'ä' * 10}", f"b{'ä' * 10}1"):
                found = await storage.list_keys(prefix, reverse=reverse)
                wanted = sorted((key for key in keys if key.startswith(prefix)), reverse=reverse)
                assert [info.key for info in found] == wanted


async def test_many_changes_under_a_limit_count_what_there_is_once(opened, monkeypatch):
    looks: list[int] = []
    every = space.Texts.all

    def counted(self, now):
        looks.append(now)
        return every(self, now)

    monkeypatch.setattr(space.Texts, "all", counted)
    async with opened(SortedMap()) as store:
        record = await store.create_session(limits={"session_keys": 51, "session_value_bytes": 3000})
        storage = store.session(record.id).storage
        await storage.set_secret("s", "x")
        looks.clear()
        await storage.change_values([SetValue(f"k{number:02}", "xx") for number in range(50)])
        assert len(looks) < 50  # one at the values and one at the secrets, each time that it is tried
        # What was counted is kept right: what goes makes room, and what comes takes it.
        await storage.change_values(
            [SetValue("k00", "xxx"), DeleteValue("k01"), DeleteValue("none"), SetValue("new", "xx")]
        )
        with pytest.raises(QuotaExceededError) as caught:
            await storage.change_values(
                [SetValue("k00", "x"), DeleteValue("k02"), SetValue("a", "x"), SetValue("b", "x")]
            )
        assert (caught.value.index, caught.value.limit) == (3, "session_keys")
