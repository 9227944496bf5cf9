"""What everstore finds: the hooks, and the settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from acme_ledger.audit import Audit, Auditing
from acme_ledger.files import LedgerFileSystemFactory
from acme_ledger.ledger import Ledger, opened
from acme_ledger.stores import LedgerSessionStore, LedgerStorageStore
from everstore import hookimpl
from everstore.settings import PluginSettings

if TYPE_CHECKING:
    from everstore.context import PluginContext
    from everstore.middleware import Middleware


class LedgerSettings(PluginSettings):
    """The settings of this backend."""

    model_config = SettingsConfigDict(env_prefix="EVERSTORE_LEDGER_")

    path: Path = Path("ledger.jsonl")
    """The file, which is made when missing."""
    seal: SecretStr | None = None
    """A password without which the ledger does not open again."""


async def shared_ledger(context: PluginContext) -> Ledger:
    """The one ledger that this plugin's three stores share, opened by the first of them."""
    settings = cast("LedgerSettings", context.settings)
    audit = context.get(Audit)
    return await context.shared(Ledger, lambda: opened(settings.path, settings.seal, audit))


@hookimpl
def everstore_settings() -> type[LedgerSettings]:
    """``EVERSTORE_LEDGER_*``."""
    return LedgerSettings


@hookimpl
async def everstore_file_system_factory(context: PluginContext) -> LedgerFileSystemFactory:
    """Files in the ledger."""
    return LedgerFileSystemFactory(await shared_ledger(context))


@hookimpl
async def everstore_storage_store(context: PluginContext) -> LedgerStorageStore:
    """Values and secrets in the ledger."""
    return LedgerStorageStore(await shared_ledger(context), context.limits)


@hookimpl
async def everstore_session_store(context: PluginContext) -> LedgerSessionStore:
    """Session records in the ledger."""
    return LedgerSessionStore(await shared_ledger(context))


@hookimpl
def everstore_middleware(context: PluginContext) -> Middleware | None:
    """The audit, when the host wants one."""
    audit = context.get(Audit)
    return None if audit is None else Auditing(audit)
