"""A refusal has the same words and facts, whichever backend it comes from."""

from __future__ import annotations

from functools import partial

import pytest

from everstore import InitialFile, errors


@pytest.fixture
async def files(work):
    """A file, a binary, a read-only file and directories to be in the way."""
    files = work.files
    await files.write_file("file", "aXbXc")
    await files.write_file("binary", "AAE=", "base64")
    await files.write_file("d/e/f", "x")
    for name in ("rules", "t/d", "t/b/c"):
        await files.seed_initial_file(InitialFile(name, "x", is_readonly=True))
    return files


def calls(files):
    """What must be refused, with the error and the words for it."""
    exists, missing, a_directory = (
        errors.PathExistsError,
        errors.PathNotFoundError,
        errors.PathIsDirectoryError,
    )
    readonly, through, content = (
        errors.ReadOnlyFileError,
        errors.ParentNotDirectoryError,
        errors.InvalidContentError,
    )
    edit = errors.EditError
    is_there, is_readonly = "a directory is there: '/d'", "file is read-only: '/rules'"
    replace = files.write_file_if_content_matches
    below = "'/file' is a file, so nothing can be below it: '/file/x'"
    is_taken = "something is already there"
    more = "give more of the text around it, or pass replace_all=True"
    return [
        (partial(files.write_file, "d", "x"), a_directory, is_there),
        (partial(files.append_file, "d", "x"), a_directory, is_there),
        (partial(files.append_file, "d", "AAE=", "base64"), a_directory, is_there),
        (partial(files.edit_file, "d", "x", "y"), a_directory, is_there),
        (partial(files.edit_file, "d", "\0", "y"), a_directory, is_there),
        (partial(files.seed_initial_file, InitialFile("d", "x")), a_directory, is_there),
        (partial(files.copy_file, "file", "d"), a_directory, is_there),
        (partial(files.move_file, "file", "d", overwrite=True), a_directory, is_there),
        (partial(files.write_file, "rules", "x"), readonly, is_readonly),
        (partial(files.append_file, "rules", "x"), readonly, is_readonly),
        (partial(files.edit_file, "rules", "x", "y"), readonly, is_readonly),
        (
            partial(replace, "rules", "x", "text", "y", "text"),
            readonly,
            is_readonly,
        ),
        (partial(files.move_file, "rules", "new"), readonly, is_readonly),
        (partial(files.copy_file, "file", "rules", overwrite=True), readonly, is_readonly),
        (partial(files.move_file, "t", "new"), readonly, "file is read-only: '/t/b/c'"),
        (partial(files.write_file, "file/x", "x"), through, below),
        (partial(files.append_file, "file/x", "x"), through, below),
        (partial(files.edit_file, "file/x", "x", "y"), through, below),
        (partial(files.create_directory, "file/x"), through, below),
        (partial(files.seed_initial_file, InitialFile("file/x", "x")), through, below),
        (partial(files.copy_file, "binary", "file/x"), through, below),
        (partial(files.move_file, "d", "file/x"), through, below),
        (partial(files.create_directory, "file"), exists, f"{is_taken}: '/file'"),
        (partial(files.copy_file, "file", "binary"), exists, f"{is_taken}: '/binary'"),
        (
            partial(files.move_file, "d", "file", overwrite=True),
            exists,
            "something is already there: '/file'",
        ),
        (partial(files.edit_file, "no", "x", "y"), missing, "no such file or directory: '/no'"),
        (partial(files.edit_file, "no", "\0", "y"), missing, "no such file or directory: '/no'"),
        (partial(files.copy_file, "no", "new"), missing, "no such file or directory: '/no'"),
        (partial(files.move_file, "no", "new"), missing, "no such file or directory: '/no'"),
        (
            partial(files.edit_file, "binary", "x", "y"),
            content,
            "'/binary' is not a text file: it is stored as base64",
        ),
        (
            partial(files.append_file, "binary", "x"),
            content,
            "'/binary' is stored as base64; text cannot be appended to it",
        ),
        (
            partial(files.append_file, "file", "AAE=", "base64"),
            content,
            "'/file' is stored as text; base64 cannot be appended to it",
        ),
        (
            partial(files.edit_file, "file", "Y", "y"),
            errors.EditError,
            "the text to replace is not in '/file'",
        ),
        (
            partial(files.edit_file, "file", "X", "y"),
            edit,
            f"the text to replace is more than once in '/file', at line 1; {more}",
        ),
    ]


async def test_a_refusal_has_the_same_words_on_every_backend(files, refused):
    for call, kind, words in calls(files):
        error = await refused(kind, call(), words)
        assert str(error) == words
        if not isinstance(error, errors.InvalidContentError):
            assert repr(error.path) in words


async def test_values_and_conditions_are_refused_in_the_same_words(work, refused):
    await work.files.write_file("a", "x")
    await work.storage.set_value("k", "text")
    await work.storage.set_value("n", f"{2**63 - 1}")
    file, value = await work.files.stat_file("a"), await work.storage.stat_value("k")
    conflict = errors.RevisionConflictError
    found = f"found revision {file.revision!r}"
    for kind, words, call in [
        (conflict, f"'/a' changed meanwhile: expected nothing there, {found}",
         partial(work.files.write_file, "a", "y", if_absent=True)),
        (conflict, f"'/a' changed meanwhile: expected revision 'no' there, {found}",
         partial(work.files.write_file, "a", "y", if_revision="no")),
        (conflict, "'/b' changed meanwhile: expected revision '1f' there, found nothing",
         partial(work.files.write_file, "b", "y", if_revision="1f")),
        (conflict, f"'k' changed meanwhile: expected nothing there, found revision {value.revision!r}",
         partial(work.storage.set_value, "k", "y", if_absent=True)),
        (errors.InvalidContentError,
         "the value is not an integer in decimal digits, so it cannot be incremented",
         partial(work.storage.increment_value, "k")),
        (errors.InvalidContentError, "the sum would not fit into 64 bits; the value stays as it was",
         partial(work.storage.increment_value, "n")),
    ]:  # fmt: skip
        error = await refused(kind, call(), words)
        assert words in str(error)


async def test_the_path_that_would_be_too_long_is_the_longest_and_of_those_the_first(work, refused):
    deep = "/".join("d" * 200 for _ in range(19))
    for name in ("b" * 30, "c" * 30, "a" * 29):
        await work.files.write_file(f"t/{deep}/{name}", "x")
    longer = "u" * 255
    for verb in (work.files.copy_file, work.files.move_file):
        error = await refused(errors.InvalidPathError, verb("t", f"{longer}/{longer}"))
        assert error.path == f"/{longer}/{longer}/{deep}/{'b' * 30}"
