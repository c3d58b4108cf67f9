"""The form of a CSV file: separator, quotes, encoding, and which texts mean 'missing'.

Owns what is allowed there; reading is ``csv_fast``'s and ``csv_exact``'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from steadily import DataError
from steadily_files.decoding import codec_of


@dataclass(frozen=True)
class CsvForm:
    """How a CSV file is written; ``codec`` is the name of Python's codec."""

    separator: str
    quote: str | None
    escape: str | None
    codec: str
    missing: frozenset[str]


def form_of(
    *, separator: str, quote: str | None, escape: str | None, encoding: str, missing: list[str] | None
) -> CsvForm:
    """Check the parameters and make the form.

    Raises:
        DataError: One of them can't be.
    """
    single = {"separator": separator, "quote": quote, "escape": escape}
    for name, sign in single.items():
        if sign is not None and (len(sign) != 1 or not sign.isascii() or sign in "\r\n\0"):
            raise DataError.at(name, "is not one sign", given=repr(sign), allowed="a single ASCII sign, such as ';'")
    signs = [sign for sign in single.values() if sign is not None]
    if len(set(signs)) < len(signs):
        raise DataError.at(
            "separator, quote, escape", "two of them are the same sign", given=" ".join(map(repr, signs))
        )
    return CsvForm(separator, quote, escape, codec_of(encoding), frozenset([""] if missing is None else missing))
