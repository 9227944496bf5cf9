"""Tools that write and edit files, each in one step of the store."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from everstore.changes import Edit
from everstore.errors import EverstoreError, RevisionConflictError
from everstore.lines import LineCounts, lines_of
from everstore.tools.answers import Page, RefusedError, shown
from everstore.tools.declaring import tool
from everstore.tools.desk import Desk
from everstore.tools.lines import ends_in_cr_lf, numbered
from everstore.tools.reading import Path
from everstore.tools.refusals import refusal_of
from everstore.wording import counted, shown_size

if TYPE_CHECKING:
    from everstore.models import EditedFile, FileInfo, SessionFile

__all__ = ["append", "edit", "multi_edit", "write"]

_MOST_PLACES = 3  # of an edit that are shown
_MOST_LINES = 12  # of each
_MOST_TOLD = 20  # files, or numbers of lines
_LONGEST = 200  # characters of a line that is shown

Old = Annotated[str, Meta(description="Text to replace, exactly as in the file, without line numbers")]
New = Annotated[str, Meta(description="Text to put in its place")]
ReplaceAll = Annotated[bool, Meta(description="Replace it wherever it is, not just once")]


@tool()
async def write(
    desk: Desk,
    path: Path,
    content: Annotated[str, Meta(description="The whole text of the file")],
    *,
    if_absent: Annotated[bool, Meta(description="Refuse when something is there already")] = False,
) -> str:
    """Create a text file, or replace all of it; missing directories are made.

    A file that was changed after you read it is not replaced: read it again first.
    """
    revision = None if if_absent else await desk.seen(path)
    try:
        written = await desk.files.write_file(path, content, if_revision=revision, if_absent=if_absent)
    except RevisionConflictError as conflict:
        if revision is None or conflict.current_revision is not None:
            raise
        # It was deleted since it was seen; if it is there again by now, that is nothing the model has seen.
        written = await desk.files.write_file(path, content, if_absent=True)
    desk.saw(path, written.path, written.revision)
    verb = "Created" if written.created_ns == written.updated_ns else "Replaced"
    return f"{verb} {_sized(written)}."


@tool()
async def append(
    desk: Desk,
    path: Path,
    content: Annotated[str, Meta(description="Text to add at the end, with its line ends")],
) -> str:
    """Add text to the end of a file, which is created when it is missing."""
    written = await desk.files.append_file(path, content)
    return f"Appended to {_sized(written)}."


def _sized(file: SessionFile | FileInfo) -> str:
    return f"{shown(file.path)}, which has {shown_size(file.size_bytes)} now"


@tool()
async def edit(
    desk: Desk,
    path: Path,
    old: Old,
    new: New,
    *,
    replace_all: ReplaceAll = False,
) -> str:
    """Replace a text in a file. It has to be there exactly once, unless replace_all is true.

    Line ends are those of the file, whether LF or CR LF. Shows the lines that were edited.
    """
    [(old, new)] = await _with_line_ends(desk, path, [(old, new)])
    edited = await desk.files.edit_file(path, old, new, replace_all=replace_all)
    return await _edited(desk, edited, new.count("\n") + 1)


async def _with_line_ends(desk: Desk, path: str, texts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Old and new texts with the line ends of a file: what was shown of it tells nothing of CR."""
    if not any("\n" in text for pair in texts for text in pair) or not await ends_in_cr_lf(desk, path):
        return texts
    return [(_in_cr_lf(old), _in_cr_lf(new)) for old, new in texts]


def _in_cr_lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


async def _edited(desk: Desk, file: EditedFile, of_new: int) -> str:
    """What became of an edit, with the lines where it was."""
    numbers = file.replaced
    told = ", ".join(map(str, numbers[:_MOST_TOLD])) + (", ..." if len(numbers) > _MOST_TOLD else "")
    where = f"line {told}" if len(numbers) == 1 else f"{counted(len(numbers), 'place')}, at lines {told}"
    page = Page(desk.most, _LONGEST + len(shown(file.path)) + len(told))
    last = 0
    for number in numbers[:_MOST_PLACES]:
        start = max(last + 1, number - 2, 1)
        count = min(number - start + of_new + 2, _MOST_LINES)
        found = await lines_of(file, file.content or "", start, count, LineCounts())
        lines = [numbered(line, 1, _LONGEST)[0] for line in found.lines]
        if not page.add(*(["   ..."] if last and start > last + 1 else []), *lines):
            break
        last = found.lines[-1].number if found.lines else last
    return page.text(
        f"Edited {shown(file.path)} in {where}:" if page.lines else f"Edited {shown(file.path)}."
    )


@dataclass(frozen=True)
class EditOfFile:
    """One of several edits."""

    path: Path
    old: Old
    new: New
    replace_all: ReplaceAll = False


@tool()
async def multi_edit(
    desk: Desk,
    edits: Annotated[list[EditOfFile], Meta(description="Edits, made in this order", min_length=1)],
) -> str:
    """Make several edits in one or more files: all of them, or none when one of them is refused.

    Each sees those before it, and is otherwise what edit does.
    """
    changes = []
    for one in edits:
        [(old, new)] = await _with_line_ends(desk, one.path, [(one.old, one.new)])
        changes.append(Edit(one.path, old, new, one.replace_all))
    try:
        made = await desk.files.apply_changes(changes)
    except EverstoreError as error:
        index = getattr(error, "index", None)
        if index is None:  # it is about no one of them
            raise
        told = await refusal_of(desk, error)
        raise RefusedError(f"No edit was made, for edits[{index}] is refused. {told}") from None
    files = Counter(shown(info.path) for info in made if info)
    names = [f"{name} ({count})" if count > 1 else name for name, count in files.items()]
    more = f" and {len(names) - _MOST_TOLD:,} others" if len(names) > _MOST_TOLD else ""
    told = f"{counted(len(made), 'edit')} in {counted(len(files), 'file')}"
    return f"Made {told}: {', '.join(names[:_MOST_TOLD])}{more}."
