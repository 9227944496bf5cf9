"""Unified diffs, also such as models write them: with wrong counts, or prose around."""

from __future__ import annotations

import re
from typing import Literal

from everstore.tools.patches.model import FilePatch, Hunk, PatchError

__all__ = ["parse_unified"]

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(rb'\\([0-7]{3}|[abfnrtv"\\])')
_ESCAPES = dict(zip(b'abfnrtv"\\', b'\a\b\f\n\r\t\v"\\', strict=True))
_NO_LINE_END = "\\"
_NOWHERE = "/dev/null"


def parse_unified(lines: list[str]) -> list[FilePatch]:
    """The files of such a diff; what stands between them is left out."""
    return _Parser(lines).files()


class _Parser:
    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0
        self._patches: list[FilePatch] = []
        self._git: dict[str, str] = {}

    def files(self) -> list[FilePatch]:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if self._is_header(self._at):
                self._add_file()
                continue
            if line.startswith("@@"):
                raise PatchError(
                    f"Line {self._at + 1} is a hunk, and no line '--- path' and '+++ path' before it."
                )
            if line.startswith(("GIT binary patch", "Binary files ")):
                raise PatchError(f"Line {self._at + 1} is about a binary file, which no text patch changes.")
            if line.startswith("diff --git "):
                self._finish_git()
                self._git = {"diff": line}
            elif self._git:
                self._add_git(line)
            self._at += 1
        self._finish_git()
        return _in_order(self._patches)

    def _is_header(self, at: int) -> bool:
        two = self._lines[at : at + 2]
        return len(two) == 2 and two[0].startswith("--- ") and two[1].startswith("+++ ")

    def _add_git(self, line: str) -> None:
        for name in ("rename from ", "rename to ", "copy from ", "copy to ", "new file", "deleted file"):
            if line.startswith(name):
                self._git[name.strip()] = line[len(name) :]

    def _add_file(self) -> None:
        old, new = (_name(line[4:]) for line in self._lines[self._at : self._at + 2])
        if _are_prefixed(old, new):
            old, new = _bare(old), _bare(new)
        git, self._git = self._git, {}
        self._at += 2
        hunks: list[Hunk] = []
        while self._at < len(self._lines) and self._lines[self._at].startswith("@@"):
            hunks.append(self._hunk(len(hunks) + 1))
        if not hunks and not git:
            raise PatchError(f"Line {self._at} names a file, and no hunk (@@ ... @@) follows.")
        self._patches.append(_patch_of(old, new, git, tuple(hunks)))

    def _finish_git(self) -> None:
        """What git says of a file in which no line changes."""
        git, self._git = self._git, {}
        if "rename from" in git or "copy from" in git:
            self._patches.append(_patch_of("", "", git, ()))
        elif "new file" in git or "deleted file" in git:
            kind: Literal["add", "delete"] = "add" if "new file" in git else "delete"
            self._patches.append(FilePatch(kind, _named_twice(git["diff"])))

    def _hunk(self, count: int) -> Hunk:
        header = self._lines[self._at]
        found = _HUNK.match(header)
        start = self._at + 1
        end = self._end_by_counts(start, found) if found else None
        if end is None:
            end = self._end_by_marks(start)
        self._at = end
        return _hunk_of(header, self._lines[start:end], f"hunk {count}", found, start)

    def _end_by_counts(self, at: int, found: re.Match[str]) -> int | None:
        """Where a hunk ends that has as many lines as its header says; ``None`` where it has not."""
        old, new = (int(text) if text is not None else 1 for text in found.groups()[1:])
        while (old > 0 or new > 0) and at < len(self._lines):
            mark = self._lines[at][:1] or " "
            if mark not in {" ", "-", "+", _NO_LINE_END}:
                return None
            old -= mark in {" ", "-"}
            new -= mark in {" ", "+"}
            at += 1
        if at < len(self._lines) and self._lines[at].startswith(_NO_LINE_END):
            at += 1
        return at if not (old or new) and self._is_boundary(at) else None

    def _end_by_marks(self, at: int) -> int:
        """Where the next hunk or file begins."""
        while not self._is_boundary(at, blank=False):
            if self._lines[at][:1] not in {"", " ", "-", "+", _NO_LINE_END}:
                raise PatchError(f"Line {at + 1} begins with neither ' ', '-' nor '+'.")
            at += 1
        while self._lines[at - 1] == "":
            at -= 1
        return at

    def _is_boundary(self, at: int, *, blank: bool = True) -> bool:
        """Whether no hunk goes on here, for another one, another file or the end comes."""
        while blank and at < len(self._lines) and not self._lines[at].strip():
            at += 1
        if at >= len(self._lines):
            return True
        return self._lines[at].startswith(("@@", "diff ", "Index: ", "```")) or self._is_header(at)


def _hunk_of(header: str, body: list[str], name: str, found: re.Match[str] | None, number: int) -> Hunk:
    lines: list[str] = []
    opened = {"old": False, "new": False}
    for line in body:
        if line.startswith(_NO_LINE_END):
            mark = lines[-1][0] if lines else ""
            opened["old"] |= mark in {" ", "-"}
            opened["new"] |= mark in {" ", "+"}
        else:
            lines.append(line or " ")
    if not any(line[0] != " " for line in lines):
        raise PatchError(f"The hunk at line {number} changes nothing: no line begins with '-' or '+'.")
    is_told = any(opened.values())
    anchor = "" if found else header.strip("@ .")
    return Hunk(
        tuple(lines),
        name,
        anchors=(anchor,) if anchor else (),
        line=None if found is None else max(int(found[1]) - (found[2] != "0"), 0),
        open_before=opened["old"] if is_told else None,
        open_after=opened["new"] if is_told else None,
    )


def _patch_of(old: str, new: str, git: dict[str, str], hunks: tuple[Hunk, ...]) -> FilePatch:
    if "rename from" in git:
        return FilePatch("update", _name(git["rename from"]), hunks, _name(git.get("rename to", new)))
    if "copy from" in git:
        return FilePatch("update", _name(git["copy from"]), hunks, copied_to=_name(git.get("copy to", new)))
    if old == _NOWHERE:
        return FilePatch("add", new, hunks)
    if new == _NOWHERE:
        return FilePatch("delete", old, hunks)
    return FilePatch("update", new, hunks)


def _in_order(patches: list[FilePatch]) -> list[FilePatch]:
    """The patches one after another: to git all copies and renames are of the files as they were before."""
    ordered: list[FilePatch] = []
    rest = patches
    while rest:
        copied = {one.path for one in rest if one.copied_to}
        needed = copied | {one.path for one in rest if one.moved_to}
        waiting = [one for one in rest if _has_to_wait(one, copied, needed)]
        if len(waiting) == len(rest):  # such as two that swap their names
            return ordered + rest
        ordered += [one for one in rest if not _has_to_wait(one, copied, needed)]
        rest = waiting
    return ordered


def _has_to_wait(patch: FilePatch, copied: set[str], needed: set[str]) -> bool:
    """Whether others still need what is at a path that it changes."""
    if patch.copied_to:
        return patch.copied_to in needed
    if patch.moved_to:
        return patch.moved_to in needed or patch.path in copied
    return patch.path in needed


def _named_twice(line: str) -> str:
    """The name in a line of git's with the old and the new name, where these are the same."""
    names = line.removeprefix("diff --git ").rstrip()
    half = len(names) // 2
    old, new = _name(names[:half]), _name(names[half + 1 :])
    return _bare(new) if _are_prefixed(old, new) else new


def _name(text: str) -> str:
    """A file's name as it stands in a header: perhaps quoted as git does it, or with a time behind a tab."""
    quoted = _QUOTED.match(text)
    if quoted:
        return _ESCAPED.sub(_unescaped, quoted[1].encode()).decode(errors="replace")
    name, tab, _ = text.partition("\t")
    return name if tab else name.strip()


def _unescaped(found: re.Match[bytes]) -> bytes:
    text = found[1]
    return bytes([int(text, 8) & 255 if len(text) > 1 else _ESCAPES[text[0]]])


def _are_prefixed(old: str, new: str) -> bool:
    """Whether the names have the ``a/`` and ``b/`` before them that git gives them."""
    return (old.startswith("a/") or old == _NOWHERE) and (new.startswith("b/") or new == _NOWHERE)


def _bare(name: str) -> str:
    return name if name == _NOWHERE else name.partition("/")[2]
