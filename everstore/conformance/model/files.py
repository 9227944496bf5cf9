"""Files of the reference model: a dictionary of entries by path."""

from __future__ import annotations

import base64
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import asdict

from everstore.changes import Delete
from everstore.conformance.model.changes import (
    below_root,
    require_arguments,
    require_ends,
    require_one_condition,
    require_text_to_replace,
)
from everstore.conformance.model.entries import (
    EditedEntry,
    Entry,
    ModelLimits,
    kind_of,
    shown,
    size_of,
    subtree,
    text_of,
)
from everstore.conformance.model.plain import (
    bytes_of,
    canonical,
    glob_selects,
    lines_of,
    matching_lines,
    page_of,
    parents_of,
    path_selector,
)
from everstore.conformance.model.refusals import (
    require_condition,
    require_counts,
    require_empty,
    require_file_place,
    require_fork,
    require_limit,
    require_no_file_above,
    why_absent,
    why_it_stays,
    writable,
)
from everstore.errors import (
    EditError,
    EverstoreError,
    InvalidArgumentError,
    InvalidContentError,
    PathExistsError,
    PathIsDirectoryError,
    PathNotDirectoryError,
    PathNotFoundError,
    ReadOnlyFileError,
)
from everstore.models import (
    Encoding,
    FileChange,
    FileLines,
    FileUsage,
    GrepMatch,
    InitialFile,
    NumberedLine,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from everstore.changes import AnyFileChange, FileTimes

__all__ = ["FileModel"]


class FileModel:
    """Files: for every session the entries by path. The root is not among them."""

    def __init__(self, marks: Iterator[str], limits: ModelLimits) -> None:
        """Empty; new marks come from ``marks``."""
        self._marks = marks
        self._limits = limits
        self._trees: dict[UUID, dict[str, Entry]] = defaultdict(dict)

    def tree(self, session_id: UUID) -> dict[str, Entry]:
        """Everything in a session by path, the root too. Changing it changes nothing."""
        return {"/": Entry("/", f"root of {session_id}", "never written"), **self._trees[session_id]}

    # -- looking ------------------------------------------------------------------------------------

    def stat_file(self, session_id: UUID, path: str) -> Entry | None:
        """The entry, or ``None``."""
        return self.tree(session_id).get(canonical(path))

    def read_file(self, session_id: UUID, path: str, *, strict: bool = False) -> Entry | None:
        """The entry, or ``None``."""
        found = self.stat_file(session_id, path)
        if strict and found is None:
            raise why_absent(self.tree(session_id), canonical(path))
        if strict and found and found.is_directory:
            raise PathIsDirectoryError.at(found.path)
        return found

    def read_bytes(
        self, session_id: UUID, path: str, start: int = 0, length: int | None = None
    ) -> bytes | None:
        """The bytes asked for."""
        require_counts(length)
        entry = self.read_file(session_id, path)
        if entry is None or entry.content is None:
            return None
        data = bytes_of(entry.content, entry.encoding)
        rest = data[max(0, len(data) + start) if start < 0 else start :]
        return rest if length is None else rest[:length]

    def list_directory(self, session_id: UUID, path: str = "/", *, strict: bool = False) -> list[Entry]:
        """The entries whose parent this is, sorted."""
        directory = canonical(path)
        found = self.stat_file(session_id, path)
        if strict and found is None:
            raise why_absent(self.tree(session_id), directory)
        if strict and found and not found.is_directory:
            raise PathNotDirectoryError.at(directory)
        return [entry for entry in self._sorted(session_id) if parents_of(entry.path)[-1] == directory]

    def list_tree(
        self,
        session_id: UUID,
        path: str = "/",
        *,
        depth: int | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Entry]:
        """The entries below a directory, sorted, from the first that follows ``after``."""
        top, start = canonical(path), "" if after is None else canonical(after)
        require_counts(depth, least=1)
        require_counts(limit)
        found = [
            entry
            for entry in self._sorted(session_id)
            if top in parents_of(entry.path)
            and entry.path > start
            and (depth is None or len(parents_of(entry.path)) - len(parents_of(top)) <= depth)
        ]
        return found if limit is None else found[:limit]

    def read_lines(
        self, session_id: UUID, path: str, start: int = 1, limit: int | None = None
    ) -> FileLines | None:
        """The lines asked for; the revision is a mark."""
        require_counts(limit)
        if start == 0:
            raise InvalidArgumentError("lines are counted from 1, or from -1")
        entry = self.read_file(session_id, path)
        if entry is None or entry.content is None:
            return None
        whole = [NumberedLine(n, text) for n, text in enumerate(lines_of(text_of(entry)), 1)]
        lines = whole[start - 1 :] if start > 0 else whole[start:]
        shown = tuple(lines if limit is None else lines[:limit])
        return FileLines(
            entry.path,
            shown,
            has_more=len(shown) < len(lines),
            revision=entry.revision,
            total_lines=len(whole),
        )

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
        """Every match in every text file, in order, and then the first ``limit`` of them."""
        require_counts(before, after, limit)
        is_hit = matching_lines(pattern, regex=regex, ignore_case=ignore_case)
        selects = path_selector(path_pattern)
        found = []
        for entry in self._sorted(session_id):
            if entry.content is not None and entry.encoding == "text" and selects(entry.path):
                lines = tuple(lines_of(entry.content))
                found += [
                    GrepMatch(
                        entry.path, i + 1, line, lines[max(0, i - before) : i], lines[i + 1 : i + 1 + after]
                    )
                    for i, line in enumerate(lines)
                    if is_hit(line)
                ]
        return found if limit is None else found[:limit]

    def glob_files(self, session_id: UUID, pattern: str) -> list[Entry]:
        """The files, and no directory, that the glob selects, sorted."""
        return [
            entry
            for entry in self._sorted(session_id)
            if not entry.is_directory and glob_selects(pattern, entry.path)
        ]

    def usage(self, session_id: UUID) -> FileUsage:
        """The numbers; of the last write only whether there was one."""
        entries = self._trees[session_id].values()
        directories = sum(entry.is_directory for entry in entries)
        return FileUsage(len(entries) - directories, directories, size_of(entries), 0 if entries else None)

    def diff_sessions(
        self, a: UUID, b: UUID, *, after: str | None = None, limit: int | None = None
    ) -> list[FileChange]:
        """What differs, by comparing all with all; the sides are entries."""
        require_counts(limit)
        start = "" if after is None else canonical(after)
        before, now = self._trees[a], self._trees[b]
        found = [
            FileChange(path, kind_of(before.get(path), now.get(path)), before.get(path), now.get(path))  # type: ignore[arg-type]  # entries
            for path in sorted(before.keys() | now.keys())
            if path > start and shown(before.get(path)) != shown(now.get(path))
        ]
        return found if limit is None else found[:limit]

    def session_ids(self, *, after: UUID | None = None, limit: int = 100) -> list[UUID]:
        """A page, ascending."""
        return page_of((each for each, tree in self._trees.items() if tree), after, limit)

    # -- changing -----------------------------------------------------------------------------------

    def write_file(
        self,
        session_id: UUID,
        path: str,
        content: str,
        encoding: Encoding = "text",
        *,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> Entry:
        """The entry as it then is."""
        path = below_root(path)
        bytes_of(content, encoding)
        require_one_condition(if_revision, if_absent=if_absent)
        tree = self.tree(session_id)
        old = writable(tree, path)
        require_condition(old.revision if old else None, if_revision, if_absent=if_absent)
        return self._keep(session_id, self._with(tree, path, content, encoding), path)

    def write_bytes(
        self,
        session_id: UUID,
        path: str,
        data: bytes,
        *,
        if_revision: str | None = None,
        if_absent: bool = False,
    ) -> Entry:
        """The entry as it then is."""
        content = base64.b64encode(data).decode()
        return self.write_file(
            session_id, path, content, "base64", if_revision=if_revision, if_absent=if_absent
        )

    def append_bytes(self, session_id: UUID, path: str, data: bytes) -> Entry:
        """The entry as it then is."""
        return self.append_file(session_id, path, base64.b64encode(data).decode(), "base64")

    def write_file_if_content_matches(
        self,
        session_id: UUID,
        path: str,
        expected_content: str,
        expected_encoding: Encoding,
        content: str,
        encoding: Encoding,
    ) -> Entry | None:
        """The entry as it then is; ``None``, and nothing written, when it holds something else."""
        path = canonical(path)
        bytes_of(expected_content, expected_encoding)
        bytes_of(content, encoding)
        found = self.read_file(session_id, path)
        if found is None or (found.content, found.encoding) != (expected_content, expected_encoding):
            return None
        return self.write_file(session_id, path, content, encoding)

    def seed_initial_file(self, session_id: UUID, file: InitialFile) -> Entry:
        """The entry as it then is; a read-only file is no obstacle."""
        path = below_root(file.path)
        bytes_of(file.content, file.encoding)
        tree = self.tree(session_id)
        require_file_place(tree, path)
        after = self._with(tree, path, file.content, file.encoding)
        after[path] = msgspec.structs.replace(after[path], is_readonly=file.is_readonly)
        return self._keep(session_id, after, path)

    def edit_file(
        self, session_id: UUID, path: str, old: str, new: str, *, replace_all: bool = False
    ) -> EditedEntry:
        """The entry as it then is."""
        path = below_root(path)
        require_text_to_replace(old, new)
        tree = self.tree(session_id)
        found = writable(tree, path)
        if found is None:
            raise PathNotFoundError(path)
        text = text_of(found)
        matches = sum(text.startswith(old, at) for at in range(len(text)))
        if matches == 0 or (matches > 1 and not replace_all):
            raise EditError(path)
        before, *after = text.split(old)
        replaced = []
        for part in after:
            replaced.append(before.count("\n") + 1)
            before += new + part
        kept = self._keep(session_id, self._with(tree, path, before, "text"), path)
        return EditedEntry(**msgspec.structs.asdict(kept), replaced=tuple(replaced))

    def append_file(self, session_id: UUID, path: str, content: str, encoding: Encoding = "text") -> Entry:
        """The entry as it then is."""
        path = below_root(path)
        bytes_of(content, encoding)
        tree = self.tree(session_id)
        old = writable(tree, path)
        if old is None or old.content is None:
            return self._keep(session_id, self._with(tree, path, content, encoding), path)
        if old.encoding != encoding:
            raise InvalidContentError(path)
        joined = bytes_of(old.content, encoding) + bytes_of(content, encoding)
        whole = joined.decode() if encoding == "text" else base64.b64encode(joined).decode()
        return self._keep(session_id, self._with(tree, path, whole, encoding), path)

    def create_directory(self, session_id: UUID, path: str, *, exist_ok: bool = True) -> Entry:
        """The directory, new or not."""
        path = canonical(path)
        tree = self.tree(session_id)
        require_no_file_above(tree, path)
        if path in tree and not (tree[path].is_directory and exist_ok):
            raise PathExistsError(path)
        return self._keep(session_id, self._with_directories(tree, [*parents_of(path), path]), path)

    def delete_file(
        self,
        session_id: UUID,
        path: str,
        recursive: bool = False,  # noqa: FBT001, FBT002 - the interface's signature
        *,
        strict: bool = False,
    ) -> bool:
        """Whether something was removed."""
        path = canonical(path)
        tree = self.tree(session_id)
        doomed = subtree(tree, path)
        reason = why_it_stays(tree, path, doomed, recursive=recursive)
        if reason is not None:
            if strict:
                raise reason
            return False
        for entry in doomed:
            del tree[entry.path]
        self._keep(session_id, tree, "/")
        return True

    def copy_file(self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False) -> Entry:
        """What is then at the destination."""
        return self._transfer(session_id, source, destination, overwrite=overwrite, move=False)

    def move_file(self, session_id: UUID, source: str, destination: str, *, overwrite: bool = False) -> Entry:
        """What is then at the destination."""
        return self._transfer(session_id, source, destination, overwrite=overwrite, move=True)

    def apply_changes(self, session_id: UUID, changes: Sequence[AnyFileChange]) -> list[Entry | None]:
        """What each leaves at its path, as it is then, and ``None`` where that is nothing."""
        require_arguments(changes, self._limits.file_bytes)
        before = self._trees[session_id]
        answers: list[Entry | None] = []
        for index, change in enumerate(changes):
            strict = {"strict": True} if isinstance(change, Delete) else {}
            try:
                answer = getattr(self, change.verb)(session_id, **(asdict(change) | strict))
            except EverstoreError as error:
                self._trees[session_id] = before
                error.tell(index=index)
                raise
            answers.append(answer if isinstance(answer, Entry) else None)
        return answers

    def restore_times(self, session_id: UUID, times: Sequence[FileTimes]) -> list[bool]:
        """Whether each is there; of times the model keeps only that an identity is made of one."""
        tree = dict(self._trees[session_id])
        paths = [canonical(each.path) for each in times]
        for path in paths:
            if path in tree:
                tree[path] = msgspec.structs.replace(tree[path], identity=next(self._marks))
        self._trees[session_id] = tree
        return [path in tree for path in paths]

    def fork_session(self, source: UUID, target: UUID, *, replaced: UUID | None = None) -> None:
        """Nothing."""
        require_fork(source, target)
        require_empty(
            target if replaced is None else replaced, self._trees[target if replaced is None else replaced]
        )
        if replaced is not None:
            self._trees[replaced] = self._anew(target)
        self._trees[target] = self._anew(source)

    def _anew(self, session_id: UUID) -> dict[str, Entry]:
        """All entries of a session, as others."""
        return {
            path: msgspec.structs.replace(entry, identity=next(self._marks), revision=next(self._marks))
            for path, entry in self._trees[session_id].items()
        }

    def purge_session(self, session_id: UUID) -> bool:
        """Whether there was anything."""
        return bool(self._trees.pop(session_id, None))

    def _transfer(
        self, session_id: UUID, source: str, destination: str, *, overwrite: bool, move: bool
    ) -> Entry:
        source, destination = require_ends(source, destination)
        tree = self.tree(session_id)
        taken = subtree(tree, source)
        if not taken:
            raise PathNotFoundError(source)
        require_no_file_above(tree, destination)
        target = tree.get(destination)
        of_file = not taken[0].is_directory
        if of_file and target and target.is_directory:
            raise PathIsDirectoryError(destination)
        if move and any(entry.is_readonly for entry in taken):
            raise ReadOnlyFileError(source)
        if target and of_file and overwrite and target.is_readonly:
            raise ReadOnlyFileError(destination)
        if target and not (of_file and overwrite):
            raise PathExistsError(destination)
        after = self._with_directories(tree, parents_of(destination))
        for entry in taken:
            path = canonical(destination + entry.path.removeprefix(source))
            identity = entry.identity if move else next(self._marks)
            after[path] = Entry(path, identity, next(self._marks), entry.content, entry.encoding)
            if move:
                del after[entry.path]
        return self._keep(session_id, after, destination)

    # -- how a tree changes -------------------------------------------------------------------------

    def _with_directories(self, tree: dict[str, Entry], paths: list[str]) -> dict[str, Entry]:
        missing = [path for path in paths if path not in tree]
        return tree | {path: Entry(path, next(self._marks), next(self._marks)) for path in missing}

    def _with(self, tree: dict[str, Entry], path: str, content: str, encoding: Encoding) -> dict[str, Entry]:
        identity = tree[path].identity if path in tree else next(self._marks)
        file = Entry(path, identity, next(self._marks), content, encoding)
        return {**self._with_directories(tree, parents_of(path)), path: file}

    def _keep(self, session_id: UUID, tree: dict[str, Entry], path: str) -> Entry:
        """Make ``tree`` the session's, unless that breaks a limit; what is then at the path."""
        before = self._trees[session_id].values()
        require_limit(self._limits.file_bytes, 0, tree[path].size_bytes)
        require_limit(self._limits.session_entries, len(before), len({*tree} - {"/"}))
        if self._limits.session_bytes is not None:
            require_limit(self._limits.session_bytes, size_of(before), size_of(tree.values()))
        self._trees[session_id] = {place: entry for place, entry in tree.items() if place != "/"}
        return tree[path]

    def _sorted(self, session_id: UUID) -> list[Entry]:
        return [entry for _, entry in sorted(self._trees[session_id].items())]
