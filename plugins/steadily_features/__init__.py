"""Feature sets: windows over what happened, and what was known of a row's keys by its time."""
