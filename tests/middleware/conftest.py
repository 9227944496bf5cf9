"""What every test here needs."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _nowhere(in_empty_folder):
    """No settings file of the developer's is read."""
