"""Text transforms."""
