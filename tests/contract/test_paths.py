"""Contract §2: paths, through every verb that takes one."""

from __future__ import annotations

import unicodedata

import pytest

from everstore import InitialFile, errors

SPELLINGS = {
    "notes.txt": "/notes.txt",
    "/notes.txt": "/notes.txt",
    "/workspace/notes.txt": "/notes.txt",
    "//workspace//notes.txt": "/notes.txt",
    "a//b": "/a/b",
    "a/./b": "/a/b",
    "./a/b": "/a/b",
    "a/b/": "/a/b",
    "a/b/.": "/a/b",
    "///a///b///": "/a/b",
    "/workspaces/x": "/workspaces/x",
    "/Workspace/x": "/Workspace/x",
    "a/workspace/x": "/a/workspace/x",
    "...": "/...",
    "..a/b..": "/..a/b..",
    "a\\b": "/a\\b",
    "~/x": "/~/x",
    "$HOME": "/$HOME",
    "%2e%2e/x": "/%2e%2e/x",
    "*?[x]{y}": "/*?[x]{y}",
    "a b": "/a b",
    " ": "/ ",
    "C:": "/C:",
    "x\x7f\x80\u2028": "/x\x7f\x80\u2028",
    "x" * 255: "/" + "x" * 255,
    "é" * 127 + "x": "/" + "é" * 127 + "x",
    "/".join(["y" * 255] * 16): "/" + "/".join(["y" * 255] * 16),  # 4096 bytes
}
ROOTS = ["", "/", "//", ".", "/.", "./", "/workspace", "/workspace/", "/workspace/.", "//workspace"]
REFUSED = [
    "..", "/..", "../x", "a/..", "a/../b", "/workspace/..", "a/b/../../..", "..//",
    "\0", "a\0b", "a/\0", "\ud800", "a/\udfff", "\udc80",
    *(f"a{chr(code)}b" for code in range(1, 32)),
    "x" * 256, "a/" + "x" * 256 + "/b", "é" * 128, "\U0001f600" * 64,
    "/".join(["y" * 255] * 15 + ["y" * 253, "yy"]), "/".join(["é" * 100] * 21), "a/" * 2049,
    "/workspace/workspace", "/workspace/workspace/x", "workspace", "workspace/x", "./workspace/x",
    "//workspace//workspace",
    None, 1, b"a", ["a"], object(),
]  # fmt: skip

VERBS = {
    "read_file": lambda files, path: files.read_file(path),
    "write_file": lambda files, path: files.write_file(path, "x"),
    "write_file_if_content_matches": lambda files, path: files.write_file_if_content_matches(
        path, "x", "text", "y", "text"
    ),
    "create_directory": lambda files, path: files.create_directory(path),
    "list_directory": lambda files, path: files.list_directory(path),
    "stat_file": lambda files, path: files.stat_file(path),
    "delete_file": lambda files, path: files.delete_file(path, recursive=True),
    "seed_initial_file": lambda files, path: files.seed_initial_file(InitialFile(path, "x")),
    "edit_file": lambda files, path: files.edit_file(path, "x", "y"),
    "append_file": lambda files, path: files.append_file(path, "x"),
    "copy_file from": lambda files, path: files.copy_file(path, "copied"),
    "copy_file to": lambda files, path: files.copy_file("kept.txt", path),
    "move_file from": lambda files, path: files.move_file(path, "moved"),
    "move_file to": lambda files, path: files.move_file("kept.txt", path),
    "read_lines": lambda files, path: files.read_lines(path),
}


@pytest.fixture(params=VERBS.values(), ids=VERBS)
def verb(request):
    """Each verb that takes a path in turn."""
    return request.param


# §2.1, §2.2
async def test_every_spelling_names_the_canonical_path(work):
    for spelling, canonical in SPELLINGS.items():
        file = await work.files.write_file(spelling, spelling)
        assert file.path == canonical
        assert (await work.files.read_file(canonical)).content == spelling
        assert (await work.files.read_file(spelling)).path == canonical
        assert (await work.files.stat_file("/workspace" + canonical)).path == canonical
        await work.files.delete_file(canonical)


async def test_every_verb_takes_every_spelling(work, verb, snapshot):
    """What the spelling changes cannot be told from what the canonical path changes."""

    async def outcome(path):
        await work.files.write_file("kept.txt", "kept")
        await work.files.write_file("/a/b", "x")
        try:
            answer = await verb(work.files, path)
        except errors.EverstoreError as error:
            answer = type(error), error.facts
        seen = await snapshot()
        for info in await work.files.list_directory():
            await work.files.delete_file(info.path, recursive=True)
        return getattr(answer, "path", type(answer)), sorted(str(key) for key in seen)

    for spelling in ("a/b", "/a/b", "/workspace/a/b", "a//b/", "./a/./b"):
        assert await outcome(spelling) == await outcome("/a/b"), spelling
    for spelling in ("new/c", "/workspace/new//c/"):
        assert await outcome(spelling) == await outcome("/new/c"), spelling
    for spelling in ROOTS:
        assert await outcome(spelling) == await outcome("/"), spelling


# §2.3
async def test_what_is_no_path_is_refused_by_every_verb_and_nothing_is_written(verb, furnished, refused):
    for path in REFUSED:
        error = await refused(errors.InvalidPathError, verb(furnished.files, path), path)
        assert error.code == "invalid_path"
        assert error.path == (path if isinstance(path, str) else errors.shown(path))
        assert isinstance(error, ValueError)
        assert len(str(error)) < 300


# §2.4
async def test_paths_are_compared_byte_for_byte(work):
    names = [
        "a",
        "A",
        "ä",
        "Ä",
        "ss",
        "ß",
        "ﬁ",
        "fi",
        "a ",
        " a",
        "a.",
        "a%",
        "a_",
        "a'",
        'a"',
        "a\\",
        "%61",
        "a;b",
    ]
    names += [unicodedata.normalize(form, "é") for form in ("NFC", "NFD")]
    names += ["\u212b", "\u00c5", "A\u030a", "\u0130", "i", "I", "\u0131"]
    assert len(set(names)) == len(names)
    for number, name in enumerate(names):
        await work.files.write_file(name, str(number))
    for number, name in enumerate(names):
        assert (await work.files.read_file(name)).content == str(number)
    listed = [info.path for info in await work.files.list_directory()]
    assert listed == sorted("/" + name for name in names)
    for name in names:
        assert await work.files.delete_file(name) is True
        listed.remove("/" + name)
        assert [info.path for info in await work.files.list_directory()] == listed
