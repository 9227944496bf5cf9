"""How globs and path patterns are spelled: alternatives, and what a pattern shares with a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import InvalidPatternError

if TYPE_CHECKING:
    from everstore.conformance.case import Case

_LITERAL_PATHS = [
    "/a",
    "/app/[id]/page.tsx",
    "/app/i/page.tsx",
    "/app/x/page.tsx",
    "/lib/[a]",
    "/lib/a",
    "/lib/deep/a.md",
    "/lib/deep/a.py",
    "/lib/deep/a.pyc",
    "/src/lib/a.py",
    "/src/{a,b}.txt",
    "/{a",
    "/{a}",
    "/{x,y",
]

_SPELLED: dict[str, tuple[str, list[str]]] = {
    "braces": ("*.{py,md}", ["/lib/deep/a.md", "/lib/deep/a.py", "/src/lib/a.py"]),
    "braces_of_directories": (
        "{lib,src}/*/a.*",
        ["/lib/deep/a.md", "/lib/deep/a.py", "/lib/deep/a.pyc", "/src/lib/a.py"],
    ),
    "braces_with_nothing": ("a.py{,c}", ["/lib/deep/a.py", "/lib/deep/a.pyc", "/src/lib/a.py"]),
    "braces_with_no_segment": ("{,src/}lib/{,deep/}a{,.py}", ["/lib/a", "/lib/deep/a.py", "/src/lib/a.py"]),
    "braces_for_a_segment": ("lib/{,deep}/a{,.md}", ["/lib/a", "/lib/deep/a.md"]),
    "braces_in_braces": (
        "*.{m{d,x},p{y,yc}}",
        ["/lib/deep/a.md", "/lib/deep/a.py", "/lib/deep/a.pyc", "/src/lib/a.py"],
    ),
    "braces_of_paths": ("{src/**,lib/a}", ["/lib/a", "/src/lib/a.py", "/src/{a,b}.txt"]),
    "braces_of_name_and_path": ("{a.md,src/lib/*.py}", ["/lib/deep/a.md", "/src/lib/a.py"]),
    "braces_of_stars": ("{**,x}/a.py", ["/lib/deep/a.py", "/src/lib/a.py"]),
    "braces_that_end_nowhere": ("{x,y", ["/{x,y"]),
    "braces_of_one": ("{a}", ["/{a}"]),
    "braces_that_never_end": ("{a", ["/{a"]),
    "braces_in_class": ("[{,}]a", ["/{a"]),
    "braces_as_spelled": ("/src/{a,b}.txt", ["/src/{a,b}.txt"]),
    "class_as_spelled": ("app/[id]/page.tsx", ["/app/[id]/page.tsx", "/app/i/page.tsx"]),
    "class_of_a_name": ("[a]", ["/a", "/lib/[a]", "/lib/a"]),
    "class_as_spelled_with_alias": ("/workspace/./lib//[a]", ["/lib/[a]", "/lib/a"]),
    "dot_first": ("./src/**", ["/src/lib/a.py", "/src/{a,b}.txt"]),
    "dot_inside": ("src/./lib/*", ["/src/lib/a.py"]),
    "two_slashes": ("//lib//deep//*.py", ["/lib/deep/a.py"]),
    "slash_last": ("lib/*/", ["/lib/[a]", "/lib/a"]),
    "alias_with_slashes": ("/workspace//src/**/*.py", ["/src/lib/a.py"]),
    "alias_in_braces": ("{/workspace/src,lib}/*/a.py", ["/lib/deep/a.py", "/src/lib/a.py"]),
    "whole_path": ("lib/deep/a.md", ["/lib/deep/a.md"]),
}


async def _spelled_files(case: Case) -> None:
    for path in _LITERAL_PATHS:
        await case.files.write_file(path, "text\n")


@table(
    "search.glob_spelling.{row}",
    "5.3.5",
    "5.3.6",
    "5.3.7",
    "5.5.1",
    rows=_SPELLED,
    likely="braces, dots and slashes are taken as they come, or a bracket is a class and nothing else",
)
async def glob_spelling(case: Case, pattern: str, expected: list[str]) -> None:
    """Braces alternate, a glob is spelled like a path, and finds the file that is spelled like it: {row}."""
    await _spelled_files(case)
    assert [info.path for info in await case.files.glob_files(pattern)] == expected


@table(
    "search.path_pattern_spelling.{row}",
    "5.3.2",
    "5.3.5",
    "5.3.6",
    "5.3.7",
    rows={
        **{name: _SPELLED[name] for name in ("braces", "braces_of_paths", "class_as_spelled", "dot_first")},
        "part_with_dot": ("./lib/deep/a.p", ["/lib/deep/a.py", "/lib/deep/a.pyc"]),
        "part_with_slashes": ("lib//deep/./a.m", ["/lib/deep/a.md"]),
        "part_of_alias": ("/workspace//src/", ["/src/lib/a.py", "/src/{a,b}.txt"]),
        "part_with_braces_of_one": ("{a", ["/src/{a,b}.txt", "/{a", "/{a}"]),
    },
    likely="a search's paths are selected by other rules than a glob's",
)
async def path_pattern_spelling(case: Case, pattern: str, expected: list[str]) -> None:
    """A grep's path_pattern alternates and is spelled like a glob: {row}."""
    await _spelled_files(case)
    assert [match.path for match in await case.files.grep_files("text", pattern)] == expected


@table(
    "search.refused_glob.{row}",
    "5.3.7",
    "5.3.8",
    rows={
        "parent_first": ("../*",),
        "parent_inside": ("a/../*.py",),
        "parent_last": ("*/..",),
        "parent_behind_alias": ("/workspace/../*",),
        "parent_in_braces": ("{..,a}/*",),
        "too_large": ("?" * 20_000,),
        "too_deep": ("{*," * 100 + "b" + "}" * 100,),
    },
    likely="a glob that leads out or would never be ready selects nothing, or something",
)
async def refused_glob(case: Case, pattern: str) -> None:
    """A glob that leads out of the session, or is too large, is InvalidPatternError: {row}."""
    await case.files.write_file("a", "x")
    with refused(InvalidPatternError):
        await case.files.glob_files(pattern)
    with refused(InvalidPatternError):
        await case.files.grep_files("x", pattern)


@check(
    "search.many_alternatives", "5.3.5", "5.4.2", likely="every combination of alternatives is written out"
)
async def many_alternatives(case: Case) -> None:
    """Alternatives multiply, and a glob of a googol of them is answered."""
    await case.files.write_file("ab" * 100, "x")
    await case.files.write_file("ab" * 99 + "ac", "x")
    found = await case.files.glob_files("{a,{b,}}" * 200)
    assert [info.path for info in found] == ["/" + "ab" * 100]


@check(
    "search.glob_below",
    "5.5.1",
    "5.3.3",
    likely="what is beside a glob's directory is taken for what is in it",
)
async def glob_below(case: Case) -> None:
    """A glob with a literal beginning selects what is there at any depth, and nothing beside it."""
    deep = "/".join(["d" * 200] * 10)
    paths = [
        f"src/{deep}/x.py",
        "src/a/b/x.py",
        "src/x.py",
        "src/!/x.py",
        "src/\U0010ffff/x.py",
        "src-old/x.py",
        "src.py",
        "src0/x.py",
        "t/src/x.py",
        "s",
    ]
    for path in paths:
        await case.files.write_file(path, "text")
    for pattern, expected in (
        (
            "src/**",
            ["src/!/x.py", "src/a/b/x.py", f"src/{deep}/x.py", "src/x.py", "src/\U0010ffff/x.py"],
        ),
        ("src/\U0010ffff/*", ["src/\U0010ffff/x.py"]),
        ("src/*", ["src/x.py"]),
        (f"src/{deep}/*.py", [f"src/{deep}/x.py"]),
        ("src/x.py", ["src/x.py"]),
        ("src/a/**/x*", ["src/a/b/x.py"]),
        ("src/x.py/*", []),
        ("missing/*", []),
        ("src/a", []),
    ):
        assert [info.path for info in await case.files.glob_files(pattern)] == [
            f"/{each}" for each in expected
        ]
        if "*" in pattern:
            found = await case.files.grep_files("text", pattern)
            assert [match.path for match in found] == [f"/{each}" for each in expected]
