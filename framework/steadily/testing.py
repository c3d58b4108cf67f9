"""A conformance kit: what every step has to keep to, checked on rows of yours.

Owns the checks that hold for any step of a kind; whether a step does what its
name says is left to the tests of its plugin. Use it in a plugin's own tests:

    check_step(drop_missing, {"columns": ["target"]}, frame)

It raises AssertionError with a text that says which promise was broken.
"""

from __future__ import annotations

import copy
import inspect
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.testing import assert_frame_equal, assert_series_equal

from steadily.errors import PluginError
from steadily.parameters import parameters_of, read_parameters, tables_of
from steadily.steps import StepDefinition, definition_of

Cuts = list[tuple[int, int]]


def check_step(
    step: Callable[..., Any],
    params: Mapping[str, Any],
    frame: pd.DataFrame | None = None,
    *,
    tables: Mapping[str, pd.DataFrame] | None = None,
    target: pd.Series | None = None,
) -> None:
    """Check that a step keeps what its kind promises.

    Args:
        step: The function or class that carries ``@step``.
        params: Its parameters as they would stand in YAML, less those that are tables.
        frame: Rows to try it on (index: unique whole numbers); a few hundred do.
            A source needs none; if it is given, it is what the source has to read.
        tables: The rows behind each parameter of type ``Table``.
        target: What a model has to learn, on the index of ``frame``.

    Raises:
        AssertionError: The step breaks a promise; the text says which.
        PluginError: ``step`` carries no ``@step``.
    """
    found = definition_of(step)
    if found is None:
        raise PluginError.at(getattr(step, "__name__", repr(step)), "is no step", hint="put @step above it")
    check_description(found)
    arguments = check_parameters(found, params, tables or {})
    if found.kind != "source":
        ensure(frame is not None, found, f"a {found.kind} step is checked on rows: give a frame")
    CHECKS[found.kind](found, arguments, frame, target)


def ensure(holds: bool, found: StepDefinition, promise: str) -> None:
    """Fail with the step's name and the promise that it breaks."""
    if not holds:
        raise AssertionError(f"step {found.name!r}: {promise}")


def same(found: StepDefinition, promise: str, left: Any, right: Any, **options: Any) -> None:
    """Fail unless two frames, series or plain values are the same, types and all."""
    __tracebackhide__ = True
    try:
        if isinstance(left, pd.DataFrame):
            assert_frame_equal(left, right, **options)
        elif isinstance(left, pd.Series):
            assert_series_equal(left, right, **options)
        else:
            ensure(equal(left, right), found, f"{promise}: {left!r} and {right!r}")
    except AssertionError as error:
        raise AssertionError(f"step {found.name!r}: {promise}\n{error}") from error


def equal(left: Any, right: Any) -> bool:
    """Compare two values of a State, into lists, dicts, arrays and tables; a float's NaN equals itself."""
    if type(left) is not type(right):
        return False
    if isinstance(left, pd.DataFrame):
        return bool(left.equals(right) and left.dtypes.equals(right.dtypes))
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=left.dtype.kind in "fc")
    if isinstance(left, dict):
        return list(left) == list(right) and all(equal(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    return bool(left == right)


def check_description(found: StepDefinition) -> None:
    """A step says what it does, and what each of its parameters is."""
    text = inspect.getdoc(found.target) or ""
    ensure(bool(found.summary), found, "its docstring has to say in its first line what it does")
    names = list(parameters_of(found))
    arguments = text.partition("Args:")[2]
    silent = [name for name in names if f"\n    {name}:" not in arguments]
    ensure(not silent, found, f"the Args section of its docstring leaves out {', '.join(silent)}")
    unknown = [name for name in found.reads or () if name not in names]
    ensure(not unknown, found, f"reads= names what is no parameter: {', '.join(unknown)}")


def check_parameters(
    found: StepDefinition, params: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> dict[str, Any]:
    """The parameters fit the signature, ``check`` accepts them, and an unknown one is refused."""
    given = {**params, **dict.fromkeys(tables_of(found), "table")}
    arguments, wrong = read_parameters(found, given)
    ensure(not wrong, found, f"the parameters do not fit the signature: {'; '.join(str(item) for item in wrong)}")
    _, refused = read_parameters(found, {**given, "no_such_parameter": 1})
    ensure(bool(refused), found, "an unknown parameter has to be refused")
    check = getattr(found.target, "check", None)
    if check is not None:
        check(**arguments)
    without = [name for name in tables_of(found) if name not in tables]
    ensure(not without, found, f"tables= has to give {', '.join(without)}")
    return {**arguments, **{name: tables[name] for name in tables_of(found)}}


def check_row(found: StepDefinition, arguments: dict[str, Any], frame: pd.DataFrame, _: Any) -> None:
    """A row transform: keeps ids, leaves its input alone, repeats, and does not see beyond one row."""
    check_rowwise(found, lambda rows: found.target(rows, **arguments), frame)
    check_reads(found, arguments, lambda rows: found.target(rows, **arguments), frame)


def check_reads(
    found: StepDefinition, arguments: dict[str, Any], run: Callable[[pd.DataFrame], Any], frame: pd.DataFrame
) -> None:
    """What a step does to the columns that it says it looks at does not depend on others."""
    result, _ = unpacked(found, run(seen_by(found, arguments, frame)))
    whole, _ = unpacked(found, run(frame))
    same(found, "it looks at columns that reads= does not name", result, whole[list(result.columns)])


def check_rowwise(found: StepDefinition, run: Callable[[pd.DataFrame], Any], frame: pd.DataFrame) -> None:
    """Hold a transform of rows to all that is promised of one."""
    whole = check_once(found, run, frame)
    nothing = check_once(found, run, frame.iloc[:0])
    same(found, "no rows in: the same columns and types have to come out as with rows", nothing, whole.iloc[:0])
    for cuts in cuts_of(len(frame)):
        parts = [check_once(found, run, frame.iloc[start:end], twice=False) for start, end in cuts]
        together = pd.concat([part for part in parts if len(part)] or parts)
        same(found, f"the result depends on how the rows are cut (at {cuts[:5]})", together, whole)


def check_once(
    found: StepDefinition, run: Callable[[pd.DataFrame], Any], frame: pd.DataFrame, *, twice: bool = True
) -> pd.DataFrame:
    """Run a transform on some rows, and judge what it gave back."""
    before = frame.copy(deep=True)
    result, reasons = unpacked(found, run(frame))
    same(found, "it changed its input in place", frame, before)
    ensure(result is not frame or result.equals(before), found, "it changed its input in place")
    check_ids(found, frame, result)
    check_reasons(found, frame, result, reasons)
    if twice:
        again, _ = unpacked(found, run(frame.copy(deep=True)))
        same(found, "run twice on the same rows it gives two results", again, result)
    return result


def unpacked(found: StepDefinition, given: Any) -> tuple[pd.DataFrame, pd.Series | None]:
    """Take apart what a transform gave back: rows alone, or rows and reasons."""
    result, reasons = given if isinstance(given, tuple) and len(given) == 2 else (given, None)
    ensure(isinstance(result, pd.DataFrame), found, f"it has to give a DataFrame, not {type(result).__name__}")
    is_series = reasons is None or isinstance(reasons, pd.Series)
    ensure(is_series, found, f"reasons have to be a Series, not {type(reasons).__name__}")
    return result, reasons


def check_ids(found: StepDefinition, frame: pd.DataFrame, result: pd.DataFrame) -> None:
    """Row ids are kept, in order; rows may go, none may come."""
    kept = frame.index[frame.index.isin(result.index)]
    ensure(result.index.is_unique, found, "a row id came out twice")
    ensure(result.index.name == frame.index.name, found, "the index has lost its name (was it reset?)")
    invented = result.index.difference(frame.index)
    ensure(
        not len(invented), found, f"row ids came out that did not go in: {list(invented[:3])} (was the index reset?)"
    )
    ensure(result.index.equals(kept), found, "the rows came out in another order")
    ensure(result.columns.is_unique, found, "two columns have the same name")


def check_reasons(found: StepDefinition, frame: pd.DataFrame, result: pd.DataFrame, reasons: pd.Series | None) -> None:
    """Reasons are texts, one for each row that was dropped; one that stays may have one for values that were added."""
    if reasons is None:
        return
    dropped = frame.index.difference(result.index)
    added = result.columns.difference(frame.columns)
    ensure(reasons.index.is_unique, found, "a row has two reasons")
    others = reasons.index.difference(dropped)
    ensure(len(others) == 0 or len(added) > 0, found, "a reason is given for a row that was not dropped")
    ensure(bool(others.isin(result.index).all()), found, "a reason is given for a row that was not there")
    ensure(bool(dropped.isin(reasons.index).all()), found, "a dropped row has no reason")
    ensure(all(isinstance(text, str) and text for text in reasons), found, "a reason has to be a text")


def cuts_of(rows: int) -> Iterator[Cuts]:
    """Give ways to cut ``rows`` rows: single ones, halves, by chance, and with empty pieces.

    >>> list(cuts_of(2))[1]
    [(0, 0), (0, 1), (1, 2), (2, 2)]
    """
    few = min(rows, 12)
    yield [(row, row + 1) for row in range(few)] + [(few, rows)]
    yield [(0, 0), (0, rows // 2), (rows // 2, rows), (rows, rows)]
    chance = np.random.default_rng(7)
    for pieces in (3, 7):
        edges = [0, *sorted(chance.integers(0, rows + 1, pieces).tolist()), rows]
        yield list(pairwise(edges))


def check_learned(found: StepDefinition, arguments: dict[str, Any], frame: pd.DataFrame, _: Any) -> None:
    """A learned transform: one State whatever the cuts, of plain values, and applied row by row."""
    learner: Any = found.target(**arguments)
    state = learner.merge([learner.learn(frame)])
    check_state(found, state)
    for cuts in cuts_of(len(frame)):
        before = frame.copy(deep=True)
        parts = [learner.learn(frame.iloc[start:end]) for start, end in cuts]
        same(found, "learning changed its input in place", frame, before)
        other = found.target(**arguments)
        same(found, f"the State depends on how the rows are cut (at {cuts[:5]})", other.merge(parts), state)  # type: ignore[attr-defined]
    kept = copy.deepcopy(state)
    fresh: Any = found.target(**arguments)  # serving has the State, and never learned
    check_rowwise(found, lambda rows: fresh.apply(rows, state), frame)
    check_reads(found, arguments, lambda rows: fresh.apply(rows, state), frame)
    same(found, "applying changed the State", state, kept)
    shown: Any = found.target(**arguments)
    from_shown = shown.merge([shown.learn(seen_by(found, arguments, frame))])
    same(found, "it learns from columns that reads= does not name", from_shown, state)


def check_state(found: StepDefinition, state: Any) -> None:
    """A State is made of plain values, arrays and tables, so that JSON and Parquet can keep it."""
    ensure(isinstance(state, dict), found, f"a State is a dict, not {type(state).__name__}")
    for key, value in state.items():
        ensure(isinstance(key, str), found, f"a State's keys are texts: {key!r}")
        ensure(storable(value), found, f"a State can't hold {key!r}: {type(value).__name__}")


def storable(value: Any) -> bool:
    """Say whether JSON and Parquet can keep a value."""
    if isinstance(value, pd.DataFrame):
        return all(isinstance(name, str) for name in value.columns)
    if isinstance(value, np.ndarray):
        return bool(value.dtype != object)
    if isinstance(value, list):
        return all(map(storable, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and storable(item) for key, item in value.items())
    return value is None or type(value) in (str, int, float, bool)


def seen_by(found: StepDefinition, arguments: dict[str, Any], frame: pd.DataFrame) -> pd.DataFrame:
    """Give the columns which a step says that it looks at: those its parameters list."""
    if found.reads is None:
        return frame
    defaults = {name: item.default for name, item in parameters_of(found).items()}
    named = [arguments.get(name, defaults[name]) for name in found.reads]
    columns = [column for item in named for column in ([item] if isinstance(item, str) else item or [])]
    return frame[list(dict.fromkeys(columns))]


def check_dataset(found: StepDefinition, arguments: dict[str, Any], frame: pd.DataFrame, _: Any) -> None:
    """A dataset transform: keeps ids, leaves its input alone, repeats, and bears no rows."""
    shown = seen_by(found, arguments, frame)
    whole = check_once(found, lambda rows: found.target(rows, **arguments), shown)
    nothing = check_once(found, lambda rows: found.target(rows, **arguments), shown.iloc[:0])
    same(found, "no rows in: the same columns and types have to come out as with rows", nothing, whole.iloc[:0])


def check_split(found: StepDefinition, arguments: dict[str, Any], frame: pd.DataFrame, _: Any) -> None:
    """A split: a name or nothing for each row, repeats, leaves its input alone, and bears no rows."""
    shown = seen_by(found, arguments, frame)
    for rows in (shown, shown.iloc[:0]):
        before = rows.copy(deep=True)
        parts = found.target(rows, **arguments)
        ensure(isinstance(parts, pd.Series), found, f"a split has to give a Series, not {type(parts).__name__}")
        same(found, "it changed its input in place", rows, before)
        ensure(parts.index.equals(rows.index), found, "a split has to give one value for each row id, in order")  # type: ignore[attr-defined]
        names = parts.dropna()  # type: ignore[attr-defined]
        ensure(all(isinstance(name, str) for name in names), found, "a part's name has to be a text")
        same(found, "run twice it splits in two ways", found.target(before, **arguments), parts)


def check_features(found: StepDefinition, arguments: dict[str, Any], frame: pd.DataFrame, _: Any) -> None:
    """A feature set: the same values whatever the cuts and the order of rows, one row for each key and moment."""
    maker: Any = found.target(**arguments)
    said = maker.describe()
    before = frame.copy(deep=True)
    shown = frame[list(maker.columns)]
    whole = maker.combine([maker.collect(shown)])
    same(found, "collecting changed its input in place", frame, before)
    ensure(
        list(whole.columns[: len(said["keys"]) + 1]) == [*said["keys"], "as_of"], found, "it gives keys, as_of, values"
    )
    ensure(not whole.duplicated([*said["keys"], "as_of"]).any(), found, "a key has two rows of one moment")
    for cuts in cuts_of(len(frame)):
        parts = [found.target(**arguments).collect(shown.iloc[start:end]) for start, end in cuts]  # type: ignore[attr-defined]
        same(found, f"the values depend on how the rows are cut (at {cuts[:5]})", maker.combine(parts), whole)
    backwards = maker.combine([maker.collect(shown.iloc[::-1])])
    same(found, "the values depend on the order of the rows", backwards, whole)


def check_source(found: StepDefinition, arguments: dict[str, Any], frame: pd.DataFrame | None, _: Any) -> None:
    """A source: chunks no longer than asked, names in order, the same rows whatever the chunks, a steady version."""
    source: Any = found.target(**arguments)
    version = source.version()
    same(found, "asked twice it gives two versions", source.version(), version)
    texts = isinstance(version, dict) and all(isinstance(text, str) for pair in version.items() for text in pair)
    ensure(isinstance(version, str) or texts, found, "a version is a text, or a dict of texts")
    whole = read_whole(found, source, 1_000_000)
    for rows in (1, 7, 1000):
        other = read_whole(found, found.target(**arguments), rows)
        ensure(list(other) == list(whole), found, f"in chunks of {rows} rows it gives other names")
        for name, chunk in whole.items():
            # a reader may guess another type from fewer rows; the contract settles types later
            left, right = other[name].astype(object), chunk.astype(object)
            same(found, f"in chunks of {rows} rows it gives other rows for {name!r}", left, right, check_dtype=False)
    if frame is not None:
        same(found, "it reads other rows than it should", pd.concat(whole.values(), ignore_index=True), frame)


def read_whole(found: StepDefinition, source: Any, rows: int) -> dict[str, pd.DataFrame]:
    """Read all that a source has, by name, and judge its chunks on the way."""
    chunks: dict[str, list[pd.DataFrame]] = {}
    last = None
    for name, chunk in source.read(rows):
        ensure(isinstance(name, str), found, "a chunk's name has to be a text")
        ensure(len(chunk) <= rows, found, f"a chunk has {len(chunk)} rows where at most {rows} were asked for")
        ensure(name == last or name not in chunks, found, f"chunks of {name!r} do not follow one another")
        ensure(last is None or name >= last, found, f"names have to come in order: {name!r} came after {last!r}")
        chunks.setdefault(name, []).append(chunk)
        last = name
    return {name: pd.concat(parts, ignore_index=True) for name, parts in chunks.items()}


def check_model(
    found: StepDefinition, arguments: dict[str, Any], frame: pd.DataFrame, target: pd.Series | None
) -> None:
    """A model: repeats byte by byte, predicts each row on its own, and comes back from its folder as it was."""
    ensure(target is not None, found, "a model is checked on something to learn: give a target")
    before = frame.copy(deep=True)
    with tempfile.TemporaryDirectory() as place:
        first, second = Path(place, "first"), Path(place, "second")
        models = [found.target(**arguments).fit(frame, target) for _ in range(2)]  # type: ignore[attr-defined]
        for model, folder in zip(models, (first, second), strict=True):
            folder.mkdir()
            model.save(folder)
        same(found, "fitting changed its input in place", frame, before)
        same(found, "fitted twice it saves two different models", content_of(second), content_of(first))
        check_predictions(found, models[0], found.target.load(first), frame)  # type: ignore[attr-defined]


def check_predictions(found: StepDefinition, model: Any, loaded: Any, frame: pd.DataFrame) -> None:
    """Predictions have the rows' index, do not depend on the other rows, and survive saving."""
    before = frame.copy(deep=True)
    whole = predictions_of(found, model, frame)
    ensure(whole.index.equals(frame.index), found, "predictions have to have the index of the rows")
    same(found, "predicting changed its input in place", frame, before)
    same(found, "loaded from its folder it predicts otherwise", predictions_of(found, loaded, frame), whole)
    single = pd.concat([predictions_of(found, model, frame.iloc[[row]]) for row in range(min(len(frame), 12))])
    same(found, "a row's prediction depends on the other rows", single, whole.head(12), rtol=1e-6, atol=1e-9)


def predictions_of(found: StepDefinition, model: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """Predict, as probabilities by class or as one column of values."""
    if not hasattr(model, "predict_proba"):
        ensure(hasattr(model, "predict"), found, "its Model has neither predict_proba nor predict")
        return pd.DataFrame({"prediction": model.predict(frame)})
    scores: pd.DataFrame = model.predict_proba(frame)
    ensure(isinstance(scores, pd.DataFrame), found, "predict_proba has to give a DataFrame, a column for each class")
    sums = scores.sum(axis="columns")
    ensure(bool(np.allclose(sums, 1, atol=1e-6)), found, "the probabilities of a row have to add up to 1")
    return scores


def content_of(folder: Path) -> dict[str, bytes]:
    """Read all files of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


CHECKS: dict[str, Callable[..., None]] = {
    "row": check_row,
    "learned": check_learned,
    "dataset": check_dataset,
    "split": check_split,
    "features": check_features,
    "source": check_source,
    "model": check_model,
}

__all__ = ["check_step"]
