"""Drift: how far rows have moved from those that a model learned from, column by column.

A profile (edges, vocabularies, counts) is learned once from the reference rows
and travels as JSON; rows are counted into it, and counts add up, so that a window
of any length is a sum. The scores look at the size of the effect and at the
evidence for it, and can say that there is not enough data.

>>> import pandas as pd
>>> profile = Profile.learn(pd.DataFrame({"x": [float(number) for number in range(1000)]}))
>>> compare(profile, profile.count(pd.DataFrame({"x": [5.0] * 500})))["columns"]["x"]["state"]
'strongly drifted'
"""

from __future__ import annotations

from steadily.drift.compare import Rule, compare
from steadily.drift.profile import Counts, Profile
from steadily.drift.texts import text_classifier

__all__ = ["Counts", "Profile", "Rule", "compare", "text_classifier"]
