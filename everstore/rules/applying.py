"""Which rule a change follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import astuple

from everstore import changes
from everstore.errors import EverstoreError
from everstore.rules import files, transfers, values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from everstore.changes import FileMutation, ValueMutation
    from everstore.rules.space import S, Space
    from everstore.rules.tree import E, Tree

__all__ = ["answered_together", "apply_to_space", "apply_to_tree"]

Answer = TypeVar("Answer")
C = TypeVar("C")

_OF_FILES: dict[type, Callable[..., Any]] = {
    changes.Write: files.write,
    changes.WriteBytes: files.write_bytes,
    changes.Seed: files.seed,
    changes.CompareAndWrite: files.compare_and_write,
    changes.Edit: files.edit,
    changes.Append: files.append,
    changes.AppendBytes: files.append_bytes,
    changes.MakeDirectory: files.make_directory,
    changes.Delete: files.delete,
    changes.FileTimes: files.restore_times,
    changes.Copy: transfers.copy,
    changes.Move: transfers.move,
}

_OF_VALUES: dict[type, Callable[..., Any]] = {
    changes.SetValue: values.set_value,
    changes.DeleteValue: values.delete_value,
    changes.TouchValue: values.touch,
    changes.Increment: values.increment,
    changes.SetSecret: values.set_secret,
    changes.DeleteSecret: values.delete,
    changes.SwapSecret: values.swap_secret,
    changes.ValueTimes: values.restore_times,
    changes.SecretTimes: values.restore_times,
}


def apply_to_tree(tree: Tree[E], change: FileMutation[Answer]) -> Answer:
    """Make a change, and say what its verb answers; an error of ``everstore.errors`` when it is refused."""
    answer: Answer = _OF_FILES[type(change)](tree, *astuple(change))
    return answer


def apply_to_space(space: Space[S], change: ValueMutation[Answer]) -> Answer:
    """Make a change of values, or of secrets: ``change.space`` says in which space it belongs."""
    answer: Answer = _OF_VALUES[type(change)](space, *astuple(change))
    return answer


def answered_together(apply: Callable[[C], Answer], several: Sequence[C]) -> list[Answer]:
    """What ``apply`` answers to each of several changes, in their order.

    The error of one of several says which it was, from 0, as ``error.index``; then the changes before it
    are to be undone.
    """
    if len(several) == 1:
        return [apply(several[0])]
    answers: list[Answer] = []
    for index, change in enumerate(several):
        try:
            answers.append(apply(change))
        except EverstoreError as error:
            error.tell(index=index)
            raise
    return answers
