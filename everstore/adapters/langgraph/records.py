"""How a thread is kept: rows of its session, and what stands in them.

- ``checkpoint/<namespace>/<id>/record``: a checkpoint with its metadata, and small values of its channels
- ``checkpoint/<namespace>/<id>/write/<task>``: what one task wrote on that checkpoint
- ``channel/<namespace>/<channel>/<version>``: a value that is not small, for all that have that version
- ``generation``: a number that goes with every deletion, and begins anew, at random, with the next checkpoint

The keys of a namespace are in the order of the ids of checkpoints, which is that of time. Read from the last
key on, what is written on a checkpoint comes just before its record.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from everstore.adapters.langgraph.parts import join, part

__all__ = [
    "CHANNELS",
    "CHECKPOINTS",
    "GENERATION",
    "RECORD",
    "Record",
    "Typed",
    "Write",
    "Written",
    "channel_key",
    "checkpoint_prefix",
    "is_record",
    "is_small",
    "namespace_prefix",
    "record_key",
    "record_of",
    "text_of",
    "typed_of",
    "write_key",
    "written_of",
]

GENERATION = "generation"
CHECKPOINTS = "checkpoint/"
CHANNELS = "channel/"

RECORD = "record"
_SMALL = (type(None), bool, float)
_SMALL_TEXT = 64  # characters: what costs less in the record than as a row of its own
_SMALL_INTEGER = 1 << 53

_PACKED = msgspec.msgpack.Encoder()
_JSON = msgspec.json.Encoder()
_ASCII = bytes(range(128))
_SAMPLE = 512  # bytes that are looked at, at most twice as many

T = TypeVar("T")
Typed = tuple[str, bytes]
"""What a serializer makes of an object: how, and the bytes."""


class Record(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A checkpoint, with its metadata; its values are those in it, and those of the channels ``apart``."""

    namespace: str
    id: str
    parent: str | None
    checkpoint: Typed
    metadata: Typed
    apart: dict[str, str | int | float]
    """The channels whose value is a row of its own, with the version."""
    relies_on: int | None = None
    """The generation in which those rows were there that were not written with it; none, if all were.

    With rows missing, in another generation, it is no checkpoint: whoever put it did not come to its end.
    """

    def channel_keys(self) -> list[str]:
        """The keys of those rows, in the order of ``apart``."""
        return [channel_key(self.namespace, *each) for each in self.apart.items()]


class Write(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A value that a task wrote to a channel, and the path that it came with."""

    channel: str
    value: Typed
    path: str


class Written(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """All that a task wrote on a checkpoint, by LangGraph's index of each write."""

    task: str
    writes: dict[int, Write]

    def with_more(self, more: dict[int, Write]) -> Written:
        """Add what the task writes again: a special write replaces, of any other the first is kept."""
        news = {index: write for index, write in more.items() if index < 0 or index not in self.writes}
        return Written(self.task, self.writes | news)


def namespace_prefix(namespace: str) -> str:
    """The beginning of all keys of the checkpoints of a namespace."""
    return CHECKPOINTS + join(namespace)


def checkpoint_prefix(namespace: str, checkpoint_id: str) -> str:
    """The beginning of all keys of one checkpoint."""
    return CHECKPOINTS + join(namespace, checkpoint_id)


def record_key(namespace: str, checkpoint_id: str) -> str:
    """Where the record of a checkpoint is."""
    return checkpoint_prefix(namespace, checkpoint_id) + RECORD


def is_record(key: str) -> bool:
    """Whether a record is at this key; else what a task wrote."""
    return key.count("/") == 3 and key.endswith(RECORD)


def write_key(namespace: str, checkpoint_id: str, task_id: str) -> str:
    """Where the writes of a task are."""
    return f"{checkpoint_prefix(namespace, checkpoint_id)}write/{part(task_id)}"


def channel_key(namespace: str, channel: str, version: str | float) -> str:
    """Where the value is that a channel has in this version."""
    return f"{CHANNELS}{join(namespace, channel)}{part(str(version))}"


def is_small(value: object) -> bool:
    """Whether a value stands in the record: a plain one, of a few bytes, which is cheaper than a row."""
    if type(value) is str:
        return len(value) <= _SMALL_TEXT
    if type(value) is int:
        return abs(value) <= _SMALL_INTEGER
    return type(value) in _SMALL


def text_of(row: Record | Written | Typed) -> str:
    """What is stored of a row: MessagePack, each byte as the character of its number; or JSON.

    In UTF-8 such a character has two bytes from 128 on, where JSON's base64 has four for three of any. Which
    is less depends on what a serializer makes: text of most languages, or what is encrypted.
    """
    packed = _PACKED.encode(row)
    sample = packed[:: 1 + len(packed) // _SAMPLE]
    if len(sample.translate(None, _ASCII)) * 3 > len(sample):
        return _JSON.encode(row).decode()
    return packed.decode("latin-1")


def record_of(text: str) -> Record:
    """The record that is stored so."""
    return _RECORDS.row_of(text)


def written_of(text: str) -> Written:
    """The writes that are stored so."""
    return _WRITTEN.row_of(text)


def typed_of(text: str) -> Typed:
    """The value that is stored so."""
    return _TYPED.row_of(text)


class _Rows(Generic[T]):
    """Reads the rows of one kind."""

    def __init__(self, kind: type[T]) -> None:
        self._packed = msgspec.msgpack.Decoder(kind)
        self._json = msgspec.json.Decoder(kind)

    def row_of(self, text: str) -> T:
        if text.startswith("["):  # MessagePack's list begins with no ASCII
            return self._json.decode(text)
        return self._packed.decode(text.encode("latin-1"))


_RECORDS = _Rows(Record)
_WRITTEN = _Rows(Written)
_TYPED = _Rows[Typed](tuple[str, bytes])
