"""Contents that rows share: forks of forks against a model, and that nothing is left that nobody has."""

from __future__ import annotations

import json
import random
import zlib
from base64 import b64decode, b64encode
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from everstore_sorted_map import SortedMap

import everstore
from everstore.clock import now_ns
from everstore.engine import check, faults, space
from everstore.errors import DataDamagedError, SessionNotEmptyError

A, B, C, D = (UUID(int=number) for number in range(1, 5))
PIECE = SortedMap.largest_value
SIZES = (0, 10, 1024, 1025, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 7)


@pytest.fixture
def engine():
    return SortedMap()


@pytest.fixture
def opened(install_plugin, engine):
    @asynccontextmanager
    async def open_(**settings):
        install_plugin("given", everstore_engine=lambda: engine)
        async with everstore.open_store(backend="given", log_level="off", **settings) as store:
            yield store

    return open_


def found(engine):
    return engine.transact(lambda transaction: [*faults.faults(transaction, engine)], write=False)


def pieces(engine):
    """How many pieces of contents are kept."""
    return engine.transact(lambda transaction: len([*transaction.scan(b"A", b"Z")]), write=False)


def content(random_: random.Random) -> bytes:
    return random_.choice((b"x", b"y")) * random_.choice(SIZES)


class Model:
    """What sessions have, all of it copied."""

    def __init__(self):
        self.sessions = {each: {} for each in (A, B, C, D)}

    def differences(self, a, b):
        one, other = self.sessions[a], self.sessions[b]
        return [path for path in sorted(one.keys() | other.keys()) if one.get(path) != other.get(path)]


async def change(files, model, session, random_):
    """Do something to a session, and to the model of it."""
    paths, has = [f"/{name}" for name in "abc"], model.sessions[session]
    path, other = random_.choice(paths), random_.choice(paths)
    data = content(random_)
    if path in has and random_.random() < 0.7:
        kind = random_.randrange(5)
        if kind == 0:
            await files.append_bytes(session, path, data)
            has[path] += data
        elif kind == 1 and has[path]:
            at = random_.randrange(len(has[path]))
            has[path] = has[path][:at] + b"!" + has[path][at + random_.randrange(2) :]
            await files.write_bytes(session, path, has[path])
        elif kind == 2 and path != other:
            await files.copy_file(session, path, other, overwrite=True)
            has[other] = has[path]
        elif kind == 3 and path != other:
            await files.move_file(session, path, other, overwrite=True)
            has[other] = has.pop(path)
        else:
            await files.delete_file(session, path)
            del has[path]
    else:
        await files.write_bytes(session, path, data)
        has[path] = data


async def fork(files, model, random_):
    """Fork, rewind or purge a session, and do the same to the model."""
    source, target, replaced = random_.sample((A, B, C, D), 3)
    has = model.sessions
    kind = random_.randrange(3)
    if kind == 0:
        await files.purge_session(target)
        has[target] = {}
    elif kind == 1 and not has[replaced]:
        await files.fork_session(source, target, replaced=replaced)
        has[replaced], has[target] = has[target], dict(has[source])
    elif not has[target]:
        await files.fork_session(source, target)
        has[target] = dict(has[source])
    else:
        with pytest.raises(SessionNotEmptyError):
            await files.fork_session(source, target)


@pytest.mark.parametrize("seed", range(8))
async def test_forks_of_forks_are_what_copies_are(seed, opened, engine):
    random_, model = random.Random(seed), Model()
    async with opened() as store:
        files = store.file_system
        for step in range(120):
            await (
                fork(files, model, random_)
                if step % 4 == 0
                else change(files, model, random_.choice((A, B, C, D)), random_)
            )
            assert found(engine) == [], step
            one, other = random_.sample((A, B, C, D), 2)
            differences = await files.diff_sessions(one, other)
            assert [each.path for each in differences] == model.differences(one, other), step
        for session, has in model.sessions.items():
            assert {path: await files.read_bytes(session, path) for path in has} == has
            assert (await files.usage(session)).bytes == sum(map(len, has.values()))
            for path, data in has.items():
                for at in (0, PIECE - 1, PIECE, len(data) - 1):
                    assert await files.read_bytes(session, path, at, 2) == data[at:][:2] or at < 0
        for session in (A, B, C, D):
            await files.purge_session(session)
            assert found(engine) == []
        assert pieces(engine) == 0


@pytest.mark.parametrize("seed", range(4))
async def test_forks_of_values_are_what_copies_are(seed, opened, engine):
    random_, has = random.Random(seed), {each: {} for each in (A, B, C, D)}
    async with opened() as store:
        storage = store.storage
        for step in range(80):
            source, target, replaced = random_.sample((A, B, C, D), 3)
            key = random_.choice("abc")
            if step % 4:
                text = content(random_).decode()
                await storage.set_value(target, key, text, ttl=random_.choice((None, 10**6)))
                has[target][key] = text
            elif not has[replaced]:
                await storage.fork_session(source, target, replaced=replaced)
                has[replaced], has[target] = has[target], dict(has[source])
            elif not has[target]:
                await storage.fork_session(source, target)
                has[target] = dict(has[source])
            else:
                await storage.purge_session(target)
                has[target] = {}
            assert found(engine) == [], step
        for session, values in has.items():
            assert await storage.get_values(session, list("abc")) == values
            await storage.purge_session(session)
            assert found(engine) == []
        assert pieces(engine) == 0


async def test_what_is_over_lets_go_of_what_it_shares(opened, engine, monkeypatch):
    async with opened() as store:
        await store.storage.set_value(A, "key", "x" * 3 * PIECE, ttl=60)
        await store.storage.fork_session(A, B)
        assert pieces(engine) == 3
        monkeypatch.setattr(space, "now_ns", lambda: now_ns() + 60 * 10**9)
        await store.storage.set_value(C, "other", "")
        assert pieces(engine) == 0
        assert found(engine) == []


class Watched(SortedMap):
    """A map that tells which pieces the last transaction put."""

    def __init__(self):
        super().__init__()
        self.written = []

    def transact(self, work, *, write):
        def watched(transaction):
            put, self.written = transaction.put, []

            def noted(key, value):
                if key[:1].isupper():
                    self.written.append(int.from_bytes(key[-4:]))
                put(key, value)

            transaction.put = noted
            return work(transaction)

        return super().transact(watched if write else work, write=write)


class TestWhatIsWritten:
    """Only what is new."""

    @pytest.fixture
    def engine(self):
        return Watched()

    async def test_by_copies_and_forks(self, opened, engine):
        async with opened() as store:
            await store.file_system.write_bytes(A, "/a", b"x" * 5 * PIECE)
            assert engine.written == [0, 1, 2, 3, 4]
            await store.file_system.copy_file(A, "/a", "/b")
            assert engine.written == []
            await store.file_system.fork_session(A, B)
            assert engine.written == []
            await store.file_system.fork_session(C, A, replaced=D)
            assert engine.written == []
            assert pieces(engine) == 5

    async def test_by_appends(self, opened, engine):
        async with opened() as store:
            files = store.file_system
            await files.write_bytes(A, "/a", b"x" * (5 * PIECE - 10))
            await files.append_bytes(A, "/a", b"y" * 10)
            assert engine.written == [4]
            await files.append_bytes(A, "/a", b"z" * 10)
            assert engine.written == [5]
            await files.fork_session(A, B)
            await files.append_bytes(A, "/a", b"A" * PIECE)
            assert engine.written == [5, 6]
            await files.append_bytes(B, "/a", b"B")
            assert engine.written == [5]
            assert await files.read_bytes(A, "/a", 5 * PIECE) == b"z" * 10 + b"A" * PIECE
            assert await files.read_bytes(B, "/a", 5 * PIECE) == b"z" * 10 + b"B"
            assert found(engine) == []

    async def test_by_edits(self, opened, engine):
        text = "".join(f"{number:09}\n" for number in range(4000))
        async with opened() as store:
            files = store.file_system
            await files.write_file(A, "/a", text)
            await files.edit_file(A, "/a", "000002000", "two000000")
            assert engine.written == [3]
            await files.fork_session(A, B)
            await files.edit_file(B, "/a", "000003999", "last")
            assert engine.written == [6]
            await files.edit_file(A, "/a", "000000001", "one000000")
            assert engine.written == [*range(7)]  # or all of it would be kept for nearly nothing of it
            assert (await files.read_file(A, "/a")).content == text.replace("000002000", "two000000").replace(
                "000000001", "one000000"
            )
            assert found(engine) == []

    async def test_by_very_many_appends_to_what_is_kept_each_time(self, opened, engine):
        async with opened() as store:
            files, data = store.file_system, b"x" * PIECE
            path = f"/{'n' * 200}" * 20
            await files.write_bytes(A, path, data)
            for number in range(80):
                await files.fork_session(A, UUID(int=100 + number))
                data += bytes([number]) * PIECE
                await files.append_bytes(A, path, data[-PIECE:])
            assert await files.read_bytes(A, path) == data
            assert found(engine) == []
            for number in range(80):
                await files.purge_session(UUID(int=100 + number))
            assert found(engine) == []
            assert pieces(engine) <= 2 * 81


class TestDamage:
    """What is damaged is told, taken from nobody else, and can be replaced or deleted."""

    @staticmethod
    def change(engine, what):
        def work(transaction):
            for key, value in [*transaction.scan(b"A", b"z")]:
                changed = what(key, value)
                if changed is None:
                    transaction.delete(key)
                elif changed != value:
                    transaction.put(key, changed)

        engine.transact(work, write=True)

    async def test_a_piece_that_is_missing(self, opened, engine):
        async with opened() as store:
            files = store.file_system
            await files.write_file(A, "/a", "x" * 3 * PIECE)
            await files.fork_session(A, B)
            self.change(engine, lambda key, value: None if key[:1] == b"E" and key[-1] == 1 else value)
            assert [line.partition(": ")[2] for line in found(engine)] == [
                "entry '/a': its content is missing"
            ]
            for session in (A, B):
                with pytest.raises(DataDamagedError, match="is missing") as caught:
                    await files.read_file(session, "/a")
                assert caught.value.path == "/a"
            await files.write_file(A, "/a", "x" * 3 * PIECE)
            assert await files.delete_file(B, "/a")
            assert found(engine) == []

    @pytest.mark.parametrize("count", [b"", b"\xff", bytes(8), None])
    async def test_a_count_that_is_none(self, count, opened, engine):
        async with opened() as store:
            files = store.file_system
            await files.write_file(A, "/a", "x" * 2 * PIECE)
            await files.fork_session(A, B)
            self.change(engine, lambda key, value: count if key[:1] == b"c" else value)
            assert "is counted as that of" in found(engine)[0]
            with pytest.raises(DataDamagedError, match="cannot be told") as caught:
                await files.fork_session(B, C)
            assert caught.value.path == "/a"
            with pytest.raises(DataDamagedError):
                await files.copy_file(B, "/a", "/b")
            await files.append_file(B, "/a", "y")  # what A has is not touched
            assert (await files.read_file(A, "/a")).content == "x" * 2 * PIECE
            assert (await files.read_file(B, "/a")).content == "x" * 2 * PIECE + "y"
            await files.write_file(B, "/a", "anew" * PIECE)
            assert await files.delete_file(B, "/a")
            assert await files.delete_file(A, "/a")
            assert await files.list_directory(A, "/") == await files.list_directory(B, "/") == []

    async def test_a_row_of_a_content_that_is_nowhere(self, opened, engine):
        async with opened() as store:
            files = store.file_system
            await files.write_file(A, "/a", "x" * (PIECE + 1))
            await files.fork_session(A, B)
            self.change(engine, lambda key, value: None if key[:1] in b"Ec" else value)
            assert len(found(engine)) == 2
            for verb, *arguments in (
                (files.read_file, B, "/a"),
                (files.append_file, B, "/a", "x"),
                (files.fork_session, B, C),
            ):
                with pytest.raises(DataDamagedError) as caught:
                    await verb(*arguments)
                assert caught.value.path == "/a"
            assert await files.purge_session(B)
            await files.write_file(A, "/a", "anew" * PIECE)
            assert found(engine) == []

    async def test_other_damage_is_found(self, opened, engine):
        async with opened() as store:
            files = store.file_system
            for name in ("other", "short", "row", "gone"):
                await files.write_file(A, f"/{name}", name[0] * 2 * PIECE)
        self.change(
            engine,
            lambda key, value: (
                {b"oo": b"O" * PIECE, b"ss": value[1:]}.get(value[:2], value)
                if key[:1] == b"E"
                else {b"row": b"\xc1", b"one": None}.get(key[-3:], value)
            ),
        )
        # So are the contents of the row that is damaged, and of the one that is gone.
        assert len(found(engine)) == 5


LAYOUT_1 = Path(__file__).with_name("layout_1.txt")


async def test_what_an_older_everstore_left_is_read_and_goes_on(opened, engine):
    """It was made before contents were shared; ``layout_1.txt`` says nothing of parts and digests."""
    pairs = [
        [*map(b64decode, pair)] for pair in json.loads(zlib.decompress(b64decode(LAYOUT_1.read_bytes())))
    ]
    engine.transact(lambda transaction: [transaction.put(*pair) for pair in pairs] and None, write=True)
    assert check(engine, deep=True) == []
    assert engine.transact(lambda transaction: transaction.get(b"l"), write=False) == b"1 64 6144"
    async with opened(secrets_keys="tests:" + b64encode(bytes(32)).decode()) as store:
        files, storage = store.file_system, store.storage
        for session in (A, B):
            number = session.int
            assert (await files.read_file(session, "/large.txt")).content == f"large {number}\n" * 2000
            assert (await files.read_bytes(session, "/dir/bytes", PIECE - 1, 2)) == bytes([number]) * 2
            assert (await files.read_file(session, "/dir/over.txt")).content == f"over {number} " * 900
            assert (await files.read_file(session, "/moved.txt")).content == "m" * 7000
            assert await storage.get_value(session, "large") == f"value {number} " * 1500
        await files.fork_session(A, C)
        await storage.fork_session(A, C)
        assert await files.diff_sessions(A, C) == await storage.diff_sessions(A, C) == []
        changed = [each.path for each in await files.diff_sessions(B, C)]
        assert changed == ["/dir/bytes", "/dir/over.txt", "/large.txt", "/small.txt"]
        for session in (A, C):
            await files.append_file(session, "/large.txt", f"{session.int}")
        assert (await files.read_file(A, "/large.txt")).content == "large 1\n" * 2000 + "1"
        assert (await files.read_file(C, "/large.txt")).content == "large 1\n" * 2000 + "3"
        assert found(engine) == []
        for session in (A, B, C):
            await files.purge_session(session)
            assert found(engine) == []
            assert await storage.purge_session(session)
        assert pieces(engine) == 0
    assert engine.transact(lambda transaction: transaction.get(b"l"), write=False) == b"2 64 6144"


class Read(SortedMap):
    """A map that counts the pieces that were looked up."""

    def __init__(self):
        super().__init__()
        self.looked_up = 0

    def transact(self, work, *, write):
        def watched(transaction):
            get = transaction.get

            def noted(key):
                self.looked_up += key[:1].isupper()
                return get(key)

            transaction.get = noted
            return work(transaction)

        return super().transact(watched, write=write)


async def test_differences_are_told_without_reading_contents(install_plugin):
    engine = Read()
    install_plugin("given", everstore_engine=lambda: engine)
    async with everstore.open_store(backend="given", log_level="off") as store:
        files = store.file_system
        for path, size in (("same", 5 * PIECE), ("small", PIECE), ("longer", PIECE), ("other", 3 * PIECE)):
            await files.write_bytes(A, path, b"x" * size)
        await files.fork_session(A, B)
        await files.append_bytes(B, "longer", b"y")
        await files.write_bytes(B, "other", b"x" * PIECE + b"y" * 2 * PIECE)
        engine.looked_up = 0
        assert [each.path for each in await files.diff_sessions(A, B)] == ["/longer", "/other"]
        assert engine.looked_up == 0
        await files.read_bytes(A, "small")
        assert engine.looked_up == 1
