"""Checks of arguments, each by itself: its type, and whether any storage could hold or carry it (§3.11.2).

What is text or a number of some kind of its own (an enum's member, a numpy float, a driver's UUID) is
accepted, and handed on as the plain kind, so that no backend has to know it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import NoReturn
from uuid import UUID

from everstore.content import text_size, utf8_size
from everstore.errors import (
    InvalidArgumentError,
    InvalidContentError,
    InvalidKeyError,
    InvalidPatternError,
    InvalidSessionIdError,
    shown,
)
from everstore.labels import NO_LABELS, Labels
from everstore.models import Encoding, InitialFile, Session
from everstore.search import MAX_CONTEXT

__all__ = [
    "LATEST_NS",
    "check_distinct",
    "check_flag",
    "check_session_id",
    "plain_amount",
    "plain_condition",
    "plain_content",
    "plain_context",
    "plain_count",
    "plain_data",
    "plain_key",
    "plain_labels",
    "plain_offset",
    "plain_pattern",
    "plain_seed",
    "plain_session",
    "plain_start",
    "plain_text",
    "plain_time",
    "plain_title",
    "plain_ttl",
    "plain_wait",
    "refuse_session_id",
]

LARGEST = (1 << 63) - 1  # what every storage has an integer for
LATEST_NS = 9 * 10**18  # in the year 2255: times that move on from there still fit
LONGEST_REVISION = 1024
MAX_KEY_BYTES = 1024
MAX_LABELS = 64
MAX_LABEL_BYTES = 1024
MAX_TTL = 100 * 366 * 86_400  # seconds: the nanosecond it ends at fits into 64 bits


def check_session_id(session_id: UUID) -> None:
    """``InvalidSessionIdError`` unless the id is a ``uuid.UUID``, or of a kind of its own (a driver's)."""
    if type(session_id) is not UUID:
        refuse_session_id(session_id)


def refuse_session_id(given: object) -> None:
    """``InvalidSessionIdError`` unless it is a UUID all the same."""
    if not isinstance(given, UUID):
        hint = "everstore.parse_session_id() makes one of text"
        raise InvalidSessionIdError(f"a session id is a uuid.UUID, not {type(given).__name__}; {hint}")


def check_distinct(source: UUID, target: UUID, replaced: UUID | None) -> None:
    """``InvalidArgumentError`` when two of a fork's sessions are the same; ``replaced`` may not be given."""
    given = (source, target) if replaced is None else (source, target, replaced)
    for session_id in given:
        check_session_id(session_id)
    if len({session_id.int for session_id in given}) < len(given):
        raise InvalidArgumentError("a fork needs another session; two of these ids are the same")


def plain_text(value: str, what: str) -> str:
    """The text as a plain ``str``; ``InvalidContentError`` when it is none."""
    if not isinstance(value, str):
        raise InvalidContentError(f"{what} is text (str), not {type(value).__name__}")
    return str.__str__(value)


def plain_content(content: str, encoding: Encoding) -> tuple[str, Encoding]:
    """Content and encoding as plain ``str``; ``InvalidContentError`` when one is none."""
    if not isinstance(encoding, str):
        raise InvalidContentError(f"encoding is 'text' or 'base64', not {shown(encoding)}")
    plain: Encoding = str.__str__(encoding)  # type: ignore[assignment]  # a guard looks at it next
    return plain_text(content, "content"), plain


def plain_data(data: bytes | bytearray | memoryview) -> bytes:
    """Bytes that nobody can change any more; ``InvalidContentError`` when it is none."""
    if type(data) is bytes:
        return data
    if not isinstance(data, (bytes, bytearray, memoryview)):
        given = "text, which write_file() takes" if isinstance(data, str) else type(data).__name__
        raise InvalidContentError(f"data is bytes, a bytearray or a memoryview, not {given}")
    try:
        return data.tobytes() if isinstance(data, memoryview) else bytes.join(b"", (data,))
    except ValueError:
        raise InvalidContentError("data is a memoryview that was released") from None


def plain_offset(name: str, value: int) -> int:
    """A whole number of 64 bits, perhaps negative, as a plain ``int``; else ``InvalidArgumentError``."""
    if isinstance(value, int) and not isinstance(value, bool) and -LARGEST - 1 <= value <= LARGEST:
        return int.__index__(value)
    raise InvalidArgumentError(f"{name} is a whole number, and of 64 bits at most, not {shown(value)}")


def check_flag(name: str, value: object) -> None:
    """``InvalidArgumentError`` unless it is ``True`` or ``False``."""
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} is True or False, not {shown(value)}")


def plain_count(name: str, value: int, least: int) -> int:
    """A whole number from ``least`` that 64 bits hold, as a plain ``int``; else ``InvalidArgumentError``."""
    if type(value) is not int:
        if not isinstance(value, int) or isinstance(value, bool):
            _refuse_count(name, value, least)
        value = int.__index__(value)
    if not least <= value <= LARGEST:
        _refuse_count(name, value, least)
    return value


def plain_start(value: int) -> int:
    """The number of a line, from 1 on or from -1 backwards, plain; else ``InvalidArgumentError``."""
    value = plain_offset("start", value)
    if value == 0:
        raise InvalidArgumentError("start is 1 for the first line and -1 for the last, not 0")
    return value


def plain_context(name: str, value: int) -> int:
    """A number of lines around a match, plain; ``InvalidArgumentError`` for more than §5.1.5 allows."""
    value = plain_count(name, value, 0)
    if value > MAX_CONTEXT:
        raise InvalidArgumentError(
            f"{name} is at most {MAX_CONTEXT} lines, not {shown(value)}; read_lines() gives as many as wanted"
        )
    return value


def _refuse_count(name: str, value: object, least: int) -> NoReturn:
    raise InvalidArgumentError(
        f"{name} is a whole number of at least {least}, and of 64 bits at most, not {shown(value)}"
    )


def plain_amount(amount: int) -> int:
    """What is added to a counter, as a plain ``int``.

    ``InvalidContentError`` when it is so large that no sum with a counter would fit into 64 bits.
    """
    if not isinstance(amount, int) or isinstance(amount, bool):
        raise InvalidArgumentError(f"amount is a whole number, not {shown(amount)}")
    amount = int.__index__(amount)
    if amount.bit_length() > 64:
        raise InvalidContentError("the sum would not fit into 64 bits; the value stays as it was")
    return amount


def plain_ttl(ttl: float) -> float:
    """A time to live as a plain number; ``InvalidArgumentError`` when it is none from 0 to 100 years."""
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)) or not 0 < ttl <= MAX_TTL:
        raise InvalidArgumentError(
            f"ttl is a number of seconds above 0, at most {MAX_TTL} (100 years), not {shown(ttl)}"
        )
    return int.__index__(ttl) if isinstance(ttl, int) else float.__float__(ttl)


def plain_wait(wait: float) -> float:
    """How long to wait as a plain number; ``InvalidArgumentError`` when it is no number of seconds."""
    if isinstance(wait, bool) or not isinstance(wait, (int, float)) or not 0 <= wait <= sys.float_info.max:
        raise InvalidArgumentError(f"wait is a number of seconds, not {shown(wait)}")
    return float.__float__(float(wait))


def plain_condition(if_revision: str | None, if_absent: bool) -> str | None:  # noqa: FBT001 - two options handed on
    """The revision of a condition, as a plain ``str``; ``InvalidArgumentError`` when none can be such."""
    check_flag("if_absent", if_absent)
    if if_revision is None:
        return None
    if not isinstance(if_revision, str):
        raise InvalidArgumentError(f"if_revision is a revision (str), not {type(if_revision).__name__}")
    if if_absent:
        raise InvalidArgumentError("if_revision and if_absent cannot both hold; pass one of them")
    if_revision = str.__str__(if_revision)
    if len(if_revision) > LONGEST_REVISION:
        raise InvalidArgumentError(f"if_revision has {len(if_revision):,} characters, more than any revision")
    text_size(if_revision, "if_revision")
    return if_revision


def plain_pattern(pattern: str, what: str, *, nul: bool = False) -> str:
    """A pattern as a plain ``str``; ``InvalidPatternError`` when none that matches could be it.

    With ``nul`` a NUL may be in it, as it may be in texts; in paths it is not.
    """
    if not isinstance(pattern, str):
        raise InvalidPatternError(f"{what} is text (str), not {type(pattern).__name__}")
    if type(pattern) is not str:
        pattern = str.__str__(pattern)
    if "\0" in pattern and not nul:
        raise InvalidPatternError(f"{what} holds a NUL, which no path does", pattern=pattern)
    if not pattern.isascii() and utf8_size(pattern) is None:
        raise InvalidPatternError(
            f"{what} holds a lone surrogate, which nothing stored does", pattern=pattern
        )
    return pattern


def plain_seed(file: InitialFile) -> InitialFile:
    """A seed of plain fields, whose path is as its caller spells it; typed errors for what is no seed."""
    if not isinstance(file, InitialFile):
        raise InvalidContentError(f"a seed is an InitialFile, not {type(file).__name__}")
    check_flag("is_readonly", file.is_readonly)
    content, encoding = plain_content(file.content, file.encoding)
    return InitialFile(file.path, content, encoding, file.is_readonly)


def plain_time(name: str, value: int) -> int:
    """A time in nanoseconds since 1970 as a plain ``int``; else ``InvalidArgumentError``."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LATEST_NS:
        return int.__index__(value)
    raise InvalidArgumentError(
        f"{name} is a whole number of nanoseconds since 1970, before 2255, not {shown(value)}"
    )


def plain_title(title: str, what: str = "title") -> str:
    """A title as a plain ``str``; ``InvalidContentError`` when none, or with a NUL or lone surrogate."""
    if type(title) is not str or not title.isascii():
        title = plain_text(title, what)
        text_size(title, what)
    if "\0" in title:
        raise InvalidContentError(f"a {what} holds no NUL")
    return title


def plain_key(key: str, what: str) -> str:
    """A key, or another name of that kind, as a plain ``str``; ``InvalidKeyError`` when it is none."""
    if not isinstance(key, str):
        raise InvalidKeyError(f"a {what} is text (str), not {type(key).__name__}")
    key = str.__str__(key)
    if not key or "\0" in key:
        raise InvalidKeyError(f"a {what} is text that is not empty and holds no NUL")
    size = utf8_size(key)
    if size is None:
        raise InvalidKeyError(f"a {what} holds a lone surrogate, which no encoding can store")
    if size > MAX_KEY_BYTES:
        raise InvalidKeyError(f"a {what} has at most {MAX_KEY_BYTES} bytes in UTF-8, not {size:,}")
    return key


def plain_labels(labels: Mapping[str, str]) -> Labels:
    """Labels of plain text; ``InvalidContentError`` or ``InvalidKeyError`` for what are none (§1.4.13)."""
    if not isinstance(labels, Mapping):
        raise InvalidContentError(f"labels are a mapping (dict) of text by name, not {type(labels).__name__}")
    pairs = [*labels.items()]
    if len(pairs) > MAX_LABELS:
        raise InvalidContentError(f"a session has at most {MAX_LABELS} labels, not {len(pairs)}")
    pairs = [(plain_key(name, "label's name"), _plain_label(text)) for name, text in pairs]
    return Labels(sorted(pairs)) if pairs else NO_LABELS


def _plain_label(text: str) -> str:
    text = plain_text(text, "a label")
    size = text_size(text, "a label")
    if "\0" in text:
        raise InvalidContentError("a label holds no NUL")
    if size > MAX_LABEL_BYTES:
        raise InvalidContentError(f"a label has at most {MAX_LABEL_BYTES} bytes in UTF-8, not {size:,}")
    return text


def plain_session(session: Session) -> Session:
    """A session's record of plain fields; typed errors for what is none (§1.4.9)."""
    if not isinstance(session, Session):
        raise InvalidContentError(f"a session record is an everstore.Session, not {type(session).__name__}")
    check_session_id(session.id)
    title, created_ns, updated_ns = session.title, session.created_ns, session.updated_ns
    if title is not None:
        title = plain_title(title)
    # A whole number of another kind would be kept as it is: nobody has one of those.
    if type(created_ns) is not int or not 0 <= created_ns <= LATEST_NS:
        _refuse_time("created_ns", created_ns)
    if type(updated_ns) is not int or not 0 <= updated_ns <= LATEST_NS:
        _refuse_time("updated_ns", updated_ns)
    labels = NO_LABELS if session.labels is NO_LABELS else plain_labels(session.labels)
    parent = None if session.parent is None else _plain_id(session.parent)
    if (
        type(session) is Session
        and type(session.id) is UUID
        and parent is session.parent
        and title is session.title
        and labels is session.labels
    ):
        return session  # as nearly always
    return Session(UUID(int=session.id.int), title, created_ns, updated_ns, labels, parent)


def _plain_id(session_id: UUID) -> UUID:
    check_session_id(session_id)
    return session_id if type(session_id) is UUID else UUID(int=session_id.int)


def _refuse_time(name: str, value: object) -> NoReturn:
    raise InvalidContentError(
        f"a session's {name} is a whole number of nanoseconds since 1970, before 2255, not {shown(value)}"
    )
