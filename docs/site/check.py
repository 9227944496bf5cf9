"""Whether every link within the built site leads to a page that is there, and to a place in it."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The places of a page, and what it refers to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.targets: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del tag
        told = dict(attrs)
        self.places |= {place for name in ("id", "name") if (place := told.get(name))}
        self.targets += [target for name in ("href", "src") if (target := told.get(name))]


def dead_links(site: Path) -> list[str]:
    """Each link that leads nowhere, as ``page: target``, sorted."""
    pages = {path.resolve(): _Page(path) for path in site.rglob("*.html")}
    return sorted(
        f"{path.relative_to(site.resolve())}: {target}"
        for path, page in pages.items()
        for target in set(page.targets)
        if not _leads_somewhere(path, target, pages)
    )


def _leads_somewhere(path: Path, target: str, pages: dict[Path, _Page]) -> bool:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:  # out of the site, where this does not look
        return True
    there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    page = pages.get(there)
    if page is None:
        return there.is_file()
    return not parts.fragment or unquote(parts.fragment) in page.places


if __name__ == "__main__":
    if dead := dead_links(Path(sys.argv[1])):
        sys.exit("\n".join(["these links lead nowhere:", *dead]))
