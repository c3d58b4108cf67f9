"""Recorded rows sent to a service again, at their own times, while simulated time passes.

No load test: time waits for the answers, and nothing is judged.
"""
