"""Keys: made, used and rotated by command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from everstore import Capabilities
from everstore.backends.memory import InMemorySessionStorageStore
from everstore.middleware.encryption import Envelope, parse_keys
from everstore.models import StoredSecret, new_session_id

if TYPE_CHECKING:
    from uuid import UUID


class Shelf(InMemorySessionStorageStore):
    """Ciphertexts that outlive a command."""

    capabilities = Capabilities(durable=True)

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[UUID, str], str] = {}

    async def scan_secrets(self, *, after=None, limit=100) -> list[StoredSecret]:
        places = sorted(place for place in self.held if after is None or place > after)
        return [StoredSecret(*place, self.held[place]) for place in places[:limit]]

    async def swap_secret(self, session_id, name, expected, replacement) -> bool:
        self.held[session_id, name] = replacement
        return True


@pytest.fixture
def shelf(install_plugin, in_empty_folder, monkeypatch) -> Shelf:
    shelf = Shelf()
    install_plugin("shelf", everstore_storage_store=lambda: shelf)
    monkeypatch.setenv("EVERSTORE_STORAGE", "shelf")
    return shelf


def test_a_key_is_printed_and_nothing_else(cli, in_empty_folder):
    answer = cli("keys", "generate", "--id", "mine")
    assert (answer.status, answer.err) == (0, "")
    assert list(parse_keys(answer.out.strip())) == ["mine"]
    assert answer.out.count("\n") == 1


def test_a_wrong_id_is_told_in_one_line(cli, in_empty_folder):
    answer = cli("keys", "generate", "--id", "a:b")
    assert answer.status == 2
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize("as_json", [False, True])
def test_rotation_tells_how_many_it_changed(cli, shelf, monkeypatch, as_json):
    old, new = (cli("keys", "generate", "--id", name).out.strip() for name in ("old", "new"))
    place: Any = (new_session_id(), "name")
    shelf.held[place] = Envelope(parse_keys(old)).seal(*place, "secret")
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", f"{new},{old}")
    answer = cli("keys", "rotate", *["--json"] * as_json)
    assert answer.status == 0
    if as_json:
        assert answer.json == {"secrets": 1, "changed": 1}
    else:
        assert answer.out == "1 of 1 secret encrypted anew\n"
    assert Envelope(parse_keys(new)).open(*place, shelf.held[place]) == "secret"


def test_rotation_needs_a_key(cli, shelf):
    answer = cli("keys", "rotate")
    assert answer.status == 2
    assert "EVERSTORE_SECRETS_KEYS" in answer.err


def test_a_secret_that_no_key_opens_fails_the_command(cli, shelf, monkeypatch):
    place: Any = (new_session_id(), "name")
    old, new = (cli("keys", "generate", "--id", name).out.strip() for name in ("old", "new"))
    shelf.held[place] = Envelope(parse_keys(old)).seal(*place, "secret")
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", new)
    kept = shelf.held[place]
    for options in ([], ["--json"]):
        answer = cli("keys", "rotate", *options)
        assert answer.status == 4
        assert "'old'" in answer.err
        assert str(place[0]) in answer.err
        assert "'name'" in answer.err
        assert answer.err.count("\n") == 1
    assert [lost["session"] for lost in answer.json["unopened"]] == [str(place[0])]
    assert shelf.held[place] == kept


def test_status_counts_secrets_by_key_and_tells_those_that_do_not_open(cli, shelf, monkeypatch):
    old, new, lost = (cli("keys", "generate", "--id", name).out.strip() for name in ("old", "new", "lost"))
    for number, key in enumerate([old, old, new, lost, f"old:{lost.partition(':')[2]}"]):
        place: Any = (new_session_id(), f"name {number}")
        shelf.held[place] = Envelope(parse_keys(key)).seal(*place, "secret")
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", f"{new},{old},{lost.replace('lost:', 'unused:')}")
    answer = cli("keys", "status", "--json")
    assert answer.status == 4
    assert {row["key"]: row["secrets"] for row in answer.json["keys"]} == {
        "new": 1, "old": 3, "unused": 0, "lost": 1,
    }  # fmt: skip
    assert sorted(each["name"] for each in answer.json["unopened"]) == ["name 3", "name 4"]
    answer = cli("keys", "status")
    assert answer.status == 4
    assert "5 secrets, of which no key opens 2" in answer.out
    assert answer.err.count("\n") == 2
    shelf.held = {place: held for place, held in shelf.held.items() if place[1] < "name 3"}
    assert cli("keys", "status").status == 0
    monkeypatch.delenv("EVERSTORE_SECRETS_KEYS")
    answer = cli("keys", "status")
    assert answer.status == 4
    assert "3 secrets, of which no key opens 3" in answer.out


@pytest.mark.parametrize("command", ["rotate", "status"])
def test_a_backend_without_the_verbs_of_rotation_is_named(
    cli, install_plugin, in_empty_folder, monkeypatch, command
):
    class Forgetful(InMemorySessionStorageStore):
        capabilities = Capabilities(durable=True)

    forgetful = Forgetful()
    install_plugin("forgetful", everstore_storage_store=lambda: forgetful)
    monkeypatch.setenv("EVERSTORE_STORAGE", "forgetful")
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", cli("keys", "generate").out.strip())
    answer = cli("keys", command)
    assert (answer.status, answer.out) == (2, "")
    assert "'forgetful'" in answer.err
    monkeypatch.setenv("EVERSTORE_STORAGE", "memory")
    answer = cli("keys", command)
    assert (answer.status, answer.out) == (3, "")
    assert "'memory'" in answer.err


def test_a_progress_bar_on_a_terminal(cli, shelf, monkeypatch):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("FORCE_COLOR", "1")
    key = cli("keys", "generate", "--id", "mine").out.strip()
    place: Any = (new_session_id(), "name")
    shelf.held[place] = Envelope(parse_keys(key)).seal(*place, "secret")
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", key)
    answer = cli("keys", "rotate")
    assert answer.status == 0
    assert "secrets" in answer.err
    assert "1/1" in answer.err


def test_status_tells_what_is_no_ciphertext_and_shows_none_of_it(cli, shelf, monkeypatch):
    monkeypatch.setenv("EVERSTORE_SECRETS_KEYS", cli("keys", "generate").out.strip())
    place: Any = (new_session_id(), "token")
    shelf.held[place] = "hunter2"
    answer = cli("keys", "status")
    assert answer.status == 4
    assert "no ciphertext of everstore's" in answer.out
    assert f"session {place[0]}: " in answer.err
    assert "hunter2" not in answer.out + answer.err


def test_a_key_is_generated_in_json(cli):
    told = cli("keys", "generate", "--id", "mine", "--json").json
    assert (told["id"], told["key"].partition(":")[0], len(told["key"])) == ("mine", "mine", 49)
