"""As much as a long session holds: thousands of entries and keys, and more content than fits one buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everstore.conformance.acts import LOOKING
from everstore.conformance.case import each, gather, refused
from everstore.conformance.checks.growing import require_no_growth
from everstore.conformance.kinds import encoded
from everstore.conformance.registry import check, product, table
from everstore.conformance.residue import left_behind
from everstore.conformance.scene import Scene
from everstore.errors import QuotaExceededError
from everstore.models import Session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.acts import Act
    from everstore.conformance.case import Case
    from everstore.conformance.registry import Facts
    from everstore.models import Encoding
    from everstore.session import BoundSession

    Put = Callable[[BoundSession, str], Awaitable[Any]]

_MIB = 1 << 20
_CONTENT = 64 * _MIB
_ENTRIES = 12_000
_KEYS = 20_000
_RECORDS = 3000
_RECORD_NS = 1_700_000_000_000_000_000
_LOOKS = 13_000  # enough for 126 slots, a hundred looks each
_CHANGES = 2000
_ON_REQUEST: Facts = {"level": "standard", "since": "1.1", "tags": ("large",), "needs": ("large",)}

_NAMES = [f"{number:05}" for number in range(_KEYS)]
_TREE = [f"{number // 400:02}/{number % 400:03}" for number in range(_ENTRIES)]


def _shuffled(case: Case, names: list[str]) -> list[str]:
    return case.random.sample(names, len(names))


@check(
    "large.directory",
    "3.6.1", "3.6.2", "3.8.7", "5.5.1",
    likely="a listing, or what a delete takes, ends at some number of rows",
    **_ON_REQUEST,
)  # fmt: skip
async def directory(case: Case) -> None:
    """A directory of 12,000 files is listed whole and in order, also with gaps, and deleted."""
    names = _NAMES[:_ENTRIES]
    with case.trace.paused():
        await each(lambda name: case.files.write_file(f"d/{name}", name), _shuffled(case, names))
        await case.files.write_file("kept", "x")
        assert [info.name for info in await case.files.list_directory("d")] == names
        assert [info.name for info in await case.files.glob_files("/d/*")] == names
        answers = await each(lambda name: case.files.delete_file(f"d/{name}"), names[::3])
        assert set(answers) == {True}
        left = [name for number, name in enumerate(names) if number % 3]
        assert [info.name for info in await case.files.list_directory("d")] == left
        assert await case.files.delete_file("d", recursive=True) is True
        assert await case.paths() == ["/kept"]


async def _copied(case: Case, paths: list[str]) -> None:
    await case.files.copy_file("d", "e")
    found = await case.files.glob_files("**")
    assert [info.path for info in found] == [f"/{top}/{path}" for top in "de" for path in paths]
    assert len({info.id for info in found}) == len(found)


async def _moved(case: Case, paths: list[str]) -> None:
    before = [info.id for info in await case.files.glob_files("d/**")]
    await case.files.move_file("d", "e")
    found = await case.files.glob_files("**")
    assert [info.path for info in found] == [f"/e/{path}" for path in paths]
    assert [info.id for info in found] == before


async def _found(case: Case, paths: list[str]) -> None:
    found = await case.files.grep_files("LINE", ignore_case=True, before=1)
    assert [(match.path, match.line, match.line_number) for match in found] == [
        (f"/d/{path}", f"line {path}", 2) for path in paths
    ]
    most = await case.files.grep_files("line", limit=_ENTRIES - 1)
    assert [match.path for match in most] == [f"/d/{path}" for path in paths[:-1]]


async def _purged(case: Case, _paths: list[str]) -> None:
    assert await case.store.file_system.purge_session(case.id) is True
    assert await case.paths() == []
    assert await case.store.file_system.purge_session(case.id) is False


@table(
    "large.tree.{row}",
    "4.5.3", "4.5.9", "5.1.1", "5.5.1", "1.5.1",
    rows={"copy": (_copied,), "move": (_moved,), "grep": (_found,), "purge": (_purged,)},
    likely="a batch of the storage's is taken, and the rest is left, lost or not looked at",
    **_ON_REQUEST,
)  # fmt: skip
async def tree(case: Case, do: Callable[[Case, list[str]], Awaitable[None]]) -> None:
    """A tree of 12,000 files in thirty directories is taken whole: {row}."""
    with case.trace.paused():
        await each(
            lambda path: case.files.write_file(f"d/{path}", f"first\nline {path}\n"), _shuffled(case, _TREE)
        )
        await do(case, _TREE)
        if await case.files.stat_file("e") is not None:
            last = await case.read(f"e/{_TREE[-1]}")
            assert last.content == f"first\nline {_TREE[-1]}\n"


async def _values(one: BoundSession) -> list[str]:
    return [info.key for info in await one.storage.list_keys()]


async def _secrets(one: BoundSession) -> list[str]:
    return [info.name for info in await one.storage.list_secrets()]


@table(
    "large.keys.{row}",
    "6.1.3", "6.2.2", "1.5.1",
    rows={
        "values": (lambda one, name: one.storage.set_value(name, name), _values),
        "secrets": (lambda one, name: one.storage.set_secret(name, name), _secrets),
    },
    likely="a listing, or a batch of what is deleted, ends at some number of rows",
    **_ON_REQUEST,
)  # fmt: skip
async def keys(case: Case, put: Put, listed: Callable[[BoundSession], Awaitable[list[str]]]) -> None:
    """Twenty thousand of one session are listed in order, and go with it: {row}."""
    one, other = case.store.session(case.id), case.session()
    with case.trace.paused():
        await put(other, "kept")
        await each(lambda name: put(one, name), _shuffled(case, _NAMES))
        assert await listed(one) == _NAMES
        assert await case.store.delete_session(case.id) is True
        assert await listed(one) == []
        assert await case.store.delete_session(case.id) is False
        assert await listed(other) == ["kept"]


@check(
    "large.records",
    "1.4.5", "1.4.6", "1.4.8",
    likely="a page that begins where many records are of one time skips some",
    **_ON_REQUEST,
)  # fmt: skip
async def records(case: Case) -> None:
    """Three thousand session records, many of one time, are listed over all pages, newest first."""
    made = [Session(case.new_id(), None, _RECORD_NS + number // 700) for number in range(_RECORDS)]
    ours = {record.id for record in made}
    with case.trace.paused():
        by_id = {str(record.id): record for record in made}
        await each(lambda name: case.store.sessions.add_session(by_id[name]), _shuffled(case, list(by_id)))
        found: list[Session] = []
        after = Session(case.id, None, _RECORD_NS + _RECORDS)
        while True:
            page = await case.store.sessions.list_sessions(limit=250, after=after)
            found += [record for record in page if record.id in ours]
            if len(page) < 250:
                break
            after = page[-1]
    assert found == sorted(made, key=lambda record: (record.created_ns, record.id.bytes), reverse=True)


@table(
    "large.content.{row}",
    "3.3.1", "3.3.2", "3.3.5", "4.5.1", "5.6.1",
    rows={"text": ("text",), "base64": ("base64",)},
    likely="content is cut, or one of the verbs fails, past some number of megabytes",
    **_ON_REQUEST,
)  # fmt: skip
async def content(case: Case, encoding: Encoding) -> None:
    """Content of 64 MiB, in one file where it may be so large, comes back, and is appended to: {row}."""
    size = min(_CONTENT, (case.capabilities.max_file_bytes or _CONTENT) - _MIB)
    line = "".join(case.random.choices("0123456789 \u00e9", k=1000)) + "\n"
    text = (line * (size // len(line.encode()) + 1)).encode()[: size - 20].decode(errors="ignore") + "\nlast"
    data = text if encoding == "text" else encoded(text, encoding)
    names = [f"{number}" for number in range(-(-_CONTENT // size))]
    with case.trace.paused():
        for name in names:
            written = await case.files.write_file(name, data, encoding)
            assert written.size_bytes == len(text.encode())
        for name in names:
            assert (await case.read(name)).content == data, "what was read back differs"
        grown = await case.files.append_file("0", encoded("!", encoding), encoding)
        assert grown.size_bytes == len(text.encode()) + 1
        await case.files.copy_file("0", "copy")
        copied = await case.read("copy")
        assert copied.content == encoded(f"{text}!", encoding), "the copy differs"
        if encoding == "text":
            await _searched(case, text)


async def _searched(case: Case, text: str) -> None:
    last = text.count("\n") + 1
    read = await case.files.read_lines("copy", last)
    assert read is not None
    assert [(one.number, one.text) for one in read.lines] == [(last, "last!")]
    found = await case.files.grep_files("last!")
    assert [(match.path, match.line_number) for match in found] == [("/0", last), ("/copy", last)]
    edited = await case.files.edit_file("0", "\nlast!", "")
    assert edited.size_bytes == len(text.removesuffix("\nlast").encode())


@table(
    "large.usage.{row}",
    "7.4.1", "7.4.2",
    rows={
        "entries": (
            {"session_entries": _ENTRIES},
            _NAMES[:_ENTRIES],
            lambda one, name: one.files.write_file(name, ""),
            lambda one, name: one.files.delete_file(name),
        ),
        "bytes": (
            {"session_bytes": _CONTENT},
            _NAMES[: _CONTENT // _MIB],
            lambda one, name: one.files.write_file(name, "x" * _MIB),
            lambda one, name: one.files.delete_file(name),
        ),
        "keys": (
            {"session_keys": _KEYS},
            _NAMES,
            lambda one, name: one.storage.set_value(name, ""),
            lambda one, name: one.storage.delete_value(name),
        ),
        "value_bytes": (
            {"session_value_bytes": (_MIB + 5) * 64},
            _NAMES[:64],
            lambda one, name: one.storage.set_value(name, "x" * _MIB),
            lambda one, name: one.storage.delete_value(name),
        ),
    },
    likely="what there is, is counted up to some number, or the count drifts from what is there",
    **_ON_REQUEST,
)  # fmt: skip
async def usage(case: Case, limits: dict[str, int], names: list[str], put: Put, remove: Put) -> None:
    """What a large limit allows is kept, one more is refused, and fits when one is gone: {row}."""
    store = await case.open(**{f"limits__{name}": most for name, most in limits.items()})
    one = store.session(case.id)
    # Who counts at each write all that is there would take long to fill it under a limit.
    filling = case.store.session(case.id) if case.capabilities.shared else one
    with case.trace.paused():
        for _ in range(2):
            await each(lambda name: put(filling, name), _shuffled(case, names))
            for gone in (names[0], names[-1]):
                with refused(QuotaExceededError):
                    await put(one, "extra")
                await remove(one, gone)
                await put(one, gone)
            await store.delete_session(case.id)
        await put(one, "extra")


@product(
    "large.calls.{act}",
    "7.3.1",
    likely="now and then a slot, a cursor or a connection is not given back, until none is left",
    **_ON_REQUEST,
)
async def calls(case: Case, act: Act) -> None:
    """Thousands of calls of one kind use nothing up: {act}."""
    scene = Scene(case.store, case.id)
    await scene.fill()
    times = _LOOKS if act in LOOKING.values() else _CHANGES
    with case.trace.paused():
        before = left_behind()
        await each(lambda _: gather(act.call(scene)), [""] * times)
        await require_no_growth(before)
        after = Scene(case.store, case.new_id())
        await after.fill()
        answered = await gather(*(one.call(after) for one in LOOKING.values()))
    failed = [type(answer).__name__ for answer in answered if isinstance(answer, BaseException)]
    assert failed == []
