"""Contents that several entries have, and contents in chunks: nothing leaks, is lost, or is another."""

from __future__ import annotations

import asyncio
import random
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from everstore import new_session_id
from everstore.errors import DataDamagedError
from everstore.session_limits import SessionLimits
from everstore_sqlite.checking import looked_at, problems_of
from everstore_sqlite.contents import CHUNK_BYTES, INLINE_BYTES

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    import everstore

HELD = ("entries", "contents", "shares", "chunks", "pieces", "origins", "trees")
SIZES = (0, 5, 1000, INLINE_BYTES, INLINE_BYTES + 1, 3 * CHUNK_BYTES, 4 * CHUNK_BYTES - 1)


def found_wrong(path: Path) -> list[str]:
    """What ``check --deep`` knows of the rows."""
    with closing(looked_at(path)) as connection:
        return problems_of(connection)


def left(raw) -> dict[str, int]:
    """How many rows of each table there are, without those that have none."""
    counts = {table: raw(f"SELECT count(*) FROM {table}")[0][0] for table in HELD}
    return {table: count for table, count in counts.items() if count}


def text_of(chance: random.Random, size: int) -> str:
    """Characters of one to four bytes, in lines, so that chunks end within one."""
    words = ["plain ", "größe\n", "数据库 ", "🦄🦄\r\n", "x" * 30]
    return "".join(chance.choices(words, k=size // 9))


class Machine:
    """Some sessions, what each holds, and verbs at random."""

    def __init__(self, store: everstore.Store, chance: random.Random) -> None:
        self.files = store.file_system
        self.chance = chance
        self.held: dict[UUID, dict[str, str]] = {new_session_id(): {}}

    def place(self) -> str:
        return f"/{self.chance.choice('ab')}/{self.chance.choice('abc')}"

    async def step(self) -> None:
        session = self.chance.choice([*self.held])
        held, path, other = self.held[session], self.place(), self.place()
        text = text_of(self.chance, self.chance.choice(SIZES))
        match self.chance.choice(["write", "append", "append", "edit", "copy", "move", "delete", *"ffrp"]):
            case "write":
                await self.files.write_file(session, path, text)
                held[path] = text
            case "append":
                more = text[: self.chance.choice((1, 10, 100_000))]
                info = await self.files.append_file(session, path, more)
                held[path] = held.get(path, "") + more
                assert info.size_bytes == len(held[path].encode())
            case "edit" if "x" * 30 in held.get(path, ""):
                await self.files.edit_file(session, path, "x" * 30, "y" * 30, replace_all=True)
                held[path] = held[path].replace("x" * 30, "y" * 30)
            case "copy" if path in held and path != other:
                await self.files.copy_file(session, path, other, overwrite=True)
                held[other] = held[path]
            case "move" if path in held and path != other:
                await self.files.move_file(session, path, other, overwrite=True)
                held[other] = held.pop(path)
            case "delete":
                await self.files.delete_file(session, "/a", recursive=True)
                self.held[session] = {name: text for name, text in held.items() if not name.startswith("/a/")}
            case "f":
                target = new_session_id()
                await self.files.fork_session(session, target)
                self.held[target] = dict(held)
            case "r":
                target, replaced = self.chance.choice([*self.held]), new_session_id()
                if target != session:
                    await self.files.fork_session(session, target, replaced=replaced)
                    self.held[replaced], self.held[target] = self.held[target], dict(held)
            case "p" if len(self.held) > 1:
                await self.files.purge_session(session)
                del self.held[session]

    async def look(self) -> None:
        """All is what it should be: as a whole, in part, and compared."""
        for session, held in self.held.items():
            for path, text in held.items():
                assert (await self.files.read_file(session, path)).content == text
                data, start = text.encode(), self.chance.randint(0, len(text) + 1)
                length = self.chance.choice((1, 1000, CHUNK_BYTES, None))
                end = None if length is None else start + length
                assert await self.files.read_bytes(session, path, start, length) == data[start:end]
            listed = await self.files.list_tree(session)
            assert {info.path for info in listed if not info.is_directory} == {*held}
        one, other = self.chance.choice([*self.held]), self.chance.choice([*self.held])
        a, b = self.held[one], self.held[other]
        different = sorted(path for path in a.keys() | b.keys() if a.get(path) != b.get(path))
        found = await self.files.diff_sessions(one, other)
        files = [change.path for change in found if not (change.after or change.before).is_directory]
        assert files == different


@pytest.mark.parametrize("index", [False, True])
@pytest.mark.parametrize("seed", range(4))
async def test_verbs_at_random(opened, path, raw, seed, index):
    chance = random.Random(seed)
    async with opened(search_index=index) as store:
        machine = Machine(store, chance)
        for _ in range(20):
            for _ in range(6):
                await machine.step()
            await machine.look()
        assert found_wrong(path) == []
        for session, held in machine.held.items():
            found = await store.file_system.grep_files(session, "größe", limit=10**6)
            assert {match.path for match in found} == {name for name, text in held.items() if "größe" in text}
        for session in chance.sample([*machine.held], k=len(machine.held)):
            await store.file_system.purge_session(session)
        while index and raw("SELECT 1 FROM search_stale LIMIT 1"):  # noqa: ASYNC110 - a thread does it
            await asyncio.sleep(0.01)
        assert left(raw) == {}
        assert found_wrong(path) == []


FOUND = {
    "contents without a file": "INSERT INTO contents VALUES (99, 1, x'61')",
    "files without content": "UPDATE entries SET content = 99 WHERE content IS NOT NULL",
    "entries whose content has no number": "UPDATE entries SET content = 'x' WHERE content IS NOT NULL",
    "contents of numbers that are still to be given out": "UPDATE trees SET last = 1",
    "contents of a place that their session does not know of": "DELETE FROM origins",
    "contents and chunks that are not counted by how many have them": "UPDATE shares SET refs = 7",
    "chunks that are missing or none": "DELETE FROM chunks",
    "chunks without a content": "INSERT INTO chunks VALUES (99, x'61')",
    "chunks that are not what was written": "UPDATE chunks SET data = zeroblob(length(data))",
    "contents that are not what was written": "UPDATE contents SET is_text = 0 WHERE data = x''",
    "files whose size is not that of their content": "DELETE FROM pieces",
}


@pytest.mark.parametrize("what", FOUND)
async def test_a_check_finds_what_does_not_fit(store, work, path, raw, what):
    await work.files.write_file("small", "x")
    await work.files.write_file("large", "x" * 200_000)
    await store.file_system.fork_session(work.id, new_session_id())
    assert found_wrong(path) == []
    raw(FOUND[what])
    assert any(f" {what}: the first is " in line for line in found_wrong(path))


async def test_what_a_fork_takes_from_its_source(store, raw):
    """Limits where it has none; and of contents, none is written."""
    files = store.file_system
    source, target, limited = [(await store.create_session()).id for _ in range(3)]
    await files.limit_session(source, SessionLimits(session_entries=9))
    await files.limit_session(limited, SessionLimits(session_entries=8))
    for number in range(3):
        await files.write_file(source, f"/{number}", f"{number}" * 100_000)
    before = raw("SELECT count(*) FROM contents"), raw("SELECT count(*) FROM chunks")
    for fork in (target, limited):
        await files.fork_session(source, fork)
        assert (await files.usage(fork)).bytes == 300_000
    assert before == (raw("SELECT count(*) FROM contents"), raw("SELECT count(*) FROM chunks"))
    assert raw("SELECT most FROM session_limits ORDER BY most") == [(8,), (9,), (9,)]


async def test_what_is_large_is_written_where_it_changes(work, raw):
    """An append and an edit leave the chunks before them; and behind, where nothing moved."""
    text = "".join(f"{number:07}\n" for number in range(50_000))
    await work.files.write_file("large", text)
    first = raw("SELECT chunk FROM pieces ORDER BY number")
    await work.files.append_file("large", "more")
    assert raw("SELECT chunk FROM pieces ORDER BY number") == first
    await work.files.edit_file("large", "0020000\n", "changed\n")
    after = raw("SELECT chunk FROM pieces ORDER BY number")
    assert sum(one != other for one, other in zip(first, after, strict=True)) == 1
    await work.files.copy_file("large", "copy")
    await work.files.append_file("copy", "again")
    assert raw("SELECT count(*) FROM chunks") == [(len(first) + 1,)]
    expected = text.replace("0020000\n", "changed\n") + "more"
    assert (await work.files.read_file("large")).content == expected
    assert (await work.files.read_file("copy")).content == f"{expected}again"


async def test_what_is_small_is_told_apart_by_itself(store, work, raw):
    """By bytes and encoding, whatever digest it had once; and nothing is told of what is damaged."""
    files, fork = store.file_system, new_session_id()
    await work.files.write_file("a", "one")
    await work.files.write_file("b", "two")
    await files.fork_session(work.id, fork)
    raw("UPDATE entries SET digest = x'0101'")  # as versions did that had one of each content

    async def different() -> list[str]:
        return [change.path for change in await files.diff_sessions(work.id, fork)]

    await files.write_file(fork, "/a", "two")
    await files.write_file(fork, "/b", "two")
    assert await different() == ["/a"]
    await files.write_bytes(fork, "/b", b"two")
    assert await different() == ["/a", "/b"]
    await files.write_file(fork, "/b", "two")
    await files.write_file(fork, "/a", "one")
    assert await different() == []
    for damage in ("UPDATE contents SET data = 'one' WHERE data = x'6F6E65'", "DELETE FROM contents"):
        raw(damage)
        with pytest.raises(DataDamagedError):
            await different()


async def test_what_a_session_was_rewound_from_is_not_kept_for_ever(store, raw):
    session = (await store.create_session("rewound")).id
    work = store.session(session)
    for number in range(5):
        await work.files.write_file("a.txt", f"{number}")
        await store.rewind(session, await store.checkpoint(session))
    for checkpoint in await store.list_checkpoints(session):
        await store.delete_checkpoint(checkpoint)
    # Where its contents may be of: its own place alone, which a fork of what it was has noted.
    assert raw("SELECT count(*) FROM origins") in ([(0,)], [(1,)])
