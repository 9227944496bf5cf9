"""A name beside one that looks like it is as it would be alone, whatever verb is given it.

Of two directories one has another name, too, a file or a tree. The same is done in both: what is answered,
and what is there then, must be the same, and the other name must be as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from everstore.conformance.case import Mismatch, each
from everstore.conformance.registry import table
from everstore.errors import EverstoreError
from everstore.models import InitialFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from everstore.conformance.case import Case
    from everstore.session import BoundFiles, BoundStorage

_ALIKE = (
    ("a", "A"), ("\u00e9", "e\u0301"), ("a_", "ab"), ("a%", "ab"), ("[ab]", "a"), ("a?", "ab"), ("a*", "ab"),
    ("%", "q"), ("a.b", "a-b"), ("a\\b", "ab"), ("a", "a "), ("x" * 254 + "1", "x" * 254 + "2"),
)  # fmt: skip
_ORDERED = [pair for one, other in _ALIKE for pair in ((one, other), (other, one))]
_LONG = "k" * 700  # with a name behind it, as long as an index may hold
_LIKELY = "this verb finds a name as a pattern, without case, normalised or cut"
_SHOWN = ("content", "size_bytes", "is_directory", "is_readonly", "lines")


async def _outcome(call: Awaitable[Any]) -> Any:
    """What is answered, without what no two places have in common."""
    try:
        answer = await call
    except EverstoreError as error:
        return type(error).__name__
    if isinstance(answer, list):
        return [each.name for each in answer]
    if isinstance(answer, msgspec.Struct):
        return {name: getattr(answer, name) for name in _SHOWN if hasattr(answer, name)}
    return answer


# -- files

_FAR = "/".join(["w" * 250] * 16)  # so that a path fits, but none that is longer by a lengthy name
_LENGTHY = "z" * 200

_FILES: dict[str, Callable[[BoundFiles, str, str], Awaitable[Any]]] = {
    "read": lambda files, path, _: files.read_file(path),
    "read_lines": lambda files, path, _: files.read_lines(path),
    "stat": lambda files, path, _: files.stat_file(path),
    "list": lambda files, path, _: files.list_directory(path),
    "write": lambda files, path, _: files.write_file(path, "new"),
    "write_if_absent": lambda files, path, _: files.write_file(path, "new", if_absent=True),
    "write_below": lambda files, path, _: files.write_file(f"{path}/new/f", "new"),
    "append": lambda files, path, _: files.append_file(path, "new"),
    "edit": lambda files, path, _: files.edit_file(path, "7", "new"),
    "match": lambda files, path, _: files.write_file_if_content_matches(path, "7", "text", "new", "text"),
    "seed": lambda files, path, _: files.seed_initial_file(InitialFile(path, "new", is_readonly=True)),
    "directory": lambda files, path, _: files.create_directory(path),
    "delete": lambda files, path, _: files.delete_file(path),
    "delete_tree": lambda files, path, _: files.delete_file(path, recursive=True),
    "copy": lambda files, path, at: files.copy_file(path, f"{at}/new"),
    "copy_far": lambda files, path, at: files.copy_file(path, f"{at}/{_FAR}"),
    "copy_to": lambda files, path, at: files.copy_file(f"{at}/from", path, overwrite=True),
    "move": lambda files, path, at: files.move_file(path, f"{at}/new"),
    "move_far": lambda files, path, at: files.move_file(path, f"{at}/{_FAR}"),
    "move_to": lambda files, path, at: files.move_file(f"{at}/from", path, overwrite=True),
}


async def _put(files: BoundFiles, path: str, kind: str, name: str = "x") -> None:
    if kind == "empty":
        await files.create_directory(path)
    if kind == "file":
        await files.write_file(path, "7")
    if kind == "tree":
        await files.write_file(f"{path}/{name}/y", "7")
    if kind == "read-only tree":
        await files.seed_initial_file(InitialFile(f"{path}/{name}/y", "7", is_readonly=True))


async def _tree(files: BoundFiles, at: str, leave_out: str = "") -> dict[str, Any]:
    found = {}
    for info in await files.list_directory(at):
        if info.path != leave_out:
            found[info.name] = await _tree(files, info.path) if info.is_directory else info.size_bytes
    return found


@table(
    "confusable.twins.{row}",
    "2.3.4", "2.4.1", "2.4.2", "3.8.7", "4.5.3",
    rows={name: (call,) for name, call in _FILES.items()},
    likely=_LIKELY, level="standard", since="1.1",
)  # fmt: skip
async def files_beside(case: Case, call: Callable[[BoundFiles, str, str], Awaitable[Any]]) -> None:
    """Beside a file or a tree of a similar name this does as it does alone, and leaves that alone: {row}."""

    async def require(pair: tuple[str, str]) -> None:
        files, (one, other) = case.session().files, pair
        for kind, beside in (("", "tree"), ("file", "file"), ("tree", "read-only tree"), ("empty", "tree")):
            at, alone = f"/beside {kind}", f"/alone {kind}"
            for directory in (at, alone):
                await files.write_file(f"{directory}/from", "from")
                await _put(files, f"{directory}/{one}", kind)
            kept = f"{at}/{other}"
            await _put(files, kept, beside, _LENGTHY)
            before = await files.stat_file(kept), await _tree(files, kept)
            what = f"{one!r}, {kind or 'nothing'}, beside {other!r}, a {beside}"
            got = [await _outcome(call(files, f"{directory}/{one}", directory)) for directory in (at, alone)]
            if got[0] != got[1]:
                raise Mismatch.of(got[1], got[0], what)
            left = await _tree(files, at, kept), await _tree(files, alone)
            if left[0] != left[1]:
                raise Mismatch.of(left[1], left[0], f"{what}, then")
            after = await files.stat_file(kept), await _tree(files, kept)
            if after != before:
                raise Mismatch.of(before, after, f"{what}, the other")

    await each(require, _ORDERED)


# -- values and secrets

_STORAGE: dict[str, Callable[[BoundStorage, str], Awaitable[Any]]] = {
    "get_value": lambda storage, key: storage.get_value(key),
    "set_value": lambda storage, key: storage.set_value(key, "new"),
    "set_if_absent": lambda storage, key: storage.set_value(key, "new", if_absent=True),
    "increment": lambda storage, key: storage.increment_value(key, 3),
    "delete_value": lambda storage, key: storage.delete_value(key),
    "get_secret": lambda storage, key: storage.get_secret(key),
    "set_secret": lambda storage, key: storage.set_secret(key, "new"),
    "delete_secret": lambda storage, key: storage.delete_secret(key),
}


@table(
    "confusable.twins.{row}",
    "6.1.2", "6.1.7", "6.2.1",
    rows={name: (call,) for name, call in _STORAGE.items()},
    likely=_LIKELY, level="standard", since="1.1",
)  # fmt: skip
async def keys_beside(case: Case, call: Callable[[BoundStorage, str], Awaitable[Any]]) -> None:
    """Beside a value and a secret of a similar name this does as it does alone: {row}."""

    async def require(pair: tuple[str, str]) -> None:
        storage = case.session().storage
        one, other = (f"{_LONG}{name}" for name in pair)

        async def seen(key: str) -> tuple[Any, ...]:
            return await storage.get_value(key), await storage.get_secret(key), await storage.stat_value(key)

        for text in (None, "7"):
            alone = f"alone {text}"
            for key in (other, *((one, alone) if text else ())):
                await storage.set_value(key, "7")
                await storage.set_secret(key, "7")
            before = await seen(other)
            what = f"{pair[0]!r}, {text or 'nothing'}, beside {pair[1]!r}"
            got = [await _outcome(call(storage, key)) for key in (one, alone)]
            if got[0] != got[1]:
                raise Mismatch.of(got[1], got[0], what)
            left = [(await seen(key))[:2] for key in (one, alone)]
            if left[0] != left[1]:
                raise Mismatch.of(left[1], left[0], f"{what}, then")
            after = await seen(other)
            if after != before:
                raise Mismatch.of(before, after, f"{what}, the other")
            await storage.delete_value(one)
            await storage.delete_secret(one)

    await each(require, _ORDERED)
