"""Assertions that remember both their sides, for a run without pytest.

Under pytest, ``assert`` in checks is rewritten by pytest itself, and shows its diffs. Run from the command
line there is nobody to do that, so checks are imported by a loader that turns ::

    assert await files.read_file("a") == expected

into two assignments, to names that no program can spell, and an assertion that compares these. When it
fails, ``explain`` finds both values in the frame.
"""

from __future__ import annotations

import ast
import marshal
import sys
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path
from typing import TYPE_CHECKING

from everstore.compat import override

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

__all__ = ["EXPECTED", "GOT", "remember"]

GOT = "@got"
"""The local variable with the left side of the last comparison, or with what was asserted."""

EXPECTED = "@expected"
"""The local variable with its right side."""

_THIS = source_hash(Path(__file__).read_bytes())


def remember(*modules: str) -> None:
    """Import these modules, and what is below them, so that their assertions remember."""
    if not any(type(finder).__module__.startswith("_pytest.") for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(modules))


class _Finder(MetaPathFinder):
    def __init__(self, modules: tuple[str, ...]) -> None:
        self._modules = modules

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not any(fullname == module or fullname.startswith(f"{module}.") for module in self._modules):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    @override
    def get_code(self, fullname: str) -> CodeType:
        del fullname
        # Cached beside what others import, by its own name: of this source, place and loader.
        source, cached = self.get_data(self.path), cache_from_source(self.path, optimization="remembers")
        header = MAGIC_NUMBER + source_hash(source) + _THIS + self.path.encode()
        with suppress(OSError, EOFError, ValueError, TypeError):
            kept = self.get_data(cached)
            if kept.startswith(header):
                known: CodeType = marshal.loads(kept[len(header) :])  # noqa: S302 - as Python's own loader does
                return known
        tree = _Remembering().visit(ast.parse(source, self.path))
        code: CodeType = compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)
        if not sys.dont_write_bytecode:
            self.set_data(cached, header + marshal.dumps(code))
        return code


class _Remembering(ast.NodeTransformer):
    @override
    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        test = node.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            before = [_kept(GOT, test.left), _kept(EXPECTED, test.comparators[0])]
            test.left, test.comparators = _read(GOT), [_read(EXPECTED)]
        elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            before = [_kept(GOT, test.operand)]
            test.operand = _read(GOT)
        else:
            before = [_kept(GOT, test)]
            node.test = _read(GOT)
        return [*(ast.copy_location(statement, node) for statement in before), node]


def _kept(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign(targets=[ast.Name(name, ast.Store())], value=value)


def _read(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())
