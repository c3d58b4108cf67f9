"""Date transforms."""
