"""The normaliser and the parser of session ids: properties that hold whatever is given."""

from __future__ import annotations

import uuid
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everstore import errors, parse_session_id, session_id_of
from everstore.paths import (
    MAX_PATH_BYTES,
    normalize_literal_path,
    normalize_path,
    parent_of,
    parents_of,
    require_room,
)

SEGMENTS = st.sampled_from(
    [
        *(
            "",
            ".",
            "..",
            "...",
            "a",
            "b c",
            "workspace",
            "Workspace",
            "é",
            "\\",
            "~",
            "*",
            "%2e",
            "\0",
            "\x1f",
            "\x7f",
        ),
        *("x" * 255, "x" * 256, "é" * 127, "é" * 128, "\ud800", "\u2028"),
    ]
)
SPELLINGS = st.one_of(
    st.text(max_size=20),
    st.lists(SEGMENTS, max_size=8).map("/".join),
    st.lists(SEGMENTS, max_size=40).map("/".join).map("/".__add__),
)


def is_refused(path: str) -> bool:
    """§2.2 and §2.3, said once more and without haste."""
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF for character in path):
        return True
    segments = [segment for segment in path.split("/") if segment not in {"", "."}]
    if path[:1] == "/" and segments[:1] == ["workspace"]:
        segments = segments[1:]
    if segments[:1] == ["workspace"] or ".." in segments:
        return True
    canonical = "/" + "/".join(segments)
    return len(canonical.encode()) > 4096 or any(len(segment.encode()) > 255 for segment in segments)


@given(SPELLINGS)
@example("/workspace/workspace")
@example("/workspace/./workspace/x")
@example("/./workspace")
@example("workspace/..")
def test_a_path_is_refused_or_canonical_for_good(path):
    if is_refused(path):
        with pytest.raises(errors.InvalidPathError) as caught:
            normalize_path(path)
        assert caught.value.path == path
        return
    canonical = normalize_path(path)
    assert normalize_path(canonical) == canonical
    assert canonical == "/" or (canonical[0] == "/" and canonical[-1] != "/")
    assert not {"", ".", ".."} & set(canonical[1:].split("/")) or canonical == "/"
    assert not (canonical + "/").startswith("/workspace/")
    assert len(canonical.encode()) <= 4096


@given(SPELLINGS, st.sampled_from(["/workspace/{}", "/workspace//{}", "/./workspace/./{}"]))
def test_the_workspace_is_the_root(path, spelling):
    try:
        canonical = normalize_path(path.lstrip("/"))
    except errors.InvalidPathError:
        return
    assert normalize_path(spelling.format(path)) == canonical


@given(SPELLINGS, SPELLINGS)
def test_two_paths_meet_only_where_their_segments_do(one, other):
    def segments(path):
        parts = [part for part in path.split("/") if part not in {"", "."}]
        return parts[1:] if path.startswith("/") and parts[:1] == ["workspace"] else parts

    if is_refused(one) or is_refused(other):
        return
    assert (normalize_path(one) == normalize_path(other)) == (segments(one) == segments(other))


@given(SPELLINGS)
@example("workspace")
@example("/workspace")
@example("/workspace/workspace/")
@example("//workspace/./x")
@example("workspace/../x")
@example(None)
def test_without_the_alias_workspace_is_a_name_like_any_other(path):
    """So a path is what it would be with another name there."""
    other = path.replace("workspace", "workspac_") if isinstance(path, str) else path
    try:
        canonical = normalize_path(other)
    except errors.InvalidPathError:
        with pytest.raises(errors.InvalidPathError):
            normalize_literal_path(path)
    else:
        assert normalize_literal_path(path) == canonical.replace("workspac_", "workspace")


def test_the_memory_of_spellings_is_bounded_and_changes_no_answer():
    for number in range(10_000):
        assert normalize_path(f"a//{number}") == f"/a/{number}"
    long = "y/" * 300
    assert normalize_path(long) == normalize_path(long) == "/" + "/".join(["y"] * 300)
    assert normalize_path("a//0") == "/a/0"


def test_a_refused_path_is_shown_in_one_short_line():
    for path in ("..\n" * 1000, "\0" * 10_000, "x" * 5000, object()):
        with pytest.raises(errors.InvalidPathError) as caught:
            normalize_path(path)
        assert len(str(caught.value)) < 250
        assert "\n" not in str(caught.value)
        assert caught.value.reason in str(caught.value)


def test_parents_lead_from_the_root_to_the_path():
    assert parents_of("/") == []
    assert parents_of("/a") == []
    assert parents_of("/a/b/c") == ["/a", "/a/b"]
    assert [parent_of(path) for path in ("/", "/a", "/a/b/c")] == ["/", "/", "/a/b"]


NAMES = st.text("aé\U0001f600", min_size=1, max_size=60)


@given(NAMES, NAMES, st.integers(-3, 3))
def test_there_is_room_for_what_is_a_path_where_it_goes_to(source, destination, more):
    source, destination = f"/{source}", f"/{destination}"
    size = min(MAX_PATH_BYTES - len(source.encode()), MAX_PATH_BYTES - len(destination.encode()) + more)
    full, rest = divmod(size - 2, 201)
    below = f"/{'é' * 100}" * full + "/" + "x" * (rest + 1)
    if is_refused(destination + below):
        with pytest.raises(errors.InvalidPathError, match="more than 4096 bytes") as caught:
            require_room(source, destination, [source, source + below, f"{source}/x"])
        assert caught.value.path == destination + below
    else:
        require_room(source, destination, [source, source + below, f"{source}/x"])


def test_paths_that_do_not_grow_are_not_looked_at():
    paths = iter(["/é/x"])
    for destination in ("/a", "/é", "/bc"):
        require_room("/é", destination, paths)
    assert list(paths) == ["/é/x"]


@given(st.uuids())
def test_a_session_id_is_read_from_either_text_form(session_id):
    assert parse_session_id(str(session_id)) == session_id
    assert parse_session_id(str(session_id).upper()) == session_id
    assert parse_session_id(f"session_{session_id.hex}") == session_id


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "session_", "0" * 32, "session_" + "0" * 31, "session_" + "0" * 33, "SESSION_" + "0" * 32),
        *(
            f"{{{uuid.UUID(int=1)}}}",
            f"urn:uuid:{uuid.UUID(int=1)}",
            f" {uuid.UUID(int=1)}",
            f"{uuid.UUID(int=1)}\n",
        ),
        *(
            "session_" + str(uuid.UUID(int=1)),
            "session_" + "\u0663" * 32,
            "g" * 8 + str(uuid.UUID(int=1))[8:],
        ),
        *(None, 1, uuid.UUID(int=1), b"0", "x" * 10_000),
    ],
    ids=lambda text: repr(text)[:50],
)
def test_anything_else_names_no_session(text):
    with pytest.raises(errors.InvalidSessionIdError) as caught:
        parse_session_id(text)
    assert len(str(caught.value)) < 300


def test_a_name_is_the_same_session_for_ever():
    session_id = session_id_of("thread-42")
    assert str(session_id) == "b7304d9f-adeb-55df-ae39-55a56669ea68"
    assert (session_id.version, type(session_id)) == (5, UUID)
    assert session_id_of("a", "bc") != session_id_of("ab", "c")


@given(st.lists(st.text(), min_size=1, max_size=3), st.lists(st.text(), min_size=1, max_size=3))
def test_other_names_are_other_sessions(one, other):
    assert (session_id_of(*one) == session_id_of(*other)) == (one == other)


@pytest.mark.parametrize("parts", [(), (1,), (b"a",), ("a", None), ("a\ud800",)])
def test_what_names_no_session_is_told(parts):
    with pytest.raises(errors.InvalidArgumentError, match="session_id_of") as caught:
        session_id_of(*parts)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
