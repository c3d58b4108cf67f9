"""Proposes a contract from data: what every row of a file keeps, rounded outwards, for a person to sharpen."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from steadily.casting import cast
from steadily.catalog import Catalog
from steadily.dtypes import DATETIME, MASKED
from steadily.errors import DataError, rows_of
from steadily.readers import read_file
from steadily.yamltext.rules import reads_as_text

CHUNK = 50_000
FAMILIES = ("int64", "bool", "float64", DATETIME)  # tried in this order; text takes whatever is left
CATEGORIES = 20
ROWS_A_CATEGORY = 10
LONGEST_CATEGORY = 40
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass
class Seen:
    """What has been seen of one column: what it can be, and its range as each of those."""

    name: str
    rows: int = 0
    families: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: {} for name in FAMILIES})
    missing: int = 0
    values: set[str] | None = field(default_factory=set)
    shortest: int | None = None
    longest: int = 0

    def add(self, column: pd.Series[Any]) -> None:
        """Look at some more rows."""
        self.rows += len(column)
        for family in list(self.families):
            made = cast(column, family)
            if made is None or made.bad is not None:
                del self.families[family]
            else:
                widen(self.families[family], made.values)
        text = cast(column, "str")
        if text is None:
            text = cast(column.astype("str").where(column.notna()), "str")
        if text is not None:
            self.add_text(text.values)

    def add_text(self, values: pd.Series[Any]) -> None:
        """Look at them as text."""
        there = values.dropna()
        self.missing += len(values) - len(there)
        if len(there):
            lengths = there.str.len()
            low = int(lengths.min())
            self.shortest = low if self.shortest is None else min(self.shortest, low)
            self.longest = max(self.longest, int(lengths.max()))
        if self.values is not None:
            self.values |= set(there.unique().tolist())
            if len(self.values) > CATEGORIES:
                self.values = None

    @property
    def family(self) -> str:
        """What it is: the first of what it can be; text where nothing is known of it."""
        known = [family for family, seen in self.families.items() if "low" in seen]
        return known[0] if known else "str"


def widen(seen: dict[str, Any], values: pd.Series[Any]) -> None:
    """Widen a range, and count what is missing."""
    there = values.dropna()
    seen["missing"] = seen.get("missing", 0) + len(values) - len(there)
    if len(there):
        seen["low"] = min(seen.get("low", there.min()), there.min())
        seen["high"] = max(seen.get("high", there.max()), there.max())


def draft_contract(catalog: Catalog, path: Path, name: str, missing: Sequence[str] = ()) -> str:
    """Propose the contract that every row of a file keeps, as the YAML of a configuration group.

    Args:
        catalog: Where the source steps are found.
        path: The file.
        name: What the contract is to be called.
        missing: Words that stand for a missing value, beside the empty one.

    Raises:
        DataError: It can't be read, or has no rows.
    """
    seen: dict[str, Seen] = {}
    total = 0
    for _, frame in read_file(catalog, path, CHUNK, {"files.csv": {"missing": ["", *missing]}} if missing else {}):
        total += len(frame)
        for column in frame:
            seen.setdefault(str(column), Seen(str(column))).add(frame[column])
    if not total:
        raise DataError.at(str(path), "has no rows to draft a contract from")
    return "\n".join(lines_of(seen, path.name, name, total)) + "\n"


def lines_of(seen: dict[str, Seen], file: str, name: str, total: int) -> Iterator[str]:
    """Write the contract."""
    shown = json.dumps(file, ensure_ascii=False)
    yield f"# Drafted from {shown} ({rows_of(total)}), which keeps it. Sharpen it by what you know:"
    yield "# a range that the data happens to have is not yet one that it has to keep."
    yield f"{quoted(name)}:"
    yield "  schema_type: dataframe"
    yield "  columns:"
    for column in seen.values():
        yield from column_lines(column, total)


def column_lines(seen: Seen, total: int) -> Iterator[str]:
    """Write one column, with what was seen of it."""
    family = seen.family
    found = seen.families.get(family, {})
    missing = found["missing"] if family != "str" else seen.missing
    dtype = MASKED.get(family, family) if missing else family
    checks = range_of(family, found) if family != "str" else text_checks(seen, total)
    told = [f"{missing / total:.1%} missing"] if missing else []
    if family == "str" and seen.values is not None and not checks.startswith("isin"):
        told.append(f"{len(seen.values)} distinct")
    about = f"dtype: {json.dumps(dtype) if ' ' in dtype else dtype}, nullable: {'true' if missing else 'false'}"
    about += f", checks: {{{checks}}}" if checks else ""
    yield f"    {quoted(seen.name)}: {{{about}}}" + (f"  # {', '.join(told)}" if told else "")


def text_checks(seen: Seen, total: int) -> str:
    """Give the check of a column of text: its categories where they are few, else its length."""
    if seen.values and total >= ROWS_A_CATEGORY * len(seen.values) and seen.longest <= LONGEST_CATEGORY:
        return f"isin: [{', '.join(quoted(value) for value in sorted(seen.values))}]"
    if seen.shortest is None:
        return ""
    return f"str_length: {{min_value: {min(seen.shortest, 1)}, max_value: {int(outwards(seen.longest, up=True))}}}"


def range_of(family: str, found: dict[str, Any]) -> str:
    """Give the range of numbers or moments, rounded outwards."""
    if family == "bool":
        return ""
    low, high = found["low"], found["high"]
    if family == DATETIME:
        after = high.floor("D") + pd.Timedelta(days=1)
        return f'in_range: {{min_value: "{low:%Y-%m-%d}", max_value: "{after:%Y-%m-%d}"}}'
    if family == "float64" and not (math.isfinite(low) and math.isfinite(high)):
        return ""
    bounds = [outwards(low, up=False), outwards(high, up=True)]
    if family == "int64":
        least, most = -(2**63), 2**63 - 1
        return f"in_range: {{min_value: {max(int(bounds[0]), least)}, max_value: {min(int(bounds[1]), most)}}}"
    return f"in_range: {{min_value: {written(bounds[0])}, max_value: {written(bounds[1])}}}"


def outwards(value: Any, *, up: bool) -> float | int:
    """Round a number to two digits, away from the values that it bounds.

    >>> outwards(1234, up=True), outwards(-0.123, up=False), outwards(0, up=False), outwards(87, up=True)
    (1300, -0.13, 0, 87)
    """
    if not value:
        return 0
    whole = float(value).is_integer() and abs(value) >= 1
    digits = math.floor(math.log10(abs(value))) - 1
    if not -300 < digits < 300:
        return float(value)
    if whole:
        step = 10 ** max(digits, 0)
        exact = int(value)
        return int(-(-exact // step) * step if up else exact // step * step)
    scaled = float(value) / 10.0**digits
    rounded = float(f"{math.ceil(scaled) if up else math.floor(scaled)}e{digits}")
    inside = rounded >= value if up else rounded <= value
    return rounded if inside and math.isfinite(rounded) else float(value)


def written(value: float) -> str:
    """Write a number as both YAML readers read one: with a point, and a sign in the exponent."""
    text = repr(float(value))
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        sign = exponent[0] if exponent[0] in "+-" else "+"
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{sign}{exponent.lstrip('+-')}"
    return text


def quoted(text: str) -> str:
    """Write text so that both YAML readers read it as text."""
    if PLAIN.fullmatch(text) and reads_as_text(text):
        return text
    made: str = yaml.dump(text, default_style='"', width=10**9)
    return made.strip()
