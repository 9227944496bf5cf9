"""Commands on the keys that encrypt secrets: ``everstore keys``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from everstore.cli.options import JsonOption
from everstore.cli.output import print_json, write
from everstore.cli.running import configured, opened
from everstore.errors import SecretsKeyMissingError
from everstore.middleware.encryption import Envelope, generate_key, scan_all, seal_anew

if TYPE_CHECKING:
    from everstore.opening import Configuration

__all__ = ["app"]

app = typer.Typer(help="The keys that encrypt secrets in durable backends.", no_args_is_help=True)


@app.command("generate")
def generate(
    key_id: Annotated[str | None, typer.Option("--id", help="The key's name; random by default.")] = None,
) -> None:
    """Print a fresh key, to be put first in EVERSTORE_SECRETS_KEYS (older ones behind it, by comma)."""
    write(f"{generate_key(key_id)}\n")


@app.command("rotate")
def rotate(*, as_json: JsonOption = False) -> None:
    """Encrypt every stored secret anew that the first key of EVERSTORE_SECRETS_KEYS did not encrypt.

    Can be interrupted and run again, and run while others read and write. Give every process the new
    list of keys before, and take the old key out of it only after.
    """
    seen, changed = asyncio.run(_rotate(configured()))
    if as_json:
        print_json({"secrets": seen, "changed": changed})
    else:
        write(f"{changed} of {seen} secrets encrypted anew\n")


async def _rotate(configuration: Configuration) -> tuple[int, int]:
    if not configuration.secrets_keys:
        raise SecretsKeyMissingError("EVERSTORE_SECRETS_KEYS is not set, so there is no key to rotate to")
    envelope = Envelope(configuration.secrets_keys)
    columns = TextColumn("secrets"), BarColumn(), MofNCompleteColumn()
    console = Console(stderr=True)
    async with opened(configuration) as store:
        total = 0
        if console.is_terminal:  # nobody else sees the bar that the number is for
            total = sum([1 async for _ in scan_all(store.storage)])
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("rotate", total=total)
            return await seal_anew(store.storage, envelope, lambda: progress.advance(task))
