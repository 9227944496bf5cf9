"""Mistakes with the keys of values and the names of secrets."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from everstore.conformance.mutants.broken import Broken, mutant
from everstore.models import new_session_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from everstore.middleware.base import Call

__all__: list[str] = []


_KEYED = (
    "set_value",
    "get_value",
    "delete_value",
    "stat_value",
    "increment_value",
    "set_secret",
    "get_secret",
    "delete_secret",
)


def _rekeyed(broken: Broken, change: Callable[[str], str]) -> None:
    """Change every key and name on its way in."""

    def wrap(call: Call) -> Call:
        async def rekeyed(session_id: Any, key: str, *args: Any, **kwargs: Any) -> Any:
            return await call(session_id, change(key) if isinstance(key, str) else key, *args, **kwargs)

        return rekeyed

    broken.around(wrap, ["storage"], _KEYED)


@mutant("values.keys.case")
def folds_case_of_keys(broken: Broken) -> None:
    """Keys are compared without regard to case."""
    _rekeyed(broken, str.lower)


@mutant("values.keys.normal_forms")
def composes_keys(broken: Broken) -> None:
    """Keys are stored in Unicode normal form C."""
    _rekeyed(broken, lambda key: unicodedata.normalize("NFC", key))


@mutant("values.keys.spaces")
def strips_keys(broken: Broken) -> None:
    """Blanks around a key are dropped."""
    _rekeyed(broken, lambda key: key.strip() or key)


@mutant("values.keys.slashes")
def makes_file_names_of_keys(broken: Broken) -> None:
    """A key becomes a file name, and what a name cannot have becomes an underscore."""
    _rekeyed(broken, lambda key: "".join("_" if each in "/\\:*?" else each for each in key))


@mutant("values.refused_keys.too_long")
def cuts_keys(broken: Broken) -> None:
    """A key that is too long is cut."""
    _rekeyed(broken, lambda key: key.encode(errors="surrogatepass")[:1024].decode(errors="ignore") or key)


@mutant("values.refused_keys.empty")
def takes_the_empty_key(broken: Broken) -> None:
    """The empty key is a key."""
    _rekeyed(broken, lambda key: key or "(empty)")


@mutant("values.refused_keys.nul")
def cuts_keys_at_nul(broken: Broken) -> None:
    """A key ends at its first NUL."""
    _rekeyed(broken, lambda key: key.partition("\0")[0] or key)


@mutant("values.list.sorted")
def lists_keys_by_locale(broken: Broken) -> None:
    """Keys are sorted without regard to case."""

    @broken.verb
    async def list_keys(session_id: Any, *page: Any, **options: Any) -> Any:
        return sorted(
            await broken.storage.list_keys(session_id, *page, **options), key=lambda info: info.key.casefold()
        )


@mutant("values.all_of_many")
def lists_one_page_of_keys(broken: Broken) -> None:
    """A listing of keys ends after a thousand."""

    @broken.verb
    async def list_keys(session_id: Any, *page: Any, **options: Any) -> Any:
        return (await broken.storage.list_keys(session_id, *page, **options))[:1000]


@mutant("values.delete")
def deletes_keys_by_prefix(broken: Broken) -> None:
    """Deleting a key deletes every key that begins with it."""

    @broken.verb
    async def delete_value(session_id: Any, key: str, **options: Any) -> Any:
        answer = await broken.storage.delete_value(session_id, key, **options)
        for info in await broken.storage.list_keys(session_id):
            if info.key.startswith(key):
                await broken.storage.delete_value(session_id, info.key)
        return answer


@mutant("values.absent")
def says_that_absent_keys_were_deleted(broken: Broken) -> None:
    """delete_value answers True whatever there was."""

    @broken.verb
    async def delete_value(session_id: Any, key: str, **options: Any) -> Any:
        await broken.storage.delete_value(session_id, key, **options)
        return True


@mutant("limits.key_bytes.lowered")
def takes_long_keys_out_of_reach(broken: Broken) -> None:
    """A key over the limit is refused by every verb."""

    def wrap(call: Call) -> Call:
        async def strict(session_id: Any, key: Any, *args: Any, **kwargs: Any) -> Any:
            nowhere = new_session_id()
            await broken.storage.set_value(nowhere, key, "")
            await broken.storage.purge_session(nowhere)
            return await call(session_id, key, *args, **kwargs)

        return strict

    broken.around(wrap, names=["get_value", "stat_value", "delete_value", "get_secret", "delete_secret"])
