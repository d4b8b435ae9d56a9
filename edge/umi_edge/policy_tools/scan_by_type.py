"""What a scan would leave of an argument whose values are not known: a detector finds the values of its own type.

That is a guess, since the words around a value count too; a running session looks at the values.
"""

from collections.abc import Callable, Collection

from umi_edge.policy import LabelledLeaf
from umi_shared.handles import Handle
from umi_shared.labels import Label, join_all

__all__ = ["left_by_types"]


def left_by_types(leaf: LabelledLeaf, label_of: Callable[[Handle], Label], types: Collection[str]) -> Label:
    """The label of what is left once the handles of these types are out."""
    return join_all(
        [leaf.written, *(label_of(handle) for handle in leaf.handles if handle.type not in types)]
    )
