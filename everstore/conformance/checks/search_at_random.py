"""Searches made up by chance, in trees made up by chance, beside the engine and beside the model."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from everstore.conformance.case import Mismatch
from everstore.conformance.model.plain import lines_of, matching_lines, path_selector
from everstore.conformance.registry import check
from everstore.models import GrepMatch
from everstore.search import Query, Text

if TYPE_CHECKING:
    import random

    from everstore.conformance.case import Case
    from everstore.session import BoundFiles

_TREES = 4
_FILES = 14
_SEARCHES = 60
_NAMES = (
    "a",
    "A",
    "ab",
    "a.py",
    "b.py",
    "a_b",
    "a%b",
    "[a]",
    "\u00e9",
    "e\u0301",
    ".gitignore",
    ".hid",
    "x y",
)
_DIRECTORIES = ("", "a/", "src/", "src/a/", "src/.git/", "S/", "a_/", "node_modules/", "src/a/b/c/")
_WORDS = (
    "a", "A", "ab", "aab", "b", "B", " ", "  ", "\t", ".", "a.b", "%", "_", "\\", "*", "1", "42", "\u00e9",
    "\u00c9", "e\u0301", "s", "\u017f", "k", "\u212a", "\u00df", "ss", "\u0130", "i", "\u0131", "\U0001f600",
    "\0", "\r", "\u2028", "\x0b", "\ufeff", "'", '"', "--", "-", "/", "a b",
)  # fmt: skip
_ENDS = ("\n", "\n", "\n", "\r\n", "\r\n", "\r\r\n", "\n\n")
_REGULAR = (
    "a", "a.", ".b", "^a", "b$", "^$", "^", "$", "a|b", "a+b", "a*", "(ab)+", "[ab]b", "[^a]", "a?b", r"\.",
    r"\d+", "a{2}", "", ".", "..", "a.*b", r"\\", "%", "_",
)  # fmt: skip
_SELECTING = (
    None, None, None, "a", "A", "/a", "src/", "src", ".py", "*.py", "**/a", "src/**", "/src/*", "a*", "[ab]*",
    "?", "{a,src}/**", "*.{py,md}", "/workspace/src/**", "./src/a/*", "%", "_", "a_b", "[a]", "\u00e9", ".*",
    "**/.*", "src/**/c/*", "/", "", "[!a]*", "a b", "x y",
)  # fmt: skip

_PLAIN: dict[str, Any] = {
    "limit": None, "before": 0, "after": 0, "path_pattern": None, "ignore_case": False, "regex": False,
}  # fmt: skip
"""The options of a search, and what they are where nobody asks for anything."""


def _text(chance: random.Random) -> str:
    lines = ("".join(chance.choices(_WORDS, k=chance.randrange(5))) for _ in range(chance.randrange(12)))
    text = "".join(line + chance.choice(_ENDS) for line in lines)
    return text.rstrip("\n") if chance.random() < 0.3 else text


def _tree(chance: random.Random) -> dict[str, str]:
    places = {chance.choice(_DIRECTORIES) + chance.choice(_NAMES) for _ in range(_FILES)}
    # What is a directory to others is no file.
    files = {place for place in places if not any(other.startswith(f"{place}/") for other in places)}
    texts = {f"/{place}": _text(chance) for place in sorted(files)}
    if chance.random() < 0.5:
        texts["/.gitignore"] = "*.py\nsrc/\nnode_modules\n"
    return texts


def _search(chance: random.Random) -> tuple[str, str | None, dict[str, Any]]:
    regex = chance.random() < 0.4
    pattern = (
        chance.choice(_REGULAR)
        if regex
        else "".join(chance.choices(_WORDS, k=chance.choice((0, 1, 1, 2, 3))))
    )
    options = {
        "regex": regex,
        "ignore_case": chance.random() < 0.4,
        "before": chance.choice((0, 0, 1, 2, 100)),
        "after": chance.choice((0, 0, 1, 3)),
        "limit": chance.choice((None, None, None, 0, 1, 2, 5)),
    }
    return pattern, chance.choice(_SELECTING), options


def _by_model(
    texts: dict[str, str], pattern: str, selecting: str | None, options: dict[str, Any]
) -> list[GrepMatch]:
    matches = matching_lines(pattern, regex=options["regex"], ignore_case=options["ignore_case"])
    selects = path_selector(selecting)
    found = []
    for path in sorted(texts):
        lines = lines_of(texts[path]) if selects(path) else []
        for at, line in enumerate(lines):
            if matches(line):
                above = tuple(lines[max(0, at - options["before"]) : at])
                found.append(
                    GrepMatch(path, at + 1, line, above, tuple(lines[at + 1 : at + 1 + options["after"]]))
                )
    return found[: options["limit"]]


async def _by_engine(
    texts: dict[str, str], pattern: str, selecting: str | None, options: dict[str, Any]
) -> list[GrepMatch]:
    return await Query(pattern, selecting, **options).run(Text(path, texts[path]) for path in sorted(texts))


async def _mismatch(
    files: BoundFiles, texts: dict[str, str], pattern: str, options: dict[str, Any]
) -> Mismatch | None:
    """What is wrong with the answer to a search, if anything is."""
    rest = dict(options)
    selecting = rest.pop("path_pattern")
    found = await files.grep_files(pattern, selecting, **rest)
    for expected in (
        await _by_engine(texts, pattern, selecting, rest),
        _by_model(texts, pattern, selecting, rest),
    ):
        if found != expected:
            pairs = zip_longest(found, expected)
            one, other = next((one, other) for one, other in pairs if one != other)
            text = texts[min(each.path for each in (one, other) if each)]
            told = {name: each for name, each in options.items() if each != _PLAIN[name]}
            about = f"grep_files({pattern!r}, {told}) where the file it differs in first holds {text!r}"
            return Mismatch.of(expected, found, about)
    return None


async def _simplest(
    files: BoundFiles, texts: dict[str, str], pattern: str, options: dict[str, Any]
) -> Mismatch:
    """The failure of a search without the options that it fails without as well."""
    simplest = await _mismatch(files, texts, pattern, options)
    for name, plain in _PLAIN.items():
        simpler = await _mismatch(files, texts, pattern, options | {name: plain})
        if simpler is not None:
            options, simplest = options | {name: plain}, simpler
    assert simplest is not None, "a search that was answered wrongly is answered rightly when it is repeated"
    simplest.field = next((name for name, plain in _PLAIN.items() if options[name] != plain), "lines")
    simplest.__dict__["verb"] = "grep_files"
    return simplest


@check(
    "search.at_random",
    "5.1.1", "5.1.2", "5.1.4", "5.1.6", "5.2.1", "5.2.2", "5.3.2", "5.3.3", "5.3.4", "5.4.1",
    likely="a storage's own search, or its filter before the search, means something else than the engine",
    since="1.1",
    tags=("chance",),
)  # fmt: skip
async def search_at_random(case: Case) -> None:
    """Whatever is searched, wherever and with whatever options, is found as by the engine and the model."""
    chance = case.random
    for _ in range(_TREES):
        files = case.session().files
        texts = _tree(chance)
        with case.trace.paused():
            for path, text in texts.items():
                await files.write_file(path, text)
            await files.write_file("/bytes.bin", "YWFi", "base64")
        for _ in range(_SEARCHES):
            pattern, selecting, options = _search(chance)
            options["path_pattern"] = selecting
            if await _mismatch(files, texts, pattern, options) is not None:
                raise await _simplest(files, texts, pattern, options)
        globs = [each for each in _SELECTING if each]
        for pattern in chance.sample(globs, 8):
            if "*" in pattern:
                listed = [info.path for info in await files.glob_files(pattern)]
                selects = path_selector(pattern)
                assert listed == sorted(path for path in [*texts, "/bytes.bin"] if selects(path)), pattern
