"""What is done to a session's files, values and secrets, as values: one class a verb that changes something.

The fields are the verb's arguments, by their names. What a change may do, and what it is answered with,
stands at the verb: a ``Write`` is what ``write_file`` does, and ``SessionFile`` is what both answer with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, Literal, TypeVar

import msgspec

from everstore.compat import override
from everstore.errors import BackendUnavailableError, StorageReplacedError, UnsupportedError
from everstore.models import EditedFile, Encoding, FileInfo, InitialFile, KeyInfo, SessionFile

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "NO_CHANGES_FAULT",
    "AnyFileChange",
    "AnyValueChange",
    "Append",
    "AppendBytes",
    "CompareAndWrite",
    "Copy",
    "Delete",
    "DeleteSecret",
    "DeleteValue",
    "Edit",
    "FileMutation",
    "FileTimes",
    "Increment",
    "MakeDirectory",
    "Move",
    "Mutation",
    "SecretTimes",
    "Seed",
    "SetSecret",
    "SetValue",
    "SwapSecret",
    "TouchValue",
    "ValueMutation",
    "ValueTimes",
    "Write",
    "WriteBytes",
]

Answer = TypeVar("Answer")

NO_CHANGES_FAULT = (BackendUnavailableError, StorageReplacedError, UnsupportedError)
"""Errors that are of no change in particular: of a list of changes, they tell no place."""

_PLACES = ("path", "source", "destination", "key", "name")


class Mutation(msgspec.Struct, Generic[Answer], frozen=True, gc=False):
    """A change of one session. ``Answer`` is what it is answered with."""

    verb: ClassVar[str]
    """The verb that does it by itself."""

    @override
    def __repr__(self) -> str:  # of places only: content, values and secrets show nowhere
        places = ", ".join(repr(place) for place in self.places())
        return f"{type(self).__name__}({places})"

    def places(self) -> Iterator[str]:
        """The paths, the key or the name that it is about."""
        for name in _PLACES:
            if name in self.__struct_fields__:
                yield getattr(self, name)


class FileMutation(Mutation[Answer], frozen=True, gc=False):
    """A change of a session's files."""


class ValueMutation(Mutation[Answer], frozen=True, gc=False):
    """A change of a session's values, or of its secrets: ``space`` says of which."""

    space: ClassVar[Literal["values", "secrets"]] = "values"


class Write(FileMutation[SessionFile], frozen=True, gc=False):
    """``write_file``."""

    verb = "write_file"
    path: str
    content: str
    encoding: Encoding = "text"
    if_revision: str | None = None
    if_absent: bool = False


class WriteBytes(FileMutation[FileInfo], frozen=True, gc=False):
    """``write_bytes``."""

    verb = "write_bytes"
    path: str
    data: bytes
    if_revision: str | None = None
    if_absent: bool = False


class Seed(FileMutation[SessionFile], frozen=True, gc=False):
    """``seed_initial_file``."""

    verb = "seed_initial_file"
    file: InitialFile

    @override
    def places(self) -> Iterator[str]:
        yield self.file.path


class CompareAndWrite(FileMutation[SessionFile | None], frozen=True, gc=False):
    """``write_file_if_content_matches``."""

    verb = "write_file_if_content_matches"
    path: str
    expected_content: str
    expected_encoding: Encoding
    content: str
    encoding: Encoding


class Edit(FileMutation[EditedFile], frozen=True, gc=False):
    """``edit_file``."""

    verb = "edit_file"
    path: str
    old: str
    new: str
    replace_all: bool = False


class Append(FileMutation[FileInfo], frozen=True, gc=False):
    """``append_file``."""

    verb = "append_file"
    path: str
    content: str
    encoding: Encoding = "text"


class AppendBytes(FileMutation[FileInfo], frozen=True, gc=False):
    """``append_bytes``."""

    verb = "append_bytes"
    path: str
    data: bytes


class MakeDirectory(FileMutation[FileInfo], frozen=True, gc=False):
    """``create_directory``."""

    verb = "create_directory"
    path: str
    exist_ok: bool = True


class Delete(FileMutation[bool], frozen=True, gc=False):
    """``delete_file``."""

    verb = "delete_file"
    path: str
    recursive: bool = False
    strict: bool = False


class Copy(FileMutation[FileInfo], frozen=True, gc=False):
    """``copy_file``."""

    verb = "copy_file"
    source: str
    destination: str
    overwrite: bool = False


class Move(FileMutation[FileInfo], frozen=True, gc=False):
    """``move_file``."""

    verb = "move_file"
    source: str
    destination: str
    overwrite: bool = False


class FileTimes(FileMutation[bool], frozen=True, gc=False):
    """What ``restore_times`` of files takes: a file or a directory, and its times in nanoseconds since 1970.

    Several are a list of their own: no other change is among them.
    """

    verb = "restore_times"
    path: str
    created_ns: int
    updated_ns: int


AnyFileChange = Write | WriteBytes | Edit | Append | AppendBytes | Delete | Move | Copy | MakeDirectory
"""What ``apply_changes`` takes."""


class SetValue(ValueMutation[KeyInfo], frozen=True, gc=False):
    """``set_value``; several are ``set_values``."""

    verb = "set_value"
    key: str
    value: str
    ttl: float | None = None
    if_revision: str | None = None
    if_absent: bool = False


class DeleteValue(ValueMutation[bool], frozen=True, gc=False):
    """``delete_value``."""

    verb = "delete_value"
    key: str
    if_revision: str | None = None


class TouchValue(ValueMutation[bool], frozen=True, gc=False):
    """``touch_value``."""

    verb = "touch_value"
    key: str
    ttl: float | None = None


class Increment(ValueMutation[int], frozen=True, gc=False):
    """``increment_value``."""

    verb = "increment_value"
    key: str
    amount: int = 1


AnyValueChange = SetValue | DeleteValue | TouchValue | Increment
"""What ``change_values`` takes."""


class SetSecret(ValueMutation[None], frozen=True, gc=False):
    """``set_secret``."""

    verb = "set_secret"
    space = "secrets"
    name: str
    value: str
    ttl: float | None = None


class DeleteSecret(ValueMutation[bool], frozen=True, gc=False):
    """``delete_secret``."""

    verb = "delete_secret"
    space = "secrets"
    name: str


class SwapSecret(ValueMutation[bool], frozen=True, gc=False):
    """``swap_secret``."""

    verb = "swap_secret"
    space = "secrets"
    name: str
    expected: str
    replacement: str


class ValueTimes(ValueMutation[bool], frozen=True, gc=False):
    """What ``restore_times`` of a storage takes: a value and its times, as ``FileTimes`` has a file's."""

    verb = "restore_times"
    key: str
    created_ns: int
    updated_ns: int


class SecretTimes(ValueMutation[bool], frozen=True, gc=False):
    """The same of a secret."""

    verb = "restore_times"
    space = "secrets"
    name: str
    created_ns: int
    updated_ns: int
