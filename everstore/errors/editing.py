"""A text to replace that is not in a file once."""

# Annotations are no texts here: they would be looked up in the module that the classes name, the door.

from typing import ClassVar, Literal, Self

from everstore.errors.root import EverstoreError

__all__ = ["EditError"]


class EditError(EverstoreError):
    """The text to replace is not in the file, or is there more than once (§4.4).

    ``matches`` is how often it was found, ``lines`` the numbers of the lines where it begins, the first ten
    at most. Where it was not, ``nearest`` are the numbers of lines that are like it, three at most, the
    likeliest first; ``differs`` is ``"line ends"`` or ``"white space"`` when nothing else does at the first.
    """

    code = "edit_failed"
    path: str
    matches: int
    lines: tuple[int, ...] = ()
    nearest: tuple[int, ...] = ()
    differs: Literal["line ends", "white space"] | None = None
    _searched: str | None = None

    @classmethod
    def unless_once(cls, path: str, matches: int, searched: str | None = None) -> Self:
        """The refusal of a text that is in the file ``matches`` times, overlapping ones too.

        What was ``searched`` stays with it until ``take_text`` takes it out: no error carries content.
        """
        words = "is not in" if not matches else "is more than once in"
        error = cls(f"the text to replace {words} {path!r}", path=path, matches=matches)
        if matches:
            error.args = (f"{error}; {cls._REMEDY}",)
        error._searched = searched
        return error

    _REMEDY: ClassVar[str] = "give more of the text around it, or pass replace_all=True"

    def take_text(self) -> str | None:
        """The text that was searched, which is not kept here any more; ``None`` when it is not known."""
        searched, self._searched = self._searched, None
        if searched is None and isinstance(self.__cause__, EditError):  # of which this is a caller's own copy
            return self.__cause__.take_text()
        return searched

    def tell_lines(self, lines: tuple[int, ...], *, and_others: bool) -> None:
        """Tell where it is; ``and_others`` says that these are not all."""
        self.tell(lines=lines)
        where = _in_words(lines, "others" if and_others else None)
        self.args = (f"the text to replace is more than once in {self.path!r}, at {where}; {self._REMEDY}",)

    def tell_nearest(
        self, nearest: tuple[int, ...], differs: Literal["line ends", "white space"] | None = None
    ) -> None:
        """Tell which lines are like it, the likeliest first, and what alone differs at that one."""
        self.tell(nearest=nearest, differs=differs)
        if differs:
            verb = "differs" if differs == "white space" else "differ"
            self.args = (f"{self}, but only its {differs} {verb} at line {nearest[0]}",)
        elif nearest:
            self.args = (f"{self}; nearest to it, the likeliest first: {_in_words(nearest)}",)


def _in_words(lines: tuple[int, ...], rest: str | None = None) -> str:
    *first, last = [*map(str, lines), *([rest] if rest else [])]
    return f"lines {', '.join(first)} and {last}" if first else f"line {last}"
