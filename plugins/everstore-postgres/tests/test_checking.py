"""What ``everstore check --deep`` finds in PostgreSQL."""

from __future__ import annotations

import pytest

import everstore
from everstore import operating
from everstore.building import ask
from everstore.configuration import configure
from everstore.errors import UnsupportedError

LONG = "/".join(["long"] * 160)  # over 600 characters, which the index has as a hash

DAMAGE = {
    "another size": "UPDATE files SET size = size + 1 WHERE kind <> 'd'",
    "in no directory": "DELETE FROM files WHERE kind = 'd' AND place = '/a'",
    "no directory": "DELETE FROM files WHERE long_path IS NOT NULL AND kind = 'd' AND depth = 159",
    "usage": "INSERT INTO usage SELECT session_id, 77, 77 FROM files LIMIT 1",
    "texts that are no text": "UPDATE files SET content = '\\xff61616161' WHERE kind = 't' AND size = 5",
    "no text": "UPDATE files SET content = '\\x6100616161' WHERE kind = 't' AND size = 5",
    "values or secrets": "UPDATE entries SET value = '\\xc3'",
    "identity": "SELECT setval('serials', 1)",
    "share their identity": "UPDATE files SET serial = 1",
    "the index says": "UPDATE files SET long_path = long_path || 'x' WHERE depth = 160",
    "that are not what": "UPDATE files SET depth = depth + 1 WHERE depth = 160",
    "limits of sessions": "INSERT INTO session_limits SELECT session_id, 'f', 0, NULL FROM files LIMIT 1",
    "labels that are none": "UPDATE sessions SET labels = '{\"a\": 1}'",
    "labels that the index": "INSERT INTO labels SELECT 1, session_id, 'a', 'b' FROM files LIMIT 1",
    "the index has otherwise": "UPDATE labels SET text = 'b'",
    "checkpoints that are no session's": (
        "INSERT INTO sessions (id, created_ns, updated_ns)"
        " VALUES ('01a21a60-73fd-8ec0-ba5e-056011da6008', 1, 1)"
    ),
    "that are not those of their files": "UPDATE contents SET data = data || 'x' WHERE start = 262144",
    "not those of": "UPDATE contents SET start = start + 1 WHERE start = 262144",
    "contents in chunks": "DELETE FROM contents WHERE start = 0",
    "contents that no file has": "UPDATE files SET content_id = NULL, content = 'x' WHERE place = '/nul'",
    "another number of files": "INSERT INTO shares SELECT content_id, 2 FROM files WHERE place = '/nul'",
    "directories with content": "UPDATE files SET content = 'x' WHERE place = '/a'",
}


@pytest.mark.parametrize("kind", DAMAGE)
async def test_a_deep_check_finds_what_does_not_fit(settings, database, kind):
    async with everstore.open_store(**settings) as store:
        work = store.session(everstore.new_session_id())
        await work.files.write_file("a/b/c", "texts")
        await work.files.write_file("nul", "t\0\u00e4" * 400_000)
        await work.files.write_file("binary", "/w==", encoding="base64")
        await work.files.write_file(LONG, "x")
        await store.create_session(session_id=work.id, labels={"a": "texts"})
        await work.storage.set_value("key", "\0 \u20ac")
        await work.storage.set_secret("name", "s")
    configuration = configure(settings)
    assert await ask(configuration, "postgres", "everstore_check", deep=True) == []
    await database.execute(DAMAGE[kind])
    found = await ask(configuration, "postgres", "everstore_check", deep=True) or ()
    assert any(kind in problem for problem in found), found
    assert "texts" not in "".join(found).replace("texts that are", "")
    assert await ask(configuration, "postgres", "everstore_check", deep=False) == []


@pytest.mark.parametrize("verb", ["back_up", "restore"])
async def test_backups_are_left_to_the_tools_of_the_server(settings, tmp_path, verb):
    async with everstore.open_store(**settings):
        pass
    file = tmp_path / "copy"
    if verb == "restore":
        file.write_text("x")
    with pytest.raises(UnsupportedError) as caught:
        await getattr(operating, verb)(configure(settings), file, lambda _done, _total: None)
    told = str(caught.value)
    assert "pg_dump" in told
    assert settings["postgres_schema_name"] in told
    assert settings["postgres_url"] not in told
    assert "\n" not in told
    assert [entry.name for entry in tmp_path.iterdir()] == (["copy"] if verb == "restore" else [])
