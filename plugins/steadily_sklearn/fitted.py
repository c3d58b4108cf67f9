"""Fitted models: predictions, and the folder that a model is kept in.

Owns ``model.skops`` (what was learned, in bytes that repeat) and ``model.json``
(what a person or another program needs to know of it). Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
import logging
import warnings
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steadily import DataError
from steadily_sklearn.bounds import refuse_stray_trees
from steadily_sklearn.columns import Kind, ready
from steadily_sklearn.packing import packed
from steadily_sklearn.reasons import refusal_of_rows
from steadily_sklearn.trusted import trusted_types

if TYPE_CHECKING:
    import pandas as pd

    from steadily_sklearn.scoring import Scorer

LEARNED = "model.skops"
ABOUT = "model.json"
ONNX = "model.onnx"
FORMAT = 1
PACKAGES = ("numpy", "scikit-learn", "scipy", "skops")
UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    ImportError,
    IndexError,
    OSError,
    RecursionError,
    zipfile.BadZipFile,
)
logger = logging.getLogger("steadily.model")


class Fitted:
    """A fitted model.

    Args:
        pipeline: scikit-learn's fitted pipeline, of the steps "features" and "estimator".
        kinds: What each feature column holds, in order.
        notes: What scikit-learn warned of while it learned; the stage's report tells it.
        onnx: The estimator as ONNX, where it was converted.
    """

    def __init__(
        self, pipeline: Any, kinds: dict[str, Kind], notes: tuple[str, ...] = (), onnx: bytes | None = None
    ) -> None:
        self.pipeline = pipeline
        self.onnx = onnx
        self.notes = notes
        self.kinds = kinds

    @property
    def classes(self) -> list[Any] | None:
        """The classes in the order of their columns, or None for a regressor."""
        found = getattr(self.pipeline[-1], "classes_", None)
        return None if found is None else list(found.tolist())

    @property
    def features(self) -> list[str]:
        """The columns that it reads, in order."""
        return list(self.kinds)

    def predict(self, frame: pd.DataFrame) -> pd.Series[Any]:
        """Predict the class or number of each row.

        Args:
            frame: Rows with the columns that the model was fitted on; others don't matter.

        Returns:
            The predictions, by the frame's index.

        Raises:
            DataError: The rows are not such that the model can take them.
        """
        import pandas as pd

        values = self._ask("predict", frame)
        return pd.Series(values, frame.index, self._dtype(), name="prediction")

    def _dtype(self) -> Any:
        if self.classes is None:
            return "float64"
        kind = self.pipeline[-1].classes_.dtype
        return "str" if kind.kind == "U" else kind

    def scorer(self) -> Scorer:
        """Give a function that answers few rows fast, given as plain values; see ``scoring``."""
        from steadily_sklearn.scoring import scorer_of

        return scorer_of(self)

    def onnx_scorer(self) -> Scorer | None:
        """Give the same by way of ONNX, or None where the model was not converted."""
        from steadily_sklearn.portable import onnx_scorer_of

        return None if self.onnx is None else onnx_scorer_of(self, self.onnx)

    def save(self, folder: Path) -> None:
        """Write the model into ``folder``; the same model gives the same bytes.

        Raises:
            DataError: The model holds something that could not be loaded again.
        """
        learned = packed(self.pipeline)
        refuse_untrusted(learned, f"model {estimator_name(self.pipeline)}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LEARNED).write_bytes(learned)
        about = json.dumps(self._about(learned), indent=2, sort_keys=True, ensure_ascii=False)
        (folder / ABOUT).write_text(about + "\n", encoding="utf-8")
        if self.onnx is not None:
            (folder / ONNX).write_bytes(self.onnx)

    def _about(self, learned: bytes) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "task": "regression" if self.classes is None else "classification",
            "classes": self.classes,
            "estimator": estimator_name(self.pipeline),
            "features": [{"name": name, "kind": kind} for name, kind in self.kinds.items()],
            "versions": {name: version(name) for name in PACKAGES},
            "sha256": hashlib.sha256(learned).hexdigest(),
        }

    def _ask(self, method: str, frame: pd.DataFrame) -> Any:
        rows = ready(frame, self.kinds)
        if not len(rows):
            return []
        try:
            return getattr(self.pipeline, method)(rows)
        except (ValueError, TypeError) as error:
            raise refusal_of_rows(self.pipeline[0], rows, error) from error


class FittedWithProbabilities(Fitted):
    """A fitted classifier that knows how sure it is."""

    def predict_proba(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Give the probability of each class for each row.

        Returns:
            One column per class, named by the class itself, by the frame's index.

        Raises:
            DataError: The rows are not such that the model can take them.
        """
        import numpy as np
        import pandas as pd

        names = self.classes or []
        values = np.asarray(self._ask("predict_proba", frame), dtype=np.float64).reshape(len(frame), len(names))
        return pd.DataFrame(values, index=frame.index, columns=pd.Index(names))


def fitted(pipeline: Any, kinds: dict[str, Kind], notes: tuple[str, ...] = (), onnx: bytes | None = None) -> Fitted:
    """Give the model around a fitted pipeline, with probabilities if it has any."""
    with_probabilities = hasattr(pipeline[-1], "predict_proba")
    return (FittedWithProbabilities if with_probabilities else Fitted)(pipeline, kinds, notes, onnx)


def load(folder: Path) -> Fitted:
    """Read a model from its folder; what it holds is checked before it is made.

    Raises:
        DataError: The folder holds no model, an altered one, or one with types that are not trusted.
    """
    about = read_about(folder)
    learned = read_learned(folder, about)
    refuse_untrusted(learned, str(folder / LEARNED))
    pipeline = unpacked(learned, str(folder / LEARNED))
    refuse_stray_trees(pipeline, str(folder / LEARNED))
    say_other_versions(folder, about)
    onnx = (folder / ONNX).read_bytes() if (folder / ONNX).is_file() else None
    return fitted(pipeline, {column["name"]: column["kind"] for column in about["features"]}, onnx=onnx)


def read_about(folder: Path) -> dict[str, Any]:
    """Read ``model.json``."""
    path = folder / ABOUT
    try:
        about = json.loads(path.read_bytes())
        if not isinstance(about, dict) or about["format"] != FORMAT:
            raise DataError.at(
                str(path), "is of another format", allowed=f"format {FORMAT}", hint="train the model again"
            )
        if not all(
            isinstance(column["name"], str) and column["kind"] in ("number", "text") for column in about["features"]
        ):
            raise ValueError("features")
        return {**about, "sha256": about["sha256"], "versions": dict(about["versions"])}
    except FileNotFoundError as error:
        raise DataError.at(str(folder), "holds no model", hint=f"there is no {path.name} in it") from error
    except UNREADABLE as error:
        raise DataError.at(str(path), "can't be read as the description of a model", given=error) from error


def read_learned(folder: Path, about: dict[str, Any]) -> bytes:
    """Read ``model.skops``, and compare its digest with that in ``model.json``."""
    path = folder / LEARNED
    try:
        learned = path.read_bytes()
    except OSError as error:
        raise DataError.at(str(path), "can't be read", given=error) from error
    if hashlib.sha256(learned).hexdigest() != about["sha256"]:
        raise DataError.at(
            str(path),
            f"is not the file that {ABOUT} describes; it was cut short or changed",
            hint="get it again, or train again",
        )
    return learned


def refuse_untrusted(learned: bytes, where: str) -> None:
    """Refuse a model file that holds types beyond those on the list."""
    import skops.io

    try:
        unknown = sorted(set(skops.io.get_untrusted_types(data=learned)) - set(trusted_types()))
    except UNREADABLE as error:
        raise DataError.at(where, "is no model file", given=error) from error
    if unknown:
        raise DataError.at(where, "holds types that are not trusted", given=", ".join(unknown))


def unpacked(learned: bytes, where: str) -> Any:
    """Make the pipeline that a checked model file holds."""
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning
    from sklearn.pipeline import Pipeline

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)  # said in our own words
            pipeline = skops.io.loads(learned, trusted=trusted_types())
    except UNREADABLE as error:
        raise DataError.at(where, "can't be made into a model", given=error) from error
    if not isinstance(pipeline, Pipeline) or [name for name, _ in pipeline.steps] != ["features", "estimator"]:
        raise DataError.at(where, "holds something else than a model", given=type(pipeline).__name__)
    return pipeline


def say_other_versions(folder: Path, about: dict[str, Any]) -> None:
    """Tell of packages that are here in another version than when the model learned."""
    for name, then in sorted(about["versions"].items()):
        now = version(name) if name in PACKAGES else then
        if now != then:
            logger.warning("%s: learned with %s %s, read with %s; predictions may differ", folder, name, then, now)


def estimator_name(pipeline: Any) -> str:
    """Give the name of the pipeline's estimator."""
    kind = type(pipeline[-1])
    return f"{kind.__module__}.{kind.__qualname__}"
