"""Which types a model file may hold.

Owns the list, name by name: skops trusts scikit-learn's public estimators and
numpy's types by itself; here stand the inner parts of scikit-learn that fitted
estimators are made of. A package of the user's own adds its estimators with
entry points of the group ``steadily_sklearn.trusted``, whose values are
``package.module:Class``: what a file may hold is decided by what is installed,
never by the file.
"""

from __future__ import annotations

from importlib.metadata import entry_points

GROUP = "steadily_sklearn.trusted"

INNER_TYPES = frozenset(
    {
        "functools.partial",  # of a function that is trusted itself
        "numpy.dtype",
        "scipy.sparse._csc.csc_array",
        "scipy.sparse._csc.csc_matrix",
        "scipy.sparse._csr.csr_array",
        "scipy.sparse._csr.csr_matrix",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.compose._column_transformer._RemainderColsList",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.metrics._dist_metrics.MinkowskiDistance64",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
        "sklearn.utils.validation.check_array",
    }
)

# Functions that a configuration may name as an argument (a score for selecting columns), and a file may hold.
FUNCTIONS = frozenset(
    {
        "sklearn.feature_selection._mutual_info.mutual_info_classif",
        "sklearn.feature_selection._mutual_info.mutual_info_regression",
        "sklearn.feature_selection._univariate_selection.chi2",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
    }
)


def trusted_types() -> list[str]:
    """Give the names of all types and functions that a model file may hold beside those that skops trusts."""
    return sorted(INNER_TYPES | FUNCTIONS | declared())


def declared() -> frozenset[str]:
    """Give the names of the types that installed packages declare."""
    return frozenset(point.value.replace(":", ".") for point in entry_points(group=GROUP))


def may_be_kept(target: type) -> bool:
    """Tell whether an estimator of this type can come back from a model file.

    >>> may_be_kept(dict)
    False
    """
    name = f"{target.__module__}.{target.__qualname__}"
    return name in declared() or target.__module__.partition(".")[0] == "sklearn"
