"""The root of all errors."""

# Annotations are no texts here: they would be looked up in the module that the classes name, the door.

from typing import ClassVar, Self

from everstore.compat import override

__all__ = ["EverstoreError"]


class EverstoreError(Exception):
    """The root of all errors raised here; its message is one line that says what to do.

    ``facts`` become attributes: ``ReadOnlyFileError(message, path="/a").path == "/a"``. Errors
    can be pickled, so that they cross processes with their facts. The error of one of several changes
    has its place among them, from 0, as ``index``.
    """

    code: ClassVar[str] = "error"
    words: ClassVar[str] = "refused"
    facts: dict[str, object]
    index: int

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts
        self.__dict__.update(facts)

    @override
    def __str__(self) -> str:
        # OSError, which some subclasses also are, would print its own errno form.
        return str(self.args[0])

    @override
    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), self.facts)

    def tell(self, **facts: object) -> None:
        """Keep further facts, as attributes, too."""
        self.facts.update(facts)
        self.__dict__.update(facts)

    @classmethod
    def at(cls, path: str, message: str | None = None) -> Self:
        """An error about one path, which its message ends with; the class has words for the usual case."""
        return cls(f"{message or cls.words}: {path!r}", path=path)


def _rebuild(cls: type[EverstoreError], message: str, facts: dict[str, object]) -> EverstoreError:
    return cls(message, **facts)
