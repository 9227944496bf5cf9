"""Out of a store and into another: nothing is lost, and nothing is made up."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import everstore
from everstore import InitialFile, Session, clock, errors, new_session_id
from everstore.arguments import LATEST_NS
from everstore.changes import FileTimes, SecretTimes, ValueTimes
from everstore.middleware.encryption import generate_key
from everstore.transfer import Counts, copy_session, export_session, import_session
from everstore.transfer.items import Secret
from everstore.transfer.writing import ArchiveWriter

LABELS = {"team": "blue", "user": "ü"}


@pytest.fixture
async def furnished(store, session_id, furnish) -> Session:
    record = Session(session_id, "a title", 5_000, 6_000, LABELS, new_session_id())
    await furnish(store, session_id)
    await store.sessions.add_session(record)
    return record


async def test_an_archive_brings_all_of_a_session_back(store, other, furnished, exported, contents_of):
    archive = await exported(store, furnished.id)
    done = await import_session(other, io.BytesIO(archive))
    assert await contents_of(other, furnished.id) == await contents_of(store, furnished.id)
    usage = await store.usage(furnished.id)
    told = Counts(files=usage.files, directories=usage.directories, bytes=usage.bytes, values=151)
    assert (done.session_id, done.counts, done.expired, done.sealed) == (furnished.id, told, 0, 0)
    again = await import_session(store, io.BytesIO(archive), session_id=new_session_id())
    made = await contents_of(store, again.session_id)
    kept = await contents_of(store, furnished.id)
    assert made.pop("record").labels == kept.pop("record").labels == LABELS
    assert made == kept


async def test_all_times_come_back(store, other, session_id, exported, contents_of):
    """Also long ones, of one kind where there are many, and of secrets; what is written next moves on."""
    work, old = store.session(session_id), 10**18
    await work.files.write_file("long.txt", "€" * 1_000_000)
    await work.files.create_directory("d/e")
    await asyncio.gather(*(work.files.write_file(f"many/{at}", "x") for at in range(600)))
    await work.files.seed_initial_file(InitialFile("fixed", "x", is_readonly=True))
    await work.storage.set_values(dict.fromkeys(map(str, range(600)), "x"))
    await work.storage.set_value("ends", "x", ttl=10_000)
    await work.storage.set_secret("token", "x")
    infos, keys = await work.files.list_tree(), await work.storage.list_keys()
    times = [FileTimes(info.path, old + at, old + 2 * at) for at, info in enumerate(infos)]
    await store.file_system.restore_times(session_id, times)
    of_keys = [ValueTimes(info.key, old + at, old + 2 * at) for at, info in enumerate(keys)]
    await store.storage.restore_times(session_id, [*of_keys, SecretTimes("token", 1, 2)])
    archive = await exported(store, session_id, secrets=(secrets := generate_key()))
    with clock.turned(1000):
        await import_session(other, io.BytesIO(archive), secrets=secrets)
        assert await contents_of(other, session_id) == await contents_of(store, session_id)
        before = await other.session(session_id).files.stat_file("long.txt")
        after = await other.session(session_id).files.append_file("long.txt", "x")
        assert (after.created_ns, after.updated_ns > before.updated_ns) == (before.created_ns, True)
        assert (await other.usage(session_id)).last_write_at == after.updated_at


async def test_what_is_written_to_after_the_latest_time_of_all_goes_on_travelling(store, other, exported):
    """A time that an archive may give is moved on by the next write, past what may be given."""
    session = Session(created_ns=LATEST_NS, updated_ns=LATEST_NS)
    await store.sessions.add_session(session)
    work, late = store.session(session.id), (LATEST_NS, LATEST_NS)
    await work.files.write_file("a", "x")
    await work.storage.set_value("k", "x")
    await work.storage.set_secret("s", "x")
    await store.file_system.restore_times(session.id, [FileTimes("a", *late)])
    await store.storage.restore_times(session.id, [ValueTimes("k", *late), SecretTimes("s", *late)])
    await store.sessions.update_session(session.id, title="later")
    await work.files.append_file("a", "y")
    await work.storage.set_value("k", "y")
    await work.storage.set_secret("s", "y")
    archive = await exported(store, session.id, secrets=(keys := generate_key()))
    for outcome in ("copied", "same"):
        assert (await copy_session(store, other, session.id, secrets=True)).outcome == outcome
    await other.delete_session(session.id)
    await import_session(other, io.BytesIO(archive), secrets=keys)
    assert (await copy_session(store, other, session.id, secrets=True)).outcome == "same"
    info = await other.session(session.id).files.stat_file("a")
    assert (info.created_ns, info.updated_ns) == late


async def test_secrets_with_other_times_are_no_copy(store, other, session_id):
    await store.storage.set_value(session_id, "k", "x")
    await store.storage.set_secret(session_id, "token", "x")
    await store.storage.restore_times(session_id, [SecretTimes("token", 5, 6)])
    for secrets, outcome in ((False, "copied"), (False, "same"), (True, "copied"), (True, "same")):
        assert (await copy_session(store, other, session_id, secrets=secrets)).outcome == outcome
    [info] = await other.storage.list_secrets(session_id)
    assert (info.created_ns, info.updated_ns) == (5, 6)
    await other.storage.restore_times(session_id, [SecretTimes("token", 1, 2)])
    with pytest.raises(errors.SessionNotEmptyError):
        await copy_session(store, other, session_id, secrets=True)


async def test_an_archive_of_the_same_is_the_same_and_leaves_nothing_behind(store, furnished, exported):
    first, second = await exported(store, furnished.id), await exported(store, furnished.id)
    assert first == second
    if store.sessions.capabilities.forks:
        assert await store.list_checkpoints(furnished.id) == []
        assert await store.session_ids() == [furnished.id]


async def test_other_programs_read_an_archive(store, furnished, exported):
    with tarfile.open(fileobj=io.BytesIO(await exported(store, furnished.id))) as archive:
        names = archive.getnames()
        manifest = json.load(archive.extractfile("manifest.json"))
        files = store.session(furnished.id).files
        for info in await files.list_tree():
            member = archive.getmember(f"files{info.path}")
            assert member.isdir() == info.is_directory
            assert member.mode & 0o200 == (0 if info.is_readonly else 0o200)
            assert abs(member.mtime * 1e9 - info.updated_ns) < 1e6
            if not info.is_directory:
                assert archive.extractfile(member).read() == await files.read_bytes(info.path)
        lines = archive.extractfile("values/000001.jsonl").read().splitlines()
    assert (names[0], names[-1]) == ("manifest.json", "end.json")
    assert (manifest["session"], manifest["record"]["labels"]) == (str(furnished.id), LABELS)
    assert [json.loads(line)["key"] for line in lines][:2] == ["ends", "key 0"]


async def test_a_session_without_a_record_has_none_afterwards(store, other, session_id, exported):
    await store.session(session_id).files.write_file("a.txt", "a")
    await import_session(other, io.BytesIO(await exported(store, session_id)))
    assert await other.sessions.get_session(session_id) is None
    assert await other.session(session_id).files.read_bytes("a.txt") == b"a"
    assert (await other.usage(session_id)).values == 0


async def test_values_take_several_members(store, other, session_id, exported, contents_of):
    await store.storage.set_values(session_id, {f"{number:03}": "x" * 20_000 for number in range(30)})
    await store.storage.set_value(session_id, "large", "x" * 600_000)
    archive = await exported(store, session_id)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        pages = [name for name in tar.getnames() if name.startswith("values/")]
    assert pages == [f"values/{number:06d}.jsonl" for number in range(1, 5)]
    await import_session(other, io.BytesIO(archive))
    assert await contents_of(other, session_id) == await contents_of(store, session_id)


async def test_a_value_that_no_archive_holds_is_named(store, session_id, exported, monkeypatch):
    monkeypatch.setattr("everstore.transfer.writing.MOST_LINE", 1000)
    await store.storage.set_value(session_id, "large", "x" * 1000)
    with pytest.raises(errors.InvalidContentError, match="'large' has more"):
        await exported(store, session_id)
    await store.storage.delete_value(session_id, "large")
    await store.storage.set_secret(session_id, "token", "x" * 1000)
    with pytest.raises(errors.InvalidContentError, match="'token' has more"):
        await exported(store, session_id, secrets=generate_key())


@pytest.mark.parametrize("change", ["set_secret", "delete_secret"])
async def test_secrets_that_change_under_way_are_told(store, session_id, exported, monkeypatch, change):
    await store.storage.set_secret(session_id, "token", "very secret")
    read = store.storage.get_secret

    async def get_secret(*args):
        more = ("another",) if change == "set_secret" else ()
        await getattr(store.storage, change)(*args, *more)
        return await read(*args)

    monkeypatch.setattr(store.storage, "get_secret", get_secret)
    with pytest.raises(errors.BackendUnavailableError, match="changed"):
        await exported(store, session_id, secrets=generate_key())


@pytest.mark.parametrize("verb", ["get_secret", "read_value"])
async def test_what_does_not_read_back_is_not_there(
    store, other, session_id, exported, is_clean, monkeypatch, verb
):
    await store.storage.set_secret(session_id, "token", "very secret")
    await store.storage.set_value(session_id, "ends", "text", ttl=1000)
    keys = generate_key()
    archive = await exported(store, session_id, secrets=keys)

    async def nothing(*_):
        return None

    monkeypatch.setattr(other.storage, verb, nothing)
    with pytest.raises(errors.DataDamagedError) as caught:
        await import_session(other, io.BytesIO(archive), secrets=keys)
    assert "secret 'token'" in str(caught.value) or "value 'ends'" in str(caught.value)
    monkeypatch.undo()
    assert await is_clean(other, session_id)


async def test_what_is_over_by_then_is_left_out(store, other, session_id, exported):
    await store.session(session_id).storage.set_value("short", "x", ttl=100)
    await store.session(session_id).storage.set_value("long", "x", ttl=10_000)
    before = await store.session(session_id).storage.stat_value("long")
    archive = await exported(store, session_id)
    with clock.turned(1000):
        done = await import_session(other, io.BytesIO(archive))
        [value] = await other.session(session_id).storage.read_values()
    assert (done.expired, done.counts.values, value.key) == (1, 1, "long")
    assert abs(value.expires_ns - before.expires_ns) < 600e9


async def test_secrets_come_on_demand_and_are_never_in_clear(store, other, session_id, exported):
    storage = store.session(session_id).storage
    await storage.set_secret("token", "very secret")
    await storage.set_secret("soon", "over", ttl=100)
    keys = generate_key("travel")
    without, archive = await exported(store, session_id), await exported(store, session_id, secrets=keys)
    assert b"token" not in without
    for form in (b"very secret", b64encode(b"very secret")):
        assert form not in archive
    done = await import_session(other, io.BytesIO(archive))
    assert (done.counts.secrets, done.sealed) == (0, 2)
    new = new_session_id()
    with clock.turned(1000):
        done = await import_session(other, io.BytesIO(archive), session_id=new, secrets=keys)
        assert (done.counts.secrets, done.sealed, done.expired) == (1, 0, 1)
        assert await other.storage.get_secret(new, "token") == "very secret"


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ("travel:" + b64encode(bytes(32)).decode(), errors.SecretDecryptionError),
        ("others:" + b64encode(bytes(32)).decode(), errors.SecretDecryptionError),
        ("nonsense", errors.SettingsError),
        (5, errors.InvalidArgumentError),
    ],
)
async def test_another_key_opens_nothing_and_leaves_nothing(
    store, other, session_id, exported, is_clean, keys, error
):
    await store.session(session_id).files.write_file("a.txt", "a")
    await store.session(session_id).storage.set_secret("token", "very secret")
    archive = await exported(store, session_id, secrets=generate_key("travel"))
    with pytest.raises(error) as caught:
        await import_session(other, io.BytesIO(archive), secrets=keys)
    assert "very secret" not in str(caught.value)
    assert await is_clean(other, session_id)


def test_a_secret_on_its_way_does_not_show():
    assert "very secret" not in repr(Secret("token", "very secret", None, 1, 1))


async def test_a_key_ring_seals_and_opens(store, other, session_id, exported):
    class Ring(everstore.KeyRing):
        async def current_id(self):
            return "ring"

        async def key(self, key_id):
            return bytes(32)

    await store.session(session_id).storage.set_secret("token", "very secret")
    archive = await exported(store, session_id, secrets=Ring())
    assert b".ring." in archive
    await import_session(other, io.BytesIO(archive), secrets=Ring())
    assert await other.storage.get_secret(session_id, "token") == "very secret"


async def test_what_is_not_there_is_not_exported(store, session_id, tmp_path):
    with pytest.raises(errors.SessionNotFoundError):
        await export_session(store, session_id, tmp_path / "none.tar")
    assert not (tmp_path / "none.tar").exists()


async def test_a_file_is_there_whole_and_replaces_none(store, other, furnished, tmp_path, exported):
    place = tmp_path / "session.tar"
    await export_session(store, furnished.id, place)
    assert place.read_bytes() == await exported(store, furnished.id)
    with pytest.raises(errors.PathExistsError):
        await export_session(store, furnished.id, place)
    seen = []
    await export_session(store, furnished.id, place, overwrite=True, progress=seen.append)
    usage = await store.usage(furnished.id)
    assert sum(seen) == usage.bytes
    assert [each.name for each in tmp_path.iterdir() if each.name.endswith(".part")] == []
    seen.clear()
    await import_session(other, str(place), progress=seen.append)
    assert sum(seen) == usage.bytes
    with pytest.raises(errors.InvalidArgumentError):
        await import_session(other, tmp_path / "missing.tar")


async def test_a_cancelled_export_leaves_neither_a_file_nor_a_checkpoint(store, furnished, tmp_path):
    def progress(_more):
        asyncio.current_task().cancel()

    place = tmp_path / "session.tar"
    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(export_session(store, furnished.id, place, progress=progress))
    assert [each.name for each in tmp_path.iterdir() if ".tar" in each.name] == []
    assert await store.session_ids() == [furnished.id]


async def test_a_file_that_cannot_be_written_is_told(store, furnished, tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        await export_session(store, furnished.id, Full())
    with monkeypatch.context() as patch:
        patch.setattr(ArchiveWriter, "_write", Full.write)
        with pytest.raises(errors.InvalidArgumentError, match="No space left"):
            await export_session(store, furnished.id, tmp_path / "session.tar")
    for place in (tmp_path / "no folder" / "session.tar", tmp_path):
        with pytest.raises(errors.InvalidArgumentError):
            await export_session(store, furnished.id, place)
    assert await store.session_ids() == [furnished.id]


async def test_a_file_that_cannot_be_read_is_told(store):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    with pytest.raises(errors.InvalidArchiveError, match="Input/output error"):
        await import_session(store, Broken())


async def test_a_checkpoint_is_exported_by_its_id(store, session_id, exported, contents_of):
    if not store.sessions.capabilities.forks:
        return
    await store.session(session_id).files.write_file("a.txt", "before")
    kept = await store.checkpoint(session_id, "as it was")
    await store.session(session_id).files.write_file("a.txt", "after")
    archive = await exported(store, kept.id)
    with pytest.raises(errors.InvalidArgumentError):
        await import_session(store, io.BytesIO(archive))
    done = await import_session(store, io.BytesIO(archive), session_id=new_session_id())
    held = await contents_of(store, done.session_id)
    assert (held["/a.txt"][0], held["record"].title, held["record"].parent) == (
        b"before",
        "as it was",
        session_id,
    )


NAMES = st.text("aé. -\U0001f600", min_size=1, max_size=4).filter(lambda name: name not in {".", ".."})
CONTENTS = st.text(max_size=40).filter(lambda text: text.isascii() or not _has_surrogate(text)).map(
    lambda text: (text, "text")
) | st.binary(max_size=40).map(lambda data: (b64encode(data).decode(), "base64"))


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


@given(
    st.dictionaries(st.tuples(NAMES, NAMES), st.tuples(CONTENTS, st.booleans()), max_size=8),
    st.lists(NAMES, max_size=2),
    st.dictionaries(NAMES, st.text("aé\0\n", max_size=9), max_size=5),
)
@settings(max_examples=15)
def test_whatever_a_session_holds_comes_back(contents_of, exported, files, directories, values):
    async def there_and_back():
        async with everstore.open_store() as store, everstore.open_store() as target:
            session = await store.create_session("any")
            for (folder, name), ((content, encoding), is_readonly) in files.items():
                file = InitialFile(f"{folder}/{name}", content, encoding, is_readonly)
                await store.file_system.seed_initial_file(session.id, file)
            for name in directories:
                await store.file_system.create_directory(session.id, f"d/{name}")
            await store.storage.set_values(session.id, values)
            archive = await exported(store, session.id)
            await import_session(target, io.BytesIO(archive))
            held = await contents_of(store, session.id)
            assert await contents_of(target, session.id) == held
            done = await copy_session(store, target, session.id)
            assert done.outcome == "same"
            new = new_session_id()
            await import_session(store, io.BytesIO(archive), session_id=new)
            assert {**await contents_of(store, new), "record": held["record"]} == held

    asyncio.run(there_and_back())
