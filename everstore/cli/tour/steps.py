"""What the tour does, step by step, and what each answer must be.

A step is two functions. The first one is shown line by line as it runs. The second one never asks
everstore: it says from the scene's books what the answer must be, and moves the books on.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from everstore.cli.tour.guide import Step, listed
from everstore.cli.tour.scene import numbered_lines
from everstore.errors import (
    InvalidPathError,
    ReadOnlyFileError,
    RevisionConflictError,
    SecretsKeyMissingError,
    UnsupportedError,
)
from everstore.wording import counted

if TYPE_CHECKING:
    from uuid import UUID

    from everstore.cli.tour.scene import Scene
    from everstore.models import InitialFile, SessionFile
    from everstore.session import BoundFiles, BoundStorage
    from everstore.store import Store

__all__ = ["REMOVAL", "STEPS"]

_MOST_MATCHES = 1000
_AGENTS = 20


def sha256(file: SessionFile | None) -> str:
    """The digest of a file's real bytes; empty for what is missing or a directory."""
    if file is None or file.data is None:
        return ""
    return hashlib.sha256(file.data).hexdigest()


async def _write(files: BoundFiles, plan: str, plan_text: str) -> object:
    file = await files.write_file(plan, plan_text)
    return file.path, file.size_bytes


def _written(scene: Scene) -> object:
    scene.known[scene.plan] = scene.plan_text.encode()
    return scene.plan, len(scene.known[scene.plan])


async def _look_around(files: BoundFiles) -> object:
    return [info.name for info in await files.list_directory("/")]


def _top_names(scene: Scene) -> object:
    return sorted({path.split("/")[1] for path in scene.known})


async def _tree(files: BoundFiles) -> object:
    return [info.path for info in await files.glob_files("**")]


def _all_paths(scene: Scene) -> object:
    return scene.paths


async def _read(files: BoundFiles, path: str) -> object:
    file = await files.read_file(path)
    return file and file.content


def _content(scene: Scene) -> object:
    return scene.text(scene.path)


async def _read_everything(files: BoundFiles, paths: list[str]) -> object:
    return {name: sha256(await files.read_file(name)) for name in paths}


def _digests(scene: Scene) -> object:
    return {path: hashlib.sha256(data).hexdigest() for path, data in scene.known.items()}


async def _read_lines(files: BoundFiles, path: str) -> object:
    page = await files.read_lines(path, start=2, limit=3)
    return page and [(line.number, line.text) for line in page.lines]


def _three_lines(scene: Scene) -> object:
    return list(numbered_lines(scene.text(scene.path)))[1:4]


async def _edit(files: BoundFiles, path: str, line: str) -> object:
    file = await files.edit_file(path, line, line + " (edited)")
    return file.content


def _edited(scene: Scene) -> object:
    text = scene.text(scene.path).replace(scene.line, f"{scene.line} (edited)")
    scene.known[scene.path] = text.encode()
    return text


async def _edit_in_parallel(files: BoundFiles, team: str) -> object:
    await files.write_file(team, "".join(f"agent {n}: waiting\n" for n in range(20)))
    await asyncio.gather(
        *(files.edit_file(team, f"agent {n}: waiting", f"agent {n}: done") for n in range(20))
    )
    file = await files.read_file(team)
    return file and file.content


def _all_edits(scene: Scene) -> object:
    text = "".join(f"agent {number}: done\n" for number in range(_AGENTS))
    scene.known[scene.team] = text.encode()
    return text


async def _write_what_changed(files: BoundFiles, plan: str) -> object:
    mine = await files.append_file(plan, "3. tell what was done\n")
    await files.append_file(plan, "4. somebody else's idea\n")
    return await files.write_file(plan, "all mine", if_revision=mine.revision)


def _conflict(scene: Scene) -> object:
    scene.known[scene.plan] += b"3. tell what was done\n4. somebody else's idea\n"
    return RevisionConflictError


async def _grep(files: BoundFiles, word: str) -> object:
    matches = await files.grep_files(word, limit=1000)
    return [(match.path, match.line_number, match.line) for match in matches]


def _lines_with_word(scene: Scene) -> object:
    return list(islice(scene.matching(re.escape(scene.word)), _MOST_MATCHES))


async def _grep_regex(files: BoundFiles, pattern: str) -> object:
    matches = await files.grep_files(pattern, regex=True, limit=1000)
    return [(match.path, match.line_number, match.line) for match in matches]


def _lines_like_pattern(scene: Scene) -> object:
    return list(islice(scene.matching(scene.pattern), _MOST_MATCHES))


async def _glob(files: BoundFiles, glob: str) -> object:
    return [info.path for info in await files.glob_files(glob)]


def _paths_with_suffix(scene: Scene) -> object:
    return [path for path in scene.paths if path.endswith(scene.suffix)]


async def _values(storage: BoundStorage) -> object:
    await storage.set_value("branch", "main")
    return await storage.get_value("branch"), await storage.get_value("absent")


async def _count_in_parallel(storage: BoundStorage) -> object:
    counts = await asyncio.gather(*(storage.increment_value("steps") for _ in range(50)))
    return sorted(counts)


async def _secret(files: BoundFiles, storage: BoundStorage, token: str) -> object:
    await storage.set_secret("api-token", token)
    names = [secret.name for secret in await storage.list_secrets()]
    return names, await storage.get_secret("api-token") == token, await files.grep_files(token)


async def _seed(files: BoundFiles, rules: InitialFile) -> object:
    await files.seed_initial_file(rules)
    return await files.write_file(rules.path, "do as you like\n")


def _read_only(scene: Scene) -> object:
    scene.known[scene.rules.path] = scene.rules.content.encode()
    return ReadOnlyFileError


async def _escape(files: BoundFiles) -> object:
    return await files.read_file("../../etc/passwd")


async def _copy_and_move(files: BoundFiles, draft: str, copy: str, moved: str) -> object:
    await files.copy_file(draft, copy)
    await files.move_file(copy, moved)
    return [info.path for info in await files.glob_files("team.txt") if info.path.startswith(moved)]


def _moved(scene: Scene) -> object:
    scene.known[f"{scene.moved}/team.txt"] = scene.known[scene.team]
    return [f"{scene.moved}/team.txt"]


async def _branch(store: Store, session_id: UUID, plan: str) -> object:
    one, other = await store.fork_session(session_id), await store.fork_session(session_id)
    await store.session(one).files.edit_file(plan, "look around", "stay where you are")
    await store.session(other).files.edit_file(plan, "look around", "look closely at")
    merged = await store.merge(other)
    await store.delete_session(one.id)
    await store.delete_session(other.id)
    return [change.path for change in merged.files]


def _merged(scene: Scene) -> object:
    if scene.can_branch:
        text = scene.text(scene.plan).replace("look around", "look closely at")
        scene.known[scene.plan] = text.encode()
    return [scene.plan]


async def _rewind(store: Store, session_id: UUID, files: BoundFiles, plan: str) -> object:
    checkpoint = await store.checkpoint(session_id, "before the mistake")
    await files.write_file(plan, "rm -rf /\n")
    changes = await store.diff(checkpoint, session_id)
    await store.rewind(session_id, checkpoint, keep=False)
    await store.delete_checkpoint(checkpoint)
    return [(change.kind, change.path) for change in changes]


def _plan_changed(scene: Scene) -> object:
    return [("changed", scene.plan)]


async def _delete(files: BoundFiles, draft: str) -> object:
    return await files.delete_file(draft), await files.delete_file(draft, recursive=True)


def _deleted(scene: Scene) -> object:
    del scene.known[scene.team]
    return False, True


async def _remove(store: Store, session_id: UUID) -> object:
    await store.delete_session(session_id)
    work = store.session(session_id)
    return await store.sessions.get_session(session_id), await work.files.glob_files("**")


def _all_alike(digests: dict[str, str]) -> str:
    return f"{counted(len(digests), 'file')}, and each has the bytes that it must have"


STEPS = (
    Step("Write a plan", _write, _written, lambda answer: f"{answer[0]}, {counted(answer[1], 'byte')}"),
    Step("Look around", _look_around, _top_names, partial(listed, "name")),
    Step("The whole tree", _tree, _all_paths, partial(listed, "path")),
    Step("Read a file", _read, _content, lambda text: f"{counted(len(text), 'character')}: {text!r}"),
    Step("Read every file back, byte for byte", _read_everything, _digests, _all_alike),
    Step("Read some lines", _read_lines, _three_lines, partial(listed, "line")),
    Step("Edit a file", _edit, _edited, lambda text: f"{counted(len(text), 'character')}, one line another"),
    Step(
        "Twenty edits of one file at once, and all survive", _edit_in_parallel, _all_edits,
        lambda text: f"{text.count(': done')} agents are done, and {text.count(': waiting')} waiting",
    ),
    Step(
        "What somebody else changed is not overwritten", _write_what_changed, _conflict,
        in_short=True,
    ),
    Step("Search for a word", _grep, _lines_with_word, partial(listed, "match"), in_short=True),
    Step("Search with a regular expression", _grep_regex, _lines_like_pattern, partial(listed, "match")),
    Step("Find files by name", _glob, _paths_with_suffix, partial(listed, "path")),
    Step("Keep a value", _values, lambda _: ("main", None), lambda answer: f"{answer[0]!r}, and {answer[1]}"),
    Step(
        "Fifty increments at once, and all count", _count_in_parallel, lambda _: list(range(1, 51)),
        lambda counts: f"{counted(len(counts), 'answer')}, each number from {counts[0]} to {counts[-1]} once",
    ),
    Step(
        "Keep a secret", _secret, lambda _: (["api-token"], True, []),
        lambda _: "the secret 'api-token' is the same, and in no file",
        tolerate=(SecretsKeyMissingError,),
    ),
    Step("A read-only seed stays as it is", _seed, _read_only),
    Step("No path leads out of the session", _escape, lambda _: InvalidPathError),
    Step("Copy a directory, and move the copy", _copy_and_move, _moved, partial(listed, "path")),
    Step(
        "Two ideas side by side, and the better one merged", _branch, _merged,
        lambda paths: f"merged: {', '.join(paths)}",
        tolerate=(UnsupportedError,),
    ),
    Step(
        "A mistake, and back to the checkpoint", _rewind, _plan_changed,
        lambda changes: f"taken back: {', '.join(f'{path} {kind}' for kind, path in changes)}",
        tolerate=(UnsupportedError,), in_short=True,
    ),
    Step(
        "Delete a directory, which takes recursive=True", _delete, _deleted,
        lambda _: "kept without it, deleted with it",
    ),
    Step("Everything is as it must be", _read_everything, _digests, _all_alike, in_short=True),
)  # fmt: skip
"""The tour, in order."""

REMOVAL = Step(
    "Remove the session, and nothing is left", _remove, lambda _: (None, []),
    lambda _: "no record, and no files",
)  # fmt: skip
"""The last step, unless the session is to be kept."""
