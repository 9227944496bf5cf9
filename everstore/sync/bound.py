"""The verbs of a store and of one session without ``await``.

Generated from those by tests/sync/generate.py: do not edit.
"""

# ruff: noqa: FBT001, FBT002 - the signatures are those of the interfaces

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from everstore import session, store
from everstore.sync.loop import Face

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Literal
    from uuid import UUID

    from everstore.changes import AnyFileChange, AnyValueChange
    from everstore.models import (
        Checkpoint,
        EditedFile,
        Encoding,
        FileChange,
        FileInfo,
        FileLines,
        FileStat,
        FileUsage,
        GrepMatch,
        InitialFile,
        KeyInfo,
        Merged,
        Prefer,
        SecretInfo,
        Session,
        SessionFile,
        SessionUsage,
        StorageUsage,
        StoredValue,
        ValueChange,
    )
    from everstore.session_limits import SessionLimits
    from everstore.settings import Limits

__all__ = ["BoundFiles", "BoundStorage", "BoundVerbs", "StoreVerbs"]


class BoundFiles(Face[session.BoundFiles]):
    """``session.BoundFiles``, each verb of which waits for its answer."""

    __slots__ = ()

    @overload
    def read_file(self, path: str, *, strict: Literal[True]) -> SessionFile: ...

    @overload
    def read_file(self, path: str, *, strict: bool = ...) -> SessionFile | None: ...

    def read_file(self, path: str, *, strict: bool = False) -> SessionFile | None:
        """The file with its content; a directory with ``content=None``; ``None`` when missing.

        The root always exists.

        With ``strict`` it is a file, or an error: ``PathNotFoundError``, ``ParentNotDirectoryError`` below a
        file, ``PathIsDirectoryError``. What is told was so at a moment of the call; to find that out takes
        further looks.
        """
        return self._loop.run(self._asynchronous.read_file(path, strict=strict))

    def list_directory(self, path: str = "/", *, strict: bool = False) -> list[FileInfo]:
        """The direct children, sorted by path by code point; ``[]`` for a missing path and for a file.

        With ``strict`` it is ``[]`` for an empty directory only, else an error: ``PathNotFoundError``,
        ``ParentNotDirectoryError`` below a file, ``PathNotDirectoryError`` for a file. What is told was so at
        a moment of the call; to find that out takes further looks.
        """
        return self._loop.run(self._asynchronous.list_directory(path, strict=strict))

    def write_file(
        self,
        path: str,
        content: str,
        encoding: Encoding = "text",
        *,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> SessionFile:
        """Create or replace a file, with its missing parents, and return it as stored.

        ``id`` and ``created_at`` survive an overwrite; ``updated_at`` and ``revision`` move. With
        ``if_revision`` the current revision must be that one, with ``if_absent`` nothing may be
        there: otherwise ``RevisionConflictError``. The check and the write are one atomic step.
        """
        return self._loop.run(
            self._asynchronous.write_file(
                path, content, encoding, if_revision=if_revision, if_absent=if_absent
            )
        )

    def write_bytes(
        self,
        path: str,
        data: bytes | bytearray | memoryview,
        *,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> FileInfo:
        """Create or replace a file of bytes, with its missing parents, and return its line of a listing.

        What ``write_file`` does with these bytes in base64, under the same conditions, without making base64
        of them: ``read_file`` shows it so. ``data`` of a kind that can change is copied at the call.
        """
        return self._loop.run(
            self._asynchronous.write_bytes(path, data, if_revision=if_revision, if_absent=if_absent)
        )

    def write_file_if_content_matches(
        self, path: str, expected_content: str, expected_encoding: Encoding, content: str, encoding: Encoding
    ) -> SessionFile | None:
        """Replace a file only if it holds exactly what is expected; atomic.

        ``None``, and nothing written, when it is missing, a directory or different.
        """
        return self._loop.run(
            self._asynchronous.write_file_if_content_matches(
                path, expected_content, expected_encoding, content, encoding
            )
        )

    def seed_initial_file(self, file: InitialFile) -> SessionFile:
        """Put a file in place for trusted host code, over any file, read-only or not."""
        return self._loop.run(self._asynchronous.seed_initial_file(file))

    def edit_file(self, path: str, old: str, new: str, *, replace_all: bool = False) -> EditedFile:
        """Replace ``old``, which must be there exactly once unless ``replace_all``; atomic.

        Answers with the file, and as ``replaced`` with the numbers of the lines in which replacements begin.
        ``EditError`` when ``old`` is missing or ambiguous, with the numbers of the nearest lines or of those
        where it is, ``PathNotFoundError`` when the file is missing, ``InvalidContentError`` when it is not
        text. Parallel edits of different parts all survive.
        """
        return self._loop.run(self._asynchronous.edit_file(path, old, new, replace_all=replace_all))

    def append_file(self, path: str, content: str, encoding: Encoding = "text") -> FileInfo:
        """Add to the end of a file, which is created when missing, and return its line of a listing; atomic.

        ``InvalidContentError`` when the file has another encoding.
        """
        return self._loop.run(self._asynchronous.append_file(path, content, encoding))

    def append_bytes(self, path: str, data: bytes | bytearray | memoryview) -> FileInfo:
        """Add bytes to the end of a file of bytes, which is created when missing; atomic.

        ``InvalidContentError`` when it is a text, whatever the bytes are.
        """
        return self._loop.run(self._asynchronous.append_bytes(path, data))

    def create_directory(self, path: str, *, exist_ok: bool = True) -> FileInfo:
        """Create a directory and its missing parents; one that exists is returned as it is.

        ``PathExistsError`` where a file is and, without ``exist_ok``, where a directory is, the root too.
        """
        return self._loop.run(self._asynchronous.create_directory(path, exist_ok=exist_ok))

    def delete_file(self, path: str, recursive: bool = False, *, strict: bool = False) -> bool:
        """Remove a file or a directory; ``True`` only when something was removed.

        ``False``, and nothing touched: missing; read-only; the root; a non-empty directory without
        ``recursive``; a recursive delete that would take a read-only file along.

        With ``strict`` each of these is an error: ``PathNotFoundError``, ``ParentNotDirectoryError`` below a
        file, ``ReadOnlyFileError`` (of several the first by path), ``DirectoryNotEmptyError``, and
        ``InvalidPathError`` for the root.
        """
        return self._loop.run(self._asynchronous.delete_file(path, recursive, strict=strict))

    def copy_file(self, source: str, destination: str, *, overwrite: bool = False) -> FileInfo:
        """Copy a file or a whole tree; returns what is now at ``destination``.

        Missing parents are created. The copies have their own ``id`` and times, and are not
        read-only. ``overwrite`` lets a file replace a file; a directory is never replaced or
        merged (``PathIsDirectoryError`` for a file onto it, ``PathExistsError`` for a tree onto
        anything). ``PathNotFoundError`` when the source is missing. ``InvalidPathError``, and nothing
        is copied, when the path of anything below it would have more than 4096 bytes in UTF-8.
        """
        return self._loop.run(self._asynchronous.copy_file(source, destination, overwrite=overwrite))

    def move_file(self, source: str, destination: str, *, overwrite: bool = False) -> FileInfo:
        """Move a file or a whole tree; returns what is now at ``destination``.

        As ``copy_file``, but what is moved keeps ``id`` and ``created_at`` (its revision moves),
        and a read-only file in the source is ``ReadOnlyFileError``, whatever its path would become.
        """
        return self._loop.run(self._asynchronous.move_file(source, destination, overwrite=overwrite))

    def apply_changes(self, changes: Sequence[AnyFileChange]) -> list[FileInfo | None]:
        """Make several changes (``everstore.changes``), in their order: all or nothing, one atomic step.

        ``Write``, ``WriteBytes``, ``Edit``, ``Append``, ``AppendBytes``, ``Delete``, ``Move``, ``Copy`` and
        ``MakeDirectory`` are what their verbs do; each sees those before it. The answer has what is then at
        the path of each, ``None`` for a ``Delete``, which is always ``strict``. No changes answer ``[]``.

        The error is that of the first change that is refused, with its place in the list, from 0, as
        ``error.index``; then nothing was changed. All arguments are looked at before any change is tried,
        and so is whether a file that is written is too large by itself.
        """
        return self._loop.run(self._asynchronous.apply_changes(changes))

    def list_tree(
        self, path: str = "/", *, depth: int | None = None, after: str | None = None, limit: int | None = None
    ) -> list[FileInfo]:
        """Everything below a directory at one moment, files and directories, sorted by path by code point.

        The directory itself is not among them; ``[]`` is the answer for a missing path and for a file. With
        ``depth`` so many levels are listed: 1 are the direct children. At most ``limit`` are, the first
        whose path comes after ``after``, where nothing need be (any more): after the last path of a page
        begins the next one. In the order of paths ``/a.txt`` comes between ``/a`` and ``/a/b``.
        """
        return self._loop.run(self._asynchronous.list_tree(path, depth=depth, after=after, limit=limit))

    def stat_file(self, path: str) -> FileStat | None:
        """What is at the path, without its content; ``None`` when missing. The root always exists."""
        return self._loop.run(self._asynchronous.stat_file(path))

    def read_bytes(self, path: str, start: int = 0, length: int | None = None) -> bytes | None:
        """The bytes of a file from ``start`` on, at most ``length``; of a text those of its UTF-8.

        A negative ``start`` counts from the end, and means the beginning where that is nearer. ``b""`` from
        the end on; ``None`` when missing or a directory.
        """
        return self._loop.run(self._asynchronous.read_bytes(path, start, length))

    def read_lines(self, path: str, start: int = 1, limit: int | None = None) -> FileLines | None:
        """Lines ``start`` (from 1) and following, at most ``limit``, if more follow, and how many there are.

        A negative ``start`` counts from the end: -20 begins with the last twenty, or with all where there are
        fewer; 0 is refused (``InvalidArgumentError``). ``None`` when missing or a directory;
        ``InvalidContentError`` when it is not text.
        """
        return self._loop.run(self._asynchronous.read_lines(path, start, limit))

    def grep_files(
        self,
        pattern: str,
        path_pattern: str | None = None,
        *,
        regex: bool = False,
        ignore_case: bool = False,
        before: int = 0,
        after: int = 0,
        limit: int | None = None,
    ) -> list[GrepMatch]:
        """Lines that contain ``pattern``, sorted by path, then line; at most ``limit``.

        A literal by default, RE2 syntax with ``regex`` (``InvalidPatternError`` when it is not, or too
        large). ``path_pattern`` is a substring of the path or, with ``*``, ``?``, ``[`` or ``{a,b}``, a
        glob. ``before`` and ``after`` ask for so many neighbouring lines, 100 at most
        (``InvalidArgumentError``).
        """
        return self._loop.run(
            self._asynchronous.grep_files(
                pattern,
                path_pattern,
                regex=regex,
                ignore_case=ignore_case,
                before=before,
                after=after,
                limit=limit,
            )
        )

    def glob_files(self, pattern: str) -> list[FileInfo]:
        """The files (no directories) whose path the glob selects, sorted by path.

        ``*`` and ``?`` stay within a segment, ``**`` crosses them, ``[a-z]`` is one character of several,
        ``{a,b}`` either alternative; without a ``/`` the glob is about the name, at any depth. The file that
        is spelled exactly like the glob is selected, too. ``InvalidPatternError`` for a ``..`` segment, and
        for what is too large.
        """
        return self._loop.run(self._asynchronous.glob_files(pattern))

    def usage(self) -> FileUsage:
        """How many files and directories the session has, the files' bytes, and the latest write of any.

        All of one moment. Bytes are those of the contents, as ``session_bytes`` counts them; the root is not
        counted. Of an empty session all are 0, and ``last_write_at`` is ``None``.
        """
        return self._loop.run(self._asynchronous.usage())


class BoundStorage(Face[session.BoundStorage]):
    """``session.BoundStorage``, each verb of which waits for its answer."""

    __slots__ = ()

    def read_value(self, key: str) -> StoredValue | None:
        """A value with its revision and times, all of one moment; ``None`` when absent.

        To update a value without losing somebody else's: read it here, then
        ``set_value(..., if_revision=found.revision)``.
        """
        return self._loop.run(self._asynchronous.read_value(key))

    def read_values(
        self, prefix: str = "", *, after: str | None = None, limit: int | None = None, reverse: bool = False
    ) -> list[StoredValue]:
        """The values whose keys begin with ``prefix``, of one moment, sorted by key by code point.

        Those behind the key ``after``, which may be gone, and ``limit`` at most; ``None`` is all. With
        ``reverse`` from the last key on, and those before ``after``. What it costs follows the answer, not
        what the session holds: ten of many are a quick call.

        Implementers: ``everstore.paging.KeyPage`` makes one range of these.
        """
        return self._loop.run(
            self._asynchronous.read_values(prefix, after=after, limit=limit, reverse=reverse)
        )

    def get_secret(self, name: str) -> str | None:
        """The secret; ``None`` when absent."""
        return self._loop.run(self._asynchronous.get_secret(name))

    def list_secrets(self) -> list[SecretInfo]:
        """Names and times, never values, sorted by name by code point."""
        return self._loop.run(self._asynchronous.list_secrets())

    def set_value(
        self,
        key: str,
        value: str,
        *,
        ttl: float | None = None,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> KeyInfo:
        """Set a value, and answer with the revision and times that it got; ``created_at`` survives an update.

        With ``if_revision`` the current revision must be that one, with ``if_absent`` nothing may
        be there: otherwise ``RevisionConflictError``, and nothing is written.
        """
        return self._loop.run(
            self._asynchronous.set_value(key, value, ttl=ttl, if_revision=if_revision, if_absent=if_absent)
        )

    def set_values(
        self, values: Mapping[str, str], *, ttl: float | None = None, if_absent: bool = False
    ) -> list[KeyInfo]:
        """Set many values, all or nothing, in one step; what ``set_value`` answers for each, in order.

        With ``if_absent`` nothing may be at any of the keys. The error is that of the first key that is
        refused, and tells its place among them, from 0, as ``error.index``; each counts towards the limits
        with those before it, and one that is too large by itself is told of before what the session as a
        whole may not hold. No values are set without asking the storage, and answered with ``[]``.
        """
        return self._loop.run(self._asynchronous.set_values(values, ttl=ttl, if_absent=if_absent))

    def change_values(self, changes: Sequence[AnyValueChange]) -> list[KeyInfo | bool | int]:
        """Make several changes (``everstore.changes``), in their order: all or nothing, one atomic step.

        ``SetValue``, ``DeleteValue``, ``TouchValue`` and ``Increment`` are what their verbs do, conditions
        included; each sees those before it. The answer has what each verb answers, ``[]`` of no changes. An
        entry of a log and the mark that counts it, or a move from one key to another, are one call so.

        The error is that of the first change that is refused, with its place in the list, from 0, as
        ``error.index``; then nothing was changed. All arguments are looked at before any change is tried,
        and so is whether a key or a value is too large by itself.
        """
        return self._loop.run(self._asynchronous.change_values(changes))

    def delete_value(self, key: str, *, if_revision: str | None = None) -> bool:
        """Remove a value; whether there was one.

        With ``if_revision`` the current revision must be that one: otherwise, where nothing is there too,
        ``RevisionConflictError``, and nothing is removed.
        """
        return self._loop.run(self._asynchronous.delete_value(key, if_revision=if_revision))

    def touch_value(self, key: str, *, ttl: float | None) -> bool:
        """Give a value a new time to live, or none with ``None``; ``False`` where nothing is there.

        Nothing else of it changes, neither its revision nor ``updated_at``: no conditional write fails for
        it, and no write that is made at the same moment is lost.
        """
        return self._loop.run(self._asynchronous.touch_value(key, ttl=ttl))

    def increment_value(self, key: str, amount: int = 1) -> int:
        """Add to an integer kept as decimal text, and return the sum; absent counts as 0.

        Exact under any number of writers. A time to live stays. ``InvalidContentError``, and the
        value stays, when it is no integer or the sum leaves 64 bits. The digits, 20 bytes at most with
        their sign, are not held against any limit of a value's size.
        """
        return self._loop.run(self._asynchronous.increment_value(key, amount))

    def set_secret(self, name: str, value: str, *, ttl: float | None = None) -> None:
        """Set a secret; ``created_at`` survives an update."""
        return self._loop.run(self._asynchronous.set_secret(name, value, ttl=ttl))

    def delete_secret(self, name: str) -> bool:
        """Remove a secret; whether there was one."""
        return self._loop.run(self._asynchronous.delete_secret(name))

    def get_value(self, key: str) -> str | None:
        """The value; ``None`` when absent (the empty value is not)."""
        return self._loop.run(self._asynchronous.get_value(key))

    def get_values(self, keys: Collection[str]) -> dict[str, str]:
        """The values of these keys, all of one moment, in the order of ``keys``; what is absent is left out.

        As many keys as wanted: one call, and a key that is given twice counts once. Backends are handed each
        key once.
        """
        return self._loop.run(self._asynchronous.get_values(keys))

    def stat_value(self, key: str) -> KeyInfo | None:
        """A key's times and revision; ``None`` when absent."""
        return self._loop.run(self._asynchronous.stat_value(key))

    def list_keys(
        self, prefix: str = "", *, after: str | None = None, limit: int | None = None, reverse: bool = False
    ) -> list[KeyInfo]:
        """The keys that begin with ``prefix``, with times and revisions, sorted by key by code point.

        Those behind the key ``after``, which may be gone, and ``limit`` at most; ``None`` is all. With
        ``reverse`` from the last key on, and those before ``after``. What it costs follows the answer.
        """
        return self._loop.run(self._asynchronous.list_keys(prefix, after=after, limit=limit, reverse=reverse))

    def usage(self) -> StorageUsage:
        """How many values and secrets the session has, and the latest write of any of them.

        All of one moment; what is past its time does not count. Of an empty session both are 0, and
        ``last_write_at`` is ``None``.
        """
        return self._loop.run(self._asynchronous.usage())


class BoundVerbs(Face[session.BoundSession]):
    """``session.BoundSession``, each verb of which waits for its answer."""

    __slots__ = ()

    def usage(self) -> SessionUsage:
        """What the session holds: files, directories, bytes, values, secrets, and when it was last written.

        What the files are is of one moment, and so is what the values and secrets are. Of an empty session
        all are 0, and ``last_write_at`` is ``None``. The record counts for nothing.
        """
        return self._loop.run(self._asynchronous.usage())


class StoreVerbs(Face[store.Store]):
    """``store.Store``, each verb of which waits for its answer."""

    __slots__ = ()

    def create_session(
        self,
        title: str | None = None,
        *,
        session_id: UUID | None = None,
        files: Iterable[InitialFile] = (),
        labels: Mapping[str, str] | None = None,
        limits: SessionLimits | Limits | Mapping[str, int | None] | None = None,
    ) -> Session:
        """Make a session with a record, and perhaps its first files; returns the record.

        The id is a fresh UUID version 7 unless one is given (whose record is then replaced). The
        record is written last: a session in ``list_sessions`` has all its files.

        ``limits`` are those of this session: ``{"session_entries": 100, "session_bytes": 1 << 20}`` and the
        like, ``session_keys`` and ``session_value_bytes``. They may only be lower than the store's, and hold
        until the session is deleted, whoever opens the store. Under an id that was given they replace all
        those it had: ``{}`` takes them away, ``None`` leaves them. ``InvalidArgumentError`` for another limit
        or a higher one, ``UnsupportedError`` where a backend cannot keep them.

        When it fails or is cancelled, what it had made of a fresh session is removed again. Under an id that
        was given, nothing is removed: what was there is the caller's, and calling again finishes the
        job. The error says ``session_id``, and in a note what has stayed.
        """
        return self._loop.run(
            self._asynchronous.create_session(
                title, session_id=session_id, files=files, labels=labels, limits=limits
            )
        )

    def delete_session(self, session_id: UUID | Session, *, keep_checkpoints: bool = False) -> bool:
        """Remove a session: files, values, secrets and record; whether there was anything.

        Its checkpoints go with it, and first, unless they are to be kept: each is found by its id then, and
        all by ``list_checkpoints`` still. Forks of it stay, whole. The record goes last. After a crash on the
        way, run it again: it finishes the job. ``ReadOnlySessionError`` for a checkpoint, which
        ``delete_checkpoint`` removes.
        """
        return self._loop.run(
            self._asynchronous.delete_session(session_id, keep_checkpoints=keep_checkpoints)
        )

    def fork_session(
        self,
        source: UUID | Session | Checkpoint,
        *,
        title: str | None = None,
        labels: Mapping[str, str] | None = None,
        session_id: UUID | None = None,
        secrets: bool = False,
        base: bool = True,
    ) -> Session:
        """Make a session that has what this one has at one moment, and goes its own way; returns its record.

        Files and values, whatever they weigh, at the cost of their number: no content is copied. Times, time
        to live, read-only marks and limits of its own are the same; ids and revisions are not. ``secrets``
        come along only when asked for, and are sealed anew. The record has ``parent``, and the title and
        labels of the other unless they are given; of a checkpoint, ``parent`` is the session that it is of.

        With ``base`` its starting point is kept as a checkpoint of the fork, which ``merge`` needs and
        ``delete_session`` frees. Files are of one moment, and so are values; the record is written last.

        ``UnsupportedError``, and nothing happens, where a backend cannot fork; ``SessionNotEmptyError`` when
        files or values are under a given ``session_id``, or secrets when some are to come. When it fails or
        is cancelled, what it had made of a fresh session is removed; under a given id it may stay, which the
        error says, and ``delete_session`` removes it.
        """
        return self._loop.run(
            self._asynchronous.fork_session(
                source, title=title, labels=labels, session_id=session_id, secrets=secrets, base=base
            )
        )

    def checkpoint(self, session_id: UUID | Session, label: str = "") -> Checkpoint:
        """Keep what a session has at one moment: a session by itself, which verbs read and none changes.

        ``store.session(checkpoint.id)`` reads it; a verb that would change it is ``ReadOnlySessionError``.
        Secrets are not in it. It costs what a fork costs. ``UnsupportedError``, and nothing happens, where a
        backend cannot.
        """
        return self._loop.run(self._asynchronous.checkpoint(session_id, label))

    def list_checkpoints(
        self, session_id: UUID | Session, *, limit: int | None = None, after: Checkpoint | UUID | None = None
    ) -> list[Checkpoint]:
        """The checkpoints of a session, newest first; at most ``limit``, those that follow ``after``.

        That of a fork's starting point is one of them, with the label ``base``. ``[]`` when there are none.
        ``after`` need not be there any more; of an id that nothing has it is ``CheckpointNotFoundError``.
        """
        return self._loop.run(self._asynchronous.list_checkpoints(session_id, limit=limit, after=after))

    def delete_checkpoint(self, checkpoint: Checkpoint | UUID) -> bool:
        """Remove a checkpoint; whether it was there. What only it had is freed.

        ``InvalidArgumentError`` for what is no checkpoint's id. Run again after a crash it finishes the job;
        until then nobody can go back to what is left.
        """
        return self._loop.run(self._asynchronous.delete_checkpoint(checkpoint))

    def rewind(
        self, session_id: UUID | Session, checkpoint: Checkpoint | UUID, *, keep: bool = True
    ) -> Checkpoint | None:
        """Have a session be again what it was at one of its checkpoints; the checkpoint of the moment before.

        Files in one step, then values: whoever looks sees what was, or what is again, and no write is lost,
        for what was there at that very moment is kept as a checkpoint, by which rewinding is undone. With
        ``keep=False`` it is not, and the answer is ``None``. Revisions never repeat: an ``if_revision`` from
        the time line that was left does not hold. Id, record, secrets and limits stay.

        ``CheckpointNotFoundError`` when there is no such checkpoint, or it is another session's; fork that.
        """
        return self._loop.run(self._asynchronous.rewind(session_id, checkpoint, keep=keep))

    def diff(
        self,
        a: UUID | Session | Checkpoint,
        b: UUID | Session | Checkpoint,
        *,
        after: str | None = None,
        limit: int | None = None,
        text: bool = False,
    ) -> list[FileChange]:
        """What is different in the files of ``b``: added, removed or changed, sorted by path by code point.

        Those that follow the path ``after``, and ``limit`` at most; fewer only when no more follow. With
        ``text`` each has a unified difference of its contents, which says so where these are binary or large.
        """
        return self._loop.run(self._asynchronous.diff(a, b, after=after, limit=limit, text=text))

    def diff_values(
        self,
        a: UUID | Session | Checkpoint,
        b: UUID | Session | Checkpoint,
        *,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[ValueChange]:
        """What is different in the values of ``b``, sorted by key by code point; of secrets nothing is told.

        Those that follow the key ``after``, and ``limit`` at most; fewer only when no more follow.
        """
        return self._loop.run(self._asynchronous.diff_values(a, b, after=after, limit=limit))

    def merge(
        self, fork: UUID | Session, into: UUID | Session | None = None, *, prefer: Prefer | None = None
    ) -> Merged:
        """Take what a fork changed since it began into its parent, or another session; what changed there.

        What only one side changed is taken, what both changed in the same way is done. What they changed
        differently is a ``MergeConflictError`` with all ``paths`` and ``keys``, and nothing is changed; with
        ``prefer`` that side's is taken there. Files are applied in one step, then values in another, as
        ``apply_changes`` and ``change_values`` do: nobody's write is lost, neither one that comes meanwhile.
        Secrets and read-only marks are not merged. ``CheckpointNotFoundError`` when the fork's starting point
        was not kept, ``ReadOnlyFileError``, and nothing is changed, when a file to change is read-only there.
        """
        return self._loop.run(self._asynchronous.merge(fork, into, prefer=prefer))

    def usage(self, session_id: UUID) -> SessionUsage:
        """What a session holds: see ``BoundSession.usage``."""
        return self._loop.run(self._asynchronous.usage(session_id))

    def session_ids(self, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        """A page of the ids of all sessions that hold anything, record or not, ascending, each once.

        A file, a directory, a value, a secret or a record is something; what is past its time is not. For
        the next page pass the last id of this one as ``after``: it need not hold anything any more. Fewer
        than ``limit`` only when no more follow, ``[]`` when there are none. What each part answers is of one
        moment. ``UnsupportedError`` where one of the backends cannot list them.
        """
        return self._loop.run(self._asynchronous.session_ids(after, limit))

    def ping(self) -> None:
        """Ask each role for something that is not there: an error says that the store is not ready.

        For a probe of readiness: it reads, of a session that nobody has, and writes nothing.
        """
        return self._loop.run(self._asynchronous.ping())
