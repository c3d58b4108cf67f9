"""Sources that read files (CSV, JSON lines, Parquet) and SQL databases, faithfully and in pieces."""
