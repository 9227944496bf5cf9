"""Mistakes with more than a page: something is done to the first thousand, and nobody goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.conformance.mutants.broken import Broken, mutant

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []

_PAGE = 1000


async def _beyond(broken: Broken, session_id: Any, path: str = "/") -> list[str]:
    """The files below a directory that a first page of them does not have."""
    inside = "/" + path.strip("/")
    entries = await broken.entries(session_id)
    below = [info.path for info in entries if info.path.startswith(inside) and not info.is_directory]
    return sorted(below)[_PAGE:]


@mutant("search.all_of_many")
def globs_one_page(broken: Broken) -> None:
    """A glob answers with one page."""

    @broken.verb
    async def glob_files(session_id: Any, pattern: str) -> Any:
        return (await broken.files.glob_files(session_id, pattern))[:_PAGE]


@mutant("search.all_of_many")
def searches_one_page(broken: Broken) -> None:
    """A search looks through the files of one page."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, path_pattern, **options)
        skipped = set(await _beyond(broken, session_id))
        return [match for match in found if match.path not in skipped]


@mutant("tree.delete.all_of_many")
def deletes_one_page(broken: Broken) -> None:
    """A recursive delete takes one batch."""

    @broken.verb
    async def delete_file(session_id: Any, path: str, recursive: bool = False) -> bool:  # noqa: FBT001, FBT002 - the ancestor's signature
        left = await _beyond(broken, session_id, path) if recursive and isinstance(path, str) else []
        files = [await broken.files.read_file(session_id, each) for each in left]
        answer = await broken.files.delete_file(session_id, path, recursive)
        for file in files:
            if answer and file is not None and file.content is not None:
                await broken.files.write_file(session_id, file.path, file.content, file.encoding)
        return answer


def _takes_one_page_along(call: Call, broken: Broken) -> Call:
    async def transferred(session_id: Any, source: str, destination: str, **options: Any) -> Any:
        answer = await call(session_id, source, destination, **options)
        for path in await _beyond(broken, session_id, destination):
            await broken.files.delete_file(session_id, path)
        return answer

    return transferred


@mutant("transfers.all_of_many.copy")
def copies_one_page(broken: Broken) -> None:
    """Copying a tree takes one batch along."""
    broken.around(lambda call: _takes_one_page_along(call, broken), ["file_system"], ["copy_file"])


@mutant("transfers.all_of_many.move")
def moves_one_page(broken: Broken) -> None:
    """Moving a tree takes one batch along, and loses the rest."""
    broken.around(lambda call: _takes_one_page_along(call, broken), ["file_system"], ["move_file"])


@mutant("secrets.all_of_many")
def lists_one_page_of_secrets(broken: Broken) -> None:
    """A listing of secrets ends after a thousand."""

    @broken.verb
    async def list_secrets(session_id: Any) -> Any:
        return (await broken.storage.list_secrets(session_id))[:_PAGE]


@mutant("values.all_of_many")
def sorts_each_page_of_keys(broken: Broken) -> None:
    """list_keys takes 256 keys at a time as they were made, and sorts each page by itself."""

    @broken.verb
    async def list_keys(session_id: Any, *page: Any, **options: Any) -> Any:
        made = sorted(
            await broken.storage.list_keys(session_id, *page, **options), key=lambda info: info.version
        )
        pages = (made[at : at + 256] for at in range(0, len(made), 256))
        return [info for some in pages for info in sorted(some, key=lambda info: info.key)]


@mutant("tree.all_of_many")
def purges_one_page_of_files(broken: Broken) -> None:
    """Purging deletes one batch of files."""

    def wrap(call: Call) -> Call:
        async def purge_session(session_id: Any) -> bool:
            left = [
                await broken.files.read_file(session_id, each) for each in await _beyond(broken, session_id)
            ]
            answer = bool(await call(session_id))
            for file in left:
                if file is not None and file.content is not None:
                    await broken.files.write_file(session_id, file.path, file.content, file.encoding)
            return answer

        return purge_session

    broken.around(wrap, ["file_system"], ["purge_session"])


@mutant("values.all_of_many")
def purges_one_page_of_values(broken: Broken) -> None:
    """Purging deletes one batch of values."""

    def wrap(call: Call) -> Call:
        async def purge_session(session_id: Any) -> bool:
            left = (await broken.storage.list_keys(session_id))[_PAGE:]
            answer = bool(await call(session_id))
            for info in left:
                await broken.storage.set_value(session_id, info.key, "")
            return answer

        return purge_session

    broken.around(wrap, ["storage"], ["purge_session"])


@mutant("secrets.all_of_many")
def purges_one_page_of_secrets(broken: Broken) -> None:
    """Purging deletes one batch of secrets."""

    def wrap(call: Call) -> Call:
        async def purge_session(session_id: Any) -> bool:
            left = (await broken.storage.list_secrets(session_id))[_PAGE:]
            answer = bool(await call(session_id))
            for info in left:
                await broken.storage.set_secret(session_id, info.name, "")
            return answer

        return purge_session

    broken.around(wrap, ["storage"], ["purge_session"])


@mutant("search.read_lines.all_of_many")
def reads_two_thousand_lines(broken: Broken) -> None:
    """read_lines without a limit answers with two thousand lines, as the tools of agents do."""

    @broken.verb
    async def read_lines(session_id: Any, path: str, start: int = 1, limit: Any = None) -> Any:
        return await broken.files.read_lines(session_id, path, start, 2 * _PAGE if limit is None else limit)


@mutant("search.read_lines.all_of_many")
def cuts_long_lines(broken: Broken) -> None:
    """read_lines cuts a line after two thousand characters."""

    @broken.verb
    async def read_lines(session_id: Any, path: str, start: int = 1, limit: Any = None) -> Any:
        found = await broken.files.read_lines(session_id, path, start, limit)
        return found and replace(
            found, lines=tuple(replace(line, text=line.text[: 2 * _PAGE]) for line in found.lines)
        )


@mutant("search.large")
def skips_large_files(broken: Broken) -> None:
    """A search leaves out files of more than a mebibyte."""

    @broken.verb
    async def grep_files(session_id: Any, pattern: str, path_pattern: Any = None, **options: Any) -> Any:
        found = await broken.files.grep_files(session_id, pattern, path_pattern, **options)
        large = {info.path for info in await broken.entries(session_id) if info.size_bytes > 1 << 20}
        return [match for match in found if match.path not in large]


def _one_page_of(broken: Broken, role: Any, verb: str) -> None:
    """Without a limit the verb answers with a page."""

    async def paged(*given: Any, limit: Any = None, **options: Any) -> Any:
        most = _PAGE if limit is None else limit
        return await getattr(role, verb)(*given, limit=most, **options)

    paged.__name__ = verb
    broken.verb(paged)


@mutant("tree.all_of_many")
def lists_one_page_of_a_tree(broken: Broken) -> None:
    """A tree is listed up to a thousand entries."""
    _one_page_of(broken, broken.files, "list_tree")


@mutant("values.all_of_many")
def reads_one_page_of_values(broken: Broken) -> None:
    """read_values answers with a thousand where no limit is given."""
    _one_page_of(broken, broken.storage, "read_values")


@mutant("values.all_of_many")
def gets_as_many_as_a_statement_takes(broken: Broken) -> None:
    """Of the keys that get_values is asked for 999 are looked up, which a statement has parameters for."""

    @broken.verb
    async def get_values(session_id: Any, keys: Any) -> Any:
        return await broken.storage.get_values(session_id, [*keys][: _PAGE - 1])


def _in_part(broken: Broken, role: Any, verb: str, most: int) -> None:
    """Of what a call is given the first so many count; the rest is answered for as they are."""

    async def some(session_id: Any, given: Any) -> Any:
        found = await getattr(role, verb)(session_id, given[:most] if isinstance(given, list) else given)
        return [*found, *found[-1:] * (len(given) - len(found))]

    some.__name__ = verb
    broken.verb(some)


@mutant("tree.all_of_many")
def patches_five_hundred_files(broken: Broken) -> None:
    """Of a list of changes five hundred are made."""
    _in_part(broken, broken.files, "apply_changes", _PAGE // 2)


@mutant("values.all_of_many")
def changes_five_hundred_values(broken: Broken) -> None:
    """Of a list of changes of values five hundred are made."""
    _in_part(broken, broken.storage, "change_values", _PAGE // 2)


def _restores_one_page(broken: Broken, role: str) -> None:
    def wrap(call: Call) -> Call:
        async def restore_times(session_id: Any, times: Any) -> Any:
            found = await call(session_id, times[:_PAGE] if isinstance(times, list) else times)
            return [*found, *found[-1:] * (len(times) - len(found))]

        return restore_times

    broken.around(wrap, [role], ["restore_times"])


@mutant("times.all_of_many.files")
def restores_one_page_of_files(broken: Broken) -> None:
    """A thousand files get their times back."""
    _restores_one_page(broken, "file_system")


@mutant("times.all_of_many.values")
def restores_one_page_of_values(broken: Broken) -> None:
    """A thousand values get their times back."""
    _restores_one_page(broken, "storage")


def _tells_one_page(broken: Broken, role: str) -> None:
    def wrap(call: Call) -> Call:
        async def diff_sessions(a: Any, b: Any, *, after: Any = None, limit: Any = None) -> Any:
            return await call(a, b, after=after, limit=_PAGE if limit is None else limit)

        return diff_sessions

    broken.around(wrap, [role], ["diff_sessions"])


@mutant("forks.all_of_many.files")
def tells_one_page_of_differences(broken: Broken) -> None:
    """A thousand files in which two sessions differ are told of."""
    _tells_one_page(broken, "file_system")


@mutant("forks.all_of_many.values")
def forks_one_page_of_values(broken: Broken) -> None:
    """A fork takes a thousand values."""

    def wrap(call: Call) -> Call:
        async def fork_session(source: Any, target: Any, **options: Any) -> None:
            await call(source, target, **options)
            for info in (await broken.storage.list_keys(target))[_PAGE:]:
                await broken.storage.delete_value(target, info.key)

        return fork_session

    broken.around(wrap, ["storage"], ["fork_session"])
