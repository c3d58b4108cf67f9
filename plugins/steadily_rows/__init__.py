"""Row transforms."""
