"""Why a row was dropped, in words: made for all dropped rows at once.

Owns the form of the texts. Which rows are dropped, and what is said of them, is left to the steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 80


def cut(values: pd.Series) -> pd.Series:
    """Write values as text of at most 80 characters."""
    text = values.astype("str")
    return text.where(text.str.len() <= SHOWN, text.str.slice(0, SHOWN - 1) + "…")


def shown(values: pd.Series) -> pd.Series:
    """Write values for an error: at most 80 characters, text in quotes.

    >>> import pandas as pd
    >>> shown(pd.Series(["a", "b" * 99])).str.len().tolist()
    [3, 82]
    """
    import pandas as pd

    return "'" + cut(values) + "'" if isinstance(values.dtype, pd.StringDtype) else cut(values)


def saying(values: pd.Series, text: str) -> pd.Series:
    """Make a reason for each value, with the value in quotes at its end: so the ledger can count them by kind.

    >>> import pandas as pd
    >>> saying(pd.Series([12.5]), "distance is above 10").tolist()
    ["distance is above 10: '12.5'"]
    """
    if values.empty:  # a server sees single rows, most of which stay
        return always(values.index, "")
    return (f"{text}: '" + cut(values) + "'").astype("str")


def always(index: pd.Index, text: str) -> pd.Series:
    """Give each row id the same text."""
    import pandas as pd

    return pd.Series(text, index=index, dtype="str")


def without(frame: pd.DataFrame, found: list[pd.Series]) -> tuple[pd.DataFrame, pd.Series]:
    """Take the rows out that have a reason; the first one found counts.

    Args:
        frame: The rows.
        found: Series of texts by row id.

    Returns:
        The rows that stay, and one reason for each of the others.
    """
    import pandas as pd

    some = [texts for texts in found if len(texts)]
    if not some:
        return frame, always(frame.index[:0], "")
    reasons: pd.Series = pd.concat(some)
    reasons = reasons[~reasons.index.duplicated()]
    gone = frame.index.isin(reasons.index)
    return frame.loc[~gone], reasons.reindex(frame.index[gone])
