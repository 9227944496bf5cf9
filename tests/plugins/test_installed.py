"""The built wheels, in an environment of their own."""

from __future__ import annotations

from zipfile import ZipFile

SESSION = """
    import asyncio, json, sys
    import everstore

    async def main():
        light = sorted({name.partition(".")[0] for name in sys.modules})
        async with everstore.open_store() as store:
            session = await store.create_session("installed")
            work = store.session(session.id)
            await work.files.write_file("a.txt", "one\\ntwo\\n")
            await work.files.edit_file("a.txt", "two", "three")
            found = await work.files.grep_files("three")
            return {
                "light": light,
                "backends": store.backends,
                "line": found[0].line,
                "plugins": sorted({"acme_ledger", "everstore.backends.memory"} & set(sys.modules)),
            }

    print(json.dumps(asyncio.run(main())))
"""


def test_a_backend_that_is_not_named_is_not_imported(in_fresh_environment):
    told = in_fresh_environment(SESSION)
    assert told["backends"] == {"file_system": "memory", "storage": "memory", "sessions": "memory"}
    assert told["line"] == "three"
    assert told["plugins"] == ["everstore.backends.memory"]


def test_the_environment_alone_brings_in_a_strangers_backend(in_fresh_environment, tmp_path):
    path = tmp_path / "ledger.jsonl"
    told = in_fresh_environment(SESSION, EVERSTORE_BACKEND="ledger", EVERSTORE_LEDGER_PATH=str(path))
    assert told["backends"] == {"file_system": "ledger", "storage": "ledger", "sessions": "ledger"}
    assert told["line"] == "three"
    assert told["plugins"] == ["acme_ledger"]
    assert "one\\nthree\\n" in path.read_text()


def test_importing_everstore_loads_nothing_heavy(in_fresh_environment):
    light = in_fresh_environment(SESSION)["light"]
    assert "everstore" in light
    assert not {"acme_ledger", "pydantic", "pydantic_settings", "re2", "rich", "structlog"} & set(light)


def test_the_wheel_holds_the_package_its_types_and_its_licence_and_no_tests(wheels):
    with ZipFile(wheels["everstore"]) as wheel:
        names = wheel.namelist()
    assert {"everstore/py.typed", "everstore/backends/memory/__init__.py"} <= set(names)
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"everstore"}
