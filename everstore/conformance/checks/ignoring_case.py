"""Searches that ignore case: by which rule, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from everstore.conformance.registry import check, table

if TYPE_CHECKING:
    from everstore.conformance.case import Case


@table(
    "search.ignore_case.{row}",
    "5.1.4",
    "5.1.6",
    rows={
        "long_s": ("s", ["s", "S", "\u017f"], ["z"]),
        "kelvin": ("\u212a", ["k", "K", "\u212a"], ["c"]),
        "angstrom": ("\u00e5", ["\u00e5", "\u00c5", "\u212b"], ["A\u030a", "a"]),
        "sharp_s": ("\u00df", ["\u00df", "\u1e9e"], ["ss", "SS"]),
        "two_s": ("STRASSE", ["strasse", "\u017ftra\u017fse"], ["stra\u00dfe"]),
        "dotted_i": ("\u0130", ["\u0130"], ["i", "I", "\u0131", "i\u0307"]),
        "dotless_i": ("\u0131", ["\u0131"], ["i", "I", "\u0130"]),
        "plain_i": ("I", ["i", "I", "i\u0307"], ["\u0130", "\u0131"]),
        "sigmas": ("\u03c3", ["\u03c3", "\u03a3", "\u03c2"], ["s"]),
        "micro": ("\u00b5", ["\u00b5", "\u03bc", "\u039c"], ["m", "u"]),
        "title_case": ("\u01c6", ["\u01c4", "\u01c5", "\u01c6"], ["d\u017e"]),
        "ligature": ("\ufb01", ["\ufb01"], ["fi", "FI"]),
        "greek_with_iota": ("\u1fb3", ["\u1fb3", "\u1fbc"], ["\u03b1\u03b9"]),
        "cherokee": ("\uab70", ["\uab70", "\u13a0"], ["D"]),
        "beyond_16_bits": ("\U00010400", ["\U00010400", "\U00010428"], ["\U00010401"]),
        "decomposed": ("E\u0301", ["e\u0301", "E\u0301"], ["\u00e9", "\u00c9"]),
        "ascii": ("HeLLo", ["hello", "HELLO"], ["help"]),
        "accented": ("É", ["é", "É"], ["e"]),
        "literal_still": ("A.C", ["a.c"], ["abc"]),
        "like_still": ("A_C", ["a_c"], ["abc"]),
    },
    likely="only ASCII letters are folded, or the literal becomes a pattern",
)
async def ignore_case(case: Case, pattern: str, matching: list[str], others: list[str]) -> None:
    """ignore_case ignores case and nothing else: {row}."""
    await case.files.write_file("a", "\n".join(matching + others))
    # A storage may look at whole files first, so each line is a file, too.
    for number, line in enumerate(matching + others):
        await case.files.write_file(f"lines/{number:02}", line)
    found = await case.files.grep_files(pattern, ignore_case=True)
    assert [match.line for match in found] == matching * 2
    as_regex = await case.files.grep_files(pattern.replace(".", r"\."), regex=True, ignore_case=True)
    assert as_regex == found


@check("search.regex_ignore_case", "5.1.4", "5.4.1", likely="ignore_case counts for literals only")
async def regex_ignore_case(case: Case) -> None:
    """ignore_case holds for regular expressions too."""
    await case.files.write_file("a", "HELLO\nhallo\nhull")
    for pattern in ("h[ae]llo", r"\SALLO|h\Dllo"):  # a class in capitals is no letter
        found = await case.files.grep_files(pattern, regex=True, ignore_case=True)
        assert [(match.line_number, match.line) for match in found] == [(1, "HELLO"), (2, "hallo")]
