"""Assertions that remember both their sides, for a run without pytest.

Under pytest, ``assert`` in checks is rewritten by pytest itself, and shows its diffs. Run from the command
line there is nobody to do that, so checks are imported by a loader that turns ::

    assert await files.read_file("a") == expected

into two assignments, to names that no program can spell, and an assertion that compares these. When it
fails, ``explain`` finds both values in the frame.
"""

from __future__ import annotations

import ast
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
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
        # Compiled anew each time: what is cached on disk is the module as others import it.
        tree = _Remembering().visit(ast.parse(self.get_data(self.path), self.path))
        code: CodeType = compile(ast.fix_missing_locations(tree), self.path, "exec", dont_inherit=True)
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
