"""How many and how large, in words."""

from __future__ import annotations

import pytest

from everstore.wording import counted, shown_size


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024 * 1024 - 1, "1.0 MiB"),
        (5 << 20, "5.0 MiB"),
        (3 << 40, "3.0 TiB"),
        (1 << 60, "1024.0 PiB"),
    ],
)
def test_sizes(size, shown):
    assert shown_size(size) == shown


@pytest.mark.parametrize(
    ("count", "what", "told"),
    [
        (0, "secret", "0 secrets"),
        (1, "secret", "1 secret"),
        (1234, "session record", "1,234 session records"),
        (1, "directory", "1 directory"),
        (2, "directory", "2 directories"),
        (2, "key", "2 keys"),
        (2, "match", "2 matches"),
    ],
)
def test_numbers_of_things(count, what, told):
    assert counted(count, what) == told
