"""The same random calls of everstore's backend and of each of deepagents' own: the same answers.

These answer some calls in different ways. Everstore answers as ``FilesystemBackend`` where there are
directories and bytes, and as ``StoreBackend`` where there are texts; what ``Calls`` and ``plain`` leave out
of a comparison is in docs/adapters/deepagents.md, with the reasons.
"""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from deepagents.backends import FilesystemBackend, StateBackend, StoreBackend
from deepagents.backends.utils import EMPTY_CONTENT_WARNING
from deepagents.middleware.filesystem import FilesystemState
from langgraph.graph import END, START, StateGraph
from langgraph.store.memory import InMemoryStore

from everstore import sync
from everstore.adapters.deepagents import EverstoreBackend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deepagents.backends.protocol import BackendProtocol

COUNT = 120

Call = tuple[str, tuple[Any, ...], dict[str, Any]]

DIRECTORIES = ["/", "/d", "/d/e", "/.hidden", "/d-[x]", "/gone", None]
FILES = ["/a.txt", "/b.txt", "/d/b.py", "/d/e/c.md", "/d/a.txt", "/.hidden/x.py", "/d-[x]/{y}.py", "/.env"]
GLOBS = [
    "*", "*.py", "**/*.py", "/*.txt", "d/*", "d/**", "**", "**/*", "/**/*.md", "{a,b}.*", "*.{py,md}",
    "[ab].txt", "[!a].*", "[^a].*", "?.txt", ".*", ".hidden/*", "**/.hidden/*", "d/**/c.md", "!a.txt",
    "a.txt/",
    "d", "*/*.py", "/d/e", "x{1..3}.txt", "../x", "d/../a.txt", "\\*.py", "+(a).txt", "@(a|b).txt", "~*",
    "{a.txt,d/b.py}", "**.py", "***", "$x", "${a,b}.txt", "{a.txt", "[a.txt", "./a.txt", "d//b.py", "d-*/*",
    "*/{y}.py", "**/e/**", "d/e/**/*", "{d,d/e}/*", "{.*,*}", "a.{txt}", "{}", "{,d/}a.txt", "*{a,b}*", "b*",
    "B*", "[[:alpha:]].txt", "a*t", "-*", "{a,b}..",
]  # fmt: skip
TEXTS = [
    "one\ntwo\nthree\n", "one\none\n", "", " \n", "no end", "tabs\there\n\n\nand there", "größe \U0001f600\n",
    "a\x0bb\x0cc\u2028d\n", "x" * 300, "*.py {one} [two]\n", "two\nthree",
]  # fmt: skip
PIECES = [
    "one", "two\n", "one\ntwo", "three\n", "nowhere", "\t", "", "no end\n", "größe", "xx", "one\n", "{one}",
]  # fmt: skip
CARRIAGES = ["one\r\ntwo\r\n", "lone\rreturn\n"]
IMAGE = "/logo.png"
TEXTS_AS_BYTES = [text.encode() for text in TEXTS]
BYTES = [b"\xff\xfe\x00", b"\x89PNG\r\n\x1a\n\xff", b"plain\n"]


class Calls:
    """Calls that a seed makes, for a backend of texts by path (``flat``), or for one of files in directories.

    The former takes a file of bytes for its base64, whose size and lines it tells; the latter takes CR LF
    for LF, and writes it so.
    """

    def __init__(self, seed: int, *, flat: bool) -> None:
        self._random = Random(seed)
        self._texts = [*TEXTS, *CARRIAGES] if flat else TEXTS
        self._files = FILES if flat else [*FILES, IMAGE]

    def some(self, count: int) -> Iterator[Call]:
        for _ in range(count):
            verb = self._random.choice([*_WEIGHTS])
            yield verb, *getattr(self, f"_{verb}")()

    def _one(self, *choices: Any) -> Any:
        return self._random.choice(choices)

    def _ls(self):
        return (self._one(*FILES[:2], *DIRECTORIES[:-1]),), {}

    def _read(self):
        return (self._one(*self._files, "/d"), self._one(0, 0, 1, -1, 2, 9), self._one(2000, 1, 2, 0, -3)), {}

    def _write(self):
        return (self._one(*self._files), self._one(*self._texts)), {}

    def _edit(self):
        return (self._one(*FILES, "/d"), self._one(*PIECES), self._one("", "ONE", "2\n2")), {
            "replace_all": self._one(True, False)
        }

    def _delete(self):
        return (self._one(*self._files, "/d", "/d/e/", "/gone"),), {}

    def _grep(self):
        options = {"max_count": self._one(None, 0, 1, 3)}
        return (
            self._one("one", "t", "*", "{one}", "größe"),
            self._one(*DIRECTORIES),
            self._one(None, *GLOBS),
        ), options

    def _glob(self):
        return (self._one(*GLOBS), self._one(*DIRECTORIES)), {}

    def _upload_files(self):
        files = [self._one(*self._files) for _ in range(self._one(0, 1, 3))]
        return ([(path, self._one(*(BYTES if path == IMAGE else TEXTS_AS_BYTES))) for path in files],), {}

    def _download_files(self):
        return ([self._one(*self._files, "/gone") for _ in range(self._one(0, 1, 3))],), {}


_WEIGHTS = [
    "write", "write", "write", "edit", "edit", "read", "read", "ls", "delete", "grep", "grep", "glob", "glob",
    "upload_files", "download_files",
]  # fmt: skip


def made(backend: BackendProtocol, call: Call) -> Any:
    verb, arguments, options = call
    return getattr(backend, verb)(*arguments, **options)


def plain(call: Call, answer: Any, *, flat: bool) -> Any:
    """What has to be the same of an answer: all but times, orders and what is told beyond its words."""
    verb, arguments, options = call
    if verb.endswith("load_files"):
        return [vars(each) for each in answer]
    fields = dict(vars(answer))
    if flat and verb == "delete" and arguments[0] not in FILES:
        return None  # an empty directory, which is nothing there
    if fields.get("error"):
        fields["error"] = _beginning(fields["error"])
    if verb == "read" and answer.file_data is not None:
        content = answer.file_data["content"]
        content = "" if content == EMPTY_CONTENT_WARNING or not content.strip() else content
        fields["file_data"] = (content, answer.file_data["encoding"])
    if verb == "ls":
        fields["entries"] = {
            each["path"]: None if each["is_dir"] else each["size"]
            for each in answer.entries or []
            if not (flat and each["is_dir"])  # which stays here when it is empty
        }
        if flat:  # where it has no entries, whatever is there
            del fields["error"]
    if verb == "glob" and answer.matches is not None:
        fields["matches"] = sorted((each["path"], each["size"]) for each in answer.matches)
    if verb == "grep":
        # StoreBackend's lines end with the CR of CR LF; of a refused glob FilesystemBackend has no matches.
        matches = answer.matches or []
        found = sorted((each["path"], each["line"], each["text"].rstrip("\r")) for each in matches)
        fields["matches"] = found if options["max_count"] is None else len(found)
    return fields


def _beginning(error: str) -> str:
    """The words that all say, to which everstore adds lines and its own reasons."""
    error = re.split(r"(?<= times in file)|(?<=')(?= \()", error)[0]
    return re.sub(r"^(Error \w+ing file '.*?'): .*", r"\1", error).replace("Error: File '", "Error: '")


@pytest.fixture
def blocking(environment) -> Iterator[sync.Store]:
    with sync.open_store() as opened:
        yield opened


def compare(ours: BackendProtocol, theirs: BackendProtocol, seed: int, *, flat: bool) -> None:
    for call in Calls(seed, flat=flat).some(COUNT):
        expected = plain(call, made(theirs, call), flat=flat)
        assert plain(call, made(ours, call), flat=flat) == expected, call


@pytest.mark.parametrize("seed", [1, 2])
def test_answers_are_those_of_files_in_directories(blocking, tmp_path: Path, seed: int):
    ours = EverstoreBackend(blocking, session=uuid4())
    (tmp_path / "files").mkdir()
    compare(ours, FilesystemBackend(tmp_path / "files", virtual_mode=True), seed, flat=False)


@pytest.mark.parametrize("seed", [3, 4])
def test_answers_are_those_of_items_in_a_store(blocking, seed: int):
    ours = EverstoreBackend(blocking, namespace=lambda _: ("fs",))
    compare(ours, StoreBackend(namespace=lambda _: ("fs",), store=InMemoryStore()), seed, flat=True)


@pytest.mark.parametrize("seed", [5])
def test_answers_are_those_of_an_agents_state(blocking, seed: int):
    def node(_: FilesystemState) -> dict[str, Any]:
        compare(EverstoreBackend(blocking), StateBackend(), seed, flat=True)
        return {}

    graph = StateGraph(FilesystemState)
    graph.add_node("compare", node)
    graph.add_edge(START, "compare")
    graph.add_edge("compare", END)
    graph.compile().invoke({"messages": []}, {"configurable": {"thread_id": "a"}})
