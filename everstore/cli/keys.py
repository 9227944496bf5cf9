"""Commands on the keys that encrypt secrets: ``everstore keys``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from everstore.cli.ending import carry_out
from everstore.cli.helping import Commands
from everstore.cli.options import JsonOption
from everstore.cli.output import note, print_json, print_table, write
from everstore.cli.running import FAILED, configured, opened, reading
from everstore.content import key_id_of
from everstore.errors import SecretDecryptionError, SecretsKeyMissingError
from everstore.middleware.encryption import Envelope, generate_key, scan_all, seal_anew
from everstore.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from everstore.configuration import Configuration
    from everstore.interfaces import SecretRotation

__all__ = ["Unopened", "app", "tell_unopened", "unopened_secrets"]

app = Commands(help="Make and rotate the keys that encrypt secrets.")


class Unopened(msgspec.Struct, frozen=True, order=True):
    """A stored secret that no configured key opens: where it is, and why."""

    session: str
    name: str
    reason: str

    @classmethod
    def of(cls, error: SecretDecryptionError) -> Unopened:
        """What an error of opening a secret tells."""
        return cls(str(error.facts["session_id"]), str(error.facts["name"]), str(error))


@app.command("generate")
def generate(
    key_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The id of the key [default: a random one].")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Print a new key.

    Put it first in EVERSTORE_SECRETS_KEYS, and older keys behind it, separated by commas.
    """
    key = generate_key(key_id)
    if as_json:
        print_json({"id": key.partition(":")[0], "key": key})
    else:
        write(f"{key}\n")


@app.command("rotate")
def rotate(*, as_json: JsonOption = False) -> int:
    """Encrypt all secrets with the first key of EVERSTORE_SECRETS_KEYS.

    It may be interrupted and run again, and others may read and write meanwhile. Give every process the
    new list of keys before, and take the old key out of it only after. A secret that no key decrypts stays
    as it is: it is told at the end, and the exit status is 4.
    """
    try:
        seen, changed = carry_out(_rotate(configured()))
        unopened: list[Unopened] = []
    except SecretDecryptionError as error:
        if "unopened" not in error.facts:
            raise
        facts: dict[str, Any] = error.facts
        seen, changed = facts["secrets"], facts["changed"]
        unopened = [Unopened.of(each) for each in facts["unopened"]]
    if as_json:
        document: dict[str, object] = {"secrets": seen, "changed": changed}
        print_json(document | ({"unopened": msgspec.to_builtins(unopened)} if unopened else {}))
    else:
        write(f"{changed:,} of {counted(seen, 'secret')} encrypted anew\n")
    tell_unopened(unopened)
    return FAILED if unopened else 0


async def _rotate(configuration: Configuration) -> tuple[int, int]:
    if not configuration.secrets_keys:
        raise SecretsKeyMissingError("EVERSTORE_SECRETS_KEYS is not set, so there is no key to rotate to")
    if _has_nothing(configuration):
        return 0, 0
    envelope = Envelope(configuration.secrets_keys)
    columns = TextColumn("secrets"), BarColumn(), MofNCompleteColumn()
    console = Console(stderr=True)
    async with opened(configuration) as store:
        secrets = store.rotation
        total = 0
        if console.is_terminal:  # nobody else sees the bar that the number is for
            total = sum([1 async for _ in scan_all(secrets)])
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("rotate", total=total)
            return await seal_anew(secrets, envelope, lambda: progress.advance(task))


@app.command("status")
def status(*, as_json: JsonOption = False) -> int:
    """Count the secrets by the key that encrypted them, and decrypt each.

    The exit status is 4 when one cannot be decrypted. A key that no secret has any more, and that is not
    the first, can be taken out of EVERSTORE_SECRETS_KEYS.
    """
    configuration = configured()
    counts, unopened = carry_out(_status(configuration))
    keys = list(configuration.secrets_keys)
    rows = [
        {"key": key, "use": _use(key, keys), "secrets": counts[key]}
        for key in [*keys, *sorted(counts.keys() - set(keys), key=lambda key: (key is None, key))]
    ]
    if as_json:
        total = counts.total()
        print_json({"keys": rows, "secrets": total, "unopened": msgspec.to_builtins(unopened)})
    else:
        shown = [(str(row["key"] or "-"), str(row["use"]), str(row["secrets"])) for row in rows]
        print_table(("key", "use", "secrets"), shown, right=("secrets",))
        opened = f", of which no key opens {len(unopened):,}" if unopened else ", and a key opens each"
        write(f"{counted(counts.total(), 'secret')}{opened if counts else ''}\n")
    tell_unopened(unopened)
    return FAILED if unopened else 0


async def _status(configuration: Configuration) -> tuple[Counter[str | None], list[Unopened]]:
    envelope = Envelope(configuration.secrets_keys)
    counts: Counter[str | None] = Counter()
    if _has_nothing(configuration):
        return counts, []
    async with opened(configuration) as store:
        unopened = await unopened_secrets(store.rotation, envelope, lambda key_id: counts.update([key_id]))
    return counts, unopened


def _has_nothing(configuration: Configuration) -> bool:
    """Whether there is no storage of secrets yet, which is told, and none is made."""
    return reading(configuration).roles["storage"] != configuration.roles["storage"]


def _use(key: str | None, keys: list[str]) -> str:
    if key is None:
        return "no ciphertext of everstore's"
    if key not in keys:
        return "missing in EVERSTORE_SECRETS_KEYS"
    return "encrypts and opens" if key == keys[0] else "opens"


async def unopened_secrets(
    secrets: SecretRotation, envelope: Envelope, seen: Callable[[str | None], object]
) -> list[Unopened]:
    """The stored secrets that no key opens, in order; ``seen`` is told the key's id of each secret."""
    found = []
    async for stored in scan_all(secrets):
        seen(key_id_of(stored.ciphertext))
        try:
            envelope.open(stored.session_id, stored.name, stored.ciphertext)
        except (SecretDecryptionError, SecretsKeyMissingError) as error:
            found.append(Unopened(str(stored.session_id), stored.name, str(error)))
    return found


def tell_unopened(unopened: Iterable[Unopened]) -> None:
    """A line on stderr for each secret that does not open."""
    for each in unopened:
        note(f"session {each.session}: {each.reason}")
