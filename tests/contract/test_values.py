"""Contract §6: values and secrets."""

from __future__ import annotations

import asyncio
import math
import unicodedata
from datetime import UTC, datetime

import pytest

from everstore import errors

KEYS = [
    *(
        "a",
        "A",
        "b",
        " ",
        "a ",
        "a.b",
        "a/b",
        "/a",
        "..",
        ".",
        "a%",
        "a_",
        "*",
        "'",
        '"',
        ";",
        "\n",
        "\x01",
        "\\",
    ),
    *(
        "é",
        unicodedata.normalize("NFD", "é"),
        "\u2028",
        "\U0001f600",
        "\uffff",
        "\U00010000",
        "x" * 1024,
        "é" * 512,
    ),
    *("10", "9", "None", "null", "workspace", "session:1", "a:b", "{a}", "a\tb", "\ufeff"),
]
VALUES = [
    *(
        "",
        " ",
        "a",
        "\n",
        "a\r\nb",
        "nul\0inside\0",
        "é\u2028\U0001f600",
        "null",
        "0",
        "x" * 70_000,
        "{}",
        "'; --",
    ),
    "".join(map(chr, range(128))),
]
NO_KEYS = ["", "\0", "a\0b", "\ud800", "a\udfff", "x" * 1025, "é" * 513, None, 1, b"a", ["a"], ("a",)]
NO_VALUES = ["\ud800", "a\udfff", None, 1, b"a", bytearray(b"a"), ["a"], 1.5, True]
TTLS = [0, -1, -0.5, math.nan, math.inf, -math.inf, 10**12, True, "1", b"1", [1]]


@pytest.fixture(params=["value", "secret"])
def space(request, work):
    """The verbs of values, or those of secrets, under common names."""
    return Space(work.storage, request.param)


async def past_its_time(*verbs):
    """Wait until none of the verbs has an answer any more."""
    while any([await verb() for verb in verbs]):  # noqa: ASYNC110 - time passes, and sets no event
        await asyncio.sleep(0.005)


class Space:
    def __init__(self, storage, kind):
        self.set = getattr(storage, f"set_{kind}")
        self.get = getattr(storage, f"get_{kind}")
        self.delete = getattr(storage, f"delete_{kind}")
        self.list = storage.list_keys if kind == "value" else storage.list_secrets
        self.name_of = (lambda info: info.key) if kind == "value" else (lambda info: info.name)

    async def names(self):
        return [self.name_of(info) for info in await self.list()]

    async def info(self, name):
        [info] = [info for info in await self.list() if self.name_of(info) == name]
        return info


# §6.1, §6.2
async def test_what_was_set_is_what_one_gets(space):
    for number, value in enumerate(VALUES):
        await space.set(f"{number}", value)
    for number, value in enumerate(VALUES):
        assert await space.get(f"{number}") == value


async def test_absent_is_none_and_empty_is_not(space):
    assert await space.get("a") is None
    await space.set("a", "")
    assert await space.get("a") == ""
    assert await space.names() == ["a"]
    assert await space.delete("a") is True
    assert await space.get("a") is None
    assert await space.delete("a") is False
    assert await space.names() == []


async def test_keys_are_kept_apart_whole_and_sorted_by_code_point(space):
    for key in KEYS:
        await space.set(key, f"value of {key}")
    for key in KEYS:
        assert await space.get(key) == f"value of {key}"
    names = sorted(KEYS)
    assert await space.names() == names
    for key in KEYS:
        assert await space.delete(key) is True
        names.remove(key)
        assert await space.names() == names


async def test_times_tell_when_it_was_first_and_last_set(space):
    before = datetime.now(UTC)
    await space.set("a", "1")
    first = await space.info("a")
    assert first.created_at == first.updated_at
    assert abs((first.created_at - before).total_seconds()) < 60
    await asyncio.sleep(0.002)
    await space.set("a", "2")
    second = await space.info("a")
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at
    assert second.revision != first.revision
    await space.delete("a")
    await space.set("a", "3")
    assert (await space.info("a")).created_at > first.created_at


async def test_values_and_secrets_are_two_namespaces(work, snapshot):
    await work.storage.set_value("same", "value")
    await work.storage.set_secret("same", "secret")
    assert await work.storage.get_value("same") == "value"
    assert await work.storage.get_secret("same") == "secret"
    assert await work.storage.delete_value("same") is True
    assert await work.storage.get_secret("same") == "secret"
    await work.storage.set_value("same", "again")
    assert await work.storage.delete_secret("same") is True
    assert await work.storage.get_value("same") == "again"
    assert await work.storage.list_secrets() == []
    assert [info.key for info in await work.storage.list_keys()] == ["same"]


async def test_stat_tells_what_the_listing_tells(work):
    assert await work.storage.stat_value("a") is None
    await work.storage.set_value("a", "x")
    await work.storage.set_value("b", "x", ttl=1000)
    assert [await work.storage.stat_value(key) for key in "ab"] == await work.storage.list_keys()


async def test_a_stated_value_can_be_updated_without_losing_another_s(work):
    await work.storage.set_value("list", "")

    async def add(item):
        while True:
            revision = (await work.storage.stat_value("list")).revision
            text = await work.storage.get_value("list")
            await asyncio.sleep(0)
            try:
                return await work.storage.set_value("list", f"{text}{item},", if_revision=revision)
            except errors.RevisionConflictError:
                continue

    await asyncio.gather(*map(add, range(12)))
    items = (await work.storage.get_value("list")).split(",")
    assert sorted(items[:-1]) == sorted(map(str, range(12)))


KEYED = {
    "set_value": lambda storage, key: storage.set_value(key, "x"),
    "set_value if absent": lambda storage, key: storage.set_value(key, "x", if_absent=True),
    "get_value": lambda storage, key: storage.get_value(key),
    "delete_value": lambda storage, key: storage.delete_value(key),
    "stat_value": lambda storage, key: storage.stat_value(key),
    "increment_value": lambda storage, key: storage.increment_value(key),
    "set_secret": lambda storage, key: storage.set_secret(key, "x"),
    "get_secret": lambda storage, key: storage.get_secret(key),
    "delete_secret": lambda storage, key: storage.delete_secret(key),
}


@pytest.mark.parametrize("verb", KEYED)
async def test_what_is_no_key_is_refused_by_every_verb(verb, furnished, refused):
    for key in NO_KEYS:
        error = await refused(errors.InvalidKeyError, KEYED[verb](furnished.storage, key), key)
        assert error.code == "invalid_key"
        assert isinstance(error, errors.InvalidContentError)


async def test_what_is_no_text_is_no_value_and_no_secret(furnished, refused):
    for value in NO_VALUES:
        await refused(errors.InvalidContentError, furnished.storage.set_value("kept", value), value)
        await refused(errors.InvalidContentError, furnished.storage.set_value("new", value, ttl=1), value)
        await refused(errors.InvalidContentError, furnished.storage.set_secret("kept", value), value)


# §6.3
async def test_a_secret_shows_nowhere_but_in_its_own_answer(store, work, session_id):
    secret = "the-unmistakable-secret"
    await work.storage.set_secret("name", secret)
    await work.storage.set_value("other", "x")
    await work.files.write_file("a", "x")
    await store.create_session("title", session_id=session_id)
    shown = [
        *(repr(thing) for thing in (store, work, work.storage, work.files, store.storage, vars(store))),
        *(repr(await work.storage.list_secrets()), repr(await work.storage.list_keys())),
        *(repr(await work.files.list_directory()), repr(await store.sessions.get_session(session_id))),
        repr(await work.files.grep_files("")),
    ]
    for wrong in ({"ttl": 0}, {"ttl": "x"}):
        with pytest.raises(errors.InvalidArgumentError) as caught:
            await work.storage.set_secret("name", secret, **wrong)
        shown += [repr(caught.value), str(caught.value), repr(caught.value.facts)]
    for name in ("", "\0", secret * 100):
        with pytest.raises(errors.InvalidKeyError) as caught:
            await work.storage.set_secret(name, secret)
        shown.append(str(caught.value) if name else repr(caught.value))
    assert secret not in "".join(shown)
    assert await work.storage.get_secret("name") == secret


# §6.5
async def test_what_is_past_its_time_is_absent_from_every_verb(work):
    storage = work.storage
    await storage.set_value("a", "10", ttl=0.02)
    await storage.set_secret("a", "x", ttl=0.02)
    await past_its_time(lambda: storage.get_value("a"), lambda: storage.get_secret("a"))
    assert await storage.stat_value("a") is None
    assert await storage.list_keys() == []
    assert await storage.list_secrets() == []
    assert await storage.delete_value("a") is False
    assert await storage.delete_secret("a") is False


async def test_what_is_past_its_time_stands_in_no_one_s_way(work):
    storage = work.storage
    for key in ("set", "counted"):
        await storage.set_value(key, "10", ttl=0.02)
    old = await storage.stat_value("set")
    await past_its_time(storage.list_keys)
    with pytest.raises(errors.RevisionConflictError) as caught:
        await storage.set_value("set", "x", if_revision=old.revision if old else "1")
    assert caught.value.current_revision is None
    await storage.set_value("set", "new", if_absent=True)
    assert await storage.increment_value("counted") == 1
    assert [info.expires_at for info in await storage.list_keys()] == [None, None]
    if old is not None:
        assert (await storage.stat_value("set")).created_at > old.created_at


async def test_an_expired_session_is_empty_to_a_purge(store, session_id):
    storage = store.session(session_id).storage
    await storage.set_value("a", "x", ttl=0.02)
    await storage.set_secret("a", "x", ttl=0.02)
    await past_its_time(storage.list_keys, storage.list_secrets)
    assert await store.storage.purge_session(session_id) is False


async def test_a_time_to_live_is_told_and_setting_again_clears_it(space):
    await space.set("a", "x", ttl=1000)
    info = await space.info("a")
    assert 990 < (info.expires_at - datetime.now(UTC)).total_seconds() <= 1000
    await space.set("a", "x")
    assert (await space.info("a")).expires_at is None
    await space.set("a", "x", ttl=0.02)
    await space.set("a", "stays")
    await asyncio.sleep(0.04)
    assert await space.get("a") == "stays"
    await space.set("b", "x", ttl=100 * 365 * 86_400)
    assert (await space.info("b")).expires_at.year > 2100


async def test_counting_leaves_a_time_to_live_as_it_was(work):
    await work.storage.set_value("n", "1", ttl=1000)
    before = await work.storage.stat_value("n")
    assert await work.storage.increment_value("n") == 2
    assert (await work.storage.stat_value("n")).expires_at == before.expires_at


async def test_one_time_to_live_is_not_another_s(work):
    await work.storage.set_value("short", "x", ttl=0.02)
    await work.storage.set_value("long", "x", ttl=1000)
    await work.storage.set_value("lasting", "x")
    await past_its_time(lambda: work.storage.get_value("short"))
    await work.storage.set_value("short", "x", ttl=1000)
    assert [info.key for info in await work.storage.list_keys()] == ["lasting", "long", "short"]


async def test_a_time_to_live_is_a_number_of_seconds_above_nothing(furnished, refused):
    for ttl in TTLS:
        await refused(errors.InvalidArgumentError, furnished.storage.set_value("kept", "x", ttl=ttl), ttl)
        await refused(errors.InvalidArgumentError, furnished.storage.set_secret("kept", "x", ttl=ttl), ttl)


# §6.1.10 to §6.1.13
async def test_a_value_is_read_with_its_revision(work):
    assert await work.storage.read_value("a") is None
    await work.storage.set_value("a", "text")
    found = await work.storage.read_value("a")
    assert (found.key, found.value, found.text) == ("a", "text", "text")
    assert found.info() == await work.storage.stat_value("a")


async def test_several_values_come_in_the_order_asked_for(work):
    for key in KEYS:
        await work.storage.set_value(key, f"value of {key}")
    assert [*(await work.storage.get_values([*KEYS[::-1], "none", KEYS[3]])).items()] == [
        (key, f"value of {key}") for key in KEYS[::-1]
    ]
    assert await work.storage.get_values({"none"}) == {}
    assert await work.storage.get_values([]) == {}
    with pytest.raises(errors.InvalidArgumentError, match="a list of keys"):
        await work.storage.get_values("a")


@pytest.mark.parametrize("reverse", [False, True])
async def test_a_page_has_the_keys_asked_for(work, reverse):
    for key in KEYS:
        await work.storage.set_value(key, f"value of {key}")
    keys = sorted(KEYS, reverse=reverse)
    seen, last = [], None
    while page := await work.storage.read_values(after=last, limit=7, reverse=reverse):
        seen += [(each.key, each.value) for each in page]
        last = page[-1].key
    assert seen == [(key, f"value of {key}") for key in keys]
    for prefix in (*KEYS, "x" * 500, "\U0001f600"):
        found = await work.storage.list_keys(prefix, reverse=reverse)
        assert [info.key for info in found] == [key for key in keys if key.startswith(prefix)]


async def test_a_page_of_large_values(work):
    texts = {f"{number}": f"{number}" * 50_000 for number in range(4)}
    for key, text in texts.items():
        await work.storage.set_value(key, text)
    assert {each.key: each.value for each in await work.storage.read_values(limit=9)} == texts
    assert await work.storage.get_values([*texts]) == texts
    assert (await work.storage.read_value("3")).value == texts["3"]
    assert [info.key for info in await work.storage.list_keys(limit=3)] == ["0", "1", "2"]
