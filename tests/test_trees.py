"""Pages of a tree, looked up directory by directory, beside the same tree sorted and cut."""

from __future__ import annotations

import random

import msgspec
import pytest

from everstore.trees import TreePage

NAMES = ("a", "b", "a-", "a.b", "ab", "a b", "~", "é")


class Entry(msgspec.Struct):
    path: str
    is_directory: bool


def grown(chance):
    """A tree by path, some of whose paths come between a directory's and those below it."""
    tree = {}
    for _ in range(chance.randint(0, 25)):
        path, last = "", chance.randint(1, 4)
        for depth in range(1, last + 1):
            path += f"/{chance.choice(NAMES)}"
            entry = tree.setdefault(path, Entry(path, depth < last or chance.random() < 0.3))
            if not entry.is_directory:
                break
    return tree


@pytest.mark.parametrize("seed", range(300))
def test_a_walk_lists_what_is_left_of_all_that_is_below(seed):
    chance = random.Random(seed)
    tree = grown(chance)
    paths = sorted(tree)

    def children(directory, after):
        prefix = directory if directory == "/" else f"{directory}/"
        names = sorted(
            p[len(prefix) :] for p in paths if p.startswith(prefix) and "/" not in p[len(prefix) :]
        )
        for name in names:
            if name > after:
                yield tree[prefix + name]

    for _ in range(20):
        top = chance.choice(["/", *paths, "/zz"])
        nowhere = [
            "/",
            "/a/a",
            "/a-",
            "/zzz",
            *(f"{path}-" for path in paths),
            *(f"{path}/x" for path in paths),
        ]
        page = TreePage(
            top,
            chance.choice([None, 1, 2, 3]),
            chance.choice([None, *paths, *nowhere]),
            chance.choice([None, 0, 1, 2, 5]),
        )
        below = [path for path in paths if path.startswith(f"{page.base}/") and page.selects(path)]
        assert [entry.path for entry in page.walk(children)] == page.cut(below), page


def test_no_more_is_looked_up_than_is_listed():
    taken = []

    def children(directory, after):
        for number in range(1000 if directory == "/" else 0):
            name = f"{number:04}"
            if name > after:
                taken.append(name)
                yield Entry(f"{directory.rstrip('/')}/{name}", is_directory=False)

    assert [entry.path for entry in TreePage("/", after="/0500", limit=3).walk(children)] == [
        *("/0501", "/0502", "/0503"),
    ]
    assert taken == ["0501", "0502", "0503"]
