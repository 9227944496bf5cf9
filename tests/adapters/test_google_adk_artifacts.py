"""ADK's artifacts: its own services beside ours, and races."""

from __future__ import annotations

import asyncio
import random
import sys
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from google.adk.artifacts import InMemoryArtifactService
from google.adk.artifacts.artifact_util import get_artifact_uri
from google.adk.errors.input_validation_error import InputValidationError
from google.genai import types

from everstore.adapters.google_adk import EverstoreArtifactService

PNG = b"\x89PNG\0\xff" * 50
AT = {"app_name": "app", "user_id": "user", "session_id": "s"}
REWOUND = types.Part(inline_data=types.Blob(mime_type="application/octet-stream", data=b""))


def reference(filename, version, session="s", user="user"):
    uri = get_artifact_uri("app", user, filename, version, session)
    return types.Part(file_data=types.FileData(file_uri=uri))


# -- beside ADK's own

PARTS = (
    types.Part(text="é\r\n\U0001f600"),
    types.Part(text=""),
    types.Part(inline_data=types.Blob(mime_type="image/png", data=PNG, display_name="a picture")),
    types.Part(inline_data=types.Blob(mime_type="text/csv", data=b"a,b\n"), thought_signature=b"\0\xff"),
    types.Part(file_data=types.FileData(file_uri="gs://bucket/a", mime_type="image/png")),
    {"inlineData": {"mimeType": "text/plain", "data": "aGVsbG8"}},
    REWOUND,
    types.Part(),
    types.Part(function_call=types.FunctionCall(name="f")),
    *(reference("a.txt", version) for version in (0, 1, 5)),
    reference("user:b", 0, session=None),
    reference("loop", 0),
    reference("a.txt", 0, session="other"),
    reference("a.txt", 0, user="other"),
    types.Part(file_data=types.FileData(file_uri="artifact://nowhere")),
)
FILENAMES = ("a.txt", "folder/b..c.txt", "user:b", "user:a.txt", "loop", "é \U0001f600")


def answer_of(answer):
    if isinstance(answer, list):
        return [answer_of(each) for each in answer]
    if hasattr(answer, "canonical_uri"):
        return answer.model_dump(exclude={"canonical_uri", "create_time"})
    return answer


async def call_on(service, verb, options):
    try:
        return answer_of(await getattr(service, verb)(**options))
    except InputValidationError as error:
        return type(error)


@pytest.mark.parametrize("seed", range(3))
async def test_calls_at_random_are_answered_as_adks_own_service_does(store, seed):
    chance = random.Random(seed)
    services = EverstoreArtifactService(store), InMemoryArtifactService()
    for _ in range(120):
        session = chance.choice(["s", "s", "t", None])
        options = {
            "app_name": "app",
            "user_id": chance.choice(["user", "user", "ann"]),
            "session_id": session,
        }
        verb = chance.choice(
            ["save", "save", "save", "load", "load", "versions", "told", "tell", "keys", "delete"]
        )
        if verb != "keys":
            options["filename"] = chance.choice(FILENAMES)
        if verb in {"load", "tell"}:
            options["version"] = chance.choice([None, None, 0, 1, 7, -1])
        if verb == "save":
            options["artifact"] = chance.choice(PARTS)
            options["custom_metadata"] = chance.choice([None, {}, {"a": [1, None, "é"]}])
        if verb == "delete" and chance.random() < 0.7:
            continue
        name = {
            "save": "save_artifact", "load": "load_artifact", "delete": "delete_artifact",
            "keys": "list_artifact_keys",
            "versions": "list_versions", "told": "list_artifact_versions", "tell": "get_artifact_version",
        }[verb]  # fmt: skip
        ours, theirs = [await call_on(service, name, options) for service in services]
        assert ours == theirs, (name, options)


async def test_an_artifact_is_a_file_that_its_uri_names(store):
    service = EverstoreArtifactService(store)
    part = types.Part(inline_data=types.Blob(mime_type="image/png", data=PNG))
    assert await service.save_artifact(**AT, filename="plots/a.png", artifact=part) == 0
    told = await service.get_artifact_version(**AT, filename="plots/a.png")
    uri = urlsplit(told.canonical_uri)
    assert (uri.scheme, told.mime_type) == ("everstore", "image/png")
    assert await store.session(UUID(uri.netloc)).files.read_bytes(uri.path) == PNG


# -- races


async def test_twenty_who_save_at_once_get_twenty_versions(store):
    saves = (
        EverstoreArtifactService(store).save_artifact(**AT, filename="a", artifact=types.Part(text=str(n)))
        for n in range(20)
    )
    versions = await asyncio.gather(*saves)
    assert sorted(versions) == list(range(20))
    service = EverstoreArtifactService(store)
    for number, version in enumerate(versions):
        found = await service.load_artifact(**AT, filename="a", version=version)
        assert found.text == str(number)


SAVES = """
import asyncio
import everstore
from google.genai import types
from everstore.adapters.google_adk import EverstoreArtifactService

async def save():
    async with everstore.open_store() as store:
        service = EverstoreArtifactService(store)
        for turn in range(20):
            part = types.Part(text=f"child {turn}")
            print(await service.save_artifact(
                app_name="app", user_id="user", session_id="s", filename="a", artifact=part
            ))

asyncio.run(save())
"""


async def test_another_process_saves_the_same_artifact_and_no_version_is_given_twice(environment, store):
    if environment["EVERSTORE_BACKEND"] == "memory":  # which no two processes share
        return
    service = EverstoreArtifactService(store)
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", SAVES, stdout=asyncio.subprocess.PIPE)
    ends = asyncio.create_task(child.communicate())
    mine = []
    while not ends.done():
        part = types.Part(text=f"here {len(mine)}")
        mine.append(await service.save_artifact(**AT, filename="a", artifact=part))
        await asyncio.sleep(0.02)
    output, _ = await ends
    assert child.returncode == 0
    theirs = [*map(int, output.split())]
    assert sorted(mine + theirs) == await service.list_versions(**AT, filename="a")
    for turn in (0, 19):
        found = await service.load_artifact(**AT, filename="a", version=theirs[turn])
        assert found.text == f"child {turn}"


# -- names


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/../b", "/", "\U0001f600" * 200, "x" * 1000, "%2F", "a\0b", "%%a"]
)
async def test_file_names_are_any_text(store, name):
    service = EverstoreArtifactService(store)
    for filename in (name, "user:" + name, name + "2"):
        await service.save_artifact(**AT, filename=filename, artifact=types.Part(text=filename + "!"))
    assert await service.list_artifact_keys(**AT) == sorted([name, "user:" + name, name + "2"])
    assert await service.list_artifact_keys(app_name="app", user_id="user") == ["user:" + name]
    other = AT | {"session_id": "other"}
    found = await service.load_artifact(**other, filename="user:" + name)
    assert found.text == f"user:{name}!"
    await service.delete_artifact(**AT, filename=name)
    assert await service.load_artifact(**AT, filename=name) is None
    assert await service.list_artifact_keys(**AT) == sorted(["user:" + name, name + "2"])


async def test_names_that_differ_by_a_nul_only_are_of_different_artifacts(store):
    service = EverstoreArtifactService(store)
    names = ["", ".", "..", "a", "%00"]
    names += [f"{name}\0" for name in names]
    for name in names:
        assert await service.save_artifact(**AT, filename=name, artifact=types.Part(text=name or "x")) == 0
    assert await service.list_artifact_keys(**AT) == sorted(names)
    for name in names:
        assert await service.load_artifact(**AT, filename=name) == types.Part(text=name or "x")
