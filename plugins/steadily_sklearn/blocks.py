"""Blocks of features: which columns go through which transformers, side by side.

Owns the ``features`` mapping of a model's configuration and the
``ColumnTransformer`` that it becomes, blocks in the mapping's order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from steadily import PluginError
from steadily_sklearn.estimators import KEY, build
from steadily_sklearn.wording import any_near, shown

THROUGH = "passthrough"
COLUMNS = "columns"
THEN = "then"


@dataclass(frozen=True)
class Block:
    """Columns and what is made of them: a transformer, a chain of some, or nothing ("passthrough").

    ``columns`` is a text for the one column that a text vectoriser reads, else a list.
    """

    name: str
    columns: str | list[str]
    transformer: Any

    @property
    def names(self) -> list[str]:
        """The columns as a list."""
        return [self.columns] if isinstance(self.columns, str) else self.columns

    @property
    def keeps_columns(self) -> bool:
        """Whether one feature comes out for each column, in order."""
        from sklearn.base import OneToOneFeatureMixin

        return self.transformer == THROUGH or isinstance(self.transformer, OneToOneFeatureMixin)


def blocks_of(features: Mapping[str, Mapping[str, Any]], *, seed: int) -> Iterator[Block]:
    """Make the blocks that a configuration describes.

    Raises:
        PluginError: A block is not described as it has to be.
    """
    if not features:
        raise PluginError.at("features", "a model needs at least one block of features")
    for name, spec in features.items():
        yield block_of(name, spec, seed=seed)


def block_of(name: str, spec: Mapping[str, Any], *, seed: int) -> Block:
    """Make the block ``name``."""
    where = f"features.{name}"
    if "__" in name or not name:
        raise PluginError.at(where, "a block's name can't be empty or have two underscores together")
    columns = columns_of(spec, where)
    first = {key: value for key, value in spec.items() if key not in (COLUMNS, THEN)}
    chain = [] if first.get(KEY) == THROUGH else [transformer(first, where, seed=seed)]
    if not chain and len(first) > 1:
        raise PluginError.at(
            where, "passthrough takes no parameters", given=", ".join(key for key in first if key != KEY)
        )
    further = spec.get(THEN, [])
    if not isinstance(further, list) or not all(isinstance(part, Mapping) for part in further):
        raise PluginError.at(f"{where}.{THEN}", "has to be a list of transformers", given=shown(further))
    chain += [transformer(part, f"{where}.{THEN}[{place}]", seed=seed) for place, part in enumerate(further)]
    refuse_shape(chain, columns, where)
    return Block(name, columns, chained(chain))


def columns_of(spec: Mapping[str, Any], where: str) -> str | list[str]:
    """Give the columns of a block: one as text, or a list."""
    columns = spec.get(COLUMNS)
    if columns is None:
        raise PluginError.at(where, f"{COLUMNS!r} is missing", hint=any_near(COLUMNS, spec) and "is it misspelt?")
    given = [columns] if isinstance(columns, str) else columns
    if not isinstance(given, list) or not given or not all(isinstance(name, str) and name for name in given):
        raise PluginError.at(f"{where}.{COLUMNS}", "has to be a column or a list of columns", given=shown(columns))
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise PluginError.at(f"{where}.{COLUMNS}", f"{twice[0]!r} is there twice")
    return columns  # type: ignore[no-any-return]


def transformer(spec: Mapping[str, Any], where: str, *, seed: int) -> Any:
    """Make a transformer, and refuse an estimator that is none."""
    made = build(spec, where, seed=seed)
    if not callable(getattr(made, "transform", None)):
        raise PluginError.at(
            where,
            f"{spec[KEY]} makes no features; it has no transform",
            hint="a classifier or regressor belongs under 'estimator'" if hasattr(made, "predict") else None,
        )
    return made


def refuse_shape(chain: list[Any], columns: str | list[str], where: str) -> None:
    """Refuse a text vectoriser on a list of columns, and anything else on a single name."""
    from sklearn.utils import get_tags

    reads = get_tags(chain[0]).input_tags if chain else None
    reads_text = reads is not None and reads.string and not reads.two_d_array
    if reads is not None and not (reads.string or reads.two_d_array):
        raise PluginError.at(where, f"{type(chain[0]).__name__} does not transform columns")
    if reads_text and not isinstance(columns, str):
        raise PluginError.at(
            f"{where}.{COLUMNS}",
            f"{type(chain[0]).__name__} reads one column",
            given=shown(columns),
            hint="write its name alone, not a list",
        )
    if not reads_text and isinstance(columns, str):
        raise PluginError.at(
            f"{where}.{COLUMNS}", "has to be a list here", given=shown(columns), hint=f"write [{columns}]"
        )


def chained(chain: list[Any]) -> Any:
    """Make one transformer of those that follow each other."""
    from sklearn.pipeline import make_pipeline

    if not chain:
        return THROUGH
    return chain[0] if len(chain) == 1 else make_pipeline(*chain)


def side_by_side(blocks: list[Block], *, sparse: bool) -> Any:
    """Make the ``ColumnTransformer`` of the blocks.

    Args:
        blocks: The blocks, in order.
        sparse: Whether the model takes sparse matrices; if not, features are always dense.
    """
    from sklearn.compose import ColumnTransformer

    parts = [(block.name, block.transformer, block.columns) for block in blocks]
    return ColumnTransformer(parts, sparse_threshold=0.3 if sparse else 0.0)
