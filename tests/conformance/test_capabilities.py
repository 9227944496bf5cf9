"""What is declared is checked, what is not must be refused, and what works must be declared."""

from __future__ import annotations

import pytest

from everstore import Capabilities, SessionFileSystemFactory
from everstore.backends.memory import (
    InMemorySessionFileStore,
    InMemorySessionStorageStore,
    InMemorySessionStore,
)
from everstore.changes import SwapSecret
from everstore.conformance import Subject, all_checks, run
from everstore.content import append_content, replace_text
from everstore.errors import BackendUnavailableError, QuotaExceededError
from everstore.models import StoredSecret
from everstore.settings import Limits

LIMITED = Capabilities(time_to_live=False, forks=True, max_file_bytes=2000, max_value_bytes=1000)
LASTING = Capabilities(durable=True, shared=True, forks=True)
COUNTED = Limits(session_keys=1_000_000)  # some limit: what a store opens with comes later


class LimitedFiles(InMemorySessionFileStore):
    """Files of at most as many bytes as declared; results are looked at as well as arguments."""

    async def edit_file(self, session_id, path, old, new, *, replace_all=False):
        found = await self.read_file(session_id, path)
        self._check(len(replace_text(path, found.content, old, new, replace_all=replace_all)[0]))
        return await super().edit_file(session_id, path, old, new, replace_all=replace_all)

    async def append_file(self, session_id, path, content, encoding="text"):
        found = await self.read_file(session_id, path)
        if found is not None:
            self._check(len(append_content(found, content, encoding)))
        return await super().append_file(session_id, path, content, encoding)

    def _check(self, size):
        if size > LIMITED.max_file_bytes:
            raise QuotaExceededError.beyond("max_file_bytes", size, LIMITED.max_file_bytes)


class LastingStorage(InMemorySessionStorageStore):
    """Storage that can tell and swap its ciphertexts, as a durable one must."""

    def __init__(self):
        super().__init__(COUNTED)
        self._places = set()

    async def set_secret(self, session_id, name, value, *, ttl=None):
        self._places.add((session_id, name))
        await super().set_secret(session_id, name, value, ttl=ttl)

    async def scan_secrets(self, *, after=None, limit=100):
        found = []
        for session_id, name in sorted(self._places):
            ciphertext = await self.get_secret(session_id, name)
            if ciphertext is not None and (after is None or (session_id, name) > after):
                found.append(StoredSecret(session_id, name, ciphertext))
        return found[:limit]

    async def swap_secret(self, session_id, name, expected, replacement):
        [done] = await self.apply(session_id, [SwapSecret(name, expected, replacement)])
        return done


@pytest.fixture
def install(install_plugin):
    """Install a backend of these parts, declaring these capabilities; the same ones at each opening."""

    def make(name, capabilities, files=None, storage=None, records=None, *, anew=False):
        kinds = (
            files or InMemorySessionFileStore,
            storage or InMemorySessionStorageStore,
            records or InMemorySessionStore,
        )
        kept = [kind() for kind in kinds]

        def part(at, context=None):
            made = kinds[at]() if anew else kept[at]
            made.capabilities = capabilities
            if context is not None:
                made._limits = context.limits
            return made

        class Factory(SessionFileSystemFactory):
            async def create_session_file_system(self, context):
                return part(0, context)

        install_plugin(
            name,
            everstore_file_system_factory=lambda: Factory(),  # noqa: PLW0108 - a hook is a function
            everstore_storage_store=lambda context: part(1, context),
            everstore_session_store=lambda: part(2),
        )
        return Subject({"backend": name})

    return make


def outcomes(subject, *words):
    """The checks whose ids have one of these words, by outcome."""
    results = run(subject, [check for check in all_checks() if any(word in check.id for word in words)])
    return {
        outcome: {result.check for result in results if result.outcome == outcome}
        for outcome in {result.outcome for result in results}
    }


def test_limits_of_the_storage_are_checked_where_they_are_declared(install):
    subject = install("limited", LIMITED, LimitedFiles, anew=True)
    found = outcomes(subject, "capabilities.")
    assert found.get("failed", set()) == set()
    assert found["passed"] >= {
        *(f"capabilities.max_file_bytes.{way}" for way in ("write", "base64", "seed", "append", "edit")),
        *(f"capabilities.max_value_bytes.{what}" for what in ("value", "secret")),
        "capabilities.time_to_live.undeclared",
    }
    assert found["not applicable"] == {
        "capabilities.max_file_bytes.undeclared",
        "capabilities.max_value_bytes.undeclared",
    }


def test_a_limit_that_holds_for_arguments_only_is_found_out(install):
    found = outcomes(install("limited", LIMITED, anew=True), "capabilities.max_file_bytes")
    assert found["failed"] == {"capabilities.max_file_bytes.append", "capabilities.max_file_bytes.edit"}


def test_where_no_time_to_live_is_declared_no_check_needs_it(install):
    found = outcomes(
        install("limited", LIMITED, LimitedFiles, anew=True), "values.expir", "values.refused_ttl"
    )
    assert found.keys() == {"not applicable"}


def test_what_lasts_and_is_shared_has_its_own_checks(install):
    subject = install("lasting", LASTING, storage=LastingStorage)
    words = ("capabilities.", "concurrency.clients", "secrets.", "lifecycle.", "durability.reopen")
    with_processes = ("concurrency.clients.sees", "lifecycle.overtaken")  # where nobody has installed it
    failed = outcomes(subject, *words).get("failed", set())
    assert {check for check in failed if not check.startswith(with_processes)} == set()


def test_what_lasts_without_being_declared_is_found_out(install):
    found = outcomes(install("lasting", Capabilities()), "capabilities.durable", "capabilities.shared")
    assert found == {"failed": {"capabilities.durable", "capabilities.shared"}}


def test_what_is_declared_and_does_not_last_is_found_out(install):
    found = outcomes(
        install("forgetful", LASTING, storage=LastingStorage, anew=True),
        "capabilities.durable",
        "capabilities.shared",
    )
    assert found == {"failed": {"capabilities.durable", "capabilities.shared"}}


def test_a_storage_that_only_one_client_may_open_need_not_be_shared(install, install_plugin):
    class Single(InMemorySessionStore):
        is_open = False

        async def close(self):
            Single.is_open = False

    def open_once():
        if Single.is_open:
            raise BackendUnavailableError("somebody else has it open")
        Single.is_open = True
        return Single()

    class Factory(SessionFileSystemFactory):
        async def create_session_file_system(self, context):
            return InMemorySessionFileStore(context.limits)

    install_plugin(
        "single",
        everstore_file_system_factory=lambda: Factory(),  # noqa: PLW0108 - a hook is a function
        everstore_storage_store=lambda context: InMemorySessionStorageStore(context.limits),
        everstore_session_store=open_once,
    )
    found = outcomes(Subject({"backend": "single"}), "capabilities.", "lifecycle.", "secrets.", "limits.")
    assert found.get("failed", set()) == set()
