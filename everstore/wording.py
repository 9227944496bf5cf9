"""How many and how large, in words."""

from __future__ import annotations

__all__ = ["counted", "shown_size"]


def counted(count: int, what: str) -> str:
    """A number of things: ``1 file``, ``1,234 directories``, ``2 matches``."""
    if count == 1:
        return f"1 {what}"
    if what.endswith("y") and what[-2:] != "ey":
        return f"{count:,} {what.removesuffix('y')}ies"
    return f"{count:,} {what}{'es' if what.endswith('ch') else 's'}"


def shown_size(size: int) -> str:
    """A number of bytes as people read it: ``512 B``, ``1.5 KiB``."""
    if size < 1024:
        return f"{size} B"
    amount, unit = size / 1024, 0
    while amount >= 1023.95 and unit < 4:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f} {('KiB', 'MiB', 'GiB', 'TiB', 'PiB')[unit]}"
