"""The records that verbs take and answer with.

All are immutable, so a backend may hand out the very object it keeps. Times, ids and revisions are
kept as integers, which every storage can hold, and become ``datetime``, ``UUID`` and text when they
are looked at: building a record costs a tenth of building those.
"""

from everstore.ids import is_checkpoint, new_checkpoint_id, new_session_id
from everstore.models.differences import ChangeKind, FileChange, Merged, Prefer, ValueChange
from everstore.models.entries import (
    BytesFile,
    EditedFile,
    Encoding,
    FileInfo,
    FileStat,
    SessionFile,
    file_of,
    root_of,
    span_within,
)
from everstore.models.passages import FileLines, GrepMatch, InitialFile, NumberedLine
from everstore.models.sessions import Checkpoint, Session
from everstore.models.showing import to_dict
from everstore.models.usages import FileUsage, SessionUsage, StorageUsage, latest
from everstore.models.values import KeyInfo, SecretInfo, StoredSecret, StoredValue

__all__ = [
    "BytesFile",
    "ChangeKind",
    "Checkpoint",
    "EditedFile",
    "Encoding",
    "FileChange",
    "FileInfo",
    "FileLines",
    "FileStat",
    "FileUsage",
    "GrepMatch",
    "InitialFile",
    "KeyInfo",
    "Merged",
    "NumberedLine",
    "Prefer",
    "SecretInfo",
    "Session",
    "SessionFile",
    "SessionUsage",
    "StorageUsage",
    "StoredSecret",
    "StoredValue",
    "ValueChange",
    "file_of",
    "is_checkpoint",
    "latest",
    "new_checkpoint_id",
    "new_session_id",
    "root_of",
    "span_within",
    "to_dict",
]
