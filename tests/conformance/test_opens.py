"""What a thread opens is told, where it is a storage's, and only that."""

from __future__ import annotations

import sqlite3
import threading

from everstore.conformance.opens import opened_here


def test_what_this_thread_opens_at_or_beside_a_place_is_named(tmp_path):
    place, elsewhere = tmp_path / "a.db", tmp_path / "other"
    for path in (place, elsewhere):
        path.write_text("x")
    journal = tmp_path / "a.db-wal"
    with opened_here([place]) as opened:
        place.read_text()
        journal.write_text("x")
        elsewhere.read_text()
        sqlite3.connect(place).close()
    assert opened[:2] == ["a.db", "a.db-wal"]
    assert set(opened) == {"a.db", "a.db-wal"}


def test_another_thread_may_open_what_it_likes(tmp_path):
    (tmp_path / "a").write_text("x")
    with opened_here([tmp_path]) as opened:
        thread = threading.Thread(target=(tmp_path / "a").read_text)
        thread.start()
        thread.join()
    assert opened == []


def test_a_directory_that_is_listed_counts(tmp_path):
    with opened_here([tmp_path]) as opened:
        list(tmp_path.iterdir())
    assert opened == [tmp_path.name]
