"""Mistakes with how paths are spelled and told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call
    from everstore.models import InitialFile

__all__: list[str] = []


def _respelled(broken: Broken, change: Callable[[str], str]) -> None:
    """Change every path on its way in."""

    def wrap(call: Call) -> Call:
        async def respelled(session_id: Any, *args: Any, **kwargs: Any) -> Any:
            changed = [change(each) if isinstance(each, str) else each for each in args[:1]]
            return await call(session_id, *changed, *args[1:], **kwargs)

        return respelled

    def wrap_both(call: Call) -> Call:
        async def respelled(session_id: Any, source: str, destination: str, **kwargs: Any) -> Any:
            return await call(session_id, change(source), change(destination), **kwargs)

        return respelled

    def wrap_seed(call: Call) -> Call:
        async def respelled(session_id: Any, file: InitialFile) -> Any:
            return await call(session_id, replace(file, path=change(file.path)))

        return respelled

    names = ("read_file", "write_file", "stat_file", "list_directory", "delete_file", "create_directory")
    broken.around(wrap, ["file_system"], (*names, "edit_file", "append_file", "read_lines"))
    broken.around(wrap_both, ["file_system"], ("copy_file", "move_file"))
    broken.around(wrap_seed, ["file_system"], ("seed_initial_file",))


@mutant("tree.delete.sibling.other_case")
def folds_case(broken: Broken) -> None:
    """Paths are compared without regard to case."""
    _respelled(broken, str.lower)


@mutant("hostile.name.backslash")
def splits_at_backslash(broken: Broken) -> None:
    """A backslash separates segments, as on Windows."""
    _respelled(broken, lambda path: path.replace("\\", "/"))


@mutant("hostile.name.trailing_dot")
def drops_trailing_dot(broken: Broken) -> None:
    """A dot at the end of a name is dropped, as on Windows."""
    _respelled(broken, lambda path: path.rstrip(".") if not path.endswith(("/.", "..")) else path)


@mutant("hostile.name.percent_encoded")
def decodes_percent(broken: Broken) -> None:
    """Paths are percent-decoded, as those of a URL are."""
    _respelled(broken, unquote)


@mutant("hostile.name.tilde")
def expands_home(broken: Broken) -> None:
    """A leading tilde is expanded."""
    _respelled(broken, lambda path: path.replace("~", "home"))


@mutant("hostile.refused_path.parent_inside")
def resolves_parents(broken: Broken) -> None:
    """'..' is resolved in place of being refused."""

    def resolved(path: str) -> str:
        segments: list[str] = []
        for segment in path.split("/"):
            if segment == "..":
                del segments[-1:]
            else:
                segments.append(segment)
        return "/".join(segments)

    _respelled(broken, resolved)


@mutant("hostile.refused_path.nul")
def cuts_paths_at_nul(broken: Broken) -> None:
    """A path ends at its first NUL, as a C string does."""
    _respelled(broken, lambda path: path.partition("\0")[0])


@mutant("hostile.refused_path.newline")
def drops_control_characters_in_paths(broken: Broken) -> None:
    """Control characters in a path are dropped."""
    _respelled(broken, lambda path: "".join(each for each in path if each >= " "))


@mutant("hostile.refused_path.lone_high_surrogate")
def replaces_surrogates_in_paths(broken: Broken) -> None:
    """A lone surrogate in a path becomes a question mark."""
    _respelled(broken, lambda path: path.encode(errors="replace").decode())


@mutant("hostile.refused_path.segment_too_long")
def cuts_long_segments(broken: Broken) -> None:
    """A segment that is too long is cut."""
    _respelled(broken, lambda path: "/".join(segment[:255] for segment in path.split("/")))


@mutant("hostile.refused_path.alias_twice")
def strips_every_alias(broken: Broken) -> None:
    """/workspace is stripped as often as it is there."""

    def stripped(path: str) -> str:
        path = path.lstrip("/")
        while path.startswith("workspace/"):
            path = path.removeprefix("workspace/").lstrip("/")
        return path

    _respelled(broken, stripped)


@mutant("hostile.beside_alias")
def strips_alias_by_prefix(broken: Broken) -> None:
    """/workspaces/x loses its first ten characters too."""
    _respelled(
        broken, lambda path: path.removeprefix("/workspace") if path.startswith("/workspaces") else path
    )


@mutant("hostile.literal_workspace", without=("workspace_alias",))
def knows_no_literal_workspace(broken: Broken) -> None:
    """The setting that switches the alias off is not heard."""
    del broken


@mutant("hostile.literal_pattern.directory")
def drops_alias_from_patterns(broken: Broken) -> None:
    """A leading /workspace of a pattern is dropped, whatever the setting."""

    def dropped(pattern: Any) -> Any:
        return pattern.removeprefix("/workspace") if str(pattern).startswith("/workspace/") else pattern

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        return await broken.files.glob_files(session_id, dropped(pattern))

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        return await broken.files.grep_files(session_id, pattern, dropped(path_pattern), **options)
