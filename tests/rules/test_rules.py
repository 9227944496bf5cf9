"""The rules over the least that they need, beside the suite's model, which shares no line with them."""

from __future__ import annotations

import random
import secrets
from types import SimpleNamespace

import msgspec
import pytest

from everstore import (
    InitialFile,
    SessionFileSystem,
    SessionStorageStore,
    changes,
    errors,
    new_session_id,
    rules,
)
from everstore.changes import FileMutation, ValueMutation
from everstore.clock import now_ns, stopped, turned
from everstore.conformance.matching import Pair, Step
from everstore.conformance.model import Model, ModelLimits
from everstore.models import SecretInfo, SessionFile, StoredValue, root_of
from everstore.paging import KeyPage
from everstore.paths import parent_of
from everstore.rules import Space, Stamps, Tree
from everstore.settings import Limits

PATHS = ["/a", "/b", "/ab", "/a/b", "/a/b/c", "/b/c", "/" + "x" * 250]
TEXTS = ["xy", "x\ny\n", "", "xx", "ü"]
KEYS = ["a", "b", "ü"]


class DictTree(Tree[SessionFile]):
    """Files by their paths."""

    def __init__(self, session_id, limits):
        self.session_id = session_id
        self.limits = limits.of_files
        self.files: dict[str, SessionFile] = {}

    def get(self, path):
        return self.files.get(path)

    def read(self, entry):
        return entry

    def below(self, path):
        return [self.files[at] for at in sorted(self.files) if at.startswith(path + "/")]

    def usage(self):
        return len(self.files), sum(file.size_bytes for file in self.files.values())

    def next_version(self):
        return secrets.randbits(63)

    def new_serial(self, version):
        return version

    def put(self, file, old):
        assert self.get(file.path) is old
        assert parent_of(file.path) == "/" or self.files[parent_of(file.path)].is_directory
        self.files[file.path] = file

    def remove(self, entry):
        assert not self.below(entry.path)
        del self.files[entry.path]


class Text(Stamps, frozen=True):
    """A value or a secret with its text."""

    text: str


class DictSpace(Space[Text]):
    """Values by their keys; secrets in a space of their own, which counts with this one."""

    def __init__(self, limits, beside=None):
        self.limits = limits.of_values
        self.texts: dict[str, Text] = {}
        self.spaces = [self, beside] if beside else [self]
        if beside:
            beside.spaces.append(self)

    def alive(self, now):
        return {
            key: text
            for key, text in sorted(self.texts.items())
            if text.expires_ns is None or text.expires_ns > now
        }

    def get(self, key):
        return self.texts.get(key)

    def text(self, key, found):
        return found.text

    def usage(self, now):
        alive = [pair for space in self.spaces for pair in space.alive(now).items()]
        return len(alive), sum(len(key.encode()) + len(text.text.encode()) for key, text in alive)

    def next_version(self):
        return secrets.randbits(63)

    def put(self, key, text, version, created_ns, updated_ns, expires_ns):
        self.texts[key] = Text(version, created_ns, updated_ns, expires_ns, text)

    def remove(self, key, now):
        there = key in self.alive(now)
        self.texts.pop(key, None)
        return there


class Files(SessionFileSystem):
    def __init__(self, tree):
        self.tree = tree

    async def apply(self, session_id, several):
        return [rules.apply_to_tree(self.tree, change) for change in several]

    async def read_file(self, session_id, path):
        return root_of(session_id) if path == "/" else self.tree.get(path)

    async def list_directory(self, session_id, path="/"):
        files = self.tree.files
        return [files[each].info() for each in sorted(files) if parent_of(each) == path]

    async def purge_session(self, session_id):
        self.tree.files.clear()


class Values(SessionStorageStore):
    def __init__(self, limits):
        values = DictSpace(limits)
        self.spaces = {"values": values, "secrets": DictSpace(limits, values)}

    async def apply(self, session_id, several):
        return [rules.apply_to_space(self.spaces[change.space], change) for change in several]

    async def read_value(self, session_id, key):
        return next((each for each in await self.read_values(session_id) if each.key == key), None)

    async def read_values(self, session_id, prefix="", *, after=None, limit=None, reverse=False):
        page = KeyPage.of(prefix, after, limit, reverse=reverse)
        alive = self.spaces["values"].alive(now_ns())
        return [
            StoredValue(each.version, each.created_ns, each.updated_ns, key, each.expires_ns, value=each.text)
            for key, each in ((key, alive[key]) for key in page.cut(page.among([*alive])))
        ]

    async def get_secret(self, session_id, name):
        found = self.spaces["secrets"].alive(now_ns()).get(name)
        return found and found.text

    async def list_secrets(self, session_id):
        return [
            SecretInfo(each.version, each.created_ns, each.updated_ns, name, each.expires_ns)
            for name, each in self.spaces["secrets"].alive(now_ns()).items()
        ]

    async def purge_session(self, session_id):
        self.spaces = {}


def file_step(chance, session_id):
    """Some verb with some arguments."""
    path, other = chance.choice(PATHS), chance.choice(PATHS)
    text, option = chance.choice(TEXTS), chance.random() < 0.4
    steps = [
        ("write_file", (path, text), {"if_absent": option}),
        ("write_file", (path, "AAE=", "base64"), {}),
        ("write_file_if_content_matches", (path, chance.choice(TEXTS), "text", text, "text"), {}),
        ("seed_initial_file", (InitialFile(path, text, is_readonly=option),), {}),
        ("edit_file", (path, "x", text), {"replace_all": option}),
        ("append_file", (path, text), {}),
        ("create_directory", (path,), {}),
        ("delete_file", (path, option), {}),
    ]
    if path != other and not other.startswith(path + "/"):
        verb = chance.choice(["copy_file", "move_file"])
        steps += [(verb, (path, other), {"overwrite": option})] * 4
    verb, arguments, options = chance.choice(steps)
    return Step("file_system", verb, (session_id, *arguments), options)


def value_step(chance, session_id):
    key, text, option = chance.choice(KEYS), chance.choice([*TEXTS, "-7"]), chance.random() < 0.3
    verb, arguments, options = chance.choice(
        [
            ("set_value", (key, text), {"if_absent": option}),
            ("set_value", (key, "41"), {"ttl": 3600.0} if option else {}),
            ("increment_value", (key, chance.choice([1, -1, 2**63 - 1])), {}),
            ("delete_value", (key,), {}),
            ("set_secret", (key, text), {}),
            ("delete_secret", (key,), {}),
        ]
    )
    return Step("storage", verb, (session_id, *arguments), options)


LIMITS = [
    {},
    {"file_bytes": 3, "session_entries": 5, "session_bytes": 8},
    {"session_keys": 3, "session_value_bytes": 12},
]


@pytest.mark.parametrize("limits", LIMITS, ids=["unlimited", "of files", "of values"])
@pytest.mark.parametrize("seed", range(10))
async def test_the_rules_answer_as_the_model_does(seed, limits):
    chance = random.Random(seed)
    session_id = new_session_id()
    files = Files(DictTree(session_id, Limits(**limits)))
    store = SimpleNamespace(file_system=files, storage=Values(Limits(**limits)))
    pair = Pair(Model(ModelLimits(**limits)))
    for _ in range(150):
        make = chance.choice([file_step, file_step, value_step])
        await pair.call(store, make(chance, session_id))
        await pair.look_at_files(store, session_id, PATHS)
        await pair.look_at_values(store, session_id, KEYS)


def leaves(kind):
    own = [each for each in kind.__subclasses__() if each.__module__ == changes.__name__]
    return [leaf for each in own for leaf in (leaves(each) or [each])]


def test_every_change_has_a_rule_and_is_named_like_its_verb():
    for kind, interface in ((FileMutation, SessionFileSystem), (ValueMutation, SessionStorageStore)):
        found = {each for each in leaves(kind) if each is not changes.SwapSecret}
        assert {each.__name__ for each in found} <= set(changes.__all__)
        assert all(hasattr(interface, each.verb) for each in found)


def test_a_refused_change_is_refused_before_anything_is_put(session_id):
    tree = DictTree(session_id, Limits(session_entries=1))
    with pytest.raises(errors.QuotaExceededError):
        rules.apply_to_tree(tree, changes.Write("/new/deep/f", "x"))
    assert tree.files == {}


def test_a_change_shows_no_content_no_value_and_no_secret():
    marked = [
        changes.Write("/a", "MARK"),
        changes.Seed(InitialFile("/a", "MARK")),
        changes.Edit("/a", "MARK", "MARK"),
        changes.CompareAndWrite("/a", "MARK", "text", "MARK", "text"),
        changes.SetValue("a", "MARK"),
        changes.SetSecret("a", "MARK"),
        changes.SwapSecret("a", "MARK", "MARK"),
    ]
    assert "MARK" not in repr(marked)
    assert repr(changes.Move("/a", "/b")) == "Move('/a', '/b')"


@pytest.mark.parametrize("back", [0, -5])
def test_times_move_on_though_the_clock_does_not(session_id, back):
    tree, space = DictTree(session_id, Limits()), DictSpace(Limits())
    with stopped():
        first = rules.apply_to_tree(tree, changes.Write("/a/b", "x"))
        rules.apply_to_space(space, changes.SetValue("a", "x"))
        was = space.texts["a"]
        with turned(back):
            second = rules.apply_to_tree(tree, changes.Write("/a/b", "x"))
            moved = rules.apply_to_tree(tree, changes.Move("/a", "/c"))
            third = tree.files["/c/b"]
            rules.apply_to_space(space, changes.SetValue("a", "y"))
            counted = rules.apply_to_space(space, changes.Increment("n"))
    assert first.updated_ns + 1000 == second.updated_ns == third.updated_ns - 1000
    assert (moved.path, counted) == ("/c", 1)
    assert space.texts["a"].updated_ns == was.updated_ns + 1000
    assert space.texts["a"].created_ns == was.created_ns


def test_a_secret_is_swapped_only_while_it_is_the_expected_one_and_keeps_its_stamps():
    space = DictSpace(Limits())
    rules.apply_to_space(space, changes.SetSecret("s", "old", ttl=3600))
    was = space.texts["s"]
    swaps = [("other", "new"), ("old", "new"), ("old", "newer")]
    answers = rules.answered_together(
        lambda texts: rules.apply_to_space(space, changes.SwapSecret("s", *texts)), swaps
    )
    assert answers == [False, True, False]
    assert rules.apply_to_space(space, changes.SwapSecret("missing", "old", "new")) is False
    assert space.texts["s"].text == "new"
    assert msgspec.structs.replace(space.texts["s"], text="old") == was


def test_the_error_of_several_says_which_it_was(session_id):
    tree = DictTree(session_id, Limits())
    several = [changes.Write("/a", "x"), changes.Edit("/a", "y", "z")]
    rules.apply_to_tree(tree, several[0])
    for alone in (True, False):
        with pytest.raises(errors.EditError) as caught:
            rules.answered_together(
                lambda change: rules.apply_to_tree(tree, change), several[1:] if alone else several
            )
        assert getattr(caught.value, "index", None) == (None if alone else 1)


@pytest.mark.parametrize("path", ["/d", "/d/a", "/d/b"])
def test_without_a_restamp_of_its_own_a_tree_puts_what_it_has_with_other_times(path):
    tree = DictTree(new_session_id(), Limits())
    for change in (changes.Write("/d/a", "x"), changes.WriteBytes("/d/b", b"\0")):
        rules.apply_to_tree(tree, change)
    before = dict(tree.files)
    assert rules.apply_to_tree(tree, changes.FileTimes(path, 1, 2)) is True
    times = {"created_ns": 1, "updated_ns": 2}
    assert tree.files == before | {path: msgspec.structs.replace(before[path], **times)}
    assert not any(rules.apply_to_tree(tree, changes.FileTimes(each, 1, 2)) for each in ("/", "/none"))
