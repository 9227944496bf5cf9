"""The verbs of the interfaces without ``await``.

Generated from those by tests/sync/generate.py: do not edit.
"""

# ruff: noqa: FBT001, FBT002 - the signatures are those of the interfaces

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from msgspec import UNSET

from everstore import interfaces
from everstore.sync.loop import Face

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Literal
    from uuid import UUID

    from msgspec import UnsetType

    from everstore.changes import AnyFileChange, AnyValueChange, FileTimes, SecretTimes, ValueTimes
    from everstore.interfaces import Capabilities
    from everstore.models import (
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
        SecretInfo,
        Session,
        SessionFile,
        StorageUsage,
        StoredSecret,
        StoredValue,
        ValueChange,
    )
    from everstore.session_limits import SessionLimits

__all__ = ["OpenFileSystem", "SecretRotation", "SessionStorageStore", "SessionStore"]


class OpenFileSystem(Face[interfaces.OpenFileSystem]):
    """``interfaces.OpenFileSystem``, each verb of which waits for its answer."""

    __slots__ = ()

    @property
    def capabilities(self) -> Capabilities:
        """What the backend claims."""
        return self._asynchronous.capabilities

    @overload
    def read_file(self, session_id: UUID, path: str, *, strict: Literal[True]) -> SessionFile: ...

    @overload
    def read_file(self, session_id: UUID, path: str, *, strict: bool = ...) -> SessionFile | None: ...

    def read_file(self, session_id: UUID, path: str, *, strict: bool = False) -> SessionFile | None:
        """The file with its content; a directory with ``content=None``; ``None`` when missing.

        The root always exists.

        With ``strict`` it is a file, or an error: ``PathNotFoundError``, ``ParentNotDirectoryError`` below a
        file, ``PathIsDirectoryError``. What is told was so at a moment of the call; to find that out takes
        further looks.
        """
        return self._loop.run(self._asynchronous.read_file(session_id, path, strict=strict))

    def list_directory(self, session_id: UUID, path: str = "/", *, strict: bool = False) -> list[FileInfo]:
        """The direct children, sorted by path by code point; ``[]`` for a missing path and for a file.

        With ``strict`` it is ``[]`` for an empty directory only, else an error: ``PathNotFoundError``,
        ``ParentNotDirectoryError`` below a file, ``PathNotDirectoryError`` for a file. What is told was so at
        a moment of the call; to find that out takes further looks.
        """
        return self._loop.run(self._asynchronous.list_directory(session_id, path, strict=strict))

    def purge_session(self, session_id: UUID) -> bool:
        """Remove every file of the session, read-only ones too; whether there was anything.

        The session's limits go with them, and are not counted as anything.
        """
        return self._loop.run(self._asynchronous.purge_session(session_id))

    def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        """Keep limits of the session's files, in place of those it had, until it is purged.

        They hold for every client from then on, each beside the store's: the lower one counts. What is there
        already stays. ``limits.of_files`` is what concerns files; where that is ``None``, none are kept.

        Implementers: they are read in the transaction of a change; ``context.limits.of_files_with`` is what
        the rules then take. Without it, limiting a session's files is ``UnsupportedError``.
        """
        return self._loop.run(self._asynchronous.limit_session(session_id, limits))

    def write_file(
        self,
        session_id: UUID,
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
                session_id, path, content, encoding, if_revision=if_revision, if_absent=if_absent
            )
        )

    def write_bytes(
        self,
        session_id: UUID,
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
            self._asynchronous.write_bytes(
                session_id, path, data, if_revision=if_revision, if_absent=if_absent
            )
        )

    def write_file_if_content_matches(
        self,
        session_id: UUID,
        path: str,
        expected_content: str,
        expected_encoding: Encoding,
        content: str,
        encoding: Encoding,
    ) -> SessionFile | None:
        """Replace a file only if it holds exactly what is expected; atomic.

        ``None``, and nothing written, when it is missing, a directory or different.
        """
        return self._loop.run(
            self._asynchronous.write_file_if_content_matches(
                session_id, path, expected_content, expected_encoding, content, encoding
            )
        )

    def seed_initial_file(self, session_id: UUID, file: InitialFile) -> SessionFile:
        """Put a file in place for trusted host code, over any file, read-only or not."""
        return self._loop.run(self._asynchronous.seed_initial_file(session_id, file))

    def edit_file(
        self, session_id: UUID, path: str, old: str, new: str, *, replace_all: bool = False
    ) -> EditedFile:
        """Replace ``old``, which must be there exactly once unless ``replace_all``; atomic.

        Answers with the file, and as ``replaced`` with the numbers of the lines in which replacements begin.
        ``EditError`` when ``old`` is missing or ambiguous, with the numbers of the nearest lines or of those
        where it is, ``PathNotFoundError`` when the file is missing, ``InvalidContentError`` when it is not
        text. Parallel edits of different parts all survive.
        """
        return self._loop.run(
            self._asynchronous.edit_file(session_id, path, old, new, replace_all=replace_all)
        )

    def append_file(self, session_id: UUID, path: str, content: str, encoding: Encoding = "text") -> FileInfo:
        """Add to the end of a file, which is created when missing, and return its line of a listing; atomic.

        ``InvalidContentError`` when the file has another encoding.
        """
        return self._loop.run(self._asynchronous.append_file(session_id, path, content, encoding))

    def append_bytes(self, session_id: UUID, path: str, data: bytes | bytearray | memoryview) -> FileInfo:
        """Add bytes to the end of a file of bytes, which is created when missing; atomic.

        ``InvalidContentError`` when it is a text, whatever the bytes are.
        """
        return self._loop.run(self._asynchronous.append_bytes(session_id, path, data))

    def create_directory(self, session_id: UUID, path: str, *, exist_ok: bool = True) -> FileInfo:
        """Create a directory and its missing parents; one that exists is returned as it is.

        ``PathExistsError`` where a file is and, without ``exist_ok``, where a directory is, the root too.
        """
        return self._loop.run(self._asynchronous.create_directory(session_id, path, exist_ok=exist_ok))

    def delete_file(
        self, session_id: UUID, path: str, recursive: bool = False, *, strict: bool = False
    ) -> bool:
        """Remove a file or a directory; ``True`` only when something was removed.

        ``False``, and nothing touched: missing; read-only; the root; a non-empty directory without
        ``recursive``; a recursive delete that would take a read-only file along.

        With ``strict`` each of these is an error: ``PathNotFoundError``, ``ParentNotDirectoryError`` below a
        file, ``ReadOnlyFileError`` (of several the first by path), ``DirectoryNotEmptyError``, and
        ``InvalidPathError`` for the root.
        """
        return self._loop.run(self._asynchronous.delete_file(session_id, path, recursive, strict=strict))

    def copy_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        """Copy a file or a whole tree; returns what is now at ``destination``.

        Missing parents are created. The copies have their own ``id`` and times, and are not
        read-only. ``overwrite`` lets a file replace a file; a directory is never replaced or
        merged (``PathIsDirectoryError`` for a file onto it, ``PathExistsError`` for a tree onto
        anything). ``PathNotFoundError`` when the source is missing. ``InvalidPathError``, and nothing
        is copied, when the path of anything below it would have more than 4096 bytes in UTF-8.
        """
        return self._loop.run(
            self._asynchronous.copy_file(session_id, source, destination, overwrite=overwrite)
        )

    def move_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        """Move a file or a whole tree; returns what is now at ``destination``.

        As ``copy_file``, but what is moved keeps ``id`` and ``created_at`` (its revision moves),
        and a read-only file in the source is ``ReadOnlyFileError``, whatever its path would become.
        """
        return self._loop.run(
            self._asynchronous.move_file(session_id, source, destination, overwrite=overwrite)
        )

    def apply_changes(self, session_id: UUID, changes: Sequence[AnyFileChange]) -> list[FileInfo | None]:
        """Make several changes (``everstore.changes``), in their order: all or nothing, one atomic step.

        ``Write``, ``WriteBytes``, ``Edit``, ``Append``, ``AppendBytes``, ``Delete``, ``Move``, ``Copy`` and
        ``MakeDirectory`` are what their verbs do; each sees those before it. The answer has what is then at
        the path of each, ``None`` for a ``Delete``, which is always ``strict``. No changes answer ``[]``.

        The error is that of the first change that is refused, with its place in the list, from 0, as
        ``error.index``; then nothing was changed. All arguments are looked at before any change is tried,
        and so is whether a file that is written is too large by itself.
        """
        return self._loop.run(self._asynchronous.apply_changes(session_id, changes))

    def restore_times(self, session_id: UUID, times: Sequence[FileTimes]) -> list[bool]:
        """Give files and directories the times that they had elsewhere; of each whether it is there.

        All in one step, read-only files too; of several of one path the last counts. Nothing else changes,
        neither contents nor revisions, so no condition fails for it; only an ``id``, which is made of
        ``created_at``, becomes another with it. ``False`` where nothing is, and of the root. From then on
        times move as ever: an overwrite keeps ``created_at``.

        For trusted host code that brings a session back, as an import does.
        """
        return self._loop.run(self._asynchronous.restore_times(session_id, times))

    def list_tree(
        self,
        session_id: UUID,
        path: str = "/",
        *,
        depth: int | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[FileInfo]:
        """Everything below a directory at one moment, files and directories, sorted by path by code point.

        The directory itself is not among them; ``[]`` is the answer for a missing path and for a file. With
        ``depth`` so many levels are listed: 1 are the direct children. At most ``limit`` are, the first
        whose path comes after ``after``, where nothing need be (any more): after the last path of a page
        begins the next one. In the order of paths ``/a.txt`` comes between ``/a`` and ``/a/b``.
        """
        return self._loop.run(
            self._asynchronous.list_tree(session_id, path, depth=depth, after=after, limit=limit)
        )

    def stat_file(self, session_id: UUID, path: str) -> FileStat | None:
        """What is at the path, without its content; ``None`` when missing. The root always exists."""
        return self._loop.run(self._asynchronous.stat_file(session_id, path))

    def read_bytes(
        self, session_id: UUID, path: str, start: int = 0, length: int | None = None
    ) -> bytes | None:
        """The bytes of a file from ``start`` on, at most ``length``; of a text those of its UTF-8.

        A negative ``start`` counts from the end, and means the beginning where that is nearer. ``b""`` from
        the end on; ``None`` when missing or a directory.
        """
        return self._loop.run(self._asynchronous.read_bytes(session_id, path, start, length))

    def read_lines(
        self, session_id: UUID, path: str, start: int = 1, limit: int | None = None
    ) -> FileLines | None:
        """Lines ``start`` (from 1) and following, at most ``limit``, if more follow, and how many there are.

        A negative ``start`` counts from the end: -20 begins with the last twenty, or with all where there are
        fewer; 0 is refused (``InvalidArgumentError``). ``None`` when missing or a directory;
        ``InvalidContentError`` when it is not text.
        """
        return self._loop.run(self._asynchronous.read_lines(session_id, path, start, limit))

    def grep_files(
        self,
        session_id: UUID,
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
                session_id,
                pattern,
                path_pattern,
                regex=regex,
                ignore_case=ignore_case,
                before=before,
                after=after,
                limit=limit,
            )
        )

    def glob_files(self, session_id: UUID, pattern: str) -> list[FileInfo]:
        """The files (no directories) whose path the glob selects, sorted by path.

        ``*`` and ``?`` stay within a segment, ``**`` crosses them, ``[a-z]`` is one character of several,
        ``{a,b}`` either alternative; without a ``/`` the glob is about the name, at any depth. The file that
        is spelled exactly like the glob is selected, too. ``InvalidPatternError`` for a ``..`` segment, and
        for what is too large.
        """
        return self._loop.run(self._asynchronous.glob_files(session_id, pattern))

    def usage(self, session_id: UUID) -> FileUsage:
        """How many files and directories the session has, the files' bytes, and the latest write of any.

        All of one moment. Bytes are those of the contents, as ``session_bytes`` counts them; the root is not
        counted. Of an empty session all are 0, and ``last_write_at`` is ``None``.
        """
        return self._loop.run(self._asynchronous.usage(session_id))

    def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        """A page of the ids of all sessions that have a file or a directory, ascending.

        For the next page pass the last id of this one as ``after``: it need not hold anything any more. Fewer
        than ``limit`` only when no more follow, ``[]`` when there are none.

        Implementers: no default can be made of other verbs; without it no one finds the files of a session
        whose id is lost, and asking is ``UnsupportedError``.
        """
        return self._loop.run(self._asynchronous.session_ids(after=after, limit=limit))

    def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
        """Let a session have, from one moment on, the files that another had at one moment; atomic.

        ``target`` gets every entry of ``source`` with its path, content, encoding, read-only mark and times;
        each has another ``id``, and a ``revision`` that nothing ever had. From then on neither sees what is
        done to the other. It costs what the entries do, whatever their contents: none is read or written.

        ``target`` must hold no entries, else ``SessionNotEmptyError``, and nothing happens. With ``replaced``
        it may: all that it held is then that session's, which must hold none, in the same step, and none of
        it is left where ``source`` holds none.

        No limit refuses a fork. Without ``replaced`` a ``target`` that has no limits of its own gets those
        of ``source``; with it nobody's limits change.

        ``InvalidArgumentError`` for the same id twice.

        Implementers: contents are shared, or else a fork costs their bytes. Claimed as
        ``capabilities.forks``; without it forking a session's files is ``UnsupportedError``.
        """
        return self._loop.run(self._asynchronous.fork_session(source, target, replaced=replaced))

    def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[FileChange]:
        """How the files of ``b`` differ from those of ``a``, both of one moment, sorted by path.

        Those behind the path ``after``, and ``limit`` at most; ``None`` is all. Directories are among them,
        the root is not. Something is changed where one is a file and the other a directory, and where bytes,
        encoding or read-only mark differ; times, ids and revisions tell nothing. ``text`` of each is
        ``None``.

        Implementers: contents are told apart by what identifies them: something that is shared, or a size and
        a digest; at most small ones that were written anew in the same size are compared. Claimed with
        ``fork_session``; without it, it is ``UnsupportedError``.
        """
        return self._loop.run(self._asynchronous.diff_sessions(a, b, after=after, limit=limit))


class SessionStorageStore(Face[interfaces.SessionStorageStore]):
    """``interfaces.SessionStorageStore``, each verb of which waits for its answer."""

    __slots__ = ()

    @property
    def capabilities(self) -> Capabilities:
        """What the backend claims."""
        return self._asynchronous.capabilities

    def read_value(self, session_id: UUID, key: str) -> StoredValue | None:
        """A value with its revision and times, all of one moment; ``None`` when absent.

        To update a value without losing somebody else's: read it here, then
        ``set_value(..., if_revision=found.revision)``.
        """
        return self._loop.run(self._asynchronous.read_value(session_id, key))

    def read_values(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[StoredValue]:
        """The values whose keys begin with ``prefix``, of one moment, sorted by key by code point.

        Those behind the key ``after``, which may be gone, and ``limit`` at most; ``None`` is all. With
        ``reverse`` from the last key on, and those before ``after``. What it costs follows the answer, not
        what the session holds: ten of many are a quick call.

        Implementers: ``everstore.paging.KeyPage`` makes one range of these.
        """
        return self._loop.run(
            self._asynchronous.read_values(session_id, prefix, after=after, limit=limit, reverse=reverse)
        )

    def get_secret(self, session_id: UUID, name: str) -> str | None:
        """The secret; ``None`` when absent."""
        return self._loop.run(self._asynchronous.get_secret(session_id, name))

    def list_secrets(self, session_id: UUID) -> list[SecretInfo]:
        """Names and times, never values, sorted by name by code point."""
        return self._loop.run(self._asynchronous.list_secrets(session_id))

    def purge_session(self, session_id: UUID) -> bool:
        """Remove every value and secret of the session; whether there was anything.

        The session's limits go with them, and are not counted as anything.
        """
        return self._loop.run(self._asynchronous.purge_session(session_id))

    def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        """Keep limits of the session's values and secrets, in place of those it had, until it is purged.

        They hold for every client from then on, each beside the store's: the lower one counts. What is there
        already stays. ``limits.of_values`` is what concerns these; where that is ``None``, none are kept.

        Implementers: they are read in the transaction of a change; ``context.limits.of_values_with`` is what
        the rules then take. Without it, limiting a session's values is ``UnsupportedError``.
        """
        return self._loop.run(self._asynchronous.limit_session(session_id, limits))

    def set_value(
        self,
        session_id: UUID,
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
            self._asynchronous.set_value(
                session_id, key, value, ttl=ttl, if_revision=if_revision, if_absent=if_absent
            )
        )

    def set_values(
        self,
        session_id: UUID,
        values: Mapping[str, str],
        *,
        ttl: float | None = None,
        if_absent: bool = False,
    ) -> list[KeyInfo]:
        """Set many values, all or nothing, in one step; what ``set_value`` answers for each, in order.

        With ``if_absent`` nothing may be at any of the keys. The error is that of the first key that is
        refused, and tells its place among them, from 0, as ``error.index``; each counts towards the limits
        with those before it, and one that is too large by itself is told of before what the session as a
        whole may not hold. No values are set without asking the storage, and answered with ``[]``.
        """
        return self._loop.run(self._asynchronous.set_values(session_id, values, ttl=ttl, if_absent=if_absent))

    def change_values(
        self, session_id: UUID, changes: Sequence[AnyValueChange]
    ) -> list[KeyInfo | bool | int]:
        """Make several changes (``everstore.changes``), in their order: all or nothing, one atomic step.

        ``SetValue``, ``DeleteValue``, ``TouchValue`` and ``Increment`` are what their verbs do, conditions
        included; each sees those before it. The answer has what each verb answers, ``[]`` of no changes. An
        entry of a log and the mark that counts it, or a move from one key to another, are one call so.

        The error is that of the first change that is refused, with its place in the list, from 0, as
        ``error.index``; then nothing was changed. All arguments are looked at before any change is tried,
        and so is whether a key or a value is too large by itself.
        """
        return self._loop.run(self._asynchronous.change_values(session_id, changes))

    def delete_value(self, session_id: UUID, key: str, *, if_revision: str | None = None) -> bool:
        """Remove a value; whether there was one.

        With ``if_revision`` the current revision must be that one: otherwise, where nothing is there too,
        ``RevisionConflictError``, and nothing is removed.
        """
        return self._loop.run(self._asynchronous.delete_value(session_id, key, if_revision=if_revision))

    def touch_value(self, session_id: UUID, key: str, *, ttl: float | None) -> bool:
        """Give a value a new time to live, or none with ``None``; ``False`` where nothing is there.

        Nothing else of it changes, neither its revision nor ``updated_at``: no conditional write fails for
        it, and no write that is made at the same moment is lost.
        """
        return self._loop.run(self._asynchronous.touch_value(session_id, key, ttl=ttl))

    def increment_value(self, session_id: UUID, key: str, amount: int = 1) -> int:
        """Add to an integer kept as decimal text, and return the sum; absent counts as 0.

        Exact under any number of writers. A time to live stays. ``InvalidContentError``, and the
        value stays, when it is no integer or the sum leaves 64 bits. The digits, 20 bytes at most with
        their sign, are not held against any limit of a value's size.
        """
        return self._loop.run(self._asynchronous.increment_value(session_id, key, amount))

    def set_secret(self, session_id: UUID, name: str, value: str, *, ttl: float | None = None) -> None:
        """Set a secret; ``created_at`` survives an update."""
        return self._loop.run(self._asynchronous.set_secret(session_id, name, value, ttl=ttl))

    def delete_secret(self, session_id: UUID, name: str) -> bool:
        """Remove a secret; whether there was one."""
        return self._loop.run(self._asynchronous.delete_secret(session_id, name))

    def restore_times(self, session_id: UUID, times: Sequence[ValueTimes | SecretTimes]) -> list[bool]:
        """Give values and secrets the times that they had elsewhere; of each whether it is there.

        All in one step; of several of one key or name the last counts. Nothing else changes, neither texts,
        ends nor revisions, so no condition fails for it. ``False`` where nothing is, or what is past its
        time. From then on times move as ever: an update keeps ``created_at``.

        For trusted host code that brings a session back, as an import does.
        """
        return self._loop.run(self._asynchronous.restore_times(session_id, times))

    def get_value(self, session_id: UUID, key: str) -> str | None:
        """The value; ``None`` when absent (the empty value is not)."""
        return self._loop.run(self._asynchronous.get_value(session_id, key))

    def get_values(self, session_id: UUID, keys: Collection[str]) -> dict[str, str]:
        """The values of these keys, all of one moment, in the order of ``keys``; what is absent is left out.

        As many keys as wanted: one call, and a key that is given twice counts once. Backends are handed each
        key once.
        """
        return self._loop.run(self._asynchronous.get_values(session_id, keys))

    def stat_value(self, session_id: UUID, key: str) -> KeyInfo | None:
        """A key's times and revision; ``None`` when absent."""
        return self._loop.run(self._asynchronous.stat_value(session_id, key))

    def list_keys(
        self,
        session_id: UUID,
        prefix: str = "",
        *,
        after: str | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[KeyInfo]:
        """The keys that begin with ``prefix``, with times and revisions, sorted by key by code point.

        Those behind the key ``after``, which may be gone, and ``limit`` at most; ``None`` is all. With
        ``reverse`` from the last key on, and those before ``after``. What it costs follows the answer.
        """
        return self._loop.run(
            self._asynchronous.list_keys(session_id, prefix, after=after, limit=limit, reverse=reverse)
        )

    def usage(self, session_id: UUID) -> StorageUsage:
        """How many values and secrets the session has, and the latest write of any of them.

        All of one moment; what is past its time does not count. Of an empty session both are 0, and
        ``last_write_at`` is ``None``.
        """
        return self._loop.run(self._asynchronous.usage(session_id))

    def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        """A page of the ids of all sessions that have a value or a secret, ascending.

        What is past its time does not count. For the next page pass the last id of this one as ``after``: it
        need not hold anything any more. Fewer than ``limit`` only when no more follow, ``[]`` when there are
        none.

        Implementers: no default can be made of other verbs; without it no one finds the values of a session
        whose id is lost, and asking is ``UnsupportedError``.
        """
        return self._loop.run(self._asynchronous.session_ids(after=after, limit=limit))

    def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
        """Let a session have, from one moment on, the values that another had at one moment; atomic.

        ``target`` gets every value of ``source`` with its text, times and expiry, each with a revision that
        nothing ever had; what is past its time is not taken, and no secret ever is. From then on neither sees
        what is done to the other.

        ``target`` must hold no values (secrets may be there, and stay), else ``SessionNotEmptyError``, and
        nothing happens. With ``replaced`` it may: all values that it held are then that session's, which must
        hold none, in the same step, and none of them is left where ``source`` holds none.

        No limit refuses a fork. Without ``replaced`` a ``target`` that has no limits of its own gets those
        of ``source``; with it nobody's limits change.

        ``InvalidArgumentError`` for the same id twice.

        Implementers: claimed as ``capabilities.forks``; without it forking a session's values is
        ``UnsupportedError``.
        """
        return self._loop.run(self._asynchronous.fork_session(source, target, replaced=replaced))

    def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[ValueChange]:
        """How the values of ``b`` differ from those of ``a``, both of one moment, sorted by key.

        Those behind the key ``after``, and ``limit`` at most; ``None`` is all. A value is changed where its
        text or its expiry differs; times and revisions tell nothing, and of secrets nothing is told.
        """
        return self._loop.run(self._asynchronous.diff_sessions(a, b, after=after, limit=limit))


class SessionStore(Face[interfaces.SessionStore]):
    """``interfaces.SessionStore``, each verb of which waits for its answer."""

    __slots__ = ()

    @property
    def capabilities(self) -> Capabilities:
        """What the backend claims."""
        return self._asynchronous.capabilities

    def add_session(self, session: Session) -> None:
        """Insert a record, or replace the one with its id."""
        return self._loop.run(self._asynchronous.add_session(session))

    def get_session(self, session_id: UUID) -> Session | None:
        """The record; ``None`` when there is none."""
        return self._loop.run(self._asynchronous.get_session(session_id))

    def update_session(
        self,
        session_id: UUID,
        *,
        title: str | UnsetType | None = UNSET,
        labels: Mapping[str, str] | UnsetType = UNSET,
    ) -> Session:
        """Set the title, or all the labels, or both, in one step; the record as it then is.

        ``title=None`` takes the title away, and labels that are not among the new ones go, all of them with
        ``labels={}``; what is not given stays. ``updated_at`` moves, ``created_at`` stays.
        ``SessionNotFoundError`` when there is no record, ``InvalidArgumentError`` when neither is given.

        ``record.updated(now_ns(), title=title, labels=labels)``, with the time of ``everstore.clock``, makes
        it, also when the clock went back.
        """
        return self._loop.run(self._asynchronous.update_session(session_id, title=title, labels=labels))

    def update_session_title(self, session_id: UUID, title: str) -> Session:
        """``update_session`` with a title and nothing else."""
        return self._loop.run(self._asynchronous.update_session_title(session_id, title))

    def list_sessions(
        self,
        *,
        limit: int = 100,
        after: Session | None = None,
        labels: Mapping[str, str] | None = None,
        checkpoints_of: UUID | None = None,
    ) -> list[Session]:
        """A page of records, newest first (by ``created_at``, then id, both descending).

        No checkpoint is among them, and those that there are cost nothing. With ``checkpoints_of`` they are
        those of the checkpoints (``everstore.models.is_checkpoint``) whose ``parent`` is that session, and no
        others.

        With ``labels`` only those that have all of them (``record.has_labels``), found by an index: what the
        records without them cost is nothing.

        For the next page pass the last record of this one as ``after``: it need not exist any
        more. Fewer than ``limit`` only when no more follow, ``[]`` when there are none.
        """
        return self._loop.run(
            self._asynchronous.list_sessions(
                limit=limit, after=after, labels=labels, checkpoints_of=checkpoints_of
            )
        )

    def delete_session(self, session_id: UUID) -> bool:
        """Remove the record (only that); whether there was one."""
        return self._loop.run(self._asynchronous.delete_session(session_id))

    def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        """A page of the ids of all sessions that have a record, ascending.

        For the next page pass the last id of this one as ``after``: it need not exist any more. Fewer than
        ``limit`` only when no more follow, ``[]`` when there are none.

        Implementers: the default reads all records at once, and knows of no checkpoints: it is for who claims
        no ``Capabilities.forks``.
        """
        return self._loop.run(self._asynchronous.session_ids(after=after, limit=limit))


class SecretRotation(Face[interfaces.SecretRotation]):
    """``interfaces.SecretRotation``, each verb of which waits for its answer."""

    __slots__ = ()

    def scan_secrets(self, *, after: tuple[UUID, str] | None = None, limit: int = 100) -> list[StoredSecret]:
        """Stored secrets of all sessions that follow ``after``, ordered by session id, then name.

        ``[]`` when there are no more.
        """
        return self._loop.run(self._asynchronous.scan_secrets(after=after, limit=limit))

    def swap_secret(self, session_id: UUID, name: str, expected: str, replacement: str) -> bool:
        """Replace a stored ciphertext if it is still ``expected``; revision, times and time to live stay.

        ``False``, and nothing written, when it is absent or another. What is no ciphertext of core's is
        ``InvalidContentError``.
        """
        return self._loop.run(self._asynchronous.swap_secret(session_id, name, expected, replacement))
