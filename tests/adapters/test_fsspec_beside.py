"""The same random calls on the file system and on fsspec's own: equal answers, equal errors, equal trees."""

from __future__ import annotations

import random
from functools import partial

import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from everstore import sync
from everstore.adapters.fsspec import EverstoreFileSystem

NAMES = ["a", "b", "c.txt", "d d", "ü*", "e[1]"]


def any_path(chance):
    return "/".join(chance.choice(NAMES[:4]) for _ in range(chance.randrange(1, 4)))


def answer(call):
    """What a call answers, without what only one of them tells; of an error whether it is one of files."""
    try:
        found = call()
    except (OSError, ValueError):
        return OSError
    return found


def looked(fs, path, chance):
    """One look, which has to be answered alike."""
    match chance.randrange(9):
        case 0:
            return sorted(fs.find(path, withdirs=chance.random() < 0.5, maxdepth=chance.choice([None, 1, 2])))
        case 1:
            return sorted(fs.ls(path, detail=False))
        case 2:
            found = fs.info(path)
            return found["name"].strip("/"), found["type"], found["type"] == "file" and found["size"]
        case 3:
            return fs.exists(path), fs.isdir(path), fs.isfile(path)
        case 4:
            start, end = chance.choice([(None, None), (0, 2), (1, 9), (3, None), (-2, None), (None, 0)])
            return fs.cat_file(path, start, end)  # of a negative end its own make nonsense
        case 5:
            pattern = chance.choice(["*", "**", "*/*", "?", "[ab]/*", "**/c.txt", "a/**", "a*/"])
            return sorted(fs.glob(pattern))
        case 6:
            return fs.du(path, total=False)
        case 7:
            return sorted((top, sorted(dirs), sorted(files)) for top, dirs, files in fs.walk(path))
    with fs.open(path, "rb") as file:
        file.seek(chance.randrange(3))
        return file.read(2), file.tell(), file.readline(), file.read()


def changed(fs, path, chance):
    """One change; whether it is allowed is asked of the file system before, as the two differ in that."""
    other = any_path(chance)
    content = chance.choice([b"", b"text", b"two\nlines\n", b"\xff\x00", "ü".encode()])
    is_file, is_free = fs.isfile(path), not fs.exists(path)
    parents = ["/".join(path.split("/")[: depth + 1]) for depth in range(path.count("/"))]
    is_reachable = not any(fs.isfile(parent) for parent in parents)
    others = ["/".join(other.split("/")[: depth + 1]) for depth in range(other.count("/"))]
    to_file = not fs.isdir(other) and not any(fs.isfile(parent) for parent in others)
    match chance.randrange(7):
        case 0 if is_reachable and not fs.isdir(path):
            fs.makedirs(fs._parent(path), exist_ok=True)
            fs.pipe_file(path, content)
        case 1 if is_file:
            with fs.open(path, "ab") as file:
                file.write(content)
        case 2 if is_reachable:
            fs.makedirs(path, exist_ok=True) if not is_file else None
        case 3 if not is_free:
            fs.rm(path, recursive=True)
        case 4 if is_file and to_file and path != other:
            fs.makedirs(fs._parent(other), exist_ok=True)
            fs.copy(path, other)
        case 5 if is_file and to_file and path != other:
            fs.makedirs(fs._parent(other), exist_ok=True)
            fs.mv(path, other)
        case 6 if fs.isdir(path) and is_free is False and not fs.exists("moved/" + other):
            fs.makedirs("moved", exist_ok=True)
            fs.copy(path, "moved/" + other.replace("/", "-"), recursive=True)


@pytest.fixture(params=["memory", "local"])
def own(request, tmp_path):
    """One of fsspec's own, below a directory of it."""
    if request.param == "local":
        return DirFileSystem(str(tmp_path), LocalFileSystem(auto_mkdir=True))
    memory = MemoryFileSystem(global_store=False, skip_instance_cache=True)
    memory.mkdir("/base")
    return DirFileSystem("/base", memory)


@pytest.mark.parametrize("seed", range(5))
def test_answers_are_those_of_its_own(own, seed):
    with sync.open_store(environment={}) as store:
        everstore = EverstoreFileSystem(store)
        everstore.mkdir("base")
        ours = DirFileSystem("base", everstore)
        for step in range(120):
            path = any_path(random.Random(f"path {seed} {step}"))
            for act in (changed, looked):
                chance = f"{seed} {step}"
                of_both = [answer(partial(act, fs, path, random.Random(chance))) for fs in (ours, own)]
                assert of_both[0] == of_both[1], (seed, step, act.__name__, path)
        assert ours.find("", withdirs=True) == own.find("", withdirs=True)
        assert {path: ours.cat_file(path) for path in ours.find("")} == {
            path: own.cat_file(path) for path in own.find("")
        }
