"""Releases: bundles that were registered, numbered, and never change; and which of them serves where."""
