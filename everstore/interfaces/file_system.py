"""The session file system: one verb a method, a default wherever one can be made from the others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from everstore.changes import (
    NO_CHANGES_FAULT,
    Append,
    AppendBytes,
    CompareAndWrite,
    Copy,
    Delete,
    Edit,
    MakeDirectory,
    Move,
    Seed,
    Write,
    WriteBytes,
)
from everstore.content import require_text
from everstore.errors import BackendUnavailableError, EverstoreError, UnsupportedError
from everstore.interfaces.capabilities import Capabilities
from everstore.lines import LineCounts, lines_of
from everstore.models import FileInfo, FileUsage, SessionFile
from everstore.search import Query, compile_glob, selected
from everstore.trees import TreePage
from everstore.turns import sorted_in_turns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from uuid import UUID

    from everstore.changes import AnyFileChange, FileMutation, FileTimes
    from everstore.context import PluginContext
    from everstore.globs import Selection
    from everstore.models import (
        EditedFile,
        Encoding,
        FileChange,
        FileLines,
        FileStat,
        GrepMatch,
        InitialFile,
    )
    from everstore.session_limits import SessionLimits

__all__ = ["SessionFileSystem", "SessionFileSystemFactory"]

Answer = TypeVar("Answer")

_MOST_LOOKS = 100  # at files that change meanwhile


class SessionFileSystem(ABC):
    """A private tree of files for every session.

    Paths reach a backend canonical (absolute, ``/``-separated, no empty, ``.`` or ``..`` segment,
    the root is ``/``), session ids are ``uuid.UUID`` and content is already validated: a backend
    checks none of that. Every verb is atomic: whoever looks sees the state before it or after it.

    A mutating verb refuses, in this order: a path through a file (``ParentNotDirectoryError``), a
    directory where a file is wanted (``PathIsDirectoryError``), a read-only file
    (``ReadOnlyFileError``), a condition that does not hold (``RevisionConflictError``,
    ``PathExistsError``), a path that would become too long (``InvalidPathError``, of ``copy_file`` and
    ``move_file``), a limit (``QuotaExceededError``). Then nothing was written.

    Times are those of ``everstore.clock``. ``updated_at`` moves on by at least a microsecond at every
    change, whatever the clock does; a ``revision`` never repeats for its path, in a restored backup
    neither.

    Implementers: four abstract methods are enough. ``everstore.rules`` makes ``apply`` of what a storage
    can do. The defaults of the other verbs are correct on any backend, but look before they answer; override
    one where your storage does it in one step.
    """

    capabilities: Capabilities = Capabilities()
    _line_counts: LineCounts | None = None

    # -- what a backend has -------------------------------------------------------------------------

    @abstractmethod
    async def apply(self, session_id: UUID, changes: Sequence[FileMutation[Answer]]) -> list[Answer]:
        """Make changes (``everstore.changes``), one or several; what the verb of each answers, in order.

        All or nothing, and one step to whoever looks; each sees those before it. What refuses one of them is
        raised, and says as ``error.index`` which it was, from 0, where there are several.

        For the verbs here and for other backends' code: an open store is changed by its verbs.
        """

    @abstractmethod
    async def read_file(self, session_id: UUID, path: str) -> SessionFile | None:
        """The file with its content; a directory with ``content=None``; ``None`` when missing.

        The root always exists.
        """

    @abstractmethod
    async def list_directory(self, session_id: UUID, path: str = "/") -> list[FileInfo]:
        """The direct children, sorted by path by code point; ``[]`` for a missing path and for a file."""

    @abstractmethod
    async def purge_session(self, session_id: UUID) -> bool:
        """Remove every file of the session, read-only ones too; whether there was anything.

        The session's limits go with them, and are not counted as anything.
        """

    async def limit_session(self, session_id: UUID, limits: SessionLimits) -> None:
        """Keep limits of the session's files, in place of those it had, until it is purged.

        They hold for every client from then on, each beside the store's: the lower one counts. What is there
        already stays. ``limits.of_files`` is what concerns files; where that is ``None``, none are kept.

        Implementers: they are read in the transaction of a change; ``context.limits.of_files_with`` is what
        the rules then take. Without it, limiting a session's files is ``UnsupportedError``.
        """
        del session_id
        if limits.of_files is not None:
            so = "so that the files of one session cannot be limited"
            raise UnsupportedError.lacks(self, "limit_session", so)

    async def search(self, session_id: UUID, query: Query) -> list[GrepMatch]:
        """What a query finds in the files of one moment, as ``grep_files`` answers it."""

        async def look(infos: list[FileInfo]) -> None:
            query.clear()
            for info in infos:
                found = await self.read_file(session_id, info.path)
                if found is not None and await query.add(found):
                    break

        await self._settled(partial(self._selected, session_id, query.selects), look)
        return query.matches

    async def close(self) -> None:
        """Release what this object holds. Called once, when the store closes."""

    # -- verbs that change --------------------------------------------------------------------------

    async def write_file(
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
        [answer] = await self.apply(session_id, (Write(path, content, encoding, if_revision, if_absent),))
        return answer

    async def write_bytes(
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
        [answer] = await self.apply(session_id, (WriteBytes(path, bytes(data), if_revision, if_absent),))
        return answer

    async def write_file_if_content_matches(
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
        change = CompareAndWrite(path, expected_content, expected_encoding, content, encoding)
        [answer] = await self.apply(session_id, (change,))
        return answer

    async def seed_initial_file(self, session_id: UUID, file: InitialFile) -> SessionFile:
        """Put a file in place for trusted host code, over any file, read-only or not."""
        [answer] = await self.apply(session_id, (Seed(file),))
        return answer

    async def edit_file(
        self, session_id: UUID, path: str, old: str, new: str, *, replace_all: bool = False
    ) -> EditedFile:
        """Replace ``old``, which must be there exactly once unless ``replace_all``; atomic.

        Answers with the file, and as ``replaced`` with the numbers of the lines in which replacements begin.
        ``EditError`` when ``old`` is missing or ambiguous, with the numbers of the nearest lines or of those
        where it is, ``PathNotFoundError`` when the file is missing, ``InvalidContentError`` when it is not
        text. Parallel edits of different parts all survive.
        """
        [answer] = await self.apply(session_id, (Edit(path, old, new, replace_all),))
        return answer

    async def append_file(
        self, session_id: UUID, path: str, content: str, encoding: Encoding = "text"
    ) -> FileInfo:
        """Add to the end of a file, which is created when missing, and return its line of a listing; atomic.

        ``InvalidContentError`` when the file has another encoding.
        """
        [answer] = await self.apply(session_id, (Append(path, content, encoding),))
        return answer

    async def append_bytes(
        self, session_id: UUID, path: str, data: bytes | bytearray | memoryview
    ) -> FileInfo:
        """Add bytes to the end of a file of bytes, which is created when missing; atomic.

        ``InvalidContentError`` when it is a text, whatever the bytes are.
        """
        [answer] = await self.apply(session_id, (AppendBytes(path, bytes(data)),))
        return answer

    async def create_directory(self, session_id: UUID, path: str, *, exist_ok: bool = True) -> FileInfo:
        """Create a directory and its missing parents; one that exists is returned as it is.

        ``PathExistsError`` where a file is and, without ``exist_ok``, where a directory is, the root too.
        """
        [answer] = await self.apply(session_id, (MakeDirectory(path, exist_ok),))
        return answer

    async def delete_file(
        self,
        session_id: UUID,
        path: str,
        recursive: bool = False,  # noqa: FBT001, FBT002 - the ancestor's signature
        *,
        strict: bool = False,
    ) -> bool:
        """Remove a file or a directory; ``True`` only when something was removed.

        ``False``, and nothing touched: missing; read-only; the root; a non-empty directory without
        ``recursive``; a recursive delete that would take a read-only file along.

        With ``strict`` each of these is an error: ``PathNotFoundError``, ``ParentNotDirectoryError`` below a
        file, ``ReadOnlyFileError`` (of several the first by path), ``DirectoryNotEmptyError``, and
        ``InvalidPathError`` for the root.
        """
        [answer] = await self.apply(session_id, (Delete(path, recursive, strict),))
        return answer

    async def copy_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        """Copy a file or a whole tree; returns what is now at ``destination``.

        Missing parents are created. The copies have their own ``id`` and times, and are not
        read-only. ``overwrite`` lets a file replace a file; a directory is never replaced or
        merged (``PathIsDirectoryError`` for a file onto it, ``PathExistsError`` for a tree onto
        anything). ``PathNotFoundError`` when the source is missing. ``InvalidPathError``, and nothing
        is copied, when the path of anything below it would have more than 4096 bytes in UTF-8.
        """
        [answer] = await self.apply(session_id, (Copy(source, destination, overwrite),))
        return answer

    async def move_file(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False
    ) -> FileInfo:
        """Move a file or a whole tree; returns what is now at ``destination``.

        As ``copy_file``, but what is moved keeps ``id`` and ``created_at`` (its revision moves),
        and a read-only file in the source is ``ReadOnlyFileError``, whatever its path would become.
        """
        [answer] = await self.apply(session_id, (Move(source, destination, overwrite),))
        return answer

    async def apply_changes(
        self, session_id: UUID, changes: Sequence[AnyFileChange]
    ) -> list[FileInfo | None]:
        """Make several changes (``everstore.changes``), in their order: all or nothing, one atomic step.

        ``Write``, ``WriteBytes``, ``Edit``, ``Append``, ``AppendBytes``, ``Delete``, ``Move``, ``Copy`` and
        ``MakeDirectory`` are what their verbs do; each sees those before it. The answer has what is then at
        the path of each, ``None`` for a ``Delete``, which is always ``strict``. No changes answer ``[]``.

        The error is that of the first change that is refused, with its place in the list, from 0, as
        ``error.index``; then nothing was changed. All arguments are looked at before any change is tried,
        and so is whether a file that is written is too large by itself.
        """
        if not changes:
            return []
        several = cast("Sequence[FileMutation[Any]]", changes)
        try:
            answers = await self.apply(session_id, several)
        except EverstoreError as error:
            if len(changes) == 1 and not isinstance(error, NO_CHANGES_FAULT):
                error.tell(index=0)  # ``apply`` tells it of several only
            raise
        return [_info_of(answer) for answer in answers]

    async def restore_times(self, session_id: UUID, times: Sequence[FileTimes]) -> list[bool]:
        """Give files and directories the times that they had elsewhere; of each whether it is there.

        All in one step, read-only files too; of several of one path the last counts. Nothing else changes,
        neither contents nor revisions, so no condition fails for it; only an ``id``, which is made of
        ``created_at``, becomes another with it. ``False`` where nothing is, and of the root. From then on
        times move as ever: an overwrite keeps ``created_at``.

        For trusted host code that brings a session back, as an import does.
        """
        return await self.apply(session_id, times) if times else []

    # -- verbs that look ----------------------------------------------------------------------------

    async def list_tree(
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
        page = TreePage(path, depth, after, limit)
        infos = await self._settled(partial(self._below, session_id, page))
        return page.cut([info for info in infos if page.selects(info.path)])

    async def stat_file(self, session_id: UUID, path: str) -> FileStat | None:
        """What is at the path, without its content; ``None`` when missing. The root always exists."""
        found = await self.read_file(session_id, path)
        return None if found is None else found.stat()

    async def read_bytes(
        self, session_id: UUID, path: str, start: int = 0, length: int | None = None
    ) -> bytes | None:
        """The bytes of a file from ``start`` on, at most ``length``; of a text those of its UTF-8.

        A negative ``start`` counts from the end, and means the beginning where that is nearer. ``b""`` from
        the end on; ``None`` when missing or a directory.
        """
        found = await self.read_file(session_id, path)
        return None if found is None else found.part(start, length)

    async def read_lines(
        self, session_id: UUID, path: str, start: int = 1, limit: int | None = None
    ) -> FileLines | None:
        """Lines ``start`` (from 1) and following, at most ``limit``, if more follow, and how many there are.

        A negative ``start`` counts from the end: -20 begins with the last twenty, or with all where there are
        fewer; 0 is refused (``InvalidArgumentError``). ``None`` when missing or a directory;
        ``InvalidContentError`` when it is not text.
        """
        found = await self.read_file(session_id, path)
        if found is None or found.is_directory:  # whose content would be made to look at
            return None
        if self._line_counts is None:
            self._line_counts = LineCounts()
        return await lines_of(found, require_text(found), start, limit, self._line_counts)

    async def grep_files(
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
        query = Query(
            pattern,
            path_pattern,
            regex=regex,
            ignore_case=ignore_case,
            before=before,
            after=after,
            limit=limit,
        )
        return await self.search(session_id, query)

    async def glob_files(self, session_id: UUID, pattern: str) -> list[FileInfo]:
        """The files (no directories) whose path the glob selects, sorted by path.

        ``*`` and ``?`` stay within a segment, ``**`` crosses them, ``[a-z]`` is one character of several,
        ``{a,b}`` either alternative; without a ``/`` the glob is about the name, at any depth. The file that
        is spelled exactly like the glob is selected, too. ``InvalidPatternError`` for a ``..`` segment, and
        for what is too large.
        """
        return await self._settled(partial(self._selected, session_id, compile_glob(pattern)))

    async def usage(self, session_id: UUID) -> FileUsage:
        """How many files and directories the session has, the files' bytes, and the latest write of any.

        All of one moment. Bytes are those of the contents, as ``session_bytes`` counts them; the root is not
        counted. Of an empty session all are 0, and ``last_write_at`` is ``None``.
        """
        return FileUsage.of(await self.list_tree(session_id))

    async def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        """A page of the ids of all sessions that have a file or a directory, ascending.

        For the next page pass the last id of this one as ``after``: it need not hold anything any more. Fewer
        than ``limit`` only when no more follow, ``[]`` when there are none.

        Implementers: no default can be made of other verbs; without it no one finds the files of a session
        whose id is lost, and asking is ``UnsupportedError``.
        """
        del after, limit
        raise UnsupportedError.lacks(self, "session_ids", "so that sessions with files cannot be listed")

    async def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
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
        del source, target, replaced
        raise UnsupportedError.lacks(self, "fork_session", "so that the files of a session cannot be forked")

    async def diff_sessions(
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
        del a, b, after, limit
        so = "so that the files of two sessions cannot be compared"
        raise UnsupportedError.lacks(self, "diff_sessions", so)

    async def _settled(
        self,
        listed: Callable[[], Awaitable[list[FileInfo]]],
        look: Callable[[list[FileInfo]], Awaitable[None]] | None = None,
    ) -> list[FileInfo]:
        """What is ``listed``, and what ``look`` saw of it, as it was at one moment.

        Listings and reads are many calls. When the listing after them is the one before them, no file that it
        names was changed in between, since no revision ever comes back; else all of it is done again.
        """
        infos = await listed()
        for _ in range(_MOST_LOOKS):
            if look is not None:
                await look(infos)
            before, infos = infos, await listed()
            if infos == before:
                return infos
        raise BackendUnavailableError(
            "the files changed whenever they were looked at: look again, or at fewer of them", happened=False
        )

    async def _selected(self, session_id: UUID, selection: Selection) -> list[FileInfo]:
        """The files that a pattern selects, sorted by path; only below its literal beginning is looked."""
        found: list[FileInfo] = []
        directories = [selection.top]
        if selection.top != "/":
            top = await self.read_file(session_id, selection.top)
            if top is None:
                return []
            if not top.is_directory:
                return await selected(selection, [top.info()])
        while directories:
            infos = await self.list_directory(session_id, directories.pop())
            directories += [info.path for info in infos if info.is_directory]
            found += await selected(selection, [info for info in infos if not info.is_directory])
        return await sorted_in_turns(found, attrgetter("path"))

    async def _below(self, session_id: UUID, page: TreePage) -> list[FileInfo]:
        """What is below the top of a page, at most as deep as it goes, sorted by path."""
        found: list[FileInfo] = []
        directories = [page.top]
        while directories:
            infos = await self.list_directory(session_id, directories.pop())
            found += infos
            directories += [
                info.path
                for info in infos
                if info.is_directory and (page.deepest is None or info.path.count("/") < page.deepest)
            ]
        return await sorted_in_turns(found, attrgetter("path"))


def _info_of(answer: object) -> FileInfo | None:
    """What ``apply_changes`` tells of a change whose verb answers so; a delete's answer is ``True``."""
    if isinstance(answer, SessionFile):
        return answer.info()
    return answer if isinstance(answer, FileInfo) else None


class SessionFileSystemFactory(ABC):
    """Makes a plugin's file system from what the host and the settings supply."""

    @property
    def name(self) -> str:
        """The factory's name, for diagnostics."""
        return type(self).__name__

    @abstractmethod
    async def create_session_file_system(self, context: PluginContext) -> SessionFileSystem:
        """The file system of an opening store. Called once a store."""
