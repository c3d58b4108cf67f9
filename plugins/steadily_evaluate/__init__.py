"""Judging a model's answers: classes, confidence, drift, slices."""
