"""check: what a plugin's look finds, what deep looks at, and what is never written to."""

from __future__ import annotations

import pytest

from everstore import Capabilities
from everstore.backends.memory import InMemorySessionStorageStore
from everstore.errors import UnsupportedError
from everstore.middleware import Middleware
from everstore.models import StoredSecret

OTHER_KEY = "other:" + "REVG" * 10 + "REU="


@pytest.fixture(autouse=True)
def _nowhere(in_empty_folder):
    pass


class Scanned(InMemorySessionStorageStore):
    """Secrets that outlive a command, and can be looked through."""

    capabilities = Capabilities(durable=True)

    def __init__(self) -> None:
        super().__init__()
        self.sessions = set()

    async def set_secret(self, session_id, name, value, **expiry):
        self.sessions.add(session_id)
        return await super().set_secret(session_id, name, value, **expiry)

    async def scan_secrets(self, *, after=None, limit=100):
        places = [(each, info.name) for each in self.sessions for info in await self.list_secrets(each)]
        return [
            StoredSecret(*place, await self.get_secret(*place))
            for place in sorted(places)[:limit]
            if after is None or place > after
        ]


@pytest.fixture
def scanned(install_plugin, kept, monkeypatch):
    """Secrets are kept where they can be looked through."""
    storage = Scanned()
    install_plugin("scanned", everstore_storage_store=lambda: storage)
    monkeypatch.setenv("EVERSTORE_STORAGE", "scanned")


@pytest.fixture
def looked_at(install_plugin, kept, monkeypatch):
    """Install a plugin for the sessions whose look answers like this; the list of what it was asked."""
    asked = []

    def install(look):
        def everstore_check(deep):
            asked.append(deep)
            return look(deep)

        install_plugin(
            "looked", everstore_session_store=lambda: kept.sessions, everstore_check=everstore_check
        )
        monkeypatch.setenv("EVERSTORE_SESSIONS", "looked")
        return asked

    return install


@pytest.fixture
def layered(install_plugin, monkeypatch):
    """Put a layer around the verbs: ``layered(act)``, with ``act(verb, call)`` the call to make instead."""

    def install(act):
        class Layer(Middleware):
            def wrap(self, verb, call):
                return act(verb, call)

        layer = Layer()
        install_plugin("layer", everstore_middleware=lambda: layer)
        monkeypatch.setenv("EVERSTORE_MIDDLEWARE", "layer")

    return install


def rows(answer) -> list[tuple[str, str, str]]:
    return [(each["backend"], each["probe"], each["outcome"]) for each in answer.json]


def test_a_storage_that_is_sound_is_said_to_be(cli, a_key, looked_at, scanned):
    asked = looked_at(lambda _deep: [])
    answer = cli("check", "--json")
    assert (answer.status, rows(answer)[0]) == (0, ("looked", "the storage", "ok"))
    answer = cli("check", "--deep", "--json")
    assert (answer.status, asked) == (0, [False, True])
    assert ("looked", "the whole storage", "ok") in rows(answer)
    assert ("kept", "the whole storage", "not possible") in rows(answer)
    assert ("scanned", "every secret opens", "ok") in rows(answer)


def test_a_durable_backend_without_the_verbs_of_rotation_fails_the_deep_look(cli, kept, a_key):
    answer = cli("check", "--deep", "--json")
    assert answer.status == 4
    [finding] = [each for each in answer.json if each["probe"] == "every secret opens"]
    assert (finding["backend"], finding["outcome"]) == ("kept", "failed")
    assert "scan_secrets" in finding["reason"]


@pytest.mark.parametrize("deep", [[], ["--deep"]])
def test_a_storage_that_is_not_sound_is_told_and_not_written_to(cli, kept, a_key, looked_at, layered, deep):
    calls = []

    def note(verb, call):
        async def noted(*args, **kwargs):
            calls.append(verb.name)
            return await call(*args, **kwargs)

        return noted

    layered(note)
    looked_at(lambda _deep: ["row 7 is damaged", "row 8 is lost"])
    answer = cli("check", "--json", *deep)
    assert (answer.status, calls) == (4, [])
    told = [(each["role"], each["reason"]) for each in answer.json if each["outcome"] == "failed"]
    assert told == [("sessions", "row 7 is damaged"), ("sessions", "row 8 is lost")]
    answer = cli("check", *deep)
    assert (answer.status, answer.err) == (4, "")
    assert "row 8 is lost" in answer.out


def test_a_look_that_fails_is_a_finding_without_the_drivers_words(cli, looked_at):
    def fails(_deep):
        raise OSError("hunter2")

    looked_at(fails)
    answer = cli("check", "--json")
    assert answer.status == 4
    [finding] = answer.json
    assert (finding["backend"], finding["outcome"]) == ("looked", "failed")
    assert "OSError" in finding["reason"]
    assert "hunter2" not in answer.out + answer.err


def test_deep_names_the_sessions_whose_secrets_do_not_open(cli, session, a_key, scanned, monkeypatch):
    assert cli("secret", "set", "token", stdin=b"hunter2").status == 0
    answer = cli("check", "--deep", "--json")
    assert answer.status == 0
    assert ("scanned", "every secret opens", "ok") in rows(answer)
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", OTHER_KEY)
    answer = cli("check", "--deep", "--json")
    assert answer.status == 4
    [lost] = [each for each in answer.json if each["outcome"] == "failed"]
    assert (lost["role"], lost["probe"]) == ("storage", "every secret opens")
    assert lost["reason"].startswith(f"session {session}: ")
    assert "hunter2" not in answer.out + answer.err
    assert cli("check").status == 0  # without --deep only what it writes itself is looked at


def test_deep_says_so_where_the_secrets_cannot_be_read(cli, kept, a_key, layered):
    def failing(verb, call):
        async def fails(*args, **kwargs):
            raise ConnectionResetError("hunter2")

        return fails if verb.name.startswith("scan") else call

    layered(failing)
    answer = cli("check", "--deep", "--json")
    assert answer.status == 4
    [failed] = [each for each in answer.json if each["outcome"] == "failed"]
    assert failed["probe"] == "every secret opens"
    assert "ConnectionResetError" in failed["reason"]
    assert "hunter2" not in answer.out + answer.err


def test_what_is_opened_for_reading_only_is_not_written_to(cli, kept, a_key, layered):
    calls = []

    def read_only(verb, call):
        async def refuse(*args, **kwargs):
            calls.append(verb.name)
            raise UnsupportedError("opened for reading only")

        return refuse

    layered(read_only)
    answer = cli("check", "--json")
    assert answer.status == 0
    assert {each["outcome"] for each in answer.json} == {"not possible"}
    assert {each["reason"] for each in answer.json} == {"opened for reading only"}
    assert len(answer.json) == 4
    assert not [name for name in calls if name.startswith(("delete", "purge"))]


def test_what_was_written_and_cannot_be_removed_is_a_failure(cli, kept, a_key, layered):
    def cannot_remove(verb, call):
        async def refuse(*args, **kwargs):
            raise UnsupportedError("nothing is removed here")

        return refuse if verb.name == "purge_session" else call

    layered(cannot_remove)
    answer = cli("check", "--json")
    assert answer.status == 4
    assert (answer.json[-1]["probe"], answer.json[-1]["outcome"]) == ("remove all of it", "failed")
    assert "nothing is removed here" in answer.json[-1]["reason"]
