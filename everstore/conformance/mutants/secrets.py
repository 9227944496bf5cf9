"""Mistakes with secrets: where they show, and how they are kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from everstore.compat import override
from everstore.conformance.mutants.broken import Broken, mutant
from everstore.errors import EverstoreError, InvalidContentError
from everstore.interfaces import KeyRing

if TYPE_CHECKING:
    from everstore.middleware.base import Call

__all__: list[str] = []


@mutant("secrets.namespaces")
def keeps_secrets_among_values(broken: Broken) -> None:
    """A secret is a value of the same name."""

    @broken.verb
    async def set_secret(session_id: Any, name: str, value: str, *, ttl: Any = None) -> None:
        await broken.storage.set_secret(session_id, name, value, ttl=ttl)
        await broken.storage.set_value(session_id, name, "*" * len(value))


@mutant("secrets.overwrite")
def keeps_the_first_secret(broken: Broken) -> None:
    """A secret that exists is not replaced."""

    @broken.verb
    async def set_secret(session_id: Any, name: str, value: str, *, ttl: Any = None) -> None:
        if await broken.storage.get_secret(session_id, name) is None:
            await broken.storage.set_secret(session_id, name, value, ttl=ttl)


@mutant("secrets.list.sorted")
def lists_secrets_newest_first(broken: Broken) -> None:
    """Secrets are listed newest first."""

    @broken.verb
    async def list_secrets(session_id: Any) -> Any:
        return sorted(await broken.storage.list_secrets(session_id), key=lambda info: -info.created_ns)


@mutant("secrets.hidden.in_listings")
def shows_secrets_in_listings(broken: Broken) -> None:
    """A listing shows the beginning of each secret beside its name, to tell them apart."""

    @broken.verb
    async def list_secrets(session_id: Any) -> Any:
        found = await broken.storage.list_secrets(session_id)
        return [
            replace(info, name=f"{info.name} ({await broken.storage.get_secret(session_id, info.name)})")
            for info in found
        ]


@mutant("secrets.hidden.in_errors")
def shows_secrets_in_errors(broken: Broken) -> None:
    """An error tells what could not be stored."""

    @broken.verb
    async def set_secret(session_id: Any, name: str, value: str, *, ttl: Any = None) -> None:
        try:
            await broken.storage.set_secret(session_id, name, value, ttl=ttl)
        except EverstoreError as error:
            raise type(error)(f"{error} (while storing {value!r:.200})", value=value) from error


@mutant("secrets.hidden.in_chains")
def hides_what_it_chains(broken: Broken) -> None:
    """A refusal is raised ``from None`` where the text could not be encoded, and so keeps that error."""

    @broken.verb
    async def set_value(session_id: Any, key: str, value: str, **options: Any) -> Any:
        try:
            if isinstance(value, str):
                value.encode()
        except UnicodeEncodeError:
            raise InvalidContentError("value holds a lone surrogate") from None
        return await broken.storage.set_value(session_id, key, value, **options)


@mutant("secrets.hidden.in_logs")
def logs_secrets(broken: Broken) -> None:
    """A debug event tells what was stored."""
    import structlog  # noqa: PLC0415 - as in a store that opens

    @broken.verb
    async def set_secret(session_id: Any, name: str, value: str, *, ttl: Any = None) -> None:
        await broken.storage.set_secret(session_id, name, value, ttl=ttl)
        structlog.get_logger().debug("stored", name=name, value=value)


@mutant("secrets.hidden.in_repr")
def shows_secrets_in_repr(broken: Broken) -> None:
    """The store's repr shows what it holds."""
    held: list[str] = []

    @broken.verb
    async def set_secret(session_id: Any, name: str, value: str, *, ttl: Any = None) -> None:
        await broken.storage.set_secret(session_id, name, value, ttl=ttl)
        held.append(value)

    broken.described = lambda: f"<storage {held}>"


@mutant("secrets.at_rest.bytes", durable=True)
def keeps_secrets_in_clear(broken: Broken) -> None:
    """A secret is kept in clear beside its ciphertext."""

    @broken.verb
    async def set_secret(session_id: Any, name: str, value: str, *, ttl: Any = None) -> None:
        await broken.storage.set_secret(session_id, name, value, ttl=ttl)
        await broken.storage.set_value(session_id, f"cache of {name}"[:1000], value)


@mutant("secrets.at_rest.tampered", durable=True)
def takes_tampered_for_absent(broken: Broken) -> None:
    """A ciphertext that does not open is None."""

    @broken.verb
    async def get_secret(session_id: Any, name: str) -> Any:
        try:
            return await broken.storage.get_secret(session_id, name)
        except EverstoreError as error:
            if error.code == "secret_decryption_failed":
                return None
            raise


async def _swap_anyway(broken: Broken, session_id: Any, name: str, replacement: str) -> bool:
    """Replace a secret, whatever it is."""
    page = await broken.sound.rotation.scan_secrets(after=(session_id, name[:-1] or "\x01"), limit=1000)
    found = [each for each in page if (each.session_id, each.name) == (session_id, name)]
    return bool(found) and await broken.sound.rotation.swap_secret(
        session_id, name, found[0].ciphertext, replacement
    )


@mutant("secrets.at_rest.swap", durable=True)
def swaps_whatever_is_there(broken: Broken) -> None:
    """swap_secret does not look at what it replaces."""

    @broken.verb
    async def swap_secret(session_id: Any, name: str, expected: str, replacement: str) -> bool:
        del expected
        return await _swap_anyway(broken, session_id, name, replacement)


@mutant("races.swap", durable=True)
def swaps_what_came_meanwhile(broken: Broken) -> None:
    """swap_secret looks whether the secret is the expected one, and replaces whatever is there then."""

    @broken.verb
    async def swap_secret(session_id: Any, name: str, expected: str, replacement: str) -> bool:
        if not await broken.sound.rotation.swap_secret(session_id, name, expected, expected):
            return False
        await asyncio.sleep(0)
        return await _swap_anyway(broken, session_id, name, replacement)


@mutant("secrets.at_rest.swap", durable=True)
def swaps_as_a_write(broken: Broken) -> None:
    """Encrypting a secret anew moves its revision."""
    swapped: set[Any] = set()

    @broken.verb
    async def swap_secret(session_id: Any, name: str, expected: str, replacement: str) -> bool:
        done: bool = await broken.sound.rotation.swap_secret(session_id, name, expected, replacement)
        if done:
            swapped.add((session_id, name))
        return done

    @broken.verb
    async def list_secrets(session_id: Any) -> Any:
        found = await broken.storage.list_secrets(session_id)
        return [
            replace(info, version=info.version + 1) if (session_id, info.name) in swapped else info
            for info in found
        ]


@mutant("secrets.at_rest.swap_plain", durable=True)
def swaps_in_plain_text(broken: Broken) -> None:
    """swap_secret keeps whatever it is handed."""

    @broken.verb
    async def swap_secret(session_id: Any, name: str, expected: str, replacement: str) -> bool:
        try:
            return await broken.sound.rotation.swap_secret(session_id, name, expected, replacement)
        except InvalidContentError:
            return True


@mutant("secrets.at_rest.scan", durable=True)
def scans_nothing(broken: Broken) -> None:
    """scan_secrets is left out, and answers that there are none."""

    @broken.verb
    async def scan_secrets(**_options: Any) -> Any:
        return []


@mutant("secrets.at_rest.scan", durable=True)
def scans_one_page(broken: Broken) -> None:
    """scan_secrets begins again with every page."""

    @broken.verb
    async def scan_secrets(*, after: Any = None, limit: int = 100) -> Any:
        return [] if after is not None else await broken.sound.rotation.scan_secrets(limit=limit)


@mutant("secrets.at_rest.swap", durable=True)
def swaps_without_end(broken: Broken) -> None:
    """A swap sets the secret anew, without its time to live."""
    kept: dict[Any, Any] = {}

    @broken.verb
    async def swap_secret(session_id: Any, name: str, expected: str, replacement: str) -> bool:
        done: bool = await broken.sound.rotation.swap_secret(session_id, name, expected, replacement)
        kept[session_id, name] = done
        return done

    @broken.verb
    async def list_secrets(session_id: Any) -> Any:
        found = await broken.storage.list_secrets(session_id)
        return [
            replace(info, expires_ns=None) if kept.get((session_id, info.name)) else info for info in found
        ]


@mutant("secrets.at_rest.scan", durable=True)
def scans_from_the_last(broken: Broken) -> None:
    """A page of scan_secrets begins with the last secret of the one before."""

    @broken.verb
    async def scan_secrets(*, after: Any = None, limit: int = 100) -> Any:
        if after is None:
            return await broken.sound.rotation.scan_secrets(limit=limit)
        everything = await broken.sound.rotation.scan_secrets(limit=10_000)
        return [each for each in everything if (each.session_id, each.name) >= after][:limit]


@mutant("secrets.at_rest.expired", durable=True)
def scans_what_is_over(broken: Broken) -> None:
    """scan_secrets has what is past its time, until a sweep comes round."""
    seen: dict[Any, Any] = {}

    @broken.verb
    async def scan_secrets(*, after: Any = None, limit: int = 100) -> Any:
        page = await broken.sound.rotation.scan_secrets(after=after, limit=limit)
        seen.update({(each.session_id, each.name): each for each in page})
        if len(page) == limit:
            return page
        found = {**seen, **{(each.session_id, each.name): each for each in page}}
        return [found[place] for place in sorted(found) if after is None or place > after][:limit]


@mutant("secrets.at_rest.expired", durable=True)
def swaps_what_is_over(broken: Broken) -> None:
    """swap_secret compares the ciphertext alone, and says that it replaced one that is over."""
    seen: dict[Any, str] = {}

    @broken.verb
    async def scan_secrets(*, after: Any = None, limit: int = 100) -> Any:
        page = await broken.sound.rotation.scan_secrets(after=after, limit=limit)
        seen.update({(each.session_id, each.name): each.ciphertext for each in page})
        return page

    @broken.verb
    async def swap_secret(session_id: Any, name: str, expected: str, replacement: str) -> bool:
        swapped = await broken.sound.rotation.swap_secret(session_id, name, expected, replacement)
        return swapped or seen.get((session_id, name)) == expected


@mutant("values.keys.longest")
def cuts_names_of_secrets(broken: Broken) -> None:
    """The name of a secret is cut to the 255 characters of its column."""

    def wrap(call: Call) -> Call:
        async def named(session_id: Any, name: str, *args: Any, **kwargs: Any) -> Any:
            fits = isinstance(name, str) and len(name.encode(errors="replace")) <= 1024
            return await call(session_id, name[:255] if fits else name, *args, **kwargs)

        return named

    broken.around(wrap, ["storage"], ["set_secret", "get_secret", "delete_secret"])


@mutant("secrets.namespaces")
def deletes_a_namesake(broken: Broken) -> None:
    """Where there is no secret of the name, the value of that name is deleted."""

    @broken.verb
    async def delete_secret(session_id: Any, name: str) -> bool:
        was_there = await broken.storage.delete_secret(session_id, name)
        if not was_there:
            await broken.storage.delete_value(session_id, name)
        return was_there


class _Taken(KeyRing):
    """A ring whose current key is asked for once."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._current: str | None = None

    @override
    async def current_id(self) -> str:
        self._current = self._current or await self._ring.current_id()
        return self._current

    @override
    async def key(self, key_id: str) -> bytes | None:
        return await self._ring.key(key_id)


@mutant(
    "secrets.key_ring",
    durable=True,
    provided=lambda value: _Taken(value) if isinstance(value, KeyRing) else value,
)
def takes_the_key_once(broken: Broken) -> None:
    """A key that becomes current after the store was opened is not used."""
    del broken
