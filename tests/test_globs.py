"""Globs and path patterns against a matcher that goes character by character."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everstore.search import compile_glob, compile_path_pattern


def glob_by_the_book(pattern: str, path: str) -> bool:
    """§5.3, one character at a time."""
    if pattern == "/workspace":
        pattern = "/"
    elif pattern.startswith("/workspace/"):
        pattern = pattern.removeprefix("/workspace")
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
        st.sampled_from([*"ab-/.*?[]!^é", "**", "**/", "/**", "[ab]", "[!a]", "[a-c]", "[]]"]), max_size=7
    ).map("".join),
    st.text("a/*", max_size=6),
    st.sampled_from(["/workspace", "/workspace/*", "/workspace/**/a", "workspace/a", "/workspaces/*"]),
)
PATHS = st.lists(st.text("ab-.]![^éc", min_size=1, max_size=3), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


@given(GLOBS, PATHS)
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
    assert compile_glob(pattern)(path) == glob_by_the_book(pattern, path)
    if {"*", "?", "["} & set(pattern):
        assert compile_path_pattern(pattern)(path) == glob_by_the_book(pattern, path)


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


@given(PATHS, st.text("ab/.-", max_size=4))
def test_a_pattern_without_special_characters_is_part_of_a_path(path, part):
    assert compile_path_pattern(part)(path) == (part in path)
    assert compile_path_pattern(None)(path)
