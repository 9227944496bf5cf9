"""Globs and path patterns against a matcher that goes character by character."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everstore.errors import InvalidPatternError
from everstore.globs import LiteralPattern
from everstore.search import compile_glob, compile_path_pattern


def glob_by_the_book(pattern: str, path: str) -> bool:
    """§5.3, one alternative and one character at a time; ``None`` when it leads out."""
    ways = expanded(pattern)
    if ".." in (re.split(r"[/{},]", pattern) if len(ways) > 1 else pattern.split("/")):
        return None
    spelled = tidied(pattern)
    as_spelled = path == spelled if "/" in pattern else path.rpartition("/")[2] == spelled
    return as_spelled or any(glob_of_one_way(tidied(way), path) for way in ways)


def expanded(pattern: str) -> list[str]:
    """The patterns that the first braces with alternatives stand for, and what these stand for."""
    start = 0
    while start < len(pattern):
        if pattern[start] == "[" and class_of(pattern[start:])[0]:
            start = len(pattern) - len(class_of(pattern[start:])[1])
            continue
        stops = stops_of(pattern, start) if pattern[start] == "{" else []
        if len(stops) > 1:
            bounds = zip([start, *stops], stops, strict=False)
            return [
                way
                for low, high in bounds
                for way in expanded(pattern[:start] + pattern[low + 1 : high] + pattern[stops[-1] + 1 :])
            ]
        start += 1
    return [pattern]


def stops_of(pattern: str, start: int) -> list[int]:
    """Where the commas and the end of the braces are that start here; nothing when they do not end."""
    commas, depth, at = [], 0, start
    while at < len(pattern):
        if pattern[at] == "[" and class_of(pattern[at:])[0]:
            at = len(pattern) - len(class_of(pattern[at:])[1])
            continue
        depth += (pattern[at] == "{") - (pattern[at] == "}")
        if depth == 0:
            return [*commas, at]
        if depth == 1 and pattern[at] == ",":
            commas.append(at)
        at += 1
    return []


def tidied(pattern: str) -> str:
    """A pattern like a path: without empty and '.' segments, and without the alias of the root."""
    if "/" not in pattern:
        return pattern
    segments = [segment for segment in pattern.split("/") if segment not in {"", "."}]
    if pattern.startswith("/") and segments[:1] == ["workspace"]:
        del segments[0]
    return "/" + "/".join(segments)


def glob_of_one_way(pattern: str, path: str) -> bool:
    if "/" in pattern:
        return glob_from(pattern.removeprefix("/"), path[1:], at_start=True)
    return any(
        glob_from(pattern, path[at + 1 :], at_start=True) for at in range(len(path)) if path[at] == "/"
    )


def glob_from(pattern: str, text: str, *, at_start: bool) -> bool:
    """Whether what is left of a pattern is all that is left of a path."""
    if not pattern:
        return not text
    if at_start and pattern.startswith("**/"):
        below = (text[at + 1 :] for at in range(len(text)) if text[at] == "/")
        return any(glob_from(pattern[3:], rest, at_start=True) for rest in (text, *below))
    if pattern.startswith("**"):
        return any(glob_from(pattern[2:], text[at:], at_start=False) for at in range(len(text) + 1))
    if pattern[0] == "*":
        within = text.find("/") if "/" in text else len(text)
        return any(glob_from(pattern[1:], text[at:], at_start=False) for at in range(within + 1))
    members, rest = class_of(pattern)
    if not text or (members is None and text[0] != pattern[0]):
        return False
    if members is not None and (text[0] == "/" or not members(text[0])):
        return False
    return glob_from(rest, text[1:], at_start=pattern[0] == "/")


def class_of(pattern: str):
    """What a pattern's first character stands for, when not for itself; and the rest of the pattern."""
    if pattern[0] == "?":
        return (lambda _: True), pattern[1:]
    inside = pattern[2:] if pattern[1:2] in {"!", "^"} else pattern[1:]
    end = inside.find("]", 1)
    if pattern[0] != "[" or end == -1:
        return None, pattern[1:]
    wanted = len(inside) == len(pattern) - 1
    left, ranges = inside[:end], []
    while left:
        width = 3 if len(left) > 2 and left[1] == "-" else 1
        ranges.append((left[0], left[width - 1]))
        left = left[width:]
    return (lambda one: any(low <= one <= high for low, high in ranges) == wanted), inside[end + 1 :]


GLOBS = st.one_of(
    st.lists(
        st.sampled_from(
            [
                *"ab-/.*?[]!^é{,}",
                "{a,b}",
                "{,a/}",
                "{**,b}",
                "./",
                "..",
                "**",
                "**/",
                "/**",
                "[ab]",
                "[!a]",
                "[a-c]",
                "[]]",
            ]
        ),
        max_size=7,
    ).map("".join),
    st.text("a/*", max_size=6),
    st.sampled_from(["/workspace", "/workspace/*", "/workspace/**/a", "workspace/a", "/workspaces/*"]),
)
PATHS = st.lists(st.text("ab-.]![^éc", min_size=1, max_size=3), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


@given(GLOBS, PATHS)
@example("{a,b}/c", "/b/c")
@example("{a,b/c}", "/x/a")
@example("{a,b/c}", "/x/b/c")
@example("{,a}", "/a")
@example("{a,{b,{,c}d}}e", "/de")
@example("{a,b", "/{a,b")
@example("a,b}", "/a,b}")
@example("{a{b,c}", "/{ac")
@example("{a}", "/{a}")
@example("[{,}]", "/,")
@example("{[,],b}", "/,")
@example("{..,a}/b", "/a/b")
@example("a[b]/c", "/a[b]/c")
@example("[a]", "/x/[a]")
@example("./a/[b]", "/a/[b]")
@example("/workspace/[b]", "/[b]")
@example("a//./b/", "/a/b")
@example("[.]/a", "/./a")
@example("[/]", "/[/]")
@example("[", "/[")
@example("[]", "/[]")
@example("[!]", "/[!]")
@example("[]a]", "/]")
@example("[!]a]", "/b")
@example("[^a]", "/b")
@example("[z-a]", "/m")
@example("[!z-a]", "/m")
@example("a[/]b", "/a/b")
@example("a[!x]b", "/a/b")
@example("[a-]", "/-")
@example("[+--]", "/-")
@example("[--0]", "/.")
@example("**/a", "/a")
@example("a/**", "/a")
@example("a/**/b", "/a/b")
@example("a**b", "/a/x/b")
@example("**", "/a/b")
@example("***/a", "/b/a")
@example("/", "/a")
def test_a_glob_selects_what_it_selects_character_by_character(pattern, path):
    require_as_by_the_book(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("a/{,b}/c", ["/a/c", "/a/b/c", "/a/x/c", "/c"]),
        ("a/{,b}", ["/a", "/a/b", "/a/c"]),
        ("{,a}/b", ["/b", "/a/b", "/x/b"]),
        ("{a/,b}/c", ["/a/c", "/b/c", "/c"]),
        ("{./a,b/.}/c", ["/a/c", "/b/c", "/c"]),
        ("{/a,b}", ["/a", "/x/a", "/b", "/x/b"]),
        ("{/workspace/a,b}", ["/a", "/b", "/x/b", "/x/a"]),
        ("{**,a}/b", ["/b", "/a/b", "/x/y/b"]),
        ("{a,}/**/b", ["/b", "/a/b", "/a/x/b", "/x/b"]),
        ("a/{.,b}/c", ["/a/c", "/a/b/c"]),
        ("{,src/}**/*.py", ["/x.py", "/src/x.py", "/src/a/x.py", "/a/x.py"]),
        ("**{/test,}/*.py", ["/x.py", "/test/x.py", "/a/test/x.py", "/a/x.py"]),
        ("{a/,b/}**/c", ["/a/c", "/b/x/c", "/c"]),
        ("{a,b}/**{/x,/y}/z", ["/a/x/z", "/a/q/y/z", "/a/z"]),
        ("{a,{b,ab}}**/**/", ["/ab", "/ab/c", "/c"]),
        ("/{workspace,b}/a", ["/a", "/b/a", "/x/a"]),
        ("/works{pace,}/a", ["/a", "/works/a"]),
        (".{/a,/b}/c", ["/a/c", "/b/c", "/c"]),
        ("{a,}./b", ["/b", "/a./b", "/a/b"]),
        ("**/**/{.,}/a", ["/a", "/x/y/a"]),
        ("{a,{,b}}/c", ["/c", "/a/c", "/b/c"]),
    ],
)
def test_a_segment_that_may_be_nothing_takes_its_slash_along(pattern, paths):
    for path in paths:
        require_as_by_the_book(pattern, path)


def require_as_by_the_book(pattern: str, path: str) -> None:
    expected = glob_by_the_book(pattern, path)
    if expected is None:
        with pytest.raises(InvalidPatternError):
            compile_glob(pattern)
        return
    selects = compile_glob(pattern)
    assert selects(path) == expected
    if expected:
        assert selects.part is None or selects.part in path
        assert selects.top in {"/", path} or path.startswith(f"{selects.top}/")
    if {"*", "?", "["} & set(pattern) or len(expanded(pattern)) > 1:
        assert compile_path_pattern(pattern)(path) == expected


NEAR_WORKSPACE = st.lists(
    st.sampled_from(
        ["/", "workspace", "works", "pace", "a", "*", "**", "?", ".", "[w]", "{", ",", "}", "{,a}"]
    ),
    max_size=8,
).map("".join)
IN_WORKSPACE = st.lists(st.sampled_from(["workspace", "works", "a", "[w]"]), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)


@pytest.mark.parametrize("compiled", [compile_glob, compile_path_pattern])
@given(NEAR_WORKSPACE, IN_WORKSPACE)
@example("/workspace/**", "/workspace/a")
@example("/workspace/**", "/a")
@example("/workspace", "/workspace")
@example("workspace", "/a/workspace")
@example("{workspace,src}/**", "/workspace/a")
@example("{/workspace,a}/a", "/workspace/a")
@example("/{works,a}pace/a", "/workspace/a")
@example("{a,/workspace/b}", "/x/a")
@example("**/workspace/*", "/workspace/a")
@example("/workspace/[w]", "/workspace/[w]")
def test_without_the_alias_workspace_is_a_name_like_any_other(compiled, pattern, path):
    """So a pattern selects what it would with another name there."""

    def renamed(text):
        return text and text.replace("w", "v")

    try:
        other = compiled(renamed(pattern))
    except InvalidPatternError:
        with pytest.raises(InvalidPatternError):
            compiled(LiteralPattern(pattern))
        return
    literal = compiled(LiteralPattern(pattern))
    assert literal(path) == other(renamed(path))
    assert renamed(literal.top) == other.top
    assert not literal(path) or literal.part is None or literal.part in path


@pytest.mark.parametrize(
    ("pattern", "top", "part"),
    [
        ("*.py", "/", ".py"),
        ("/src/**/test_*.py", "/src", "/test_"),
        ("docs/[ab].md", "/docs", "docs/"),
        ("./docs//api/*", "/docs/api", "/docs/api/"),
        ("/workspace/src/*.py", "/src", "/src/"),
        ("src/main.py", "/src/main.py", "src/main.py"),
        ("{src,lib}/main/*", "/", "/main/"),
        ("{a,b/c}.txt", "/", ".txt"),
        ("src/{a,b}/x", "/src", "src"),
        ("src/{,b/}**", "/src", "src"),
        ("/{workspace,b}/main/*", "/", "/main/"),
        ("{a,/}workspace/main/b", "/", "/main/b"),
        ("{a,b}./d/.{x,}", "/", "/d"),
        ("**", "/", None),
        ("workspace/*", "/", "workspace/"),
        ("a\nb/*", "/", "a\nb/"),
        ("x" * 300 + "/*", "/", "x" * 300 + "/"),
    ],
)
def test_what_a_backend_may_know_of_a_glob(pattern, top, part):
    selection = compile_glob(pattern)
    assert (selection.top, selection.part) == (top, part)


@pytest.mark.parametrize(
    "pattern", ["../a", "a/..", "a/../*", "/workspace/..", "{..,a}/b", "a/{b,../c}", "{a,b/}..", ".."]
)
def test_a_glob_that_leads_out_is_refused(pattern):
    with pytest.raises(InvalidPatternError, match=r"'\.\.'"):
        compile_glob(pattern)


@pytest.mark.parametrize("pattern", ["{a,b}" * 200, "{a,{b,c}}" * 100, "{a,b}/" * 100, "{a,b/}" * 40])
def test_alternatives_multiply_without_being_written_out(pattern):
    assert compile_glob(pattern)(
        "/" + pattern.replace("{a,b}", "a").replace("{a,b/}", "a").replace("{a,{b,c}}", "c").strip("/")
    )


@pytest.mark.parametrize("pattern", ["?" * 5000, "{a," * 40 + "b" + "}" * 40, "[é]" * 20000])
def test_a_glob_that_is_too_large_is_refused(pattern):
    with pytest.raises(InvalidPatternError):
        compile_glob(pattern)


@pytest.mark.parametrize("pattern", ["*a" * 30, "**/" * 30 + "b", "a*" * 40 + "b", "?" * 50 + "*" * 50])
def test_no_glob_takes_more_than_linear_time(pattern):
    assert compile_glob(pattern)("/" + "a" * 4000 + "/" + "a" * 50) in {True, False}


@pytest.mark.parametrize(
    "name", ["a.b", "a+b", "a b", "a|b", "(a)", "{a}", "a\\b", "^a$", "#a", "~a&", "a\x7f"]
)
def test_a_glob_without_special_characters_is_a_name(name):
    assert compile_glob(name)("/dir/" + name)
    assert not compile_glob(name)("/dir/x" + name)
    assert not compile_glob(name)("/dir/" + name.replace(name[1], "x", 1))


@given(PATHS, st.text("ab/.-", max_size=4).filter(lambda part: not {"", ".", ".."} & {*part.split("/")}))
def test_a_pattern_without_special_characters_is_part_of_a_path(path, part):
    assert compile_path_pattern(part)(path) == (part in path)
    assert compile_path_pattern(None)(path)


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        ("src/", "src/"),
        ("/src", "/src"),
        ("./src", "/src"),
        ("src//lib/./x", "src/lib/x"),
        ("/workspace//src/", "/src/"),
        ("/workspace", "/"),
        ("workspace/src", "workspace/src"),
        ("a..b", "a..b"),
        ("..", ".."),
        ("{a}", "{a}"),
        ("{a,b", "{a,b"),
    ],
)
def test_a_part_of_a_path_is_spelled_like_a_path(pattern, part):
    assert compile_path_pattern(pattern).part == part


@pytest.mark.parametrize("pattern", ["../src", "src/../lib", "/.."])
def test_a_part_of_a_path_that_leads_out_is_refused(pattern):
    with pytest.raises(InvalidPatternError, match=r"'\.\.'"):
        compile_path_pattern(pattern)


@pytest.mark.parametrize("compiled", [compile_glob, compile_path_pattern])
@pytest.mark.parametrize(
    ("pattern", "told"), [(7, "not int"), ("*\udfff", "surrogate"), ("\udfff", "surrogate")]
)
def test_what_is_no_text_is_no_pattern(compiled, pattern, told):
    with pytest.raises(InvalidPatternError, match=told):
        compiled(pattern)
