"""The steps of the plugin ``text``: normal forms, replacements by pattern, lengths.

Owns what text becomes as text. Words, n-grams and vectors belong to the model.
Missing stays missing throughout, and an empty text is a value.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Literal

from steadily import DataError, PluginError, need_columns, step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

SPACES = re.compile(r"\s+")


def each_text(columns: list[str], make: Callable[[str], str]) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give what changes some texts of one row; it is not sure of what is no text."""

    def single(row: Mapping[str, Any]) -> dict[str, Any] | None:
        made = dict(row)
        for name in columns:
            text = row[name]
            if isinstance(text, str):
                made[name] = make(text)
            elif text is not None:
                return None
        return made

    return single


def normalize_one(
    *,
    columns: list[str],
    lower: bool = True,
    strip: bool = True,
    collapse_spaces: bool = False,
    unicode: Literal["none", "NFC", "NFKC"] = "none",
) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``normalize`` for one row."""

    def make(text: str) -> str:
        text = text if unicode == "none" else unicodedata.normalize(unicode, text)
        text = text.lower() if lower else text
        text = text.strip() if strip else text
        return SPACES.sub(" ", text) if collapse_spaces else text

    return each_text(columns, make)


@step("text.normalize", reads=("columns",), single=normalize_one)
def normalize(
    frame: pd.DataFrame,
    *,
    columns: list[str],
    lower: bool = True,
    strip: bool = True,
    collapse_spaces: bool = False,
    unicode: Literal["none", "NFC", "NFKC"] = "none",
) -> pd.DataFrame:
    """Bring text to a normal form: in this order a Unicode form, lower case, no white space around, single spaces.

    A cell that is only white space becomes an empty text; it does not become missing.

    Args:
        frame: The rows.
        columns: The columns of text.
        lower: Lower case, by Unicode's full rules as ``str.lower`` has them.
        strip: Take white space away at both ends.
        collapse_spaces: Make each run of white space, line breaks among it, one space.
        unicode: The Unicode normal form, such as NFC, so that equal letters have equal codes.
    """
    need_text(frame, columns)
    made = {}
    for name in columns:
        text = frame[name]
        if unicode != "none":
            text = text.str.normalize(unicode).astype("str")
        if lower:
            text = lowered(text)
        if strip:
            text = text.str.strip().astype("str")
        made[name] = replaced(text, SPACES, " ") if collapse_spaces else text
    return frame.assign(**made)


def check_pattern(*, columns: list[str], pattern: str, replacement: str) -> None:
    """Refuse a pattern that is no regular expression, and a replacement that names a group which it lacks."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise PluginError.at("pattern", f"is no regular expression: {error}", given=repr(pattern)) from None
    try:
        compiled.sub(replacement, "")  # reads the replacement even where nothing is found
    except (re.error, IndexError) as error:
        raise PluginError.at("replacement", f"can't be filled in: {error}", given=repr(replacement)) from None


def replace_one(
    *, columns: list[str], pattern: str, replacement: str
) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``replace`` for one row."""
    compiled = re.compile(pattern)
    return each_text(columns, lambda text: compiled.sub(replacement, text))


@step("text.replace", reads=("columns",), single=replace_one)
def replace(frame: pd.DataFrame, *, columns: list[str], pattern: str, replacement: str) -> pd.DataFrame:
    r"""Replace what a regular expression finds.

    Args:
        frame: The rows.
        columns: The columns of text.
        pattern: A regular expression, as Python's ``re`` has them.
        replacement: What takes its place; ``\1`` and ``\g<name>`` stand for groups.
    """
    need_text(frame, columns)
    compiled = re.compile(pattern)
    return frame.assign(**{name: replaced(frame[name], compiled, replacement) for name in columns})


replace.__dict__["check"] = check_pattern


def length_one(*, column: str, into: str) -> Callable[[Mapping[str, Any]], dict[str, Any] | None]:
    """Give ``length`` for one row."""

    def single(row: Mapping[str, Any]) -> dict[str, Any] | None:
        text = row[column]
        if into in row or not (text is None or isinstance(text, str)):
            return None
        return {**row, into: None if text is None else len(text)}

    return single


@step("text.length", reads=("column",), single=length_one)
def length(frame: pd.DataFrame, *, column: str, into: str) -> pd.DataFrame:
    """Count the characters (Unicode code points) of a text in a new column; missing where the text is.

    Args:
        frame: The rows.
        column: The column of text.
        into: The new column (dtype Int64).
    """
    need_text(frame, [column])
    if into in frame.columns:
        raise DataError.at(f"column '{into}'", "is there already; length writes a new one")
    return frame.assign(**{into: frame[column].str.len().astype("Int64")})


def need_text(frame: pd.DataFrame, columns: list[str]) -> None:
    """Refuse columns that are not there, or hold no text."""
    import pandas as pd

    need_columns(frame, columns)
    for name in columns:
        if not isinstance(frame[name].dtype, pd.StringDtype):
            raise DataError.at(f"column '{name}'", "is no text", given=frame[name].dtype, hint="rows.cast makes it one")


def lowered(text: pd.Series) -> pd.Series:
    """Make text lower case by Unicode's full rules.

    Arrow is six times as fast and right for ASCII; beyond it, it takes letters one by one, so that it knows
    neither a Greek word's last sigma nor letters that become two.

    >>> import pandas as pd
    >>> lowered(pd.Series(["ΑΣ", "ÄB", None], dtype="str")).tolist()
    ['ας', 'äb', nan]
    """
    beyond = text.notna() & ~text.str.isascii().fillna(True).astype(bool)
    quick = text.str.lower().astype("str")
    if not beyond.any():
        return quick
    return quick.mask(beyond, text[beyond].map(str.lower).astype("str"))


def replaced(text: pd.Series, pattern: re.Pattern[str], replacement: str) -> pd.Series:
    """Replace by Python's own regular expressions (a compiled pattern keeps pandas from taking Arrow's other ones)."""
    return text.str.replace(pattern, replacement, regex=True).astype("str")


__all__ = ["length", "normalize", "replace"]
