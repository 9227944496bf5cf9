"""Who configures a store: the named file, the given environment, and what is refused or told."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from everstore.conformance.acts import LOOKING
from everstore.conformance.case import refused
from everstore.conformance.registry import check
from everstore.errors import QuotaExceededError, SettingsError, StoreClosedError, UnknownBackendError

if TYPE_CHECKING:
    from everstore.conformance.case import Case
    from everstore.store import Store
    from everstore.telling.observing import CallRecord

_ROLES = ("file_system", "storage", "sessions")


def _written(folder: str, text: str) -> str:
    file = Path(folder, "named.toml")
    file.write_text(text)
    return str(file)


async def _assert_small_files_only(case: Case, store: Store) -> None:
    with refused(QuotaExceededError):
        await store.file_system.write_file(case.id, "a", "1234")


@check("opening.named_file", "7.1.5", likely="what opens the store passes some of its keywords on")
async def named_file(case: Case) -> None:
    """The settings file that is named counts, and is named when anything in it is wrong or misspelt."""
    with tempfile.TemporaryDirectory() as folder:
        for text, words in (
            ("[limits]\nfile_bytes = 'many'\n", "EVERSTORE_LIMITS__FILE_BYTES: "),
            ("[limits]\nFILE_BYTES = 3\n", "did you mean [limits] file_bytes?"),
            ("BACKEND = 'x'\n", "did you mean backend?"),
        ):
            file = _written(folder, text)
            by_environment = {**os.environ, "EVERSTORE_CONFIG_FILE": file}
            for named in ({"config_file": file}, {"config_file": None, "environment": by_environment}):
                with refused(SettingsError) as caught:
                    await case.open(**named)
                assert file in str(caught.error)
                assert words in str(caught.error)


@check(
    "opening.environment",
    "7.1.6",
    likely="a plugin, or what opens the store, looks into os.environ by itself",
)
async def environment(case: Case) -> None:
    """The environment that a store is given is the only one that it knows."""
    given = dict(os.environ)
    await case.storage.set_value("k", "kept")
    await case.store.close()  # a storage that is not shared has one user at a time
    small = {**given, "EVERSTORE_LIMITS__FILE_BYTES": "3"}
    async with case.subject.open(environment=small) as store:
        await _assert_small_files_only(case, store)
    ours = [
        name for name in given if name.startswith("EVERSTORE_") and not name.startswith("EVERSTORE_TEST_")
    ]
    os.environ.update(dict.fromkeys([*ours, "EVERSTORE_LOG_LEVEL"], "nonsense"))
    try:
        async with case.subject.open(environment=given) as store:
            found = await store.storage.get_value(case.id, "k")
    except SettingsError as error:
        raise AssertionError(f"a setting came from os.environ: {error}") from error
    finally:
        for name in [*ours, "EVERSTORE_LOG_LEVEL"]:
            os.environ.pop(name, None)
        os.environ.update(given)
    assert found == ("kept" if case.capabilities.durable else None)


@check("opening.backend_clears_roles", "7.1.7", likely="roles are read before it is clear who said what")
async def backend_clears_roles(case: Case) -> None:
    """A backend clears the roles that weaker sources name."""
    roles = {f"EVERSTORE_{role.upper()}": "no-such-backend" for role in _ROLES}
    await case.store.close()
    try:
        store = await case.open(backend=case.subject.name, environment={**os.environ, **roles})
    except UnknownBackendError as error:
        raise AssertionError(f"a weaker source named a role all the same: {error}") from error
    assert "no-such-backend" not in store.backends.values()


@check("opening.disagreement", "7.1.8", likely="the last word wins")
async def disagreement(case: Case) -> None:
    """One setting of the environment in two spellings that disagree is refused, and both are named."""
    with refused(SettingsError) as caught:
        await case.open(
            environment={**os.environ, "EVERSTORE_LOG_FORMAT": "json", "everstore_log_format": "console"}
        )
    assert "EVERSTORE_LOG_FORMAT" in str(caught.error)
    assert "everstore_log_format" in str(caught.error)


class _Stranger:
    """What no plugin asks for."""


@check("opening.unasked", "7.1.9", likely="values that nobody wants are dropped")
async def unasked(case: Case) -> None:
    """A value that no plugin asks for is refused, with its type, and nothing is open afterwards."""
    await case.store.close()
    with refused(SettingsError) as caught:
        await case.open(_Stranger())
    assert "_Stranger" in str(caught.error)
    assert "open_store(" in str(caught.error)


@check(
    "opening.ping", "7.1.10", since="1.2", likely="a probe writes something, or answers without the storage"
)
async def ping(case: Case) -> None:
    """A ping asks every role of the store, and only looks."""
    seen: list[CallRecord] = []
    await case.store.close()
    store = case.store = await case.open(on_call=seen.append)
    await store.ping()
    await store.close()
    assert {record.role for record in seen} == {"file_system", "storage", "sessions"}
    assert {record.verb for record in seen} <= {act.verb for act in LOOKING.values()}
    assert {record.outcome for record in seen} == {"ok"}
    with refused(StoreClosedError):
        await store.ping()
