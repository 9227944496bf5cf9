"""Contract §4: no lost updates."""

from __future__ import annotations

import asyncio

import pytest

from everstore import InitialFile, errors


# §4.1
async def test_every_write_of_a_file_gives_a_revision_that_path_never_had(work):
    seen = []

    async def note(answer):
        file = await work.files.read_file("a")
        listed = [info for info in await work.files.list_directory() if info.path == "/a"]
        stat = await work.files.stat_file("a")
        assert answer.revision == file.revision == stat.revision == listed[0].revision
        assert isinstance(file.revision, str)
        seen.append(file.revision)

    await note(await work.files.write_file("a", "x"))
    await note(await work.files.write_file("a", "x"))
    await note(await work.files.append_file("a", ""))
    await note(await work.files.edit_file("a", "x", "x"))
    await note(await work.files.write_file_if_content_matches("a", "x", "text", "x", "text"))
    await note(await work.files.seed_initial_file(InitialFile("a", "x")))
    await work.files.write_file("b", "x")
    await note(await work.files.copy_file("b", "a", overwrite=True))
    await note(await work.files.move_file("b", "a", overwrite=True))
    await work.files.move_file("a", "c")
    await note(await work.files.write_file("a", "x"))
    await note(await work.files.move_file("c", "a", overwrite=True))
    await work.files.delete_file("a")
    await note(await work.files.write_file("a", "x"))
    await work.files.delete_file("a")
    await note(await work.files.create_directory("a"))
    await work.files.delete_file("a")
    await note(await work.files.write_file("a", "x"))
    assert len(set(seen)) == len(seen)


async def test_a_revision_outlives_no_purge(store, work):
    seen = set()
    for _ in range(5):
        seen.add((await work.files.write_file("a", "x")).revision)
        await work.storage.set_value("a", "x")
        seen.add((await work.storage.stat_value("a")).revision)
        await store.delete_session(work.id)
    assert len(seen) >= 5
    await work.files.write_file("a", "x")
    await work.storage.set_value("a", "x")
    for revision in seen:
        with pytest.raises(errors.RevisionConflictError):
            await work.files.write_file("a", "y", if_revision=revision)
        with pytest.raises(errors.RevisionConflictError):
            await work.storage.set_value("a", "y", if_revision=revision)


async def test_reading_moves_no_revision(furnished, snapshot):
    before = await snapshot()
    await furnished.files.read_file("kept.txt")
    await furnished.files.read_lines("kept.txt")
    await furnished.files.grep_files("")
    await furnished.files.glob_files("**")
    await furnished.files.create_directory("kept")
    await furnished.files.delete_file("missing")
    await furnished.storage.list_keys()
    await furnished.storage.delete_value("missing")
    assert await snapshot() == before


async def test_every_write_of_a_value_gives_a_revision_that_key_never_had(work):
    seen = []

    async def note():
        [info] = await work.storage.list_keys()
        assert info == await work.storage.stat_value("a")
        assert isinstance(info.revision, str)
        seen.append(info.revision)

    for _ in range(3):
        await work.storage.set_value("a", "1")
        await note()
    await work.storage.increment_value("a", 0)
    await note()
    await work.storage.set_value("a", "1", ttl=1000)
    await note()
    await work.storage.delete_value("a")
    await work.storage.set_value("a", "1")
    await note()
    assert len(set(seen)) == len(seen)


# §4.2
async def test_a_file_is_written_only_over_the_revision_given(work, refused):
    first = await work.files.write_file("a", "1")
    second = await work.files.write_file("a", "2", if_revision=first.revision)
    assert second.content == "2"
    for revision in (first.revision, "", "0", second.revision + "0", second.revision.upper() + "x", "%"):
        error = await refused(
            errors.RevisionConflictError, work.files.write_file("a", "3", if_revision=revision), revision
        )
        assert error.code == "revision_conflict"
        assert error.current_revision == second.revision


async def test_a_file_that_is_gone_has_no_revision(work, refused):
    gone = await work.files.write_file("a", "1")
    await work.files.delete_file("a")
    error = await refused(
        errors.RevisionConflictError, work.files.write_file("a", "2", if_revision=gone.revision)
    )
    assert error.current_revision is None


async def test_a_file_is_created_only_where_nothing_is(work, refused):
    first = await work.files.write_file("a/b", "1", if_absent=True)
    error = await refused(errors.RevisionConflictError, work.files.write_file("a/b", "2", if_absent=True))
    assert error.current_revision == first.revision
    await work.files.delete_file("a/b")
    assert (await work.files.write_file("a/b", "2", if_absent=True)).content == "2"


async def test_conditions_exclude_one_another(furnished, refused):
    both = {"if_revision": "1", "if_absent": True}
    await refused(errors.InvalidArgumentError, furnished.files.write_file("kept.txt", "x", **both))
    await refused(errors.InvalidArgumentError, furnished.storage.set_value("kept", "x", **both))
    for no_revision in (1, b"1", object()):
        wrong = {"if_revision": no_revision}
        await refused(errors.InvalidArgumentError, furnished.files.write_file("kept.txt", "x", **wrong))
        await refused(errors.InvalidArgumentError, furnished.storage.set_value("kept", "x", **wrong))


async def wins(calls):
    """The answers of those calls that were not refused by a condition."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refusals = (errors.RevisionConflictError, errors.PathExistsError, errors.PathNotFoundError)
    lost = [answer for answer in answers if isinstance(answer, refusals)]
    won = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert len(lost) + len(won) == len(answers), answers
    return won


async def test_one_of_many_creates_the_file(work):
    [winner] = await wins([work.files.write_file("a/b", f"{n}", if_absent=True) for n in range(20)])
    assert await work.files.read_file("a/b") == winner


async def test_one_of_many_writes_over_a_revision(work):
    first = await work.files.write_file("a", "0")
    [winner] = await wins(
        [work.files.write_file("a", f"{n}", if_revision=first.revision) for n in range(1, 20)]
    )
    assert await work.files.read_file("a") == winner


async def test_one_of_many_copies_or_moves_to_a_new_place(work):
    for n in range(10):
        await work.files.write_file(f"{n}", f"{n}")
    [copied] = await wins([work.files.copy_file(f"{n}", "copied") for n in range(10)])
    [moved] = await wins([work.files.move_file(f"{n}", "moved") for n in range(10)])
    assert (await work.files.stat_file("copied")).id == copied.id
    assert (await work.files.stat_file("moved")).id == moved.id
    assert len(await work.files.list_directory()) == 11


async def test_one_of_many_moves_a_file_away(work):
    await work.files.write_file("a", "x")
    await wins([work.files.move_file("a", f"to/{n}") for n in range(10)])
    assert len(await work.files.list_directory("to")) == 1
    assert await work.files.stat_file("a") is None


# §4.3
async def test_a_file_is_replaced_if_it_holds_what_is_expected(work):
    await work.files.write_file("a", "old")
    before = await work.files.read_file("a")
    after = await work.files.write_file_if_content_matches("a", "old", "text", "bmV3", "base64")
    assert (after.content, after.encoding, after.size_bytes) == ("bmV3", "base64", 3)
    assert (after.id, after.created_at) == (before.id, before.created_at)
    assert after == await work.files.read_file("a")
    again = await work.files.write_file_if_content_matches("a", "bmV3", "base64", "", "text")
    assert again.content == ""


async def test_a_file_that_holds_something_else_is_left_alone(furnished, snapshot):
    before = await snapshot()
    replace = furnished.files.write_file_if_content_matches
    for expected, encoding in [
        *((text, "text") for text in ("other", "", "kep", "Kept", "kept\n", "kept ")),
        *(("a2VwdA==", encoding) for encoding in ("base64", "text")),
    ]:
        assert await replace("kept.txt", expected, encoding, "new", "text") is None, expected
    for path, expected, encoding in [
        *(("kept/below.bin", "AAE=", "text"), ("kept/rules.txt", "other", "text"), ("kept", "", "text")),
        *(("/", "", "text"), ("missing", "", "text"), ("kept.txt/x", "", "text")),
    ]:
        assert await replace(path, expected, encoding, "new", "text") is None, path
    assert await snapshot() == before


async def test_one_of_many_finds_the_content_it_expects(work):
    await work.files.write_file("a", "0")
    answers = await asyncio.gather(
        *(work.files.write_file_if_content_matches("a", "0", "text", f"{n}", "text") for n in range(1, 20))
    )
    [winner] = [answer for answer in answers if answer is not None]
    assert await work.files.read_file("a") == winner


# §4.4
async def test_an_edit_replaces_exactly_what_it_names(work):
    await work.files.write_file("a", "one\r\ntwo\r\nthree .* [x]")
    edited = await work.files.edit_file("a", "one\r\ntwo", "1\n2")
    assert edited.content == "1\n2\r\nthree .* [x]"
    assert (await work.files.edit_file("a", ".*", "\\1$&")).content == "1\n2\r\nthree \\1$& [x]"
    assert (await work.files.edit_file("a", "three ", "")).content == "1\n2\r\n\\1$& [x]"


async def test_an_edit_keeps_identity(work):
    before = await work.files.write_file("a", "x")
    after = await work.files.edit_file("a", "x", "y")
    assert (after.id, after.created_at, after.content) == (before.id, before.created_at, "y")
    assert after.revision != before.revision
    assert after == await work.files.read_file("a")


async def test_every_occurrence_is_replaced_when_asked(work):
    await work.files.write_file("a", "x.x.xx")
    assert (await work.files.edit_file("a", "x", "yx", replace_all=True)).content == "yx.yx.yxyx"
    assert (await work.files.edit_file("a", ".", "", replace_all=True)).content == "yxyxyxyx"


@pytest.mark.parametrize(
    ("text", "old", "matches"),
    [("abc", "x", 0), ("abc", "abcd", 0), ("aba", "a", 2), ("aaa", "aa", 2), ("", "a", 0)],
)
async def test_an_edit_that_is_missing_or_ambiguous_is_refused(work, refused, text, old, matches):
    await work.files.write_file("a", text)
    error = await refused(errors.EditError, work.files.edit_file("a", old, "new"))
    assert (error.code, error.path, error.matches) == ("edit_failed", "/a", matches)
    if not matches:
        await refused(errors.EditError, work.files.edit_file("a", old, "new", replace_all=True))


async def test_only_a_text_file_can_be_edited(furnished, refused):
    error = await refused(errors.PathNotFoundError, furnished.files.edit_file("missing", "a", "b"))
    assert (error.code, error.path) == ("path_not_found", "/missing")
    assert isinstance(error, FileNotFoundError)
    await refused(errors.InvalidContentError, furnished.files.edit_file("kept/below.bin", "AAE=", "b"))
    await refused(errors.InvalidContentError, furnished.files.edit_file("kept.txt", "", "b"))


async def test_parallel_edits_of_different_lines_all_survive(work):
    await work.files.write_file("a", "".join(f"<line {n}>\n" for n in range(50)))
    await asyncio.gather(*(work.files.edit_file("a", f"<line {n}>", f"[done {n}]") for n in range(50)))
    assert (await work.files.read_file("a")).content == "".join(f"[done {n}]\n" for n in range(50))


async def test_one_of_many_makes_the_same_edit(work):
    await work.files.write_file("a", "free")
    answers = await asyncio.gather(
        *(work.files.edit_file("a", "free", f"taken by {n}") for n in range(20)), return_exceptions=True
    )
    assert sum(isinstance(answer, errors.EditError) for answer in answers) == 19
    [winner] = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert await work.files.read_file("a") == winner


# §4.5
async def test_appending_creates_and_adds(work):
    first = await work.files.append_file("a/b", "one\r\n")
    second = await work.files.append_file("a/b", "two")
    assert (second.size_bytes, second.id) == (8, first.id)
    found = await work.files.read_file("a/b")
    assert (found.content, found.info()) == ("one\r\ntwo", second)
    await work.files.append_file("bytes", "AA==", "base64")
    assert (await work.files.append_file("bytes", "AQI=", "base64")).size_bytes == 3
    bytes_ = await work.files.read_file("bytes")
    assert (bytes_.content, bytes_.encoding, bytes_.size_bytes) == ("AAEC", "base64", 3)


async def test_what_is_appended_has_the_file_s_encoding(furnished, refused):
    await refused(errors.InvalidContentError, furnished.files.append_file("kept.txt", "AA==", "base64"))
    await refused(errors.InvalidContentError, furnished.files.append_file("kept/below.bin", "AA=="))


async def test_parallel_appends_all_survive(work):
    await asyncio.gather(*(work.files.append_file("a", f"line {n}\n") for n in range(50)))
    assert sorted((await work.files.read_file("a")).content.splitlines()) == sorted(
        f"line {n}" for n in range(50)
    )


async def test_a_move_keeps_identity(work):
    before = await work.files.write_file("a/b", "AAE=", "base64")
    moved = await work.files.move_file("a/b", "new/c")
    after = await work.files.read_file("new/c")
    assert moved == after.info()
    assert (after.id, after.created_at) == (before.id, before.created_at)
    assert (after.content, after.encoding, after.size_bytes) == ("AAE=", "base64", 2)
    assert after.revision != before.revision
    assert await work.files.stat_file("a/b") is None
    assert (await work.files.stat_file("a")).is_directory


@pytest.mark.parametrize("verb", ["copy_file", "move_file"])
async def test_a_path_in_a_tree_grows_up_to_the_longest_and_no_further(work, snapshot, verb):
    below = f"/{'é' * 100}" * 20  # 4020 bytes
    await work.files.write_file(f"d{below}", "x")
    before = await snapshot()
    with pytest.raises(errors.InvalidPathError, match="4096"):
        await getattr(work.files, verb)("d", "new/" + "é" * 36)
    assert await snapshot() == before
    longest = "/new/" + "é" * 35 + "x"
    await getattr(work.files, verb)("d", longest)
    assert len(f"{longest}{below}".encode()) == 4096
    assert (await work.files.read_file(longest + below)).content == "x"


async def test_a_copy_gets_its_own_identity(work):
    before = await work.files.write_file("a", "x")
    copied = await work.files.copy_file("a", "new/b")
    after = await work.files.read_file("new/b")
    assert copied == after.info()
    assert after.id != before.id
    assert after.created_at >= before.created_at
    assert after.content == "x"
    assert await work.files.read_file("a") == before
    await work.files.write_file("a", "changed")
    assert (await work.files.read_file("new/b")).content == "x"


TREE = {"/t/a": "1", "/t/b/c": "2", "/t/b/d/e": "3", "/t/f": "4"}


async def plant(work):
    for path, content in TREE.items():
        await work.files.write_file(path, content)
    await work.files.create_directory("/t/empty")
    for beside in ("/tt/a", "/t-/a", "/t.txt", "/T/a"):
        await work.files.write_file(beside, "beside")


async def contents(work, top):
    infos = await work.files.glob_files(f"{top}/**")
    return {info.path.removeprefix(top): (await work.files.read_file(info.path)).content for info in infos}


async def test_a_tree_moves_whole(work):
    await plant(work)
    before = {path: await work.files.stat_file(path) for path in (*TREE, "/t", "/t/b", "/t/b/d", "/t/empty")}
    moved = await work.files.move_file("/t", "/x/y")
    assert (moved.path, moved.is_directory, moved.id) == ("/x/y", True, before["/t"].id)
    for path, old in before.items():
        new = await work.files.stat_file("/x/y" + path.removeprefix("/t"))
        assert (new.id, new.created_at, new.is_directory) == (old.id, old.created_at, old.is_directory)
        assert new.revision != old.revision
        assert await work.files.stat_file(path) is None
    assert await contents(work, "/x/y") == {
        path.removeprefix("/t"): content for path, content in TREE.items()
    }
    assert [info.path for info in await work.files.list_directory()] == ["/T", "/t-", "/t.txt", "/tt", "/x"]


async def test_a_tree_is_copied_whole(work):
    await plant(work)
    copied = await work.files.copy_file("/t", "/x/y")
    assert (copied.path, copied.is_directory) == ("/x/y", True)
    assert await contents(work, "/x/y") == await contents(work, "/t")
    assert (await work.files.stat_file("/x/y/empty")).is_directory
    places = (*TREE, "/t", "/t/b", "/t/b/d", "/t/empty")
    old = [(await work.files.stat_file(path)).id for path in places]
    new = [(await work.files.stat_file("/x/y" + path.removeprefix("/t"))).id for path in places]
    assert len({*old, *new}) == 2 * len(places)


@pytest.mark.parametrize("verb", ["copy_file", "move_file"])
async def test_a_transfer_replaces_nothing_unless_told(verb, furnished, refused):
    transfer = getattr(furnished.files, verb)
    await furnished.files.write_file("other.txt", "other")
    await furnished.files.write_file("tree/a", "x")
    for source, destination, overwrite in [
        ("other.txt", "kept.txt", False),
        ("tree", "kept.txt", False), ("tree", "kept.txt", True),
        ("tree", "empty", False), ("tree", "empty", True),
        ("tree", "kept", False), ("tree", "kept", True),
    ]:  # fmt: skip
        error = await refused(
            errors.PathExistsError, transfer(source, destination, overwrite=overwrite), (source, destination)
        )
        assert error.path == "/" + destination


@pytest.mark.parametrize("verb", ["copy_file", "move_file"])
async def test_a_file_replaces_a_file_when_told(verb, work):
    old = await work.files.write_file("new", "new")
    gone = await work.files.write_file("a/place", "old and longer")
    answer = await getattr(work.files, verb)("new", "a/place", overwrite=True)
    found = await work.files.read_file("a/place")
    assert found.info() == answer
    assert (found.content, found.size_bytes) == ("new", 3)
    assert found.revision not in {gone.revision, old.revision}
    assert found.id != gone.id
    assert (found.id == old.id) == (verb == "move_file")
    assert (await work.files.stat_file("new") is None) == (verb == "move_file")
    assert [info.path for info in await work.files.list_directory("a")] == ["/a/place"]


@pytest.mark.parametrize("verb", ["copy_file", "move_file"])
async def test_a_transfer_into_itself_is_refused(verb, furnished, refused):
    transfer = getattr(furnished.files, verb)
    for source, destination in [
        *(("kept", "kept"), ("kept", "kept/"), ("kept", "kept/below"), ("kept", "/workspace/kept/x/y")),
        *(("/", "x"), ("/", "/"), ("/", "kept"), ("kept.txt", "kept.txt"), ("missing", "missing/x")),
    ]:
        error = await refused(errors.InvalidPathError, transfer(source, destination), (source, destination))
        assert error.path == "/" + destination.removeprefix("/workspace").strip("/")
        await refused(errors.InvalidPathError, transfer(source, destination, overwrite=True))


@pytest.mark.parametrize("verb", ["copy_file", "move_file"])
async def test_a_transfer_needs_its_source(verb, furnished, refused):
    for source in ("missing", "kept.txt/x", "kep", "kept/missing"):
        error = await refused(errors.PathNotFoundError, getattr(furnished.files, verb)(source, "x"), source)
        assert error.path == "/" + source


@pytest.mark.parametrize("verb", ["copy_file", "move_file"])
async def test_a_neighbour_with_the_same_beginning_is_no_part_of_it(verb, work):
    await work.files.write_file("a/x", "x")
    answer = await getattr(work.files, verb)("a", "ab")
    assert answer.path == "/ab"
    assert (await work.files.read_file("ab/x")).content == "x"
    assert (await getattr(work.files, verb)("ab/x", "ab/x.y")).path == "/ab/x.y"


async def test_a_child_moves_over_nothing_but_out_of_its_parent(work, refused):
    await work.files.write_file("a/b/c", "x")
    await refused(errors.PathIsDirectoryError, work.files.move_file("a/b/c", "a/b"))
    await refused(errors.PathExistsError, work.files.move_file("a/b", "a"))
    assert (await work.files.move_file("a/b/c", "a/c")).path == "/a/c"


# §4.6
async def test_a_value_is_set_only_over_the_revision_given(work, refused):
    await work.storage.set_value("a", "1")
    first = (await work.storage.stat_value("a")).revision
    second = (await work.storage.set_value("a", "2", if_revision=first)).revision
    assert second == (await work.storage.stat_value("a")).revision
    for revision in (first, "", "0", second + "0"):
        error = await refused(
            errors.RevisionConflictError, work.storage.set_value("a", "3", if_revision=revision)
        )
        assert error.current_revision == second
    await work.storage.delete_value("a")
    error = await refused(errors.RevisionConflictError, work.storage.set_value("a", "3", if_revision=second))
    assert error.current_revision is None


async def test_a_value_is_set_only_where_none_is(work, refused):
    await work.storage.set_value("a", "", if_absent=True)
    error = await refused(errors.RevisionConflictError, work.storage.set_value("a", "2", if_absent=True))
    assert error.current_revision == (await work.storage.stat_value("a")).revision
    await work.storage.delete_value("a")
    await work.storage.set_value("a", "2", if_absent=True)
    assert await work.storage.get_value("a") == "2"


async def test_one_of_many_sets_the_value(work):
    assert len(await wins([work.storage.set_value("a", f"{n}", if_absent=True) for n in range(20)])) == 1
    revision = (await work.storage.stat_value("a")).revision
    assert (
        len(await wins([work.storage.set_value("a", f"{n}", if_revision=revision) for n in range(20)])) == 1
    )


async def test_an_integer_is_counted_as_decimal_text(work):
    assert await work.storage.increment_value("n") == 1
    assert await work.storage.get_value("n") == "1"
    assert await work.storage.increment_value("n", 41) == 42
    assert await work.storage.increment_value("n", -50) == -8
    assert await work.storage.get_value("n") == "-8"
    assert await work.storage.increment_value("n", 0) == -8
    assert await work.storage.increment_value("zero", 0) == 0
    assert await work.storage.get_value("zero") == "0"
    await work.storage.set_value("set", "99")
    assert await work.storage.increment_value("set") == 100


async def test_a_counter_keeps_its_creation(work):
    await work.storage.set_value("n", "1")
    before = await work.storage.stat_value("n")
    await work.storage.increment_value("n")
    after = await work.storage.stat_value("n")
    assert after.created_at == before.created_at
    assert after.updated_at >= before.updated_at
    assert after.revision != before.revision


async def test_counting_goes_to_the_ends_of_64_bits_and_no_further(work, refused):
    most, least = 2**63 - 1, -(2**63)
    assert await work.storage.increment_value("n", most) == most
    await refused(errors.InvalidContentError, work.storage.increment_value("n"))
    assert await work.storage.increment_value("m", least) == least
    await refused(errors.InvalidContentError, work.storage.increment_value("m", -1))
    for amount in (most + 1, least - 1, 10**30, -(10**30)):
        await refused(errors.InvalidContentError, work.storage.increment_value("new", amount), amount)
    assert await work.storage.increment_value("n", least) == -1


async def test_what_is_no_integer_is_not_counted_and_stays(work, refused):
    for text in (
        "",
        " ",
        "x",
        "1.0",
        "1e3",
        " 1",
        "1 ",
        "1\n",
        "+1",
        "--1",
        "0x1",
        "1_000",
        "٣",
        "-",
        "9" * 30,
        "nan",
    ):
        await work.storage.set_value("n", text)
        error = await refused(errors.InvalidContentError, work.storage.increment_value("n"), text)
        assert error.code == "invalid_content"
    for amount in (None, "1", 1.0, True):
        await refused(errors.InvalidArgumentError, work.storage.increment_value("n", amount), amount)


async def test_a_counter_is_exact_under_many_writers(work):
    answers = await asyncio.gather(*(work.storage.increment_value("n", amount) for amount in [1, 2, -1] * 40))
    assert await work.storage.get_value("n") == "80"
    assert await work.storage.increment_value("n") == 81
    totals = await asyncio.gather(*(work.storage.increment_value("m") for _ in range(100)))
    assert sorted(totals) == list(range(1, 101))
    assert len(answers) == 120
