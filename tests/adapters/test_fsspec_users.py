"""Who uses the file system: pandas and pyarrow, threads, event loops, processes, fsspec's wrappers."""

from __future__ import annotations

import asyncio
import gzip
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet
import pytest

import everstore
from everstore import sync
from everstore.adapters.fsspec import EverstoreFileSystem
from everstore.errors import EverstoreError, QuotaExceededError, SettingsError, StoreClosedError


@pytest.fixture
def fs(environment):
    opened = fsspec.filesystem("everstore")
    yield opened
    opened.close()


TABLE = pd.DataFrame({"name": ["Alice", "Böb", "日本"], "n": [1, 2, 3], "x": [0.5, None, -1.0]})


def test_pandas(fs):
    TABLE.to_csv("everstore://my session/data.csv", index=False)
    pd.testing.assert_frame_equal(pd.read_csv("everstore://my session/data.csv"), TABLE)
    TABLE.to_csv("everstore://my session/data.csv", index=False, header=False, mode="a")
    assert len(pd.read_csv("everstore://my session/data.csv")) == 6
    TABLE.to_parquet("everstore://my session/data.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet("everstore://my session/data.parquet"), TABLE)
    TABLE.to_json("everstore://my session/data.jsonl.gz", lines=True, orient="records")
    pd.testing.assert_frame_equal(pd.read_json("everstore://my session/data.jsonl.gz", lines=True), TABLE)
    work = fs.store.session(everstore.session_id_of("my session"))
    assert [match.path for match in work.files.grep_files("Alice")] == ["/data.csv"] * 2


def test_pandas_in_threads(fs):
    def round_trip(number):
        url = f"everstore://my session/{number}.parquet"
        TABLE.assign(of=number).to_parquet(url)
        return pd.read_parquet(url)["of"].unique().tolist()

    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(round_trip, range(16))] == [[number] for number in range(16)]


def test_pyarrow(fs):
    arrow = pa.fs.PyFileSystem(pa.fs.FSSpecHandler(fs))
    table = pa.table({"n": range(1000), "part": ["a", "b"] * 500})
    pa.dataset.write_dataset(
        table, "s/set", filesystem=arrow, format="parquet", partitioning=["part"], partitioning_flavor="hive"
    )
    found = pa.dataset.dataset("s/set", filesystem=arrow, partitioning="hive").to_table()
    assert found.sort_by("n") == table
    assert pa.parquet.read_table("s/set", filesystem=fs).num_rows == 1000
    arrow.move("s/set/part=a", "s/moved")
    arrow.copy_file(*[f"s/moved/{name}" for name in ("part-0.parquet", "copy.parquet")])
    infos = arrow.get_file_info(pa.fs.FileSelector("s", recursive=True))
    assert {info.path for info in infos if info.is_file} == {
        "s/moved/part-0.parquet", "s/moved/copy.parquet", "s/set/part=b/part-0.parquet",
    }  # fmt: skip
    assert infos[0].mtime == fs.modified(infos[0].path)
    arrow.delete_dir("s/moved")
    arrow.delete_file("s/set/part=b/part-0.parquet")
    arrow.delete_dir_contents("s/set")
    assert fs.find("s") == []


def test_wrappers_of_fsspec(fs, tmp_path):
    fs.pipe({"s/d/a.txt": b"one\ntwo\n", "s/d/b.txt": b"2"})
    below = fsspec.filesystem("dir", path="s/d", fs=fs)
    assert below.find("") == ["a.txt", "b.txt"]
    with fsspec.open(
        "simplecache::everstore://s/d/a.txt", simplecache={"cache_storage": str(tmp_path)}
    ) as file:
        assert file.read() == b"one\ntwo\n"
    files = fsspec.open_files("everstore://s/d/*.txt", "rt")
    with files as opened:
        assert [file.read() for file in opened] == ["one\ntwo\n", "2"]
    kept = fs.get_mapper("s/map")
    kept["a/b"] = b"value"
    assert dict(kept) == {"a/b": b"value"}
    del kept["a/b"]
    assert not kept
    with fsspec.open("everstore://s/z.gz", "wt", compression="gzip") as file:
        file.write("squeezed")
    assert gzip.decompress(fs.cat_file("s/z.gz")) == b"squeezed"
    assert fs.read_block("s/d/a.txt", 1, 4, delimiter=b"\n") == b"two\n"
    assert (fs.head("s/d/a.txt", 3), fs.tail("s/d/a.txt", 4)) == (b"one", b"two\n")
    assert fs.tree("s/d").splitlines()[1:] == ["├── a.txt", "└── b.txt"]


async def test_a_coroutine_on_any_loop(environment):
    fs = fsspec.filesystem("everstore", asynchronous=True)
    try:
        await fs._pipe({"s/a": b"one", "s/b": b"two"})
        assert await fs._cat(["s/a", "s/b"]) == {"s/a": b"one", "s/b": b"two"}
        assert [path async for path, _, _ in fs._walk("s")] == ["s"]
        async with await fs.open_async("s/new", "wb") as file:
            await file.write(b"streamed")
        async with await fs.open_async("s/new", "ab") as file:
            await file.write(b" on")
        async with await fs.open_async("s/new") as file:
            assert (await file.read(8), await file.read()) == (b"streamed", b" on")
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - as in use
            async with await fs.open_async("s/never", "wb") as file:
                await file.write(b"torn")
                raise ZeroDivisionError
        with pytest.raises(FileExistsError):
            await fs.open_async("s/new", "xb")
        first, second = [await fs.open_async("s/once", "xb") for _ in range(2)]
        await first.close()
        with pytest.raises(FileExistsError):
            await second.close()
        with pytest.raises(IsADirectoryError):
            await fs.open_async("s")
        with pytest.raises(ValueError, match="mode"):
            await fs.open_async("s/new", "r")
        assert await fs._exists("s/never") is False
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(fs._cat_file("s/a"), 0)
        both = [asyncio.to_thread(asyncio.run, fs._cat_file("s/a")), asyncio.to_thread(fs.cat_file, "s/b")]
        assert await asyncio.gather(*both) == [b"one", b"two"]
        assert fsspec.asyn.sync(fs.loop, fs._cat_file, "s/a") == b"one"
    finally:
        await asyncio.to_thread(fs.close)


def test_one_store_for_the_same_settings(environment):
    fs = fsspec.filesystem("everstore")
    assert fsspec.filesystem("everstore", asynchronous=True).store is fs.store
    assert fsspec.core.url_to_fs("everstore://s/a")[0] is fs
    fs.pipe_file("s/a", b"")
    fs.close()
    fs.close()
    assert fs.exists("s/a") is (environment["EVERSTORE_BACKEND"] != "memory")
    fs.close()


def test_a_given_store_is_its_owners(tmp_path):
    with sync.open_store(environment={}) as one, sync.open_store(environment={}) as other:
        first, second = EverstoreFileSystem(one), EverstoreFileSystem(other)
        assert first != second
        assert first == EverstoreFileSystem(one)
        first.pipe_file("s/a", b"")
        assert not second.exists("s/a")
        first.close()
        assert first.exists("s/a")
        with pytest.raises(TypeError, match="make it of settings"):
            pickle.dumps(first)
    with pytest.raises(StoreClosedError):
        first.info("s/a")


def test_it_is_pickled_by_its_settings(environment):
    fs = fsspec.filesystem("everstore", limits={"file_bytes": 10})
    assert pickle.loads(pickle.dumps(fs)) is fs
    assert EverstoreFileSystem.from_json(fs.to_json()) is fs
    fs.pipe_file("s/a", b"1234567890")
    with fs.open("s/a") as file:
        file.read(3)
        again = pickle.loads(pickle.dumps(file))
    assert again.read() == b"4567890"
    with pytest.raises(QuotaExceededError):
        fs.pipe_file("s/a", b"12345678901")
    fs.close()


def test_a_wrong_setting_is_named(environment):
    with pytest.raises(SettingsError, match="acme"):
        fsspec.filesystem("everstore", acme=1).ls("")


def _answer_of_child(call):
    """What a forked child answers: 0 when the call does."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.alarm(30)
    try:
        call()
    except EverstoreError as error:
        os._exit(1 if error.code == "store_context" else 2)
    except BaseException:  # noqa: BLE001 - the child must not go on with the tests
        os._exit(3)
    os._exit(0)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # what is tested
def test_a_file_system_that_was_forked(environment):
    fs = fsspec.filesystem("everstore")
    fs.pipe_file("s/a", b"of the parent")
    refused = environment["EVERSTORE_BACKEND"] == "sqlite"  # whose library forbids it
    if environment["EVERSTORE_BACKEND"] != "memory":
        assert _answer_of_child(lambda: fs.cat_file("s/a")) == int(refused)
    assert fs.cat_file("s/a") == b"of the parent"
    fs.close()


WHILE_IT_OPENS = """
import os, signal, sys, threading, warnings
import fsspec
from everstore.errors import StoreContextError

warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads is what is tested
fs = fsspec.filesystem("everstore")
opening = threading.Thread(target=fs.exists, args=("s/a",))
opening.start()
while sys.argv[1] not in sys.modules and opening.is_alive():
    pass
child = os.fork()
if not child:
    signal.alarm(30)
    try:
        fs.exists("s/a")
    except StoreContextError:
        os._exit(1)
    os._exit(0)
opening.join()
fs.close()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("module", ["everstore.building", "{backend}"])
def test_a_fork_while_a_store_opens(environment, module):
    backend = environment["EVERSTORE_BACKEND"]
    of_backend = "everstore.backends.memory" if backend == "memory" else f"everstore_{backend}"
    done = subprocess.run(
        [sys.executable, "-c", WHILE_IT_OPENS, module.format(backend=of_backend)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) in {(0, ""), (int(backend == "sqlite"), "")}


LEAVE = """
import fsspec
with fsspec.open("everstore://s/a", "w") as file:
    file.write("left open")
"""


def test_a_process_that_closes_nothing_ends(environment):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LEAVE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    if environment["EVERSTORE_BACKEND"] != "memory":
        fs = fsspec.filesystem("everstore")
        assert fs.cat_file("s/a") == b"left open"
        fs.close()


def test_local_files_come_and_go(fs, tmp_path):
    (tmp_path / "tree" / "in").mkdir(parents=True)
    (tmp_path / "tree" / "in" / "a.bin").write_bytes(b"\xff")
    fs.put(str(tmp_path / "tree"), "s/tree", recursive=True)
    fs.get("s/tree", str(tmp_path / "back"), recursive=True)
    assert (tmp_path / "back" / "in" / "a.bin").read_bytes() == b"\xff"
    fs.put_file(str(tmp_path / "back" / "in" / "a.bin"), "s/b", mode="overwrite")
    with pytest.raises(FileExistsError):
        fs.put_file(str(tmp_path / "back" / "in" / "a.bin"), "s/b", mode="create")
    with (tmp_path / "c").open("wb") as file:
        fs.get_file("s/b", file)
    assert (tmp_path / "c").read_bytes() == b"\xff"
