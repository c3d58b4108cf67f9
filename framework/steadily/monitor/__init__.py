"""Watching what a release answers: hourly statistics, windows, figures with their evidence, and alerts for people.

Owns all that is made of predictions after they are answered. It tells people and
never retrains: nothing in here reaches composing, stages or DVC. Answering is the
serving's matter, showing the dashboard's.
"""
