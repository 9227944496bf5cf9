"""What the site has of the code: every verb, record, setting, error, command and hook."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import pytest

import everstore
from everstore import SessionStore, Store, engine, errors, hookspecs, middleware, tools, transfer
from everstore.session import BoundFiles, BoundStorage
from everstore.settings import CommandLineSettings, EverstoreSettings, setting_names
from everstore.sources import PREFIX

DOCS = Path(__file__).parents[2] / "docs"
MARK = re.compile(r"^<!-- generated: (\w+)(?: (\S+))? -->$", re.MULTILINE)


@pytest.fixture(scope="module")
def site():
    """The modules beside the site's configuration."""
    sys.path.insert(0, str(DOCS / "site"))
    try:
        import pages  # noqa: PLC0415 - where they are is said here
        import reference  # noqa: PLC0415 - so is this

        yield pages, reference
    finally:
        sys.path.remove(str(DOCS / "site"))


def page(site, name: str) -> str:
    text = (DOCS / "reference" / f"{name}.md").read_text()
    assert MARK.search(text)
    return MARK.sub(lambda mark: site[0].generated(mark[1], mark[2]), text)


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.+)$", text, re.MULTILINE)


def below(kind: type) -> set[type]:
    return {each for child in kind.__subclasses__() for each in (child, *below(child))}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("files", BoundFiles), ("values", BoundStorage), ("sessions", SessionStore), ("store", Store)],
)
def test_every_verb_has_its_promise(site, name, kind):
    text = page(site, name)
    verbs = [verb for verb in vars(kind) if not verb.startswith("_") and verb != "capabilities"]
    assert {*verbs} <= {*headings(text)}
    assert all(f"async def {verb}(" in text for verb in verbs if verb not in {"rotation", "session"})
    assert "See ``" not in text


def test_every_function_is_told(site):
    functions = {name for name in everstore.__all__ if inspect.isfunction(getattr(everstore, name))}
    told = {*headings(page(site, "store")), *headings(page(site, "records"))}
    assert functions <= told


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("calls", {"CallRecord", *middleware.__all__} - {"Call"}),
        ("engine", {*engine.__all__}),
        ("transfer", {*transfer.__all__}),
        ("tools", {*tools.__all__}),
        ("interfaces", {"Capabilities", "KeyRing", "PluginSettings", "SessionFileSystemFactory"}),
        ("sync", {"open_store", "Store"}),
    ],
)
def test_what_hosts_and_authors_use_is_told(site, name, names):
    text = page(site, name)
    assert names <= {*headings(text)}


def test_what_a_class_declares_is_told(site):
    assert re.search(
        r"^\| `longest_key` \| The most bytes that a key may have", page(site, "engine"), re.MULTILINE
    )


def test_every_error_has_its_class_and_what_to_do(site):
    kinds = [getattr(errors, name) for name in errors.__all__]
    assert {kind.__name__ for kind in kinds} == set(headings(page(site, "errors")))
    codes = re.findall(r"^### (\w+)$", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    of_the_command = {
        kind.code for kind in below(errors.EverstoreError) if "everstore.cli." in kind.__module__
    }
    assert sorted(codes) == sorted({kind.code for kind in kinds} | of_the_command | {"usage"})


def test_every_setting_is_told_with_what_it_is(site):
    named = re.findall(r"^\| `(EVERSTORE_\w+)` \| .+ Takes: .+ \|$", page(site, "settings"), re.MULTILINE)
    for model in (EverstoreSettings, CommandLineSettings):
        assert {*setting_names(model, PREFIX)} <= {*named}
    assert len(named) == len({*named})


def test_every_command_is_told_with_its_options(site):
    text = page(site, "commands")
    told = headings(text)
    for name, command in sys.modules["commands"].walk():
        assert name in told
        assert command.help, name
    assert "`--if-revision`" in text
    assert "| `--session`, `-s` *ID* |" in text


def test_every_hook_is_told(site):
    hooks = [name for name in hookspecs.__all__ if name.startswith("everstore_")]
    assert sorted(hooks) == sorted(headings(page(site, "hooks")))


def test_what_is_answered_is_told(site):
    assert {"FileInfo", "Session", "StoredValue", "Checkpoint"} <= {*headings(page(site, "records"))}


@pytest.mark.parametrize("name", ["merge", "session"])
def test_a_recorded_terminal_says_what_the_command_says(site, folder, name):
    from record import PICTURES, picture  # noqa: PLC0415 - the fixture says where it is

    assert picture(name) == (PICTURES / f"{name}.svg").read_text(), "python docs/site/record.py"


def test_a_link_that_leads_nowhere_is_told(site, tmp_path):
    from check import dead_links  # noqa: PLC0415 - so is this

    (tmp_path / "a.html").write_text('<p id="here"><a href="b.html#there">1</a><a href="#here">2</a></p>')
    (tmp_path / "b.html").write_text(
        '<a href="a.html#here">3</a><img src="none.svg"><a href="https://x.y/z">4</a>'
    )
    assert dead_links(tmp_path) == ["a.html: b.html#there", "b.html: none.svg"]
