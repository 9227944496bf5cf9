"""Forks, and contents in pieces, against a model that copies all: of any verbs, in any order."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everstore import SessionFile, errors, new_session_id, to_dict
from everstore.backends.memory import InMemorySessionFileStore, files, pieces, tree
from everstore.changes import Append, Write

SESSIONS = 3
PATHS = ("/a", "/a", "/b", "/d/a", "/d/e/a")  # mostly one, for much to become of it
NUMBERS = st.integers(0, SESSIONS - 1)
TEXTS = st.text("x\r\né😀", min_size=1, max_size=12) | st.sampled_from(("x" * 9, "é" * 9))
CONTENTS = TEXTS | st.binary(min_size=1, max_size=12)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), NUMBERS, st.sampled_from(PATHS), CONTENTS),
        st.tuples(st.just("append"), NUMBERS, st.sampled_from(PATHS), CONTENTS),
        st.tuples(st.just("append"), NUMBERS, st.sampled_from(PATHS), CONTENTS),
        st.tuples(st.just("abandon"), NUMBERS, st.sampled_from(PATHS), CONTENTS),
        st.tuples(st.just("edit"), NUMBERS, st.sampled_from(PATHS), TEXTS),
        st.tuples(st.just("copy"), NUMBERS, st.sampled_from(PATHS), st.sampled_from(PATHS)),
        st.tuples(st.just("move"), NUMBERS, st.sampled_from((*PATHS, "/d")), st.sampled_from(("/m", "/b"))),
        st.tuples(st.just("delete"), NUMBERS, st.sampled_from((*PATHS, "/d")), st.none()),
        st.tuples(st.just("part"), NUMBERS, st.sampled_from(PATHS), st.tuples(*2 * [st.integers(-9, 30)])),
        st.tuples(st.just("purge"), NUMBERS, st.none(), st.none()),
        st.tuples(st.just("fork"), NUMBERS, NUMBERS, st.none()),
        st.tuples(st.just("fork"), NUMBERS, NUMBERS, NUMBERS),
    ),
    min_size=8,
    max_size=25,
)


GROWN = (("write", 0, "/a", "é" * 9), ("append", 0, "/a", "x" * 9), ("fork", 0, 1, None))


@pytest.fixture(autouse=True)
def _short_pieces(monkeypatch):
    """Pieces of a few characters, so that short contents have many."""
    for module in (files, tree):
        monkeypatch.setattr(module, "LARGE", 8)
    monkeypatch.setattr(pieces, "_PIECE", 5)
    monkeypatch.setattr(pieces, "_WIDE_PIECE", 2)


class Branches:
    """Some sessions in memory, and beside them what they have: a dictionary each."""

    def __init__(self):
        self.files = InMemorySessionFileStore()
        self.ids = [new_session_id() for _ in range(SESSIONS)]
        self.model = [{} for _ in range(SESSIONS)]
        self.revisions = set()

    async def take(self, verb, number, *rest):
        await getattr(self, verb)(self.ids[number], self.model[number], *rest)

    async def write(self, session, model, path, content):
        make = self.files.write_bytes if isinstance(content, bytes) else self.files.write_file
        try:
            written = await make(session, path, content)
        except (errors.PathIsDirectoryError, errors.ParentNotDirectoryError):
            return
        self.note(written)
        make_parents(model, path)
        model[path] = content

    async def append(self, session, model, path, content):
        make = self.files.append_bytes if isinstance(content, bytes) else self.files.append_file
        try:
            info = await make(session, path, content)
        except (errors.PathIsDirectoryError, errors.ParentNotDirectoryError, errors.InvalidContentError):
            return
        self.note(info)
        make_parents(model, path)
        model[path] = model.get(path, content[:0]) + content
        assert info.size_bytes == len(bytes_of(model[path]))

    async def abandon(self, session, model, path, content):
        """A list of changes of which the last is refused."""
        changes = (Append(path, str(content)), Write("/f", "x"), Write("/f/no", "x"))
        with pytest.raises(errors.EverstoreError):
            await self.files.apply(session, changes)

    async def edit(self, session, model, path, old):
        try:
            edited = await self.files.edit_file(session, path, old, "<é>", replace_all=True)
        except errors.EverstoreError:
            assert not isinstance(model.get(path), str) or old not in model[path]
            return
        self.note(edited)
        model[path] = model[path].replace(old, "<é>")
        assert edited.content == model[path]

    async def copy(self, session, model, path, to):
        try:
            self.note(await self.files.copy_file(session, path, to, overwrite=True))
        except errors.EverstoreError:
            return
        make_parents(model, to)
        model.update({to + each.removeprefix(path): model[each] for each in at_and_below(model, path)})

    async def move(self, session, model, path, to):
        try:
            self.note(await self.files.move_file(session, path, to, overwrite=True))
        except errors.EverstoreError:
            return
        moved = {each: model.pop(each) for each in at_and_below(model, path)}
        model.update({to + each.removeprefix(path): content for each, content in moved.items()})

    async def delete(self, session, model, path, _):
        was_there = await self.files.delete_file(session, path, recursive=True)
        assert was_there == (path in model)
        for each in at_and_below(model, path):
            del model[each]

    async def part(self, session, model, path, span):
        start, length = span
        part = await self.files.read_bytes(session, path, start, None if length < 0 else length)
        content = model.get(path)
        if content is None:
            assert part is None
        else:
            data = bytes_of(content)[start:]
            assert part == (data if length < 0 else data[:length])

    async def purge(self, session, model, _path, _):
        assert await self.files.purge_session(session) == bool(model)
        model.clear()

    async def fork(self, session, model, target, replaced):
        numbers = {number for number in (target, replaced) if number is not None}
        if self.ids[target] == session or len(numbers) != 1 + (replaced is not None):
            return
        if replaced is not None and self.ids[replaced] == session:
            return
        ids = (session, self.ids[target])
        kwargs = {} if replaced is None else {"replaced": self.ids[replaced]}
        if self.model[target if replaced is None else replaced]:
            with pytest.raises(errors.SessionNotEmptyError):
                await self.files.fork_session(*ids, **kwargs)
            return
        await self.files.fork_session(*ids, **kwargs)
        if replaced is not None:
            self.model[replaced] = dict(self.model[target])
        self.model[target] = dict(model)

    def note(self, record):
        assert record.revision not in self.revisions
        self.revisions.add(record.revision)

    async def agree(self):
        """What every session shows is what the model has."""
        for session, model in zip(self.ids, self.model, strict=True):
            listed = await self.files.list_tree(session)
            assert [info.path for info in listed] == sorted(model)
            for info in listed:
                read = await self.files.read_file(session, info.path)
                assert read.info() == info
                assert read == plain(read)
                assert msgspec.json.encode(read) == msgspec.json.encode(plain(read))
                assert read.session_id == session
                assert shown(read) == model[info.path]
            usage = await self.files.usage(session)
            assert usage.files + usage.directories == len(model)
            assert usage.bytes == sum(len(bytes_of(each)) for each in model.values() if each is not None)
            found = await self.files.grep_files(session, "é")
            assert [(match.path, match.line_number) for match in found] == lines_with(model, "é")
        held = [session for session, model in zip(self.ids, self.model, strict=True) if model]
        assert await self.files.session_ids() == sorted(held)

    async def differ(self):
        """Every two sessions differ as their models do."""
        for one, ours in zip(self.ids, self.model, strict=True):
            for other, theirs in zip(self.ids, self.model, strict=True):
                if one == other:
                    continue
                changes = await self.files.diff_sessions(one, other)
                assert [(change.path, change.kind) for change in changes] == sorted(difference(ours, theirs))
                for change in changes:
                    for session, info in ((one, change.before), (other, change.after)):
                        there = await self.files.read_file(session, change.path)
                        assert info == (there and there.info())
                if len(changes) > 1:
                    later = await self.files.diff_sessions(one, other, after=changes[0].path, limit=1)
                    assert later == changes[1:2]


def at_and_below(model, path):
    return [each for each in model if f"{each}/".startswith(f"{path}/")]


def make_parents(model, path):
    while path := path.rpartition("/")[0]:
        model.setdefault(path, None)


def bytes_of(content):
    return content.encode() if isinstance(content, str) else content


def shown(file):
    if file.is_directory:
        return None
    return file.content if file.encoding == "text" else file.data


def plain(file):
    """The same record with its content as a user might make it."""
    content = file.content if file.encoding == "text" else b64encode(file.data).decode()
    return SessionFile(*msgspec.structs.astuple(file)[:-2], content, file.encoding)


def lines_with(model, text):
    return [
        (path, number)
        for path in sorted(model)
        if isinstance(model[path], str)
        for number, line in enumerate(model[path].split("\n"), 1)
        if text in line
    ]


def difference(ours, theirs):
    for path in ours.keys() | theirs.keys():
        if path not in theirs:
            yield path, "removed"
        elif path not in ours:
            yield path, "added"
        elif ours[path] != theirs[path]:
            yield path, "changed"


@settings(max_examples=300)
@given(STEPS)
def test_branches_are_what_copies_would_be(steps):
    async def run():
        branches = Branches()
        for step in (*GROWN, *steps):
            await branches.take(*step)
        await branches.differ()
        await branches.agree()
        await branches.differ()

    asyncio.run(run())


@pytest.mark.parametrize("start", ["x" * 9, "é" * 9, b"\0" * 9])
async def test_what_grew_out_of_the_same_grows_apart(start):
    branches = Branches()
    more = "é" * 9 if isinstance(start, str) else b"\1" * 9
    for step in (
        ("write", 0, "/a", start),
        ("append", 0, "/a", more),
        ("fork", 0, 1, None),
        ("copy", 0, "/a", "/b"),
        ("append", 0, "/a", more[:1] + start),
        ("append", 1, "/a", more[:2] + start),
        ("append", 0, "/b", more[:3] + start),
        ("abandon", 0, "/b", start),
        ("append", 0, "/b", more),
    ):
        await branches.take(*step)
        await branches.agree()
        await branches.differ()


async def test_what_is_read_of_pieces_is_a_plain_record(session_id):
    store = InMemorySessionFileStore()
    for content in ("x" * 20, "é" * 20):
        await store.write_file(session_id, "/a", content)
        await store.append_file(session_id, "/a", content)
        read = await store.read_file(session_id, "/a")
        assert type(read) is SessionFile
        assert read.content == 2 * content
        assert read == plain(read)
        assert (repr(read), hash(read)) == (repr(plain(read)), hash(plain(read)))
        assert to_dict(read) == to_dict(plain(read))
        assert msgspec.json.decode(msgspec.json.encode(read), type=SessionFile) == read


async def test_pieces_for_ranges_are_made_once(session_id, monkeypatch):
    made = []

    async def in_pieces(file):
        made.append(file)
        return await pieces.in_pieces(file)

    monkeypatch.setattr(files, "in_pieces", in_pieces)
    store = InMemorySessionFileStore()
    fork, looked_at = new_session_id(), new_session_id()
    await store.write_file(session_id, "/a", "é" * 20)
    await store.fork_session(session_id, fork)
    await store.fork_session(session_id, looked_at)
    await store.write_file(looked_at, "/b", "x")
    for number, session in enumerate((session_id, fork, looked_at), 1):
        for start in range(40):
            assert await store.read_bytes(session, "/a", start, 3) == ("é" * 20).encode()[start : start + 3]
        assert len(made) == number
        assert (await store.read_file(session, "/a")).content == "é" * 20


async def test_appending_to_base64_keeps_the_bytes(session_id):
    store = InMemorySessionFileStore()
    await store.write_file(session_id, "/a", b64encode(b"\0\xff" * 20).decode(), "base64")
    for _ in range(3):
        await store.append_file(session_id, "/a", b64encode(b"\xfe").decode(), "base64")
        await store.append_bytes(session_id, "/a", b"\1" * 7)
    read = await store.read_file(session_id, "/a")
    assert read.data == b"\0\xff" * 20 + 3 * (b"\xfe" + b"\1" * 7)
    assert read.encoding == "base64"
    assert await store.read_bytes(session_id, "/a", -9, 4) == read.data[-9:-5]
    assert await store.grep_files(session_id, "x") == []
