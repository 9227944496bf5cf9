"""No error of settings, nor anything it is chained to, shows a password or a key."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

import everstore
from everstore.errors import EverstoreError

SECRET = "Hu5hHu5h"
GARBAGE = (
    SECRET, f"a:{SECRET}", f"a:{SECRET}=", f"{SECRET}:{SECRET}", f"a:{SECRET * 4}", f"{SECRET},{SECRET}",
    f"a\n:{SECRET}", f"a:{SECRET}\udcff", f"ä:{SECRET}ä", f"{SECRET}:", f" : {SECRET}",
)  # fmt: skip
WRONG_TYPES: tuple[Any, ...] = (SECRET.encode(), [SECRET], {"a": SECRET}, (SECRET, 1), frozenset([SECRET]))


def everything(error: BaseException | None) -> str:
    """What any of the ways to show an error, or what led to it, would show."""
    if error is None:
        return ""
    shown = f"{error} {error!r} {error.args!r} {vars(error)!r} {getattr(error, '__notes__', '')}"
    shown += "".join(traceback.format_exception(error))
    return shown + everything(error.__cause__) + everything(error.__context__)


async def refused(**settings: Any) -> None:
    with pytest.raises(EverstoreError) as caught:
        async with everstore.open_store(**{"log_level": "off", "environment": {}, **settings}):
            pass
    told = everything(caught.value)
    assert SECRET not in told
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keys", [*GARBAGE, *WRONG_TYPES])
async def test_keys_that_are_none(keys):
    await refused(secrets_keys=keys)


@pytest.mark.parametrize("keys", GARBAGE)
async def test_keys_that_are_none_in_the_environment(keys):
    await refused(environment={"EVERSTORE_SECRETS_KEYS": keys})
    await refused(environment={"EVERSTORE_SECRETS_KEYS": keys, "EVERSTORE_LIMITS": SECRET})


FILES = (
    f"secrets_keys = '{SECRET}'", f"secrets_keys = ['{SECRET}']", f"secrets_keys = {{a = '{SECRET}'}}",
    f"secrets_keys = '{SECRET}", f"secrets_keys '{SECRET}'", f"secrets_keys = {SECRET}",
    f"[secrets_keys]\na = '{SECRET}'", f"[[secrets_keys]]\na = '{SECRET}'", f"secrets_key = '{SECRET}'",
    f"secrets_keys = '{SECRET}'\nsecrets_keys = '{SECRET}'", f"SECRETS_KEYS = '{SECRET}'",
    f"[everstore]\nsecrets_keys = '{SECRET}'", f"password = '{SECRET}'", f"secrets_keys = '''{SECRET}",
)  # fmt: skip


@pytest.mark.parametrize("text", FILES)
async def test_files_that_are_wrong(tmp_path, text):
    file = tmp_path / "everstore.toml"
    file.write_text(text)
    await refused(config_file=file)
    await refused(environment={"EVERSTORE_CONFIG_FILE": str(file)})
