"""Serving: a release answers requests, by its contract, and leaves a record of each answer."""
