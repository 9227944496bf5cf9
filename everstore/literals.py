"""What every match must contain literally: so that a search need not read what cannot match.

Answers err on the side of ``None``: nothing is claimed of a pattern that is not understood whole.
"""

from __future__ import annotations

import re

__all__ = ["literal_of_regex", "literal_of_text"]

# One piece of a regular expression in RE2 syntax, as far as it is understood here.
_PIECE = re.compile(
    r"""
      (?P<escaped> \\[^a-zA-Z0-9] )
    | (?P<class> \\[dDsSwWbBAztnrfva] | \[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\] | [.^$] )
    | (?P<open> \((?!\?) | \(\?: | \(\?P?<\w+> )
    | (?P<close> \) )
    | (?P<optional> [*?] | \{\d+(?:,\d*)?\} )
    | (?P<repeated> \+ )
    | (?P<alternative> \| )
    | (?P<plain> [^\\\[\](){}*?+|.^$] )
    """,
    re.VERBOSE | re.DOTALL,
)
_LONGEST = 1 << 12  # characters: a longer pattern is not worth the time
# Letters are the same as others when case is ignored, also outside of ASCII: 'k' and the Kelvin sign.
_MAY_HAVE_CASE = re.compile(r"[a-zA-Z]|[^\x00-\x7f]")


def literal_of_regex(pattern: str, *, ignore_case: bool = False) -> str | None:
    """The longest text that every match of a regular expression (RE2 syntax) contains, if one is known."""
    if len(pattern) > _LONGEST:
        return None
    runs = [""]
    depth = at = 0
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        # An option such as (?i) is not understood, and an alternative at the top may be the one.
        if piece is None or (piece.lastgroup == "alternative" and depth == 0):
            return None
        at = piece.end()
        kind = piece.lastgroup
        depth += (kind == "open") - (kind == "close")
        if depth == 0 and kind in {"plain", "escaped"}:
            runs[-1] += piece[0][-1]
        elif kind == "optional":
            runs[-1:] = [runs[-1][:-1], ""]
        else:
            runs.append("")
    return _longest(runs, ignore_case=ignore_case)


def literal_of_text(text: str, *, ignore_case: bool) -> str | None:
    """The longest text that every match of a literal contains."""
    return _longest([text], ignore_case=ignore_case)


def _longest(runs: list[str], *, ignore_case: bool) -> str | None:
    if ignore_case:
        runs = [part for run in runs for part in _MAY_HAVE_CASE.split(run)]
    return max(runs, key=len, default="") or None
