"""Archives that are damaged, cut off, or made to do harm: a typed error, and nothing is left of them."""

from __future__ import annotations

import io
import json
import random
import tarfile
from hashlib import sha256

import pytest

import everstore
from everstore import errors
from everstore.transfer import import_session

SESSION = "0190d6c2-4c5d-7a6b-8c7d-0123456789ab"
MANIFEST = {
    "format": "everstore session",
    "version": 1,
    "everstore": "0.1.0",
    "session": SESSION,
    "record": {"title": "t", "labels": {}, "parent": None, "created_ns": 1, "updated_ns": 1},
    "holds": {"files": 1, "directories": 0, "bytes": 3},
    "secrets": False,
}


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, **extended: str) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.pax_headers = kind, len(data), extended
    return info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % 512)


def text(path: str, data: bytes = b"abc") -> bytes:
    return member(f"files/{path}", data, comment='{"encoding":"text"}')


def lines(name: str, *told: object) -> bytes:
    times = {"expires_ns": None, "created_ns": 1, "updated_ns": 1}
    return member(name, b"".join(json.dumps(times | each).encode() + b"\n" for each in told))


def archive(*members: bytes, end: bytes = bytes(1024), **manifest: object) -> bytes:
    """An archive whose digest is right, and whose counts are those of one file of three bytes, by default."""
    told = {**MANIFEST, **manifest}
    data = member("manifest.json", json.dumps(told).encode()) + b"".join(members)
    holds = {**told["holds"], "values": 0, "secrets": 0, **manifest.get("more", {})}
    ending = {"bytes": len(data), "sha256": sha256(data).hexdigest(), "holds": holds}
    return data + member("end.json", json.dumps(ending).encode()) + end


@pytest.fixture
async def store():
    async with everstore.open_store(limits={"session_entries": 100}) as opened:
        yield opened


GOOD = archive(text("a.txt"))
NOTHING = {"files": 0, "directories": 0, "bytes": 0}
LONG = member("files/x", comment="x" * 70_000)


async def refusal(store, data: bytes) -> errors.EverstoreError:
    """The error of an import that must fail and leave nothing, and that an import may follow."""
    with pytest.raises(errors.EverstoreError) as caught:
        await import_session(store, io.BytesIO(data))
    assert await store.session_ids() == []
    assert "\n" not in str(caught.value)
    return caught.value


async def test_the_archive_that_others_are_made_of_is_good(store):
    done = await import_session(store, io.BytesIO(GOOD))
    assert str(done.session_id) == SESSION
    assert await store.session(done.session_id).files.read_bytes("a.txt") == b"abc"


async def test_zeros_behind_the_end_fill_a_block(store):
    assert str((await import_session(store, io.BytesIO(GOOD + bytes(512 << 10)))).session_id) == SESSION


HOSTILE = {
    "nothing": b"",
    "two of them": GOOD + GOOD,
    "something far behind the end": GOOD + bytes(100_000) + b"x",
    "zeros without an end": GOOD + bytes(3 << 20),
    "no tar": b"x" * 2000,
    "zeros": bytes(10_240),
    "a manifest that is not first": member("files/a.txt", b"abc") + GOOD,
    "a later format": archive(text("a.txt"), version=2, more_to_come=True),
    "another format": archive(text("a.txt"), format="else"),
    "a manifest that is no JSON": member("manifest.json", b"{") + GOOD,
    "a manifest that is nested deeply": member("manifest.json", b"[" * 100_000) + GOOD,
    "a manifest that is huge": member("manifest.json", b" " * (2 << 20)) + GOOD,
    "a manifest without a session": archive(text("a.txt"), session="?"),
    "a record that is none": archive(text("a.txt"), record={"title": 5}),
    "a path to above": archive(text("../a.txt")),
    "a path to above, in the middle": archive(text("b/../../a.txt")),
    "an absolute path": archive(text("/etc/passwd")),
    "a path with an empty segment": archive(text("b//a.txt")),
    "a path with a dot": archive(text("./a.txt")),
    "the root": archive(member("files/", kind=tarfile.DIRTYPE)),
    "a path with a control character": archive(text("a\n.txt")),
    "a path that is too long": archive(text("x" * 300)),
    "a member of another name": archive(member("else.txt", b"abc")),
    "a member outside": archive(member("../files/a.txt", b"abc")),
    "a file twice": archive(
        text("a.txt"), text("a.txt"), holds={**MANIFEST["holds"], "files": 2, "bytes": 6}
    ),
    "files out of order": archive(text("b.txt"), text("a.txt")),
    "files behind values": archive(lines("values/1", {"key": "k", "value": "v"}), text("a.txt")),
    "a file below a file": archive(text("a"), text("a/b")),
    "a file below nothing": archive(text("a/b")),
    "a symbolic link": archive(member("files/a.txt", kind=tarfile.SYMTYPE)),
    "a hard link": archive(member("files/a.txt", kind=tarfile.LNKTYPE)),
    "a device": archive(member("files/a.txt", kind=tarfile.CHRTYPE)),
    "a pipe": archive(member("files/a.txt", kind=tarfile.FIFOTYPE)),
    "a sparse file": archive(member("files/a.txt", b"abc", **{"GNU.sparse.major": "1"})),
    "an older sparse file": archive(member("files/a.txt", b"abc", kind=tarfile.GNUTYPE_SPARSE)),
    "headers for all": archive(member("files/a.txt", b"12 path=ab\n\n", kind=tarfile.XGLTYPE)),
    "an extended header that is huge": archive(LONG),
    "an extended header that lies": archive(member("x", b"99 path=a\n", kind=tarfile.XHDTYPE), text("a.txt")),
    "an extended header without numbers": archive(
        member("x", b"path=a", kind=tarfile.XHDTYPE), text("a.txt")
    ),
    "an extended header of nothing": archive(member("x", b"0 a=b\n", kind=tarfile.XHDTYPE), text("a.txt")),
    "an extended header at the end": member("manifest.json", json.dumps(MANIFEST).encode())
    + member("x", b"7 a=bc\n", kind=tarfile.XHDTYPE)
    + bytes(1024),
    "an extended header that is no UTF-8": archive(member("x", b"7 a=\xff\xff\n", kind=tarfile.XHDTYPE)),
    "a size that is no number": archive(member("files/a.txt", b"abc", size="-3")),
    "a size beyond all": archive(member("files/a.txt", b"abc", size="9" * 18)),
    "a directory with bytes": archive(member("files/a", b"abc", kind=tarfile.DIRTYPE)),
    "text that is none": archive(text("a.txt", b"\xff\xfea")),
    "an encoding that is none": archive(member("files/a.txt", b"abc", comment='{"encoding":"utf-16"}')),
    "a comment that is none": archive(member("files/a.txt", b"abc", comment="{")),
    "too many files": archive(
        *(text(f"{number:04}", b"") for number in range(200)),
        holds={"files": 200, "directories": 0, "bytes": 0},
    ),
    "a value that is none": archive(lines("values/1", {"key": "k"}), holds=NOTHING),
    "a value without an end": archive(member("values/1", b'{"key":"k","value":"v"}'), holds=NOTHING),
    "a key twice": archive(lines("values/1", *[{"key": "k", "value": "v"}] * 2), holds=NOTHING),
    "a key that is none": archive(
        lines("values/1", {"key": "", "value": "v"}), holds=NOTHING, more={"values": 1}
    ),
    **{
        f"an end of {folder} that is no time, {name}": archive(
            lines(f"{folder}/1", {**line, "expires_ns": end}), holds=NOTHING, secrets=True, more={folder: 1}
        )
        for name, end in (("far", 10**400), ("farther than 64 bits", 1 << 64), ("before all", -1))
        for folder, line in (
            ("values", {"key": "k", "value": "v"}),
            ("secrets", {"name": "n", "sealed": "s"}),
        )
    },
    "the mark of what is not whole": archive(
        lines("values/1", {"key": "everstore.transfer", "value": "v"}), holds=NOTHING, more={"values": 1}
    ),
    "labels that are none": archive(text("a.txt"), record={**MANIFEST["record"], "labels": {"": "x"}}),
    "a time that is none": archive(text("a.txt"), record={**MANIFEST["record"], "created_ns": 1 << 63}),
    "an id of a checkpoint": archive(text("a.txt"), session="0190d6c2-4c5d-8ec0-ba5e-000000000000"),
    "a lone surrogate": archive(member("values/1", b'{"key":"k","value":"\\ud800"}\n'), holds=NOTHING),
    "values in a directory": archive(member("values/1", kind=tarfile.DIRTYPE), holds=NOTHING),
    "secrets that are not told": archive(
        lines("secrets/1", {"name": "n", "sealed": "s"}), holds=NOTHING, more={"secrets": 1}
    ),
    "fewer files than told": archive(holds=MANIFEST["holds"]),
    "more files than told": archive(text("a.txt"), holds=NOTHING),
    "values that are not counted": archive(lines("values/1", {"key": "k", "value": "v"}), holds=NOTHING),
    "no end": member("manifest.json", json.dumps(MANIFEST).encode()) + text("a.txt") + bytes(1024),
    "more behind the end": archive(text("a.txt"), end=text("b.txt") + bytes(1024)),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_is_no_archive_is_refused_and_leaves_nothing(store, name):
    error = await refusal(store, HOSTILE[name])
    expected = {
        "a path that is too long": errors.InvalidPathError,
        "a path with a control character": errors.InvalidPathError,
        "a path to above": errors.InvalidPathError,
        "a path to above, in the middle": errors.InvalidPathError,
        "text that is none": errors.InvalidContentError,
        "too many files": errors.QuotaExceededError,
        "a key that is none": errors.InvalidKeyError,
        "labels that are none": errors.InvalidKeyError,
        "a time that is none": errors.InvalidContentError,
        "an id of a checkpoint": errors.InvalidArgumentError,
    }
    assert type(error) is expected.get(name, errors.InvalidArchiveError), error
    await import_session(store, io.BytesIO(GOOD))


async def test_a_header_of_a_negative_size_is_refused(store):
    info = tarfile.TarInfo("files/a.txt")
    block = bytearray(info.tobuf(tarfile.PAX_FORMAT))
    block[124:136] = b"\xff" * 12  # -1 in base 256
    block[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(block))[0]
    error = await refusal(store, archive(bytes(block)))
    assert type(error) is errors.InvalidArchiveError


async def test_an_archive_that_is_cut_anywhere_is_refused(store):
    chance = random.Random(1)
    sizes = {*range(0, len(GOOD), 512), *(chance.randrange(len(GOOD)) for _ in range(40))}
    for size in sizes:
        error = await refusal(store, GOOD[:size])
        assert type(error) is errors.InvalidArchiveError


async def test_a_byte_that_is_damaged_anywhere_is_refused_or_changes_nothing(store):
    chance = random.Random(2)
    last = GOOD.index(b"end.json")
    for _ in range(150):
        place = chance.randrange(last)
        data = bytearray(GOOD)
        data[place] ^= 1 << chance.randrange(8)
        await refusal(store, bytes(data))


async def test_what_reads_short_is_read_on(store):
    class Dripping(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 700))

    done = await import_session(store, Dripping(GOOD))
    assert done.counts.files == 1


async def test_a_comment_is_not_needed(store):
    data = archive(member("files/a.txt", b"abc"))
    done = await import_session(store, io.BytesIO(data))
    file = await store.session(done.session_id).files.read_file("a.txt")
    assert (file.data, file.encoding, file.is_readonly) == (b"abc", "base64", False)


@pytest.mark.parametrize("told", ["?", "1.", "1.25", "12345678901234567890", "-1"])
async def test_a_time_that_is_none_matters_to_nobody(store, told):
    await import_session(store, io.BytesIO(archive(member("files/a.txt", b"abc", mtime=told))))
