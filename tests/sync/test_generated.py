"""The classes that are generated: up to date, whole, and each verb hands on what it is given."""

from __future__ import annotations

import asyncio
import inspect
import pydoc
import runpy
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import get_overloads

import pytest

import everstore
from everstore import sync
from everstore.sync import bound, interfaces

GENERATE = runpy.run_path(str(Path(__file__).with_name("generate.py")))
MODULES = {"interfaces.py": interfaces, "bound.py": bound}
FACES = [
    (getattr(MODULES[file], face.name), face)
    for file, (_, faces) in GENERATE["FILES"].items()
    for face in faces
]
VERBS = [
    pytest.param(kind, face, name, promised, id=f"{face.name}.{name}")
    for kind, face in FACES
    for name, promised in face.verbs()
]


@pytest.mark.parametrize("file", MODULES)
def test_what_is_generated_is_up_to_date(file):
    """Else: python tests/sync/generate.py."""
    assert inspect.getsource(MODULES[file]) == GENERATE["text_of"](file)


@pytest.mark.parametrize(("kind", "face"), FACES, ids=lambda each: getattr(each, "__name__", ""))
def test_every_verb_is_there(kind, face):
    wanted = {
        name
        for name in dir(face.of)
        if not name.startswith("_") and name not in {"apply", "close", "search", "session", "rotation"}
    }
    assert {name for name in vars(kind) if not name.startswith("_")} == wanted


def test_an_open_store_has_the_attributes_of_one_that_is_awaited():
    def names(store):
        return {name for name in dir(store) if not name.startswith("_")}

    with sync.open_store() as store:
        awaited, work = store.asynchronous, store.session(everstore.new_session_id())
        assert names(store) == names(awaited) | {"asynchronous", "run", "submit"}
        assert names(work) == names(awaited.session(work.id))
        assert work.id == awaited.session(work.id).id
        assert names(work.files) == names(awaited.session(work.id).files)
        assert names(work.storage) == names(awaited.session(work.id).storage)


@pytest.mark.parametrize("kind", [sync.Store, sync.BoundSession])
def test_help_tells_what_each_part_is(kind):
    assert [name for name in dir(kind) if name[0] != "_" and not inspect.getdoc(getattr(kind, name))] == []


def test_opening_takes_what_opening_one_that_is_awaited_takes():
    ours, theirs = (inspect.signature(each.open_store) for each in (sync, everstore))
    assert ours.parameters == theirs.parameters


@pytest.mark.parametrize(("kind", "face", "name", "promised"), VERBS)
def test_help_of_each_verb_is_whole_and_shows_no_coroutine(kind, face, name, promised):
    verb = getattr(kind, name)
    assert inspect.getdoc(verb) == inspect.getdoc(promised)
    assert inspect.signature(verb) == face.signature(promised)
    overloads = [inspect.signature(each) for each in get_overloads(verb)]
    assert overloads == [face.signature(each) for each in get_overloads(promised)]
    told = pydoc.render_doc(verb, renderer=pydoc.plaintext)
    assert "async" not in told
    assert "Coroutine" not in told


@pytest.mark.parametrize(("kind", "face", "name", "promised"), VERBS)
def test_each_verb_hands_on_what_it_is_given(kind, face, name, promised):
    signature = face.signature(promised)
    given = {each: object() for each in list(signature.parameters)[1:]}

    async def told(*args, **kwargs):
        return signature.bind(None, *args, **kwargs).arguments

    loop = SimpleNamespace(run=asyncio.run)
    seen = getattr(kind(SimpleNamespace(**{name: told}), loop), name)(**given)
    seen.pop("self")
    assert seen == given


def test_the_tour_in_the_docstring_runs(in_empty_folder):
    example = inspect.getdoc(sync).partition("::\n\n")[2].partition("\n\nOne store")[0]
    exec(dedent(example), {})
