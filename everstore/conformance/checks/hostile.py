"""Hostile input: paths that would lead out, names that mean something elsewhere, patterns that never end."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from everstore.changes import Move, Write
from everstore.conformance.case import refused
from everstore.conformance.registry import check, table
from everstore.errors import InvalidPathError, InvalidPatternError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from everstore.conformance.case import Case

hostile = partial(check, level="standard", tags=("hostile",))
hostile_table = partial(table, level="standard", tags=("hostile",))


@hostile_table(
    "hostile.refused_path.{row}",
    "2.3.1",
    "2.3.2",
    "2.3.3",
    "2.2.3",
    rows={
        "parent": ("..",),
        "parent_at_start": ("../a",),
        "parent_inside": ("d/../a",),
        "parent_at_end": ("d/..",),
        "parent_of_root": ("/../etc/passwd",),
        "parent_behind_alias": ("/workspace/../a",),
        "parent_behind_dots": ("d/./../a",),
        "nul": ("a\0b",),
        "nul_at_end": ("a.txt\0.png",),
        "newline": ("a\nb",),
        "carriage_return": ("a\rb",),
        "tab": ("a\tb",),
        "escape": ("a\x1b[31m",),
        "lone_high_surrogate": ("a\ud800",),
        "lone_low_surrogate": ("\udfff/b",),
        "segment_too_long": ("x" * 256,),
        "segment_too_long_in_bytes": ("é" * 128,),
        "path_too_long": ("/" + "/".join(["x" * 200] * 21),),
        "alias_twice": ("/workspace/workspace/x",),
        "alias_inside_root": ("workspace/x",),
        "alias_behind_slashes": ("/workspace//workspace",),
        "no_text": (b"a",),
    },
    likely="the path is not normalised, or checked by its characters only",
)
async def refused_path(case: Case, path: Any) -> None:
    """A path that the contract refuses is InvalidPathError in every verb, and nothing changes: {row}."""
    await case.files.write_file("d/a", "x")
    files = case.files
    calls = (
        partial(files.read_file, path),
        partial(files.write_file, path, "y"),
        partial(files.append_file, path, "y"),
        partial(files.edit_file, path, "x", "y"),
        partial(files.create_directory, path),
        partial(files.list_directory, path),
        partial(files.stat_file, path),
        partial(files.delete_file, path, recursive=True),
        partial(files.read_lines, path),
        partial(files.copy_file, "d/a", path),
        partial(files.move_file, path, "e"),
        partial(files.seed_initial_file, InitialFile(path, "y")),
        partial(files.write_file_if_content_matches, path, "x", "text", "y", "text"),
    )
    async with case.untouched():
        for call in calls:
            with refused(InvalidPathError):
                await call()


@hostile_table(
    "hostile.spelling.{row}",
    "2.2.1",
    "2.2.2",
    "2.1.1",
    rows={
        "relative": ("d/a.txt",),
        "alias": ("/workspace/d/a.txt",),
        "double_slash": ("d//a.txt",),
        "many_slashes": ("///d///a.txt",),
        "dot": ("./d/./a.txt",),
        "trailing_slash": ("/d/a.txt/",),
        "trailing_dot": ("d/a.txt/.",),
        "alias_with_slashes": ("/workspace//d/a.txt",),
    },
    likely="two spellings become two files",
)
async def spelling(case: Case, path: str) -> None:
    """Another spelling of a path is the same file, in every verb: {row}."""
    written = await case.files.write_file("/d/a.txt", "x")
    assert await case.files.read_file(path) == written
    assert await case.files.stat_file(path) == written.stat()
    again = await case.files.write_file(path, "y")
    assert (again.id, again.path) == (written.id, "/d/a.txt")
    assert await case.paths() == ["/d/", "/d/a.txt"]
    assert await case.files.delete_file(path) is True
    assert await case.paths() == ["/d/"]


@hostile_table(
    "hostile.root_spelling.{row}",
    "2.2.1",
    rows={
        "empty": ("",),
        "dot": (".",),
        "slashes": ("//",),
        "alias": ("/workspace",),
        "alias_slash": ("/workspace/",),
    },
    likely="this spelling of the root is a name",
)
async def root_spelling(case: Case, path: str) -> None:
    """Another spelling of the root is the root: {row}."""
    await case.files.write_file("a", "x")
    root = await case.read(path)
    assert root.path == "/"
    assert [info.path for info in await case.files.list_directory(path)] == ["/a"]


@hostile_table(
    "hostile.name.{row}",
    "2.3.4",
    "2.1.1",
    rows={
        "backslash": ("a\\b",),
        "backslash_parent": ("..\\..\\a",),
        "windows_drive": ("C:\\a",),
        "stream": ("a.txt:stream",),
        "device": ("CON",),
        "three_dots": ("...",),
        "hidden": (".hidden",),
        "trailing_dot": ("a.",),
        "space": (" a ",),
        "only_space": (" ",),
        "tilde": ("~",),
        "variable": ("$HOME",),
        "percent_encoded": ("%2e%2e%2f",),
        "like_percent": ("%",),
        "like_underscore": ("a_b",),
        "star": ("*",),
        "brackets": ("[a-z]",),
        "braces": ("{a,b}",),
        "quote": ("it's",),
        "double_quote": ('a"b',),
        "sql": ("a'; DROP TABLE files; --",),
        "question_mark": ("a?b#c",),
        "hash_tag": ("{tag}:a",),
        "delete_character": ("a\x7fb",),
        "c1_control": ("a\x85b",),
        "line_separator": ("a\u2028b",),
        "right_to_left": ("a\u202egpj.exe",),
        "zero_width": ("a\u200bb",),
        "astral": ("\U0001f600",),
        "noncharacter": ("a\uffff",),
        "workspaces": ("workspaces",),
        "session_like": ("session_00000000000000000000000000000000",),
        "index_like": (".everstore", "index.json", ".lock"),
        "longest": ("x" * 255,),
        "longest_in_bytes": ("é" * 127 + "x",),
    },
    likely="names are escaped, folded, joined or handed to a file system as they come",
)
async def ordinary_name(case: Case, *names: str) -> None:
    """A name that means something elsewhere is an ordinary one, of a file and of a directory: {row}."""
    await case.files.write_file("neighbour", "kept")
    for name in names:
        await case.files.write_file(name, "one")
        assert (await case.read(name)).content == "one"
        assert [info.name for info in await case.files.list_directory()] == sorted([name, "neighbour"])
        assert await case.files.delete_file(name) is True
        await case.files.write_file(f"{name}/{name}", "two")
        assert await case.paths() == sorted([f"/{name}/", f"/{name}/{name}", "/neighbour"])
        assert await case.files.delete_file(name, recursive=True) is True
    assert await case.paths() == ["/neighbour"]


@hostile(
    "hostile.longest_path", "2.3.3", likely="a path is cut or refused where a column or a file name ends"
)
async def longest_path(case: Case) -> None:
    """A path of exactly 4096 bytes is kept, listed and deleted."""
    path = "/" + "/".join(["é" * 100] * 20) + "/" + "x" * 75
    assert len(path.encode()) == 4096
    await case.files.write_file(path, "x")
    [found] = await case.files.glob_files("x*")
    assert found.path == path
    with refused(InvalidPathError):
        await case.files.write_file(f"{path}x", "x")
    assert await case.files.delete_file("é" * 100, recursive=True) is True
    assert await case.paths() == []


@hostile("hostile.deep_tree", "2.3.3", "3.8.7", likely="trees are walked by recursion")
async def deep_tree(case: Case) -> None:
    """A tree of 2,000 levels is written, moved, searched and deleted."""
    deep = "/".join(["d"] * 2000)
    await case.files.write_file(f"{deep}/f", "text")
    assert len(await case.paths()) == 2001
    await case.files.move_file("d", "m")
    [match] = await case.files.grep_files("text")
    assert match.path == "/m" + "/d" * 1999 + "/f"
    assert await case.files.delete_file("m", recursive=True) is True
    assert await case.files.list_directory() == []


@hostile("hostile.dots_in_names", "2.3.1", likely="'..' is looked for anywhere in the path, not as a segment")
async def dots_in_names(case: Case) -> None:
    """Dots within a name lead nowhere."""
    names = ["..a", "a..", "a..b", ". .", "...", ".. "]
    for name in names:
        await case.files.write_file(f"d/{name}", name)
    assert [info.name for info in await case.files.list_directory("d")] == sorted(names)


@hostile("hostile.beside_alias", "2.2.2", likely="/workspace is dropped as a prefix, not as a segment")
async def beside_alias(case: Case) -> None:
    """A name that only begins like /workspace is an ordinary one."""
    for path in ("/workspaces/x", "/workspace.txt", "/workspace-2/x", "/Workspace/x", "/d/workspace/x"):
        written = await case.files.write_file(path, path)
        assert written.path == path
        assert (await case.read(path)).content == path


@hostile(
    "hostile.move_across_alias",
    "2.2.2",
    "2.2.3",
    likely="a destination is normalised in another way than a source",
)
async def move_across_alias(case: Case) -> None:
    """Sources and destinations are normalised like every path."""
    await case.files.write_file("a", "x")
    await case.files.move_file("/workspace/a", "./d//b/")
    assert await case.paths() == ["/d/", "/d/b"]
    async with case.untouched():
        with refused(InvalidPathError):
            await case.files.move_file("d/b", "/workspace/d/b")
        with refused(InvalidPathError):
            await case.files.copy_file("d", "/workspace/d/x")


@hostile(
    "hostile.literal_workspace",
    "2.2.4",
    likely="the alias is dropped wherever a path begins with it, whatever the setting",
    since="1.2",
)
async def literal_workspace(case: Case) -> None:
    """With the alias switched off, ``workspace`` is a directory like any other."""
    case.store = await case.open(workspace_alias=False)
    await case.files.write_file("a", "root")
    await case.files.write_file("workspace/a", "inside")
    assert (await case.read("/workspace/a")).content == "inside"
    assert (await case.read("a")).content == "root"
    assert [info.path for info in await case.files.list_directory("/workspace")] == ["/workspace/a"]
    await case.files.apply_changes([Write("/workspace/b", "b"), Move("/workspace/a", "/workspace/workspace")])
    await case.files.seed_initial_file(InitialFile("/workspace/c", "c"))
    assert await case.paths() == ["/a", "/workspace/", "/workspace/b", "/workspace/c", "/workspace/workspace"]
    listed = await case.files.list_tree("/workspace", after="/workspace/b")
    assert [info.path for info in listed] == ["/workspace/c", "/workspace/workspace"]
    assert await case.files.delete_file("/workspace", recursive=True) is True
    assert await case.paths() == ["/a"]


@hostile_table(
    "hostile.literal_pattern.{row}",
    "2.2.4",
    "5.3.7",
    rows={
        "directory": ("/workspace/*", ["/workspace/a"]),
        "braces": ("{/workspace,/d}/a", ["/d/a", "/workspace/a"]),
        "exact": ("/workspace/[a]", ["/workspace/a"]),
        "part": ("/workspace", ["/workspace/a", "/workspaces"]),
    },
    likely="the alias is dropped from a pattern, whatever the setting",
    since="1.2",
)
async def literal_pattern(case: Case, pattern: str, expected: list[str]) -> None:
    """With the alias switched off, a pattern names what is in ``workspace``: {row}."""
    case.store = await case.open(workspace_alias=False)
    for path in ("a", "d/a", "workspace/a", "workspaces"):
        await case.files.write_file(path, "text")
    assert [match.path for match in await case.files.grep_files("text", pattern)] == expected
    if pattern != "/workspace":  # a glob of no special character is the path of one file
        assert [info.path for info in await case.files.glob_files(pattern)] == expected


@hostile_table(
    "hostile.regex.{row}",
    "5.4.2",
    rows={
        "nested_plus": ("(a+)+$", 26),
        "nested_star": ("(a*)*b", 26),
        "alternatives": ("(a|aa)+$", 38),
        "optional": ("(a?){26}a{26}b", 26),
        "many_wildcards": (".*.*.*.*.*.*.*.*x", 30),
    },
    likely="a backtracking engine matches",
)
async def linear_regex(case: Case, pattern: str, length: int) -> None:
    """A pattern that makes backtracking engines explode is linear: {row}."""
    await case.files.write_file("a", "a" * length + "!\n")
    started = time.perf_counter()
    assert await case.files.grep_files(pattern, regex=True) == []
    # Backtracking takes seconds at this length, RE2 some microseconds: a slow machine cannot blur it.
    assert time.perf_counter() - started < 2


@hostile("hostile.regex_size", "5.4.1", likely="a pattern may be of any size once compiled")
async def regex_size(case: Case) -> None:
    """A pattern that would compile into gigabytes is InvalidPatternError."""
    await case.files.write_file("a", "a")
    with refused(InvalidPatternError):
        await case.files.grep_files("((a{100}){100}){100}", regex=True)


@hostile("hostile.glob", "5.3.3", "5.4.2", likely="globs are matched by backtracking")
async def linear_glob(case: Case) -> None:
    """A glob of many stars is answered at once."""
    await case.files.write_file("a" * 200, "x")
    started = time.perf_counter()
    assert await case.files.glob_files("*a" * 60 + "b") == []
    assert await case.files.grep_files("x", "**a" * 40 + "**b") == []
    assert time.perf_counter() - started < 2
