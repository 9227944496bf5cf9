"""Contents that rows share: forks of forks against a model, and that nothing is left that nobody has."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from everstore_sorted_map import SortedMap

import everstore
from everstore.engine import faults
from everstore.errors import SessionNotEmptyError

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
