"""What the tests of policies share: trees and calls at random, and answers that can be compared."""

from __future__ import annotations

from random import Random
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import strategies as st

import everstore
from everstore import InitialFile, errors
from everstore.changes import (
    Append,
    AppendBytes,
    CompareAndWrite,
    Copy,
    Delete,
    Edit,
    MakeDirectory,
    Move,
    Write,
    WriteBytes,
)

SESSION, OTHER = UUID(int=7 << 76 | 1), UUID(int=7 << 76 | 2)
NAMES = ["a", "b", "c.txt", ".git"]
TEXTS = ["", "x", "x\ny\n", "one\nx y\nx\n", "z\nx\n" * 3]
GLOBS = [
    *("a", "*.txt", ".git", "**", "/a/**", "/a/*", "a/b/**", "/a/c.txt", "/*/b", "/*/b/**", "**/c.txt"),
    *("/b/{a,b}/**", "{a,c.txt}", "/a*/**", "/[ab]/c.txt", "/b", "b/**/c.txt", "/c.txt", "./c.txt", "/a/a"),
]

Tree = dict[str, str | None]
SEEDS = st.integers(0, 1 << 32).map(Random)


def path_of(random: Random) -> str:
    """The path of an entry, at most three levels deep."""
    return "".join(f"/{random.choice(NAMES)}" for _ in range(random.choice([1, 2, 2, 3])))


def place_of(random: Random) -> str:
    """A path, or the root."""
    return path_of(random) if random.random() < 0.9 else "/"


def tree_of(random: Random) -> Tree:
    """Texts by path, and directories as ``None``; of what is in each other's way the first counts."""
    paths = [path_of(random) for _ in range(random.choice([6, 12, 30]))]
    paths.sort(key=lambda path: (-path.count("/"), path) if random.random() < 0.8 else (0, path))
    return {path: None if random.random() < 0.2 else random.choice(TEXTS) for path in paths}


def globs_of(random: Random) -> list[str]:
    """Some globs, or none."""
    return random.sample(GLOBS, random.choice([0, 1, 1, 2]))


def look_of(random: Random) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """A verb that looks, with its arguments."""

    def some(**options: Any) -> dict[str, Any]:
        return {name: value for name, value in options.items() if random.random() < 0.5}

    def number(low: int, high: int) -> int:
        return random.randint(low, high)

    looks: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("read_file", (place_of(random),), some(strict=True)),
        ("list_directory", (place_of(random),), some(strict=True)),
        ("stat_file", (place_of(random),), {}),
        ("read_bytes", (place_of(random), number(-4, 4)), some(length=number(0, 3))),
        ("read_lines", (place_of(random), random.choice([-2, 1, 2])), some(limit=number(0, 3))),
        (
            "list_tree",
            (random.choice(["/", "/a", place_of(random)]),),
            some(depth=number(1, 3), after=place_of(random), limit=number(0, 5)),
        ),
        ("glob_files", (random.choice(GLOBS),), {}),
        (
            "grep_files",
            (random.choice(["x", "", "y"]), random.choice([None, *GLOBS, "/a", ".txt"])),
            some(regex=True, ignore_case=True, before=number(0, 2), after=number(0, 2), limit=number(0, 6)),
        ),
        ("usage", (), {}),
    ]
    return random.choice(looks)


def change_of(random: Random) -> Any:
    """A change; half of them take trees."""
    path, other, text = path_of(random), path_of(random), random.choice(TEXTS)
    yes = random.random() < 0.5
    changes: list[Any] = [
        Write(path, text, if_absent=yes),
        WriteBytes(path, text.encode(), None if yes else "1"),
        CompareAndWrite(path, random.choice(TEXTS), "text", text, "text"),
        Edit(path, random.choice(["x", "y\n"]), text, yes),
        Append(path, text),
        AppendBytes(path, text.encode()),
        MakeDirectory(path, yes),
    ]
    takes = [
        Delete(place_of(random), random.random() < 0.8, yes),
        Copy(path, other, yes),
        Move(path, other, yes),
    ]
    return random.choice(takes if random.random() < 0.6 else changes)


def call_at_random(random: Random) -> Any:
    """A change, or several as ``apply_changes`` takes them."""
    if random.random() < 0.7:
        return change_of(random)
    several = [change_of(random) for _ in range(random.randint(1, 3))]
    return [change for change in several if not isinstance(change, CompareAndWrite)]


class Switch:
    """Whether a policy is about any session now: the host looks while it is not."""

    on = False

    def __call__(self, _session_id: UUID) -> bool:
        return self.on


async def plant(store: everstore.Store, tree: dict[str, str | None], session_id: UUID = SESSION) -> None:
    """Put files, and directories where ``None`` is, wherever they can be."""
    for path, text in tree.items():
        try:
            if text is None:
                await store.file_system.create_directory(session_id, path)
            else:
                await store.file_system.seed_initial_file(session_id, InitialFile(path, text))
        except OSError:  # something is in the way
            continue


async def answer(call: Any) -> Any:
    """What a call answers or raises, without what differs between two stores."""
    try:
        return plain(await call)
    except errors.EverstoreError as error:
        facts = {
            name: value
            for name, value in error.facts.items()
            if name not in {"current_revision", "expected_revision"}
        }
        text = "" if isinstance(error, errors.RevisionConflictError) else str(error)
        return type(error).__name__, text, facts


def is_refused(told: Any, by: str = "") -> bool:
    """Whether that is an error, or the one of this name."""
    return isinstance(told, tuple) and isinstance(told[0], str) and told[0].endswith(by or "Error")


def plain(found: Any) -> Any:
    """An answer without times, revisions and numbers."""
    if isinstance(found, list):
        return [plain(each) for each in found]
    if isinstance(found, msgspec.Struct):
        drop = {"version", "created_ns", "updated_ns", "serial", "last_write_ns", "revision", "session_id"}
        return type(found).__name__, {
            name: plain(getattr(found, name)) for name in found.__struct_fields__ if name not in drop
        }
    return found


def call_of(store: everstore.Store, change: Any, session_id: UUID = SESSION) -> Any:
    """A change as the call of its verb, a list of them as ``apply_changes``."""
    if isinstance(change, list):
        return store.file_system.apply_changes(session_id, change)
    return getattr(store.file_system, change.verb)(session_id, **msgspec.structs.asdict(change))


async def whole(store: everstore.Store, session_id: UUID = SESSION) -> dict[str, tuple[Any, ...]]:
    """All that a session has: the content and the revision of each, by path."""
    found = {}
    for info in await store.file_system.list_tree(session_id):
        file = await store.file_system.read_file(session_id, info.path)
        assert file is not None
        found[info.path] = file.content, info.revision
    return found
