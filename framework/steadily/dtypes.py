"""The types a contract's columns may have: their canonical names, their other names, and why some are no types here.

The values themselves are read by ``casting``.
"""

from __future__ import annotations

DATETIME = "datetime64[us, UTC]"
DTYPES = ("int64", "Int64", "float64", "bool", "boolean", "str", DATETIME)
FAMILY = {"Int64": "int64", "boolean": "bool"}
MASKED = {"int64": "Int64", "bool": "boolean"}
OTHER_NAMES = {
    "int": "int64",
    "integer": "int64",
    "float": "float64",
    "double": "float64",
    "string": "str",
    "text": "str",
    "datetime": DATETIME,
    "timestamp": DATETIME,
    "datetime64": DATETIME,
    "datetime64[us,UTC]": DATETIME,
}
NOT_TYPES = {
    "category": "use str with the check isin: categories differ from one part of the data to the next",
    "object": "a column of Python objects has no type; use str, or the type that it really has",
    "datetime64[us]": f"a moment needs a time zone; use {DATETIME}, which all others are turned into",
    "datetime64[ns]": f"a moment needs a time zone; use {DATETIME}, which all others are turned into",
    "datetime64[ns, UTC]": f"use {DATETIME}, which all others are turned into",
    "date": f"use {DATETIME}; a day is its midnight in UTC",
}
