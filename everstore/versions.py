"""Whether a distribution is made for the everstore that is here: what it requires is its statement."""

from __future__ import annotations

import re
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
    stated = [match[1] for text in distribution.requires or () if (match := STATEMENT.fullmatch(text))]
    if not stated or distribution.name == CORE:
        return None
    # Reading a whole requirement would load three times as much.
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - loads when needed

    here = version(CORE)
    try:
        wanted = SpecifierSet(",".join(stated))
    except InvalidSpecifier:
        return None  # whoever installs it tells of it
    if wanted.contains(here, prereleases=True):
        return None
    return f"it is made for {CORE} {wanted}, and this is {CORE} {here}"
