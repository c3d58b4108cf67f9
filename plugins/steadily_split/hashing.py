"""A stable hash of row ids and of values, the same on every machine and in every version.

Owns how a value becomes a number between 0 and 1, and a part. A change here
moves rows between the parts of every split there is: never change it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steadily import PluginError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Hashes = np.ndarray[Any, np.dtype[np.uint64]]


def check_shares(parts: Mapping[str, float]) -> None:
    """Refuse shares that do not add up to all rows."""
    small = [name for name, share in parts.items() if not share > 0]
    if small:
        raise PluginError.at(f"parts.{small[0]}", "a share has to be above 0", given=parts[small[0]])
    total = math.fsum(parts.values())
    if not math.isclose(total, 1, abs_tol=1e-9):
        raise PluginError.at("parts", "the shares have to add up to 1", given=f"{dict(parts)}, together {total:g}")


def mixed(values: Hashes) -> Hashes:
    """Spread 64 bits over 64 bits, one to one.

    The step of splitmix64 (Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, 2014).

    >>> import numpy as np
    >>> hex(mixed(np.array([0], dtype="uint64"))[0])
    '0xe220a8397b1dcdaf'
    """
    import numpy as np

    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def seeded(values: Hashes, seed: int) -> Hashes:
    """Mix a seed (any whole number) in, so that another one gives another order."""
    import numpy as np

    return mixed(values ^ mixed(np.array([seed % 2**64], dtype="uint64")))


def digests(values: pd.Series) -> Hashes:
    """Give 64 bits for each value: BLAKE2b of its text, of each distinct value once.

    A whole number has the same text whatever the column's type: 1, 1.0 and "1" are one group.

    >>> import pandas as pd
    >>> [hex(one) for one in digests(pd.Series(["a", "b"]))]
    ['0x2f42665b399ef840', '0x754f854de3c27284']
    """
    import numpy as np
    import pandas as pd

    codes, distinct = pd.factorize(values)
    hashes = [int.from_bytes(hashlib.blake2b(text_of(one), digest_size=8).digest(), "little") for one in distinct]
    return np.array([*hashes, 0], dtype="uint64")[codes]


def text_of(value: Any) -> bytes:
    """Write a value as text that does not depend on the column's type."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return text.encode("utf-8", "surrogatepass")


def parts_of(hashes: Hashes, parts: Mapping[str, float], index: pd.Index) -> pd.Series:
    """Give each hash the part in whose share of the 64-bit numbers it lies, in the order of ``parts``."""
    import numpy as np
    import pandas as pd

    upto = np.cumsum(list(parts.values()))
    upto[-1] = 1.0  # a sum of shares may be a hair below
    places = (hashes >> np.uint64(11)).astype("float64") / 2.0**53
    names = np.array(list(parts), dtype=object)[np.searchsorted(upto, places, side="right")]
    return pd.Series(names, index=index, dtype="str", name="part")
