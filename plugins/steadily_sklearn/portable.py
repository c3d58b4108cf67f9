"""The estimator as ONNX: one row costs a hundredth of what it costs scikit-learn.

Owns the conversion, and asking what comes of it. Text never goes through ONNX, which splits words otherwise: the
features are scikit-learn's in any case, and only a classifier on a dense matrix of numbers is converted. Whether
it answers as scikit-learn does is tried on every evaluated row when a release is made (some trees do not).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steadily import DataError, PluginError
from steadily_sklearn.scoring import Scorer, Scores, features_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from steadily_sklearn.fitted import Fitted

OPSETS = {"": 18, "ai.onnx.ml": 3}
INPUT, PROBABILITIES = "features", "probabilities"


def converted(model: Fitted) -> bytes:
    """Convert a fitted model's estimator; equal models give equal bytes.

    Raises:
        PluginError: The packages for it are not installed, or ONNX knows no such estimator.
        DataError: It is no classifier on a dense matrix of numbers.
    """
    estimator = model.pipeline[-1]
    if model.classes is None or not hasattr(estimator, "predict_proba"):
        raise DataError.at("onnx", "is for classifiers with probabilities alone", hint="leave onnx out")
    if model.pipeline[0].sparse_output_:
        raise DataError.at("onnx", "the features are a sparse matrix, as text makes them", hint="leave onnx out")
    try:
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
    except ImportError as error:
        raise PluginError.at("onnx", "its packages are not installed", hint="pip install 'steadily[onnx]'") from error
    width = estimator.n_features_in_
    told: Exception | None = None
    for kind in (DoubleTensorType, FloatTensorType):
        try:
            made = to_onnx(
                estimator,
                initial_types=[(INPUT, kind([None, width]))],
                options={"zipmap": False},
                target_opset=OPSETS,
                name="steadily",
            ).SerializeToString()
            session_of(made)
            return bytes(made)
        except Exception as error:  # the converters and the runtime have errors of many kinds
            told = error
    what = f"can't be converted: {type(told).__name__} {' '.join(str(told).split())[:200]}"
    raise PluginError.at("onnx", what, given=type(estimator).__name__, hint="leave onnx out")


def session_of(content: bytes) -> Any:
    """Open a converted estimator, with one thread: a pool beside a busy process makes one row slow."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def onnx_scorer_of(model: Fitted, content: bytes) -> Scorer:
    """Give a function that answers rows with the converted estimator; see ``scoring.scorer_of``."""
    import numpy as np

    features, session, classes = features_of(model), session_of(content), model.classes or []
    dtype = np.float32 if session.get_inputs()[0].type == "tensor(float)" else np.float64

    def score(rows: Sequence[Any]) -> Scores:
        given = np.ascontiguousarray(features(rows), dtype=dtype)
        found = np.asarray(session.run([PROBABILITIES], {INPUT: given})[0], dtype=np.float64)
        return [classes[place] for place in found.argmax(axis=1).tolist()], found

    return score
