"""Answers that do not fit say how to see the rest, and who does what they say sees all of it."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import everstore
from everstore.errors import EverstoreError
from everstore.tools import Toolbox

HINT = re.compile(r"^\[.*?(?:more|the rest of it|before these): (\w+) (\{.*\})\]$", re.MULTILINE)
CUT = re.compile(
    r"^\[line (\d+) is cut(?:; so are ([\d, ]+))?; the rest of it: (\w+) (\{.*\})\]$", re.MULTILINE
)

in_memory = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


@asynccontextmanager
async def session_with(files: dict[str, str]):
    async with everstore.open_store(backend="memory") as store:
        work = store.session(everstore.new_session_id())
        for path, content in files.items():
            await work.files.write_file(path, content)
        yield work


async def pages(toolbox: Toolbox, name: str, **arguments):
    """The answers of a call and of those that follow it, as each says."""
    while True:
        answer = await toolbox.call(name, arguments)
        assert not answer.is_error, answer.text
        yield answer.text
        hints = [json.loads(found[2]) for found in HINT.finditer(answer.text) if "more: " in found[0]]
        if not hints:
            return
        [arguments] = hints


def shown_lines(text: str) -> dict[int, str]:
    return {int(number): line for number, line in re.findall(r"^ *(\d+)\t(.*)$", text, re.MULTILINE)}


TEXT = st.characters(codec="utf-8", exclude_characters="\n\r", exclude_categories=["Cs"])


@given(
    lines=st.lists(
        st.one_of(
            st.text(TEXT, max_size=30),
            st.builds(str.__mul__, st.sampled_from(["ab", "é"]), st.integers(0, 4000)),
        ),
        max_size=40,
    ),
    most=st.integers(1000, 6000),
)
@in_memory
async def test_who_reads_on_as_told_has_read_the_whole_file(lines, most):
    async with session_with({"/f.txt": "".join(f"{line}\n" for line in lines)}) as work:
        toolbox = Toolbox(work, most_characters=most)
        seen: dict[int, str] = {}
        async for text in pages(toolbox, "read", path="f.txt"):
            assert len(text) <= most
            # Only ``\n`` ends a line: what else a reader takes for an end stays as it is.
            body = dict(re.findall(r"(?:^|\n) *(\d+)\t([^\n]*)", text))
            seen |= {int(number): line for number, line in body.items()}
            cut = CUT.search(text)
            if cut is None:
                continue
            rest = json.loads(cut[4])
            for number in [cut[1], *(cut[2] or "").split(", ")]:
                if number:
                    start = seen[int(number)].removesuffix(" ...")
                    seen[int(number)] = start + await rest_of(toolbox, rest | {"start": int(number)})
        assert [seen[number] for number in sorted(seen)] == lines


async def rest_of(toolbox: Toolbox, call: dict) -> str:
    """The rest of one line, however many calls it takes."""
    text = (await toolbox.call("read", call)).text
    part = re.search(r"\n *\d+\t([^\n]*)", text)[1]
    cut = CUT.search(text)
    return part if cut is None else part.removesuffix(" ...") + await rest_of(toolbox, json.loads(cut[4]))


NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\x00", exclude_categories=["Cs", "Cc"]),
    min_size=1,
    max_size=20,
)
PATHS = st.lists(NAMES.filter(lambda name: name not in {".", "..", "workspace"}), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


@given(paths=st.lists(PATHS, max_size=60, unique=True), most=st.integers(1000, 3000))
@example(
    [f"/{name}{end}" for name in ("a" * 200, "b" * 200) for end in ("/c", "/d!", "/d/e", "!", "-")], 1000
)
@in_memory
async def test_listings_are_whole_page_by_page(paths, most):
    async with session_with({}) as work:
        for path in paths:
            try:
                await work.files.write_file(path, "")
            except EverstoreError:
                continue
        toolbox = Toolbox(work, most_characters=most)
        everything = await work.files.list_tree()
        files = [entry.path for entry in everything if not entry.is_directory]
        found: list[str] = []
        async for text in pages(toolbox, "glob", pattern="/**"):
            assert len(text) <= most
            found += [as_written(line[11:]) for line in text.split("\n")[1:] if line[:1] == " "]
        assert found == files
        top: list[str] = []
        async for text in pages(toolbox, "ls"):
            assert len(text) <= most
            top += [
                as_written(line[11:].removesuffix("/")) for line in text.split("\n")[1:] if line[:1] == " "
            ]
        assert top == [entry.name for entry in everything if entry.path.count("/") == 1]
        drawn = [line async for text in pages(toolbox, "tree", depth=9) for line in text.split("\n")]
        names = [line for line in drawn if line[:1] == " " and not line.endswith("(continued)")]
        assert len(names) == len(everything)


def as_written(name: str) -> str:
    return json.loads(name) if name.startswith('"') else name


@pytest.mark.parametrize("context", [0, 2])
async def test_matches_are_whole_page_by_page(context):
    async with session_with({f"/{name}.txt": "x\ny\nx\nx y\n" * 20 for name in "abc"}) as work:
        toolbox = Toolbox(work, most_characters=1000)
        found = [
            line
            async for text in pages(toolbox, "grep", pattern="x", limit=30, context=context)
            for line in text.split("\n")
            if re.match(r"\d+:", line)
        ]
        assert len(found) == 180


async def test_a_long_value_and_many_keys_are_whole_page_by_page():
    async with session_with({}) as work:
        toolbox = Toolbox(work, most_characters=1000)
        value = "".join(map(str, range(3000)))
        await toolbox.call("remember", {"key": "long one", "value": value})
        parts = [text async for text in pages(toolbox, "recall", key="long one")]
        assert "".join(text.split("\n")[1] for text in parts) == value
        await work.storage.set_values({f"memory/key {number:04}": "" for number in range(700)})
        keys = [line async for text in pages(toolbox, "memories", prefix="key") for line in text.split("\n")]
        assert [json.loads(key) for key in keys if key.startswith('"')] == [f"key {n:04}" for n in range(700)]


async def test_the_lines_before_the_last_ones_are_told_of():
    async with session_with({"/log.txt": "".join(f"{n} {'x' * 40}\n" for n in range(200))}) as work:
        toolbox = Toolbox(work, most_characters=1000)
        answer = await toolbox.call("tail", {"path": "/log.txt", "lines": 100})
        assert len(answer.text) <= 1000
        seen = shown_lines(answer.text)
        assert max(seen) == 200
        earlier = json.loads(HINT.search(answer.text)[2])
        assert earlier["start"] + earlier["limit"] == min(seen)


ARGUMENTS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 40),
    st.text(max_size=20),
    st.sampled_from(["/", "/a/b.txt", "a", "x" * 3000]),
)


@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from([tool.name for tool in Toolbox(None)]),
            st.dictionaries(
                st.sampled_from(
                    ["path", "source", "destination", "old", "new", "content", "pattern", "key", "value"]
                ),
                ARGUMENTS,
            ),
        ),
        max_size=6,
    ),
    most=st.integers(1000, 2000),
)
@in_memory
async def test_no_answer_is_longer_than_it_may_be(calls, most):
    async with session_with(
        {"/a/b.txt": "line\n" * 500, "/" + "/".join(["n" * 250] * 15): "x" * 5000}
    ) as work:
        toolbox = Toolbox(work, most_characters=most)
        for name, arguments in calls:
            schema = next(tool for tool in toolbox if tool.name == name).parameters["properties"]
            answer = await toolbox.call(
                name, {key: value for key, value in arguments.items() if key in schema}
            )
            assert len(answer.text) <= most
            assert "EVERSTORE_" not in answer.text
        for name in ("ls", "tree", "glob", "grep", "read", "tail"):
            for place in ("/", "*", "/" + "/".join(["n" * 250] * 15)):
                arguments = {"pattern": place} if name in {"glob", "grep"} else {"path": place}
                assert len((await toolbox.call(name, arguments)).text) <= most
