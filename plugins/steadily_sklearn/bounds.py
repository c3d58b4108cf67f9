"""Trees that lead nowhere: what a model file's trees point to has to exist.

Owns the check of trees after loading. scikit-learn follows a tree's indices
without looking, so a damaged or forged file could crash the process, or never
come to an end, with the first prediction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from steadily import DataError

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, Any]

LEAF = -1


def refuse_stray_trees(fitted: Any, where: str) -> None:
    """Refuse a fitted estimator if a tree in it points to a node or feature that does not exist.

    Raises:
        DataError: A tree does so.
    """
    for owner, tree in trees_in(fitted, None):
        width = getattr(owner, "n_features_in_", None)
        if not (is_sound_tree(tree, width) if type(tree).__name__ == "Tree" else is_sound_predictor(tree, width)):
            raise DataError.at(
                where,
                "a tree of the model points to nodes or features that it does not have",
                hint="the file is damaged",
            )


def trees_in(found: Any, owner: Any) -> Iterator[tuple[Any, Any]]:
    """Find the trees in an estimator, each with the estimator that holds it."""
    import numpy as np

    module, name = type(found).__module__, type(found).__name__
    if name in ("Tree", "TreePredictor") and module.startswith("sklearn."):
        yield owner, found
    elif isinstance(found, dict):
        for part in found.values():
            yield from trees_in(part, owner)
    elif isinstance(found, list | tuple) or (isinstance(found, np.ndarray) and found.dtype == object):
        for part in np.ravel(found) if isinstance(found, np.ndarray) else found:
            yield from trees_in(part, owner)
    elif module.startswith("sklearn.") and hasattr(found, "__dict__"):
        holder = found if hasattr(found, "n_features_in_") else owner
        for part in vars(found).values():
            yield from trees_in(part, holder)


def is_sound_tree(tree: Any, width: int | None) -> bool:
    """Check a tree of ``sklearn.tree``: children come after their parents, and features are within ``width``."""
    inner = tree.children_left != LEAF
    return within(tree.children_left, tree.children_right, tree.feature, inner, width)


def is_sound_predictor(tree: Any, width: int | None) -> bool:
    """Check a tree of histogram gradient boosting, with its sets of categories."""
    nodes = tree.nodes
    inner = nodes["is_leaf"] == 0
    sets = nodes["bitset_idx"][inner & (nodes["is_categorical"] != 0)]
    known = min(len(tree.raw_left_cat_bitsets), len(tree.binned_left_cat_bitsets))
    sound = within(nodes["left"], nodes["right"], nodes["feature_idx"], inner, width)
    return sound and bool((sets.astype("int64") < known).all())


def within(left: Numbers, right: Numbers, feature: Numbers, inner: Numbers, width: int | None) -> bool:
    """Check where the inner nodes of a tree point.

    >>> import numpy as np
    >>> tree = {"left": np.array([1, -1, -1]), "right": np.array([2, -1, -1]), "feature": np.array([0, -2, -2])}
    >>> within(**tree, inner=np.array([True, False, False]), width=1)
    True
    >>> within(**tree, inner=np.array([True, False, False]), width=0)
    False
    """
    import numpy as np

    places, count = np.arange(len(left))[inner], len(left)
    for child in (left[inner].astype("int64"), right[inner].astype("int64")):
        if not bool(((child > places) & (child < count)).all()):
            return False
    asked = feature[inner].astype("int64")
    return count > 0 and bool((asked >= 0).all()) and (width is None or bool((asked < width).all()))
