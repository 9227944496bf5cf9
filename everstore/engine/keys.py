"""Where what is kept: every key of the map.

::

    e <session> <parent>/ NUL <name>    an entry of a session's files
    v <session> <key>                   a value
    p <session> <name>                  a secret
    E, V, P, S <session> <number> <place>  a piece of a content that is large
    c <E, V, P, S> <session> <number>   how many rows have that content, unless it is one of that session
    f, t <session>                      the limits of a session's files; of its values and secrets
    u <session>                         how much a session's files are, where that has a limit
    x <time> <digest>                   when a value or secret is over; the value is the key of it
    s <id>                              a session's record
    a <time> <id>                       that it is of this age; nothing
    h <session> <time> <id>             the same of a checkpoint, which is no ``a``, by whose it is
    k <digest> <time> <id>              that it is of this age and has the label of this digest; nothing
    l                                   the number of this layout, and how long keys and values may be

Names are text in UTF-8, whose bytes are in the order of its code points. One that is too long for a key is
kept under its beginning, ``0xff``, which is no byte of UTF-8, a digest of its directory, and one of it; its
row has the whole of it.
"""

from __future__ import annotations

from hashlib import blake2b
from uuid import UUID

__all__ = [
    "AGE_BYTES",
    "CONTENT_BYTES",
    "ENTRIES",
    "LAYOUT",
    "LIMITS_OF_FILES",
    "LIMITS_OF_TEXTS",
    "RECORDS",
    "SECRETS",
    "VALUES",
    "Names",
    "above",
    "age_of_record",
    "ages_of",
    "content_key",
    "count_key",
    "count_of",
    "deadline_key",
    "label_keys",
    "number",
    "piece_key",
    "range_of",
    "split_key",
    "usage_key",
]

ENTRIES, VALUES, SECRETS, RECORDS, LAYOUT = b"e", b"v", b"p", b"s", b"l"
LIMITS_OF_FILES, LIMITS_OF_TEXTS = b"f", b"t"
_USAGES, _DEADLINES, _LABELS, _AGES, _CHECKPOINTS, _COUNTS = b"u", b"x", b"k", b"a", b"h", b"c"
_ID_BYTES = 16
_DIGEST_BYTES = 16
_NUMBER_BYTES = 8
AGE_BYTES = _NUMBER_BYTES + _ID_BYTES
CONTENT_BYTES = 1 + _ID_BYTES + _NUMBER_BYTES
"""How long what the keys of a content begin with is."""

_LONG = b"\xff"
_END_OF_GROUP = b"\0"


def above(prefix: bytes) -> bytes:
    """The first key behind all that begin with a prefix."""
    stem = prefix.rstrip(b"\xff")  # the first byte of a key is a letter
    return stem[:-1] + bytes([stem[-1] + 1])


def range_of(prefix: bytes) -> tuple[bytes, bytes]:
    """From where to where keys are that begin with a prefix."""
    return prefix, above(prefix)


def number(integer: int) -> bytes:
    """An integer from 0 to 2**64 - 1 in bytes that are in the order of the integers."""
    return integer.to_bytes(_NUMBER_BYTES)


def split_key(row_key: bytes) -> tuple[bytes, UUID, bytes]:
    """The kind, the session and the name (all or its beginning) that the key of a row has."""
    end = 1 + _ID_BYTES
    return row_key[:1], UUID(bytes=row_key[1:end]), row_key[end:]


def content_key(pieces: bytes, integer: int) -> bytes:
    """What the keys of the pieces of a content begin with: ``Names.pieces`` and a number of its own."""
    return pieces + number(integer)


def piece_key(content: bytes, place: int) -> bytes:
    """The key of a piece of a content."""
    return content + place.to_bytes(4)


def count_key(content: bytes) -> bytes:
    """Where it is kept how many rows have a content; of the beginning of several, where their keys begin."""
    return _COUNTS + content


def count_of(kept: bytes) -> int | None:
    """What is kept there; ``None`` when that is no count."""
    return int.from_bytes(kept) or None if len(kept) == _NUMBER_BYTES else None


def ages_of(checkpoints_of: UUID | None) -> bytes:
    """What the keys of the ages of a session's checkpoints begin with; ``None``: of sessions' own."""
    return _AGES if checkpoints_of is None else _CHECKPOINTS + checkpoints_of.bytes


def age_of_record(created_ns: int, session_id: UUID) -> bytes:
    """What they end with: when a record was made, and its id."""
    return number(created_ns) + session_id.bytes


def label_keys(name: str, text: str, checkpoints_of: UUID | None) -> bytes:
    """As ``ages_of``, of those with a label."""
    label = f"{name}\0{text}".encode()  # neither holds a NUL
    return _LABELS + _digest(label if checkpoints_of is None else b"%b\0%b" % (label, checkpoints_of.bytes))


def usage_key(session_id: UUID) -> bytes:
    """Where it is kept how much a session's files are."""
    return _USAGES + session_id.bytes


def deadline_key(expires_ns: int, row_key: bytes = b"") -> bytes:
    """Where it is kept that a row is over then; without a row, what comes before all of that time."""
    return _DEADLINES + number(expires_ns) + (_digest(row_key) if row_key else b"")


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=_DIGEST_BYTES).digest()


class Names:
    """The keys of one session's rows of one kind, by their names.

    What a name has up to a NUL in it, if there is one, is its group: one range has all names of a group.
    """

    __slots__ = ("_prefix", "head", "pieces")

    def __init__(self, kind: bytes, session_id: UUID, longest_key: int) -> None:
        """``longest_key`` is the storage's."""
        session = session_id.bytes
        self._prefix = kind + session
        self.head = longest_key - len(self._prefix) - len(_LONG) - 2 * _DIGEST_BYTES
        """How much of a name its key has at most."""
        self.pieces = kind.upper() + session
        """What the keys of pieces begin with."""

    def key(self, name: bytes) -> bytes:
        """The key of the row with this name."""
        if len(name) <= self.head:
            return self._prefix + name
        group = name[: name.rfind(_END_OF_GROUP) + 1]
        return self._prefix + name[: self.head] + _LONG + _digest(group) + _digest(name)

    def is_whole(self, name: bytes) -> bool:
        """Whether the key has all of this name."""
        return len(name) <= self.head

    def name(self, key: bytes) -> bytes:
        """The name that a key has, all or its beginning."""
        return key[len(self._prefix) :]

    def floor(self, name: bytes) -> bytes:
        """What no key of this name, or of one behind it, comes before."""
        return self._prefix + name[: self.head]

    def ceiling(self, name: bytes) -> bytes:
        """What every key of a name before this one comes before; others may, where it is long."""
        return above(self.floor(name)) if len(name) > self.head else self._prefix + name

    def range(self, start: bytes) -> tuple[bytes, bytes]:
        """From where to where rows are whose names begin so; others are among them where that is long."""
        low = self.floor(start)
        if len(start) > self.head and start.endswith(_END_OF_GROUP):
            low += _LONG + _digest(start)
        return range_of(low)
