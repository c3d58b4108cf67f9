"""Spans of time in microseconds: all times that are stored or compared are whole microseconds since 1970, in UTC."""

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
