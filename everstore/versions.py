"""Whether a distribution is made for the everstore that is here: what it requires is its statement."""

from __future__ import annotations

import functools
import re
from email.parser import HeaderParser
from importlib.metadata import Distribution, version

__all__ = ["misfit"]

CORE = "everstore"

# An address names no version, and what only holds for an extra or a platform is no statement.
STATEMENT = re.compile(rf"{CORE}\s*(?:\[[^]]*\])?\s*\(?([<>=!~][^@;()]*)\)?\s*", re.IGNORECASE)


def misfit(distribution: Distribution) -> str | None:
    """What the distribution requires of everstore and this version is not, in words; ``None`` when it fits.

    One that states no version, as a stranger's may, fits always. Installers see to this, unless they are
    told to pass over requirements, or one of the two is installed anew later and by itself.
    """
    metadata = distribution.read_text("METADATA")
    name, requires = _told(metadata) if metadata else (distribution.name, distribution.requires or ())
    stated = [match[1] for text in requires if (match := STATEMENT.fullmatch(text))]
    if not stated or name == CORE:
        return None
    # Reading a whole requirement would load three times as much.
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - loads when needed

    here = _here()
    try:
        wanted = SpecifierSet(",".join(stated))
    except InvalidSpecifier:
        return None  # whoever installs it tells of it
    if wanted.contains(here, prereleases=True):
        return None
    return f"it is made for {CORE} {wanted}, and this is {CORE} {here}"


@functools.lru_cache
def _told(metadata: str) -> tuple[str, tuple[str, ...]]:
    """The name of a distribution and what it requires, which takes long to read for each store that opens."""
    headers = HeaderParser().parsestr(metadata)
    return headers["Name"], tuple(headers.get_all("Requires-Dist", ()))


@functools.cache
def _here() -> str:
    """The version of what this process has imported, whatever is installed meanwhile."""
    return version(CORE)
