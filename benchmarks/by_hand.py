"""Cleans and checks flights as a good user of pandas would by hand: Parquet in, Parquet out.

The same as the stage ``clean`` of ``cleaning.py``, less the record of what was done.
Usage: ``by_hand.py FOLDER_OF_PARTS CLEAN.parquet REFUSED.parquet``
"""

from __future__ import annotations

import sys

import pandas as pd

source, clean, refused = sys.argv[1:]

flights = pd.read_parquet(source)
flights = flights.dropna(subset=["dep_delay"])
flights["air_time"] = flights["air_time"].fillna(flights["air_time"].median())
flights["time_hour"] = pd.to_datetime(flights["time_hour"], format="%Y-%m-%dT%H:%M:%SZ", utc=True)
for name in ("carrier", "origin", "dest"):
    flights[name] = flights[name].str.strip().str.lower()

good = (
    flights["dep_delay"].between(-60, 600)
    & flights["air_time"].between(20, 700)
    & flights["distance"].between(50, 5000)
    & flights["sched_dep_time"].between(0, 2400)
    & flights["time_hour"].between(pd.Timestamp("2013-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC"))
)
flights[good].to_parquet(clean)
flights[~good].to_parquet(refused)
