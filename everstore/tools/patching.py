"""The tool that applies a patch of one or more files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from everstore.changes import Copy, Delete, Move, Write
from everstore.content import require_text
from everstore.errors import BackendError, EditError, EverstoreError, PathNotFoundError, RevisionConflictError
from everstore.nearest import explain
from everstore.tools.answers import RefusedError, shown
from everstore.tools.declaring import tool
from everstore.tools.desk import Desk
from everstore.tools.patches.applying import MisfitError, apply_hunks
from everstore.tools.patches.model import PatchError
from everstore.tools.patches.parsing import parse_patch
from everstore.tools.refusals import most_like, refusal_of

if TYPE_CHECKING:
    from everstore.changes import AnyFileChange
    from everstore.tools.patches.model import FilePatch, Hunk

__all__ = ["apply_patch"]

_MOST_TRIES = 50  # each of which somebody else was faster
_MOST_TOLD = 50  # files
_LONG = 1 << 18  # characters of a file


@tool()
async def apply_patch(
    desk: Desk, patch: Annotated[str, Meta(description="The patch, in either format, without fences")]
) -> str:
    """Apply a patch to one or more files: all of it, or nothing when any part does not fit.

    Takes a unified diff (--- a/path, +++ b/path, @@ -1,3 +1,4 @@; /dev/null for a file that is new or goes),
    or this format:

    *** Begin Patch

    *** Update File: path (perhaps then *** Move to: path), *** Add File: path or *** Delete File: path

    @@ a line above the change, such as def name():

    lines with a space, - or + before them; three of context around each change

    *** End Patch
    """
    try:
        patches = parse_patch(patch)
    except PatchError as error:
        raise RefusedError(f"Nothing was changed, for the patch is not understood. {error}") from None
    for _ in range(_MOST_TRIES):
        try:
            await desk.files.apply_changes(await _changes(desk, patches))
        except EverstoreError as error:
            if isinstance(error, RevisionConflictError) and error.facts["expected_revision"] is not None:
                continue  # somebody was faster: what they made is what the patch has to fit
            if isinstance(error, BackendError):
                raise
            raise RefusedError(f"Nothing was changed. {await refusal_of(desk, error)}") from None
        return _done(patches)
    raise RefusedError("Nothing was changed: the files are being changed all the time. Try again later.")


async def _changes(desk: Desk, patches: list[FilePatch]) -> list[AnyFileChange]:
    """What the patch does to the files as they are now, on the condition that they still are."""
    draft = _Draft(desk)
    for patch in patches:
        try:
            await draft.add(patch)
        except MisfitError as error:
            raise RefusedError(await _misfit(desk, draft, patch, error)) from None
    return draft.changes


class _Draft:
    """Changes, one after another, and the texts that they make."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.changes: list[AnyFileChange] = []
        self._texts: dict[str, str | None] = {}
        self._unread: set[str] = set()  # where a file was put as it is

    async def add(self, patch: FilePatch) -> None:
        """Add what is to be done with one file."""
        if patch.kind == "add":
            self._write(patch.path, apply_hunks("", patch.hunks), if_absent=True)
            return
        if patch.kind == "delete" and not patch.hunks:
            self._delete(patch.path)
            return
        destination = patch.moved_to or patch.copied_to
        if destination is not None and not patch.hunks:
            kind = Move if patch.moved_to else Copy
            self.changes.append(kind(patch.path, destination))
            self._put(patch.path, destination)
        else:
            await self._change(patch)
        if patch.moved_to is not None:
            self._texts[_key(patch.path)] = None

    async def _change(self, patch: FilePatch) -> None:
        text = await self._update(patch)
        if patch.kind == "delete":
            if text:
                raise RefusedError(
                    f"Nothing was changed: the patch deletes {_shown(patch.path)}, but not all of its lines."
                )
            self._delete(patch.path)
        elif patch.moved_to is not None:
            self.changes.append(Move(patch.path, patch.moved_to))
            self._put(patch.path, patch.moved_to)

    def _put(self, source: str, destination: str) -> None:
        """Note that at a path is what was at another, whatever that is: it may be bytes."""
        old, new = _key(source), _key(destination)
        if old in self._texts:
            self._texts[new] = self._texts[old]
        else:
            self._texts.pop(new, None)
            self._unread.add(new)

    async def text(self, path: str) -> tuple[str, str | None]:
        """The text of a file as the changes so far leave it, and its revision where they leave it alone."""
        if _key(path) in self._texts:
            text = self._texts[_key(path)]
            if text is None:
                raise PathNotFoundError.at(f"/{_key(path)}")
            return text, None
        if _key(path) in self._unread:  # and has no revision yet, on which its change could depend
            raise RefusedError(
                f"Nothing was changed: the patch moves or copies {_shown(path)} there, and changes it later."
                " Do both in one section, or with two patches."
            )
        found = await self._desk.files.read_file(path, strict=True)
        return require_text(found), found.revision

    async def _update(self, patch: FilePatch) -> str:
        text, revision = await self.text(patch.path)
        made = await _applied(text, patch.hunks)
        place = patch.path
        if patch.copied_to is not None:
            self.changes.append(Copy(patch.path, patch.copied_to))
            place, revision = patch.copied_to, None
            self._texts[_key(place)] = made
        if patch.hunks:
            self._write(place, made, if_revision=revision)
        return made

    def _write(
        self, path: str, text: str, *, if_revision: str | None = None, if_absent: bool = False
    ) -> None:
        self.changes.append(Write(path, text, if_revision=if_revision, if_absent=if_absent))
        self._texts[_key(path)] = text

    def _delete(self, path: str) -> None:
        self.changes.append(Delete(path))
        self._texts[_key(path)] = None


async def _applied(text: str, hunks: tuple[Hunk, ...]) -> str:
    """The text with hunks applied; a long one on a thread, for it takes a while."""
    if len(text) < _LONG:
        return apply_hunks(text, hunks)
    return await asyncio.to_thread(apply_hunks, text, hunks)


def _key(path: str) -> str:
    """One of the spellings of a path, so that a file is found again that a patch names twice."""
    return "/".join(segment for segment in path.split("/") if segment not in {"", "."})


def _shown(path: str) -> str:
    return shown(f"/{_key(path)}")


async def _misfit(desk: Desk, draft: _Draft, patch: FilePatch, error: MisfitError) -> str:
    """Why a hunk does not fit, with the lines that are most like those that it wants."""
    told = f"Nothing was changed: {_shown(patch.path)}, {error}."
    if not error.is_missing:
        return told
    text, revision = await draft.text(patch.path)
    old = "\n".join(error.old)
    nearest = EditError.unless_once(patch.path, 0, text)
    await explain(nearest, old)
    return told if revision is None else f"{told} {await most_like(desk, nearest)}".rstrip()


def _done(patches: list[FilePatch]) -> str:
    lines = [_told(patch) for patch in patches[:_MOST_TOLD]]
    more = [f"and {len(patches) - _MOST_TOLD:,} more"] if len(patches) > _MOST_TOLD else []
    return "\n".join(["Applied the patch:", *lines, *more])


def _told(patch: FilePatch) -> str:
    name = _shown(patch.path)
    if patch.moved_to is not None:
        return f"  moved {name} to {_shown(patch.moved_to)}{patch.counts}"
    if patch.copied_to is not None:
        return f"  copied {name} to {_shown(patch.copied_to)}{patch.counts}"
    verb = {"add": "added", "delete": "deleted", "update": "updated"}[patch.kind]
    return f"  {verb} {name}{patch.counts}"
