"""What a change may do, in which order it is refused and in which words, and what is then kept: once for all.

A backend gives these rules a ``Tree`` and a ``Space``, each of one session within one transaction of its
storage, and is done: ``apply_to_tree`` and ``apply_to_space`` answer as the contract wants. They are
synchronous, and look at nothing but what they are given, and the clock.
"""

from everstore.rules.applying import answered_together, apply_to_space, apply_to_tree
from everstore.rules.space import Held, Space, Stamps
from everstore.rules.tree import Tree

__all__ = ["Held", "Space", "Stamps", "Tree", "answered_together", "apply_to_space", "apply_to_tree"]
