"""Whether all that is kept fits together: rows, contents, and how many have these."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from everstore.engine.contents import BrokenError, Contents
from everstore.engine.keys import (
    CONTENT_BYTES,
    ENTRIES,
    RECORDS,
    SECRETS,
    VALUES,
    count_key,
    count_of,
    range_of,
    split_key,
)
from everstore.engine.layout import keep_to_layout
from everstore.engine.rows import row_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from everstore.engine.base import Engine, Transaction
    from everstore.engine.contents import Parts

__all__ = ["check", "faults"]

_KINDS = {ENTRIES: "entry", VALUES: "value", SECRETS: "secret", RECORDS: "record"}


def check(engine: Engine, *, deep: bool) -> list[str]:
    """What is wrong with a storage, a line each, sorted: what ``everstore check`` tells of an engine.

    ``deep`` reads everything; without it the storage is opened, which is an error where that cannot be.
    Nothing is changed, but what the engine's ``open`` makes where nothing is. Blocks.
    """
    engine.open()
    try:
        if not keep_to_layout(engine, begins=False) or not deep:
            return []
        return engine.transact(lambda transaction: sorted(faults(transaction, engine)), write=False)
    finally:
        engine.close()


def faults(transaction: Transaction, engine: Engine) -> Iterator[str]:
    """What does not fit together, a line each: every row, every content and every count is looked at."""
    held: Counter[bytes] = Counter()
    foreign: set[bytes] = set()
    yield from _of_rows(transaction, engine, held, foreign)
    counts = {key[1:]: count_of(data) for key, data in transaction.scan(*range_of(count_key(b"")))}
    for content in sorted(held.keys() | counts.keys()):
        kept = counts.get(content, 1)
        if held[content] != kept or (content in foreign and content not in counts):
            told = "an unknown number" if kept is None else "none of these" if content not in counts else kept
            yield f"{_named(content)} is counted as that of {told}, and is that of {held[content]}"
    for kind in _KINDS:
        keys = (key for key, _ in transaction.scan(*range_of(kind.upper())))
        for content, _ in groupby(keys, lambda key: key[:CONTENT_BYTES]):
            if content not in held:
                yield f"{_named(content)} is nobody's"


def _of_rows(
    transaction: Transaction, engine: Engine, held: Counter[bytes], foreign: set[bytes]
) -> Iterator[str]:
    """The same of the rows; which contents they have is added to ``held``, and of which not their own."""
    looked: set[tuple[Parts, int, bytes | None]] = set()
    for kind, noun in _KINDS.items():
        for key, data in transaction.scan(*range_of(kind)):
            _, session_id, name = split_key(key)
            told = name.replace(b"\0", b"").decode(errors="replace")
            place = f"session {session_id}: {noun} {told!r}"
            row = row_of(data)
            if row is None:
                yield f"{place} is damaged"
                continue
            own = kind.upper() + session_id.bytes
            contents = Contents(transaction, engine.largest_value, own)
            parts = contents.parts(row)
            held.update(content for content, _ in parts)
            foreign.update(content for content, _ in parts if not content.startswith(own))
            if parts and (parts, row.size, row.digest) in looked:
                continue
            looked.add((parts, row.size, row.digest))
            try:
                contents.require_whole(row)
            except BrokenError as error:
                yield f"{place}: {error}"


def _named(content: bytes) -> str:
    _, session_id, number = split_key(content)
    return f"session {session_id}: content {number.hex()}"
