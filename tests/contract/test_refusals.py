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
            f"the text to replace is in '/file' more than once; {more}",
        ),
    ]


async def test_a_refusal_has_the_same_words_on_every_backend(files, refused):
    for call, kind, words in calls(files):
        error = await refused(kind, call(), words)
        assert str(error) == words
        if not isinstance(error, errors.InvalidContentError):
            assert repr(error.path) in words
