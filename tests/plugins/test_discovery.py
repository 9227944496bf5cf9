"""Plugins are found by name, loaded only when named, and each thing wrong has its clear answer."""

from __future__ import annotations

import sys

import pytest

import everstore
from everstore.errors import PluginError, SettingsError, UnknownBackendError
from everstore.plugins import PluginReport, Plugins

BROKEN = "import a_module_that_nobody_has\n"
STORAGE = """
    from everstore import hookimpl
    from everstore.backends.memory import InMemorySessionStorageStore

    @hookimpl
    def everstore_storage_store():
        return InMemorySessionStorageStore()
"""


async def opened(**settings):
    async with everstore.open_store(**settings) as store:
        return store.backends


def report_of(name: str) -> PluginReport:
    [report] = [report for report in Plugins().report() if report.name == name]
    return report


async def test_only_the_plugins_that_are_named_are_imported(ledger, install):
    install("broken", BROKEN)
    await opened(backend="memory")
    assert "acme_ledger" not in sys.modules
    await opened(**ledger)
    assert "acme_ledger" in sys.modules


async def test_an_unknown_backend_is_told_with_what_there_is(ledger):
    with pytest.raises(UnknownBackendError) as caught:
        await opened(backend="legder")
    assert str(caught.value) == "no backend 'legder'; did you mean 'ledger'? available: " + ", ".join(
        Plugins().names
    )
    assert caught.value.available == tuple(Plugins().names)
    assert {"ledger", "memory"} <= set(Plugins().names)


async def test_an_unknown_backend_like_no_other_has_no_suggestion():
    with pytest.raises(UnknownBackendError, match=r"^no backend 'xyz'; available: .*\bmemory\b"):
        await opened(backend="xyz")


async def test_a_blocked_plugin_is_neither_suggested_nor_loaded(ledger, monkeypatch):
    monkeypatch.setenv("EVERSTORE_DISABLED_PLUGINS", "other, ledger")
    with pytest.raises(
        PluginError, match=r"^plugin 'ledger' is blocked by EVERSTORE_DISABLED_PLUGINS$"
    ) as caught:
        await opened(**ledger)
    assert caught.value.plugin == "ledger"
    with pytest.raises(UnknownBackendError) as unknown:
        await opened(backend="legder")
    assert "ledger" not in unknown.value.available
    assert "did you mean 'ledger'" not in str(unknown.value)
    assert "acme_ledger" not in sys.modules


async def test_a_plugin_that_cannot_be_imported_says_why_and_whose_it_is(install):
    install("broken", BROKEN)
    with pytest.raises(PluginError) as caught:
        await opened(backend="broken")
    assert str(caught.value) == (
        "plugin 'broken' (broken-dist 1.0) is broken: "
        "ModuleNotFoundError: No module named 'a_module_that_nobody_has'"
    )
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


async def test_what_a_broken_plugin_says_in_many_lines_becomes_one(install):
    install("broken", "raise RuntimeError('first line\\nsecond line')\n")
    with pytest.raises(PluginError, match=r"RuntimeError: first line second line$"):
        await opened(backend="broken")


async def test_one_name_in_two_distributions_is_an_error_that_names_both(install):
    install("one", STORAGE, name="twin")
    install("two", STORAGE, name="twin")
    with pytest.raises(
        PluginError, match=r"^two plugins are called 'twin': one-dist 1\.0 and two-dist 1\.0;"
    ):
        await opened(storage="twin")
    assert not {"one_module", "two_module"} & set(sys.modules)


async def test_a_distribution_found_twice_is_one(ledger, ledger_folder, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, f"{ledger_folder}/."])
    assert (await opened(**ledger))["storage"] == "ledger"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (
            "@hookimpl\ndef everstore_storage_stor(context): ...\n",
            "'everstore_storage_stor' is no hook; did you mean 'everstore_storage_store'?",
        ),
        (
            "@hookimpl\ndef everstore_xyz(): ...\n",
            "'everstore_xyz' is no hook; everstore.hookspecs has them all",
        ),
        (
            "@hookimpl\ndef everstore_storage_store(contxt): ...\n",
            (
                "PluginValidationError: Plugin 'wrong' for hook 'everstore_storage_store' hookimpl "
                "definition: everstore_storage_store(contxt) Argument(s) {'contxt'} are declared in the "
                "hookimpl but can not be found in the hookspec"
            ),
        ),
        (
            "@hookimpl\ndef everstore_settings(context): ...\n",
            (
                "PluginValidationError: Plugin 'wrong' for hook 'everstore_settings' hookimpl definition: "
                "everstore_settings(context) Argument(s) {'context'} are declared in the hookimpl but can "
                "not be found in the hookspec"
            ),
        ),
        (
            "@hookimpl\ndef everstore_settings(): ...\ndef everstore_storage_store(): ...\n",
            "everstore_storage_store is not marked with @hookimpl",
        ),
        (
            "@hookimpl(wrapper=True)\ndef everstore_settings(): ...\n",
            (
                "PluginValidationError: Plugin 'wrong' for hook 'everstore_settings' hookimpl definition: "
                "everstore_settings() Declared as wrapper=True or hookwrapper=True but function is not a "
                "generator function"
            ),
        ),
        ("", "it implements no hook of everstore"),
    ],
    ids=["hook", "hook like no other", "argument", "argument too many", "mark", "wrapper", "nothing"],
)
async def test_a_misspelt_hook_fails_loudly(install, source, complaint):
    install("wrong", "from everstore import hookimpl\n" + source)
    with pytest.raises(PluginError) as caught:
        await opened(backend="wrong")
    assert str(caught.value) == f"plugin 'wrong' (wrong-dist 1.0) is broken: {complaint}"
    assert report_of("wrong").problem == str(caught.value)


async def test_a_plugin_may_be_an_object_in_a_module(install):
    source = """
    from everstore import hookimpl
    from everstore.backends.memory import InMemorySessionStorageStore

    class Hooks:
        @hookimpl
        def everstore_storage_store(self):
            return InMemorySessionStorageStore()

    hooks = Hooks()
    """
    install("object", source, attribute=":hooks")
    assert (await opened(storage="object"))["storage"] == "object"


def test_a_plugin_is_loaded_once():
    plugins = Plugins()
    assert plugins.load("memory") is plugins.load("memory")


def test_the_report_lists_every_plugin_with_its_roles_or_its_problem(ledger, install):
    install("broken", BROKEN)
    install("one", STORAGE, name="twin")
    install("two", STORAGE, name="twin")
    install("storage", STORAGE)
    reports = {report.name: report for report in Plugins(disabled=["memory"]).report()}
    assert list(reports) == sorted(reports)
    assert reports["ledger"] == PluginReport(
        "ledger", "acme-ledger 1.2.3", ("file_system", "storage", "sessions"), None
    )
    assert reports["storage"].roles == ("storage",)
    assert reports["memory"].problem == "plugin 'memory' is blocked by EVERSTORE_DISABLED_PLUGINS"
    assert "No module named 'a_module_that_nobody_has'" in reports["broken"].problem
    assert reports["twin"].distribution == "one-dist 1.0 and two-dist 1.0"
    assert "uninstall one of them" in reports["twin"].problem


def test_the_report_tells_of_settings_with_a_wrong_prefix(install):
    install(
        "selfish",
        """
        from everstore import hookimpl
        from everstore.settings import PluginSettings
        from pydantic_settings import SettingsConfigDict

        class Settings(PluginSettings):
            model_config = SettingsConfigDict(env_prefix="EVERSTORE_")

        @hookimpl
        def everstore_settings():
            return Settings
        """,
    )
    assert report_of("selfish").problem == (
        "plugin 'selfish': its settings Settings must have env_prefix='EVERSTORE_SELFISH_'"
    )


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("return dict", "everstore_settings must return a subclass of everstore.settings.PluginSettings"),
        ("return 1 / 0", "everstore_settings failed: ZeroDivisionError: division by zero"),
    ],
)
async def test_a_settings_hook_that_gives_no_settings_is_told(install, body, complaint):
    install("odd", f"from everstore import hookimpl\n@hookimpl\ndef everstore_settings(): {body}\n")
    with pytest.raises(PluginError) as caught:
        await opened(storage="odd")
    assert str(caught.value) == f"plugin 'odd' (odd-dist 1.0) is broken: {complaint}"


async def test_errors_of_configuration_are_settings_errors():
    with pytest.raises(SettingsError):
        await opened(backend="xyz")
