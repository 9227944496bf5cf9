"""Any sequence of verbs, beside a dictionary that knows the contract's rules and no more."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import everstore
from everstore import InitialFile, errors

PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
TEXTS = st.text("xy\n", max_size=4)
CONTENTS = TEXTS.map(lambda text: (text, "text")) | st.binary(max_size=3).map(
    lambda data: (b64encode(data).decode(), "base64")
)
CALLS = st.one_of(
    st.tuples(st.just("write"), PATHS, CONTENTS, st.sampled_from(["always", "absent", "current", "stale"])),
    st.tuples(st.just("replace"), PATHS, CONTENTS, CONTENTS),
    st.tuples(st.just("edit"), PATHS, st.text("xy\n", min_size=1, max_size=2), TEXTS, st.booleans()),
    st.tuples(st.just("append"), PATHS, CONTENTS),
    st.tuples(st.just("mkdir"), PATHS),
    st.tuples(st.just("delete"), PATHS, st.booleans()),
    st.tuples(st.just("seed"), PATHS, CONTENTS, st.booleans()),
    st.tuples(st.just("copy"), PATHS, PATHS, st.booleans()),
    st.tuples(st.just("move"), PATHS, PATHS, st.booleans()),
)


class Entry:
    """A file with its content, or a directory without."""

    def __init__(self, content=None, *, is_readonly=False):
        self.content = content
        self.is_readonly = is_readonly
        self.identity = object()

    @property
    def is_directory(self):
        return self.content is None


class Model:
    """Path to entry; every verb says what it raises, or changes the dictionary."""

    def __init__(self):
        self.entries = {"/": Entry()}

    def parents(self, path):
        parts = path.split("/")[1:-1]
        return ["/" + "/".join(parts[: end + 1]) for end in range(len(parts))]

    def below(self, path):
        return [other for other in self.entries if other == path or other.startswith(path + "/")]

    def wrong_parent(self, path):
        return any(not self.entries[at].is_directory for at in self.parents(path) if at in self.entries)

    def refusal(self, path):
        """Why no file may be written there, in the contract's order."""
        old = self.entries.get(path)
        if self.wrong_parent(path):
            return errors.ParentNotDirectoryError
        if old is not None and old.is_directory:
            return errors.PathIsDirectoryError
        if old is not None and old.is_readonly:
            return errors.ReadOnlyFileError
        return None

    def put(self, path, entry):
        for parent in self.parents(path):
            self.entries.setdefault(parent, Entry())
        old = self.entries.get(path)
        if old is not None and not old.is_directory and entry.identity is not None:
            entry.identity = old.identity
        self.entries[path] = entry

    def write(self, path, content, condition):
        if refusal := self.refusal(path):
            return refusal
        is_there = path in self.entries
        if (
            condition == "stale"
            or (condition == "absent" and is_there)
            or (condition == "current" and not is_there)
        ):
            return errors.RevisionConflictError
        return self.put(path, Entry(content))

    def replace(self, path, expected, content):
        old = self.entries.get(path)
        if old is None or old.content != expected:
            return None
        return errors.ReadOnlyFileError if old.is_readonly else self.put(path, Entry(content))

    def edit(self, path, old_text, new_text, replace_all):
        if refusal := self.refusal(path):
            return refusal
        found = self.entries.get(path)
        if found is None:
            return errors.PathNotFoundError
        text, encoding = found.content
        if encoding != "text":
            return errors.InvalidContentError
        places = sum(text.startswith(old_text, at) for at in range(len(text)))
        if not places or (places > 1 and not replace_all):
            return errors.EditError
        return self.put(path, Entry((text.replace(old_text, new_text), "text")))

    def append(self, path, content):
        if refusal := self.refusal(path):
            return refusal
        found = self.entries.get(path)
        if found is None:
            return self.put(path, Entry(content))
        if found.content[1] != content[1]:
            return errors.InvalidContentError
        if content[1] == "text":
            return self.put(path, Entry((found.content[0] + content[0], "text")))
        joined = b64decode(found.content[0]) + b64decode(content[0])
        return self.put(path, Entry((b64encode(joined).decode(), "base64")))

    def mkdir(self, path):
        if self.wrong_parent(path):
            return errors.ParentNotDirectoryError
        if path in self.entries:
            return None if self.entries[path].is_directory else errors.PathExistsError
        return self.put(path, Entry())

    def delete(self, path, recursive):
        doomed = self.below(path)
        if any(self.entries[at].is_readonly for at in doomed) or (len(doomed) > 1 and not recursive):
            return False
        for at in doomed:
            del self.entries[at]
        return bool(doomed)

    def seed(self, path, content, is_readonly):
        if (refusal := self.refusal(path)) and refusal is not errors.ReadOnlyFileError:
            return refusal
        return self.put(path, Entry(content, is_readonly=is_readonly))

    def transfer(self, source, destination, overwrite, *, move):
        if destination == source or destination.startswith(source + "/"):
            return errors.InvalidPathError
        if source not in self.entries:
            return errors.PathNotFoundError
        if self.wrong_parent(destination):
            return errors.ParentNotDirectoryError
        target, taken = self.entries.get(destination), self.below(source)
        is_file = not self.entries[source].is_directory
        if target is not None and target.is_directory and is_file:
            return errors.PathIsDirectoryError
        if move and any(self.entries[at].is_readonly for at in taken):
            return errors.ReadOnlyFileError
        if target is not None and target.is_readonly and is_file and overwrite:
            return errors.ReadOnlyFileError
        if target is not None and not (is_file and overwrite):
            return errors.PathExistsError
        self.entries.pop(destination, None)
        for at in taken:
            entry = Entry(self.entries[at].content)
            if move:
                entry.identity = self.entries.pop(at).identity
            self.put(destination + at[len(source) :], entry)
        return None

    def copy(self, source, destination, overwrite):
        return self.transfer(source, destination, overwrite, move=False)

    def move(self, source, destination, overwrite):
        return self.transfer(source, destination, overwrite, move=True)


async def do(files, verb, path, *rest):
    """The same call on a store."""
    if verb == "write":
        (content, encoding), condition = rest
        found = await files.read_file(path)
        current = found.revision if found is not None else "0"
        options = {
            "absent": {"if_absent": True},
            "current": {"if_revision": current},
            "stale": {"if_revision": "-1"},
        }
        return await files.write_file(path, content, encoding, **options.get(condition, {}))
    if verb == "replace":
        return await files.write_file_if_content_matches(path, *rest[0], *rest[1])
    if verb == "edit":
        return await files.edit_file(path, rest[0], rest[1], replace_all=rest[2])
    if verb == "append":
        return await files.append_file(path, *rest[0])
    if verb == "mkdir":
        return await files.create_directory(path)
    if verb == "delete":
        return await files.delete_file(path, recursive=rest[0])
    if verb == "seed":
        return await files.seed_initial_file(InitialFile(path, *rest[0], is_readonly=rest[1]))
    transfer = files.copy_file if verb == "copy" else files.move_file
    return await transfer(path, rest[0], overwrite=rest[1])


async def tree_of(files):
    """Every entry that listings lead to, each as all verbs show it."""
    seen = {"/": await files.read_file("/")}
    directories = ["/"]
    while directories:
        at = directories.pop()
        infos = await files.list_directory(at)
        assert [info.path for info in infos] == sorted(info.path for info in infos)
        for info in infos:
            assert info.path.rpartition("/")[0] == at.rstrip("/")
            entry = await files.read_file(info.path)
            assert entry.info() == info
            assert (await files.stat_file(info.path)) == entry.stat()
            seen[info.path] = entry
            if info.is_directory:
                directories.append(info.path)
    found = sorted(path for path, entry in seen.items() if not entry.is_directory)
    assert [info.path for info in await files.glob_files("**")] == found
    return seen


@pytest.fixture
def backend(backend):
    """The backend under test, which need not tell of the thousands of refusals."""
    return {**backend, "log_level": "off"}


# Each example has a session of its own in the one store.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(CALLS, max_size=25))
async def test_any_sequence_of_verbs_leaves_what_the_rules_say(store, calls):
    files, model = store.session(everstore.new_session_id()).files, Model()
    identities = {}
    for verb, *arguments in calls:
        expected = getattr(model, verb)(*arguments)
        if isinstance(expected, type):
            with pytest.raises(expected) as caught:
                await do(files, verb, *arguments)
            assert type(caught.value) is expected
        else:
            answer = await do(files, verb, *arguments)
            if verb == "delete":
                assert answer is expected
        seen = await tree_of(files)
        assert {path: entry.is_readonly for path, entry in seen.items()} == {
            path: entry.is_readonly for path, entry in model.entries.items()
        }
        for path, entry in model.entries.items():
            found = seen[path]
            assert (entry.content or (None, "text")) == (found.content, found.encoding)
            if path != "/":
                assert identities.setdefault(entry.identity, found.id) == found.id
        assert len(set(identities.values())) == len(identities)
    assert await store.file_system.purge_session(
        seen["/"].session_id if calls else everstore.new_session_id()
    ) == (len(model.entries) > 1)


VALUES = st.one_of(
    st.tuples(st.just("set"), st.sampled_from("ab"), st.sampled_from(["", "1", "-7", "x"])),
    st.tuples(st.just("increment"), st.sampled_from("ab"), st.integers(-3, 3)),
    st.tuples(st.just("delete"), st.sampled_from("ab")),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(VALUES, max_size=20))
async def test_any_sequence_of_values_leaves_what_a_dictionary_would(store, calls):
    storage, model = store.session(everstore.new_session_id()).storage, {}
    for verb, key, *rest in calls:
        if verb == "set":
            await storage.set_value(key, rest[0])
            model[key] = rest[0]
        elif verb == "delete":
            assert await storage.delete_value(key) == (model.pop(key, None) is not None)
        elif model.get(key, "0").lstrip("-").isdigit():
            model[key] = str(int(model.get(key, "0")) + rest[0])
            assert await storage.increment_value(key, rest[0]) == int(model[key])
        else:
            with pytest.raises(errors.InvalidContentError):
                await storage.increment_value(key, rest[0])
        assert {info.key: await storage.get_value(info.key) for info in await storage.list_keys()} == model
