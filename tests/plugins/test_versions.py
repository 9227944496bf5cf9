"""A plugin states which versions of everstore it is made for, and is not loaded beside another one."""

from __future__ import annotations

import sys
from importlib.metadata import version

import pytest

import everstore
from everstore.errors import PluginVersionError
from everstore.plugins import Plugins

HERE = version("everstore")
STORAGE = """
    from everstore import hookimpl
    from everstore.backends.memory import InMemorySessionStorageStore

    @hookimpl
    def everstore_storage_store():
        return InMemorySessionStorageStore()
"""
FITTING = {
    "nothing": [],
    "others only": ["msgspec>=1000", "everstore-sqlite>=1000", "everstore_sqlite>=1000"],
    "no version": ["everstore"],
    "this one": [f"everstore[encryption]=={HERE}"],
    "a range": [f"everstore>={HERE},<1000"],
    "a directory": ["everstore @ file:///src/everstore"],
    "an extra's": ['everstore[cli]>=1000; extra == "test"'],
    "another Python's": ['everstore>=1000; python_version < "3"'],
    "no requirement": ["everstore of the newest"],
    "no version that there is": ["everstore>=newest"],
}


@pytest.mark.parametrize("case", FITTING)
async def test_a_plugin_that_fits_or_states_nothing_is_loaded(install, case):
    install("acme", STORAGE, requires=FITTING[case])
    async with everstore.open_store(storage="acme") as store:
        assert store.backends["storage"] == "acme"


async def test_a_plugin_for_another_version_is_an_error_that_says_which_and_is_not_imported(install):
    install("acme", STORAGE, requires=["msgspec", "Everstore[encryption]>=1000,<1001"])
    with pytest.raises(PluginVersionError) as caught:
        async with everstore.open_store(storage="acme"):
            pass
    assert str(caught.value) == (
        "plugin 'acme' (acme-dist 1.0) does not fit: it is made for everstore <1001,>=1000, "
        f"and this is everstore {HERE}; install both anew, by one command"
    )
    assert (caught.value.code, caught.value.plugin) == ("plugin_version", "acme")
    assert "acme_module" not in sys.modules
    [problem] = [report.problem for report in Plugins().report() if report.name == "acme"]
    assert problem == str(caught.value)
